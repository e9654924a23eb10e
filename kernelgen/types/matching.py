"""Which of several signatures is for given types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from kernelgen.types.promote import can_cast_safely
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

Types: TypeAlias = tuple[Scalar, ...]

Fits: TypeAlias = Callable[[Types, Types], bool]
"""``fits(given, declared)``."""


def is_exactly(given: Types, declared: Types) -> bool:
    return given == declared


def is_one_of(given: Types, declared: Types) -> bool:
    """Whether the types are the declared ones, which stand for all units if they have none."""
    return all(d in (g, g.unitless) for g, d in zip(given, declared, strict=True))


def all_cast_safely(given: Types, declared: Types) -> bool:
    return all(map(can_cast_safely, given, declared))


def first(among: Sequence[Signature], inputs: Types, *ways: Fits) -> Signature | None:
    """The first signature whose inputs fit, in the first of the ways in which those of one do."""
    return next((s for fits in ways for s in among if fits(inputs, s.inputs)), None)


def with_units_of(given: Types, declared: Types) -> Types:
    """The declared types, with the units of the given ones where they have none."""
    return tuple(d.with_unit_of(g) for g, d in zip(given, declared, strict=True))
