"""Every mode, along each axis and on each side, of arrays of all shapes and layouts."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from lying import LAYOUTS, numbers
from reference import expected

from kernelgen import stencil

pytestmark = pytest.mark.any_python

MODES = ("constant", "nearest", "reflect", "mirror", "wrap")


def line(a):
    return a[-3] * 2 - a[-1] + 3 * a[0] - a[2]


def plane(a):
    return a[-2, 1] + 2 * a[0, -1] - a[0, 0] * 3 + a[1, 3]


def block(a):
    return a[-1, 0, 2] - 2 * a[0, 1, 0] + a[0, 0, 0] + 3 * a[2, -1, -1]


KERNELS = {1: line, 2: plane, 3: block}
HALOS = {1: [(3, 2)], 2: [(2, 1), (1, 3)], 3: [(1, 2), (1, 1), (1, 2)]}

MIXED = (
    (("constant", "wrap"),),
    (("valid", "mirror"),),
    ("wrap", ("nearest", "constant")),
    (("reflect", "valid"), "mirror"),
    ("constant", "valid"),
    ("constant", ("valid", "nearest"), "reflect"),
    (("wrap", "constant"), "mirror", ("nearest", "valid")),
)
COMBINATIONS = [(n, mode) for n in (1, 2, 3) for mode in (*MODES, "valid")]
COMBINATIONS += [(len(mode), mode) for mode in MIXED]


@cache
def made(ndim: int, mode: Any, cval: Any = 0, kernel: Any = None) -> Any:
    return stencil(kernel or KERNELS[ndim], mode=mode, cval=cval)


def check(kernel: Any, array: np.ndarray, mode: Any, cval: Any = 0, base: Any = None) -> None:
    """Compare a stencil with NumPy on one array."""
    halo = HALOS[array.ndim]
    before = array.copy()
    same(kernel(array), right(base or KERNELS[array.ndim], [array], mode, cval, halo))
    np.testing.assert_array_equal(array, before)


def right(base: Any, arrays: list[np.ndarray], mode: Any, cval: Any, halo: Any) -> np.ndarray:
    """What NumPy makes of arrays."""
    modes = [mode] * len(halo) if isinstance(mode, str) else mode
    pairs = [(each, each) if isinstance(each, str) else each for each in modes]
    with np.errstate(all="ignore"):
        return expected(base, arrays, halo, pairs, cval)


def same(got: np.ndarray, want: np.ndarray) -> None:
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_array_equal(got, want)


@st.composite
def shapes(draw: Any, ndim: int) -> tuple[int, ...]:
    lengths = st.integers(0, 9) | st.sampled_from([1, 2, 17, 40])
    return tuple(draw(st.tuples(*[lengths] * ndim)))


@pytest.mark.parametrize("ndim, mode", COMBINATIONS)
def test_modes(ndim: int, mode: Any) -> None:
    kernel = made(ndim, mode, 7.5)

    @settings(max_examples=40)
    @given(shapes(ndim), st.sampled_from(list(LAYOUTS[ndim])), st.integers(0, 99))
    def run(shape: Any, layout: str, seed: int) -> None:
        array = LAYOUTS[ndim][layout](numbers(seed, shape, float))
        check(kernel, array, mode, 7.5)

    run()


# ------------------------------------------------------------------------------------- dtypes

DTYPES = ("f4", "f2", "i8", "i4", "u1", "i1", "u8", "c8", "c16", "g", "G")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ndim, mode", [(1, "constant"), (2, MIXED[2]), (2, "valid")])
def test_dtypes(dtype: str, ndim: int, mode: Any) -> None:
    kernel = made(ndim, mode, 3)

    @settings(max_examples=10)
    @given(shapes(ndim), st.sampled_from(["axes (0,)", "unaligned", "reversed"]), st.integers(0, 9))
    def run(shape: Any, layout: str, seed: int) -> None:
        lay = LAYOUTS[ndim].get(layout, np.copy)
        check(kernel, lay(numbers(seed, shape, dtype)), mode, 3)

    run()


def flags_line(a):
    return a[-3] ^ a[0] | a[2]


def flags_plane(a):
    return (a[-2, 1] | a[1, 0]) ^ a[0, 3] & a[0, -1]


@pytest.mark.parametrize(
    "base, mode, cval",
    [
        (flags_line, "constant", True),
        (flags_line, "mirror", 0),
        (flags_plane, "constant", 1),
        (flags_plane, MIXED[2], True),
    ],
)
def test_bool(base: Any, mode: Any, cval: Any) -> None:
    ndim = 1 if base is flags_line else 2
    kernel = made(ndim, mode, cval, base)

    @settings(max_examples=10)
    @given(shapes(ndim), st.integers(0, 9))
    def run(shape: Any, seed: int) -> None:
        check(kernel, numbers(seed, shape, bool), mode, cval, base)

    run()


def steps_in_time(a):
    return a[1] - a[-1]


@pytest.mark.parametrize("dtype", ["M8[D]", "m8[s]"])
@pytest.mark.parametrize("mode", ["nearest", "wrap", "valid"])
def test_times(dtype: str, mode: str, target: str) -> None:
    array = numbers(0, (9,), "i8").astype(dtype)
    array[4] = "NaT"
    got = stencil(steps_in_time, mode=mode, target=target)(array)
    want = right(steps_in_time, [array], mode, 0, [(1, 1)])
    assert want.dtype == np.dtype("m8" + dtype[2:])
    same(got, want)


@pytest.mark.parametrize("cval", [3, np.timedelta64(3, "s"), np.timedelta64(3000, "ms")])
def test_times_with_a_constant(cval: Any, target: str) -> None:
    array = numbers(0, (9,), "i8").astype("m8[s]")
    got = stencil(steps_in_time, cval=cval, target=target)(array)
    same(got, right(steps_in_time, [array], "constant", 3, [(1, 1)]))
    missing = stencil(steps_in_time, cval=np.timedelta64("NaT", "s"), target=target)(array)
    assert np.isnat(missing[[0, -1]]).all() and not np.isnat(missing[1:-1]).any()


# ------------------------------------------------------------------- other reaches and arguments


def behind_only(a):
    return a[-2] - a[-1]


def ahead_only(a):
    return a[2] * 3 - a[1]


def far(a):
    return a[-11] - a[7]


def not_its_own_row(a):
    return a[-1, 0] - a[2, 0]


def one_row(a):
    return a[0, -2] - a[0, 1]


def nothing_around(a):
    return a[0, 0] * 2 + 1


def corner(a):
    return a[-3, -3] + a[2, 2] * 2


REACHES = {
    behind_only: [(2, 0)],
    ahead_only: [(0, 2)],
    far: [(11, 7)],
    not_its_own_row: [(1, 2), (0, 0)],
    one_row: [(0, 0), (2, 1)],
    nothing_around: [(0, 0), (0, 0)],
    corner: [(3, 2), (3, 2)],
}


@pytest.mark.parametrize("base", REACHES)
@pytest.mark.parametrize("mode", ["constant", "mirror", "wrap", "valid"])
def test_reaches(base: Any, mode: str) -> None:
    halo = REACHES[base]
    kernel = made(len(halo), mode, -4, base)

    @settings(max_examples=20)
    @given(shapes(len(halo)), st.integers(0, 9))
    def run(shape: Any, seed: int) -> None:
        array = numbers(seed, shape, float)
        same(kernel(array), right(base, [array], mode, -4, halo))

    run()


def of_two(a, b):
    return a[-2, 1] * b[1, 0] - b[0, -1]


@pytest.mark.parametrize("mode", ["constant", "reflect", MIXED[3]])
@pytest.mark.parametrize("first, second", [("axes (0, 1)", "axes (1, 0)"), ("axes (1, 0)",) * 2])
def test_two_arrays(mode: Any, first: str, second: str) -> None:
    kernel = made(2, mode, 2, of_two)
    halo = [(2, 1), (1, 1)]

    @settings(max_examples=20)
    @given(shapes(2), st.integers(0, 9))
    def run(shape: Any, seed: int) -> None:
        a = LAYOUTS[2][first](numbers(seed, shape, float))
        b = LAYOUTS[2][second](numbers(seed + 1, shape, "i4"))
        same(kernel(a, b), right(of_two, [a, b], mode, 2, halo))

    run()


def test_results_are_ordered_as_the_arrays() -> None:
    kernel = made(2, "nearest")
    array = numbers(0, (5, 6), float)
    assert kernel(array).flags.c_contiguous
    assert kernel(np.asfortranarray(array)).flags.f_contiguous
    both = made(2, "constant", 2, of_two)
    assert both(np.asfortranarray(array), array).flags.c_contiguous


# -------------------------------------------------------------------------------- scipy.ndimage


@cache
def weighted(ndim: int, mode: str, reach: tuple[tuple[int, int], ...]) -> Any:
    """A stencil that sums what is around a cell, each element times a weight."""
    lows = tuple(low for low, _ in reach)
    if ndim == 1:
        (n,) = (low + high + 1 for low, high in reach)

        def line_sum(a, w):
            s = 0.0
            for i in range(n):
                s += a[i - lows[0]] * w[i]
            return s

        return stencil(line_sum, mode=mode, cval=4, standard_indexing="w")
    rows, columns = (low + high + 1 for low, high in reach)

    def plane_sum(a, w):
        s = 0.0
        for i in range(rows):
            for j in range(columns):
                s += a[i - lows[0], j - lows[1]] * w[i, j]
        return s

    return stencil(plane_sum, mode=mode, cval=4, standard_indexing="w")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reach", [((2, 1),), ((5, 5),), ((1, 1), (1, 1)), ((2, 1), (0, 3))])
def test_scipy_correlates(mode: str, reach: Any) -> None:
    """``scipy.ndimage`` has weights around the middle, so some of them are 0."""
    ndim = len(reach)
    kernel = weighted(ndim, mode, reach)

    @settings(max_examples=12)
    @given(shapes(ndim).filter(lambda shape: 0 not in shape), st.integers(0, 9))
    def run(shape: Any, seed: int) -> None:
        array = np.rint(numbers(seed, shape, float))
        w = np.rint(numbers(seed, [low + high + 1 for low, high in reach], float))
        around = np.pad(w, [(max(r) - r[0], max(r) - r[1]) for r in reach])
        want = ndi.correlate(array, around, mode=mode, cval=4)
        np.testing.assert_array_equal(kernel(array, w), want)

    run()


def middle_of_three_by_three(a):
    return np.median(a[-1:2, -1:2])


@pytest.mark.parametrize("mode", MODES)
def test_scipy_filters(mode: str) -> None:
    array = numbers(3, (7, 5), float)
    got = stencil(middle_of_three_by_three, mode=mode, cval=1.5)(array)
    want = ndi.generic_filter(array, np.median, 3, mode=mode, cval=1.5)
    np.testing.assert_array_equal(got, want)
    want = ndi.median_filter(array, 3, mode=mode, cval=1.5)
    np.testing.assert_array_equal(got, want)


def test_rows_and_planes_larger_than_the_cache() -> None:
    """Of three dimensions, loops are cut into tiles, of which the last is lower."""
    array = np.random.default_rng(0).random((3, 67, 20_000))
    same(made(3, "reflect")(array), right(block, [array], "reflect", 0, HALOS[3]))
