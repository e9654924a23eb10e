"""What generalized ufuncs need beside `numpy_api`: fields of NumPy's ufunc objects.

NumPy has no functions that set them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

import numpy as np

from kernelgen.runtime.numpy_api import own_binding

_pointer, _int = ctypes.c_void_p, ctypes.c_int

# Flags of the operands of NumPy's iterators, as in numpy/ndarraytypes.h.
READWRITE = 0x00010000
"""Operands that a loop reads and writes."""

_WRITE_BACK = 0x00100000 | 0x00800000
_NEW_OUTPUT = 0x00040000 | 0x01000000 | 0x02000000 | 0x08000000


class UFunc(ctypes.Structure):
    """``PyUFuncObject``, as in numpy/ufuncobject.h."""

    _fields_ = (
        ("head", ctypes.c_byte * object.__basicsize__),
        ("nin", _int),
        ("nout", _int),
        ("nargs", _int),
        ("identity", _int),
        ("functions", _pointer),
        ("data", _pointer),
        ("ntypes", _int),
        ("reserved1", _int),
        ("name", _pointer),
        ("types", _pointer),
        ("doc", _pointer),
        ("ptr", _pointer),
        ("obj", _pointer),
        ("userloops", _pointer),
        ("core_enabled", _int),
        ("core_num_dim_ix", _int),
        ("core_num_dims", _pointer),
        ("core_dim_ixs", _pointer),
        ("core_offsets", _pointer),
        ("core_signature", _pointer),
        ("type_resolver", _pointer),
        ("dict", _pointer),
        ("vectorcall", _pointer),
        ("reserved3", _pointer),
        ("op_flags", ctypes.POINTER(ctypes.c_uint32)),
        ("iter_flags", ctypes.c_uint32),
        ("core_dim_sizes", _pointer),
        ("core_dim_flags", _pointer),
        ("identity_value", _pointer),
        ("dispatch_cache", _pointer),
        ("loops", _pointer),
        ("process_core_dims_func", _pointer),
    )


def compute_core_dims(ufunc: np.ufunc, function: int, owner: object) -> None:
    """Have native code compute sizes of core dimensions in each call of a generalized ufunc.

    Parameters
    ----------
    ufunc : numpy.ufunc
        One made by `make_ufunc`.
    function : int
        Address of ``int (PyUFuncObject *ufunc, npy_intp *core_dim_sizes)``. It is called with
        the sizes that the operands have, -1 for those that none has, in the order in which the
        signature names the dimensions first. It returns 0, or -1 with an exception set.
    owner : object
        What the code needs. Kept as long as the ufunc.
    """
    own_binding(ufunc).owned.append(owner)
    UFunc.from_address(id(ufunc)).process_core_dims_func = function


def separate_outputs(ufunc: np.ufunc) -> None:
    """Have NumPy copy outputs of a generalized ufunc that overlap its inputs.

    By default it takes for granted that a loop reads an element before it writes one there, as
    elementwise loops do.
    """
    for i in range(ufunc.nin, ufunc.nargs):
        UFunc.from_address(id(ufunc)).op_flags[i] = _NEW_OUTPUT | _WRITE_BACK


def make_writable(ufunc: np.ufunc, inputs: Iterable[int]) -> None:
    """Let loops of a generalized ufunc write to some of its inputs, by their numbers.

    NumPy hands over copies where it has to cast or operands overlap, and writes these back; inputs
    that are the same array are the caller's matter (`separate_inputs`).
    """
    for i in inputs:
        UFunc.from_address(id(ufunc)).op_flags[i] = READWRITE | _WRITE_BACK
