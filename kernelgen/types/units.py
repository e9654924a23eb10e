"""Units of dates and durations: how many of one make another, and what only a calendar knows."""

from __future__ import annotations

import math

from kernelgen.types.table import Scalar

Ratio = tuple[int, int]
"""Numerator and denominator."""

_THOUSAND = 10**3
_SUBSECONDS = {unit: _THOUSAND**i for i, unit in enumerate(("as", "fs", "ps", "ns", "us", "ms"))}
_SECOND = _THOUSAND**6
DAY = 86400 * _SECOND
"""A day in attoseconds."""

_MONTH = 146097 * DAY // 4800
"""The mean month: the calendar repeats after 4800 months, which are 146097 days."""

_LENGTHS = {
    **_SUBSECONDS,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "D": DAY,
    "W": 7 * DAY,
    "M": _MONTH,
    "Y": 12 * _MONTH,
}
"""Attoseconds of each unit, on average."""

_MONTHS = {"M": 1, "Y": 12}

_LARGEST_FACTOR = 1 << 56
_LARGEST_DAY = 1 << 63


def has_unit(t: Scalar) -> bool:
    """Whether a time counts something; others are counts of whatever they meet."""
    return t.unit[0] != "generic"


def length(t: Scalar) -> int:
    """Attoseconds of the unit of ``t``; of months and years on average."""
    name, count = t.unit
    of_one: int = _LENGTHS[name]
    return of_one * count


def months(t: Scalar) -> int | None:
    """Months of the unit of ``t``; None if it is not one of months or years."""
    name, count = t.unit
    return _MONTHS[name] * count if name in _MONTHS else None


def goes_by_calendar(source: Scalar, to: Scalar) -> bool:
    """Whether a conversion of dates is one between months and units that do not make up months."""
    dates = source.kind == to.kind == "M" and has_unit(source) and has_unit(to)
    return dates and (months(source) is None) != (months(to) is None)


def ratio(numerator: int, denominator: int) -> Ratio:
    """The ratio of two positive integers, in lowest terms."""
    common = math.gcd(numerator, denominator)
    return numerator // common, denominator // common


def factor(source: Scalar, to: Scalar) -> Ratio:
    """What to multiply a count of one unit by, to get one of the other."""
    if not source.is_time or source.kind != to.kind or not (has_unit(source) and has_unit(to)):
        return 1, 1
    return ratio(length(source), length(to))


def is_convertible(source: Scalar, to: Scalar) -> bool:
    """Whether NumPy converts between the units: the factor leaves room for a count."""
    if goes_by_calendar(source, to):
        linear = to if months(to) is None else source
        return DAY // length(linear) < _LARGEST_DAY
    return max(factor(source, to)) < _LARGEST_FACTOR
