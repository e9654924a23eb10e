"""Reductions of arrays: values, dtypes and layouts of results are NumPy's, to the last bit."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from array_backends import check, request
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelgen import njit, pipeline
from kernelgen.errors import TypingError
from kernelgen.ir.text import print_function

RANDOM = np.random.default_rng(5)
A = RANDOM.normal(size=(6, 7)) * 10
LAYOUTS = {
    "C": A.copy(),
    "F": np.asfortranarray(A),
    "strided": np.repeat(A, 2, 0)[::-2],
    "columns": A[:, ::-1],
}
DTYPES = ["?", "i1", "u2", "i8", "u8", "f2", "f4", "f8", "g"]


def same_array(got, want):
    """Equal, of one dtype, and laid out alike."""
    assert np.shape(got) == np.shape(want)
    np.testing.assert_array_equal(got, want, strict=True)
    if isinstance(want, np.ndarray) and want.ndim > 1:
        flags = ("C_CONTIGUOUS", "F_CONTIGUOUS")
        assert [got.flags[f] for f in flags] == [want.flags[f] for f in flags]


@pytest.fixture(params=LAYOUTS)
def matrix(request):
    """A matrix that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


# -------------------------------------------------------------------------------- every row


def test_of_all_elements(matrix):
    def reductions(a):
        return np.prod(a), np.max(a), np.min(a), np.any(a), np.all(a), np.argmax(a), np.argmin(a)

    check(reductions, matrix)


def test_over_the_first_axis(matrix):
    def reductions(a):
        return a.sum(0), a.mean(axis=0), a.max(-2), a.argmin(0), np.var(a, 0), np.any(a > 9, 0)

    check(reductions, matrix)


def test_over_the_last_axis(matrix):
    def reductions(a):
        return a.sum(1), a.prod(-1), a.min(axis=1), a.argmax(1), np.std(a, 1), (a > -9).all(axis=1)

    check(reductions, matrix)


def test_axes_are_kept(matrix):
    def reductions(a):
        return (
            a.sum(axis=1, keepdims=True),
            np.max(a, axis=0, keepdims=True),
            np.argmin(a, 1, keepdims=True),
            np.min(a, keepdims=True),
            a - a.mean(0, keepdims=True),
        )

    check(reductions, matrix)


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (0, 2), (1, 2), (-1, 0), (0, 1, 2), ()])
@pytest.mark.parametrize("order", "CF")
def test_several_axes(axis, order):
    a = np.asarray(RANDOM.integers(-9, 9, (3, 4, 5)) / 4, order=order)

    def reductions(a):
        return a.sum(axis), np.max(a, axis=axis), np.mean(a, axis, keepdims=True)

    for got, want in zip(njit(reductions)(a), reductions(a)):
        same_array(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    a = (RANDOM.normal(size=(3, 20)) * 5).astype(dtype)

    def whole(a):
        return np.sum(a), np.prod(a), np.mean(a), np.max(a), np.min(a), np.argmax(a), np.all(a)

    def rows(a):
        return a.sum(1), a.prod(1), a.mean(1), a.max(1), a.min(1), a.argmax(1), a.any(1), a.std(1)

    def columns(a):
        return a.sum(0), a.prod(0), a.mean(0), a.max(0), a.min(0), a.argmin(0), a.all(0), a.var(0)

    with np.errstate(all="ignore"):
        for function in (whole, rows, columns):
            for got, want in zip(njit(function)(a), function(a)):
                same_array(got, want)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_complex(dtype):
    a = (RANDOM.normal(size=(4, 30)) + 1j * RANDOM.normal(size=(4, 30))).astype(dtype)

    def reductions(a):
        return np.sum(a), a.sum(0), a.sum(1), a.mean(), np.any(a), np.var(a), np.std(a, axis=1)

    for got, want in zip(njit(reductions)(a), reductions(a)):
        same_array(got, want)


def test_asked_for_in_another_dtype():
    def reductions(a, b):
        return (
            a.sum(dtype=np.float64),
            np.sum(b, axis=0, dtype="u1"),
            np.sum(a, dtype="i4"),
            np.mean(a, dtype=np.float64),
            b.prod(dtype=np.float32),
            np.sum(b, dtype=a.dtype),
        )

    check(reductions, A[0].astype("f4"), np.arange(1, 300).reshape(-1, 13))


def test_numbers():
    def reductions(x, n):
        return (
            np.sum(x), np.prod(x), np.mean(n), np.max(x), np.min(n), np.ptp(x), np.argmax(x),
            np.any(n), np.all(x), np.var(x), np.std(n), np.count_nonzero(x), x.sum(), n.mean(),
        )  # fmt: skip

    check(reductions, np.float32(2.5), np.int8(-3))


def test_times():
    def reductions(a):
        return np.max(a), a.min(), a.argmax(), np.argmin(a), np.ptp(a)

    dates = np.array(["2020-01-05", "2019-03-01", "2021-01-01"], "M8[D]")
    check(reductions, dates)
    missing = np.append(dates, np.datetime64("NaT", "D"))
    assert list(map(str, njit(reductions)(missing))) == list(map(str, reductions(missing)))
    check(
        lambda a: (a.max(0), a.min(1), a.argmax(1), a.sum(0), a.sum(), np.ptp(a, 1)),
        np.array([[5, -3, 7], [2, 1, 0]], "m8[s]"),
    )


def test_tuples_are_arrays():
    def reductions(x, y):
        return (
            np.max((x, y)), np.sum([x, y, 3]), np.mean(((x, 1), (y, 2)), axis=0), np.argmin((y, x)),
            np.any((x, y)), np.cumsum((x, y)), np.prod((2, 3)),
        )  # fmt: skip

    check(reductions, 2.5, np.float32(1.5))


def test_arrays_without_dimensions():
    def reductions(a):
        return np.sum(a), np.max(a, axis=0), a.sum(axis=-1), a.argmax(), np.any(a), np.std(a)

    check(reductions, np.array(1.5))


# ---------------------------------------------------------------------------- how sums are added


@given(st.integers(1, 3000), st.sampled_from(["f4", "f8", "f2", "c8", "c16"]), st.integers(-3, 3))
@settings(max_examples=60, deadline=None)
def test_sums_of_vectors_are_numpys(count, dtype, step):
    a = RANDOM.normal(size=count * max(abs(step), 1)).astype(dtype)[:: step or None]
    same_array(ADD(a), np.sum(a))
    same_array(AVERAGE(a), np.mean(a))


def add(a):
    return np.sum(a)


def average(a):
    return np.mean(a)


ADD, AVERAGE = njit(add), njit(average)


@pytest.mark.parametrize("count", [7, 8, 9, 127, 128, 129, 255, 1000, 8192, 8193, 20000, 100003])
def test_sums_around_the_sizes_of_blocks(count):
    for dtype in ("f4", "f8", "c16", "f2"):
        a = RANDOM.normal(size=count).astype(dtype)
        same_array(ADD(a), np.sum(a))
        same_array(ADD(np.stack([a, a])), np.sum(np.stack([a, a])))


@pytest.mark.parametrize("shape", [(3, 1000), (1000, 3), (40, 300), (5, 6, 200), (200, 2, 9)])
@pytest.mark.parametrize("order", "CF")
def test_sums_over_axes_are_numpys(shape, order):
    a = np.asarray(RANDOM.normal(size=shape), order=order)

    def sums(a):
        return np.sum(a), a.sum(0), a.sum(1), a.sum(-1), a.mean(0), np.var(a), np.var(a, -1)

    def over_two(a):
        return a.sum((1, 2)), a.mean((0, 2)), a.sum((0, 1), keepdims=True), np.sum(a * a, (-1, -2))

    if a.ndim == 3:
        for got, want in zip(njit(over_two)(a), over_two(a)):
            same_array(got, want)
    for got, want in zip(njit(sums)(a), sums(a)):
        same_array(got, want)


def test_conversions_are_added_by_lots():
    a = RANDOM.normal(size=30000).astype("f4")

    def sums(a, n):
        return np.sum(a, dtype=np.float64), np.mean(n)

    n = RANDOM.integers(2**60, 2**62, size=30000)
    for got, want in zip(njit(sums)(a, n), sums(a, n)):
        same_array(got, want)


def test_zeros_keep_no_sign():
    zeros = np.full(20, -0.0)
    assert not np.signbit(ADD(zeros))
    assert not np.signbit(ADD(zeros[:3]))


# --------------------------------------------------------------------------------- empty and nan


def test_nothing_to_add():
    def reductions(a):
        return np.sum(a), np.prod(a), np.any(a), np.all(a), np.mean(a), np.cumsum(a)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        check(reductions, np.ones(0))


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_nothing_to_choose_from(name):
    whole = eval(f"lambda a: np.{name}(a)", {"np": np})
    columns = eval(f"lambda a: np.{name}(a, axis=0)", {"np": np})
    rows = eval(f"lambda a: np.{name}(a, axis=1)", {"np": np})
    check(whole, np.ones(0))
    check(columns, np.ones((0, 3)))
    check(rows, np.ones((0, 3)))
    check(columns, np.ones((0, 0)))
    check(rows, np.ones((3, 0)))


@pytest.mark.parametrize("where", [(), (0,), (3,), (1, 5), (300,), (299, 517)])
def test_nan_is_the_greatest_and_the_least(where):
    a = RANDOM.normal(size=600)
    a[list(where)] = np.nan

    def extrema(a):
        return np.max(a), np.min(a), np.argmax(a), np.argmin(a), np.ptp(a)

    for got, want in zip(njit(extrema)(a), extrema(a)):
        same_array(got, want)
    b = a.reshape(6, 100)

    def of_axes(a):
        return a.max(0), a.min(1), a.argmax(0), a.argmin(0), a.argmax(1), a.argmin(1)

    for got, want in zip(njit(of_axes)(b), of_axes(b)):
        same_array(got, want)


@pytest.mark.parametrize("dtype", ["i1", "u8", "f4", "?"])
def test_the_first_of_equal_elements(dtype):
    a = RANDOM.integers(0, 3, size=(30, 40)).astype(dtype)

    def places(a):
        return (
            np.argmax(a),
            np.argmin(a),
            a.argmax(0),
            a.argmin(1),
            np.argmax(a, 1),
            np.argmin(a, 0),
        )

    for b in (a, a.T, a[::2, ::3]):
        for got, want in zip(njit(places)(b), places(b)):
            same_array(got, want)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i2", "?"])
def test_without_nan(dtype):
    a = (RANDOM.normal(size=(30, 40)) * 3).astype(dtype)
    if a.dtype.kind == "f":
        a[::3, ::2] = np.nan

    def reductions(a):
        return (
            np.nansum(a),
            np.nansum(a, 0),
            np.nanprod(a[:3], axis=1),
            np.nanmax(a),
            np.nanmin(a, 1),
        )

    with np.errstate(all="ignore"):
        for got, want in zip(njit(reductions)(a), reductions(a)):
            same_array(got, want)


def test_nothing_but_nan():
    def reductions(a):
        return np.nansum(a), np.nanmax(a), np.nanmin(a, axis=0), np.nanprod(a)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        check(reductions, np.full((3, 2), np.nan))
        check(lambda a: np.nanmax(a), np.ones(0))


def test_infinities():
    def extrema(a):
        return np.max(a), np.min(a), np.argmax(a), np.argmin(a), np.sum(a)

    check(extrema, np.full(3, -np.inf))
    check(extrema, np.full(3, np.inf))


# -------------------------------------------------------------------------------------- fusion


def loops_without_memory(function, *args):
    """Whether no array is made on the way."""
    text = print_function(pipeline.rewritten(request(function, args)))
    return "allocate" not in text


def test_what_only_a_reduction_uses_is_never_stored():
    a, b = A[0].copy(), A[1].copy()

    def squares(a, b):
        return np.sum((a - b) ** 2)

    def weighted(a, b):
        return (a * b).mean()

    def size(a, b):
        return np.max(np.abs(a))

    def any_above(a, b):
        return np.any(a > 3)

    def spread(a, b):
        return np.var(a - b)

    for function in (squares, weighted, size, any_above):
        check(function, a, b)
        assert loops_without_memory(function, a, b)
    check(spread, a, b)
    assert loops_without_memory(lambda a: np.std(a), a)
    matrix = np.round(A)
    assert loops_without_memory(squares, matrix, matrix)
    check(squares, matrix, matrix[::-1])


def test_two_reductions_share_what_they_reduce():
    def softmax(a):
        e = np.exp(a - a.max())
        return e / e.sum()

    def rows(a):
        e = a - a.max(axis=1, keepdims=True)
        return e / e.sum(axis=1, keepdims=True)

    a = RANDOM.normal(size=200)
    np.testing.assert_allclose(njit(softmax)(a), softmax(a), rtol=1e-13)
    check(rows, A)


def test_expressions_are_reduced_over_axes(matrix):
    def sums(a, b):
        return np.sum(a * b, axis=0), (a - b).max(1), np.mean(a + 1, axis=0, keepdims=True)

    check(sums, matrix, A[0])


def test_shapes_that_do_not_fit():
    def both(a, b):
        return np.sum(a * b)

    check(both, np.ones(3), np.ones(4))


def test_what_is_written_between_is_not_passed_by():
    def write(a):
        doubled = a * 2
        a[0] = 100.0
        return np.sum(doubled), np.max(a)

    check(write, np.arange(5.0))


def test_sums_of_rows_that_do_not_lie_side_by_side():
    """They are added row by row, which NumPy does not; the error is as small."""
    a = RANDOM.normal(size=(300, 400))[::2, ::3]
    got = ADD(a)
    exact = math.fsum(a.ravel())
    assert abs(got - exact) <= 2e-15 * np.abs(a).sum()


# -------------------------------------------------------------------------------- accumulations


def test_accumulations(matrix):
    def all_sums(a):
        return np.cumsum(a), a.cumsum(0), a.cumsum(axis=-1), np.cumprod(a, 1), np.cumsum(a * 2, 0)

    check(all_sums, matrix)


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "f2", "f4", "c8"])
def test_dtypes_of_accumulations(dtype):
    a = (RANDOM.normal(size=(3, 5)) * 3).astype(dtype)

    def all_sums(a):
        return np.cumsum(a), np.cumprod(a), a.cumsum(0), a.cumprod(1), a.cumsum(dtype=np.complex128)

    with np.errstate(all="ignore"):
        for got, want in zip(njit(all_sums)(a), all_sums(a)):
            same_array(got, want)


def test_accumulations_keep_the_sign_of_a_first_zero():
    found = njit(lambda a: np.cumsum(a))(np.array([-0.0, -0.0, 0.0]))
    assert np.signbit(found).tolist() == [True, True, False]


# ---------------------------------------------------------------------------- Python's builtins


def test_builtins_go_over_vectors():
    def builtins(a):
        return min(a), max(a), sum(a), sum(a, 1.5), max(a[1:] * 2), max(a, default=7.0)

    check(builtins, np.array([3.0, 1.0, 2.0]))
    check(builtins, np.array([3, 1, 100], "i1")[::-1])
    check(builtins, np.array([1.0, np.nan, 2.0]))


def test_builtins_of_nothing():
    check(lambda a: min(a), np.ones(0))
    check(lambda a: max(a, default=2.0), np.ones(0))
    check(lambda a: sum(a), np.ones(0))


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("np.sum(a, axis=2)", "axis 2 is out of bounds for array of dimension 2"),
        ("np.sum(a, axis=n)", "the axis of a reduction is a constant in a kernel"),
        ("np.sum(a, axis=(0, -2))", "duplicate value in 'axis'"),
        ("np.sum(a, keepdims=n)", "keepdims= is a constant in a kernel"),
        ("np.sum(a, axis=1.0)", "the axis of a reduction is a constant in a kernel"),
        ("np.max(a * 1j)", "max() of 2-dimensional array of complex128 cannot be computed"),
        ("np.sum(a * 1j, dtype='f8')", "cannot be computed as float64"),
        ("np.cumsum(a, (0, 1))", "goes along one axis"),
    ],
)
def test_what_cannot_be_compiled(text, message):
    function = eval(f"lambda a, n: {text}", {"np": np})
    with pytest.raises(TypingError) as caught:
        pipeline.typed(request(function, (A, 1)))
    assert message in str(caught.value)
