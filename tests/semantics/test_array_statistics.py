"""Medians, quantiles, averages, correlations and histograms of arrays."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from array_backends import attempt, check, copy_of, request, same

from kernelgen import njit, pipeline
from kernelgen.errors import KernelgenError

pytestmark = pytest.mark.any_python

RANDOM = np.random.default_rng(1)
A = RANDOM.normal(size=(4, 6))
HOLED = np.where(A > -1, A, np.nan)
METHODS = [
    "linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf", "closest_observation",
    "averaged_inverted_cdf", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
]  # fmt: skip


def check_natively(function, *args):
    """Machine code alone, compared with NumPy to the last bit."""
    ours, theirs = list(map(copy_of, args)), list(map(copy_of, args))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        got, want = attempt(njit(function), *theirs), attempt(function, *ours)
    assert same(got, want), f"returns {got!r}, expected {want!r}"


# ------------------------------------------------------------------------------------ medians


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", "f8", "m8[s]"])
def test_medians(dtype):
    a = (RANDOM.random(9) * 100).astype("i8").astype(dtype) if dtype != "?" else A[0] > 0
    if dtype[0] == "m":
        with pytest.raises(KernelgenError, match="cannot be computed in a kernel"):
            pipeline.typed(request(lambda a: np.median(a), (a,)))
        return
    check_natively(lambda a: (np.median(a), np.median(a[1:]), np.median(a[:1])), a)


def test_medians_along_an_axis():
    def medians(a):
        return np.median(a, axis=1), np.median(a, 0, keepdims=True), np.nanmedian(a, -1)

    check_natively(medians, HOLED)
    check_natively(medians, np.asfortranarray(A))


def test_medians_without_numbers():
    check(lambda a: np.median(a), np.array([1, np.nan, 2]))
    check_natively(lambda a: (np.nanmedian(a), np.median(a[:0])), np.array([np.nan, np.nan]))


@pytest.mark.parametrize("n", [15, 16, 17, 500, 1001])
def test_medians_of_many(n):
    median = njit(lambda a: np.median(a))
    for values in (RANDOM.normal(size=n), np.arange(n) * 1.0, np.ones(n), -np.arange(n) * 1.0):
        assert median(values) == np.median(values)


def test_what_is_asked_does_not_change():
    a = A[0].copy()
    njit(lambda a: (np.median(a), np.quantile(a, 0.3)))(a)
    np.testing.assert_array_equal(a, A[0])


# ---------------------------------------------------------------------------------- quantiles


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_quantiles(method):
    def quantiles(a, q):
        return np.quantile(a, q, method=method)

    check_natively(quantiles, A[0, :5], np.linspace(0, 1, 21))


@pytest.mark.parametrize("dtype", ["i1", "f4", "f8"])
def test_types_of_quantiles(dtype):
    def quantiles(a, x, n):
        weak = np.percentile(a, 30), np.percentile(a, 7.5), np.percentile(a, 25, method="lower")
        return weak, np.percentile(a, x), np.quantile(a, n)

    check_natively(quantiles, (A[0] * 9).astype(dtype), np.float64(45), np.int64(1))


def test_quantiles_along_an_axis():
    def quantiles(a, q):
        return np.quantile(a, q, axis=0, keepdims=True), np.percentile(a, (5, 50), axis=1)

    check_natively(quantiles, HOLED, np.array([0, 0.25, 1]))
    check_natively(lambda a, q: np.quantile(a, q, 1), A, np.array([[0, 0.25], [0.5, 1]]))
    check_natively(lambda a: np.nanpercentile(a, (5, 50), axis=1), HOLED)
    check(lambda a: np.nanquantile(a, 0.4), HOLED)


def test_quantiles_that_there_are_none_of():
    check(lambda a, q: np.quantile(a, q), A, 1.5)
    check(lambda a: np.percentile(a, (50, 101)), A)
    check(lambda a: np.percentile(a, 50), A[:0])
    with pytest.raises(ValueError, match="'middle' is not a valid method of quantiles"):
        njit(lambda a: np.quantile(a, 0.5, method="middle"))(A)


# ----------------------------------------------------------------------------------- averages


@pytest.mark.parametrize("dtype", ["i2", "f4", "f8", "c16"])
def test_averages(dtype):
    def averages(a, w):
        whole = np.average(a), np.average(a, weights=w), np.average(a, weights=w, returned=True)
        return whole, np.average(a, 0, w), np.average(a, axis=1, weights=w[0], keepdims=True)

    check_natively(averages, (A * 9).astype(dtype), np.abs(A))
    check_natively(averages, (A * 9).astype(dtype), np.arange(24).reshape(4, 6).astype("i4"))


def test_weights_that_do_not_fit():
    check(lambda a, w: np.average(a, weights=w), A[0], A[0] * 0)
    check(lambda a, w: np.average(a, weights=w), A, A[0])
    check(lambda a, w: np.average(a, 0, w), A, A[0])


def test_areas():
    def areas(y, x):
        whole = np.trapezoid(y), np.trapezoid(y, x[0]), np.trapezoid(y, x)
        return whole, np.trapezoid(y[0], dx=2), np.trapezoid(y, axis=0)

    check_natively(areas, A, np.sort(A))


def test_correlations():
    def correlations(a):
        whole = np.cov(a), np.cov(a[0]), np.cov(a[0], a[1]), np.cov(a, rowvar=False, ddof=0)
        return whole, np.cov(a, bias=True), np.corrcoef(a), np.corrcoef(a[0], a[2])

    got, want = njit(correlations)(A), correlations(A)
    for ours, theirs in zip((*got[0], *got[1:]), (*want[0], *want[1:]), strict=True):
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


# --------------------------------------------------------------------------------- histograms


@pytest.mark.parametrize("dtype", ["i1", "f4", "f8"])
def test_histograms(dtype):
    def histograms(a):
        even = np.histogram(a), np.histogram(a, 3), np.histogram(a, 5, (-1, 1))
        return even, np.histogram(a, bins=(-1, 0, 2)), np.histogram_bin_edges(a, 7)

    check_natively(histograms, (A * 3).astype(dtype))


def test_weighted_histograms():
    def histograms(a, w):
        return (
            np.histogram(a, 4, weights=w),
            np.histogram(a, 4, density=True),
            np.histogram(w, a[0]),
        )

    check_natively(histograms, np.sort(A), np.abs(A))
    check_natively(lambda a, w: np.histogram(a, 3, weights=w), A, np.arange(24).reshape(4, 6))


def test_histograms_that_there_are_none_of():
    check(lambda a: np.histogram(a, 0), A)
    check(lambda a: np.histogram(a, 2, (3, 1)), A)
    check(lambda a: np.histogram(a), HOLED)
    check(lambda a, b: np.histogram(a, b), A, np.array([2.0, 1]))
    check(lambda a: np.histogram(a, 2), A[:0])


def test_counting():
    x = np.array([1, 3, 3, 0])

    def count(x, w):
        return np.bincount(x), np.bincount(x, minlength=6), np.bincount(x, w)

    check(count, x, A[0, :4])
    check(count, x - 1, A[0, :4])
    check(count, x, A[0, :3])
