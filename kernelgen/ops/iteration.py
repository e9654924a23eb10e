"""Functions of the kernel language that go over tuples, ranges, generators and arrays."""

from __future__ import annotations

import math
import sys
from typing import Any

from kernelgen.ops.double_double import rounded_sum, sum_error
from kernelgen.ops.library import replaces


@replaces(sum)
def sum_from_zero(values: Any) -> Any:
    return sum_from(values, 0)


@replaces(sum)
def sum_from(values: Any, start: Any) -> Any:
    for value in values:
        start = start + value
    return start


@replaces(any)
def any_is_true(values: Any) -> Any:
    for value in values:  # noqa: SIM110 - this is what defines any()
        if value:
            return True
    return False


@replaces(all)
def all_are_true(values: Any) -> Any:
    for value in values:  # noqa: SIM110 - this is what defines all()
        if not value:
            return False
    return True


def collected(values: Any) -> Any:
    """``tuple(values)`` of an iterator."""
    return (*[value for value in values],)  # noqa: C416 - this is what a loop defines


def listed(values: Any) -> Any:
    """``list(values)`` of an iterator."""
    return [value for value in values]  # noqa: C416 - this is what a loop defines


@replaces(map)
def mapped(function: Any, values: Any) -> Any:
    for value in values:
        yield function(value)


@replaces(map)
def mapped_pairs(function: Any, first: Any, second: Any) -> Any:
    for a, b in zip(first, second):  # noqa: B905 - the shorter one ends it
        yield function(a, b)


@replaces(filter)
def filtered(function: Any, values: Any) -> Any:
    for value in values:
        if value if function is None else function(value):
            yield value


def is_in_range(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """``value in range(start, stop, step)``"""
    if value != value:  # noqa: PLR0124 - nan
        return False
    inside = start <= value < stop if step > 0 else stop < value <= start
    return bool(inside and (value - start) % step == 0)


EMPTY = "iterable argument is empty" if sys.version_info >= (3, 12) else "arg is an empty sequence"


def least(values: Any, *, default: Any = EMPTY) -> Any:
    """``min(values)`` of an iterator."""
    found = False
    for value in values:
        if not found:
            result = value
            found = True
        elif value < result:
            result = value
    if not found:
        if isinstance(default, str):
            raise ValueError(f"min() {EMPTY}")
        result = default
    return result


def greatest(values: Any, *, default: Any = EMPTY) -> Any:
    """``max(values)`` of an iterator."""
    found = False
    for value in values:
        if not found:
            result = value
            found = True
        elif value > result:
            result = value
    if not found:
        if isinstance(default, str):
            raise ValueError(f"max() {EMPTY}")
        result = default
    return result


@replaces(math.prod)
def product(values: Any, *, start: Any = 1) -> Any:
    for value in values:
        start = start * value
    return start


@replaces(math.dist)
def dist(p: Any, q: Any) -> Any:
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    result = 0.0
    for a, b in zip(p, q):  # noqa: B905 - the lengths are equal
        result = math.hypot(result, a * 1.0 - b * 1.0)
    return result


def sumprod(p: Any, q: Any) -> Any:
    if len(p) != len(q):
        raise ValueError("Inputs are not the same length")
    result = 0
    for a, b in zip(p, q):  # noqa: B905 - the lengths are equal
        result = result + a * b
    return result


if hasattr(math, "sumprod"):  # Python 3.12
    replaces(math.sumprod)(sumprod)


@replaces(math.fsum)
def fsum(values: Any) -> Any:
    """The exact sum, rounded once: partial sums whose bits do not overlap, as CPython has them.

    The first rounding error that is left decides, and what is below it where it is half a unit.
    J. R. Shewchuk, "Adaptive precision floating-point arithmetic and fast robust geometric
    predicates", Discrete & Computational Geometry 18 (1997).
    """
    partials: Any = ()
    plain = 0.0
    for value in tuple(values):
        x = float(value)
        plain += x
        kept: Any = ()
        for y in partials:
            kept = (*kept, sum_error(x, y))
            x = rounded_sum(x, y)
        partials = (*kept, x)
    high, low, below = 0.0, 0.0, 0.0
    for y in reversed(partials):
        if low == 0:
            low = sum_error(high, y)
            high = rounded_sum(high, y)
        elif below == 0:
            below = y
    if below != 0 and (low > 0) == (below > 0) and sum_error(high, low * 2.0) == 0:
        high = rounded_sum(high, low * 2.0)
    return high if math.isfinite(plain) else plain
