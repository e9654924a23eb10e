"""Every row of the math table: its types, its special values, and the error bound that it states.

The bound is that of scalar functions (``precise=True``); test_vector_math.py has the vector ones.

The truth is computed in extended precision: by NumPy's long doubles, or by mpmath for what NumPy
lacks; for float32 double precision is plenty.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from backends import (
    DTYPES,
    FLOATS,
    check,
    edges,
    grid,
    quiet,
    request,
    run_interpreter,
    strided,
    unit_in_the_last_place,
)

import kernelgen
from kernelgen import pipeline
from kernelgen.ops.math import ROWS, VECTOR_ULP
from kernelgen.types.table import WEAK_FLOAT, from_dtype

pytestmark = pytest.mark.any_python

try:
    import mpmath
except ImportError:
    mpmath = None

EXTENDED = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
BY_NAME = {row.name: row for row in ROWS}
SAMPLES = 400

all_rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
both_widths = pytest.mark.parametrize("dtype", FLOATS, ids=str)


@cache
def kernel(row):
    names = "x" if row.arity == 1 else "x, y"
    namespace = {"function": row.python}
    exec(f"def {row.name}({names}): return function({names})", namespace)
    return namespace[row.name]


def samples(row, dtype) -> tuple[np.ndarray, ...]:
    """Random arguments of all magnitudes at which something happens, of both signs."""
    random = np.random.default_rng(sum(map(ord, row.name)))
    arrays = []
    for _ in range(row.arity):
        moderate = random.normal(size=SAMPLES // 2) * 10
        near = 1 + random.normal(size=SAMPLES // 4) * 1e-3
        spread = np.exp2(random.uniform(-120, 120, SAMPLES // 4)) * random.choice(
            [-1, 1], SAMPLES // 4
        )
        mixed = np.concatenate([moderate, near, spread])
        with quiet():  # float16 does not hold them all
            arrays.append(random.permutation(mixed).astype(dtype))
    return tuple(arrays)


def truth(row, dtype, arrays) -> np.ndarray:
    """The exact values, as long doubles."""
    if row.ulp == 0:
        return np.array([row.reference(*v) for v in zip(*arrays, strict=True)], np.longdouble)
    if isinstance(row.reference, np.ufunc):
        if not EXTENDED and dtype == np.float64:
            pytest.skip("long double is no wider than double here")
        return row.reference(*(a.astype(np.longdouble) for a in arrays))
    if dtype.itemsize < 8:
        return np.array([row.reference(x) for x in arrays[0].astype(np.float64)], np.longdouble)
    if mpmath is None:
        pytest.skip("needs mpmath")
    return np.array([_precisely(row, x) for x in arrays[0]])


POLES = ("gamma", "lgamma", "lgamma_by_libm")


def _log_of_gamma(x):
    return mpmath.log(abs(mpmath.gamma(x)))


MPMATH = {
    "erfc": lambda x: mpmath.erfc(min(x, 1000)),  # zero from there on
    "lgamma": _log_of_gamma,
    "lgamma_by_libm": _log_of_gamma,
}


def _precisely(row, x: np.floating) -> np.longdouble:
    """mpmath has no zeros with signs, and raises at poles."""
    if not np.isfinite(x) or x == 0 or (row.name in POLES and x < 0 and x == np.floor(x)):
        return np.longdouble(row.reference(x))
    function = MPMATH.get(row.name) or getattr(mpmath, row.name)
    above, below = x.as_integer_ratio()
    with mpmath.workdps(60):
        return _rounded(function(mpmath.mpf(above) / below))


def _rounded(exact) -> np.longdouble:
    """mpmath writes no exponents that are too long."""
    beyond = mpmath.mpf(2) ** 20_000
    sign = np.longdouble(-1 if exact < 0 else 1)
    if abs(exact) > beyond:
        return sign * np.inf
    return sign * 0 if abs(exact) < 1 / beyond else np.longdouble(mpmath.nstr(exact, 40))


def errors(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Distances in units in the last place of ``got``'s type, of exact ``want``."""
    with quiet():
        rounded = want.astype(got.dtype)
        alike = (np.isnan(got) & np.isnan(rounded)) | (
            (got == rounded) & (np.signbit(got) == np.signbit(rounded))
        )
        distance = np.abs(got.astype(np.longdouble) - want) / unit_in_the_last_place(rounded)
        finite = np.isfinite(got) & np.isfinite(rounded)
    signs = np.signbit(got) == np.signbit(rounded)
    # A zero of the wrong sign is as wrong as a nan, a value rounded to the other side of zero not.
    close = np.where(finite & (signs | (got != 0)), distance, np.inf)
    return np.where(alike, np.minimum(np.nan_to_num(distance, nan=0.0, posinf=0.0), 0.5), close)


def assert_within(row, arrays, got, want, bound=None) -> None:
    error = errors(got, want)
    stated = row.bound(from_dtype(got.dtype))
    bound = max(stated, 0.5) if bound is None else bound
    worst = int(np.argmax(error))
    args = tuple(a[worst] for a in arrays)
    assert error[worst] <= bound, (
        f"{row.name}{args} = {got[worst]!r}, not {want[worst]!r}: {error[worst]} ulp"
    )


@all_rows
@both_widths
def test_error_bound_of_machine_code(row, dtype):
    arrays = samples(row, dtype)
    with quiet():
        want = truth(row, dtype, arrays)
    ufunc = kernelgen.vectorize(precise=True)(kernel(row))
    for layout in (np.ascontiguousarray, strided):
        assert_within(row, arrays, ufunc(*map(layout, arrays)), want)


@all_rows
@both_widths
def test_special_values_of_machine_code(row, dtype):
    arrays = grid(*[dtype] * row.arity)
    got = kernelgen.vectorize(precise=True)(kernel(row))(*arrays)
    assert got.dtype == dtype
    with quiet():
        usual = row.reference(*arrays) if isinstance(row.reference, np.ufunc) else None
        want = truth(row, dtype, arrays)
        if usual is not None:  # glibc's long double pow errs at inf ** -2.0**63
            want = np.where((usual == 0) | ~np.isfinite(usual), usual, want)
    assert_within(row, arrays, got, want)


@all_rows
@both_widths
def test_the_reference_is_as_good(row, dtype):
    """The interpreter computes by the row's reference, in the row's type.

    NumPy's functions may be vector ones, and Python's own lgamma has a small absolute error only.
    """
    if dtype == np.longdouble and row.ulp and not isinstance(row.reference, np.ufunc):
        pytest.skip("the reference is Python's function of doubles")
    arrays = tuple(a[:60] for a in samples(row, dtype))
    function = pipeline.rewritten(request(kernel(row), *arrays))
    got = run_interpreter(function, arrays)
    assert {value.dtype for value in got} == {dtype}
    with quiet():
        want = truth(row, dtype, arrays)
    if row.name.startswith("lgamma"):
        small = np.abs(want) < 1
        got, want = np.array(got) + small, want + small
    assert_within(row, arrays, np.array(got), want, bound=max(row.ulp, VECTOR_ULP))


@all_rows
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.kind != "f"], ids=str)
def test_integers_are_computed_as_float64(row, dtype):
    arrays = grid(*[dtype] * row.arity)
    floats = tuple(a.astype(np.float64) for a in arrays)
    result = pipeline.typed(request(kernel(row), *arrays)).result
    assert result.dtype == np.float64
    if dtype in (np.int8, np.uint64):
        ufunc = kernelgen.vectorize(precise=True)(kernel(row))  # whatever the number of lanes
        np.testing.assert_array_equal(ufunc(*arrays), ufunc(*floats))


@all_rows
def test_weak_arguments_give_weak_results(row):
    """So that with a float32 a function of a counter stays float32, as a literal would."""
    names = ", ".join("c" * row.arity)
    namespace = {"function": row.python}
    exec(f"def f(x):\n c = 1\n if x > 1: c = 1.0\n return function({names})", namespace)
    types = pipeline.typed(request(namespace["f"], np.ones(1, "f4")))
    returned = next(op.operands[0] for op in types.ops() if op.name == "return")
    assert returned.type == WEAK_FLOAT


@pytest.mark.parametrize(("a", "b", "want"), [
    ("f4", "f8", "f8"), ("f4", "i2", "f4"), ("f4", "i4", "f8"), ("i1", "f4", "f4"),
    ("b1", "b1", "f8"),
])  # fmt: skip
def test_two_arguments_meet_as_they_promote(a, b, want):
    for name in ("atan2", "hypot", "power", "fmod", "copysign"):
        types = pipeline.typed(request(kernel(BY_NAME[name]), np.ones(1, a), np.ones(1, b)))
        assert types.result.dtype == want


def test_domain_errors_are_nan_and_poles_inf():
    """Where Python raises ValueError or OverflowError, NumPy gives values, and so do we."""

    def values(x):
        return math.sqrt(x), math.log(x), math.acos(x), math.exp(x), math.gamma(x)

    def numpy(x):
        return np.sqrt(x), np.log(x), np.arccos(x), np.exp(x), np.nan

    check(values, np.array([-1.0, -1000.0]), oracle=numpy, ulp=1, precise=True)
    got = kernelgen.vectorize(values)(np.array([0.0, 1e4]))
    assert got[1][0] == -np.inf
    assert got[3][1] == np.inf
    assert got[4][0] == got[4][1] == np.inf


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_classification(dtype):
    def kernel(x):
        return math.isnan(x), math.isinf(x), math.isfinite(x)

    def numpys(x):
        return bool(np.isnan(x)), bool(np.isinf(x)), bool(np.isfinite(x))

    check(kernel, edges(dtype), oracle=numpys if dtype == np.longdouble else None)


def test_each_function_of_math_is_a_row_once():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert len({row.python for row in ROWS}) == len(ROWS)
