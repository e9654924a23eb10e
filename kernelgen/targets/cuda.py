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

from kernelgen.lower import Lowered
from kernelgen.space import Operand
from kernelgen.targets import cpu

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


def contiguous_entry(kernel: Lowered, space: tuple[Operand, ...]) -> list[str]:
    """The text of the entry for operands that lie side by side."""
    addresses = [f"ptr align {o.type.size} {o.pointer}" for o in space]
    return _entry(CONTIGUOUS, kernel, addresses, _Grid(kernel), space)


def strided_entry(kernel: Lowered, space: tuple[Operand, ...]) -> list[str]:
    """The text of the entry for operands that lie as they like."""
    parameters = [f"ptr {o.pointer}" for o in space]
    parameters.append("ptr byval(%space) align 8 %space")
    return _entry(STRIDED, kernel, parameters, _GridOverSpace(kernel, space), space)


def declarations(operands: int) -> list[str]:
    """What the entries of a kernel with so many operands refer to."""
    read = (f"declare i32 @{_REGISTER}.{name}()" for name in _REGISTERS.values())
    return [
        *read,
        f"%dimension = type {{ i32, i32, i32, i32, [{operands} x i64] }}",
        f"%space = type {{ i32, i32, [{DIMENSIONS} x %dimension] }}",
    ]


# ------------------------------------------------------------------------------- their parts

_REGISTER = "llvm.nvvm.read.ptx.sreg"
_REGISTERS = {"thread": "tid.x", "block": "ctaid.x", "threads": "ntid.x", "blocks": "nctaid.x"}
"""The place of a thread in its block, of the block in the grid, and how many there are of each."""


def _space_bytes(operands: int) -> int:
    return 8 + DIMENSIONS * (16 + 8 * operands)


def _entry(
    symbol: str, kernel: Lowered, parameters: list[str], grid: _Grid, space: tuple[Operand, ...]
) -> list[str]:
    given = ["i64 %n", *parameters, *["ptr align 8 %errors"] * bool(kernel.errors)]
    return [
        f"define ptx_kernel void @{symbol}({', '.join(given)}) {{",
        "entry:",
        *_thread_number(),
        *_loop(grid, space),
        "done:",
        "  ret void",
        *_failure(kernel, grid.label),
        "}",
    ]


def _thread_number() -> list[str]:
    """The first element of this thread, and how far its elements are apart."""
    lines = []
    for name, register in _REGISTERS.items():
        lines.append(f"  %{name}.short = call i32 @{_REGISTER}.{register}()")
        lines.append(f"  %{name} = zext i32 %{name}.short to i64")
    return [
        *lines,
        "  %before = mul nuw nsw i64 %block, %threads",
        "  %first = add nuw nsw i64 %before, %thread",
        "  %step = mul nuw nsw i64 %blocks, %threads",
    ]


def _loop(grid: _Grid, space: tuple[Operand, ...]) -> list[str]:
    """The loop over the elements of a thread; it leaves to ``done``, or to ``failed``."""
    inputs = [o for o in space if not o.output]
    outputs = [o for o in space if o.output]
    lines = grid.start([])
    for o in space:
        lines += grid.advance(o)
    for o in inputs:
        lines += cpu.load(o, grid.address(o), "", grid)
    lines += grid.call([f"{o.type.llvm} {grid.value(o)}" for o in inputs])
    for k, o in enumerate(outputs):
        lines += cpu.store(o, f"%{grid.label}.y{k}", grid.address(o))
    return lines + grid.end()


class _Grid(cpu.Frame):
    """The skeleton of a grid-stride loop, whose counter is the number of the element."""

    def __init__(self, kernel: Lowered) -> None:
        super().__init__("each", kernel, "")

    def start(self, preheader: list[str]) -> list[str]:
        return [
            *preheader,
            "  %some = icmp ult i64 %first, %n",
            "  br i1 %some, label %each.body, label %done",
            "each.body:",
            f"  %each.i = phi i64 [ %first, %entry ], [ %each.i.next, %{self.latch} ]",
        ]

    def end(self, exit: str = "done") -> list[str]:
        return [
            "  %each.i.next = add nuw nsw i64 %each.i, %step",
            "  %each.more = icmp ult i64 %each.i.next, %n",
            f"  br i1 %each.more, label %each.body, label %{exit}",
        ]


class _GridOverSpace(_Grid):
    """The same, where an element's number leads to its place along each dimension."""

    def __init__(self, kernel: Lowered, space: tuple[Operand, ...]) -> None:
        super().__init__(kernel)
        self.space = space
        if not kernel.errors:
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


def _failure(kernel: Lowered, label: str) -> list[str]:
    """Where the loop goes with the status of an element that raised: the first one reports."""
    if not kernel.errors:
        return []
    lines = [
        "failed:",
        f"  %seen = cmpxchg ptr %errors, i32 0, i32 %{label}.status"
        ' syncscope("device") monotonic monotonic',
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
