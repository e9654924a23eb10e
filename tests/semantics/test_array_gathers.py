"""Arrays of indices and masks: what is read, what is written, what is out of bounds."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelgen import pipeline
from kernelgen.errors import KernelgenError

A = np.arange(24.0).reshape(4, 6) - 3
CUBE = A.reshape(2, 3, 4)
V = A[1].copy()
I, J = np.array([0, 3, -1, 3]), np.array([1, 0, 2])


def read(a, i):
    return a[i]


def write(a, i, value):
    a[i] = value


@pytest.mark.parametrize(
    "index",
    [I, I.astype(np.int8), I.reshape(2, 2), I[:0], I[::-2], abs(I).astype("u8")],
    ids=lambda i: f"{i.dtype}{i.shape}",
)
def test_an_array_of_indices(index):
    check(read, V, index)
    check(read, A, index)
    check(read, A[:, ::-1], index)
    check(write, V, index, 5)
    check(write, A, index, V)


def test_masks():
    def read_and_write(a, mask, b):
        c = a[mask]
        a[mask] = b
        return c

    check(read_and_write, V, V > 4, 2.5)
    check(read_and_write, A, A > 4, 1)
    check(read_and_write, np.asfortranarray(A), A > 4, np.arange(16))
    check(read_and_write, CUBE, CUBE > 4, np.array([7.0]))
    check(read_and_write, CUBE, CUBE > 4, np.array(7))
    check(read_and_write, A, np.array([True, False, True, True]), V)
    check(read_and_write, CUBE, np.array([[True, False, True], [False, False, True]]), 3)


def test_indices_among_other_parts():
    def parts(a, i):
        return a[:, i], a[1, i], a[i, 1], a[1:, i], a[..., i], a[i, None], a[i, ::2]

    check(parts, A, I)

    def of_cube(a, j):
        return a[0, :, j], a[:, j, 0], a[:, 0, j], a[:, :, j], a[j[:2] * 0, :, j[:2]], a[..., j, :]

    check(of_cube, CUBE, J)


def test_several_index_arrays():
    check(lambda a, i, j: (a[i, j], a[i[:, None], j], a[i, j[:1]]), A, J, J)
    check(lambda a, i, j: a[i[:2] * 0, i, j], CUBE, J[:2], J[:2])
    check(lambda a, i, m: a[i[:3], m], A, I, A[0] > 0)
    check(lambda a, i, j: a[i, j], A, I, J)


def test_indices_out_of_bounds():
    check(read, V, np.array([1, 7]))
    check(read, A, np.array([-5]))
    check(lambda a, i: a[:, i], A, np.array([1, 9]))
    check(write, V, np.array([1, 7]), 1)
    check(write, A, np.array([0, 4]), V)


def test_masks_that_do_not_fit():
    check(read, V, V[1:] > 0)
    check(read, A, A[:, 1:] > 0)
    check(lambda a, m: a[:, m], A, V[1:] > 0)
    check(write, V, V > 0, np.arange(2))


def test_writing_among_other_parts():
    def columns(a, i, value):
        a[:, i] = value

    check(columns, A, J, np.arange(3.0))
    check(columns, A, J, 7)
    check(columns, A, J, np.arange(12.0).reshape(4, 3))
    check(columns, A, J, np.arange(4.0))
    check(write, A, I, np.ones(3))


def test_in_place():
    def add(a, i):
        a[i] += 1

    check(add, V, I)
    check(add, A, A > 3)


def test_what_is_written_is_read_before():
    def reorder(a, i):
        a[i] = a

    check(reorder, np.arange(3.0), J)
    check(write, V, I, V[2:])


def test_types_are_converted():
    check(write, V.astype(np.int16), I, np.array([1.5, 2, 3, 4]))
    check(write, V.astype(np.complex64), V > 0, V[V > 0])


def test_take():
    def take(a, i):
        return np.take(a, i), a.take(i), np.take(a, i, 1), np.take(a, i, axis=0)

    check(take, A, J)
    check(take, A, np.array([5]))


def test_nonzero():
    def places(a):
        return np.nonzero(a), a.nonzero(), np.flatnonzero(a), np.where(a > 3)

    for a in (V, A, CUBE):
        check(places, a)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 30), st.randoms(use_true_random=False))
def test_any_mask_of_a_vector(n, random):
    a = np.arange(float(n))
    check(read, a, np.array([random.random() < 0.5 for _ in range(n)], bool))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a, i: a[i, i, i], "too many indices"),
        (lambda a, i: a[a], "is no index"),
        (lambda a, i: a[i, ..., ..., i], "single ellipsis"),
    ],
)
def test_what_is_refused(function, words):
    with pytest.raises(KernelgenError, match=words):
        pipeline.typed(request(function, (A, I)))


def test_lists_are_indices():
    def lists(a, i):
        b, c, d = a[[0, i]], a[:, [i]], a[[0, 1], [i, 0]]
        a[[1, 2]] = 7
        a[0, [i, 1]] = -1
        return b, c, d, a

    check(lists, np.arange(12.0).reshape(4, 3), 2)
    check(lists, np.arange(12.0).reshape(4, 3), 3)
