"""The loop of ``KERNELGEN_DISABLE_JIT=1``: the kernel runs as the Python it is written in.

The ufunc, its dtypes and its errors are those of the compiled kernel, but a debugger can stop
in it and coverage sees its lines.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from kernelgen.ops.convert import convert_value
from kernelgen.options import Options
from kernelgen.runtime import float_status
from kernelgen.runtime.cpython_api import python_call
from kernelgen.shells.gufunc import CoreArgument
from kernelgen.types.compound import Array, dtype_of
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

SYMBOL = "kernelgen_loop"
GET_LOOP = "kernelgen_get_interpreted_loop"
CALLEE = "kernelgen_python_loop"

_NUMBERS = "i64 %data, i64 %dims, i64 %strides"

# The errors of NumPy's scalars have been reported in the Python function, where each operation
# clears what the casts in front of the loop have raised.
_LOOP = "\n".join(
    [
        "declare ptr @PyObject_CallFunction(ptr, ptr, ...)",
        "declare void @Py_DecRef(ptr)",
        *float_status.DECLARATIONS,
        "declare i32 @feraiseexcept(i32) nounwind",
        python_call("call", _NUMBERS, CALLEE, "KKK", _NUMBERS),
        f"define i32 @{SYMBOL}(ptr %context, {_NUMBERS}, ptr %aux) {{",
        *float_status.BEFORE,
        f"  %done = call i32 @call({_NUMBERS})",
        *float_status.AFTER,
        "  %again = call i32 @feraiseexcept(i32 %fp.before)",
        "  ret i32 %done",
        "}",
    ]
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
        arrays = [
            _view(pointer, dtype, (count,), (step,))
            for pointer, step, dtype in zip(pointers, steps, dtypes, strict=True)
        ]
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


def core_python_loop(
    function: Callable[..., Any],
    operands: Sequence[CoreArgument],
    nin: int,
    returns: bool,
    options: Options,
) -> Callable[[int, int, int], None]:
    """The Python function that the loop of a generalized ufunc calls.

    Parameters
    ----------
    function : callable
        The kernel.
    operands : sequence of CoreArgument
        What it takes, inputs first.
    nin : int
        The number of inputs.
    returns : bool
        Whether it returns what is stored in the outputs.
    """

    def loop(data: int, dims: int, strides: int) -> None:
        arrays = _core_arrays(operands, data, dims, strides)
        inputs, outputs = arrays[:nin], arrays[nin:]
        with _floating_point_errors(options):
            for i in range(len(arrays[0])):
                given = [array[i] for array in inputs]
                if not returns:
                    function(*given, *(array[i] for array in outputs))
                    continue
                result = function(*given)
                values = result if len(outputs) > 1 else (result,)
                for array, value, t in zip(outputs, values, operands[nin:], strict=True):
                    array[i] = _stored(value, dtype_of(t.type))

    return loop


def _stored(value: Any, t: Scalar) -> Any:
    """What a compiled kernel stores of ``value`` in an output of type ``t``."""
    return value if isinstance(value, np.ndarray) else convert_value(value, t)


def _core_arrays(
    operands: Sequence[CoreArgument], data: int, dims: int, strides: int
) -> list[np.ndarray[Any, Any]]:
    """The operands as arrays, whose first axis is that of the loop."""
    count, place = len(operands), len(operands)
    sizes = ctypes.c_ssize_t * (2 + max((d for o in operands for d in o.dims), default=-1))
    found = sizes.from_address(dims)
    pointers = (ctypes.c_size_t * count).from_address(data)
    steps = (ctypes.c_ssize_t * (count + sum(len(o.dims) for o in operands))).from_address(strides)
    arrays = []
    for k, operand in enumerate(operands):
        t, shape = operand.type, [found[1 + d] for d in operand.dims]
        core = list(steps[place : place + len(shape)])
        place += len(shape)
        if isinstance(t, Array) and len(shape) < t.ndim:
            shape, core = [1], [t.dtype.size]
        dtype = dtype_of(t).dtype
        array = _view(pointers[k], dtype, (found[0], *shape), (steps[k], *core))
        array.flags.writeable = not (isinstance(t, Array) and t.readonly)
        arrays.append(array)
    return arrays


def _view(
    pointer: int, dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """The array whose first element is at ``pointer``."""
    if 0 in shape:
        return np.empty(shape, dtype)
    ends = [step * (length - 1) for step, length in zip(strides, shape, strict=True)]
    first = sum(min(0, end) for end in ends)
    size = sum(max(0, end) for end in ends) - first + dtype.itemsize
    memory = (ctypes.c_char * size).from_address(pointer + first)
    return np.ndarray(shape, dtype, memoryview(memory), -first, strides)
