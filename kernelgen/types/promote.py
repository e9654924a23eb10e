"""What type two types have in common: NEP 50, on the rows of the table."""

from __future__ import annotations

from functools import cache

import numpy as np

from kernelgen.types import table
from kernelgen.types.table import Scalar

_WEAK_ORDER = "bifc"
_LITERALS = {"b": True, "i": 1, "f": 1.0, "c": 1j}


@cache
def promote(a: Scalar, b: Scalar) -> Scalar:
    """The type in which ``a`` and ``b`` meet, as ``np.result_type`` has it.

    Two strong types promote as dtypes, a weak one gives way to a strong one of its kind or of
    a higher kind, and raises one of a lower kind to its own default.
    """
    if a.weak and b.weak:
        return max(a, b, key=lambda t: _WEAK_ORDER.index(t.kind))
    if a.weak or b.weak:
        weak, strong = (a, b) if a.weak else (b, a)
        promoted = table.from_dtype(np.result_type(strong.dtype, _LITERALS[weak.kind]))
    else:
        promoted = table.from_dtype(np.promote_types(a.dtype, b.dtype))
    assert promoted is not None, f"{a} and {b} promote to a type outside the table"
    return promoted


def can_cast_safely(a: Scalar, b: Scalar) -> bool:
    """Whether NumPy casts every value of ``a`` to ``b`` without loss."""
    return bool(np.can_cast(a.dtype, b.dtype, "safe"))
