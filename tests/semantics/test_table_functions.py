"""np.interp, np.searchsorted, np.digitize and np.polyval on constant tables, against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from backends import DTYPES, check, edges

from kernelgen import guvectorize, jit, vectorize
from kernelgen.errors import UnsupportedError

pytestmark = pytest.mark.any_python

INF, NAN = np.inf, np.nan
POINTS = {
    "one point": [2.0],
    "two points": [-1.0, 2.5],
    "points": [-3.0, -1.0, 0.0, 0.5, 4.0, 1e300],
    "equal points": [0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0],
    "infinite ends": [-INF, -1.0, 1.0, INF],
    "many points": np.sort(np.random.default_rng(3).normal(size=37)).tolist(),
    "signed zeros": [-1.0, -0.0, 0.0, 1.0],
}
VALUES = {
    "finite": [1.0, -2.0, 0.1, 5.5, 1e308, -1e308, 3.0],
    "special": [1.0, INF, INF, -INF, NAN, 2.0, 2.0],
}


def keys(points):
    """The points, what is between them and beside them, and special values."""
    points = np.array(points)
    with np.errstate(all="ignore"):
        between = (points[1:] + points[:-1]) / 2
        around = [np.nextafter(points, INF), np.nextafter(points, -INF), points * 0.7, points + 0.1]
    special = [NAN, INF, -INF, 0.0, -0.0, 1e-310]
    return np.concatenate([points, between, *around, special])


def values_for(points, kind):
    return np.resize(VALUES[kind], len(points))


def same_bits(got, want):
    got, want = (
        np.asarray(a).view(f"u{a.dtype.itemsize // (1 + (a.dtype.kind == 'c'))}")
        for a in (got, want)
    )
    return np.array_equal(got, want)


def without_signs_of_nan(values):
    """NumPy's nan may have a sign; which one says nothing."""
    values = np.array(values)
    for part in (values.real, values.imag) if values.dtype.kind == "c" else (values,):
        part[np.isnan(part)] = NAN
    return values


def expect_of_interp(ufunc, x, *args, **keywords):
    with np.errstate(all="ignore"):
        want = np.interp(x, *args, **keywords)
    got = ufunc(x)
    assert got.dtype == want.dtype
    got, want = without_signs_of_nan(got), without_signs_of_nan(want)
    assert same_bits(got, want), (x[got != want], got[got != want], want[got != want])


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", POINTS)
def test_interp_in_every_bit(name, kind):
    xp = np.array(POINTS[name])
    fp = values_for(xp, kind)
    x = keys(xp)
    expect_of_interp(vectorize(lambda x: np.interp(x, xp, fp)), x, xp, fp)
    expect_of_interp(
        vectorize(lambda x: np.interp(x, xp, fp, left=-7.5, right=NAN)), x, xp, fp, -7.5, NAN
    )
    expect_of_interp(vectorize(lambda x: np.interp(x, xp, fp, -1)), x, xp, fp, -1)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", POINTS)
def test_interp_of_complex_values_in_every_bit(name, kind):
    xp = np.array(POINTS[name])
    fp = np.empty(len(xp), complex)
    fp.real, fp.imag = values_for(xp, kind), values_for(xp, kind)[::-1]
    x = keys(xp)
    expect_of_interp(vectorize(lambda x: np.interp(x, xp, fp)), x, xp, fp)
    expect_of_interp(
        vectorize(lambda x: np.interp(x, xp, fp, 1 - 2j, right=2.0)), x, xp, fp, 1 - 2j, 2.0
    )


@pytest.mark.parametrize("period", [1.0, -2.5, 360])
@pytest.mark.parametrize("name", ["one point", "two points", "equal points", "many points"])
def test_interp_with_a_period(name, period):
    xp = np.array(POINTS[name])
    fp = values_for(xp, "finite")
    x = keys(xp)
    expect_of_interp(
        vectorize(lambda x: np.interp(x, xp, fp, period=period)), x, xp, fp, period=period
    )
    fc = np.empty(len(fp), complex)
    fc.real, fc.imag = fp, fp[::-1]
    expect_of_interp(
        vectorize(lambda x: np.interp(x, xp, fc, period=period)), x, xp, fc, period=period
    )


XP, FP = np.array([0, 1, 3, 7]), (1.0, -2.0, 0.5, 4)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.char != "g"], ids=str)
def test_interp_of_every_type(dtype):
    def kernel(x):
        return np.interp(x, XP, FP), np.interp(x, (0.0, 10.0), [0, 1], left=x)

    check(kernel, edges(dtype))


def test_interp_ends_that_are_computed():
    def kernel(x, y):
        return np.interp(x, XP, FP, left=y, right=x * y)

    check(kernel, [-1.0, 0.0, 2.0, 7.0, 8.0, NAN], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5])


# ------------------------------------------------------------------------- places in tables


@pytest.mark.parametrize("name", [*POINTS, "with nan", "empty"])
def test_searchsorted_and_digitize(name):
    table = np.array(
        {"with nan": [-1.0, 2.0, NAN, NAN], "empty": []}.get(name) or POINTS.get(name, [])
    )
    x = keys(table if len(table) else [0.0, 1.0])

    def places(x):
        return (
            np.searchsorted(table, x),
            np.searchsorted(table, x, side="right"),
            np.searchsorted(table, v=x, side="left"),
        )

    def bins(x):
        return np.digitize(x, table), np.digitize(x, table, right=True)

    check(places, x)
    if name != "with nan":
        check(bins, x)

    falling = table[::-1]

    def falling_bins(x):
        return np.digitize(x, falling), np.digitize(x, falling, True)

    if name != "with nan":
        check(falling_bins, x)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("table_type", DTYPES, ids=str)
def test_searchsorted_of_every_pair_of_types(table_type, dtype, unoptimised):
    table = np.sort(edges(table_type))
    small = (2.5, 7)

    def kernel(x):
        return np.searchsorted(table, x), np.searchsorted(small, x, "right")

    check(kernel, edges(dtype))


def test_searchsorted_of_times():
    table = np.array(["2020-01-01", "2020-02-01", "2021-01-01", "NaT"], "M8[D]")

    def kernel(t):
        return np.searchsorted(table, t), np.searchsorted(table, t, "right")

    x = np.array(["2019-12-31T23:59", "2020-01-01", "2020-01-01T00:01", "2022", "NaT"], "M8[m]")
    check(kernel, x)


def test_searchsorted_of_arrays():
    @guvectorize("(n),()->()")
    def place(a, v):
        return np.searchsorted(a, v, side="right")

    @jit
    def both(a, v):
        return np.searchsorted(a, v), np.searchsorted(a[::2], v, side="right")

    a = np.array([1.0, 2.0, 2.0, 5.0])
    assert place(a, [0.0, 2.0, 9.0]).tolist() == [0, 3, 4]
    assert both(a, 2.0) == (1, 2)
    assert both(a[:0], 2.0) == (0, 0)
    assert both(np.array([2**53, 2**53 + 1]), np.uint64(2**53 + 1)) == (0, 1)


def test_searchsorted_of_python_numbers():
    table = np.array([0.1, 0.2, 0.3], np.float32)

    def kernel(x):
        return x + np.searchsorted(table, 0.2), np.searchsorted(table, [1, 2][0])

    check(kernel, [1, 2])


# ---------------------------------------------------------------------------------- polynomials

COEFFICIENTS = {
    "floats": (1.5, -2.0, 0.25),
    "ints": [3, -1, 2],
    "float32": np.array([0.1, 0.2], np.float32),
    "complex": (1 + 2j, -1),
    "one": (2.5,),
    "none": (),
    "negative zero": (-0.0,),
}


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.kind != "b"], ids=str)
def test_polyval(coefficients, dtype):
    p = COEFFICIENTS[coefficients]

    def kernel(x):
        return np.polyval(p, x)

    check(kernel, edges(dtype), oracle=lambda x: np.asarray(np.polyval(p, x))[()])


def test_polyval_of_complex_numbers():
    def kernel(x):
        return np.polyval((1, 2.5, -3), x), np.polyval([1j, 2], x)

    check(kernel, [1 + 1j, -2.5, 0.5j], oracle=lambda x: tuple(map(np.complex128, kernel(x))))


# -------------------------------------------------------------------------------------- refusals

VECTOR = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("np.interp(x, (1, 2), (1,))", "fp and xp are not of the same length"),
        ("np.interp(x, (), ())", "array of sample points is empty"),
        ("np.interp(x, (1, 2), (1, 2), period=0)", "period must be a non-zero value"),
        ("np.interp(x, (x, 2), (1, 2))", "the points and the period must be constants"),
        ("np.interp(x, (1, 2), (1, 2), period=x)", "the points and the period must be constants"),
        ("np.interp(x, ((1, 2), (1, 2)), (1, 2))", "a table has one dimension"),
        ("np.interp(x)", "missing a required argument"),
        ("np.digitize(x, (1, 3, 2))", "bins must be monotonically increasing or decreasing"),
        ("np.digitize(x, (x, 2))", "the bins must be constants"),
        ("np.searchsorted(VECTOR, x, sorter=(0, 1))", "no `sorter=`"),
        (
            "np.searchsorted(VECTOR, x, side='middle')",
            r"search side must be 'left' or 'right' \(got",
        ),
        ("np.polyval((x, 1), x)", "the coefficients must be constants"),
    ],
)
def test_what_is_refused(expression, words):
    kernel = eval(f"lambda x: {expression}", {"np": np, "VECTOR": VECTOR})
    with pytest.raises(UnsupportedError, match=words):
        vectorize(kernel)(1.5)


def test_the_longest_way_round():
    """All keys in all intervals of tables of every small length."""
    for count in range(1, 20):
        table = np.arange(count) * 2.0
        x = np.arange(-1.0, 2 * count + 1)
        for side in ("left", "right"):
            ufunc = vectorize(lambda x: np.searchsorted(table, x, side=side))
            assert np.array_equal(ufunc(x), np.searchsorted(table, x, side=side))
        assert list(itertools.pairwise(ufunc(x))) == list(
            itertools.pairwise(np.searchsorted(table, x, "right"))
        )
