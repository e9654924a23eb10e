"""Builtins and functions of ``math`` that give more than one type, or integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from backends import DTYPES, FLOATS, INTEGERS, check, edges, grid

import kernelgen
from kernelgen.errors import KernelgenError, TypingError

I8, U8, I64, F4, F8 = (np.dtype(t) for t in ("i1", "u1", "i8", "f4", "f8"))
SMALL = np.arange(-12, 40)
FINITE = np.array([0.0, -0.0, 0.4, 0.5, 0.6, 1.5, 2.5, -0.5, -1.5, -2.6, 1e6 + 0.5, -1e15, 2.0**62])
MODERATE = np.array([-3, -1, 0, 1, 2, 5, 120])
all_types = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def unsigned_or(values, dtype):
    return np.abs(values).astype(dtype) if dtype.kind in "bu" else values.astype(dtype)


def saturated(x):
    """What ``int`` makes of floats that Python refuses."""
    if isinstance(x, np.floating) and not abs(float(x)) < 2.0**63:
        limits = np.iinfo(np.int64)
        return 0 if np.isnan(x) else int(limits.max if x > 0 else limits.min)
    value = int(x)
    return (value + 2**63) % 2**64 - 2**63


# ----------------------------------------------------------------------- int, float, bool, abs


@all_types
def test_int_truncates_and_saturates(dtype):
    def kernel(x):
        return int(x)

    check(kernel, edges(dtype), oracle=saturated)


def test_int_of_ordinary_floats_is_pythons():
    def kernel(x):
        return int(x), int(-x), int(x / 3)

    check(kernel, FINITE)
    check(kernel, FINITE.astype(F4))


def test_int_is_weak():
    def kernel(x, y):
        return int(x) * y

    for dtype in (I8, U8, F4, F8):
        check(kernel, np.array([1.5, 2.9, 3.0]), np.array([1, 2, 3], dtype))


def test_weak_int_is_held_as_int64():
    """Where Python's ints would leave int64, ours wrap."""

    def kernel(x):
        return -int(x), int(x) + int(x), abs(int(x)), int(x) * 3 - 1

    def numpy(x):
        return -x, x + x, abs(x), x * 3 - 1

    check(kernel, edges(I64), oracle=numpy)


def test_weak_float_divides_as_numpy_does():
    def kernel(x, y):
        return float(x) / float(y), float(x) // y, 1.0 % float(y)

    def numpy(x, y):
        x, y = np.float64(x), np.float64(y)
        return x / y, x // y, np.float64(1) % y

    check(kernel, *grid(I8, F8), oracle=numpy)


def test_weak_int_wraps_where_it_does_not_fit():
    def kernel(x, y):
        return int(x) + y

    got = kernelgen.vectorize(kernel)(np.array([300.0, -1.0]), np.array([1, 1], U8))
    assert got.dtype == U8
    assert list(got) == [45, 0]


@all_types
def test_float_and_bool(dtype):
    def to_float(x):
        return float(x)

    def to_bool(x):
        return bool(x)

    check(to_float, edges(dtype))
    check(to_bool, edges(dtype))


def test_float_is_weak():
    def kernel(x, y):
        return float(x) * y

    check(kernel, *grid(I8, F4))
    check(kernel, *grid(I8, F8))


def test_bool_is_pythons():
    def kernel(x, y):
        return bool(x) + bool(y), bool(x) * y, -bool(x), bool(x) & bool(y), bool(x) << 3

    check(kernel, *grid(I8, F4))


def test_float_of_text_is_a_constant():
    def kernel(x):
        best = float("inf")
        return min(x, best), float("-inf") < x, int("12") + x

    check(kernel, np.array([1.0, -2.0, np.inf]))


@all_types
def test_abs(dtype):
    def kernel(x):
        return abs(x)

    check(kernel, edges(dtype))


# -------------------------------------------------------------------------------- min and max


@all_types
def test_min_and_max_of_one_type(dtype):
    """The first of equal values, and Python's order of nans: the second wins only if it is less."""

    def kernel(x, y):
        return min(x, y), max(x, y), min(y, x)

    check(kernel, *grid(dtype, dtype))


@pytest.mark.parametrize(
    ("a", "b"), [("i1", "f4"), ("u1", "i1"), ("i8", "f8"), ("b1", "i2"), ("i8", "u8")]
)
def test_min_and_max_of_two_types_promote(a, b):
    def kernel(x, y):
        return min(x, y), max(x, y)

    want = np.result_type(a, b)
    check(kernel, *grid(a, b), dtype=(want, want))


def test_min_and_max_of_several():
    def kernel(x, y):
        return min(x, y, 3.0), max(x, y, 1, -2)

    check(kernel, *grid(F8, F8), dtype=("f8", "f8"))
    check(kernel, *grid(F4, F4), dtype=("f4", "f4"))


def test_remainders_by_nan_are_nan_whatever_llvm_makes_of_them():
    """LLVM takes fmod(x, nan) for undefined where it knows that x is finite: here, an integer."""

    def kernel(x):
        zero = 7 // 0
        nan = np.float32(0.0) / zero
        if x + x == 0:
            return 7, x // nan
        for _ in range(int(x) % 3):
            x += 1
        return 1, x // nan

    ufunc = kernelgen.vectorize(kernel)
    for x, first in ((-128, 7), (0, 7), (5, 1)):
        np.testing.assert_array_equal(ufunc(np.int8(x)), (first, np.nan))
    for function in (lambda x, y: x % y, lambda x, y: math.fmod(x, y), lambda x, y: x // y):
        assert np.isnan(kernelgen.vectorize(function)(np.arange(9), np.nan)).all()


def test_max_under_fast_math_takes_the_number_and_is_vectorised():
    ufunc = kernelgen.vectorize(fastmath=True)(lambda x, y: max(x, y))
    values = np.array([1.0, np.nan, -np.inf, 3.0, np.nan])
    np.testing.assert_array_equal(ufunc(values, 2.0), [2, 2, 2, 3, 2])
    np.testing.assert_array_equal(ufunc(2.0, values), [2, 2, 2, 3, 2])
    assert ufunc.reduce(values) == 3
    assert "llvm.maxnum" in ufunc.inspect_llvm("f8(f8,f8)")
    numbers = np.random.default_rng(1).normal(size=1001)
    assert ufunc.reduce(numbers) == numbers.max()


def test_min_with_literals_keeps_the_type():
    def kernel(x):
        return max(x, 0), min(x, 1), max(0, x)

    for dtype in (I8, F4, F8):
        check(kernel, edges(dtype), dtype=(dtype,) * 3)


def test_min_takes_two_or_more_numbers_and_no_keywords():
    def one(x):
        return min(x)

    def key(x):
        return max(x, 1, key=abs)

    for kernel in (one, key):
        with pytest.raises(TypingError, match="two or more numbers"):
            kernelgen.vectorize(kernel)(1.0)


# -------------------------------------------------------------------------------------- round


def test_round_to_an_integer():
    def kernel(x):
        return round(x)

    check(kernel, FINITE)
    check(kernel, FINITE.astype(F4))
    for dtype in INTEGERS:
        if dtype != np.uint64:
            check(kernel, edges(dtype))


def test_round_saturates():
    def kernel(x):
        return round(x)

    got = kernelgen.vectorize(kernel)(np.array([np.inf, -np.inf, np.nan, 1e300]))
    limits = np.iinfo(np.int64)
    assert list(got) == [limits.max, limits.min, 0, limits.max]


@pytest.mark.parametrize("digits", [-3, -1, 0, 1, 2, 5, 10])
def test_round_to_digits(digits):
    namespace = {}
    exec(f"def kernel(x): return round(x, {digits})", namespace)
    values = np.concatenate([FINITE, np.linspace(-1234.5678, 1234.5678, 50), [np.inf, np.nan]])
    check(namespace["kernel"], values)
    if digits < 10:
        check(namespace["kernel"], values.astype(F4))


@pytest.mark.parametrize("digits", [-20, -19, -3, -2, -1, 0, 1, 5])
def test_round_integers_to_digits(digits):
    """To the even multiple, exactly, as Python's ints do it."""
    namespace = {}
    exec(f"def kernel(x): return round(x, {digits})", namespace)
    values = np.array(
        [0, 5, 15, 25, 149, 150, 250, 251, -5, -15, -150, -250, 10**15 + 500, 10**15 + 1500]
    )
    check(namespace["kernel"], values, oracle=lambda x: np.int64(round(int(x), digits)))


def test_round_to_a_variable_number_of_digits():
    def kernel(x, digits):
        return round(x, digits)

    values = np.linspace(-123.456, 123.456, 7)
    check(kernel, *(a.ravel() for a in np.meshgrid(values, np.arange(-2, 5))))


# ----------------------------------------------------------------------------- divmod and pow


@pytest.mark.parametrize(
    ("a", "b"), [("i1", "i1"), ("u1", "u1"), ("f8", "f8"), ("f4", "f4"), ("i8", "i4"), ("i1", "f4")]
)
def test_divmod(a, b):
    def kernel(x, y):
        return divmod(x, y)[0], divmod(x, y)[1]

    check(kernel, *grid(a, b), oracle=lambda x, y: (x // y, x % y))


def test_divmod_of_ordinary_numbers_is_pythons():
    def kernel(x, y):
        q, r = divmod(x, y)
        return q, r

    x, y = (a.ravel() for a in np.meshgrid(np.linspace(-7, 7, 9), [-2.5, -1.0, 0.3, 2.0]))
    check(kernel, x, y)
    check(kernel, SMALL, np.full(len(SMALL), -7))


def test_pow_with_two_arguments():
    def kernel(x, y):
        return pow(x, y)

    x, y = (a.ravel() for a in np.meshgrid(np.arange(-5, 6), np.arange(0, 9)))
    check(kernel, x.astype(I8), y.astype(I8))
    check(kernel, x, y)
    check(kernel, x, y - 1)  # raises for negative powers


def test_integer_powers_wrap():
    def kernel(x, y):
        return x**y

    check(kernel, *(a[grid(I8, I8)[1] >= 0] for a in grid(I8, I8)))
    check(kernel, *grid(U8, U8))


# ---------------------------------------------------------------------- floor, ceil and trunc


def test_floor_ceil_trunc():
    def kernel(x):
        return math.floor(x), math.ceil(x), math.trunc(x)

    check(kernel, FINITE)
    check(kernel, FINITE.astype(F4), oracle=lambda x: (math.floor(x), math.ceil(x), int(x)))
    check(kernel, edges(I8), oracle=lambda x: (int(x),) * 3)
    check(kernel, edges(bool), oracle=lambda x: (int(x),) * 3)


def test_floor_saturates():
    def kernel(x):
        return math.floor(x), math.ceil(x), math.trunc(x)

    got = kernelgen.vectorize(kernel)(np.array([np.inf, -np.inf, np.nan], F4))
    limits = np.iinfo(np.int64)
    for output in got:
        assert list(output) == [limits.max, limits.min, 0]


def test_floor_is_weak():
    def kernel(x):
        return x - math.floor(x)

    check(kernel, FINITE.astype(F4))


# -------------------------------------------------------------------- integer functions of math


@pytest.mark.parametrize("dtype", [d for d in INTEGERS if d != np.uint64], ids=str)
def test_gcd_and_lcm(dtype):
    """Python's ints, so the result of int8 is not int8; none of these leaves int64."""

    def kernel(x, y):
        return math.gcd(x, y), math.lcm(x, y), math.gcd(x, 12), math.lcm(6, y)

    values = unsigned_or(
        np.array([0, 1, 2, 12, 18, 97, 100, -6, -128 if dtype.kind == "i" else 7]), dtype
    )
    check(kernel, *(a.ravel() for a in np.meshgrid(values, values)))


def test_gcd_of_mixed_types():
    def kernel(x, y):
        return math.gcd(x, y)

    check(kernel, np.array([12, 100, 0], "u8"), np.array([18, -75, -5], "i8"))
    bools = np.array([True, False])
    check(kernel, bools, np.array([18, -75], "i1"), oracle=lambda x, y: math.gcd(int(x), y))


def test_factorial_comb_perm():
    def kernel(n, k):
        return math.factorial(n), math.comb(n, k), math.perm(n, k)

    n, k = (a.ravel() for a in np.meshgrid(np.arange(0, 16), np.arange(0, 18)))
    check(kernel, n, k)
    check(kernel, n.astype(I8), k.astype(U8))


def test_comb_is_exact_wherever_it_fits():
    def kernel(n, k):
        return math.comb(n, k)

    n, k = (a.ravel() for a in np.meshgrid(np.arange(56, 67), np.arange(20, 40)))
    check(kernel, n, k)


def test_perm_is_exact_wherever_it_fits():
    def kernel(n, k):
        return math.perm(n, k)

    check(kernel, np.array([20, 2**31, 100, 20]), np.array([20, 2, 9, 21]))


@pytest.mark.parametrize("name", ["factorial", "comb", "perm", "isqrt"])
def test_negative_integers_are_value_errors(name):
    arguments = "x, 2" if name in ("comb", "perm") else "x"
    namespace = {"math": math}
    exec(f"def kernel(x): return math.{name}({arguments})", namespace)
    with pytest.raises(ValueError, match=r"negative"):
        kernelgen.vectorize(namespace["kernel"])(-1)


def test_isqrt():
    def kernel(n):
        return math.isqrt(n)

    roots = np.array([2, 3, 1000, 94906265, 94906267, 3037000499, 2**31])
    squares = np.concatenate([roots * roots, roots * roots - 1, roots * roots + 1])
    check(kernel, squares)
    check(kernel, np.array([0, 1, 2, 3, 2**63 - 1, 2**63 - 2, 2**53 + 1]))
    check(kernel, np.arange(128, dtype=I8))


@pytest.mark.parametrize("name", ["gcd", "lcm", "comb", "perm", "factorial", "isqrt"])
def test_integer_functions_refuse_floats(name):
    arguments = "x" if name in ("factorial", "isqrt") else "x, 2"
    namespace = {"math": math}
    exec(f"def kernel(x): return math.{name}({arguments})", namespace)
    with pytest.raises(TypingError, match="integers"):
        kernelgen.vectorize(namespace["kernel"])(1.0)


# ----------------------------------------------------------------------- other functions of math


def test_isclose():
    def kernel(x, y):
        return math.isclose(x, y)

    x = np.array([1.0, 1.0, 1.0, 0.0, np.inf, np.inf, np.nan, -np.inf, 1e-320, 1e300])
    y = np.array(
        [1.0, 1 + 5e-10, 1 + 2e-9, 1e-300, np.inf, 1.0, np.nan, np.inf, 0.0, 1e300 * (1 + 1e-10)]
    )
    check(kernel, x, y)
    check(kernel, *grid(F4, F4))
    check(kernel, *grid(U8, U8))
    check(kernel, *grid(I8, U8))


def test_degrees_and_radians():
    def kernel(x):
        return math.degrees(x), math.radians(x)

    def numpy(x):
        return np.degrees(x), np.radians(x)

    check(kernel, FINITE, oracle=numpy, ulp=1)
    check(kernel, FINITE.astype(F4), oracle=numpy, ulp=1)
    check(kernel, SMALL, oracle=numpy, ulp=1)


def test_log_with_a_base():
    def kernel(x, base):
        return math.log(x, base)

    x, base = (a.ravel() for a in np.meshgrid([0.5, 1.0, 8.0, 100.0, 1e300], [2.0, 10.0, 0.5, 3.0]))
    check(kernel, x, base, ulp=2, precise=True)
    check(kernel, np.array([1, 8, 1000]), np.array([2, 2, 10]), ulp=2, precise=True)


def test_wrong_numbers_of_arguments_are_refused():
    for source in (
        "math.sqrt(x, x)",
        "math.isqrt(x, x)",
        "round(x, 1, 2)",
        "abs()",
        "pow(x, x, x)",
    ):
        namespace = {"math": math}
        exec(f"def kernel(x): return {source}", namespace)
        with pytest.raises(KernelgenError):
            kernelgen.vectorize(namespace["kernel"])(1)


def test_range_refuses_floats():
    def kernel(x):
        total = 0
        for i in range(x):
            total += i
        return total

    with pytest.raises(TypingError, match="integers"):
        kernelgen.vectorize(kernel)(1.0)
    with pytest.raises(TypingError, match="integers"):
        kernelgen.vectorize(kernel)(np.ones(2, F4))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_signs_of_zeros_survive(dtype):
    def kernel(x):
        return -x, abs(x), x * 1, x + 0.0, 0.0 - x, math.copysign(3.0, x)

    zeros = np.array([0.0, -0.0], dtype)
    outputs = kernelgen.vectorize(kernel)(zeros)
    want = [
        [True, False],
        [False, False],
        [False, True],
        [False, False],
        [False, False],
        [False, True],
    ]
    assert [list(np.signbit(o)) for o in outputs] == want
