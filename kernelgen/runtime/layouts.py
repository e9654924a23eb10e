"""Where CPython and NumPy keep the values of their objects: what native code reads by address.

The offsets are those of the public structs. `check` reads an object of each kind through them,
so that an interpreter with other structs is noticed before anything is read wrongly.
"""

from __future__ import annotations

import ctypes
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

UNIT = VALUE + 8
"""The unit of NumPy's dates and durations, a word of two 32-bit numbers."""


def unit_word(t: Scalar) -> int:
    """The word at `UNIT` of scalars of a time's type."""
    sample = np.array(0, np.int64).view(t.dtype)[()]
    return ctypes.c_uint64.from_address(id(sample) + UNIT).value


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


def _expect(owner: object, offset: int, data: bytes) -> None:
    if ctypes.string_at(id(owner) + offset, len(data)) != data:
        raise InternalError(f"objects of {type(owner)} are not laid out as expected")
