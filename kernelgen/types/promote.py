"""What type two types have in common: NEP 50, on the rows of the table."""

from __future__ import annotations

from functools import cache

import numpy as np

from kernelgen.types import table
from kernelgen.types.table import Scalar

_WEAK_ORDER = "bifc"
_LITERALS = {"b": True, "i": 1, "f": 1.0, "c": 1j}


def promote(a: Scalar, b: Scalar) -> Scalar:
    """The type in which ``a`` and ``b`` meet, where it is known that there is one."""
    promoted = common_type(a, b)
    assert promoted is not None, f"{a} and {b} have no type in common"
    return promoted


@cache
def common_type(*types: Scalar) -> Scalar | None:
    """The type in which ``types`` meet, as ``np.result_type`` has it; their order does not matter.

    Strong types promote as dtypes, all at once, because NumPy's promotion of pairs is not
    associative. A weak one gives way to a strong one of its kind or of a higher kind, and raises
    one of a lower kind to its own default. None where there is no such type: of times with other
    kinds, or whose units do not go together.
    """
    strong = [t.dtype for t in types if not t.weak]
    weak = max((t for t in types if t.weak), key=_weak_rank, default=None)
    if not strong:
        return weak
    if {t.kind for t in types} >= {"M", "m"}:
        return None  # NumPy would take a duration for a date
    literal = [] if weak is None else [_LITERALS[weak.kind]]
    try:
        return table.from_dtype(np.result_type(*strong, *literal))
    except (TypeError, OverflowError):
        return None


def _weak_rank(t: Scalar) -> int:
    return _WEAK_ORDER.index(t.kind)


def can_cast_safely(a: Scalar, b: Scalar) -> bool:
    """Whether NumPy casts every value of ``a`` to ``b`` without loss."""
    return bool(np.can_cast(a.dtype, b.dtype, "safe"))


def can_cast_within_kind(a: Scalar, b: Scalar) -> bool:
    """Whether NumPy casts ``a`` to ``b`` unless told otherwise, maybe with a loss of precision."""
    return bool(np.can_cast(a.dtype, b.dtype, "same_kind"))
