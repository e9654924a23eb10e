"""Stencils whose cells threads share: bit for bit those of one thread."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen import iterate, jit, schedule, stencil
from kernelgen.rewrites import stencil_rows, stencil_steps

pytestmark = pytest.mark.any_python

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def _many_bands(monkeypatch, shares_all):
    """Rows are shared one by one, and several steps at once have bands of few rows."""
    monkeypatch.setattr(stencil_rows, "READS_OF_BAND", 1)
    monkeypatch.setattr(stencil_steps, "ROWS_OF_STEPS", 1)


def both(function, **options):
    return stencil(function, **options), stencil(function, target="parallel", **options)


def five(a):
    return 0.2 * (a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1] + a[0, 0])


def uneven(a):
    return a[-2, 0] - a[1, 3] + 0.5 * a[0, -1]


def downwards(a):
    return 0.25 * a[0, 0] + 0.5 * a[2, 0]


def line(a):
    return a[-2] + 2 * a[0] - a[1]


def solid(a):
    return a[-1, 0, 0] + a[1, 0, 0] * a[0, -1, 1] - a[0, 2, 0]


def mean(a):
    s = 0.0
    for i in range(-1, 2):
        for j in range(-1, 2):
            s += a[i, j]
    return s / 9


def median(a):
    return np.median(a[-1:2, -1:2])


SHAPES = {
    1: [(1,), (5,), (1000,)],
    2: [(1, 1), (3, 4), (40, 30), (1, 300), (300, 1)],
    3: [(2, 3, 4), (12, 11, 10)],
}
KERNELS = [(five, 2), (uneven, 2), (downwards, 2), (line, 1), (solid, 3), (mean, 2), (median, 2)]
MODES = ["constant", "nearest", "reflect", "mirror", "wrap", "valid"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("function", "ndim"), KERNELS)
def test_all_modes_and_shapes(function, ndim, mode):
    options = {"neighborhood": ((-1, 1), (-1, 1))} if function is mean else {}
    alone, shared = both(function, mode=mode, cval=2.0, **options)
    for shape in SHAPES[ndim]:
        for order in "CF":
            a = np.asarray(RNG.random(shape), order=order)
            np.testing.assert_array_equal(shared(a), alone(a))
    assert "shared by threads" in shared.parallel_report()


def test_computed_offsets_and_their_errors():
    def farther(a, way):
        return a[way[0], 0] + a[0, way[1]]

    options = {"neighborhood": ((-3, 3), (-3, 3)), "standard_indexing": ("way",)}
    alone, shared = both(farther, mode="wrap", **options)
    a = RNG.random((30, 20))
    np.testing.assert_array_equal(shared(a, np.array([2, -3])), alone(a, np.array([2, -3])))
    with pytest.raises(IndexError, match="offset 4 is outside"):
        shared(a, np.array([2, 4]))


def test_several_arrays_types_and_outputs():
    def pair(a, b, factor):
        return a[-1, 0] * factor + b[0, 1], b[0, 0] > a[0, 0]

    alone, shared = both(pair, mode="reflect")
    a, b = RNG.random((50, 40)).astype("f4"), RNG.integers(0, 9, (50, 40))
    for x, y in zip(shared(a, b, 0.5), alone(a, b, 0.5), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def test_out_that_overlaps_what_is_read():
    alone, shared = both(five, mode="nearest")
    a = RNG.random((60, 50))
    for place in (np.s_[:-1], np.s_[1:]):
        own, other = a.copy(), a.copy()
        shared(own[1:], out=own[place])
        alone(other[1:], out=other[place])
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("mode", [*MODES[:-1], ("wrap", ("nearest", "constant"))])
@pytest.mark.parametrize("function", [five, uneven, downwards])
def test_steps_at_once(function, mode, at_once, monkeypatch):
    real = schedule.steps_at_once

    def steps(*given):
        monkeypatch.setattr(schedule, "cache_size", lambda: 0)
        monkeypatch.setattr(schedule, "kept_bytes", lambda: 1 << 60)
        monkeypatch.setattr(schedule, "_MOST_STEPS", at_once)
        return real(*given)

    monkeypatch.setattr(iterate, "steps_at_once", steps)
    alone, shared = both(function, mode=mode)
    for shape in (40, 30), (7, 9), (3, 1), (200, 4):
        a = RNG.random(shape)
        np.testing.assert_array_equal(shared.iterate(a, 11), alone.iterate(a, 11))


def test_in_a_function_whose_loops_are_shared():
    blurred = stencil(mean, mode="nearest", neighborhood=((-1, 1), (-1, 1)))

    def twice(a):
        return blurred(blurred(a)) + 1

    a = RNG.random((70, 60))
    compiled = jit(parallel=True)(twice)
    np.testing.assert_array_equal(compiled(a), jit(twice)(a))
    assert "shared by threads" in compiled.parallel_report()


def test_large_arrays_of_one_row_each():
    alone, shared = both(line, mode="mirror")
    a = RNG.random(300_001)
    np.testing.assert_array_equal(shared(a), alone(a))
