"""Sorting, searching, and putting arrays together."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelgen import njit, pipeline
from kernelgen.errors import KernelgenError

RANDOM = np.random.default_rng(0)
A = RANDOM.permutation(24).reshape(4, 6).astype(float)
V = RANDOM.permutation(50).astype(float)


@pytest.mark.parametrize("dtype", ["?", "i1", "u4", "i8", "f2", "f4", "f8", "m8[s]", "M8[D]"])
def test_sorting_values(dtype):
    check(lambda a: (np.sort(a), np.argsort(a)), V.astype(dtype) if dtype != "?" else V[:2] > 30)


def test_sorting_along_an_axis():
    def along(a):
        return np.sort(a), np.sort(a, 0), np.sort(a, axis=None), np.argsort(a, 0), a.argsort()

    check(along, A)
    check(along, A[::-1, ::2])
    check(along, A.reshape(2, 3, 4))


def test_sorting_in_place():
    def sort(a):
        a.sort()

    check(sort, V)
    check(sort, A[:, ::-1])
    check(lambda a: a.sort(0), A)


def test_what_is_not_equal_to_itself_is_last():
    a = np.array([3, np.nan, -np.inf, 2, np.nan, np.inf, -0.0])
    check(lambda a: (np.sort(a), np.argsort(a, kind="stable")), a)
    dates = np.array(["2020-01-02", "NaT", "2019-05-05"], "M8[D]")
    got = njit(lambda a: np.sort(a))(dates)
    assert np.isnat(got[-1])
    assert list(got[:2]) == [dates[2], dates[0]]


def test_stable_sorting():
    a = RANDOM.integers(0, 4, 100)
    check(lambda a: np.argsort(a, kind="stable"), a)
    signs = njit(lambda a: np.sort(a, kind="stable"))(np.array([0.0, -0.0, -1, -0.0, 0.0]))
    np.testing.assert_array_equal(np.signbit(signs), [True, False, True, True, False])


SHAPES = {
    "rising": np.arange(3000.0),
    "falling": -np.arange(3000.0),
    "equal": np.ones(3000),
    "organ pipe": np.concatenate([np.arange(1500.0), np.arange(1500.0)[::-1]]),
    "random": RANDOM.normal(size=3000),
    "few": RANDOM.integers(0, 3, 3000).astype(float),
}


@pytest.fixture(scope="module")
def sorted_natively():
    return njit(lambda a: (np.sort(a), np.argsort(a, kind="stable")))


@pytest.mark.parametrize("shape", SHAPES)
def test_many_values(sorted_natively, shape):
    values, places = sorted_natively(SHAPES[shape])
    np.testing.assert_array_equal(values, np.sort(SHAPES[shape]))
    np.testing.assert_array_equal(places, np.argsort(SHAPES[shape], kind="stable"))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(width=64), max_size=120))
def test_any_values(sorted_natively, values):
    a = np.array(values, float)
    got, places = sorted_natively(a)
    np.testing.assert_array_equal(got, np.sort(a))
    np.testing.assert_array_equal(places, np.argsort(a, kind="stable"))


def killer(n):
    """An order that divides badly, by McIlroy's adversary; and how often heaps are made of it."""
    values, solid = [None] * n, 0

    class Key:
        candidate = 0

        def __init__(self, i):
            self.i = i

        def __lt__(self, other):
            nonlocal solid
            if values[self.i] is None and values[other.i] is None:
                frozen = self if self.i == Key.candidate else other
                values[frozen.i] = solid
                solid += 1
            if values[self.i] is None:
                Key.candidate = self.i
            elif values[other.i] is None:
                Key.candidate = other.i
            a = n if values[self.i] is None else values[self.i]
            return a < (n if values[other.i] is None else values[other.i])

    from kernelgen.ops import order_library

    keys = np.array([Key(i) for i in range(n)], object)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_library, "count_comparable", len)
        patch.setattr(order_library, "new_array", lambda n, dtype, order: np.empty(n, dtype))
        order_library.sort_vector(keys)
        a = np.array([n if v is None else v for v in values], float)
        heaps = []
        by_heap = order_library.sort_by_heap
        patch.setattr(
            order_library, "sort_by_heap", lambda *part: heaps.append(part) or by_heap(*part)
        )
        order_library.sort_vector(a.copy())
    return a, len(heaps)


def test_an_order_made_against_the_quicksort(sorted_natively):
    a, heaps = killer(400)
    assert heaps > 0
    got, _ = sorted_natively(a)
    np.testing.assert_array_equal(got, np.sort(a))


def test_searching():
    def search(a, v, x):
        return np.searchsorted(a, v), np.searchsorted(a, v, side="right"), a.searchsorted(x)

    a = np.array([1.0, 2, 2, 5, 9])
    check(search, a, np.array([2.0, 0, 9.5, np.nan]), 2.0)
    check(search, a, np.array([[2, 3], [5, 9]]), 7.0)


def test_joining():
    def join(a, b):
        rows, columns = np.concatenate((a, b)), np.concatenate([a, b], axis=1)
        return rows, columns, np.vstack((a, b)), np.hstack((a, b)), np.column_stack((a, b))

    check(join, A, A + 1)
    check(join, np.asfortranarray(A), np.asfortranarray(A).astype(np.float32))
    check(lambda a, b: np.concatenate((a, b, a)), V, np.arange(3))
    check(lambda a, b: np.concatenate((a, b)), A, A[:, 1:])
    check(lambda a, b: np.hstack((a, b)), V, V[:0])
    check(lambda a, b: (np.column_stack((a, b)), np.vstack((a, b))), V, V)


def test_stacking():
    def stack(a, b):
        return np.stack((a, b)), np.stack([a, b], axis=1), np.stack((a, b), -1)

    check(stack, A, A + 1)
    check(stack, V, V)


def test_what_is_made_of_others():
    def make(a, n):
        return np.diff(a), np.repeat(a, n), np.tile(a, n), np.roll(a, n), np.roll(a, -n), np.diag(a)

    check(make, V[:5], 3)
    check(lambda a: (np.diff(a), np.diff(a, axis=0), np.roll(a, 4), np.repeat(a, 2)), A)
    check(lambda a, k: (np.diag(a, k), np.diag(a[0], k), np.trace(a), a.trace(k)), A, 2)
    check(lambda a, k: (np.diag(a, k), np.diag(a[0], k)), A, -1)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a: np.sort(a * 1j), "complex numbers are not sorted"),
        (lambda a: np.concatenate((a, a[0])), "must match in number"),
        (lambda a: np.concatenate(a), "a tuple or list of arrays"),
        (lambda a: np.searchsorted(a, 1), "an array of 1 dimension is needed"),
        (lambda a: np.tile(a, 2), "cannot unpack 2 values"),
    ],
)
def test_what_is_refused(function, words):
    with pytest.raises(KernelgenError, match=words):
        pipeline.typed(request(function, (A,)))


@pytest.mark.parametrize("dtype", ["?", "i1", "i8", "f4", "f8"])
def test_unique(dtype):
    a = np.array([[3, 1, 3], [2, 1, 0]]).astype(dtype)
    check(lambda a: np.unique(a), a)
    check(lambda a: np.unique(a), a[:0])
    if dtype[0] == "f":
        check(lambda a: np.unique(a), np.array([np.nan, 2, np.nan, -np.inf, 2], dtype))


def test_partition_puts_elements_where_they_belong():
    a = np.random.default_rng(3).random((3, 20))

    @njit
    def both(a, k):
        return np.partition(a, k), np.argpartition(a, k, axis=0), np.partition(a[0], [2, 5])

    parted, places, several = both(a, 7)
    np.testing.assert_array_equal(parted[:, 7], np.partition(a, 7)[:, 7])
    np.testing.assert_array_equal(np.take_along_axis(a, places, 0), np.sort(a, 0))
    np.testing.assert_array_equal(several[[2, 5]], np.sort(a[0])[[2, 5]])
