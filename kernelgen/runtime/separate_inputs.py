"""Calls of generalized ufuncs that write to inputs: these are copied where others are the same.

NumPy copies what a writable input overlaps, with one exception: if two inputs are the very same
elements, it takes for granted that a loop reads an element before it writes one there, as loops
over elements do. This holds for all inputs of all generalized ufuncs, and no flag of a ufunc says
otherwise. So calls come through native code that compares the addresses of the inputs first.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from kernelgen.runtime import cpython_api, engine, locks, native_calls
from kernelgen.runtime.gufunc_api import READWRITE, UFunc
from kernelgen.runtime.layouts import ARRAY_DATA, TYPE

_CALL = "kernelgen_call_separately"

_LLVM = f"""
@ndarray = external global i8
declare i32 @PyType_IsSubtype(ptr, ptr)

; The address of an array's elements; null for anything else.
define internal ptr @data_of(ptr %object) {{
  %class.at = getelementptr i8, ptr %object, i64 {TYPE}
  %class = load ptr, ptr %class.at
  %is = call i32 @PyType_IsSubtype(ptr %class, ptr @ndarray)
  %array = icmp ne i32 %is, 0
  br i1 %array, label %yes, label %no
yes:
  %data.at = getelementptr i8, ptr %object, i64 {ARRAY_DATA}
  %data = load ptr, ptr %data.at
  ret ptr %data
no:
  ret ptr null
}}

define ptr @{_CALL}(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names) {{
entry:
  %given = call i64 @positional(i64 %nargsf)
  %nin.at = getelementptr i8, ptr %ufunc, i64 {UFunc.nin.offset}
  %nin.int = load i32, ptr %nin.at
  %nin = sext i32 %nin.int to i64
  %enough = icmp sge i64 %given, %nin
  br i1 %enough, label %look, label %call
look:
  %flags.at.at = getelementptr i8, ptr %ufunc, i64 {UFunc.op_flags.offset}
  %flags.at = load ptr, ptr %flags.at.at
  br label %each
each:
  %i = phi i64 [ 0, %look ], [ %i.next, %next ]
  %i.more = icmp slt i64 %i, %nin
  br i1 %i.more, label %input, label %call
input:
  %flag.at = getelementptr i32, ptr %flags.at, i64 %i
  %flag = load i32, ptr %flag.at
  %writable.bit = and i32 %flag, {READWRITE}
  %writable = icmp ne i32 %writable.bit, 0
  br i1 %writable, label %written, label %next
written:
  %a.at = getelementptr ptr, ptr %args, i64 %i
  %a = load ptr, ptr %a.at
  %a.data = call ptr @data_of(ptr %a)
  %a.none = icmp eq ptr %a.data, null
  br i1 %a.none, label %next, label %others
others:
  %k = phi i64 [ 0, %written ], [ %k.next, %apart ]
  %k.more = icmp slt i64 %k, %nin
  br i1 %k.more, label %other, label %next
other:
  %b.at = getelementptr ptr, ptr %args, i64 %k
  %b = load ptr, ptr %b.at
  %b.data = call ptr @data_of(ptr %b)
  %same = icmp eq ptr %a.data, %b.data
  %itself = icmp eq i64 %k, %i
  %not = xor i1 %itself, true
  %shared = and i1 %same, %not
  br i1 %shared, label %separate, label %apart
apart:
  %k.next = add i64 %k, 1
  br label %others
next:
  %i.next = add i64 %i, 1
  br label %each
call:
  %result = tail call ptr @kernelgen_numpys_call(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names)
  ret ptr %result
separate:
  %answer = call ptr @hand_over(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names)
  ret ptr %answer
}}
"""


def separate_inputs(ufunc: np.ufunc) -> None:
    """Have calls of a generalized ufunc that writes to inputs copy those that are one array."""
    with locks.compiling:
        library = _library()
    native_calls.go_through(ufunc, library.address(_CALL))


@cache
def _library() -> engine.Library:
    module = engine.compile_module(native_calls.HAND_OVER + _LLVM, opt_level=0)
    symbols = {
        **native_calls.symbols(_call_separately),
        "PyType_IsSubtype": cpython_api.address("PyType_IsSubtype"),
        "ndarray": id(np.ndarray),
    }
    return engine.link(module.object_code, [_CALL], symbols)


def _call_separately(ufunc: np.ufunc, /, *operands: Any, **options: Any) -> Any:
    """Call a ufunc with copies of inputs that have the address of one that it writes to.

    What is written to a copy is written back, in the order of the operands.
    """
    flags = UFunc.from_address(id(ufunc)).op_flags
    writable = [i for i in range(ufunc.nin) if flags[i] & READWRITE]
    kept: set[int] = set()
    handed, written = list(operands), []
    for i in [*writable, *(i for i in range(ufunc.nin) if i not in writable)]:
        given = operands[i]
        if not isinstance(given, np.ndarray):
            continue
        if given.ctypes.data in kept:
            handed[i] = given.copy()
            written += [(given, handed[i])] if i in writable else []
        elif i in writable:
            kept.add(given.ctypes.data)
    result = ufunc(*handed, **options)
    for array, copy in written:
        array[...] = copy
    return result
