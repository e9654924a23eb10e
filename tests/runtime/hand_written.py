"""Ufuncs over hand-written LLVM loops: the runtime without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from kernelgen.runtime import engine, numpy_api, trampolines
from kernelgen.runtime.numpy_api import LoopFlag

LLVM_TYPES = {
    np.dtypes.Float64DType: "double",
    np.dtypes.Float32DType: "float",
    np.dtypes.Int64DType: "i64",
    np.dtypes.Int32DType: "i32",
    np.dtypes.BoolDType: "i8",
}

BINARY_LOOP = """
define i32 @loop(ptr %context, ptr %data, ptr %dimensions, ptr %strides, ptr %aux) {{
entry:
  %n = load i64, ptr %dimensions
  %data1 = getelementptr ptr, ptr %data, i64 1
  %data2 = getelementptr ptr, ptr %data, i64 2
  %p0 = load ptr, ptr %data
  %p1 = load ptr, ptr %data1
  %p2 = load ptr, ptr %data2
  %strides1 = getelementptr i64, ptr %strides, i64 1
  %strides2 = getelementptr i64, ptr %strides, i64 2
  %s0 = load i64, ptr %strides
  %s1 = load i64, ptr %strides1
  %s2 = load i64, ptr %strides2
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %o0 = mul i64 %i, %s0
  %o1 = mul i64 %i, %s1
  %o2 = mul i64 %i, %s2
  %q0 = getelementptr i8, ptr %p0, i64 %o0
  %q1 = getelementptr i8, ptr %p1, i64 %o1
  %q2 = getelementptr i8, ptr %p2, i64 %o2
  %x = load {type}, ptr %q0
  %y = load {type}, ptr %q1
  %z = {operation} {type} %x, %y
  store {type} %z, ptr %q2
  %next = add i64 %i, 1
  br label %head
done:
  ret i32 0
}}
"""

RAISING_LOOP = """
@kernelgen_exception_0 = external global i8
declare void @kernelgen_raise(ptr)
define i32 @loop(ptr %context, ptr %data, ptr %dimensions, ptr %strides, ptr %aux) {
  call void @kernelgen_raise(ptr @kernelgen_exception_0)
  ret i32 -1
}
"""


def compiled_loop(text: str, symbols: dict[str, int]) -> engine.Library:
    code = engine.compile_module(text, opt_level=0).object_code
    return engine.link(code, ["loop"], symbols)


@cache
def addition_code(llvm_type: str, initial: bytes | None) -> bytes:
    operation = "fadd" if llvm_type in {"double", "float"} else "add"
    text = BINARY_LOOP.format(type=llvm_type, operation=operation)
    if initial is not None:
        text += trampolines.reduction_initial("initial", initial)
    return engine.compile_module(text, opt_level=1).object_code


def common_dtype(inputs, signature):
    """The DType that the operands share, with NumPy's weak Python scalars."""
    pinned = [dtype for dtype in signature if dtype is not None]
    given = pinned[-1:] or [dtype for dtype in inputs if dtype is not None]
    return np.result_type(*[example(dtype) for dtype in given]).__class__


def example(dtype):
    weak = {"_PyLongDType": 1, "_PyFloatDType": 1.0, "_PyComplexDType": 1j}
    return weak[dtype.__name__] if dtype.__name__ in weak else dtype()


def make_addition(name="plus", identity=None, flags=None, promote=None):
    """A fresh ``x + y`` that has not met any dtype yet."""
    if flags is None:
        flags = LoopFlag.NO_FLOATINGPOINT_ERRORS
        flags |= LoopFlag(0) if identity is None else LoopFlag.REORDERABLE

    def promote_addition(ufunc, inputs, signature):
        dtype = common_dtype(inputs, signature)
        if dtype not in LLVM_TYPES:
            raise TypeError(f"no addition of {dtype.__name__}, says the kernel")
        if (dtype, dtype) not in numpy_api.binding_of(ufunc).loops:
            add_addition(ufunc, dtype, identity, flags)
        return dtype, dtype, dtype

    return numpy_api.make_ufunc(name, "Add.", 2, 1, identity, promote or promote_addition)


def add_addition(ufunc, dtype, identity, flags):
    has_initial = identity not in {None, "reorderable"}
    initial = dtype().type(identity).tobytes() if has_initial else None
    exports = ["loop", "initial"] if has_initial else ["loop"]
    library = engine.link(addition_code(LLVM_TYPES[dtype], initial), exports, {})
    numpy_api.add_loop(
        ufunc,
        (dtype, dtype, dtype),
        library.address("loop"),
        flags=flags,
        name="plus_loop",
        initial=library.address("initial") if has_initial else 0,
        owner=library,
    )


def make_raising(symbols: dict[str, int], owner: object) -> Callable:
    """A ufunc whose loop raises the exception behind ``kernelgen_exception_0``."""
    float64 = np.dtypes.Float64DType

    def promote(ufunc, inputs, signature):
        if not numpy_api.binding_of(ufunc).loops:
            library = compiled_loop(RAISING_LOOP, {**trampolines.addresses().for_loops, **symbols})
            numpy_api.add_loop(
                ufunc,
                (float64,) * 3,
                library.address("loop"),
                flags=LoopFlag.NO_FLOATINGPOINT_ERRORS,
                name="raising_loop",
                owner=(library, owner),
            )
        return (float64,) * 3

    return numpy_api.make_ufunc("raising", "", 2, 1, None, promote)
