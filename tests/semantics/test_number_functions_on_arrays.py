"""NumPy's functions that kernels define for numbers, given arrays; views of the parts of complex ones."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request

from kernelgen import njit, pipeline

FLOATS = np.array([-2.5, -0.0, 0.5, 1.25, np.nan, np.inf, -np.inf, 3.75])
COMPLEX = np.array([1 + 2j, -0.5j, 3, complex(np.nan, 1), complex(np.inf, -np.inf)])
ARRAYS = {
    "f8": FLOATS,
    "f4": FLOATS.astype("f4")[::-1],
    "f2": FLOATS.astype("f2"),
    "i8": np.array([[-3, 0], [2, 5]]),
    "u1": np.array([0, 7, 255], np.uint8),
    "c16": COMPLEX,
    "c8": COMPLEX.astype("c8")[::2],
}
REAL = [name for name in ARRAYS if name[0] != "c"]


@pytest.fixture(params=ARRAYS)
def array(request):
    return ARRAYS[request.param]


@pytest.fixture(params=REAL)
def real(request):
    return ARRAYS[request.param]


def test_clip(real):
    def clips(a, low):
        first = np.clip(a, 0, 2), np.clip(a, None, 2), np.clip(a, 1, None), a.clip(0, 1)
        return first, np.clip(a, a_min=low, a_max=2), np.clip(a, min=0, max=1), np.clip(a, 1, 2, a)

    check(clips, real.copy(), np.array(1, real.dtype))


def test_rounding(array):
    def rounds(a):
        return np.round(a), np.around(a, 1), a.round(), a.round(1), np.round(a, decimals=-1)

    check(rounds, array)


def test_rounding_bools():
    check(lambda a: np.round(a), np.array([True, False]))


def test_nan_to_num(array):
    def numbers(a):
        return np.nan_to_num(a) + 1, np.nan_to_num(a, nan=1.0, posinf=5.0, neginf=-5.0)

    check(numbers, array)


def test_isclose(array):
    def close(a, b):
        return np.isclose(a, b), np.isclose(a, b[:1], rtol=0.5), np.isclose(a, 2, equal_nan=True)

    with np.errstate(all="ignore"):
        near = array * np.array(1 + 1e-7, array.real.dtype)
    check(close, array, near)


def test_whole_arrays_are_compared(array):
    def equal(a, b):
        first = np.allclose(a, a), np.allclose(a, a, equal_nan=True), np.allclose(a, b)
        same = np.array_equal(a, a), np.array_equal(a, a, equal_nan=True), np.array_equal(a, b)
        return first, same, np.array_equal(a, a[1:]), np.array_equal(a, a[0])

    check(equal, array, array + np.array(1, array.dtype))


def test_shapes_compare():
    def compare(a, b):
        return a.shape == b.shape, a.shape != b.shape, a.shape == (2, 3), a.shape == b.T.shape

    check(compare, np.zeros((2, 3)), np.zeros((3, 2)))
    check(compare, np.zeros((2, 3)), np.zeros(2))

    def pairs(x, y):
        return (x, (y, 1)) == (y, (x, 1.0)), (x, y) != (x, y)

    check(pairs, 2, np.float32(2))
    check(pairs, 2, np.float32(3))


@pytest.mark.parametrize("function", [np.sinc, np.i0], ids=["sinc", "i0"])
def test_special_functions(function):
    values = np.linspace(-30, 30, 61)
    compiled = njit(lambda a: function(a))
    np.testing.assert_allclose(compiled(values), function(values), rtol=1e-14)
    assert compiled(values.astype("f4")).dtype == function(values.astype("f4")).dtype
    assert compiled(np.arange(3)).dtype == function(np.arange(3)).dtype


def test_angle():
    values = np.array([1 + 1j, -1 + 0j, 2 - 3j])
    for deg in (False, True):
        compiled = njit(lambda a, deg=deg: np.angle(a, deg))
        np.testing.assert_allclose(compiled(values), np.angle(values, deg), rtol=1e-15)
        np.testing.assert_allclose(compiled(values.real), np.angle(values.real, deg), rtol=1e-15)


def test_polyval(array):
    check(lambda a: np.polyval((1.0, 2.0, 3.0), a) + np.polyval((2, 1), a), array)


def test_such_functions_are_fused():
    def call(a):
        return np.isclose(a * 2, np.nan_to_num(a) + 1)

    rewritten = pipeline.rewritten(request(call, (FLOATS,)))
    assert sum(op.name == "allocate" for op in rewritten.ops()) == 1


def test_parts_of_complex_arrays(array):
    def parts(a):
        return a.real, a.imag, np.real(a) + 1, np.imag(a) * 2, a.conj(), np.conj(a), np.isreal(a)

    check(parts, array)


def test_parts_are_views():
    def change(z):
        z.real[...] = 5
        z.imag[1:] += z.real[:-1]
        return z.T.imag

    check(change, COMPLEX)
    check(change, np.ones((3, 2), "c8"))

    @njit
    def real(z):
        return z.real

    z = np.ones(3, complex)
    part = real(z)
    assert part.dtype == float and np.shares_memory(part, z)
    part[0] = 7
    assert z[0] == 7
    assert real(z.real) is not z
    x = np.ones(3)
    assert real(x) is x
