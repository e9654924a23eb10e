"""longdouble: values keep all their bits, everywhere that a value can go."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from backends import attempt, check, edges, grid, quiet, same

import kernelgen
from kernelgen import vectorize
from kernelgen.ops import exact
from kernelgen.types.table import CLONGDOUBLE, LONGDOUBLE, SCALARS, from_dtype

pytestmark = [
    pytest.mark.any_python,
    pytest.mark.skipif(LONGDOUBLE not in SCALARS, reason="longdouble is a double here"),
]

EPS = np.finfo(np.longdouble).eps
FINE = 1 + EPS
"""Not a double."""

RANDOM = np.random.default_rng(8)


def many(count: int) -> np.ndarray:
    """Numbers of all magnitudes, with all their bits."""
    spread = np.exp2(RANDOM.uniform(-70, 70, count).astype("g"))
    return spread * RANDOM.choice([-1, 1], count) * (1 + EPS * RANDOM.integers(0, 1000, count))


def alike(got, want) -> bool:
    """Whether two arrays are the same but for the bytes that mean nothing."""
    assert got.dtype == want.dtype
    return all(map(same, got, want))


# ---------------------------------------------------------------------- operators, conversions


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "<", "==", "!="])
def test_operators_are_numpys(symbol):
    kernel = eval(f"lambda x, y: x {symbol} y")
    x, y = many(2000), many(2000)
    with quiet():
        assert alike(vectorize(kernel)(x, y), kernel(x, y))
    check(kernel, *grid("g", "g"))


def test_integers_of_64_bits_convert_exactly():
    signed = np.array([2**63 - 1, -(2**63), 2**62 + 1, -1], "i8")
    unsigned = np.array([2**64 - 1, 2**63 + 1], "u8")
    for values in (signed, unsigned):
        wide = vectorize(lambda x: x + np.longdouble(0))(values)
        assert [int(x) for x in wide] == values.tolist()
        back = vectorize([from_dtype(values.dtype)("g")])(lambda x: x)
        assert back(wide).tolist() == values.tolist()


def test_int_truncates_and_saturates():
    values = np.array(
        [
            "9223372036854775806.5",
            "-9223372036854775807.5",
            "1e30",
            "-1e4000",
            "inf",
            "nan",
            "-2.9",
        ],
        "g",
    )
    want = [2**63 - 2, -(2**63) + 1, 2**63 - 1, -(2**63), 2**63 - 1, 0, -2]
    assert vectorize(lambda x: int(x))(values).tolist() == want
    assert vectorize(lambda x: math.floor(x))(np.longdouble(2**61) + 0.75) == 2**61
    check(lambda x: round(x), edges("g"), oracle=lambda x: vectorize(lambda y: round(y))(x))


def test_rounding_to_narrower_floats_is_done_once():
    """To float16 by way of float32, as NumPy does it."""
    ulp = np.longdouble(2) ** -23
    ties = 1 + ulp / 2 + np.array([0, EPS, -EPS], "g") * 4
    for name in ("f2", "f4", "f8"):
        narrow = vectorize([f"{name}(g)"])(lambda x: x)
        with quiet():
            for values in (ties, edges("g"), many(500)):
                assert alike(narrow(values), values.astype(name))
        widened = vectorize([f"g({name})"])(lambda x: x)(edges(name))
        assert alike(widened, edges(name).astype("g"))


# ------------------------------------------------------------------------------- constants


def test_constants_keep_their_bits():
    third = np.longdouble(1) / 3
    assert vectorize(lambda x: x + third)(0.0) == third
    assert vectorize(lambda x: third if x > 0 else x)(1.0) == third
    assert vectorize(lambda x: x * (third * 1j))(np.longdouble(1)) == third * 1j
    assert vectorize(lambda x: x + np.longdouble("0.1"))(0.0) == np.longdouble("0.1")
    assert vectorize(lambda x: x + np.longdouble("nan"))(0.0) != 0
    assert vectorize(lambda x: x + (2**63 + 1))(np.longdouble(0)) == 2**63 + 1


def test_a_literal_is_a_double_first_as_in_python():
    assert vectorize(lambda x: x + 0.1)(np.longdouble(0)) == np.longdouble(0.1)


def test_a_string_that_is_no_number():
    with pytest.raises(kernelgen.UnsupportedError, match="invalid literal for long double: one"):
        vectorize(lambda x: x + np.longdouble("one"))(1.0)


def test_constants_of_mathematics_have_all_their_digits():
    for function in (np.degrees, np.radians):
        assert vectorize(lambda x, function=function: function(x))(FINE) == function(FINE)
    for function in (np.logaddexp, np.logaddexp2):
        kernel = vectorize(lambda x, y, function=function: function(x, y))
        assert kernel(FINE, FINE) == function(FINE, FINE)


# -------------------------------------------------------------------------------- functions


def test_functions_of_math_are_those_of_libm():
    x = np.abs(many(300)) + 1
    assert alike(vectorize(lambda x: math.exp(-x))(x), np.exp(-x))
    assert alike(vectorize(lambda x: math.log(x))(x), np.log(x))
    assert alike(vectorize(lambda x, y: math.atan2(x, y))(x, x[::-1]), np.arctan2(x, x[::-1]))
    assert alike(vectorize(lambda x: math.ldexp(x, 3))(x), np.ldexp(x, 3))
    assert alike(vectorize(lambda x, y: math.nextafter(x, y))(x, x[::-1]), np.nextafter(x, x[::-1]))


def test_neighbours():
    check(lambda x, y: np.nextafter(x, y), *grid("g", "g"))
    assert vectorize(lambda x: math.ulp(x))(FINE) == EPS


def test_fraction_and_exponent():
    def kernel(x):
        fraction, exponent = math.frexp(x)
        rest, whole = math.modf(x)
        return fraction, exponent, rest, whole

    def numpys(x):
        fraction, exponent = np.frexp(x)
        return fraction, np.int64(exponent), *np.modf(x)

    check(kernel, edges("g"), oracle=numpys)


def test_remainder_is_exact():
    check(lambda x, y: math.remainder(x, y), *grid("g", "g"), oracle=exact.remainder)
    assert exact.remainder(np.longdouble(5), np.longdouble(3)) == -1


@pytest.mark.skipif(not hasattr(math, "fma"), reason="Python 3.13")
def test_fused_multiply_add_rounds_once():
    arrays = [many(500) for _ in range(3)]
    arrays[2][:250] = -arrays[0][:250] * arrays[1][:250]
    check(lambda x, y, z: math.fma(x, y, z), *arrays, oracle=exact.fused)
    tiny = FINE * FINE - (1 + 2 * EPS)
    assert tiny == 0
    assert vectorize(lambda x, y: math.fma(x, x, y))(FINE, -(1 + 2 * EPS)) == EPS * EPS


# ------------------------------------------------------------------------------ complex numbers


def test_complex_operators_are_numpys():
    z, w = many(500) + 1j * many(500), many(500) + 1j * many(500)
    for kernel in (operator.add, operator.sub, operator.mul, operator.truediv, operator.eq):
        ours = vectorize(eval(f"lambda z, w: z {SYMBOLS[kernel]} w"))
        assert alike(ours(z, w), kernel(z, w))
    assert alike(vectorize(lambda z: abs(z))(z), np.abs(z))
    assert alike(vectorize(lambda z: z.conjugate())(z), z.conjugate())
    assert alike(vectorize(lambda z: z.imag)(z), z.imag)


SYMBOLS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.eq: "==",
}  # fmt: skip


@pytest.mark.parametrize("name", ["exp", "log", "log10", "log2", "sin", "cosh", "sqrt"])
def test_complex_functions_have_the_precision(name):
    function = getattr(np, name)
    z = RANDOM.normal(size=100).astype("g") + 1j * RANDOM.normal(size=100).astype("g")
    got, want = vectorize(lambda z: function(z))(z), function(z)
    assert (abs(got - want) <= 16 * EPS * abs(want)).all()


def test_types_meet():
    def result(kernel, *values):
        return vectorize(kernel)(*values).dtype.char

    assert result(lambda x, y: x + y, np.longdouble(1), np.int64(1)) == "g"
    assert result(lambda x, y: x + y, np.longdouble(1), np.complex64(1)) == "G"
    assert result(lambda x: x * 2.5, np.longdouble(1)) == "g"
    assert result(lambda x: x * 1j, np.longdouble(1)) == "G"
    assert result(lambda x: x if x > 0 else 1, np.longdouble(1)) == "g"
    assert result(lambda x: float(x), np.longdouble(1)) == "d"
    assert result(lambda x: np.longdouble(x), np.float16(1)) == "g"
    assert result(lambda z: abs(z), np.clongdouble(1)) == "g"


@pytest.mark.parametrize("spelled", ["g(f8,g)", "f16(f8,f16)", "longdouble(d,longdouble)", "dg->g"])
def test_signatures(spelled):
    made = vectorize(spelled)(lambda x, y: x + y)
    assert made(1, FINE) == 1 + FINE
    assert made.signatures == ["f16(f8,f16)"]
    assert vectorize([CLONGDOUBLE("G")])(lambda z: z)(FINE * 1j) == FINE * 1j
    assert vectorize("c32(clongdouble)")(lambda z: z)(FINE) == FINE


# ------------------------------------------------------------------------------- ways to go


def test_reductions_and_layouts():
    x = many(100).reshape(10, 10)
    add = vectorize(lambda x, y: x + y)
    for axis in (0, 1):
        want = np.array([sum_in_order(row) for row in (x.T if axis == 0 else x)])
        assert alike(add.reduce(x, axis), want)
    assert alike(add.accumulate(x[0]), np.add.accumulate(x[0]))
    assert alike(add(x.T, x[::-1]).ravel(), (x.T + x[::-1]).ravel())
    assert alike(add(x, FINE).ravel(), (x + FINE).ravel())
    values = x[0].copy()
    add.at(values, [1, 1, -1], FINE)
    want = x[0].copy()
    np.add.at(want, [1, 1, -1], FINE)
    assert alike(values, want)


def sum_in_order(values):
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def test_unaligned_operands():
    shifted = np.ndarray(5, "g", np.zeros(1 + 16 * 5, np.uint8), 1)
    shifted[:] = many(5)
    assert alike(vectorize(lambda x: x * 3)(shifted), shifted * 3)


@pytest.mark.parametrize("dtype", ["g", "G"])
def test_bytes_that_mean_nothing_never_matter(dtype):
    values = many(50).astype(dtype)
    dirty = values.copy()
    raw = dirty.view(np.uint8).reshape(-1, 16)
    raw[:, LONGDOUBLE.bits // 8 :] = RANDOM.integers(0, 256, raw[:, LONGDOUBLE.bits // 8 :].shape)

    def kernel(x, y):
        return x * y + x, x == y, bool(x)

    pairs = zip(vectorize(kernel)(dirty, values), vectorize(kernel)(values, values), strict=True)
    assert all(alike(got, want) for got, want in pairs)


@pytest.mark.parametrize(
    "value", [FINE, np.longdouble("-inf"), FINE * (2 - 1j), np.longdouble(-0.0)]
)
def test_exceptions_carry_them(value):
    def kernel(x):
        if x == x:
            raise ValueError(x, (x, 1), f"{x}")
        return x

    got, want = attempt(vectorize(kernel), value), attempt(kernel, value)
    assert got == want
    check(kernel, np.array([value]), dtype=value.dtype)


def test_functions_that_call_themselves():
    def power(x, n):
        return x * power(x, n - 1) if n > 0 else x * 0 + 1

    for x in (FINE, FINE * (1 + 2j)):
        assert vectorize(lambda x, n: power(x, n))(x, 20) == power(x, 20)


def test_jitted_functions_take_and_make_them():
    @kernelgen.njit
    def both(x, y):
        if x == 0:
            raise ValueError(x, y)
        return x * y, (x, x + y)

    for x in (FINE, FINE * (1 - 2j), np.longdouble(0)):
        assert attempt(both, x, FINE) == attempt(both.py_func, x, FINE)
        assert attempt(both, x, 2) == attempt(both.py_func, x, 2)


def test_floating_point_errors():
    divide = vectorize(fp_errors="numpy")(lambda x, y: x / y)
    with np.errstate(all="raise"):
        for x, y, error in (("1", "0", "divide by zero"), ("1e4000", "1e-4000", "overflow")):
            with pytest.raises(FloatingPointError, match=error):
                divide(np.longdouble(x), np.longdouble(y))
        assert divide(FINE, np.longdouble(1)) == FINE


def test_durations_count_them():
    check(lambda t, x: t * np.float64(x), np.array([3], "m8[s]"), np.array([1.5], "g"))
    made = vectorize(lambda x: x.astype("m8[s]"))(np.array([2**63 - 1, 2**63, np.nan], "g"))
    assert made.view("i8").tolist() == [2**63 - 1, -(2**63), -(2**63)]
