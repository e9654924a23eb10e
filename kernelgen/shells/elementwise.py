"""The elementwise shell: NumPy's inner loops around a scalar kernel.

Each is a module of its own, compiled when first needed:

- the *general* loop goes by whatever strides it is given, in order;
- a *pattern* loop is for operands that are contiguous or scalars, and vectorises; that for
  a scalar first operand also reduces, with the accumulator in a register;
- the *indexed* loop is that of ``ufunc.at``.

NumPy chooses by strides before a call (``runtime/patterns.py``). What was chosen is checked
again where it runs: whatever does not fit after all, goes to the general loop.
"""

from __future__ import annotations

from kernelgen.lower import Lowered
from kernelgen.runtime.patterns import FITS, STRIDED, TABLE, code_of
from kernelgen.shells.loop import ARGUMENTS, done, entry, failure, load_table, module
from kernelgen.space import Layout, Operand, Pattern, dense, operands, strided
from kernelgen.targets import cpu

GENERAL = "kernelgen_general_loop"
PATTERN = "kernelgen_pattern_loop"
INDEXED = "kernelgen_indexed_loop"


def general_module(kernel: Lowered) -> str:
    """The loop for any strides: ``int kernelgen_general_loop(context, char **data,
    npy_intp *dimensions, npy_intp *strides, auxdata)``.

    It returns 0, or -1 with an exception set, as all loops do.
    """
    space = _space(kernel, strided(_count(kernel)))
    body = ["  br label %each", *cpu.loop("each", kernel, space, mark=cpu.IN_ORDER)]
    return _module(kernel, _define(GENERAL, kernel, space, body))


def pattern_module(kernel: Lowered, pattern: Pattern | None = None) -> str:
    """The loop for operands that lie as ``pattern`` says, contiguous by default.

    The strides of a reduction along an axis look like those of a scalar first operand, so a
    loop for that pattern does both.
    """
    space = _space(kernel, dense(_count(kernel)) if pattern is None else pattern)
    labels: tuple[str, ...] = ("each",)
    body = [
        f"  %fits = call zeroext i1 @{FITS}(ptr %data, ptr %dims, ptr %strides, ptr @{TABLE},"
        f" i64 {code_of(tuple(o.layout for o in space))})",
        "  br i1 %fits, label %each, label %general",
        *cpu.loop("each", kernel, space, mark=cpu.INDEPENDENT),
        "general:",
        f"  %done.there = tail call i32 @{STRIDED}({ARGUMENTS})",
        "  ret i32 %done.there",
    ]
    if is_reduction(kernel) and space[0].layout is Layout.SCALAR:
        body = [*_reduction(kernel, space), *body]
        labels = ("each", "side", "apart")
    return _module(kernel, _define(PATTERN, kernel, space, body, labels), falls_back=True)


def is_reduction(kernel: Lowered) -> bool:
    """Whether the kernel takes two values of one type and makes a third."""
    return len(kernel.inputs) == 2 and kernel.outputs == kernel.inputs[:1]


def indexed_module(kernel: Lowered) -> str:
    """The loop of ``ufunc.at``: element ``index`` of an array and a value, for each index.

    NumPy hands over the addresses of the array, the indices and the values, a stride for each,
    and the array's length behind them, which is added to negative indices. It has checked the
    indices.
    """
    space = _space(kernel, strided(_count(kernel)))
    array, values, output = space
    index = Operand(1, values.type, False, Layout.STRIDED)
    frame = cpu.Frame("each", kernel, cpu.IN_ORDER)
    value = values._replace(number=2)
    body = [
        "  %length.at = getelementptr i64, ptr %strides, i64 3",
        "  %length = load i64, ptr %length.at",
        "  br label %each",
        *frame.start([]),
        *frame.advance(index),
        *frame.advance(value),
        f"  %index = load i64, ptr {frame.address(index)}",
        "  %wrapped = add i64 %index, %length",
        "  %negative = icmp slt i64 %index, 0",
        "  %place = select i1 %negative, i64 %wrapped, i64 %index",
        f"  %offset = mul i64 %place, {array.stride}",
        f"  %element = getelementptr i8, ptr {array.pointer}, i64 %offset",
        *cpu.load(array, "%element", "", frame),
        *cpu.load(value, frame.address(value), "", frame),
        *frame.call(
            [f"{array.type.llvm} {frame.value(array)}", f"{value.type.llvm} {frame.value(value)}"]
        ),
        *cpu.store(output, "%each.y0", "%element"),
        *frame.end(),
    ]
    return _module(kernel, _define(INDEXED, kernel, space, body))


# ------------------------------------------------------------------------------- their parts


def _count(kernel: Lowered) -> int:
    return len(kernel.inputs) + len(kernel.outputs)


def _space(kernel: Lowered, pattern: Pattern) -> tuple[Operand, ...]:
    return operands(kernel.inputs, kernel.outputs, pattern)


def _module(kernel: Lowered, loops: list[str], *, falls_back: bool = False) -> str:
    own = [
        f"declare i32 @{STRIDED}(ptr, ptr, ptr, ptr, ptr)",
        f"declare zeroext i1 @{FITS}(ptr, ptr, ptr, ptr, i64)",
        f"@{TABLE} = external global i64",
    ]
    return module(kernel, own if falls_back else [], loops)


def _define(
    symbol: str,
    kernel: Lowered,
    space: tuple[Operand, ...],
    body: list[str],
    labels: tuple[str, ...] = ("each",),
) -> list[str]:
    """A loop function: NumPy's arguments loaded, then ``body`` with the loops ``labels``."""
    return [
        f"define i32 @{symbol}({ARGUMENTS}) {kernel.attribute} {{",
        *entry(kernel),
        "  %n = load i64, ptr %dims",
        *load_table("ptr", "%data", [o.pointer for o in space]),
        *load_table("i64", "%strides", [o.stride for o in space]),
        *body,
        *done(kernel),
        *failure(kernel, labels),
        "}",
    ]


def _reduction(kernel: Lowered, space: tuple[Operand, ...]) -> list[str]:
    """What a reduction does, whose first input and output are the same one element.

    Other calls go on at ``pattern``.
    """
    accumulator, values, output = space
    apart = values._replace(layout=Layout.STRIDED)
    return [
        f"  %same = icmp eq ptr {accumulator.pointer}, {output.pointer}",
        f"  %still = or i64 {accumulator.stride}, {output.stride}",
        "  %stays = icmp eq i64 %still, 0",
        "  %reduces = and i1 %same, %stays",
        "  br i1 %reduces, label %which, label %pattern",
        "which:",
        f"  %contiguous = icmp eq i64 {values.stride}, {values.type.size}",
        "  br i1 %contiguous, label %side, label %apart",
        *_accumulate("side", kernel, accumulator, values._replace(layout=Layout.DENSE), ""),
        *_accumulate("apart", kernel, accumulator, apart, cpu.IN_ORDER),
        "pattern:",
    ]


def _accumulate(
    label: str, kernel: Lowered, accumulator: Operand, values: Operand, mark: str
) -> list[str]:
    """A loop whose first input is its own result of the iteration before."""
    frame = cpu.Frame(label, kernel, mark)
    last = f"%{label}.y0"
    first = accumulator._replace(number=9)  # a value of its own name, loaded before the loop
    running = f"%{label}.acc"
    t = accumulator.type
    return [
        *frame.start(cpu.load(first, accumulator.pointer, "", frame)),
        frame.phi(running, t.llvm, frame.value(first), last),
        *frame.advance(values),
        *cpu.load(values, frame.address(values), "", frame),
        *frame.call([f"{t.llvm} {running}", f"{values.type.llvm} {frame.value(values)}"]),
        *frame.end(exit=f"{label}.store"),
        f"{label}.store:",
        *cpu.store(accumulator, last, accumulator.pointer),
        "  br label %done",
    ]
