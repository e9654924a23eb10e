"""Choosing a loop by the strides of a call, in native code, and compiling it when first met.

NumPy asks for the loop with the call's strides in hand (``get_loop``), so a loop can be
specialised to operands that are contiguous or scalars. What is chosen is read from a table of
addresses; where one is missing, Python is called to compile that loop. One question costs some
ten nanoseconds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from kernelgen.space import Layout, Pattern

_MAX_INPUTS = 6
"""Of kernels with more inputs only the contiguous pattern gets a loop of its own."""

INDEXED = -1
"""The code of the loop of ``ufunc.at``."""

GENERAL = -2
"""The code of the loop for any strides."""

# The words of a table in memory, which the native code reads. Behind them stand the sizes of
# the operands' elements, then the address of a loop for each code.
_NIN, _NARGS, _FLAGS, _GENERAL, _INDEXED, COMPILE, _REDUCES, _CODES, _SIZES = range(9)


class LoopTable:
    """The loops of one kernel for one combination of types, by code.

    Bit ``i`` of a code says that input ``i`` is a scalar; the other inputs and all outputs
    are contiguous.

    Parameters
    ----------
    nin : int
        How many of the operands are inputs.
    sizes : sequence of int
        The bytes of an element of each operand.
    flags : int
        NumPy's flags of these loops.
    reduces : bool
        Whether calls may be reductions. Then the output's stride that NumPy tells beforehand
        may mean anything, and a scalar first operand goes with any stride of the second.
    compile : callable
        ``compile(code)`` returns the address of the loop for a code. Its exceptions become
        those of the call that needed the loop.
    """

    def __init__(
        self,
        nin: int,
        sizes: Sequence[int],
        flags: int,
        reduces: bool,
        compile: Callable[[int], int],
    ) -> None:
        codes = 1 << nin if nin <= _MAX_INPUTS else 1
        self._compile = compile
        self._filler = self._fill  # one object, whose address the native code holds
        words = [nin, len(sizes), flags, 0, 0, id(self._filler), reduces, codes]
        self._first = len(words) + len(sizes)
        self._words = (ctypes.c_int64 * (self._first + codes))(*words, *sizes)

    @property
    def address(self) -> int:
        """Where the native code finds this table. It holds while this object lives."""
        return ctypes.addressof(self._words)

    def _fill(self, code: int) -> None:
        """Have a loop compiled; called by native code that found none."""
        slot = {INDEXED: _INDEXED, GENERAL: _GENERAL}.get(code, self._first + code)
        self._words[slot] = self._compile(code)


def pattern_of(code: int, nin: int, nout: int) -> Pattern:
    """The layouts that a code stands for."""
    inputs = [Layout.SCALAR if code >> i & 1 else Layout.DENSE for i in range(nin)]
    return (*inputs, *[Layout.DENSE] * nout)


def code_of(pattern: Pattern) -> int:
    """The code that stands for layouts."""
    return sum(1 << i for i, layout in enumerate(pattern) if layout is Layout.SCALAR)


TABLE = "kernelgen_loops"
GET_LOOP = "kernelgen_get_loop"
STRIDED = "kernelgen_strided"
AT = "kernelgen_at"
FITS = "kernelgen_fits"

_LOOP_ARGUMENTS = "ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux"


def _stub(symbol: str, slot: int, code: int) -> str:
    """A loop that looks its code up in the table, and goes on there."""
    return f"""
define i32 @{symbol}({_LOOP_ARGUMENTS}) {{
  %slot = getelementptr i64, ptr @{TABLE}, i64 {slot}
  %loop = call ptr @kernelgen_find_loop(ptr @{TABLE}, ptr %slot, i64 {code})
  %failed = icmp eq ptr %loop, null
  br i1 %failed, label %failure, label %found
found:
  %status = tail call i32 %loop({_LOOP_ARGUMENTS})
  ret i32 %status
failure:
  ret i32 -1
}}
"""


STUBS = f"""
@{TABLE} = external global i64
declare i32 @kernelgen_choose_loop(ptr, ptr, ptr, ptr, ptr)
declare ptr @kernelgen_find_loop(ptr, ptr, i64)

define i32 @{GET_LOOP}(ptr %context, i32 %aligned, i32 %move, ptr %strides,
                       ptr %loop, ptr %data, ptr %flags) {{
  %status = tail call i32 @kernelgen_choose_loop(ptr %strides, ptr %loop, ptr %data, ptr %flags,
                                                 ptr @{TABLE})
  ret i32 %status
}}
{_stub(STRIDED, _GENERAL, GENERAL)}
{_stub(AT, _INDEXED, INDEXED)}
"""
"""What NumPy is given of a kernel: ``get_loop``, the strided loop, the loop of ``ufunc.at``."""

CHOOSE = f"""
@code_format = private constant [2 x i8] c"L\\00"

define i32 @kernelgen_choose_loop(ptr %strides, ptr %out, ptr %data, ptr %out_flags, ptr %table) {{
entry:
  store ptr null, ptr %data
  %flags.at = getelementptr i64, ptr %table, i64 {_FLAGS}
  %flags = load i64, ptr %flags.at
  %flags.int = trunc i64 %flags to i32
  store i32 %flags.int, ptr %out_flags
  %nin.at = getelementptr i64, ptr %table, i64 {_NIN}
  %nin = load i64, ptr %nin.at
  %nargs.at = getelementptr i64, ptr %table, i64 {_NARGS}
  %nargs = load i64, ptr %nargs.at
  %reduces.at = getelementptr i64, ptr %table, i64 {_REDUCES}
  %reduces = load i64, ptr %reduces.at
  %reducing = icmp ne i64 %reduces, 0
  %told = select i1 %reducing, i64 %nin, i64 %nargs
  %codes.at = getelementptr i64, ptr %table, i64 {_CODES}
  %codes = load i64, ptr %codes.at
  %sizes = getelementptr i64, ptr %table, i64 {_SIZES}
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i.next, %fits ]
  %code = phi i64 [ 0, %entry ], [ %code.next, %fits ]
  %bit = phi i64 [ 1, %entry ], [ %bit.next, %fits ]
  %end = icmp eq i64 %i, %told
  br i1 %end, label %known, label %look
look:
  %stride.at = getelementptr i64, ptr %strides, i64 %i
  %stride = load i64, ptr %stride.at
  %size.at = getelementptr i64, ptr %sizes, i64 %i
  %size = load i64, ptr %size.at
  %dense = icmp eq i64 %stride, %size
  br i1 %dense, label %fits, label %other
other:
  %input = icmp ult i64 %i, %nin
  %zero = icmp eq i64 %stride, 0
  %scalar = and i1 %input, %zero
  br i1 %scalar, label %fits, label %odd
fits:
  %set = phi i64 [ 0, %look ], [ %bit, %other ]
  %code.next = or i64 %code, %set
  %bit.next = shl i64 %bit, 1
  %i.next = add i64 %i, 1
  br label %next
odd:
  %first = load i64, ptr %strides
  %still = icmp eq i64 %first, 0
  %reduction = and i1 %reducing, %still
  br i1 %reduction, label %find, label %general
known:
  ; One element of everything, or a pattern beyond the table.
  %all = shl i64 1, %nin
  %last = sub i64 %all, 1
  %scalars = icmp eq i64 %code, %last
  %beyond = icmp uge i64 %code, %codes
  %unusual = or i1 %scalars, %beyond
  br i1 %unusual, label %general, label %find
find:
  %pattern = phi i64 [ %code, %known ], [ 1, %odd ]
  %loops = getelementptr i64, ptr %sizes, i64 %nargs
  %loop.at = getelementptr i64, ptr %loops, i64 %pattern
  br label %take
general:
  %general.at = getelementptr i64, ptr %table, i64 {_GENERAL}
  br label %take
take:
  %slot = phi ptr [ %loop.at, %find ], [ %general.at, %general ]
  %which = phi i64 [ %pattern, %find ], [ {GENERAL}, %general ]
  %loop = call ptr @kernelgen_find_loop(ptr %table, ptr %slot, i64 %which)
  store ptr %loop, ptr %out
  %failed = icmp eq ptr %loop, null
  %status = sext i1 %failed to i32
  ret i32 %status
}}

; Of whatever table that has the function to compile a loop in its word {COMPILE}.
define ptr @kernelgen_find_loop(ptr %table, ptr %slot, i64 %code) {{
  %there = load ptr, ptr %slot
  %missing = icmp eq ptr %there, null
  br i1 %missing, label %compile, label %found
compile:
  %gil = call i32 @PyGILState_Ensure()
  %compile.at = getelementptr i64, ptr %table, i64 {COMPILE}
  %function = load ptr, ptr %compile.at
  %done = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %function, ptr @code_format,
                                                          i64 %code)
  %failed = icmp eq ptr %done, null
  br i1 %failed, label %release, label %compiled
compiled:
  call void @Py_DecRef(ptr %done)
  br label %release
release:
  %now = load ptr, ptr %slot
  call void @PyGILState_Release(i32 %gil)
  ret ptr %now
found:
  ret ptr %there
}}
"""
"""The native code that reads a table. It takes the GIL only to have a loop compiled."""

CHECK = f"""
define zeroext i1 @{FITS}(ptr %data, ptr %dims, ptr %strides, ptr %table, i64 %code) {{
entry:
  %n = load i64, ptr %dims
  %nin.at = getelementptr i64, ptr %table, i64 {_NIN}
  %nin = load i64, ptr %nin.at
  %nargs.at = getelementptr i64, ptr %table, i64 {_NARGS}
  %nargs = load i64, ptr %nargs.at
  %sizes = getelementptr i64, ptr %table, i64 {_SIZES}
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %end = icmp eq i64 %i, %nargs
  br i1 %end, label %yes, label %lies
lies:
  %size.at = getelementptr i64, ptr %sizes, i64 %i
  %size = load i64, ptr %size.at
  %bits = lshr i64 %code, %i
  %scalar = and i64 %bits, 1
  %mask = add i64 %scalar, -1
  %step = and i64 %size, %mask
  %stride.at = getelementptr i64, ptr %strides, i64 %i
  %stride = load i64, ptr %stride.at
  %right = icmp eq i64 %stride, %step
  br i1 %right, label %which, label %no
which:
  %output = icmp uge i64 %i, %nin
  br i1 %output, label %overlaps, label %next
overlaps:
  %p.at = getelementptr i64, ptr %data, i64 %i
  %p = load i64, ptr %p.at
  %bytes = mul i64 %n, %size
  br label %other
other:
  %k = phi i64 [ 0, %overlaps ], [ %k.next, %apart ]
  %k.end = icmp eq i64 %k, %i
  br i1 %k.end, label %next, label %compare
compare:
  %q.at = getelementptr i64, ptr %data, i64 %k
  %q = load i64, ptr %q.at
  %q.size.at = getelementptr i64, ptr %sizes, i64 %k
  %q.size = load i64, ptr %q.size.at
  %q.bits = lshr i64 %code, %k
  %q.bit = and i64 %q.bits, 1
  %q.scalar = icmp ne i64 %q.bit, 0
  %q.count = select i1 %q.scalar, i64 1, i64 %n
  %q.bytes = mul i64 %q.count, %q.size
  %ahead = sub i64 %p, %q
  %behind = sub i64 %q, %p
  %p.clear = icmp uge i64 %ahead, %q.bytes
  %q.clear = icmp uge i64 %behind, %bytes
  %clear = and i1 %p.clear, %q.clear
  br i1 %clear, label %apart, label %same
same:
  ; A contiguous input may be overwritten in place.
  %input = icmp ult i64 %k, %nin
  %place = icmp eq i64 %p, %q
  %like = icmp eq i64 %size, %q.size
  %in.place = and i1 %input, %place
  %whole = icmp eq i64 %q.bit, 0
  %alike = and i1 %like, %whole
  %allowed = and i1 %in.place, %alike
  br i1 %allowed, label %apart, label %no
apart:
  %k.next = add i64 %k, 1
  br label %other
next:
  %i.next = add i64 %i, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}}
"""
"""Whether a call fits a pattern: strides are as its code says, and no output overlaps another
operand. All loops share it: in each it would take as long to compile as the loop itself."""
