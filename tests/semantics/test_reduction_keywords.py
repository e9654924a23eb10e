"""Keywords of reductions, and reductions that leave nan out; sums are of whole numbers here."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from array_backends import attempt, check, copy_of, request, same

from kernelgen import njit, pipeline
from kernelgen.errors import KernelgenError

RANDOM = np.random.default_rng(3)
A = RANDOM.integers(-9, 9, (4, 5)).astype(float)
MASK = RANDOM.random((4, 5)) > 0.4
HOLED = np.where(MASK, A, np.nan)
LAYOUTS = {
    "C": HOLED.copy(),
    "F": np.asfortranarray(HOLED),
    "strided": np.repeat(HOLED, 2, 1)[::-1, ::2],
}


def check_natively(function, *args):
    """The same by machine code alone, which is where most may go wrong, and quick."""
    ours, theirs = map(copy_of, args), map(copy_of, args)
    got, want = attempt(njit(function), *theirs), attempt(function, *ours)
    assert same(got, want), f"returns {got!r}, expected {want!r}"


@pytest.fixture(autouse=True)
def quiet():
    """What NumPy warns of, a function gives as nan without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@pytest.fixture(params=LAYOUTS)
def holed(request):
    """A matrix with nan that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


@pytest.mark.parametrize("dtype", ["i1", "f4", "f8", "c16"])
def test_initial(dtype):
    def reduce(a, x):
        whole = np.sum(a, initial=3), a.sum(initial=x), np.prod(a[0], initial=2)
        return whole, np.sum(a, axis=0, initial=1.5), np.sum(a, 1, keepdims=True, initial=x)

    check(reduce, A.astype(dtype), 2)


def test_initial_of_extrema():
    def reduce(a, x):
        whole = np.max(a, initial=100), np.min(a, initial=x), a.max(initial=3, axis=0)
        return whole, np.max(a[:0], initial=7), np.min(a[:, :0], axis=1, initial=7.5)

    check(reduce, A, -100)
    check(reduce, A.astype(int), -100)


@pytest.mark.parametrize(("dtype", "axis"), [("?", 0), ("u1", None), ("f4", 1), ("f8", (0, 1))])
def test_where(dtype, axis):
    a = np.abs(A).astype(dtype)

    def reduce(a, mask):
        sums = np.sum(a, axis, where=mask), np.prod(a, axis, where=mask), a.any(axis, where=mask)
        extrema = np.max(a, axis, initial=1, where=mask), a.min(axis, initial=1, where=mask)
        return (
            sums,
            extrema,
            np.all(a, axis, where=mask, keepdims=True),
            np.mean(a, axis, where=mask),
        )

    check_natively(reduce, a, MASK)
    check_natively(reduce, a, MASK[0])


def test_variances_where():
    def reduce(a, mask):
        return np.var(a, where=mask), a.std(0, where=mask), np.var(a, 1, ddof=1, where=mask)

    a = np.array([[1.0, 3, 8, 4], [2, 2, 4, 6], [5, 5, 9, 9], [7, 3, 1, 5]])
    check_natively(reduce, a, np.eye(4)[::-1] + np.eye(4) > 0)
    check_natively(reduce, a, a > 1e9)


@pytest.mark.parametrize(
    ("dtype", "out"), [("i1", np.zeros(5)), ("f8", np.zeros(5, "f4")), ("f4", np.zeros(5, "i2"))]
)
def test_out(dtype, out):
    def reduce(a, out):
        first = np.sum(a, 0, out=out).copy(), np.max(a, 0, out).copy(), a.mean(0, out=out).copy()
        return first, np.any(a, 0, out=out).copy(), np.cumsum(a[0], out=out), out

    check_natively(reduce, A.astype(dtype), out)


def test_out_of_all_elements():
    def reduce(a, out):
        np.prod(a, out=out)
        return np.ptp(a, out=out).copy(), np.sum(a, out=out), out

    check(reduce, A, np.array(0.0))


def test_out_is_no_array_of_the_right_shape():
    def reduce(a, out):
        return np.sum(a, 0, out=out)

    with pytest.raises(ValueError, match=r"out= has the shape of the result, \(5,\), not \(4,\)"):
        njit(reduce)(A, np.zeros(4))
    with pytest.raises(ValueError, match=r"out= has the shape of the result, \(5,\), not \(1, 5\)"):
        njit(reduce)(A, np.zeros((1, 5)))


def test_positions_in_out():
    check(lambda a, out: (np.argmax(a, 0, out), a.argmin(0, out=out)), A, np.zeros(5, np.int64))


def test_where_needs_what_to_begin_with():
    check(lambda a: np.max(a, where=a > 0), A)
    check(lambda a: np.nanmin(a, where=a > 0), A)


def test_of_numbers():
    check(lambda x: (np.sum(x, initial=1), np.max(x, initial=9), np.sum(x, where=x > 9)), 2.5)


# ---------------------------------------------------------------------------------- without nan


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_sums_without_nan(holed, axis):
    def reduce(a):
        sums = np.nansum(a, axis), np.nanprod(a, axis), np.nancumsum(a, axis)
        return sums, np.nancumprod(a, axis), np.nanmean(a, axis), np.nanmean(a, axis, keepdims=True)

    check_natively(reduce, holed)
    check_natively(reduce, holed.astype("f4"))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "?", "c16"])
def test_variances_without_nan(dtype):
    a = np.array([[1, 3, 8, 4], [2, 2, 4, 6]]).astype(dtype)
    if dtype[0] in "fc":
        a[0, 1] = a[1, 3] = np.nan

    def reduce(a):
        return np.nanvar(a), np.nanstd(a, 0), np.nanvar(a, axis=1, ddof=1), np.nanstd(a, 0, ddof=1)

    check_natively(reduce, a)


def test_extrema_without_nan(holed):
    def reduce(a):
        whole = np.nanmax(a), np.nanmin(a), np.nanargmax(a), np.nanargmin(a, axis=1)
        return whole, np.nanmax(a, 0), np.nanmin(a, 1, initial=0.5), np.nanmax(a, keepdims=True)

    check_natively(reduce, holed)


def test_nothing_but_nan():
    check_natively(
        lambda a: (np.nansum(a), np.nanmean(a), np.nanmax(a), np.nanvar(a)), np.full(3, np.nan)
    )
    check_natively(lambda a: np.nanargmax(a), np.full(3, np.nan))
    check_natively(lambda a: np.nanargmin(a, axis=1), np.array([[1, np.nan], [np.nan, np.nan]]))


def test_sums_on_every_back_end():
    def reduce(a, mask, out):
        return np.sum(a, 0, None, out, True, 2, mask), np.nanmean(a, where=mask), out

    check(reduce, A, MASK, np.zeros((1, 5)))


def test_without_nan_and_more():
    def reduce(a, mask, out):
        np.nansum(a, 0, out=out, where=mask)
        return (
            out,
            np.nanmean(a, 0, where=mask),
            np.nansum(a, initial=3),
            np.nanmax(a, 0, None, True),
        )

    check_natively(reduce, HOLED, MASK[::-1], np.zeros(5))


def test_keywords_that_are_no_constants():
    with pytest.raises(KernelgenError, match="keepdims= is a constant"):
        pipeline.typed(request(lambda a, k: np.sum(a, keepdims=k), (A, True)))
