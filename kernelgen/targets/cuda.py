"""A CUDA grid: each thread takes every so manyth element, as many as there are threads.

A kernel has two entries, and whoever launches it chooses by the operands, as NumPy does among the
loops of a CPU:

- `CONTIGUOUS` ``(n, address of each operand[, error block])`` is for operands whose elements lie
  side by side, at multiples of their size. Threads that are neighbours take elements that are;
- `STRIDED` ``(n, address of each operand, space[, error block])`` is for all others: broadcast
  operands, any strides, any order of axes. The space says how long the dimensions are, the
  innermost first, and how far an operand's elements are apart along each, in bytes. It lies among
  the parameters, so that a launch copies nothing to the device for it.

An element's place along a dimension is the remainder of a division by its length. GPUs divide
slowly, so the space has a multiplier and a shift for each length, which do it: see `divider`. This
holds for numbers below `MOST`, so a call of more elements, or of more dimensions than `DIMENSIONS`
when those are joined that can be, is launched in parts.

The error block, in the device's memory, is for the first exception. It is zero before the launch:
its first word becomes the status of the first element that raised, in time, the second the
number of that element, the others are what the exception is made of. A thread that raises leaves.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from kernelgen.llvm_grid import GridEmitter
from kernelgen.lower import Lowered
from kernelgen.ops.convert import lower_conversion
from kernelgen.space import Layout, Operand
from kernelgen.targets import cpu
from kernelgen.targets.emulated import Parameter, leave_if_waits
from kernelgen.types.table import BOOL, Scalar

CONTIGUOUS = "kernelgen_contiguous"
STRIDED = "kernelgen_strided"

DIMENSIONS = 8
"""How many dimensions a space has room for."""

MOST = 1 << 31
"""The strided entry takes fewer elements than so many."""

STATUS, ELEMENT, WORDS = 0, 8, 16
"""Where the members of an error block are: a 32-bit number, and 64-bit ones."""

PARAMETERS = 4352
"""Bytes that a kernel's parameters may take on every architecture."""


def divider(length: int) -> tuple[int, int]:
    """The multiplier and shift that divide numbers below `MOST` by ``length``.

    ``n // length == ((n * multiplier >> 32) + n) >> shift``. (Granlund and Montgomery, "Division by
    Invariant Integers using Multiplication", 1994.)

    Examples
    --------
    >>> multiplier, shift = divider(10)
    >>> ((1234567 * multiplier >> 32) + 1234567) >> shift
    123456
    """
    shift = (length - 1).bit_length()
    return ((1 << 32) * ((1 << shift) - length)) // length + 1, shift


def pack_space(lengths: Sequence[int], strides: Sequence[Sequence[int]]) -> bytes:
    """What the strided entry takes as its space.

    Parameters
    ----------
    lengths : sequence of int
        Of the dimensions, the innermost first: at least one, at most `DIMENSIONS`.
    strides : sequence of sequences of int
        For each dimension, the bytes from one element to the next of each operand, inputs first.
    """
    operands = len(strides[0])
    header = struct.pack("<II", len(lengths), 0)
    dimensions = (
        struct.pack(f"<IIII{operands}q", length, *divider(length), 0, *steps)
        for length, steps in zip(lengths, strides, strict=True)
    )
    return b"".join([header, *dimensions]).ljust(_space_bytes(operands), b"\0")


def parameter_bytes(operands: int) -> int:
    """The bytes that the parameters of the strided entry take, with all that there may be."""
    return 8 + 8 * operands + _space_bytes(operands) + 8


class Machine(Protocol):
    """What runs a grid: how entries are written for it.

    Attributes
    ----------
    metadata, declarations : sequence of str
        What modules have.
    """

    metadata: tuple[str, ...]
    declarations: tuple[str, ...]

    def entry(
        self, symbol: str, kernel: Lowered, parameters: list[Parameter], body: list[str]
    ) -> list[str]:
        """An entry that takes ``parameters``, which runs ``body`` in each thread.

        The body begins in the block ``entry`` and leaves to ``done``.
        """


class Gpu:
    """How entries are written for a GPU."""

    metadata: tuple[str, ...] = (
        "!llvm.module.flags = !{!0}",
        '!0 = !{i32 4, !"nvvm-reflect-ftz", i32 0}',
    )
    declarations: tuple[str, ...] = ()

    def entry(
        self, symbol: str, kernel: Lowered, parameters: list[Parameter], body: list[str]
    ) -> list[str]:
        """A kernel of PTX."""
        return [
            f"define ptx_kernel void @{symbol}({', '.join(p.text for p in parameters)}) {{",
            "entry:",
            *body,
            "done:",
            "  ret void",
            "}",
        ]


class Elements(NamedTuple):
    """What the entries of a kernel go over.

    Attributes
    ----------
    kernel : Lowered
        It is called for each element.
    emitter : GridEmitter
        What has written it, and writes what is around it.
    inputs, outputs : tuple of Scalar
        The types of the operands' elements, which are converted to those of the kernel and from
        them.
    masked : bool
        Whether there is another operand, behind these, of bools: only where it is true is there
        anything to do.
    """

    kernel: Lowered
    emitter: GridEmitter
    inputs: tuple[Scalar, ...]
    outputs: tuple[Scalar, ...]
    masked: bool = False

    @property
    def types(self) -> tuple[Scalar, ...]:
        """Of all operands."""
        return (*self.inputs, *self.outputs, *[BOOL] * self.masked)

    def space(self, layout: Layout) -> tuple[Operand, ...]:
        """All operands, each of them laid out so."""
        count = len(self.inputs)
        ends = count + len(self.outputs)
        return tuple(Operand(i, t, count <= i < ends, layout) for i, t in enumerate(self.types))


def contiguous_entry(elements: Elements, machine: Machine) -> list[str]:
    """The text of the entry for operands that lie side by side."""
    space = elements.space(Layout.DENSE)
    addresses = [Parameter("ptr", o.pointer, alignment=o.type.alignment) for o in space]
    return _entry(CONTIGUOUS, elements, addresses, _Grid(elements), space, machine)


def strided_entry(elements: Elements, machine: Machine) -> list[str]:
    """The text of the entry for operands that lie as they like."""
    space = elements.space(Layout.STRIDED)
    parameters = [Parameter("ptr", o.pointer) for o in space]
    parameters.append(Parameter("ptr", "%space", "%space", 8))
    return _entry(STRIDED, elements, parameters, _GridOverSpace(elements, space), space, machine)


def function_entry(
    symbol: str, kernel: Lowered, emitter: GridEmitter, machine: Machine
) -> list[str]:
    """The text of an entry that calls the kernel once in each thread of the grid."""
    parameters = [Parameter(t.llvm, f"%x{i}") for i, t in enumerate(kernel.inputs)]
    given = ", ".join([*(p.text for p in parameters), *kernel.hidden])
    count = len(kernel.outputs)
    body = [f"  %each.r = call {kernel.result} @{kernel.name}({given})"]
    if kernel.errors or kernel.waits:
        body.append(f"  %each.status = extractvalue {kernel.result} %each.r, {count}")
        body += leave_if_waits(kernel, "%each.status")
    if kernel.errors:
        body += [
            *(
                f"  %each.w{k} = extractvalue {kernel.result} %each.r, {count + 1 + k}"
                for k in range(kernel.words)
            ),
            *_linear_thread(emitter),
            "  %each.ok = icmp eq i32 %each.status, 0",
            "  br i1 %each.ok, label %done, label %failed",
            *_failure(kernel, "each", emitter.scope),
        ]
    else:
        body.append("  br label %done")
    parameters += [_ERRORS] * bool(kernel.errors)
    return machine.entry(symbol, kernel, parameters, body)


def declarations(operands: int) -> list[str]:
    """What the entries of a kernel with so many operands refer to."""
    return [
        f"%dimension = type {{ i32, i32, i32, i32, [{operands} x i64] }}",
        f"%space = type {{ i32, i32, [{DIMENSIONS} x %dimension] }}",
    ]


# ------------------------------------------------------------------------------- their parts

_ERRORS = Parameter("ptr", "%errors", alignment=8)


def _space_bytes(operands: int) -> int:
    return 8 + DIMENSIONS * (16 + 8 * operands)


def _entry(
    symbol: str,
    elements: Elements,
    parameters: list[Parameter],
    grid: _Grid,
    space: tuple[Operand, ...],
    machine: Machine,
) -> list[str]:
    kernel = elements.kernel
    given = [Parameter("i64", "%n"), *parameters, *[_ERRORS] * bool(kernel.errors)]
    body = [
        *_thread_number(elements.emitter),
        *_loop(grid, elements, space),
        *_failure(kernel, grid.label, elements.emitter.scope),
    ]
    return machine.entry(symbol, kernel, given, body)


def _thread_number(e: GridEmitter) -> list[str]:
    """The first element of this thread, and how far its elements are apart."""
    names = {"%thread": "tid.x", "%block": "ctaid.x", "%threads": "ntid.x", "%blocks": "nctaid.x"}
    return [
        *_registers(e, names),
        "  %before = mul nuw nsw i64 %block, %threads",
        "  %first = add nuw nsw i64 %before, %thread",
        "  %step = mul nuw nsw i64 %blocks, %threads",
    ]


def _linear_thread(e: GridEmitter) -> list[str]:
    """The number of this thread among all of the grid, the last axis counting most."""
    lines = []
    number = "0"
    for axis in "zyx":
        kinds = ("nctaid", "ctaid", "ntid", "tid")
        lines += _registers(e, {f"%{kind}.{axis}": f"{kind}.{axis}" for kind in kinds})
        lines += [
            f"  %length.{axis} = mul i64 %nctaid.{axis}, %ntid.{axis}",
            f"  %start.{axis} = mul i64 %ctaid.{axis}, %ntid.{axis}",
            f"  %place.{axis} = add i64 %start.{axis}, %tid.{axis}",
            f"  %before.{axis} = mul i64 {number}, %length.{axis}",
            f"  %number.{axis} = add i64 %before.{axis}, %place.{axis}",
        ]
        number = f"%number.{axis}"
    return [*lines, f"  %each.i = add i64 {number}, 0"]


def _registers(e: GridEmitter, names: dict[str, str]) -> list[str]:
    """Read registers, each as an i64 of a name."""
    e.lines = []
    for name, register in names.items():
        value = e.register(register)
        e.lines.append(f"  {name} = zext i32 {value} to i64")
    return e.lines


def _loop(grid: _Grid, elements: Elements, space: tuple[Operand, ...]) -> list[str]:
    """The loop over the elements of a thread; it leaves to ``done``, or to ``failed``."""
    kernel, e = elements.kernel, elements.emitter
    count = len(elements.inputs)
    inputs, outputs = space[:count], space[count : count + len(elements.outputs)]
    lines = grid.start([])
    for o in space:
        lines += grid.advance(o)
    if elements.masked:
        lines += grid.skip_unless(space[-1])
    given = []
    for o, t in zip(inputs, kernel.inputs, strict=True):
        lines += cpu.load(o, grid.address(o), "", grid)
        e.lines = []
        given.append(f"{t.llvm} {lower_conversion(e, o.type, t, grid.value(o))}")
        lines += e.lines
    lines += grid.call(given)
    for k, (o, t) in enumerate(zip(outputs, kernel.outputs, strict=True)):
        e.lines = []
        value = lower_conversion(e, t, o.type, f"%{grid.label}.y{k}")
        lines += [*e.lines, *cpu.store(o, value, grid.address(o))]
    return lines + grid.end()


class _Grid(cpu.Frame):
    """The skeleton of a grid-stride loop, whose counter is the number of the element."""

    def __init__(self, elements: Elements) -> None:
        super().__init__("each", elements.kernel, "")
        self._masked = elements.masked

    def start(self, preheader: list[str]) -> list[str]:
        back = "each.skip" if self._masked else self.latch
        return [
            *preheader,
            "  %some = icmp ult i64 %first, %n",
            "  br i1 %some, label %each.body, label %done",
            "each.body:",
            f"  %each.i = phi i64 [ %first, %entry ], [ %each.i.next, %{back} ]",
        ]

    def skip_unless(self, mask: Operand) -> list[str]:
        """Go on with the next element unless the mask is true."""
        return [
            *cpu.load(mask, self.address(mask), "", self),
            f"  br i1 {self.value(mask)}, label %each.asked, label %each.skip",
            "each.asked:",
        ]

    def end(self, exit: str = "done") -> list[str]:
        return [
            *["  br label %each.skip", "each.skip:"] * self._masked,
            "  %each.i.next = add nuw nsw i64 %each.i, %step",
            "  %each.more = icmp ult i64 %each.i.next, %n",
            f"  br i1 %each.more, label %each.body, label %{exit}",
        ]


class _GridOverSpace(_Grid):
    """The same, where an element's number leads to its place along each dimension."""

    def __init__(self, elements: Elements, space: tuple[Operand, ...]) -> None:
        super().__init__(elements)
        self.space = space
        if not elements.kernel.errors:
            self.latch = "each.found"

    def start(self, preheader: list[str]) -> list[str]:
        return [*super().start(preheader), *self._find()]

    def advance(self, o: Operand) -> list[str]:
        offset = f"i64 %offset{o.number}.next"
        return [f"  {self.address(o)} = getelementptr i8, ptr {o.pointer}, {offset}"]

    def _find(self) -> list[str]:
        """The loop over the dimensions, innermost first: the offsets of all operands."""
        numbers = [o.number for o in self.space]
        lines = [
            "  %number = trunc i64 %each.i to i32",
            "  br label %each.dimension",
            "each.dimension:",
            "  %d = phi i32 [ 0, %each.body ], [ %d.next, %each.dimension ]",
            "  %rest = phi i32 [ %number, %each.body ], [ %whole, %each.dimension ]",
        ]
        for k in numbers:
            before = f"[ 0, %each.body ], [ %offset{k}.next, %each.dimension ]"
            lines.append(f"  %offset{k} = phi i64 {before}")
        lines += self._divide()
        for k in numbers:
            lines += [
                *_member(f"stride{k}", "i64", f"i32 4, i32 {k}"),
                f"  %moved{k} = mul i64 %place, %stride{k}",
                f"  %offset{k}.next = add i64 %offset{k}, %moved{k}",
            ]
        return [
            *lines,
            "  %d.next = add nuw nsw i32 %d, 1",
            "  %dimensions = load i32, ptr %space",
            "  %d.more = icmp ult i32 %d.next, %dimensions",
            "  br i1 %d.more, label %each.dimension, label %each.found",
            "each.found:",
        ]

    def _divide(self) -> list[str]:
        """By the length of dimension ``%d``: the remainder is the place along it."""
        return [
            *_member("length", "i32", "i32 0"),
            *_member("multiplier", "i32", "i32 1"),
            *_member("shift", "i32", "i32 2"),
            "  %rest.wide = zext i32 %rest to i64",
            "  %multiplier.wide = zext i32 %multiplier to i64",
            "  %product = mul nuw i64 %rest.wide, %multiplier.wide",
            "  %product.high = lshr i64 %product, 32",
            "  %high = trunc nuw i64 %product.high to i32",
            "  %sum = add nuw i32 %high, %rest",
            "  %whole = lshr i32 %sum, %shift",
            "  %covered = mul i32 %whole, %length",
            "  %left = sub i32 %rest, %covered",
            "  %place = zext i32 %left to i64",
        ]


def _member(name: str, llvm: str, place: str) -> list[str]:
    """Load a member of dimension ``%d``."""
    return [
        f"  %{name}.at = getelementptr %space, ptr %space, i32 0, i32 2, i32 %d, {place}",
        f"  %{name} = load {llvm}, ptr %{name}.at",
    ]


def _failure(kernel: Lowered, label: str, scope: str) -> list[str]:
    """Where the loop goes with the status of an element that raised: the first one reports.

    ``scope`` is what marks atomic instructions.
    """
    if not kernel.errors:
        return []
    lines = [
        "failed:",
        f"  %seen = cmpxchg ptr %errors, i32 0, i32 %{label}.status {scope}monotonic monotonic",
        "  %is.first = extractvalue { i32, i1 } %seen, 1",
        "  br i1 %is.first, label %report, label %done",
        "report:",
    ]
    reported = {ELEMENT: f"%{label}.i"}
    reported |= {WORDS + 8 * k: f"%{label}.w{k}" for k in range(kernel.words)}
    for place, value in reported.items():
        lines += [
            f"  %report.at{place} = getelementptr i8, ptr %errors, i64 {place}",
            f"  store i64 {value}, ptr %report.at{place}",
        ]
    return [*lines, "  br label %done"]
