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


def times(x, y):
    return x * y


def all_times(x, y, out):
    for i in range(len(x)):
        out[i] = x[i] * y


HUGE = np.full(20_000, 1e38, np.float32)
# NumPy looks for floating point errors where it casts, whatever a loop says of itself.
CASTING = {
    "an operand": lambda f: f(HUGE, np.full(20_000, 100, np.int8)),
    "a result": lambda f: f(HUGE, HUGE, out=np.empty(20_000, np.float16), casting="same_kind"),
    "where": lambda f: f(HUGE, 100, out=HUGE.astype(float), where=HUGE > 0, casting="same_kind"),
    "reduce": lambda f: f.reduce(np.full(20_000, 1e300), dtype=np.longdouble),
    "accumulate": lambda f: f.accumulate(HUGE, dtype=np.float64),
    "reduceat": lambda f: f.reduceat(HUGE, [0, 10_000], dtype=np.float64),
    "outer": lambda f: f.outer(HUGE[:9], np.full(9, 100, np.int8)),
    "at": lambda f: f.at(np.full(3, 1e300), [0, 0, 1], HUGE[:3]),
}


@pytest.fixture(params=["cpu", "parallel", "interpreted"])
def options(request, monkeypatch):
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1" if request.param == "interpreted" else "0")
    return {"target": "parallel"} if request.param == "parallel" else {}


@pytest.mark.parametrize("use", CASTING.values(), ids=CASTING)
def test_by_default_nothing_is_reported_where_numpy_casts(use, options):
    assert errors_of(use, np.multiply) - {"underflow"}, "there is nothing to report"
    assert not errors_of(use, kg.vectorize(identity=1, **options)(times))


def test_the_errors_of_casts_are_reported(options):
    ufunc = kg.vectorize(**options)(times)
    x, small = np.full(20_000, 1e300), np.zeros(20_000, np.float32)
    assert errors_of(lambda: ufunc(x, small, dtype="f4", casting="same_kind")) == {"overflow"}


def test_by_default_generalized_ufuncs_report_nothing(options):
    gufunc = kg.guvectorize("(n),()->(n)", **options)(all_times)
    for x in (np.full((10, 100), 1e308), HUGE, HUGE.reshape(2, 100, 100)[:, ::20, ::3]):
        assert not errors_of(gufunc, x, x.dtype.type(100))
        assert not errors_of(gufunc, x, np.int8(100))


def test_generalized_ufuncs_report_their_errors():
    gufunc = kg.guvectorize("(n),()->(n)", fp_errors="numpy")(all_times)
    x = np.full((9, 9), 1e300)
    assert errors_of(gufunc, x, 1e10) == {"overflow"}
    assert errors_of(gufunc, x, 1e-200) == set()
    assert errors_of(gufunc, np.full((9, 9), np.inf), 0.0) == {"invalid value"}


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
