"""The elementwise shell: NumPy's strided inner loop around a scalar kernel.

The loop looks at the strides it is given. Contiguous operands that do not overlap take a
loop that LLVM may vectorise; all others a loop that goes by the strides, in order.
"""

from __future__ import annotations

from kernelgen.lower import Lowered
from kernelgen.runtime.cpython_api import ExceptionTable
from kernelgen.space import Access, Operand, operands
from kernelgen.targets import cpu

SYMBOL = "kernelgen_loop"


def elementwise_module(kernel: Lowered) -> str:
    """The LLVM module of a ufunc's loop.

    It exports ``int kernelgen_loop(context, char **data, npy_intp *dimensions,
    npy_intp *strides, auxdata)``, which returns 0, or -1 with an exception set.
    """
    space = operands(kernel.inputs, kernel.outputs)
    lines = [
        f"define i32 @{SYMBOL}(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux) {{",
        "entry:",
        "  %n = load i64, ptr %dims",
        *_load_table("ptr", "%data", [o.pointer for o in space]),
        *_load_table("i64", "%strides", [o.stride for o in space]),
        *_check_contiguous(space),
        "  br i1 %fast, label %contiguous, label %strided",
        *cpu.loop("contiguous", kernel, space, Access(contiguous=True)),
        *cpu.loop("strided", kernel, space, Access(contiguous=False)),
        "done:",
        "  ret i32 0",
        *_failure(kernel),
        "}",
    ]
    parts = [*kernel.declarations, *_error_declarations(kernel), kernel.text, *lines]
    return "\n".join([*parts, *cpu.METADATA, ""])


def _load_table(llvm: str, base: str, names: list[str]) -> list[str]:
    """Load the pointers or strides that NumPy hands over as an array."""
    lines = []
    for i, name in enumerate(names):
        lines.append(f"  {name}.at = getelementptr {llvm}, ptr {base}, i64 {i}")
        lines.append(f"  {name} = load {llvm}, ptr {name}.at")
    return lines


def _check_contiguous(space: tuple[Operand, ...]) -> list[str]:
    """``%fast``: all strides are the element sizes, and no output overlaps another operand."""
    lines: list[str] = []
    conditions = []
    for o in space:
        conditions.append(f"%dense{o.number}")
        lines.append(f"  %dense{o.number} = icmp eq i64 {o.stride}, {o.type.size}")
        lines.append(f"  %bytes{o.number} = mul i64 %n, {o.type.size}")
        lines.append(f"  %end{o.number} = getelementptr i8, ptr {o.pointer}, i64 %bytes{o.number}")
    for output in [o for o in space if o.output]:
        for other in space[: output.number]:
            name = f"%apart{output.number}.{other.number}"
            conditions.append(name)
            lines += _check_apart(name, output, other)
    fast = conditions[0]
    for i, condition in enumerate(conditions[1:]):
        lines.append(f"  %fast{i} = and i1 {fast}, {condition}")
        fast = f"%fast{i}"
    return [*lines, f"  %fast = and i1 {fast}, true"]


def _check_apart(name: str, output: Operand, other: Operand) -> list[str]:
    """Whether the operands lie apart; an input may also be overwritten in place."""
    tests = [
        f"icmp ule ptr %end{output.number}, {other.pointer}",
        f"icmp ule ptr %end{other.number}, {output.pointer}",
    ]
    if not other.output and other.type.size == output.type.size:
        tests.append(f"icmp eq ptr {output.pointer}, {other.pointer}")
    lines = [f"  {name}.{i} = {test}" for i, test in enumerate(tests)]
    lines.append(f"  {name}.or = or i1 {name}.0, {name}.1")
    last = f"{name}.2" if len(tests) == 3 else "false"
    return [*lines, f"  {name} = or i1 {name}.or, {last}"]


def _failure(kernel: Lowered) -> list[str]:
    """Where both loops go with the status of an element that raised."""
    if not kernel.errors:
        return []
    lines = [
        "failed:",
        "  %error = phi i32 [ %contiguous.status, %contiguous.body ], "
        "[ %strided.status, %strided.body ]",
        "  switch i32 %error, label %raised [",
        *(f"    i32 {k + 1}, label %raise{k}" for k in range(len(kernel.errors))),
        "  ]",
    ]
    for k in range(len(kernel.errors)):
        lines += [
            f"raise{k}:",
            f"  call void @kernelgen_raise(ptr @{ExceptionTable.symbol(k)})",
            "  br label %raised",
        ]
    return [*lines, "raised:", "  ret i32 -1"]


def _error_declarations(kernel: Lowered) -> list[str]:
    if not kernel.errors:
        return []
    tables = (ExceptionTable.symbol(k) for k in range(len(kernel.errors)))
    lines = [f"@{table} = external global i8" for table in tables]
    return ["declare void @kernelgen_raise(ptr) cold", *lines]
