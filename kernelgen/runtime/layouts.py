"""Where CPython and NumPy keep the values of their objects: what native code reads by address.

The offsets are those of the public structs. `check` reads an object of each kind through them,
so that an interpreter with other structs is noticed before anything is read wrongly.
"""

from __future__ import annotations

import ctypes
import gc
from functools import cache
from typing import Any

import numpy as np

from kernelgen.errors import InternalError
from kernelgen.types import table
from kernelgen.types.table import Scalar

TYPE = 8
"""``ob_type``, in every object."""

LENGTH = 16
"""``ob_size`` of a tuple."""

VALUE = object.__basicsize__
"""The value of a float, a complex number and of NumPy's scalars; dates have their unit behind."""

ITEMS = tuple.__basicsize__
"""The first item of a tuple."""

ARRAY_DATA, ARRAY_NDIM, ARRAY_SHAPE, ARRAY_STRIDES = 16, 24, 32, 40
ARRAY_DTYPE, ARRAY_FLAGS = 56, 64
DTYPE_KIND = 24
"""The members of NumPy's arrays."""

C_CONTIGUOUS, F_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x2, 0x100, 0x400
"""Flags of arrays."""

DTYPE_KIND = 24
"""The word of a dtype that has its byte order and its number, other bytes masked out."""

DTYPE_MASK = 0xFFFFFFFF_00FF0000

DTYPE_CLASS, DTYPE_ALIGNMENT = 16, 48
"""The class of a dtype's scalars, and its alignment."""

DTYPE_FIELDS = 96
"""The dict that a structured dtype has of its fields: another one once names are changed."""

RECORD_DATA, RECORD_DTYPE, RECORD_FLAGS = 24, 32, 40
"""The members of NumPy's records: scalars of structured dtypes."""

DTYPE_METADATA, METADATA_UNIT = 112, 32
"""The address of what dtypes of times have beside, and where in that the unit is."""

UNIT = VALUE + 8
"""The unit of NumPy's dates and durations, a word of two 32-bit numbers."""


GENERATOR, GENERATOR_LOCK = 24, 176
"""Where the interface is in a ``np.random.Generator``, and where its lock is from there on."""


def unit_word(t: Scalar) -> int:
    """The word at `UNIT` of scalars of a time's type, and in the metadata of its dtype."""
    return unit_word_of(t.dtype)


def unit_word_of(dtype: np.dtype[Any]) -> int:
    """The same for a dtype."""
    sample = np.array(0, np.int64).view(dtype)[()]
    return ctypes.c_uint64.from_address(id(sample) + UNIT).value


def dict_of(fields: Any) -> Any:
    """The dict behind what a structured dtype shows of its fields."""
    (found,) = gc.get_referents(fields)
    return found


def dtype_words(t: Scalar) -> tuple[int, ...]:
    """The words at `DTYPE_KIND` of the dtypes of a type: C types of one width have one each."""
    codes = "lq" if t is table.INT64 else "LQ" if t is table.UINT64 else ""
    dtypes = [t.dtype, *(np.dtype(c) for c in codes if np.dtype(c).itemsize == t.size)]
    words = (ctypes.c_uint64.from_address(id(d) + DTYPE_KIND).value for d in dtypes)
    return tuple(dict.fromkeys(word & DTYPE_MASK for word in words))


@cache
def check() -> None:
    """Read a value of each kind through the offsets.

    Raises
    ------
    InternalError
        One is not where it should be.
    """
    samples: list[Any] = [1.5, 1.5 - 2j]
    samples += [np.array(1).astype(t.dtype)[()] for t in table.SCALARS]
    samples += [np.array(12345).view(f"M8[{unit}]")[()] for unit in ("25s", "ns")]
    for sample in samples:
        _expect_value(sample)
    pair = (1.5, None)
    words = (TYPE, tuple), (ITEMS, pair[0]), (ITEMS + 8, None)
    for offset, found in words:
        _expect(pair, offset, id(found).to_bytes(8, "little"))
    _expect(pair, LENGTH, (2).to_bytes(8, "little"))
    _expect(samples[-2], UNIT + 4, (25).to_bytes(4, "little"))


def _expect_value(sample: Any) -> None:
    """The value counts, as bytes of a longdouble may mean nothing."""
    dtype = np.asarray(sample).dtype
    found = np.frombuffer(ctypes.string_at(id(sample) + VALUE, dtype.itemsize), dtype)
    if found[0] != sample:
        raise InternalError(f"objects of {type(sample)} are not laid out as expected")

    _check_arrays()


def _check_arrays() -> None:
    array = np.zeros((2, 3, 4), "m8[25s]")[:, ::2]
    for offset, tuple_ in ((ARRAY_SHAPE, array.shape), (ARRAY_STRIDES, array.strides)):
        at = ctypes.c_uint64.from_address(id(array) + offset).value
        _expect_at(array, at, np.array(tuple_).tobytes())
    _expect(array, ARRAY_DATA, array.ctypes.data.to_bytes(8, "little"))
    _expect(array, ARRAY_NDIM, (3).to_bytes(4, "little"))
    _expect(array, ARRAY_DTYPE, id(array.dtype).to_bytes(8, "little"))
    _expect(array.dtype, DTYPE_KIND, array.dtype.kind.encode())
    _expect(array, ARRAY_FLAGS, (ALIGNED | WRITEABLE).to_bytes(4, "little"))
    c_order = np.zeros((2, 2))
    for whole, flag in ((c_order, C_CONTIGUOUS), (c_order.T, F_CONTIGUOUS)):
        whole.flags.writeable = False
        flags = ctypes.c_uint32.from_address(id(whole) + ARRAY_FLAGS).value
        _expect(whole, ARRAY_FLAGS, (flags & ~(3 | WRITEABLE) | flag).to_bytes(4, "little"))
    for dtype in (np.dtype(">i4"), np.dtype("f8"), array.dtype):
        _expect(dtype, DTYPE_KIND, f"{dtype.kind}{dtype.char}{dtype.byteorder}".encode())
        _expect(dtype, DTYPE_KIND + 4, dtype.num.to_bytes(4, "little"))
    _check_records()
    metadata = ctypes.c_uint64.from_address(id(array.dtype) + DTYPE_METADATA).value
    _expect_at(
        array.dtype, metadata + METADATA_UNIT, unit_word_of(array.dtype).to_bytes(8, "little")
    )


def _check_records() -> None:
    array = np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    dtype, second = array.dtype, array[1]
    _expect(dtype, DTYPE_CLASS, id(dtype.type).to_bytes(8, "little"))
    _expect(dtype, DTYPE_ALIGNMENT, dtype.alignment.to_bytes(8, "little"))
    _expect(dtype, DTYPE_FIELDS, id(dict_of(dtype.fields)).to_bytes(8, "little"))
    _expect(second, RECORD_DATA, (array.ctypes.data + dtype.itemsize).to_bytes(8, "little"))
    _expect(second, RECORD_DTYPE, id(dtype).to_bytes(8, "little"))
    flags = int.from_bytes(ctypes.string_at(id(second) + RECORD_FLAGS, 4), "little")
    if not flags & WRITEABLE:
        raise InternalError("records are not laid out as expected")


def _expect(owner: object, offset: int, data: bytes) -> None:
    _expect_at(owner, id(owner) + offset, data)


def _expect_at(owner: object, address: int, data: bytes) -> None:
    if ctypes.string_at(address, len(data)) != data:
        raise InternalError(f"objects of {type(owner)} are not laid out as expected")
