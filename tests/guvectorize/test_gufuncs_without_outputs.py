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


SIGNATURES = [(float32[:], int64[:], float32[:]), (float64[:], int64[:], float64[:])]
CORE = "(a),(a),(b)"
FORMS = [
    ((SIGNATURES, CORE), {"writable_args": ("out",)}),
    ((SIGNATURES, CORE), {}),
    ((CORE,), {"writable_args": (2,)}),
    ((CORE,), {}),
]


@pytest.mark.parametrize("args, options", FORMS)
def test_arguments_are_changed_in_place(args, options, target):
    check_group_sum(guvectorize(*args, target=target, **options)(_group_sum))


@pytest.mark.parametrize("args, options", FORMS)
def test_arguments_are_changed_in_place_inside(args, options):
    group_sum = guvectorize(*args, **options)(_group_sum)
    check_group_sum(njit(lambda v, k, out: group_sum(v, k, out)))


def check_group_sum(call):
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


def shifted_sums(x, y):
    for i in range(1, len(x)):
        y[i] = x[i - 1] + x[i]


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_written_may_overlap_what_is_read(inside):
    made = guvectorize("(n),(n)")(shifted_sums)
    check_shifted_sums(njit(lambda x, y: made(x, y)) if inside else made)


def test_what_is_written_on_a_device_may_overlap_what_is_read(emulated):
    check_shifted_sums(guvectorize("(n),(n)", target="cuda")(shifted_sums))


def check_shifted_sums(call):
    a = np.arange(5)
    call(a, a)
    assert a.tolist() == [0, 1, 3, 5, 7]
    call(a[::-1], a)
    assert a.tolist() == [0, 12, 8, 4, 1]


def reverse(x, y):
    for i in range(len(x)):
        y[i] = x[len(x) - 1 - i]


def transpose(x, y):
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            y[k, i] = x[i, k]


@pytest.mark.parametrize(
    ("kernel", "core", "turned"),
    [
        (reverse, "(n),(n)", lambda a: a[..., ::-1]),
        (transpose, "(m,n),(n,m)", np.matrix_transpose),
    ],
)
@pytest.mark.parametrize("step", [1, 2, -1])
def test_one_array_for_two_inputs_is_read_as_it_was(kernel, core, turned, step, target):
    ufunc = guvectorize(core, target=target)(kernel)
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


def columns_sums(x, y):
    for k in range(len(y)):
        y[k] = x[:, k].sum()


def test_one_array_for_two_inputs_of_other_core_dimensions(target):
    a = np.arange(5 * 5 * 3.0).reshape(5, 5, 3)
    expected = np.broadcast_to(a.sum(axis=1), a.shape)
    guvectorize("(m,n),(n)", target=target)(columns_sums)(a, a)
    np.testing.assert_array_equal(a, expected)


def sums_and_differences(x, y, z):
    for i in range(len(x)):
        x[i], y[i] = x[i] + z[-1 - i], y[i] - z[-1 - i]


def test_one_array_for_inputs_that_are_both_written_holds_what_the_last_was_given(target):
    ufunc = guvectorize("(n),(n),(n)", writable_args=(0, 1), target=target)(sums_and_differences)
    a = np.arange(40)
    ufunc(a, a, a)
    np.testing.assert_array_equal(a, np.arange(40) - np.arange(40)[::-1])
    with pytest.raises(TypeError, match="from 3 to 3 positional arguments but 5"):
        ufunc(a, a, a, a, a)
    with pytest.raises(TypeError, match="from 3 to 3 positional arguments but 1"):
        ufunc(a)
    with pytest.raises(TypeError, match="'wrong'"):
        ufunc(a, a, a, wrong=a)


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
