"""Choosing the loop of a generalized ufunc in native code, and compiling it when first met.

There are two: for operands whose core dimensions are contiguous, and for all others. NumPy's loop
looks at the strides of its call, and goes on in one of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kernelgen.runtime.patterns import COMPILE, GET_LOOP, STRIDED, TABLE

DENSE = 0
"""The code of the loop for contiguous core dimensions."""

GENERAL = 1
"""The code of the loop for any strides."""

# The words of a table in memory. Behind them stand three words for each core dimension of each
# operand, the last dimension first: where its stride and its size stand among NumPy's, and the
# bytes of an element if a new operand begins, otherwise 0.
_FLAGS, _LOOPS, _COUNT, _ENTRIES = 0, 1, 3, 6


class CoreOperand(NamedTuple):
    """An operand: the bytes of an element, and which of all core dimensions it has."""

    size: int
    dims: tuple[int, ...]


class CoreLoopTable:
    """The loops of one kernel for one combination of types, by code.

    Parameters
    ----------
    operands : sequence of CoreOperand
        All of them, inputs first.
    flags : int
        NumPy's flags of these loops.
    compile : callable
        ``compile(code)`` returns the address of the loop for a code. Its exceptions become
        those of the call that needed the loop.
    """

    def __init__(
        self, operands: Sequence[CoreOperand], flags: int, compile: Callable[[int], int]
    ) -> None:
        self._compile = compile
        self._filler = self._fill  # one object, whose address the native code holds
        entries = _entries(operands)
        words = [0] * _ENTRIES
        words[_FLAGS], words[_COUNT] = flags, len(entries) // 3
        words[COMPILE] = id(self._filler)
        self._words = (ctypes.c_int64 * (_ENTRIES + len(entries)))(*words, *entries)

    @property
    def address(self) -> int:
        """Where the native code finds this table. It holds while this object lives."""
        return ctypes.addressof(self._words)

    def _fill(self, code: int) -> None:
        """Have a loop compiled; called by native code that found none."""
        self._words[_LOOPS + code] = self._compile(code)


def _entries(operands: Sequence[CoreOperand]) -> list[int]:
    words: list[int] = []
    stride = len(operands)  # behind the strides of the outer loop
    for operand in operands:
        places = list(enumerate(operand.dims, stride))
        for i, (place, dim) in enumerate(reversed(places)):
            words += [place, 1 + dim, 0 if i else operand.size]
        stride += len(places)
    return words


STUBS = f"""
@{TABLE} = external global i64
declare ptr @kernelgen_find_loop(ptr, ptr, i64)

define i32 @{GET_LOOP}(ptr %context, i32 %aligned, i32 %move, ptr %strides,
                       ptr %loop, ptr %data, ptr %flags) {{
  %flags.at = getelementptr i64, ptr @{TABLE}, i64 {_FLAGS}
  %flags.word = load i64, ptr %flags.at
  %flags.int = trunc i64 %flags.word to i32
  store i32 %flags.int, ptr %flags
  store ptr null, ptr %data
  store ptr @{STRIDED}, ptr %loop
  ret i32 0
}}

define i32 @{STRIDED}(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux) {{
entry:
  %count.at = getelementptr i64, ptr @{TABLE}, i64 {_COUNT}
  %count = load i64, ptr %count.at
  %entries = getelementptr i64, ptr @{TABLE}, i64 {_ENTRIES}
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i.next, %fits ]
  %before = phi i64 [ 0, %entry ], [ %whole, %fits ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %found, label %look
look:
  %first = mul i64 %i, 3
  %place.at = getelementptr i64, ptr %entries, i64 %first
  %place = load i64, ptr %place.at
  %dim.at = getelementptr i64, ptr %place.at, i64 1
  %dim = load i64, ptr %dim.at
  %element.at = getelementptr i64, ptr %place.at, i64 2
  %element = load i64, ptr %element.at
  %begins = icmp ne i64 %element, 0
  %expected = select i1 %begins, i64 %element, i64 %before
  %size.at = getelementptr i64, ptr %dims, i64 %dim
  %size = load i64, ptr %size.at
  %stride.at = getelementptr i64, ptr %strides, i64 %place
  %stride = load i64, ptr %stride.at
  %dense = icmp eq i64 %stride, %expected
  %one = icmp eq i64 %size, 1
  %good = or i1 %dense, %one
  br i1 %good, label %fits, label %found
fits:
  %whole = mul i64 %expected, %size
  %i.next = add i64 %i, 1
  br label %next
found:
  %code = phi i64 [ {DENSE}, %next ], [ {GENERAL}, %look ]
  %slot.number = add i64 %code, {_LOOPS}
  %slot = getelementptr i64, ptr @{TABLE}, i64 %slot.number
  %loop = call ptr @kernelgen_find_loop(ptr @{TABLE}, ptr %slot, i64 %code)
  %failed = icmp eq ptr %loop, null
  br i1 %failed, label %failure, label %go
go:
  %status = tail call i32 %loop(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux)
  ret i32 %status
failure:
  ret i32 -1
}}
"""
"""What NumPy is given of a kernel: ``get_loop`` and the strided loop."""
