"""Promotion and joins agree with NumPy, weak types with its Python scalars."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kernelgen.types.compound import NONE, OBJECT, RANGE, UNDEFINED, Tuple
from kernelgen.types.join import join
from kernelgen.types.promote import can_cast_safely, can_cast_within_kind, common_type, promote
from kernelgen.types.table import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT64,
    SCALARS,
    UINT8,
    WEAK,
    WEAK_BOOL,
    WEAK_COMPLEX,
    WEAK_FLOAT,
    WEAK_INT,
    named,
)  # fmt: skip

pytestmark = pytest.mark.any_python

PYTHON = {WEAK_BOOL: True, WEAK_INT: 1, WEAK_FLOAT: 1.0, WEAK_COMPLEX: 1j}
ALL = (*SCALARS, *WEAK)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SCALARS, SCALARS)))
def test_strong_types_promote_as_dtypes(a, b):
    assert promote(a, b).dtype == np.result_type(a.dtype, b.dtype)
    assert not promote(a, b).weak


@pytest.mark.parametrize(("weak", "strong"), list(itertools.product(WEAK, SCALARS)))
def test_weak_types_promote_as_python_scalars(weak, strong):
    assert promote(weak, strong).dtype == np.result_type(PYTHON[weak], strong.dtype)
    assert promote(weak, strong) is promote(strong, weak)
    assert not promote(weak, strong).weak


@pytest.mark.parametrize(("a", "b"), list(itertools.product(WEAK, WEAK)))
def test_weak_types_stay_weak_among_themselves(a, b):
    assert promote(a, b).weak
    assert type(PYTHON[promote(a, b)]) is type(PYTHON[a] + PYTHON[b]) or a == b == WEAK_BOOL


@pytest.mark.parametrize("t", ALL)
def test_a_type_promotes_with_itself_to_itself(t):
    assert promote(t, t) is t


@pytest.mark.parametrize(("a", "b"), list(itertools.product(ALL, ALL)))
def test_joins_do_not_depend_on_the_order(a, b):
    assert join(a, b) is join(b, a)


def test_undefined_joins_with_anything():
    for t in (*ALL, Tuple((INT8,)), NONE, RANGE, UNDEFINED):
        assert join(t, UNDEFINED) == join(UNDEFINED, t) == t


def test_tuples_join_element_by_element():
    a, b = Tuple((INT8, WEAK_INT)), Tuple((WEAK_FLOAT, FLOAT32))
    assert join(a, b) == Tuple((FLOAT64, FLOAT32))
    assert join(a, Tuple((INT8,))) is None
    assert join(a, Tuple((INT8, NONE))) is None
    assert join(Tuple((a, UINT8)), Tuple((b, INT8))).elements[0] == join(a, b)


def test_kinds_of_values_do_not_join():
    kinds = (FLOAT64, Tuple((FLOAT64,)), NONE, RANGE, OBJECT)
    for a, b in itertools.permutations(kinds, 2):
        assert join(a, b) is None


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SCALARS, SCALARS)))
def test_safe_casts_are_numpys(a, b):
    assert can_cast_safely(a, b) == np.can_cast(a.dtype, b.dtype, "safe")


def test_bool_is_not_an_integer():
    assert promote(BOOL, WEAK_INT) is INT64
    assert promote(BOOL, INT8) is INT8


TIME_NAMES = (
    "M8",
    "m8",
    "M8[D]",
    "M8[s]",
    "M8[M]",
    "m8[M]",
    "m8[D]",
    "m8[ns]",
    "m8[25s]",
    "m8[as]",
)
TIMES = [named(name) for name in TIME_NAMES]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TIMES, [*TIMES, *SCALARS])))
def test_times_promote_as_numpys_do_or_not_at_all(a, b):
    try:
        want = np.promote_types(a.dtype, b.dtype)
    except (TypeError, OverflowError):
        want = None
    if {a.kind, b.kind} == {"M", "m"}:
        want = None  # a date or a duration
    for found in (common_type(a, b), common_type(b, a), join(a, b)):
        assert (None if found is None else found.dtype) == want


def test_literals_are_durations_but_not_dates():
    assert common_type(WEAK_INT, named("m8[s]")) is named("m8[s]")
    assert common_type(WEAK_FLOAT, named("m8[s]")) is None
    assert common_type(WEAK_INT, named("M8[s]")) is None


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TIMES, TIMES)))
def test_casts_of_times_are_numpys(a, b):
    assert can_cast_safely(a, b) == np.can_cast(a.dtype, b.dtype, "safe")
    assert can_cast_within_kind(a, b) == np.can_cast(a.dtype, b.dtype, "same_kind")
