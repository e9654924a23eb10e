"""Floating point errors: none unasked for, and with ``fp_errors="numpy"`` exactly NumPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernelgen as kg
from kernelgen.types import table

pytestmark = pytest.mark.any_python

VALUES = {
    "f": [0.0, -0.0, 1.0, -1.5, 3.0, 1e-30, 3e38, -3e38, 1e-45, np.inf, -np.inf, np.nan],
    "i": [0, 1, -1, 3, 100, -128],
}
TYPES = [table.FLOAT32, table.FLOAT64, table.INT8, table.INT64]

OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "<": lambda x, y: x < y,
    "==": lambda x, y: x == y,
}


def errors_of(function, *args):
    """The kinds of errors that NumPy reports of a call, as the callback names them."""
    seen = set()
    before = np.seterrcall(lambda kind, flag: seen.add(kind))
    try:
        with np.errstate(all="call"):
            function(*args)
    finally:
        np.seterrcall(before)
    return seen


@pytest.mark.parametrize("t", TYPES, ids=str)
@pytest.mark.parametrize("symbol", OPERATIONS)
@given(data=st.data())
def test_errors_are_those_of_numpy(symbol, t, data):
    function = OPERATIONS[symbol]
    values = st.sampled_from(VALUES[t.kind])
    x, y = (np.array([data.draw(values) for _ in range(3)], t.dtype) for _ in range(2))
    ufunc = kernel(symbol)
    assert errors_of(ufunc, x, y) == errors_of(function, x, y)


def kernel(symbol, made={}):  # noqa: B006 (compiled once for all examples)
    if symbol not in made:
        made[symbol] = kg.vectorize(fp_errors="numpy")(OPERATIONS[symbol])
    return made[symbol]


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: math.sqrt(x), -1.0),
        (lambda x: math.log(x), 0.0),
        (lambda x: math.exp(x), 1e4),
        (lambda x: math.sin(x), np.inf),
        (lambda x: x**0.5, -1.0),
    ],
)
def test_functions_report_their_errors(function, x):
    ufunc = kg.vectorize(fp_errors="numpy")(function)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="in <lambda>"):
        ufunc(np.full(9, x))
    with np.errstate(all="ignore"):
        ufunc(np.full(9, x))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1.0 / x if x != 0 else 0.0,
        lambda x: math.log(x) if x > 0 else x,
        lambda x: math.sqrt(x) if x >= 0 else -math.sqrt(-x),
        lambda x: x // 0.0 if x > 1e9 else x,
        lambda x: 0.0 if x < 5 else math.exp(x * 1e6),
    ],
)
def test_a_branch_not_taken_reports_nothing(function):
    x = np.tile([0.0, -1.0, 2.0, 0.5], 25)
    with np.errstate(all="raise"):
        kg.vectorize(fp_errors="numpy")(function)(x)


def test_by_default_nothing_is_reported():
    with np.errstate(all="raise"):
        assert np.isinf(kg.vectorize(lambda x: 1.0 / x)(np.zeros(9))).all()
        assert np.isnan(kg.vectorize(lambda x: math.sqrt(x))(np.full(9, -1.0))).all()


def test_strict_results_equal_the_others():
    def function(x, y):
        z = x / y if y else x // 3.0
        return math.sin(z) + x % 7.0 - float(int(z * 2.0)) if abs(z) < 1e6 else z

    rng = np.random.default_rng(3)
    x, y = rng.normal(0.0, 50.0, (2, 500))
    y[::7] = 0.0
    strict = kg.vectorize(fp_errors="numpy")(function)
    precise = kg.vectorize(precise=True)(function)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(strict(x, y), precise(x, y))


def test_fast_math_and_errors_contradict_each_other():
    with pytest.raises(kg.KernelgenError, match="contradict"):
        kg.vectorize(fp_errors="numpy", fastmath=True)
    with pytest.raises(kg.KernelgenError, match="fp_errors cannot be 'warn'"):
        kg.vectorize(fp_errors="warn")
