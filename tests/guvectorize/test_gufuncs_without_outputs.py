"""Generalized ufuncs without outputs, ``"(a),(b)"``, whose kernels change inputs in place."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen import float32, float64, guvectorize, int64, njit
from kernelgen.errors import SignatureError, TypingError

VALUES = np.arange(8.0).reshape(2, 4)
LABELS = np.array([0, 1, 1, -1])


def _clear(a):
    a[...] = 0


def _group_sum(values, labels, out):
    _clear(out)
    for i in range(len(values)):
        if labels[i] >= 0:
            out[labels[i]] += values[i]


def gufuncs():
    """A fresh one of each kind: nothing has been called with it."""
    signatures = [(float32[:], int64[:], float32[:]), (float64[:], int64[:], float64[:])]
    return [
        guvectorize(signatures, "(a),(a),(b)", writable_args=("out",))(_group_sum),
        guvectorize(signatures, "(a),(a),(b)")(_group_sum),
        guvectorize("(a),(a),(b)", writable_args=(2,))(_group_sum),
        guvectorize("(a),(a),(b)")(_group_sum),
    ]


@pytest.mark.parametrize("group_sum", gufuncs(), ids=range(4))
@pytest.mark.parametrize("inside", [False, True])
def test_arguments_are_changed_in_place(group_sum, inside):
    call = njit(lambda v, k, out: group_sum(v, k, out)) if inside else group_sum
    out = np.ones(3)
    assert call(VALUES[1], LABELS, out) == ()
    assert out.tolist() == [4, 11, 0]
    out = np.ones((2, 3), np.float32)
    call(VALUES.astype(np.float32), LABELS.astype(np.int8), out)
    assert out.tolist() == [[0, 3, 0], [4, 11, 0]]
    out = np.ones((3, 2), np.int64).T
    call(VALUES, LABELS, out)
    assert out.tolist() == [[0, 3, 0], [4, 11, 0]]
    with pytest.raises(ValueError, match="requires a reduction along dimension -1"):
        call(VALUES, LABELS, np.ones(3))
    with pytest.raises(ValueError, match="core dimension 0, with gufunc signature .a.,.a.,.b. "):
        call(VALUES, LABELS[1:], np.ones(3))


@guvectorize("(n),(n)")
def shifted_sums(x, y):
    for i in range(1, len(x)):
        y[i] = x[i - 1] + x[i]


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_written_may_overlap_what_is_read(inside):
    call = njit(lambda x, y: shifted_sums(x, y)) if inside else shifted_sums
    a = np.arange(5)
    call(a, a)
    assert a.tolist() == [0, 1, 3, 5, 7]
    call(a[::-1], a)
    assert a.tolist() == [0, 12, 8, 4, 1]


@guvectorize("(n),(n)")
def reverse(x, y):
    for i in range(len(x)):
        y[i] = x[len(x) - 1 - i]


@guvectorize("(m,n),(n,m)")
def transpose(x, y):
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            y[k, i] = x[i, k]


@pytest.mark.parametrize(
    ("ufunc", "turned"), [(reverse, lambda a: a[..., ::-1]), (transpose, np.matrix_transpose)]
)
@pytest.mark.parametrize("step", [1, 2, -1])
def test_one_array_for_two_inputs_is_read_as_it_was(ufunc, turned, step):
    a = np.arange(3 * 16 * 16.0).reshape(3, 16, 16)[:, :, ::step][:, : 16 // abs(step)]
    expected = turned(a).copy()
    ufunc(a, a)
    np.testing.assert_array_equal(a, expected)
    view = a[:]
    ufunc(view, a, casting="same_kind")
    np.testing.assert_array_equal(a, turned(expected))
    single = a.astype(np.float32)
    ufunc(single, single, signature=(np.float64, np.float64))
    np.testing.assert_array_equal(single, expected)


@guvectorize("(m,n),(n)")
def columns_sums(x, y):
    for k in range(len(y)):
        y[k] = x[:, k].sum()


def test_one_array_for_two_inputs_of_other_core_dimensions():
    a = np.arange(5 * 5 * 3.0).reshape(5, 5, 3)
    expected = np.broadcast_to(a.sum(axis=1), a.shape)
    columns_sums(a, a)
    np.testing.assert_array_equal(a, expected)


@guvectorize("(n),(n),(n)", writable_args=(0, 1))
def sums_and_differences(x, y, z):
    for i in range(len(x)):
        x[i], y[i] = x[i] + z[-1 - i], y[i] - z[-1 - i]


def test_one_array_for_inputs_that_are_both_written_holds_what_the_last_was_given():
    a = np.arange(40)
    sums_and_differences(a, a, a)
    np.testing.assert_array_equal(a, np.arange(40) - np.arange(40)[::-1])
    with pytest.raises(TypeError, match="from 3 to 3 positional arguments but 5"):
        sums_and_differences(a, a, a, a, a)
    with pytest.raises(TypeError, match="from 3 to 3 positional arguments but 1"):
        sums_and_differences(a)
    with pytest.raises(TypeError, match="'wrong'"):
        sums_and_differences(a, a, a, wrong=a)


@guvectorize("(n),()")
def scale(x, factor):
    x *= factor


@guvectorize("(n)")
def swap_ends(x):
    y = x[::-1]
    x[0], y[0] = x[-1], y[-1]


@guvectorize("(m,n),(n)")
def add_to_rows(a, b):
    for row in a:
        np.add(row, b, out=row)


def test_what_the_kernels_code_writes_to_is_writable():
    @njit
    def calls(a, b):
        scale(b, 2)
        swap_ends(a)
        add_to_rows(a, b)
        return swap_ends(b)

    a, b = np.arange(6.0).reshape(2, 3), np.arange(3)
    assert calls(a, b) == ()
    c, d = np.arange(6.0).reshape(2, 3), np.arange(3)
    scale(d, 2)
    swap_ends(c)
    add_to_rows(c, d)
    swap_ends(d)
    assert a.tolist() == c.tolist()
    assert b.tolist() == d.tolist() == [4, 2, 0]


def test_how_it_looks():
    assert scale.signature == "(n),()"
    assert (scale.nin, scale.nout) == (2, 0)
    assert "out" not in scale.__signature__.parameters
    scale(np.ones(2, np.float32), np.float32(2))
    assert "()(f4,f4)" in scale.signatures


def test_what_is_refused():
    @guvectorize("(n)")
    def returns(x):
        return x[0]

    @guvectorize("(n)")
    def hides(x):
        x.fill(0)

    with pytest.raises(TypingError, match="^the kernel has no outputs, but returns float64"):
        returns(np.ones(3))
    with pytest.raises(TypingError, match="^the array is read-only"):
        hides(np.ones(3))
    with pytest.raises(ValueError, match="write flag set is read-only"):
        scale(np.broadcast_to(1.0, (3,)), 2)
    with pytest.raises(SignatureError, match=r"\(\) takes 1 arguments, the core dimensions"):
        guvectorize("(n),(m)")(lambda x: None)
    with pytest.raises(SignatureError, match=r"'\(' is missing here"):
        guvectorize("(n),(m)->")
