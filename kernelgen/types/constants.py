"""NumPy arrays among a kernel's globals, cells and defaults: constants of the kernel."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from kernelgen.types.arguments import is_masked, layout_of
from kernelgen.types.compound import Array
from kernelgen.types.records import element_type_of


def type_of_array(value: np.ndarray[Any, Any]) -> Array | None:
    """The type of a constant array, None of one that kernels cannot have.

    Elements of masked arrays, and indexing of matrices, are not those of the arrays that they are.
    """
    row = element_type_of(value)
    if row is None or is_masked(value) or isinstance(value, np.matrix):
        return None
    return Array(row, value.ndim, layout_of(value), readonly=True)


def captured(value: Any) -> Any:
    """What is left of a constant when the user's arrays change: arrays and records are copied.

    A copy is dense, of native bytes, read-only, and of NumPy's own class. Arrays within tuples are
    copied as well.
    """
    if isinstance(value, tuple) and any(map(_has_arrays, value)):
        made = tuple(map(captured, value))
        return made if type(value) is tuple else tuple.__new__(type(value), made)
    if isinstance(value, np.void):
        return value.copy()
    if not isinstance(value, np.ndarray) or type_of_array(value) is None:
        return value
    order: Literal["F", "C"] = "F" if layout_of(value) == "F" else "C"
    dtype = value.dtype if value.dtype.names else value.dtype.newbyteorder("=")
    copy = value.view(np.ndarray).astype(dtype, order=order)
    copy.flags.writeable = False
    return copy


def _has_arrays(value: Any) -> bool:
    return any(map(_has_arrays, value)) if isinstance(value, tuple) else _is_array(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.void))
