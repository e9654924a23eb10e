"""Calls of parallel ufuncs that NumPy would hand to their loop row by row: the rows are shared.

NumPy joins the axes of operands where it can, and calls the loop once for all elements. Where it
cannot, as operands are broadcast or not contiguous, it calls the loop for each row, and a row may
be too short to be shared. So calls come through native code that knows such operands. If they have
elements enough, and NumPy would neither cast nor copy them, threads go over the rows themselves.

This is for kernels whose loops all compute the same. Loops over contiguous elements call vector
functions of mathematics, which may differ from libm's in the last bits, but for the last elements
of a run; where runs end is NumPy's secret, which copies short rows to where they are contiguous.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kernelgen.runtime import engine, native_calls, pool, threads, trampolines
from kernelgen.runtime.layouts import (
    ARRAY_FLAGS,
    ARRAY_NDIM,
    ARRAY_SHAPE,
    C_CONTIGUOUS,
    TYPE,
)
from kernelgen.runtime.numpy_api import DType, own_binding
from kernelgen.targets.parallel import CHUNKS_PER_THREAD

_CALL, _RUN = "kernelgen_call_by_rows", "kernelgen_run_rows"
_TIME = "kernelgen_time_of_element"

WORTH, ROW, CHUNK = 400_000, 40, 8_000
"""Nanoseconds: what a call takes whose rows are shared, which takes some 50,000 to prepare; what a
row takes at least, as each is a call of the loop; and what is taken at a time."""

_AXES = 64
"""NumPy's arrays have no more."""

_LLVM = f"""
@{_TIME} = external global double
@ndarray = external global i8
declare i32 @memcmp(ptr, ptr, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.umax.i64(i64, i64)

; Broadcast a shape to another, which is aligned at the end of {_AXES} lengths; whether it has more
; than one element.
define internal i1 @spread(ptr %lengths, ptr %shape, i64 %ndim) {{
entry:
  %before = sub i64 {_AXES}, %ndim
  br label %each
each:
  %k = phi i64 [ 0, %entry ], [ %k.next, %next ]
  %several = phi i1 [ false, %entry ], [ %several.next, %next ]
  %more = icmp ult i64 %k, %ndim
  br i1 %more, label %next, label %done
next:
  %at = getelementptr i64, ptr %shape, i64 %k
  %length = load i64, ptr %at
  %place = add i64 %before, %k
  %place.at = getelementptr i64, ptr %lengths, i64 %place
  %known = load i64, ptr %place.at
  %longer = call i64 @llvm.umax.i64(i64 %known, i64 %length)
  store i64 %longer, ptr %place.at
  %many = icmp ne i64 %length, 1
  %several.next = or i1 %several, %many
  %k.next = add i64 %k, 1
  br label %each
done:
  ret i1 %several
}}

; The number of elements of a broadcast shape.
define internal double @size(ptr %lengths) {{
entry:
  br label %each
each:
  %k = phi i64 [ 0, %entry ], [ %k.next, %each ]
  %all = phi double [ 1.0, %entry ], [ %all.next, %each ]
  %at = getelementptr i64, ptr %lengths, i64 %k
  %length = load i64, ptr %at
  %one = call i64 @llvm.umax.i64(i64 %length, i64 1)
  %float = sitofp i64 %one to double
  %all.next = fmul double %all, %float
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, {_AXES}
  br i1 %more, label %each, label %done
done:
  ret double %all.next
}}

define ptr @{_CALL}(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names) {{
entry:
  %lengths = alloca [{_AXES} x i64]
  %given = call i64 @positional(i64 %nargsf)
  %keywords = call i64 @named(ptr %names)
  %all = add i64 %given, %keywords
  br label %find
; Whether any array has two axes.
find:
  %f = phi i64 [ 0, %entry ], [ %f.next, %pass ]
  %f.more = icmp ult i64 %f, %all
  br i1 %f.more, label %kind, label %call
kind:
  %f.at = getelementptr ptr, ptr %args, i64 %f
  %found = load ptr, ptr %f.at
  %f.class.at = getelementptr i8, ptr %found, i64 {TYPE}
  %f.class = load ptr, ptr %f.class.at
  %f.array = icmp eq ptr %f.class, @ndarray
  br i1 %f.array, label %axes, label %pass
axes:
  %f.ndim.at = getelementptr i8, ptr %found, i64 {ARRAY_NDIM}
  %f.ndim = load i32, ptr %f.ndim.at
  %two = icmp uge i32 %f.ndim, 2
  br i1 %two, label %clear, label %pass
pass:
  %f.next = add i64 %f, 1
  br label %find
clear:
  call void @llvm.memset.p0.i64(ptr %lengths, i8 0, i64 {8 * _AXES}, i1 false)
  br label %each
; Whether two arrays differ in shape, or one is not contiguous.
each:
  %i = phi i64 [ 0, %clear ], [ %i.next, %next ]
  %rows = phi i1 [ false, %clear ], [ %rows.next, %next ]
  %shape = phi ptr [ null, %clear ], [ %shape.next, %next ]
  %ndim = phi i64 [ 0, %clear ], [ %ndim.next, %next ]
  %more = icmp ult i64 %i, %all
  br i1 %more, label %ask, label %decide
ask:
  %a.at = getelementptr ptr, ptr %args, i64 %i
  %a = load ptr, ptr %a.at
  %class.at = getelementptr i8, ptr %a, i64 {TYPE}
  %class = load ptr, ptr %class.at
  %array = icmp eq ptr %class, @ndarray
  br i1 %array, label %measure, label %next
measure:
  %a.ndim.at = getelementptr i8, ptr %a, i64 {ARRAY_NDIM}
  %a.ndim.int = load i32, ptr %a.ndim.at
  %a.ndim = zext i32 %a.ndim.int to i64
  %a.shape.at = getelementptr i8, ptr %a, i64 {ARRAY_SHAPE}
  %a.shape = load ptr, ptr %a.shape.at
  %several = call i1 @spread(ptr %lengths, ptr %a.shape, i64 %a.ndim)
  br i1 %several, label %compare, label %next
compare:
  %flags.at = getelementptr i8, ptr %a, i64 {ARRAY_FLAGS}
  %flags = load i32, ptr %flags.at
  %dense.bit = and i32 %flags, {C_CONTIGUOUS}
  %gaps = icmp eq i32 %dense.bit, 0
  %first = icmp eq ptr %shape, null
  br i1 %first, label %fits, label %shapes
shapes:
  %other.ndim = icmp ne i64 %ndim, %a.ndim
  br i1 %other.ndim, label %differs, label %same.ndim
same.ndim:
  %bytes = mul i64 %ndim, 8
  %order = call i32 @memcmp(ptr %shape, ptr %a.shape, i64 %bytes)
  %other.shape = icmp ne i32 %order, 0
  br i1 %other.shape, label %differs, label %fits
differs:
  br label %fits
fits:
  %other = phi i1 [ false, %compare ], [ false, %same.ndim ], [ true, %differs ]
  %odd = or i1 %gaps, %other
  %rows.more = or i1 %rows, %odd
  br label %next
next:
  %rows.next = phi i1 [ %rows, %ask ], [ %rows, %measure ], [ %rows.more, %fits ]
  %shape.next = phi ptr [ %shape, %ask ], [ %shape, %measure ], [ %a.shape, %fits ]
  %ndim.next = phi i64 [ %ndim, %ask ], [ %ndim, %measure ], [ %a.ndim, %fits ]
  %i.next = add i64 %i, 1
  br label %each
decide:
  br i1 %rows, label %long, label %call
long:
  %time = load double, ptr @{_TIME}
  %size = call double @size(ptr %lengths)
  %whole = fmul double %time, %size
  %worth = fcmp oge double %whole, {float(WORTH)}
  br i1 %worth, label %cut, label %call
call:
  %result = tail call ptr @kernelgen_numpys_call(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names)
  ret ptr %result
cut:
  %answer = call ptr @hand_over(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names)
  ret ptr %answer
}}
"""

_RUNNER = """
declare i32 @kernelgen_choose_loop(ptr, ptr, ptr, ptr, ptr)
declare i64 @llvm.umin.i64(i64, i64)

; The words: a table of loops, how many operands, outer axes and rows there are, how many rows a
; chunk has and how many elements a row; then for each operand its address, and its stride in a
; row; then for each outer axis, the innermost first, its length and the strides of the operands.
define i32 @kernelgen_run_rows(ptr %words, i64 %chunk) {
entry:
  %table = load ptr, ptr %words
  %nargs.at = getelementptr i64, ptr %words, i64 1
  %nargs = load i64, ptr %nargs.at
  %naxes.at = getelementptr i64, ptr %words, i64 2
  %naxes = load i64, ptr %naxes.at
  %rows.at = getelementptr i64, ptr %words, i64 3
  %rows = load i64, ptr %rows.at
  %per.at = getelementptr i64, ptr %words, i64 4
  %per = load i64, ptr %per.at
  %dims = getelementptr i64, ptr %words, i64 5
  %bases = getelementptr i64, ptr %words, i64 6
  %strides = getelementptr i64, ptr %bases, i64 %nargs
  %axes = getelementptr i64, ptr %strides, i64 %nargs
  %step = add i64 %nargs, 1
  %data = alloca i64, i64 %nargs
  %loop.at = alloca ptr
  %aux.at = alloca ptr
  %flags.at = alloca i64
  %chosen = call i32 @kernelgen_choose_loop(ptr %strides, ptr %loop.at, ptr %aux.at,
                                            ptr %flags.at, ptr %table)
  %loop = load ptr, ptr %loop.at
  %first = mul i64 %chunk, %per
  %end = add i64 %first, %per
  %last = call i64 @llvm.umin.i64(i64 %end, i64 %rows)
  %none = icmp ne i32 %chosen, 0
  br i1 %none, label %failed, label %row
row:
  %r = phi i64 [ %first, %entry ], [ %r.next, %next ]
  %more = icmp ult i64 %r, %last
  br i1 %more, label %start, label %done
start:
  %s = phi i64 [ 0, %row ], [ %s.next, %copy ]
  %s.more = icmp ult i64 %s, %nargs
  br i1 %s.more, label %copy, label %axis
copy:
  %base.at = getelementptr i64, ptr %bases, i64 %s
  %base = load i64, ptr %base.at
  %data.at = getelementptr i64, ptr %data, i64 %s
  store i64 %base, ptr %data.at
  %s.next = add i64 %s, 1
  br label %start
axis:
  %k = phi i64 [ 0, %start ], [ %k.next, %moved ]
  %rest = phi i64 [ %r, %start ], [ %rest.next, %moved ]
  %k.more = icmp ult i64 %k, %naxes
  br i1 %k.more, label %place, label %run
place:
  %axis.word = mul i64 %k, %step
  %length.at = getelementptr i64, ptr %axes, i64 %axis.word
  %length = load i64, ptr %length.at
  %rest.next = udiv i64 %rest, %length
  %index = urem i64 %rest, %length
  br label %move
move:
  %m = phi i64 [ 0, %place ], [ %m.next, %add ]
  %m.more = icmp ult i64 %m, %nargs
  br i1 %m.more, label %add, label %moved
add:
  %m.next = add i64 %m, 1
  %stride.at = getelementptr i64, ptr %length.at, i64 %m.next
  %stride = load i64, ptr %stride.at
  %offset = mul i64 %index, %stride
  %at = getelementptr i64, ptr %data, i64 %m
  %now = load i64, ptr %at
  %then = add i64 %now, %offset
  store i64 %then, ptr %at
  br label %move
moved:
  %k.next = add i64 %k, 1
  br label %axis
run:
  %status = call i32 %loop(ptr null, ptr %data, ptr %dims, ptr %strides, ptr null)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %next, label %failed
next:
  %r.next = add i64 %r, 1
  br label %row
done:
  ret i32 0
failed:
  ret i32 -1
}
"""


class SharedTable(NamedTuple):
    """The loops of a ufunc for some types: the address of their table, and an element's time."""

    address: int
    time: float


def share_rows(ufunc: np.ufunc, dtypes: Sequence[DType], table: SharedTable) -> None:
    """Have the rows of calls shared among threads, if they are of these types."""
    owned = own_binding(ufunc).owned
    rows = next((each for each in owned if isinstance(each, _Rows)), None)
    if rows is None:
        rows = _Rows()
        owned.append(rows)
        native_calls.go_through(ufunc, rows.address)
    rows.tables[tuple(dtypes)] = table
    rows.time.value = max(rows.time.value, table.time)


class _Rows:
    """The native code that calls of one ufunc go through, and the tables of its loops."""

    def __init__(self) -> None:
        self.tables: dict[tuple[DType, ...], SharedTable] = {}
        self.time = ctypes.c_double(0)
        symbols = {
            **native_calls.symbols(_call_by_rows),
            "ndarray": id(np.ndarray),
            _TIME: ctypes.addressof(self.time),
        }
        self._library = engine.link(_module().object_code, [_CALL], symbols)
        self.address = self._library.address(_CALL)


@cache
def _module() -> engine.Module:
    return engine.compile_module(native_calls.HAND_OVER + _LLVM, opt_level=1)


@cache
def _runner() -> engine.Library:
    module = engine.compile_module(_RUNNER, opt_level=1)
    return engine.link(module.object_code, [_RUN], trampolines.addresses().for_loops)


@cache
def _plain_call() -> Any:
    pointer, objects = ctypes.py_object, ctypes.POINTER(ctypes.py_object)
    made = ctypes.PYFUNCTYPE(pointer, pointer, objects, ctypes.c_size_t, ctypes.c_void_p)
    return made(native_calls.numpys_call())


@cache
def _launch() -> Any:
    pointer = ctypes.c_void_p
    made = ctypes.PYFUNCTYPE(ctypes.c_int, pointer, pointer, pointer, ctypes.c_int64)
    return made(pool.launcher().launch)


def _call_plainly(ufunc: np.ufunc, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """NumPy's own call."""
    names = tuple(options)
    values = (ctypes.py_object * (len(args) + len(names)))(*args, *options.values())
    return _plain_call()(ufunc, values, len(args), id(names) if names else None)


def _call_by_rows(ufunc: np.ufunc, /, *args: Any, **options: Any) -> Any:
    """A call whose operands NumPy does not join to one axis."""
    call = _usual_call(ufunc, args, options)
    work = None if call is None else _work(ufunc, *call)
    if work is None:
        return _call_plainly(ufunc, args, options)
    words = (ctypes.c_int64 * len(work.words))(*work.words)
    _launch()(pool.launcher().pool, _runner().address(_RUN), ctypes.addressof(words), work.chunks)
    outputs = tuple(work.operands[ufunc.nin :])
    return outputs[0] if len(outputs) == 1 else outputs


class _Work(NamedTuple):
    """What is run: the operands, which keep memory alive, the native words, how many chunks."""

    operands: list[np.ndarray]
    words: list[int]
    chunks: int


_WEAK = (int, float, complex)
"""Numbers that take the types of arrays."""


def _usual_call(
    ufunc: np.ufunc, args: Sequence[Any], options: Mapping[str, Any]
) -> tuple[list[Any], list[Any]] | None:
    """Inputs and given outputs; None if there is more to the call than arrays and numbers."""
    inputs, outs = list(args[: ufunc.nin]), args[ufunc.nin :]
    if len(inputs) < ufunc.nin or options.keys() - {"out"} or (outs and options):
        return None
    outs = options.get("out", outs)
    given = [*outs] if isinstance(outs, tuple) else [outs]
    given += [None] * (ufunc.nout - len(given))
    usual = all(type(x) in (np.ndarray, *_WEAK) or isinstance(x, np.generic) for x in inputs)
    usual &= all(x is None or type(x) is np.ndarray for x in given)
    return (inputs, given) if usual and len(given) == ufunc.nout else None


def _work(ufunc: np.ufunc, inputs: list[Any], given: list[Any]) -> _Work | None:
    """How to go over the rows; None if NumPy is to do it, which also knows best what is wrong."""
    rows = next(each for each in own_binding(ufunc).owned if isinstance(each, _Rows))
    stored = [x for x in given if x is not None]
    try:
        shape = np.broadcast_shapes(*(x.shape for x in (*inputs, *stored) if type(x) not in _WEAK))
    except ValueError:
        return None
    if _split([x for x in (*inputs, *stored) if type(x) is np.ndarray], shape, rows) is None:
        return None
    try:
        dtypes = ufunc.resolve_dtypes(
            (*(type(x) if type(x) in _WEAK else x.dtype for x in inputs), *_dtypes(given))
        )
        numbers = [
            np.array(x, dtype) if type(x) in _WEAK else np.asarray(x)
            for x, dtype in zip(inputs, dtypes, strict=False)
        ]
    except (TypeError, ValueError, OverflowError):
        return None
    table = rows.tables.get(tuple(map(type, dtypes)))
    if table is None or _overlap(numbers, stored):
        return None
    outputs = _outputs(numbers, given, dtypes[ufunc.nin :], shape)
    operands = [*numbers, *outputs]
    alike = all(x.dtype == d and x.flags.aligned for x, d in zip(operands, dtypes, strict=True))
    split = _split(operands, shape, rows)
    if not alike or split is None or any(x.shape != shape or not _is_apart(x) for x in outputs):
        return None
    n, strides, axes = split
    count = math.prod(length for length, _ in axes)
    per = max(
        1,
        count // (CHUNKS_PER_THREAD * threads.get_num_threads()),
        math.ceil(CHUNK / (n * table.time)),
    )
    words = [table.address, len(operands), len(axes), count, per, n]
    words += [*(x.ctypes.data for x in operands), *strides]
    for length, steps in reversed(axes):
        words += [length, *steps]
    return _Work(operands, words, -(-count // per))


def _dtypes(outputs: Sequence[Any]) -> list[np.dtype[Any] | None]:
    return [None if x is None else x.dtype for x in outputs]


_Axis: TypeAlias = tuple[int, tuple[int, ...]]
"""Its length, and the operands' strides in it."""


def _split(
    operands: Sequence[np.ndarray], shape: tuple[int, ...], rows: _Rows
) -> tuple[int, tuple[int, ...], list[_Axis]] | None:
    """The length of rows and the strides in them, and the axes along which there are many.

    None if the rows are too few or too short.
    """
    axes = _axes(shape, [_strides(x, len(shape)) for x in operands])
    n, strides = axes.pop() if axes else (1, ())
    few = math.prod(length for length, _ in axes) < 4 * threads.get_num_threads()
    if few or n * rows.time.value < ROW or threads.get_num_threads() == 1:
        return None
    return n, strides, axes


def _strides(x: np.ndarray, ndim: int) -> list[int]:
    """The strides of an array that is broadcast to so many axes."""
    steps = [0 if n == 1 else step for n, step in zip(x.shape, x.strides, strict=True)]
    return [0] * (ndim - len(steps)) + steps


def _axes(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> list[_Axis]:
    """The axes, from those with far steps to those with near ones.

    Those of one element are left out, and those are joined that all operands run through as one.
    """
    found = [(n, steps) for n, *steps in zip(shape, *strides, strict=True) if n != 1]
    found.sort(key=lambda axis: -sum(map(abs, axis[1])))
    joined: list[_Axis] = []
    for n, steps in found:
        if joined and all(far == near * n for far, near in zip(joined[-1][1], steps, strict=True)):
            joined[-1] = (joined[-1][0] * n, tuple(steps))
        else:
            joined.append((n, tuple(steps)))
    return joined


def _is_apart(x: np.ndarray) -> bool:
    """Whether no two elements of an array that is to be written share memory."""
    whole = x.itemsize
    for step, n in sorted(
        (abs(step), n) for step, n in zip(x.strides, x.shape, strict=True) if n > 1
    ):
        if step < whole:
            return False
        whole = step * n
    return x.flags.writeable


def _overlap(inputs: Sequence[np.ndarray], outputs: Sequence[Any]) -> bool:
    """Whether a given output may overlap another operand; the same array may be both."""
    given = [x for x in outputs if x is not None]
    return any(
        np.may_share_memory(out, x) and not (x is out and k < len(inputs))
        for number, out in enumerate(given)
        for k, x in enumerate((*inputs, *given[:number]))
    )


def _outputs(
    inputs: Sequence[np.ndarray],
    given: Sequence[Any],
    dtypes: Sequence[np.dtype[Any]],
    shape: tuple[int, ...],
) -> list[np.ndarray]:
    """The outputs, those that are missing made as NumPy makes them."""
    if not any(x is None for x in given):
        return list(given)
    made = [dtype if x is None else None for x, dtype in zip(given, dtypes, strict=True)]
    flags: Any = [["readonly"]] * len(inputs) + [["writeonly", "allocate", "no_subtype"]] * len(
        made
    )
    types: Any = [*[None] * len(inputs), *made]
    iterator = np.nditer([*inputs, *given], ["zerosize_ok"], flags, types, itershape=shape)
    return list(iterator.operands[len(inputs) :])
