"""Calls of ufuncs that go through native code of ours before NumPy's.

The code looks at the operands. It goes on to NumPy's own call, or hands the call to a function of
Python, which takes the ufunc and then what the ufunc was called with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.runtime import cpython_api
from kernelgen.runtime.gufunc_api import UFunc
from kernelgen.runtime.layouts import LENGTH

HAND_OVER = f"""
@kernelgen_python_call = external global i8
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @kernelgen_numpys_call(ptr, ptr, i64, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

; How many arguments a call has by position.
define internal i64 @positional(i64 %nargsf) alwaysinline {{
  %count = and i64 %nargsf, {(1 << 63) - 1}
  ret i64 %count
}}

; How many it has by keyword.
define internal i64 @named(ptr %names) {{
  %none = icmp eq ptr %names, null
  br i1 %none, label %no, label %some
some:
  %length.at = getelementptr i8, ptr %names, i64 {LENGTH}
  %length = load i64, ptr %length.at
  ret i64 %length
no:
  ret i64 0
}}

; Have Python do a call.
define internal ptr @hand_over(ptr %ufunc, ptr %args, i64 %nargsf, ptr %names) {{
  %given = call i64 @positional(i64 %nargsf)
  %keywords = call i64 @named(ptr %names)
  %all = add i64 %given, %keywords
  %one.more = add i64 %all, 1
  %handed = alloca ptr, i64 %one.more
  store ptr %ufunc, ptr %handed
  %behind = getelementptr ptr, ptr %handed, i64 1
  %bytes = mul i64 %all, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %behind, ptr %args, i64 %bytes, i1 false)
  %first = add i64 %given, 1
  %answer = call ptr @PyObject_Vectorcall(ptr @kernelgen_python_call, ptr %handed, i64 %first,
                                          ptr %names)
  ret ptr %answer
}}
"""
"""What modules of such code begin with."""


def symbols(python_call: Callable[..., Any]) -> dict[str, int]:
    """What a module is linked with that hands calls to ``python_call``, which is kept alive."""
    return {
        "PyObject_Vectorcall": cpython_api.address("PyObject_Vectorcall"),
        "kernelgen_numpys_call": numpys_call(),
        "kernelgen_python_call": id(python_call),
    }


def numpys_call() -> int:
    """The address of NumPy's own call of all ufuncs."""
    return int(UFunc.from_address(id(np.add)).vectorcall)


def go_through(ufunc: np.ufunc, address: int) -> None:
    """Have calls of a ufunc go through the native code at an address."""
    UFunc.from_address(id(ufunc)).vectorcall = address
