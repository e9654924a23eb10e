"""Stencils at the borders of arrays, against NumPy's padding and scipy.ndimage."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import expected
from scipy import ndimage

from kernelgen import stencil

pytestmark = pytest.mark.any_python

MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "valid")


def line(a):
    return a[-2] + a[0] - a[1] + a[3]


def plane(a):
    return a[-1, 0] + a[0, -2] - a[0, 0] + a[2, 1] + a[-1, 1]


def space(a):
    return a[-1, 0, 0] + a[0, 2, 0] - a[0, 0, -1] + a[1, -1, 2] + a[0, 0, 0]


KERNELS = {1: line, 2: plane, 3: space}
HALOS = {1: ((2, 3),), 2: ((1, 2), (2, 1)), 3: ((1, 1), (1, 2), (1, 2))}
SHAPES = {
    1: [(1,), (2,), (3,), (5,), (6,), (40,), (0,)],
    2: [(1, 1), (1, 7), (6, 1), (2, 2), (3, 4), (4, 3), (5, 41), (33, 6), (0, 3), (3, 0)],
    3: [(1, 1, 1), (2, 1, 3), (1, 5, 2), (3, 3, 3), (4, 6, 19), (0, 2, 3)],
}


@functools.cache
def made(ndim: int, mode: Any, cval: Any = 0) -> Any:
    return stencil(KERNELS[ndim], mode=mode, cval=cval)


def some(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    """An array whose elements are all of the dtype's kind; small ones, so that none overflows."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 10, shape)
    if np.dtype(dtype).kind in "fc":
        values = values + rng.random(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.random(shape)
    return values.astype(dtype)


def strided(array: np.ndarray) -> np.ndarray:
    """The same elements with gaps, and backwards along the first axis."""
    room = np.zeros([2 * n for n in array.shape], array.dtype)
    view = room[tuple(slice(None, None, 2) for _ in array.shape)][::-1]
    view[...] = array
    return view


def turned(array: np.ndarray) -> np.ndarray:
    """The same elements, axes in memory in an order that is neither C's nor Fortran's."""
    axes = list(range(1, array.ndim)) + [0]
    return np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes))


LAYOUTS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "strided": strided, "turned": turned}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ndim", (1, 2, 3))
def test_modes(ndim, mode, layout):
    for shape in SHAPES[ndim]:
        a = some(shape, float)
        found = made(ndim, mode, 2.5)(LAYOUTS[layout](a))
        assert np.array_equal(
            found, expected(KERNELS[ndim], [a], HALOS[ndim], [(mode, mode)] * ndim, 2.5)
        ), shape


@pytest.mark.parametrize("dtype", ("f4", "f2", "i4", "i8", "u1", "c8", "c16", "g"))
def test_dtypes(dtype):
    for mode in ("constant", "mirror"):
        for shape in SHAPES[2]:
            a = some(shape, dtype)
            found = made(2, mode, 3)(a)
            right = expected(plane, [a], HALOS[2], [(mode, mode)] * 2, 3)
            assert found.dtype == right.dtype
            assert np.array_equal(found, right), shape


def test_bools_and_times():
    def either(a):
        return a[-1] | a[1]

    a = np.array([True, False, False, False, True])
    assert np.array_equal(stencil(either, mode="wrap")(a), [True, True, False, True, True])

    def step(a):
        return a[1] - a[0]

    days = np.array(["2024-01-01", "2024-01-05", "2024-02-01"], "M8[D]")
    found = stencil(step, mode="nearest")(days)
    assert found.dtype == "m8[D]"
    assert np.array_equal(found, np.array([4, 27, 0], "m8[D]"))


MIXED = [
    ("wrap", "reflect"),
    ("constant", "mirror"),
    (("wrap", "wrap"), ("nearest", "constant")),
    (("constant", "reflect"), "valid"),
    (("valid", "mirror"), ("nearest", "valid")),
    ("valid", "constant"),
]


@pytest.mark.parametrize("mode", MIXED)
def test_modes_of_axes_and_sides(mode):
    pairs = [(each, each) if isinstance(each, str) else each for each in mode]
    for shape in SHAPES[2]:
        a = some(shape, float)
        right = expected(plane, [a], HALOS[2], pairs, -1.5)
        for layout in "C", "F":
            assert np.array_equal(made(2, mode, -1.5)(LAYOUTS[layout](a)), right), shape


@given(
    st.sampled_from([(1, "wrap"), (2, "reflect"), (2, "constant"), (3, "mirror"), (3, "nearest")]),
    st.data(),
)
def test_any_shape(case, data):
    ndim, mode = case
    shape = data.draw(st.tuples(*[st.integers(0, 12)] * ndim))
    a = some(shape, float, data.draw(st.integers(0, 99)))
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    right = expected(KERNELS[ndim], [a], HALOS[ndim], [(mode, mode)] * ndim, 2.5)
    assert np.array_equal(made(ndim, mode, 2.5)(LAYOUTS[layout](a)), right)


WEIGHTS = np.array([[0.1, 1.0, 0.2], [1.0, -4.0, 1.5], [0.3, 1.25, 0.7]])


@pytest.mark.parametrize("mode", MODES[:-1])
def test_correlate_of_scipy(mode):
    @stencil(mode=mode, cval=1.5)
    def weighted(a):
        total = 0.0
        for i in range(-1, 2):
            for j in range(-1, 2):
                total += WEIGHTS[i + 1, j + 1] * a[i, j]
        return total

    for shape in SHAPES[2][:-2]:
        a = some(shape, float)
        right = ndimage.correlate(a, WEIGHTS, mode=mode, cval=1.5)
        assert np.allclose(weighted(a), right, rtol=1e-14, atol=1e-14), shape


@pytest.mark.parametrize("mode", MODES[:-1])
def test_generic_filter_of_scipy(mode):
    @stencil(mode=mode, cval=4)
    def middle(a):
        return np.median(a[-1:2, -1:2])

    for shape in SHAPES[2][:-2]:
        a = some(shape, float)
        right = ndimage.median_filter(a, 3, mode=mode, cval=4)
        assert np.array_equal(middle(a), right), shape
        assert np.array_equal(middle(np.asfortranarray(a)), right), shape


def test_rows_and_planes_larger_than_the_cache():
    """Of three dimensions, loops are cut into tiles, of which the last is lower."""
    a = np.random.default_rng(0).random((3, 67, 20_000))
    right = expected(space, [a], HALOS[3], [("reflect", "reflect")] * 3)
    assert np.array_equal(made(3, "reflect")(a), right)
