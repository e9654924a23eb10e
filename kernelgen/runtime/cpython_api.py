"""CPython's C API, for calls from Python through ctypes and from generated code by address."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from kernelgen.payload import SIZE

# What generated code may call. Addresses are handed to the linker one by one, because a
# libpython that was loaded privately (an embedding host) is invisible to a search by name.
_LINKED = (
    "PyCapsule_GetPointer",
    "PyCapsule_New",
    "PyComplex_FromDoubles",
    "PyErr_Fetch",
    "PyErr_Restore",
    "PyErr_SetObject",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyFloat_FromDouble",
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyLong_AsLongLongAndOverflow",
    "PyLong_FromLongLong",
    "PyObject_CallFunction",
    "PyObject_CallNoArgs",
    "PyObject_GetAttr",
    "PyObject_Type",
    "PyObject_Vectorcall",
    "PyObject_VectorcallMethod",
    "PyTuple_New",
    "PyType_GenericAlloc",
    "Py_DecRef",
    "Py_IncRef",
)


COUNT_REFERENCES = """
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
"""
"""Declarations for LLVM."""


def function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Make a caller of one C-API function that keeps the GIL and passes exceptions on.

    Unlike setting ``argtypes`` on ``ctypes.pythonapi.<name>``, this leaves the function
    object alone that all users of ctypes in the process share.

    Parameters
    ----------
    name : str
        The function's C name.
    result, *arguments : ctypes type or None
        Its C types.
    """
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


def address(name: str) -> int:
    """Return the address of the C-API function `name`."""
    found = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    assert found is not None
    return found


@cache
def symbols() -> dict[str, int]:
    """Return the C-API functions that generated code may call, by name."""
    return {name: address(name) for name in _LINKED}


def python_call(symbol: str, parameters: str, callee: str, formats: str, passed: str) -> str:
    """Write a native function that calls a Python function, and lets its exception through.

    Parameters
    ----------
    symbol, parameters : str
        The function's name and LLVM parameters.
    callee : str
        The symbol to which the address of the Python function is linked.
    formats, passed : str
        The format of ``PyObject_CallFunction``, and the arguments that go with it.

    Returns
    -------
    str
        LLVM IR of a function that returns 0, or -1 with the exception set. Its module declares
        ``PyObject_CallFunction`` and ``Py_DecRef``. The caller holds the GIL.
    """
    return f"""
@{callee} = external global i8
@{symbol}_format = private constant [{len(formats) + 1} x i8] c"{formats}\\00"

define i32 @{symbol}({parameters}) {{
  %done = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr @{callee}, ptr @{symbol}_format,
      {passed})
  %failed = icmp eq ptr %done, null
  br i1 %failed, label %failure, label %success
success:
  call void @Py_DecRef(ptr %done)
  ret i32 0
failure:
  ret i32 -1
}}
"""


def _from_memory(
    factory: Callable[[bytes], BaseException], size: int
) -> Callable[[int], BaseException]:
    """A factory that is given the address of its bytes."""
    return lambda address: factory(ctypes.string_at(address, size))


class ExceptionTable:
    """The exceptions that one kernel can raise, as symbols for the linker.

    Compiled code raises exception ``k`` with ``call void @kernelgen_raise(ptr @<symbol k>)``,
    or with ``@kernelgen_raise_with`` and the address of the words that it is made of.
    Behind the symbol is a factory and not the exception, as each raise needs an instance of
    its own: a shared one would collect the tracebacks and contexts of all its raises.

    Parameters
    ----------
    factories : sequence of callable
        Each makes the exception to be raised, without arguments or of its words as bytes.
    words : sequence of int, optional
        How many 64-bit words each factory takes; none by default.

    Attributes
    ----------
    symbols : dict of str to int
        What to link. The addresses hold while this table lives.

    Examples
    --------
    >>> sorted(ExceptionTable([ValueError, lambda: KeyError("y")]).symbols)
    ['kernelgen_exception_0', 'kernelgen_exception_1']
    """

    def __init__(
        self, factories: Sequence[Callable[..., BaseException]], words: Sequence[int] | None = None
    ) -> None:
        counts = [0] * len(factories) if words is None else words
        self._factories = [
            _from_memory(factory, SIZE * count) if count else factory
            for factory, count in zip(factories, counts, strict=True)
        ]
        self.symbols = {
            self.symbol(index): id(factory) for index, factory in enumerate(self._factories)
        }

    @staticmethod
    def symbol(index: int) -> str:
        """Return the name by which compiled code refers to exception number `index`."""
        return f"kernelgen_exception_{index}"
