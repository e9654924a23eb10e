"""Identities of reductions: any value, none, or none but reorderable."""

from __future__ import annotations

import numpy as np
import pytest
from uses import assert_same

from kernelgen import vectorize

CUBE = np.arange(24.0).reshape(2, 3, 4)


def plus(x, y):
    return x + y


def make(target, identity, kernel=plus):
    return vectorize(identity=identity, target=target)(kernel)


@pytest.mark.parametrize(
    ("identity", "dtype", "expected"),
    [
        (0, "f8", 0.0),
        (1, "f4", 1.0),
        (-1, "i8", -1),
        (-1, "i2", -1),
        (0, "?", False),
        (True, "?", True),
        (1, "?", True),
        (np.inf, "f8", np.inf),
        (-np.inf, "f4", -np.inf),
        (np.nan, "f8", np.nan),
        (2.5, "f8", 2.5),
        (2.0, "i4", 2),
        (255, "u1", 255),
        (np.float32(0.5), "f8", 0.5),
        (2**63, "u8", 2**63),
        (2**70, "f8", 2.0**70),
    ],
)
def test_reduce_of_nothing_is_the_identity(identity, dtype, expected):
    ufunc = make("cpu", identity)
    assert_same(ufunc.reduce(np.zeros(0, dtype)), np.dtype(dtype).type(expected))
    rows = ufunc.reduce(np.zeros((0, 3), dtype))
    assert_same(rows, np.full(3, expected, dtype))


@pytest.mark.parametrize(
    ("identity", "dtype"),
    [
        (np.inf, "i8"),
        (np.nan, "i4"),
        (-1, "u1"),
        (256, "u1"),
        (0.5, "i8"),
        (2, "?"),
        (2**70, "i8"),
        (1e300, "f4"),
        (1j, "f8"),
        ("text", "f8"),
        ("1", "f8"),
        (object(), "f8"),
        ([0, 0], "f8"),
        ((), "f8"),
        (np.zeros(3), "f8"),
        (np.datetime64("2020-01-01"), "i8"),
    ],
)
def test_identity_that_the_result_cannot_hold_is_none_there(identity, dtype):
    ufunc = make("cpu", identity)
    with pytest.raises(ValueError, match="zero-size array to reduction operation"):
        ufunc.reduce(np.zeros(0, dtype))
    values = np.ones((2, 3), dtype)
    np.testing.assert_array_equal(ufunc.reduce(values, axis=(0, 1)), ufunc.reduce(values.ravel()))


@pytest.mark.parametrize(
    "identity", [0, 1, -1, 2.5, np.inf, True, "text", ("a", 1), {"any": "object"}], ids=repr
)
def test_identity_is_shown(identity, target):
    shown = make(target, identity).identity
    assert shown is identity or shown == identity


@pytest.mark.parametrize("identity", [None, "reorderable"])
def test_no_identity_is_shown_as_none(identity, target):
    assert make(target, identity).identity is None


def test_the_default_is_none(target):
    assert vectorize(plus, target=target).identity is None
    with pytest.raises(ValueError, match="not reorderable"):
        vectorize(plus, target=target).reduce(CUBE, axis=None)


@pytest.mark.parametrize("identity", [None, "reorderable"])
def test_without_identity_nothing_cannot_be_reduced(identity, target):
    with pytest.raises(
        ValueError, match="zero-size array to reduction operation plus which has no"
    ):
        make(target, identity).reduce(np.zeros(0))


@pytest.mark.parametrize("identity", [0, 0.0, "reorderable", object()])
@pytest.mark.parametrize("axis", [None, (0, 1), (0, 2), (1, 2), (0, 1, 2), (-1, 0)])
def test_several_axes(identity, axis):
    assert_same(make("cpu", identity).reduce(CUBE, axis=axis), CUBE.sum(axis=axis))


@pytest.mark.parametrize("axis", [None, (0, 1), (1, 2)])
def test_an_ordered_operation_refuses_several_axes(axis, target):
    with pytest.raises(ValueError, match="not reorderable"):
        make(target, None, lambda x, y: x - y).reduce(CUBE, axis=axis)


def test_identity_takes_part_in_reductions_as_in_numpy(target):
    """NumPy starts from it only where there is nothing else: it need not be neutral."""
    ufunc = make(target, 100)
    assert ufunc.reduce([1.0, 2.0]) == np.add.reduce([1.0, 2.0], initial=100)
    assert ufunc.reduce([1.0, 2.0], initial=None) == 3.0
    assert ufunc.reduce([1.0, 2.0], initial=5.0) == 8.0
    assert_same(ufunc.reduce(np.ones((2, 0)), axis=1), np.array([100.0, 100.0]))
    assert ufunc.reduce([1.0, 2.0], where=[False, True]) == 102.0


def test_where_needs_an_identity_or_an_initial_value(target):
    ufunc = make(target, None, lambda x, y: y if x < y else x)
    with pytest.raises(ValueError, match=r"not have an identity|no identity"):
        ufunc.reduce(CUBE, where=CUBE > 3, axis=0)
    expected = np.maximum.reduce(CUBE, where=CUBE > 3, axis=0, initial=-1.0)
    assert_same(ufunc.reduce(CUBE, where=CUBE > 3, axis=0, initial=-1.0), expected)


def test_identity_of_integers_in_every_type(target):
    ufunc = make(target, 1, lambda x, y: x * y)
    for char in "bhilqBHILQfd?" if target == "cpu" else "bLf?":
        assert_same(ufunc.reduce(np.zeros(0, char)), np.ones(1, char)[0])


def test_identity_with_signatures(target):
    ufunc = vectorize(["f4(f4,f4)", "i8(i8,i8)"], identity=np.inf, target=target)(
        lambda x, y: y if y < x else x
    )
    assert ufunc.reduce(np.zeros(0, "f4")) == np.inf
    with pytest.raises(ValueError, match=r"not have an identity|no identity"):
        ufunc.reduce(np.zeros(0, "i8"))
    assert ufunc.reduce(np.array([5, 3, 4])) == 3


@pytest.mark.parametrize("identity", [0, object(), "reorderable"])
def test_identity_of_unary_and_ternary_kernels_does_no_harm(identity, target):
    np.testing.assert_array_equal(make(target, identity, lambda x: -x)([1.0]), [-1.0])
    np.testing.assert_array_equal(
        make(target, identity, lambda x, y, z: x + y * z)([1.0], 2, 3), [7.0]
    )
