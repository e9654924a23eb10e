"""Jitted functions that take and return arrays."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import kernelgen as nb
from kernelgen import jit
from kernelgen.errors import TypingError


@jit
def product(a, x, out):
    for i in range(a.shape[0]):
        s = 0.0
        for j in range(len(x)):
            s += a[i, j] * x[j]
        out[i] = s


@jit
def itself(a):
    return a


@jit
def views(a):
    return a[1:], a.T, a[-1, ::-1]


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_product(order):
    a, x = np.array(np.arange(30.0).reshape(5, 6), order=order), np.arange(12.0)[::-2]
    out = np.empty(5)
    assert product(a, x, out) is None
    np.testing.assert_array_equal(out, a @ x)


def test_code_is_compiled_for_each_layout():
    f = jit(lambda a: a[0])
    for a in (np.ones(4), np.ones(8)[::2], np.ones(3, "f4"), np.ones(9)):
        assert f(a) == 1
    assert len(f.signatures) == 3


def test_an_argument_is_returned_as_itself():
    a = np.arange(4)
    assert itself(a) is a


def test_an_array_that_some_ways_do_not_assign():
    @jit
    def last_row(a, n):
        for row in a:
            last = row
            if n > 0:
                return last
        return last

    a = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(last_row(a, 0), [4, 5])
    np.testing.assert_array_equal(last_row(a, 1), [0, 1])
    with pytest.raises(UnboundLocalError, match="'last'"):
        last_row(a[:0], 0)


def test_arrays_in_tuples_and_of_no_dimensions():
    a, b = np.arange(3), np.array(1.5)
    pair = jit(lambda p, q=None: (p[1], p[0], q is None))
    assert pair((a, b))[0] is b
    assert pair((a, b), q=a)[1] is a
    assert pair((a, b), q=a)[2] is False
    assert jit(lambda b: b[()])(b) == 1.5


def test_one_of_two_arrays_is_returned():
    longer = jit(lambda a, b: a if len(a) > len(b) else b)
    a, b = np.arange(4), np.arange(6)[::2]
    assert longer(a, b) is a
    assert longer(a[:2], b) is b


def test_views_keep_their_array_alive():
    a = np.empty((3, 4))
    a.flat = np.arange(12)
    tail, transposed, backwards = views(a)
    assert all(v.base is a for v in (tail, transposed, backwards))
    for got, want in ((tail, a[1:]), (transposed, a.T), (backwards, a[-1, ::-1])):
        np.testing.assert_array_equal(got, want)
        assert got.strides == want.strides


def test_calls_keep_no_references():
    a, x, out = np.ones((2, 2)), np.ones(2), np.ones(2)
    before = [sys.getrefcount(v) for v in (a, x, out)]
    for _ in range(1000):
        product(a, x, out)
        itself(a)
        views(a)
    assert [sys.getrefcount(v) for v in (a, x, out)] == before


def test_signatures_with_arrays():
    at = jit(nb.float64(nb.float64[:, ::1], nb.types.UniTuple(nb.int64, 2)))(lambda a, ij: a[ij])
    a = np.arange(6.0).reshape(2, 3)
    assert at(a, (1, 2)) == 5

    @jit("void(float64[:], int64)")
    def assign(a, n):
        a[0] = n

    b = np.zeros(3)
    assign(b[::-1], 4)
    np.testing.assert_array_equal(b, [0, 0, 4])


def test_an_index_out_of_bounds_names_axis_index_and_size():
    element = jit(boundscheck=True)(lambda a, i: a[1, i])
    a = np.zeros((2, 3))
    assert element(a, -3) == 0
    for i in (3, -4):
        with pytest.raises(IndexError, match=f"index {i} is out of bounds for axis 1 with size 3"):
            element(a, i)


def test_read_only_arrays():
    a = np.arange(3)
    a.flags.writeable = False
    assert jit(lambda a: a[1])(a) == 1

    @jit
    def assign(a):
        a[0] = 1

    with pytest.raises(TypingError, match="the array is read-only"):
        assign(a)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros(3, ">f8"), "other order"),
        (np.zeros(3, object), "array of object"),
        (np.ma.zeros(3), "masked array"),
        ([1, 2], "is a list"),
        (np.zeros(3, "U2"), "array of <U2"),
    ],
)
def test_what_is_no_array_for_compiled_code(bad, words):
    with pytest.raises(TypingError, match=words):
        itself(bad)


def test_bounds_are_checked_where_the_environment_asks_for_it(monkeypatch):
    def element(a, i):
        return a[i]

    monkeypatch.setenv("KERNELGEN_BOUNDSCHECK", "1")
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
        jit(element)(np.zeros(3), 7)
    unchecked = jit(boundscheck=False)(element)
    assert unchecked(np.zeros(9)[:3], 7) == 0
    checked = nb.guvectorize("(n),()->()")(element)
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        checked(np.zeros(3), 7)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a: min(a, 1), "min\\(\\) needs numbers, not 1-dimensional array of float64"),
        (lambda a: a.item(), "the method 'item' of an array cannot be used"),
    ],
)
def test_what_is_not_done_with_whole_arrays(function, words):
    with pytest.raises(TypingError, match=words) as caught:
        jit(function)(np.zeros(3))
    assert "hint: write a loop over the elements of the array" in str(caught.value)


def test_an_array_is_no_condition():
    with pytest.raises(TypingError, match="a condition is a bool, not a 1-dim") as caught:
        jit(lambda a: 1 if a > 2 else 2)(np.zeros(3))
    assert "hint: use a.any() or a.all()" in str(caught.value)
