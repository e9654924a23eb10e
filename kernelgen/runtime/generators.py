"""``np.random.Generator`` objects in compiled code: NumPy's functions that draw, and the locks.

A generator has a copy of its bit generator's interface in itself. NumPy holds the lock of the bit
generator for each draw; compiled code holds it for a whole call, so that other threads draw before
or after it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.generators import BINOMIAL, LOCK, NEXT_DOUBLE, NEXT_UINT32, NEXT_UINT64, UNLOCK
from kernelgen.generators import symbol as symbol_of
from kernelgen.runtime import cpython_api, engine
from kernelgen.runtime.layouts import GENERATOR, GENERATOR_LOCK
from kernelgen.ziggurats import ZIGGURATS

_ACQUIRE, _RELEASE = "kernelgen_name_acquire", "kernelgen_name_release"
_METHODS = {_ACQUIRE: "acquire", _RELEASE: "release"}

# Locks are taken in the order of their addresses, each of them once, so that two threads that are
# given the same generators in different orders do not wait for each other.
_SOURCE = f"""
@{_ACQUIRE} = external global i8
@{_RELEASE} = external global i8
declare ptr @PyObject_VectorcallMethod(ptr, ptr, i64, ptr)
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
declare void @Py_DecRef(ptr)

; The least address of a lock that is greater than the last one; -1 if there is none.
define internal i64 @next_lock(ptr %locks, i64 %count, i64 %last) {{
start:
  br label %each
each:
  %i = phi i64 [ 0, %start ], [ %i.next, %look ]
  %least = phi i64 [ -1, %start ], [ %least.next, %look ]
  %all = icmp eq i64 %i, %count
  br i1 %all, label %done, label %look
look:
  %lock.at = getelementptr i64, ptr %locks, i64 %i
  %lock = load i64, ptr %lock.at
  %new = icmp ugt i64 %lock, %last
  %less = icmp ult i64 %lock, %least
  %taken = and i1 %new, %less
  %least.next = select i1 %taken, i64 %lock, i64 %least
  %i.next = add i64 %i, 1
  br label %each
done:
  ret i64 %least
}}

define internal ptr @call_method(i64 %object, ptr %name) {{
  %args = alloca i64
  store i64 %object, ptr %args
  %made = call ptr @PyObject_VectorcallMethod(ptr %name, ptr %args, i64 1, ptr null)
  ret ptr %made
}}

; Release the locks below an address.
define internal void @unlock_below(ptr %locks, i64 %count, i64 %end) {{
start:
  br label %next
next:
  %last = phi i64 [ 0, %start ], [ %lock, %release ]
  %lock = call i64 @next_lock(ptr %locks, i64 %count, i64 %last)
  %more = icmp ult i64 %lock, %end
  br i1 %more, label %release, label %done
release:
  %made = call ptr @call_method(i64 %lock, ptr @{_RELEASE})
  call void @Py_DecRef(ptr %made)
  br label %next
done:
  ret void
}}

define void @{UNLOCK}(ptr %locks, i64 %count) {{
  call void @unlock_below(ptr %locks, i64 %count, i64 -1)
  ret void
}}

; Whether all are locked; if not, none is, and an exception is set.
define i1 @{LOCK}(ptr %locks, i64 %count) {{
start:
  %raised = alloca [3 x ptr]
  br label %next
next:
  %last = phi i64 [ 0, %start ], [ %lock, %acquired ]
  %lock = call i64 @next_lock(ptr %locks, i64 %count, i64 %last)
  %none = icmp eq i64 %lock, -1
  br i1 %none, label %done, label %acquire
acquire:
  %made = call ptr @call_method(i64 %lock, ptr @{_ACQUIRE})
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %failure, label %acquired
acquired:
  call void @Py_DecRef(ptr %made)
  br label %next
failure:
  %class = getelementptr ptr, ptr %raised, i64 0
  %value = getelementptr ptr, ptr %raised, i64 1
  %trace = getelementptr ptr, ptr %raised, i64 2
  call void @PyErr_Fetch(ptr %class, ptr %value, ptr %trace)
  call void @unlock_below(ptr %locks, i64 %count, i64 %lock)
  %class.kept = load ptr, ptr %class
  %value.kept = load ptr, ptr %value
  %trace.kept = load ptr, ptr %trace
  call void @PyErr_Restore(ptr %class.kept, ptr %value.kept, ptr %trace.kept)
  ret i1 false
done:
  ret i1 true
}}
"""


@cache
def _library() -> engine.Library:
    _check()
    module = engine.compile_module(_SOURCE, opt_level=2)
    names = {symbol: id(name) for symbol, name in _METHODS.items()}
    return engine.link(module.object_code, [LOCK, UNLOCK], names | cpython_api.symbols())


def _check() -> None:
    """Look whether a generator is laid out as expected.

    Raises
    ------
    UnsupportedError
        It is not.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    generator.binomial(10, 0.25)
    bits = generator.bit_generator
    functions: Any = bits.ctypes
    expected = {
        0: bits.ctypes.state_address,
        NEXT_UINT64: _address(functions.next_uint64),
        NEXT_UINT32: _address(functions.next_uint32),
        NEXT_DOUBLE: _address(functions.next_double),
        BINOMIAL + 8: int(np.float64(0.25).view(np.uint64)),
        BINOMIAL + 16: 10,
        GENERATOR_LOCK: id(bits.lock),
    }
    word = ctypes.c_uint64.from_address
    fits = type(generator).__basicsize__ >= GENERATOR + max(expected) + 8
    interface = id(generator) + GENERATOR
    if not fits or any(word(interface + at).value != value for at, value in expected.items()):
        raise UnsupportedError(
            "generators of np.random cannot be used in compiled code: this NumPy lays them out "
            "in another way",
            None,
            "draw the numbers before, and hand over the array",
        )


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


@cache
def function(name: str) -> int:
    """The address of NumPy's function.

    Raises
    ------
    UnsupportedError
        This NumPy does not export it.
    """
    library = ctypes.CDLL(import_module("numpy.random._generator").__file__)
    function = getattr(library, f"random_{name}", None)
    address = None if function is None else _address(function)
    if address is None:
        raise UnsupportedError(
            f"this NumPy does not let compiled code call its function random_{name}",
            None,
            "draw the numbers before, and hand over the array",
        )
    return address


def symbols(drawn: Sequence[str], constants: Mapping[str, Any]) -> dict[str, int]:
    """What code is linked with that is given generators.

    Parameters
    ----------
    drawn : sequence of str
        The functions of NumPy that it calls.
    constants : mapping of str to Generator
        The generators that it has the addresses of, by symbol.
    """
    library = _library()
    return {
        **{symbol: library.address(symbol) for symbol in (LOCK, UNLOCK)},
        **{
            symbol_of(name): function(name) for name in drawn if symbol_of(name).startswith("numpy")
        },
        **_ziggurats(drawn),
        **{symbol: id(value) + GENERATOR for symbol, value in constants.items()},
    }


def _ziggurats(drawn: Sequence[str]) -> dict[str, int]:
    """What code is linked with for numbers that mostly take one word."""
    names = [name for name in drawn if name in ZIGGURATS]
    if not names:
        return {}
    from kernelgen.runtime import ziggurats

    return ziggurats.symbols(names)
