"""Conversions of dates and durations: between units, and from and to numbers.

The arithmetic is written once, for integers of 64 bits that wrap and whose division floors:
NumPy's scalars in the reference, values of LLVM in the lowering.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.llvm_text import Emitter, literal
from kernelgen.types import table
from kernelgen.types.table import INT64, Scalar
from kernelgen.types.units import DAY, Ratio, factor, goes_by_calendar, length, months, ratio

NAT = str(INT64.minimum)
"""The count that stands for "not a time", as LLVM writes it."""


class Integer:
    """A value of LLVM in Python's arithmetic, with other such values and with constants.

    ``natural``: it is known not to be negative, which spares the rounding of quotients.
    """

    def __init__(self, e: Emitter, name: str, *, natural: bool = False) -> None:
        self._e = e
        self.name = name
        self.natural = natural

    def _with(self, opcode: str, other: Any) -> Integer:
        return Integer(
            self._e, self._e(f"{opcode} i64 {self.name}, {getattr(other, 'name', other)}")
        )

    def __add__(self, other: Any) -> Integer:
        return self._with("add", other)

    def __sub__(self, other: Any) -> Integer:
        return self._with("sub", other)

    def __mul__(self, other: Any) -> Integer:
        return self._with("mul", other)

    def __floordiv__(self, divisor: int) -> Integer:
        """By a positive constant."""
        if self.natural:
            return self._with("udiv", divisor).as_natural()
        negative = self._e(f"icmp slt i64 {self._with('srem', divisor).name}, 0")
        return self._with("sdiv", divisor) + Integer(self._e, self._e(f"sext i1 {negative} to i64"))

    def as_natural(self) -> Integer:
        return Integer(self._e, self.name, natural=True)


def _natural(x: Any) -> Any:
    """``x``, which is not negative."""
    return x.as_natural() if isinstance(x, Integer) else x


# --------------------------------------------------------------------------- the arithmetic


def _converted(x: Any, source: Scalar, to: Scalar) -> Any:
    """A count of the unit of ``source`` as one of ``to``, rounded down."""
    if not goes_by_calendar(source, to):
        return _scaled(x, factor(source, to))
    of_source, of_result = months(source), months(to)
    if of_source is not None:
        return _scaled(_days(_scaled(x, (of_source, 1))), ratio(DAY, length(to)))
    assert of_result is not None
    return _scaled(_month(_scaled(x, ratio(length(source), DAY))), (1, of_result))


def _scaled(x: Any, by: Ratio) -> Any:
    numerator, denominator = by
    if numerator != 1:
        x = x * numerator
    return x if denominator == 1 else x // denominator


_EPOCH_MONTH = 1970 * 12 - 2
_EPOCH_DAY = 719468
"""1970-01-01, in months and days since March of the year 0, so that leap days end a year."""


def _days(month: Any) -> Any:
    """The first day of a month, both counted from 1970-01.

    From March on, five months have 153 days, over and over.
    """
    month = month + _EPOCH_MONTH
    year = month // 12
    in_year = _natural((month - year * 12) * 153 + 2) // 5
    leap_days = year // 4 - year // 100 + year // 400
    return year * 365 + leap_days + in_year - _EPOCH_DAY


def _month(day: Any) -> Any:
    """The month of a day, both counted from 1970-01-01.

    The calendar repeats after 400 years. Within them, leap days are taken out to count years.
    """
    day = day + _EPOCH_DAY
    cycle = day // 146097
    of_cycle = _natural(day - cycle * 146097)
    leap_days = of_cycle // 1460 - of_cycle // 36524 + of_cycle // 146096
    year = _natural(of_cycle - leap_days) // 365
    of_year = of_cycle - (year * 365 + year // 4 - year // 100)
    return (cycle * 400 + year) * 12 + _natural(of_year * 5 + 2) // 153 - _EPOCH_MONTH


# -------------------------------------------------------------------------------- reference


def time_value(value: Any, to: Scalar) -> Any:
    """``value`` as a NumPy scalar of type ``to``, one of which is a date or a duration.

    A number is a count of units. A float is truncated; beyond 64 bits, and for nan, it is NaT.
    A time keeps its unit if the type has none.
    """
    if not to.is_time:
        return table.ticks_of(value)
    if isinstance(value, np.generic) and value.dtype.kind in "Mm":
        return _time_of_time(value, to)
    if isinstance(value, (float, np.floating)):
        inside = INT64.minimum < value < -INT64.minimum
        return table.time_of(to, int(value) if inside else INT64.minimum)
    if isinstance(value, np.generic):
        return table.time_of(to, int(value.astype(np.int64)))
    return table.time_of(to, value)


def _time_of_time(value: Any, to: Scalar) -> Any:
    source = table.from_dtype(value.dtype)
    assert source is not None
    ticks = np.int64(table.ticks_of(value))
    with np.errstate(over="ignore"):
        same = np.isnat(value) or source is to
        made = int(ticks if same else _converted(ticks, source, to))
        return table.time_of(to.with_unit_of(source), made)


# --------------------------------------------------------------------------------- lowering


def lower_time_cast(e: Emitter, source: Scalar, to: Scalar, x: str) -> str:
    """The LLVM text of a conversion between two times."""
    made: str = _converted(Integer(e, x), source, to).name
    if made == x:
        return x
    return e.select(e(f"icmp eq i64 {x}, {NAT}"), to, NAT, made)


def lower_float_to_time(e: Emitter, source: Scalar, x: str) -> str:
    """The LLVM text of a conversion from a float, whose 64 bits are NaT out of range."""
    count = e.call(f"llvm.fptosi.sat.i64.f{source.bits}", INT64, (source, x))
    outside = e(f"fcmp uge {source.llvm} {x}, {literal(source, 2**63)}")  # or nan
    return e.select(outside, INT64, NAT, count)
