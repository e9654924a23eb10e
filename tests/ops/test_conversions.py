"""Conversions between all types: NumPy's where NumPy defines them, else saturation."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kernelgen
from kernelgen.ops.control import constant_type
from kernelgen.ops.convert import convert_value
from kernelgen.types.compound import NONE, Object, Tuple
from kernelgen.types.table import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT64,
    SCALARS,
    UINT8,
    UINT64,
    WEAK_BOOL,
    WEAK_FLOAT,
    WEAK_INT,
)  # fmt: skip

pytestmark = pytest.mark.any_python

pairs = pytest.mark.parametrize(
    ("source", "to"), [(a, b) for a in SCALARS for b in SCALARS], ids=str
)


def values(t):
    """Edge values of a type; of floats also those around every integer type's limits."""
    if t.is_bool:
        return np.array([False, True])
    if t.is_integer:
        picks = {t.minimum, t.minimum + 1, -1, 0, 1, 100, t.maximum - 1, t.maximum}
        return np.array([v for v in sorted(picks) if t.minimum <= v <= t.maximum], t.dtype)
    powers = [2.0**n for n in (0, 7, 8, 15, 16, 31, 32, 52, 53, 62, 63, 64, 100)]
    near = [x + d for x in powers for d in (-1, -0.5, 0, 0.5, 1)]
    special = [0.0, 0.3, 1e300, 5e-324, math.inf, math.nan]
    with np.errstate(over="ignore", under="ignore"):
        return np.array([s * x for x in near + special for s in (1, -1)], t.dtype)


def machine(source, to):
    """The conversion in machine code: an argument that is returned as another type."""
    return kernelgen.vectorize(to(source))(lambda x: x)


@pairs
def test_reference_and_machine_code_agree(source, to):
    got = machine(source, to)(values(source))
    want = [convert_value(value, to) for value in values(source)]
    assert got.dtype == to.dtype
    assert all(value.dtype == to.dtype for value in want)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want)) if to.is_float else None


@pairs
@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:Casting complex")
def test_what_numpy_defines_is_numpys(source, to):
    """All but floats to integers that do not hold them, which differ by processor."""
    x = values(source)
    if (source.is_float or source.is_complex) and to.is_integer:
        with np.errstate(invalid="ignore"):
            real = np.trunc(x.real.astype(np.float64))
            x = x[(real >= to.minimum) & (real < float(to.maximum) + (to.bits < 54))]
    with np.errstate(over="ignore"):
        want = x.astype(to.dtype)
    np.testing.assert_array_equal(machine(source, to)(x), want)


@pytest.mark.parametrize("to", [t for t in SCALARS if t.is_integer], ids=str)
@pytest.mark.parametrize("source", [FLOAT32, FLOAT64], ids=str)
def test_floats_out_of_range_saturate_and_nan_is_zero(source, to):
    x = np.array([np.inf, -np.inf, np.nan, 1e30, -1e30], source.dtype)
    want = [to.maximum, to.minimum, 0, to.maximum, to.minimum]
    assert machine(source, to)(x).tolist() == want


def test_integers_wrap():
    assert convert_value(300, UINT8) == 44
    assert convert_value(-1, UINT64) == 2**64 - 1
    assert convert_value(np.int64(-129), INT8) == 127
    assert convert_value(2**63, INT64) == -(2**63)


@pytest.mark.parametrize(
    ("value", "t"),
    [
        (True, WEAK_BOOL), (1, WEAK_INT), (2**70, WEAK_INT), (1.5, WEAK_FLOAT),
        (np.bool_(True), BOOL),
        (np.int8(1), INT8), (np.float64(1), FLOAT64), (np.longlong(1), INT64), (None, NONE),
        ((1, (np.int8(2), 0.5)), Tuple((WEAK_INT, Tuple((INT8, WEAK_FLOAT))))),
    ],
)  # fmt: skip
def test_types_of_constants(value, t):
    assert constant_type(value) == t


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", "a str"), ([], "a list"), (math, "the module 'math'"), (abs, "the function 'abs'"),
        (len, "the function 'len'"), (int, "the type 'int'"),

    ],
)  # fmt: skip
def test_other_constants_have_words_for_messages(value, words):
    t = constant_type(value)
    assert isinstance(t, Object)
    assert t.what.startswith(words)
