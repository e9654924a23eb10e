"""Mathematics on contiguous arrays, where the C library's vector functions are called."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kernelgen as kg
from kernelgen.ops.math import ROWS, VECTOR_ULP
from kernelgen.runtime import vector_library

LIBRARY = vector_library.find()
VECTORISED = [
    row
    for row in ROWS
    if LIBRARY is not None
    and row.intrinsic is None
    and LIBRARY.versions(row.symbol(kg.float64), kg.float64, row.arity)
]
WIDER = {np.float32: np.float64, np.float64: np.longdouble}

pytestmark = [
    pytest.mark.any_python,
    pytest.mark.skipif(LIBRARY is None, reason="this machine has no vector library"),
]


def kernel_of(row, **options):
    """A ufunc that calls the row's function and nothing else."""
    function = row.python
    if row.arity == 2:
        return kg.vectorize(**options)(lambda x, y: function(x, y))
    return kg.vectorize(**options)(lambda x: function(x))


def points(dtype, count=40_000):
    """Numbers of all magnitudes, many around one, and the special ones."""
    rng = np.random.default_rng(7)
    info = np.finfo(dtype)
    bits = np.uint32 if dtype is np.float32 else np.uint64
    anywhere = rng.integers(0, np.iinfo(bits).max, count, dtype=bits).view(dtype)
    near = [rng.normal(0.0, scale, count) for scale in (0.01, 1.0, 10.0, 300.0)]
    special = [0.0, 1.0, 2.0, 0.5, info.max, info.tiny, info.smallest_subnormal, np.inf, 1e5, 709.7]
    x = np.concatenate([*near, anywhere, special, np.negative(special), [np.nan]])
    return x.astype(dtype)


def arguments(row, dtype):
    x = points(dtype)
    return (x,) if row.arity == 1 else (x, np.random.default_rng(8).permutation(x))


def ulps(value, exact, dtype):
    """How many units in the last place ``value`` is from ``exact``, 0 for equal specials."""
    rounded = exact.astype(dtype)
    same = (value == rounded) | (np.isnan(value) & np.isnan(rounded))
    unit = np.maximum(np.spacing(np.abs(rounded)), np.finfo(dtype).smallest_subnormal)
    distance = np.abs(value.astype(exact.dtype) - exact) / unit
    return np.where(same, 0.0, distance)


# SciPy-free references in a wider type exist for what NumPy has; for the rest see the table.
NUMPYS = [row for row in VECTORISED if isinstance(row.reference, np.ufunc)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", NUMPYS, ids=lambda row: row.name)
def test_vector_functions_keep_to_their_bound(row, dtype):
    args = arguments(row, dtype)
    exact = row.reference(*(x.astype(WIDER[dtype]) for x in args))
    value = kernel_of(row)(*args)
    error = ulps(value, exact, dtype)
    worst = np.argmax(error)
    assert error[worst] <= VECTOR_ULP, f"{error[worst]} ulp at {[x[worst] for x in args]}"
    zeros = (value == 0) & (exact.astype(dtype) == 0)
    assert np.array_equal(np.signbit(value)[zeros], np.signbit(exact)[zeros])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("row", VECTORISED, ids=lambda row: row.name)
def test_precise_kernels_compute_alike_in_every_layout(row):
    args = arguments(row, np.float64)
    apart = [np.repeat(x, 2)[::2] for x in args]
    precise = kernel_of(row, precise=True)
    np.testing.assert_array_equal(precise(*args), precise(*apart))


def test_vector_functions_are_called(optimised):
    f = kg.vectorize(lambda x: math.exp(x) if x < 700.0 else 1.0)
    assert "_ZGV" in f.inspect_asm("f8")
    assert "_ZGV" not in kg.vectorize(precise=True)(lambda x: math.exp(x)).inspect_asm("f8")


# ------------------------------------------------------------------------ fast-math flags

FLAGS = ["reassoc", "nsz", "arcp", "contract", "afn", "nnan", "ninf", "fast"]
SPECIAL = np.array([0.0, -0.0, 1.5, np.inf, -np.inf, np.nan, 5e-324, 1.7e308] * 8)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("fastmath", [True, *FLAGS])
def test_what_is_infinite_or_nan_is_known_under_any_flag(fastmath, dtype):
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
    for layout in (x, np.repeat(x, 2)[::2]):
        for function in (math.isnan, math.isinf, math.isfinite):
            got = kg.vectorize(fastmath=fastmath)(lambda x: function(x))(layout)
            assert list(got) == [function(v) for v in x]
        for ufunc in (np.isnan, np.isinf, np.isfinite):
            got = kg.vectorize(fastmath=fastmath)(lambda x: ufunc(x))(layout)
            np.testing.assert_array_equal(got, ufunc(x))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("fastmath", [True, "reassoc", "nsz", "arcp", "contract", "afn"])
def test_what_was_computed_is_tested_too(fastmath):
    """Of nnan and ninf this may not be asked: they promise that there are none."""
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL[:8], SPECIAL[:8]))

    def tests(x, y):
        return math.isnan(x * y), math.isinf(x + y), math.isfinite(x - y)

    got = kg.vectorize(fastmath=fastmath)(tests)(x, y)
    for g, want in zip(got, (np.isnan(x * y), np.isinf(x + y), np.isfinite(x - y))):
        np.testing.assert_array_equal(g, want)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rounding_errors_survive_fastmath():
    """gamma and the logarithm of complex numbers are made of them, and stay as good."""
    x = np.random.default_rng(3).uniform(-30, 160, 20_000)
    fast = kg.vectorize(fastmath=True)(lambda x: math.gamma(x))(x)
    assert np.max(abs(fast - kg.vectorize(lambda x: math.gamma(x))(x)) / np.spacing(abs(fast))) <= 2
    z = np.exp(1j * np.linspace(-3, 3, 20_001))
    fast = kg.vectorize(fastmath=True)(lambda z: np.log(z))(z)
    np.testing.assert_array_equal(fast.real, kg.vectorize(lambda z: np.log(z))(z).real)
