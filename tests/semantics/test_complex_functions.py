"""Functions of complex numbers: special values as C99's Annex G has them, errors within the table.

cmath and NumPy have the values of Annex G; each is asked, as either has mistakes on some system.
"""

from __future__ import annotations

import cmath
import itertools

import numpy as np
import pytest
from backends import COMPLEX, quiet, strided, unit_in_the_last_place

import kernelgen
from kernelgen.ops.complex_table import ROWS
from kernelgen.ops.ufuncs import ROWS as UFUNCS

pytestmark = pytest.mark.any_python

exact = pytest.importorskip("exact", reason="needs mpmath")

COMPUTED_BY_NUMPY = {
    np.exp2: np.exp2,
    np.expm1: lambda z: np.exp(z) - 1,
    np.log1p: lambda z: np.log(beside_one(z)),
}
"""By formulas of its own, which are inexact or nan where the limit is known: what to ask."""

all_rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.ufunc.__name__)
both_widths = pytest.mark.parametrize("dtype", COMPLEX, ids=str)


def beside_one(z):
    """1 + z, with the sign of a zero that z has."""
    result = z.copy()
    result.real += 1
    return result


def wide(dtype):
    """What complex64 is computed in."""
    return np.result_type(dtype, np.complex128)


def kernel(ufunc, **options):
    return kernelgen.vectorize(**options)(lambda z: ufunc(z))


def special_parts(dtype) -> np.ndarray:
    """Zeros, subnormal, tiny, one and its neighbours, huge, infinite numbers and nan."""
    info = np.finfo(dtype)
    positive = [
        0.0, info.smallest_subnormal, info.tiny, info.eps, 1 - info.epsneg, 1.0, 1 + info.eps,
        3.0, np.sqrt(info.max), info.max, np.inf,
    ]  # fmt: skip
    positive = np.array(positive, info.dtype)
    return np.concatenate([positive, -positive, [np.nan]])


def pairs(parts, dtype) -> np.ndarray:
    result = np.empty((len(parts), len(parts)), dtype)
    result.real, result.imag = np.meshgrid(parts, parts)
    return result.ravel()


def anywhere(dtype, count: int = 400) -> np.ndarray:
    """Numbers of all magnitudes, near the axes, near the unit circle, near 1 and i, near overflow."""
    random, limits = np.random.default_rng(11), np.finfo(dtype)
    parts = [
        random.normal(size=count) * 2,
        np.exp2(random.uniform(-30, 30, count)),
        np.exp2(random.uniform(max(limits.minexp, -1022), min(limits.maxexp - 1, 1023), count)),
        1 + random.choice([-1, 1], count) * np.exp2(random.uniform(-53, -1, count)),
        random.uniform(600, 720, count),
    ]
    z = np.empty(count, dtype)
    for half in (z.real, z.imag):
        half[:] = random.choice([-1, 1], count) * np.choose(random.integers(0, 5, count), parts)
    circle = count // 4
    angle = np.exp2(random.uniform(-40, 1, circle))
    z[:circle] = (1 + np.exp2(random.uniform(-53, -1, circle))) * np.exp(1j * angle)
    return z


def ask(function, z: np.ndarray) -> np.ndarray:
    """cmath's values, nan+nanj where it raises."""
    result = np.empty(z.shape, complex)
    for i, value in enumerate(z):
        try:
            result[i] = function(complex(value))
        except (ValueError, OverflowError):
            result[i] = complex(np.nan, np.nan)
    return result


def alike(got, want) -> np.ndarray:
    return (np.isnan(got) & np.isnan(want)) | (
        (got == want) & (np.signbit(got) == np.signbit(want))
    )


def sign_is_open(ufunc, z) -> np.ndarray:
    """Where Annex G leaves the sign of a part open: a nan comes in, or an angle is infinite."""
    angle = z.real if ufunc in exact.TURNED else z.imag
    periodic = ufunc in exact.GROWING or ufunc in exact.TURNED
    return np.isnan(z) | (np.isinf(angle) & periodic)


def close(ufunc, z, got, want) -> np.ndarray:
    """Alike in each part, or finite numbers of one sign, whose distance is another test's."""
    good = np.ones(z.shape, bool)
    for part, other in ((got.real, want.real), (got.imag, want.imag)):
        numbers = np.isfinite(part) & np.isfinite(other) & np.isfinite(z)
        signs = np.signbit(part) == np.signbit(other)
        opposite = sign_is_open(ufunc, z) & (abs(part) == abs(other))
        good &= alike(part, other) | (numbers & signs) | opposite
        good &= ~(numbers & ((part == 0) != (other == 0)) & (abs(part - other) > 1e-300))
    return good


@all_rows
@both_widths
def test_special_values(row, dtype):
    z = pairs(special_parts(dtype), dtype)
    with quiet():
        if row.ufunc in COMPUTED_BY_NUMPY:
            wants = [COMPUTED_BY_NUMPY[row.ufunc](z.astype(wide(dtype))).astype(dtype)]
        else:
            wants = [row.ufunc(z)]
        if row.python and dtype.itemsize <= 16:
            wants.append(ask(row.python, z).astype(dtype))
    got = kernel(row.ufunc)(z)
    with quiet():
        good = np.any([close(row.ufunc, z, got, want) for want in wants], axis=0)
    if row.ufunc in COMPUTED_BY_NUMPY:
        good |= np.isfinite(z)
    if row.ufunc is np.exp2:  # whose angle is a product, rounded by NumPy
        good |= np.isfinite(z.imag) & (abs(z.imag) > 2.0**40)
    wrong = np.flatnonzero(~good)[:5]
    assert not len(wrong), f"{z[wrong]}: {got[wrong]}, not {[want[wrong] for want in wants]}"


@all_rows
@pytest.mark.parametrize("options", [{}, {"precise": True}], ids=["vector", "precise"])
def test_error_bounds_of_complex128(row, options):
    parts = special_parts(np.complex128)
    finite = parts[np.isfinite(parts)]
    z = np.concatenate([anywhere(np.complex128), pairs(finite, np.complex128)[::3]])
    z = z[exact.tame(row.ufunc, z)]
    want = np.array([exact.of_complex(row.ufunc, value) for value in z]).T
    function = kernel(row.ufunc, **options)
    for layout in (np.ascontiguousarray, strided):
        got = function(layout(z))
        assert_within(row, z, got, want)


@pytest.mark.skipif(np.dtype(np.clongdouble) not in COMPLEX, reason="not a type of kernels here")
@all_rows
def test_error_bounds_of_longer_doubles(row):
    """Within twice the bound: the exact values are rounded to the type as well."""
    z = anywhere(np.clongdouble, 150)
    z *= 1 + np.longdouble(2) ** -60
    z = z[exact.tame(row.ufunc, z)]
    want = np.array([exact.of_complex(row.ufunc, value) for value in z]).T
    relaxed = row._replace(ulp=2 * row.ulp, part_ulp=row.part_ulp and 2 * row.part_ulp)
    assert_within(relaxed, z, kernel(row.ufunc)(z), want)


@pytest.mark.skipif(np.dtype(np.clongdouble) not in COMPLEX, reason="not a type of kernels here")
def test_arctanh_of_longer_doubles_beside_one():
    """Its constants are as long as the operand: atanh(1 + iy) is log(4 / y**2) / 4 for small y."""
    tiny = np.longdouble("1e-40")
    want = (np.log(np.longdouble(2)) - np.log(tiny)) / 2
    got = kernel(np.arctanh)(np.array([1 + 1j * tiny], np.clongdouble))[0]
    assert abs(got.real - want) <= 4 * np.spacing(want)


def assert_within(row, z, got, want) -> None:
    with quiet():
        units = unit_in_the_last_place(want.astype(got.real.dtype))
        larger = np.fmax(*np.nan_to_num(units, nan=0, posinf=np.inf))
    for part, truth in zip((got.real, got.imag), want):
        error = exact.distances(part, truth, larger)
        worst = int(np.argmax(error))
        assert error[worst] <= row.ulp, (z[worst], got[worst], want[:, worst], error[worst])
        error = exact.distances(part, truth)
        worst = int(np.argmax(error))
        if row.part_ulp is not None:
            assert error[worst] <= row.part_ulp, (z[worst], got[worst], truth[worst], error[worst])


@all_rows
def test_complex64_is_complex128_rounded(row):
    z = np.concatenate([anywhere(np.complex64), pairs(special_parts(np.complex64), np.complex64)])
    function = kernel(row.ufunc, precise=True)
    got, want = function(z), function(z.astype(np.complex128))
    assert got.dtype == np.complex64
    with quiet():
        want = want.astype(np.complex64)
    np.testing.assert_array_equal(got, want)


def test_every_function_has_a_row():
    own = {np.conjugate, np.sign, np.rint, np.square, np.reciprocal, np.absolute, np.negative,
           np.positive, np.isnan, np.isinf, np.isfinite, np.logical_not}  # fmt: skip
    computed = {row.ufunc for row in UFUNCS if row.complex is not None and row.ufunc.nin == 1}
    assert {row.ufunc for row in ROWS} == computed - own


@all_rows
def test_cmath_has_the_same_functions(row):
    if row.python is None:
        return
    z = pairs([0.0, -0.0, 0.5, -2.0, 1e300, np.inf, np.nan], np.complex128)
    function = row.python
    got = kernelgen.vectorize(lambda z: function(z))(z)
    np.testing.assert_array_equal(got, kernel(row.ufunc)(z))


# ------------------------------------------------------------ signs, reciprocals, coordinates


@both_widths
def test_directions(dtype):
    """z / abs(z); NumPy takes a number whose size overflows for infinite."""
    z = pairs(special_parts(dtype), dtype)
    got = kernel(np.sign)(z)
    with quiet():
        want = np.sign(z.astype(wide(dtype))).astype(dtype)
        overflows = np.isfinite(z) & np.isinf(abs(z.astype(wide(dtype))))
        good = np.isclose(got, want, rtol=np.finfo(dtype).eps * 2, atol=0, equal_nan=True)
        good[overflows] = np.isclose(got, np.sign(z / 2), rtol=np.finfo(dtype).eps * 2)[overflows]
    assert np.all(good), z[~good]


@both_widths
def test_reciprocals(dtype):
    z = pairs(special_parts(dtype), dtype)
    with quiet():
        want = np.reciprocal(z)
    got = kernel(np.reciprocal)(z)
    for part, other in ((got.real, want.real), (got.imag, want.imag)):
        with quiet():
            near = abs(part - other) <= 2 * np.spacing(abs(other))
        assert np.all(alike(part, other) | near)


def test_polar_coordinates_of_special_values():
    r, phi = np.array(
        list(itertools.product([0.0, 1.0, -2.0, np.inf, -np.inf, np.nan], repeat=2))
    ).T
    got = kernelgen.vectorize(lambda r, phi: cmath.rect(r, phi))(r, phi)
    for row in zip(r, phi, got):
        try:
            want = cmath.rect(*row[:2])
        except ValueError:
            continue
        with quiet():
            good = close(np.exp, *(np.array([v]) for v in (complex(*row[:2]), row[2], want)))
        assert good.all(), (row, want)
