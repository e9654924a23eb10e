"""Functions and methods that give arrays another shape: views where NumPy has views."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelgen import njit, pipeline
from kernelgen.errors import KernelgenError

A = np.arange(24.0).reshape(4, 6) - 3
LAYOUTS = {
    "C": A,
    "F": np.asfortranarray(A),
    "strided": np.repeat(A, 2, 1)[::-1, ::2],
    "cube": A.reshape(2, 3, 4),
    "turned cube": A.reshape(2, 3, 4).transpose(2, 0, 1),
}


@pytest.fixture(params=LAYOUTS)
def array(request):
    """An array that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


def test_reshape(array):
    def shapes(a, n):
        by_number, by_tuple = a.reshape(-1), a.reshape((2, -1))
        return by_number, by_tuple, np.reshape(a, (n, -1, 2)), a.reshape(n, 8), a.reshape([24])

    check(shapes, array, 3)


def test_reshape_to_what_does_not_fit(array):
    check(lambda a, n: a.reshape(7, n), array, 3)
    check(lambda a, n: a.reshape(5, n), array, -1)
    check(lambda a, n: a.reshape(n, n), array, -1)
    check(lambda a, n: a.reshape(n, -1), array, 0)


def test_views_are_views_and_copies_are_copies(array):
    def write(a):
        b = a.reshape(2, -1)
        b[0, 0] = 99
        c = a.ravel()
        c[1] = 98
        d = a.flatten()
        d[2] = 97
        e = np.ascontiguousarray(a)
        e[0, 1] = 96
        return b, c, d, e

    check(write, array)


@settings(deadline=None, max_examples=12)
@given(
    st.sampled_from([(4, 6), (24,), (2, 3, 4), (1, 24), (2, 1, 12), (3, 8)]),
    st.sampled_from([(4, 6), (24,), (2, 3, 4), (24, 1, 1), (1, 2, 12), (6, 4)]),
    st.permutations(range(3)),
    st.lists(st.sampled_from([1, -1, 2]), min_size=3, max_size=3),
)
def test_which_arrays_can_be_viewed_in_another_shape(shape, wanted, axes, steps):
    order = [axis for axis in axes if axis < len(shape)]
    large = np.zeros([n * abs(step) for n, step in zip(shape, steps, strict=False)])
    a = large[tuple(slice(None, None, step) for step in steps[: len(shape)])].transpose(order)

    def write(a, shape):
        b = a.reshape(shape)
        b[...] = 1
        return b

    check(write, a, wanted)


def test_arrays_without_elements():
    def shapes(a):
        return a.reshape(3, 0), a.ravel(), a.reshape(0, -1), np.flip(a, 0), a.T

    check(shapes, np.zeros((0, 3)))
    check(shapes, np.zeros((0, 6))[:, ::2])


def test_axes(array):
    def axes(a):
        return (
            a.T,
            a.transpose(),
            np.transpose(a),
            a.swapaxes(0, -1),
            np.swapaxes(a, 1, 0),
            np.moveaxis(a, 0, -1),
            np.expand_dims(a, 0),
            np.expand_dims(a, (-1, 0)),
            np.atleast_1d(a),
            np.squeeze(a[:1], 0),
            a[:, :1].squeeze(axis=1),
        )

    check(axes, array)


def test_axes_in_an_order():
    def order(a):
        return a.transpose(2, 0, 1), a.transpose((1, 0, 2)), np.transpose(a, (2, 1, 0))

    check(order, LAYOUTS["cube"])
    check(lambda a: np.transpose(a, axes=[0, 2, 1]), LAYOUTS["turned cube"])


def test_squeezing_an_axis_of_several_elements():
    check(lambda a: a.squeeze(0), A)


def test_flipping(array):
    def flip(a):
        return np.flip(a), np.flip(a, 0), np.flip(a, (0, 1)), np.flipud(a), np.fliplr(a)

    check(flip, array)


def test_diagonals():
    def diagonals(a, k):
        return np.diagonal(a) * 1, a.diagonal(k) * 1, np.diagonal(a, -k) * 1

    for k in (0, 2, 5, 9):
        check(diagonals, A, k)
        check(diagonals, A[::2, ::-1], k)


def test_broadcasting():
    def stretch(a, n):
        return np.broadcast_to(a, (n, 3)) + 0, np.broadcast_to(2.5, (n,)) + 0

    for a in (np.ones(3), np.ones((1, 3)), np.ones((4, 1)), np.ones(1), np.ones(2)):
        check(stretch, a, 4)
    check(stretch, np.ones(3), -1)


def test_what_is_broadcast_cannot_be_written():
    def write(a):
        b = np.broadcast_to(a, (2, 3))
        b[0, 0] = 1

    with pytest.raises(KernelgenError, match="read-only"):
        njit(write)(np.ones(3))


def test_filling(array):
    check(lambda a: a.fill(2), array)


def test_views_of_another_type():
    def integers(a):
        return a.view(np.int64), a.view("u8")

    check(integers, A)
    check(integers, A[::2, ::-1])
    check(lambda a: (a.view(np.int32), a.view("u1")), A[::2])
    check(lambda a: a.view("c16"), A[::2])
    check(lambda a: a.view("c16"), A[:, :5].copy())
    check(lambda a: a.view("c16"), A[:, ::-1])


def test_the_argument_is_returned_as_another_type():
    a = np.arange(3.0)
    assert njit(lambda a: a.view("i8"))(a).dtype == np.int64
    assert njit(lambda a: a.view("f8"))(a) is a


def test_arrays_of_lists():
    def lists(x, y):
        vector, matrix = np.array([x, y, 2]), np.array([[x, y], [1, 2]])
        return vector, matrix, np.asarray([x for _ in range(3)]), np.zeros([2, 3]) + [1, 2, 3][1]

    check(lists, 1.5, 2)
    check(lambda a: a + np.array([1, 2, 3, 4, 5, 6], dtype="f4"), A)


def test_arrays_of_arrays():
    def rows(a, b):
        return np.array([a, b]), np.array(((a, b), (b, a)), np.float32), np.array([[1, 2], a[:2]])

    check(rows, A[0], A[1])
    check(lambda a, b: np.array([a, b]), A, A.astype(int))
    check(lambda a, b: np.array([a, b]), A[0], A[:, 0])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a: a.swapaxes(0, 2), "axis 2 is out of bounds for array of dimension 2"),
        (lambda a: a.transpose(0, 0), "an axis is named twice"),
        (lambda a: a.transpose(0), "axes don't match array"),
        (lambda a: a.squeeze(), "squeeze.. needs an axis"),
        (lambda a: np.flip(a, len(a)), "the axes of an array are constants"),
        (lambda a: a.reshape(2.5, 2), "the shape of an array is an integer"),
        (lambda a: np.broadcast_to(a, 3), "more dimensions than allowed"),
    ],
)
def test_what_is_refused(function, words):
    with pytest.raises(KernelgenError, match=words):
        pipeline.typed(request(function, (A,)))
