"""DLPack: what another library says of an array on a CUDA device, and lends.

The array comes as a capsule around a C struct. Whoever takes it gives the capsule the name that
says so, and calls the struct's deleter when the array is needed no more. (DLPack, "Python
Specification".)
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np

_HOST, _CUDA, _PINNED, _MANAGED = 1, 2, 3, 13
"""Kinds of devices whose memory kernels can read, behind the host itself."""

_DEVICE = 0
"""The device that kernels run on."""

_DEFAULT_STREAM = 1
"""CUDA's default stream by DLPack's numbers, for which the other library's work is done."""

_VERSION = (1, 0)
_READ_ONLY = 1

_NAME, _USED = b"dltensor", b"used_dltensor"
_NAME_VERSIONED, _USED_VERSIONED = b"dltensor_versioned", b"used_dltensor_versioned"

_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}
"""NumPy's kinds of dtypes by DLPack's numbers."""

_DTYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")


class Lent(NamedTuple):
    """An array of another library.

    Attributes
    ----------
    address : int
        Where its first element is.
    shape : tuple of int
        Its lengths.
    strides : tuple of int or None
        In bytes; None if the elements lie side by side, in C's order.
    dtype : numpy.dtype
        Of its elements.
    owner : object
        What has to live as long.
    readonly : bool
        Whether it must not be written to.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    dtype: np.dtype[Any]
    owner: object
    readonly: bool


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    _fields_ = (
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    )


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_Deleter = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


class _Owner:
    """Calls the deleter with the last reference."""

    def __init__(self, address: int, deleter: int) -> None:
        self._address = address
        self._delete = _Deleter(deleter)

    def __del__(self) -> None:
        self._delete(self._address)


def read(value: Any) -> Lent:
    """Take the array of another library.

    Parameters
    ----------
    value : object
        With ``__dlpack__`` and ``__dlpack_device__``.

    Returns
    -------
    Lent

    Raises
    ------
    TypeError
        It is not on the CUDA device, or its elements are nothing that kernels know.
    """
    name = type(value).__name__
    kind, number = map(int, value.__dlpack_device__())
    if kind == _HOST:
        raise TypeError(f"{name} is an array of the host: call cuda.to_device()")
    if kind not in (_CUDA, _PINNED, _MANAGED):
        raise TypeError(f"{name} is on a device that is none of CUDA's")
    if kind == _CUDA and number != _DEVICE:
        raise TypeError(f"{name} is on device {number}, and kernels run on device {_DEVICE}")
    return _take(name, _export(value, None if kind == _PINNED else _DEFAULT_STREAM))


def _export(value: Any, stream: int | None) -> Any:
    """The capsule. Libraries from before DLPack 1.0 have no ``max_version``."""
    try:
        return value.__dlpack__(stream=stream, max_version=_VERSION)
    except TypeError:
        return value.__dlpack__(stream=stream)


def _take(name: str, capsule: Any) -> Lent:
    """What is in a capsule, which is used behind it. One that is refused deletes its array."""
    versioned = bool(_is_valid(capsule, _NAME_VERSIONED))
    address = _pointer(capsule, _NAME_VERSIONED if versioned else _NAME)
    kind = _Versioned if versioned else _Managed
    managed = kind.from_address(address)
    if versioned and managed.major != _VERSION[0]:
        raise TypeError(f"{name} speaks DLPack {managed.major}, and kernels speak {_VERSION[0]}")
    tensor = managed.tensor
    dtype = _dtype(name, tensor)
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = None
    if tensor.strides:
        strides = tuple(dtype.itemsize * step for step in tensor.strides[: tensor.ndim])
    owner = _Owner(address, managed.deleter) if managed.deleter else None
    _rename(capsule, _USED_VERSIONED if versioned else _USED)
    readonly = versioned and bool(managed.flags & _READ_ONLY)
    return Lent((tensor.data or 0) + tensor.byte_offset, shape, strides, dtype, owner, readonly)


def _dtype(name: str, tensor: _Tensor) -> np.dtype[Any]:
    spelling = f"{_KINDS.get(tensor.code, '?')}{tensor.bits // 8}"
    if tensor.lanes != 1 or tensor.bits % 8 or spelling not in _DTYPES:
        raise TypeError(
            f"{name} has elements that kernels do not know: DLPack's type {tensor.code} of "
            f"{tensor.bits} bits, {tensor.lanes} at a time"
        )
    return np.dtype(spelling)


def _of_python(result: Any, name: str) -> Any:
    """A function of Python's on a capsule and a name."""
    prototype = ctypes.PYFUNCTYPE(result, ctypes.py_object, ctypes.c_char_p)
    return prototype((name, ctypes.pythonapi))


_is_valid = _of_python(ctypes.c_int, "PyCapsule_IsValid")
_pointer = _of_python(ctypes.c_void_p, "PyCapsule_GetPointer")
_rename = _of_python(ctypes.c_int, "PyCapsule_SetName")
