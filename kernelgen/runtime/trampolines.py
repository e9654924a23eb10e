"""Native helpers that carry Python exceptions to where ctypes callbacks cannot.

An exception that leaves a ctypes callback is printed and lost. These few instructions
call the same Python code through CPython's C API and return with the exception set.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from kernelgen.runtime import cpython_api, engine, locks, numpy_api, patterns

_PROMOTER = "kernelgen_promoter"

_LLVM = """
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare void @PyErr_SetObject(ptr, ptr)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @PyObject_CallNoArgs(ptr)
declare ptr @PyObject_Type(ptr)
declare void @Py_DecRef(ptr)

@address_format = private constant [2 x i8] c"K\\00"

define void @kernelgen_raise(ptr %factory) {
  %gil = call i32 @PyGILState_Ensure()
  %error = call ptr @PyObject_CallNoArgs(ptr %factory)
  call void @kernelgen_set_error(ptr %error)
  call void @PyGILState_Release(i32 %gil)
  ret void
}

define void @kernelgen_raise_with(ptr %factory, ptr %words) {
  %gil = call i32 @PyGILState_Ensure()
  %address = ptrtoint ptr %words to i64
  %error = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %factory, ptr @address_format,
                                                           i64 %address)
  call void @kernelgen_set_error(ptr %error)
  call void @PyGILState_Release(i32 %gil)
  ret void
}

define internal void @kernelgen_set_error(ptr %error) {
  %failed = icmp eq ptr %error, null
  br i1 %failed, label %done, label %set
set:
  %type = call ptr @PyObject_Type(ptr %error)
  call void @PyErr_SetObject(ptr %type, ptr %error)
  call void @Py_DecRef(ptr %type)
  call void @Py_DecRef(ptr %error)
  br label %done
done:
  ret void
}
"""

_PROMOTE = cpython_api.python_call(
    _PROMOTER,
    "ptr %ufunc, i64 %operands, i64 %signature, i64 %answer",
    "kernelgen_promote",
    "OKKK",
    "ptr %ufunc, i64 %operands, i64 %signature, i64 %answer",
)

_FOR_LOOPS = (
    "kernelgen_raise",
    "kernelgen_raise_with",
    "kernelgen_choose_loop",
    "kernelgen_find_loop",
    patterns.FITS,
)


class Trampolines(NamedTuple):
    """Addresses of the native helpers.

    Attributes
    ----------
    promoter : int
        NumPy's promoter function, ``int (ufunc, op_dtypes, signature, new_op_dtypes)``.
    for_loops : dict of str to int
        What kernels' loops are linked with. ``void kernelgen_raise(factory)`` sets the
        exception that the Python callable makes, as the calling thread's, and takes the GIL by
        itself; ``kernelgen_raise_with(factory, words)`` hands it an address. The others find
        loops, and check that a call fits one (`patterns`).
    """

    promoter: int
    for_loops: dict[str, int]


def addresses() -> Trampolines:
    """Return the helpers' addresses; they hold for the life of the process."""
    with locks.compiling:
        library = _library()
    return Trampolines(
        library.address(_PROMOTER), {name: library.address(name) for name in _FOR_LOOPS}
    )


@cache
def _library() -> engine.Library:
    # No passes and the fastest code generator: these run once per loop, not per element.
    module = engine.compile_module(_LLVM + _PROMOTE + patterns.CHOOSE + patterns.CHECK, opt_level=0)
    imports = {**cpython_api.symbols(), "kernelgen_promote": id(numpy_api.answer_promotion)}
    return engine.link(module.object_code, [_PROMOTER, *_FOR_LOOPS], imports)


def reduction_initial(symbol: str, value: bytes) -> str:
    """Write a function that tells NumPy the initial value of a reduction.

    Parameters
    ----------
    symbol : str
        The function's name. Its address is for `numpy_api.add_loop`.
    value : bytes
        One element of the result's dtype: ``np.float64(1).tobytes()``.

    Returns
    -------
    str
        LLVM IR of ``int (context, npy_bool is_empty, void *initial)``.
    """
    escaped = "".join(f"\\{byte:02X}" for byte in value)
    return f"""
define i32 @{symbol}(ptr %context, i8 %is_empty, ptr %initial) {{
  store [{len(value)} x i8] c"{escaped}", ptr %initial
  ret i32 1
}}
"""
