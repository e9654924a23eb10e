"""The type of a variable where ways of different types meet."""

from __future__ import annotations

from kernelgen.types.compound import UNDEFINED, Tuple, Type
from kernelgen.types.promote import common_type
from kernelgen.types.table import Scalar


def join(a: Type, b: Type) -> Type | None:
    """The type of a variable that is an ``a`` on one path and a ``b`` on another, or None."""
    if a == b or b == UNDEFINED:
        return a
    if a == UNDEFINED:
        return b
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return common_type(a, b)
    if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.elements) == len(b.elements):
        elements = tuple(map(join, a.elements, b.elements))
        return None if None in elements else Tuple(elements)
    return None
