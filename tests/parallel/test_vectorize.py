"""``vectorize(target="parallel")`` is the ufunc of the cpu target, bit for bit."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from many_threads import in_threads

from kernelgen import njit, vectorize

pytestmark = pytest.mark.usefixtures("shares_all")


def affine(x, y):
    return 3 * x + y


def both(x, y):
    return x + y, x * y


def root(x):
    if x < 0:
        raise ValueError("no root of a negative number")
    return math.sqrt(x)


def pair(function, **options):
    return vectorize(**options)(function), vectorize(target="parallel", **options)(function)


def assert_same(found, expected):
    for one, other in zip(np.atleast_1d(found), np.atleast_1d(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, strict=True)


@given(
    n=st.integers(0, 300),
    steps=st.tuples(*[st.sampled_from([1, 2, -1, 3])] * 2),
    dtypes=st.tuples(*[st.sampled_from("bifdFD")] * 2),
    scalar=st.booleans(),
)
def test_results_are_those_of_one_thread(shared, n, steps, dtypes, scalar):
    alone, parallel = shared
    x, y = (
        np.resize(np.arange(-50, 50), 3 * n + 1).astype(t)[::step][:n]
        for step, t in zip(steps, dtypes, strict=True)
    )
    y = y[0] if scalar and n else y
    np.testing.assert_array_equal(parallel(x, y), alone(x, y), strict=True)


@pytest.fixture(scope="module")
def shared():
    return pair(affine)


def test_several_outputs_and_given_ones():
    alone, parallel = pair(both)
    x, y = np.arange(100.0), np.arange(100.0)[::-1]
    assert_same(np.array(parallel(x, y)), np.array(alone(x, y)))
    sums, products = np.zeros(200)[::2], np.zeros(100)
    parallel(x, y, out=(sums, products))
    np.testing.assert_array_equal(sums, x + y)
    np.testing.assert_array_equal(products, x * y)


def test_two_dimensions_broadcasting_and_where():
    alone, parallel = pair(affine)
    a = np.arange(60.0).reshape(6, 10)
    for x, y in ((a, a[0]), (a[:, ::2], a[::-1, 1::2]), (a.T, a.T), (a[:, :1], a[:1])):
        np.testing.assert_array_equal(parallel(x, y), alone(x, y))
    mask, out = a % 3 == 0, np.full_like(a, -1)
    parallel(a, a, out=out, where=mask)
    np.testing.assert_array_equal(out, np.where(mask, 4 * a, -1))


def test_reductions_are_those_of_one_thread():
    alone, parallel = pair(lambda x, y: x + y, identity=0)
    a = np.random.default_rng(1).normal(size=(37, 1000)).astype(np.float32)
    for method in ("reduce", "accumulate"):
        for axis in (0, 1):
            one = getattr(parallel, method)(a, axis=axis)
            assert one.tobytes() == getattr(alone, method)(a, axis=axis).tobytes()
    assert (
        parallel.reduceat(a[0], [0, 5, 3, 900]).tobytes()
        == alone.reduceat(a[0], [0, 5, 3, 900]).tobytes()
    )
    np.testing.assert_array_equal(
        parallel.outer(a[0, :50], a[1, :70]), alone.outer(a[0, :50], a[1, :70])
    )
    sums, expected = np.zeros(10), np.zeros(10)
    places = np.resize([3, 3, 7, -1], 1000)
    parallel.at(sums, places, a[0])
    alone.at(expected, places, a[0])
    assert sums.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("out", "x"),
    [
        (slice(None), slice(None)),
        (slice(1, None), slice(None, -1)),
        (slice(None, -1), slice(1, None)),
        (slice(None, None, 2), slice(None, 200)),
        (slice(None, None, 2), slice(1, None, 2)),
        (slice(None, None, -1), slice(None)),
    ],
)
def test_operands_that_overlap(out, x):
    parallel = vectorize(target="parallel")(affine)
    a = np.arange(400.0)
    expected = a.copy()
    expected[out] = 4 * a[x].copy()
    parallel(a[x], a[x], out=a[out])
    np.testing.assert_array_equal(a, expected)


def test_the_first_exception_reaches_the_caller():
    parallel = vectorize(target="parallel")(root)
    a = np.full(100_000, 4.0)
    np.testing.assert_array_equal(parallel(a), 2.0)
    for place in (0, 1, 31_415, 99_999):
        a[:] = 4
        a[place] = -1
        with pytest.raises(ValueError, match="no root of a negative number") as caught:
            parallel(a)
        assert "raise ValueError" in str(caught.traceback[-1].statement)
    a[:] = -1
    with pytest.raises(ValueError, match="no root"):
        parallel(a)


def test_an_exception_leaves_memory_around_the_output_alone():
    parallel = vectorize(target="parallel")(root)
    around = np.full(1200, 7.0)
    a = np.full(1000, 4.0)
    a[500] = -1
    with pytest.raises(ValueError, match="no root"):
        parallel(a, out=around[100:1100])
    np.testing.assert_array_equal(around[:100], 7)
    np.testing.assert_array_equal(around[1100:], 7)


def test_floating_point_errors_of_all_threads_are_reported():
    parallel = vectorize(target="parallel", fp_errors="numpy")(lambda x, y: x / y)
    x, y = np.ones(1000), np.ones(1000)
    with np.errstate(all="raise"):
        parallel(x, y)
        for place in (0, 999):
            y[:] = 1
            y[place] = 0
            with pytest.raises(FloatingPointError, match="divide by zero"):
                parallel(x, y)


def test_signatures_and_casting():
    parallel = vectorize(["f4(f4,f4)", "f8(f8,f8)"], target="parallel")(affine)
    x = np.arange(20_000, dtype=np.int16)
    assert parallel(x, x).dtype == np.float32
    np.testing.assert_array_equal(parallel(x, x), 4 * x.astype("f4"))
    out = np.zeros(len(x), np.int32)
    np.testing.assert_array_equal(parallel(x, x, out=out, casting="unsafe"), 4 * x.astype("i4"))


def test_kernels_inside_functions():
    parallel = vectorize(target="parallel")(affine)
    a = np.arange(1000.0)
    np.testing.assert_array_equal(njit(lambda x: parallel(x, x))(a), 4 * a)


def test_random_numbers_are_drawn_by_one_thread():
    kernels = pair(lambda x: x + np.random.random())
    drawn = []
    for kernel in kernels:
        np.random.seed(3)
        drawn.append(kernel(np.zeros(1000)))
    np.testing.assert_array_equal(*drawn)


def test_many_threads_call_kernels_that_may_raise():
    parallel, other = (vectorize(target="parallel")(f) for f in (root, affine))
    wrong = []

    def drive(number):
        random = np.random.default_rng(number)
        for _ in range(100):
            a = random.uniform(0, 9, random.integers(1, 3000))
            bad = random.random() < 0.3
            if bad:
                a[random.integers(len(a))] = -1
            try:
                if not np.array_equal(parallel(a), np.sqrt(a)) or bad:
                    wrong.append("a result")
            except ValueError:
                if not bad:
                    wrong.append("an error")
            if not np.array_equal(other(a, a), 4 * a):
                wrong.append("a sum")

    in_threads(drive, 16)
    assert not wrong


def test_the_target_is_checked():
    from kernelgen import KernelgenError

    with pytest.raises(KernelgenError, match='it is "cpu", "parallel" or "cuda"'):
        vectorize(target="gpu")
