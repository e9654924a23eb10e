"""The loop of ``KERNELGEN_DISABLE_JIT=1``: the kernel runs as the Python it is written in.

The ufunc, its dtypes and its errors are those of the compiled kernel, but a debugger can stop
in it and coverage sees its lines.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from kernelgen.ops.convert import convert_value
from kernelgen.options import Options
from kernelgen.runtime.cpython_api import python_call
from kernelgen.types.signature import Signature

SYMBOL = "kernelgen_loop"
GET_LOOP = "kernelgen_get_interpreted_loop"
CALLEE = "kernelgen_python_loop"

_LOOP = """
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare void @Py_DecRef(ptr)
""" + python_call(
    SYMBOL,
    "ptr %context, i64 %data, i64 %dims, i64 %strides, ptr %aux",
    CALLEE,
    "KKK",
    "i64 %data, i64 %dims, i64 %strides",
)


def module(flags: int) -> str:
    """A strided loop that calls a Python function with its addresses, and its ``get_loop``.

    ``flags`` are those of the loop, which needs the GIL.
    """
    return f"""{_LOOP}
define i32 @{GET_LOOP}(ptr %context, i32 %aligned, i32 %move, ptr %strides,
                       ptr %loop, ptr %data, ptr %flags) {{
  store ptr @{SYMBOL}, ptr %loop
  store ptr null, ptr %data
  store i32 {flags}, ptr %flags
  ret i32 0
}}
"""


def python_loop(
    function: Callable[..., Any], signature: Signature, options: Options
) -> Callable[[int, int, int], None]:
    """The Python function that the loop calls: it runs ``function`` once for each element."""
    dtypes = [t.dtype for t in signature.types]
    nin, several = len(signature.inputs), len(signature.outputs) > 1

    def loop(data: int, dims: int, strides: int) -> None:
        count = ctypes.c_ssize_t.from_address(dims).value
        pointers = (ctypes.c_size_t * len(dtypes)).from_address(data)
        steps = (ctypes.c_ssize_t * len(dtypes)).from_address(strides)
        arrays = [_view(*each, count) for each in zip(pointers, steps, dtypes, strict=True)]
        inputs, outputs = arrays[:nin], arrays[nin:]
        with _floating_point_errors(options):
            for i in range(count):
                result = function(*(array[i] for array in inputs))
                values = result if several else (result,)
                for array, value, t in zip(outputs, values, signature.outputs, strict=True):
                    array[i] = convert_value(value, t)

    return loop


@contextlib.contextmanager
def _floating_point_errors(options: Options) -> Iterator[None]:
    """What NumPy's scalars, which the kernel runs on, do about division by zero and the like.

    They do not tell 0.0 / 0.0 and x % 0.0 from other invalid operations, such as inf - inf:
    under ``error_model="python"`` these give nan here.
    """
    raises = options.error_model == "python"
    # None leaves what the caller of the ufunc asks for.
    usual: Literal["ignore"] | None = "ignore" if options.fp_errors == "ignore" else None
    with np.errstate(all=usual, divide="raise" if raises else usual):
        try:
            yield
        except FloatingPointError as error:
            if not raises or "divide by zero" not in str(error):
                raise
            raise ZeroDivisionError("division by zero") from error


def _view(pointer: int, step: int, dtype: np.dtype[Any], count: int) -> np.ndarray[Any, Any]:
    """The array of ``count`` elements at ``pointer``, ``step`` bytes apart."""
    if count == 0:
        return np.empty(0, dtype)
    first = min(0, step * (count - 1))
    size = abs(step) * (count - 1) + dtype.itemsize
    memory = (ctypes.c_char * size).from_address(pointer + first)
    return np.ndarray((count,), dtype, memoryview(memory), -first, (step,))
