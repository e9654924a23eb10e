"""Units of times: their factors are NumPy's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kernelgen.types.table import DATETIME, TIMEDELTA
from kernelgen.types.units import factor, goes_by_calendar, has_unit, is_convertible, months

UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s", "3M", "7D")
pairs = pytest.mark.parametrize(("u", "v"), list(itertools.product(UNITS, UNITS)))


@pairs
def test_factors_are_those_that_numpy_converts_by(u, v):
    source, to = TIMEDELTA[u], TIMEDELTA[v]
    numerator, denominator = factor(source, to)
    count = np.array(denominator if is_convertible(source, to) else 1).astype(source.dtype)
    try:
        got = count.astype(to.dtype)
    except OverflowError:  # for months even where the factor itself would fit
        assert not is_convertible(source, to) or "M" in u[-1] + v[-1]
        return
    if "3M" not in (u, v):  # NumPy's product of the parts may overflow unseen
        assert is_convertible(source, to)
        assert got.view(np.int64) == numerator


@pairs
def test_the_calendar_is_between_months_and_days(u, v):
    crosses = (u[-1] in "YM") != (v[-1] in "YM")
    assert goes_by_calendar(DATETIME[u], DATETIME[v]) == crosses
    assert not goes_by_calendar(TIMEDELTA[u], TIMEDELTA[v])
    assert not goes_by_calendar(DATETIME, DATETIME[v])


def test_what_has_no_unit_counts_the_same():
    assert not has_unit(TIMEDELTA)
    assert factor(TIMEDELTA, TIMEDELTA["s"]) == factor(TIMEDELTA["s"], TIMEDELTA) == (1, 1)
    assert factor(DATETIME["D"], TIMEDELTA["s"]) == (1, 1)
    assert months(DATETIME["3Y"]) == 36
    assert months(DATETIME["D"]) is None
