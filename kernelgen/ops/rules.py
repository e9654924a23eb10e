"""Pieces that type rules are made of."""

from __future__ import annotations

from kernelgen.ops.registry import NoRule, Typed
from kernelgen.types.compound import Type, describe
from kernelgen.types.promote import promote
from kernelgen.types.table import BOOL, FLOAT64, WEAK_BOOL, WEAK_FLOAT, WEAK_INT, Scalar


def scalars(what: str, types: tuple[Type, ...]) -> tuple[Scalar, ...]:
    """The types, all of them scalar, or NoRule."""
    for t in types:
        if not isinstance(t, Scalar):
            raise NoRule(f"{what} needs numbers, not {describe(t)}")
    return types  # type: ignore[return-value]


def common(what: str, types: tuple[Type, ...]) -> Scalar:
    """The type in which all operands meet; Python's bools count as ints."""
    first, *rest = scalars(what, types)
    for t in rest:
        first = promote(first, t)
    return WEAK_INT if first == WEAK_BOOL else first


def as_float(t: Scalar) -> Scalar:
    """The floating point type in which a function of a ``t`` is computed: its own width."""
    if t.is_float or t.is_complex:
        return t
    return WEAK_FLOAT if t.weak else FLOAT64


def truth_type(types: tuple[Scalar, ...]) -> Scalar:
    """The type of a comparison: NumPy's bool, or Python's if no operand is NumPy's."""
    return WEAK_BOOL if all(t.weak for t in types) else BOOL


def same(t: Type, count: int, result: Type | None = None) -> Typed:
    """``count`` operands of type ``t``, and a result of that type or another."""
    return Typed((t,) * count, t if result is None else result)
