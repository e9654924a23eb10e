"""A short run of the accuracy programme, what it rests on, and the figures of the long one."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from kernelgen.ops import complex_table
from kernelgen.ops.math import ROWS
from kernelgen.types.table import LONGDOUBLE

from . import complexes, figures
from .functions import BY_NAME, FUNCTIONS, Function
from .measure import PATHS, differences, distance, measure
from .points import arguments

POINTS = 3000
EXTENDED = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant

pytestmark = [
    pytest.mark.any_python,
    pytest.mark.skipif(not EXTENDED, reason="long double is no wider than double here"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_errors_are_within_the_bounds(function, dtype):
    for each in measure(function, dtype, POINTS, seed=5):
        assert each.ulp <= figures.bound(each), each


@pytest.mark.parametrize("name", complexes.BY_NAME)
def test_errors_of_complex_functions_are_within_the_bounds(name):
    for each in complexes.measure(name, np.dtype(np.complex128), 300, seed=5):
        assert each.ulp <= figures.bound(each), each


def test_an_inexact_function_is_found_out():
    """An error of some ulp, at one argument of a thousand, is measured as such."""

    def almost(x):
        return math.sqrt(x) * (1 + 3 * 2.0**-52) if 2.0 < x < 2.003 else math.sqrt(x)

    function = Function("almost", almost, np.sqrt, mpmath.sqrt, 1, 0.5, ((1.0, 4.0),))
    for each in measure(function, np.float64, POINTS, seed=1):
        assert 2 < each.ulp < 5
        assert 2.0 < float(each.argument) < 2.003


LARGEST = float(np.finfo(np.float64).max)


@pytest.mark.parametrize(("got", "want", "ulp"), [
    (1.0, 1.0, 0), (1 + 2.0**-52, 1.0, 1), (1 - 2.0**-53, 1.0, 0.5), (5e-324, 1e-323, 1),
    (5e-324, 0.0, np.inf), (np.nan, 1.0, np.inf), (-1.0, 1.0, np.inf), (-0.0, 5e-324, np.inf),
    (0.0, 5e-324, 1), (np.inf, LARGEST, 1), (LARGEST, 2.0**1023, 2.0**52 - 1),
])  # fmt: skip
def test_distances(got, want, ulp):
    assert distance(np.float64(got), mpmath.mpf(want), np.dtype(np.float64)) == ulp
    if want:
        wide = np.array([want], np.longdouble)
        assert differences(np.array([got]), wide, None)[0] == ulp


def test_distances_of_what_is_beyond_the_type():
    """Half of the least number may be rounded to zero, but keeps its sign; infinity is rounded."""
    tiny, huge = mpmath.ldexp(1, -1076), mpmath.ldexp(1, 2000)
    double = np.dtype(np.float64)
    assert distance(np.float64(0.0), tiny, double) == 0.25
    assert distance(np.float64(-0.0), tiny, double) == math.inf
    assert distance(np.float64(np.inf), huge, double) == 0
    assert distance(np.float64(LARGEST), huge, double) == 1


def test_distances_of_special_values():
    """They are equal or infinitely wrong, a zero's sign counts too."""
    double = np.dtype(np.float64)
    inf, nan = np.float64(np.inf), np.float64(np.nan)
    assert distance(inf, inf, double) == distance(nan, nan, double) == 0
    assert distance(-inf, inf, double) == distance(nan, inf, double) == math.inf
    assert distance(np.float64(-0.0), np.float64(0.0), double) == math.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_are_everywhere(dtype):
    """All kinds of numbers, the neighbours of critical ones, and the sides of a threshold."""
    for name in ("exp", "lgamma", "power"):
        x = arguments(BY_NAME[name], dtype, POINTS, np.random.default_rng(1))[0]
        info = np.finfo(dtype)
        assert np.isnan(x).any() and np.isinf(x).any() and (x == 0).any()
        assert ((x != 0) & (abs(x) < info.tiny)).any() and (abs(x) == info.max).any()
        assert (x < -1).sum() > 100 and ((x > 0) & (x < 1)).sum() > 100
    half = arguments(BY_NAME["exp"], "float16", 10, np.random.default_rng(1))
    assert len(np.unique(half[0].view(np.uint16))) == 2**16


def test_there_is_a_figure_for_everything_within_its_bound():
    found = figures.read()
    real = {(name, dtype, path) for name in BY_NAME for dtype in figures.DTYPES for path in PATHS}
    parts = [name + part for name in complexes.BY_NAME for part in ("", ", each part")]
    complex_ = {
        (name, dtype, path) for name in parts for dtype in complexes.DTYPES for path in PATHS
    }
    assert set(found) == real | complex_
    for row in found.values():
        assert row.ulp <= figures.bound(row), row
        assert row.points >= 1000


def test_every_inexact_row_is_measured():
    inexact = {row.name for row in ROWS if row.ulp > 0 and not row.name.endswith("_by_libm")}
    assert inexact <= set(BY_NAME)
    assert len(complexes.BY_NAME) == len(complex_table.ROWS)
    assert LONGDOUBLE.size > 8


def test_the_doubles_next_to_multiples_of_half_pi():
    """Where glibc's reduction of large arguments loses digits, as the documentation says."""
    nearest = math.ldexp(6381956970095103, 797)
    for name, bound in (("cos", 8), ("tan", 15)):
        beside = Function(**{**BY_NAME[name]._asdict(), "critical": (nearest,)})
        for each in measure(beside, np.float64, 60, seed=1):
            assert each.ulp <= bound, each
