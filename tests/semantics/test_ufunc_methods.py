"""Methods of ufuncs inside functions: reduce, accumulate, reduceat, outer and at."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check

from kernelgen import njit, vectorize
from kernelgen.errors import TypingError, UnsupportedError

pytestmark = pytest.mark.any_python

A = np.arange(24.0).reshape(2, 3, 4) % 7 - 3


@vectorize
def halved(x, y):
    return x * 0.5 + y


@vectorize(identity=0)
def magnitudes(x, y):
    return abs(x) + abs(y)


@vectorize(["f4(f4,f4)", "f8(f8,f8)"])
def later(x, y):
    return y if y > x else x


@vectorize
def both(x, y):
    return x + y, x - y


# -------------------------------------------------------------------------------- reduce


@pytest.mark.parametrize("dtype", ["?", "i1", "f2", "c8"])
def test_reduce_by_what_numpy_has_as_a_function(dtype):
    def calls(a):
        return (
            np.add.reduce(a),
            np.add.reduce(a, axis=None),
            np.multiply.reduce(a, -1),
            np.logical_and.reduce(a, axis=(0, 2)),
            np.logical_or.reduce(a, 1, keepdims=True),
            np.add.reduce(a[0, 0]) + np.add.reduce(a[0], 1)[0],
        )

    check(calls, (A % 3).astype(dtype))
    if dtype != "c8":
        check(
            lambda a: (np.maximum.reduce(a), np.minimum.reduce(a, 2), np.fmax.reduce(a, None)),
            A.astype(dtype),
        )


def test_reduce_begins_with_what_is_asked_for():
    def calls(a, b, n):
        return (
            np.add.reduce(a, initial=2.5),
            np.add.reduce(a, axis=None, initial=n),
            np.multiply.reduce(a, 1, None, None, True, 3),
            np.maximum.reduce(b, initial=-1),
            np.minimum.reduce(a, axis=1, initial=0.5),
            np.logical_and.reduce(a, initial=False),
            np.subtract.reduce(a, initial=n),
            magnitudes.reduce(a[0], initial=-2.0),
        )

    check(calls, A[0], np.empty(0), 7)
    check(calls, A[0].T, np.empty(0, np.float32), 0.25)


def test_what_it_begins_with_has_the_type_of_the_result():
    def calls(a, b):
        return (
            np.subtract.reduce(a, initial=2.5), np.true_divide.reduce(a, initial=2.5),
            np.bitwise_xor.reduce(b, initial=2), np.logical_xor.reduce(a, initial=3),
            np.hypot.reduce(b), np.logical_xor.reduceat(a, [0, 1]),
        )  # fmt: skip

    check(calls, np.array([1, 2], np.int16), np.array([True, True, False]))


def test_sums_are_those_of_numpy_to_the_last_bit():
    a = np.random.default_rng(3).random((130, 70))
    check(lambda a: np.add.reduce(a, initial=0.1), a)
    check(lambda a: (np.add.reduce(a, None, initial=0.1), np.add.reduceat(a[:, 0], [3, 90])), a)


def test_dtype_of_reductions():
    def calls(a):
        return (
            np.add.reduce(a, dtype=np.float32),
            np.multiply.reduce(a, dtype="i2"),
            np.maximum.reduce(a, dtype=np.float64),
            np.subtract.reduce(a, 1, np.int16),
            halved.reduce(a, dtype=np.float32),
            np.add.accumulate(a, dtype=np.float32),
            np.add.reduceat(a, [0, 1], dtype=np.float32),
        )

    check(calls, np.array([[1, 2, 3], [4, 5, 6]], np.int8))


@pytest.mark.parametrize("dtype", ["?", "u1", "i8"])
def test_reduce_of_integers_by_any_ufunc(dtype):
    def calls(a, none):
        return (
            np.bitwise_and.reduce(a), np.bitwise_and.reduce(none), np.bitwise_or.reduce(a, 1),
            np.bitwise_or.reduce(none), np.bitwise_xor.reduce(a, axis=None),
            np.logical_xor.reduce(a), np.logical_xor.reduce(none),
        )  # fmt: skip

    a = np.array([[1, 0, 3], [5, 1, 3]], dtype)
    check(calls, a, a[:0, 0])
    if dtype != "?":
        check(lambda a: (np.gcd.reduce(a), np.true_divide.reduce(a, 1), np.power.reduce(a)), a)


def test_reduce_of_floats_by_any_ufunc():
    def calls(a, none):
        return (
            np.hypot.reduce(a), np.hypot.reduce(a[:1, 0]), np.hypot.reduce(none),
            np.subtract.reduce(a, -1), np.true_divide.reduce(a), np.logaddexp.reduce(none),
            np.floor_divide.reduce(a, 1),
        )  # fmt: skip

    check(calls, A[0] + 0.5, np.empty(0))
    check(lambda a: np.logaddexp.reduce(a, axis=1, keepdims=True), A[0])
    check(calls, (A[0] + 0.5).astype(np.float32), np.empty(0, np.float32))


def test_reduce_by_kernels_ufuncs():
    def calls(a, b):
        return (
            halved.reduce(a), halved.reduce(b, axis=1), halved.reduce(b[:, 0, 0]),
            magnitudes.reduce(b, axis=None), magnitudes.reduce(a), later.reduce(b, 2),
            halved.reduce(b, 1, keepdims=True),
        )  # fmt: skip

    check(calls, np.array([1, 2, -4]), A)
    check(calls, np.array([-1.5, 2, -4], np.float32), np.asfortranarray(A))


def test_what_has_no_elements_and_no_identity():
    check(lambda a: np.maximum.reduce(a, axis=1), np.ones((2, 0)))
    check(lambda a: np.maximum.reduce(a, axis=0), np.ones((2, 0)))
    check(lambda a: np.subtract.reduce(a), np.ones(0))
    check(lambda a: halved.reduce(a, axis=1), np.ones((0, 0)))
    check(lambda a: magnitudes.reduce(a, axis=1), np.ones((2, 0)))
    check(lambda a: np.subtract.reduce(a, axis=None), np.ones((2, 3)))
    check(lambda a: halved.reduce(a, axis=None), np.ones((2, 3)))


# ----------------------------------------------------------------- accumulate and reduceat


def test_accumulate():
    def calls(a, b):
        return (
            np.add.accumulate(a), np.add.accumulate(b, 1), np.multiply.accumulate(b, axis=-1),
            np.maximum.accumulate(a), np.minimum.accumulate(b, 1), np.subtract.accumulate(b),
            np.logical_or.accumulate(a), np.true_divide.accumulate(a + 1), halved.accumulate(b, 2),
            later.accumulate(b, 0), np.add.accumulate(a[:0]), np.subtract.accumulate(a[:0]),
        )  # fmt: skip

    check(calls, np.array([1, 0, 5, 2, 3], np.int8), A)
    check(calls, np.array([1, 0, 5.5, 2, 3]), np.repeat(A, 2, 2)[:, ::-1, ::-2])


def test_reduceat():
    def calls(a, at):
        return np.add.reduceat(a, at), np.maximum.reduceat(a, at), halved.reduceat(a, at)

    def more(a, b):
        return (
            np.logical_and.reduceat(a, [1, 2]), np.add.reduceat(b, (0, 1), 2),
            np.multiply.reduceat(b, [1, 0], axis=1),
        )  # fmt: skip

    check(calls, np.array([1, 0, 5, 2], np.int8), np.array([0, 1, 1]))
    check(calls, np.array([1, 0, 5.5, 2]), np.empty(0, int))
    check(more, np.array([1, 0, 5.5, 2]), A)
    check(lambda a, at: np.add.reduceat(a, at), np.ones(4), np.array([0, 4]))
    check(lambda a, at: np.subtract.reduceat(a, at), np.ones(4), np.array([-1, 2]))


# ----------------------------------------------------------------------------- outer and at


def test_outer():
    def calls(a, b, n, out):
        np.add.outer(b, a, out=out)
        return (
            np.add.outer(a, b), np.multiply.outer(a, n), np.subtract.outer(n, a), np.add.outer(n, 2),
            np.less.outer(a, b), np.divmod.outer(a, b)[1], halved.outer(b, a), both.outer(a, b),
            np.maximum.reduce(np.subtract.outer(a, a), axis=1), np.add.outer(a, a, dtype="f4"),
        )  # fmt: skip

    check(calls, np.arange(3) + 1, A[0] + 5, 7, np.zeros((3, 4, 3)))
    check(lambda a: (np.add.outer(a, 3), np.add.outer(2.5, a)), np.ones(2, np.float32))
    check(calls, np.array([1.5, 2]), np.array([[3], [4]], np.int8), 2.5, np.zeros((2, 1, 2)))


@pytest.mark.parametrize(
    ("at", "b"),
    [([0, 2, 2], 1.5), ([-1, 2, -1], [1, 2, 3]), ([], 1), ([[0, 1], [0, 0]], [[1, 2], [3, 4]])],
)
def test_at_arrays_of_indices(at, b):
    def calls(a, at, b):
        np.add.at(a, at, b)
        halved.at(a, at, b)

    for dtype in (float, int):
        check(calls, np.zeros(4, dtype), np.array(at, np.int8), np.array(b))


def test_at_lists_masks_and_single_indices():
    def calls(a, at):
        np.multiply.at(a, [0, 0, 1], 2)
        np.subtract.at(a, at[0], 1)
        np.negative.at(a, at)
        np.add.at(a, a > 2, 0.5)

    check(calls, np.arange(4.0), np.array([0, 1, 1]))
    check(lambda a: np.add.at(a, [0, 1, 1], a[1:]), np.arange(4.0))


def test_at_rows_and_pairs():
    def rows(m, at):
        np.add.at(m, at, np.array([1, 2, 3]))

    def pairs(m, at, b):
        np.add.at(m, (at, at), b)
        np.add.at(m, ([0, 1, 1], 2), 1)

    at = np.array([0, 2, 2])
    check(rows, np.ones((3, 3), np.float32), at)
    check(pairs, np.ones((3, 3)), at, np.array([1, 2, 3]))


@pytest.mark.parametrize(
    ("at", "b"),
    [([0, 5], 1), ([-5, 0], 1), ([0, 1], [1, 2, 3]), ([[0, 1]], [[1, 2]])],
)
def test_at_checks_first(at, b):
    check(lambda a, at, b: np.add.at(a, at, b), np.zeros(4), np.array(at), np.array(b))


def test_at_checks_all_axes_first():
    def call(a, i, j):
        np.add.at(a, (i, j), 1)

    check(call, np.zeros((2, 3)), np.array([0, 2]), np.array([0, 1]))
    check(call, np.zeros((2, 3)), np.array([0, 1]), np.array([0, 3]))
    check(call, np.zeros((2, 3)), np.array([0, 1, 1]), np.array([0, 1]))


# ---------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: np.sqrt.reduce(a), "^reduce only supported for binary functions"),
        (lambda a: np.divmod.accumulate(a), "functions returning a single value"),
        (lambda a: np.sqrt.outer(a, a), "^outer product only supported for binary functions"),
        (lambda a: np.matmul.reduce(a), "^Reduction not defined on ufunc with signature"),
        (lambda a: np.less.reduce(a), "^No loop matching the specified signature and casting was"),
        (
            lambda a: np.logical_or.reduce(a, dtype="i8"),
            "^No loop matching the specified signature",
        ),
        (lambda a: np.add.reduce(a, out=a[0]), r"^add.reduce\(\) takes no out= in a kernel"),
        (lambda a: np.add.reduce(a, where=a > 0), r"^add.reduce\(\) takes no where= in a kernel"),
        (lambda a: np.add.reduce(a, axes=0), r"^add.reduce\(\) takes array, axis, dtype, out, "),
        (lambda a: np.add.reduce(a, axis=3), "^axis 3 is out of bounds for array of dimension 2"),
        (lambda a: np.add.at(a, [0]), r"^add.at\(\) needs b"),
        (lambda a: np.sqrt.at(a, [0], 1), "^second operand provided when ufunc is unary"),
        (lambda a: np.divmod.at(a, [0], 1), "^Only unary and binary ufuncs supported at this time"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises((TypingError, UnsupportedError), match=message):
        njit(call)(np.ones((2, 3)))
