"""Pieces that type rules are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.registry import NoRule, Typed
from kernelgen.types import table
from kernelgen.types.compound import Array, Tuple, Type, describe
from kernelgen.types.promote import common_type
from kernelgen.types.table import BOOL, FLOAT64, WEAK_BOOL, WEAK_FLOAT, WEAK_INT, Scalar

ELEMENTS = "write a loop over the elements of the array"


def scalars(what: str, types: tuple[Type, ...]) -> tuple[Scalar, ...]:
    """The types, all of them scalar, or NoRule."""
    for t in types:
        if not isinstance(t, Scalar):
            hint = ELEMENTS if isinstance(t, Array) else None
            raise NoRule(f"{what} needs numbers, not {describe(t)}", hint)
    return types  # type: ignore[return-value]


def common(what: str, types: tuple[Type, ...]) -> Scalar:
    """The type in which all operands meet; Python's bools count as ints."""
    given = scalars(what, types)
    met = common_type(*given)
    if met is None:
        listed = " and ".join(dict.fromkeys(map(describe, given)))
        raise NoRule(f"{what} does not exist for {listed}")
    return WEAK_INT if met == WEAK_BOOL else met


_PYTHON = {"i": int, "f": float, "c": complex}


def numpy_loop(
    what: str,
    ufunc: np.ufunc,
    given: tuple[Scalar, ...],
    dtype: Scalar | None = None,
    casting: str = "same_kind",
) -> tuple[Scalar, ...]:
    """The types of the loop that NumPy chooses for operands of these types.

    ``dtype`` is that of the results, and ``casting`` how the operands may be cast to such a loop.
    """
    asked: list[Any] = [_PYTHON.get(t.kind, t.dtype) if t.weak else t.dtype for t in given]
    asked += [None] * ufunc.nout
    options: dict[str, Any] = {} if casting == "same_kind" else {"casting": casting}
    if dtype is not None:
        options["signature"] = (*[None] * ufunc.nin, *[dtype.dtype] * ufunc.nout)
    try:
        dtypes = ufunc.resolve_dtypes(tuple(asked), **options)
    except (TypeError, OverflowError) as error:
        if options:
            raise NoRule(str(error)) from None
        listed = " and ".join(map(describe, given))
        raise NoRule(f"{what} does not exist for {listed}", _about_units(given, error)) from None
    loop = tuple(map(table.from_dtype, dtypes))
    if None in loop:
        raise NoRule(
            f"{what} computes in {dtypes[0]} here, a type that kernels do not have",
            "convert the operand first",
        )
    return loop  # type: ignore[return-value]


def _about_units(given: tuple[Scalar, ...], error: Exception) -> str | None:
    """What to write where NumPy has the operation, but not for these units."""
    if "metadata" not in str(error) and "casting" not in str(error):
        return None
    return 'these units do not go together: convert one operand with x.astype("m8[D]")'


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


def nested_depth(t: Type) -> int:
    """How deep tuples of numbers or arrays are nested, all of one length at each depth."""
    if isinstance(t, Array):
        return t.ndim
    if not isinstance(t, Tuple):
        if not isinstance(t, Scalar):
            raise NoRule(f"there is no array of {describe(t)} in a kernel")
        return 0
    depths = {nested_depth(each) for each in t.elements}
    lengths = {len(each.elements) for each in t.elements if isinstance(each, Tuple)}
    if len(depths) > 1 or len(lengths) > 1:
        raise NoRule("the rows of an array have one length")
    return 1 + (depths.pop() if depths else 0)
