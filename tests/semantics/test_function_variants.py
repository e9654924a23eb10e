"""Functions of math, cmath and NumPy in every form of their calls: keywords, defaults, many arguments."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from backends import Failure, attempt, check, edges, quiet, unit_in_the_last_place

import kernelgen
from kernelgen.errors import TypingError, UnsupportedError
from kernelgen.ops import library
from kernelgen.ops.refused import REFUSED
from kernelgen.ops.registry import by_call

X = np.array([0.0, -0.0, 0.5, -1.5, 2.5, 3.0, 1e10, -7.3, 1e-300])
Y = np.array([1.0, -2.0, 0.25, 3.0, -0.5, 2.0, -4.0, 1e-3, 5.0])
Z = np.array([1 + 2j, -1 - 0j, 0j, 3.5 - 4j, 0.125 + 7.25j])
N = np.array([0, 1, 2, 5, 7, 12, 20])
M = np.array([3, 2, 5, 0, 4, 6, 9])


@pytest.fixture(autouse=True)
def unoptimised(monkeypatch):
    """Compile fast: there are many."""
    monkeypatch.setenv("KERNELGEN_OPT_LEVEL", "0")


def called(text: str, parameters: str = "x"):
    """A kernel that returns an expression."""
    return eval(f"lambda {parameters}: {text}", {"math": math, "cmath": cmath, "np": np})


# --------------------------------------------------------------------------- completeness


def test_every_function_of_cmath_is_supported_or_refused_with_a_reason():
    functions = {f for name, f in vars(cmath).items() if callable(f) and not name.startswith("_")}
    known = {function for function, _ in library.BY_CALL} | {function for function, *_ in REFUSED}
    assert not {f for f in functions - known if not by_call(f)}


@pytest.mark.parametrize("module", [math, cmath, np], ids=["math", "cmath", "np"])
def test_every_constant_of_a_module(module):
    names = [n for n, v in vars(module).items() if isinstance(v, (float, complex, int))]
    names = [name for name in names if not name.startswith("_")]
    assert {"pi", "e", "nan", "inf"} <= set(names)
    for name in names:
        value = getattr(module, name)
        got = kernelgen.vectorize(
            called(f"x * 0 + {module.__name__.replace('numpy', 'np')}.{name}")
        )(0)
        np.testing.assert_array_equal(got, np.int64(0) + value)


# ---------------------------------------------------------------------------------- math


@pytest.mark.parametrize("text", [
    "math.prod((x, y))", "math.prod((x, y), start=2.0)", "math.prod(())", "math.hypot(x, y)",
    "math.prod((x, y, 2), start=y)", "math.isclose(x, y, rel_tol=0.5, abs_tol=0.1)",
    "math.isclose(x, y, abs_tol=3.0)", "math.isclose(a=x, b=y)", "math.remainder(x, y)",
    "math.fmod(x, y)", "math.copysign(x, y)", "math.hypot()", "math.nextafter(x, y)",
])  # fmt: skip
def test_of_two_floats(text):
    kernel = called(text, "x, y")
    check(kernel, X, Y, oracle=lambda x, y: strong(kernel(x, y)))


def strong(value):
    """What a ufunc makes of it."""
    return value if isinstance(value, np.generic) else np.asarray(value)[()]


@pytest.mark.skipif(not hasattr(math, "sumprod"), reason="new in Python 3.12")
@pytest.mark.parametrize("text", [
    "math.sumprod((x, y), (y, x))", "math.sumprod((x, 2), (y, y))", "math.sumprod((), ())",
    "math.nextafter(x, y, steps=0)", "math.nextafter(x, y, steps=3)",
    "math.nextafter(x, math.inf, steps=7)", "math.nextafter(x, math.nan, steps=2)",
])  # fmt: skip
def test_of_two_floats_since_python_3_12(text):
    kernel = called(text, "x, y")
    check(kernel, X, Y, oracle=lambda x, y: strong(kernel(x, y)))


@pytest.mark.skipif(not hasattr(math, "sumprod"), reason="new in Python 3.12")
def test_steps_are_not_negative_and_do_not_go_beyond():
    f = kernelgen.vectorize(lambda x, n: math.nextafter(x, 1.0, steps=n))
    assert f(1 - 2.0**-52, 100) == 1.0
    with pytest.raises(ValueError, match="non-negative"):
        f(0.5, -1)


@pytest.mark.parametrize(
    "points", ["(x,), (y,)", "(x, y), (1.0, 2.0)", "(x, 1, y), (y, 2, 3.5)", "(), ()"]
)
def test_distances(points):
    text = f"math.dist({points})"
    check(called(text, "x, y"), X, Y, oracle=called(f"np.float64({text})", "x, y"), ulp=2)


def summands():
    """Four numbers that cancel, that are half a unit of another, and of all magnitudes."""
    random = np.random.default_rng(4)
    a, b, c, d = random.normal(size=(4, 400)) * np.exp2(random.integers(-80, 80, (4, 400)))
    c[:100] = -a[:100]
    a[200:300], b[200:300] = 1.0, 2.0**-53 * random.choice([1, -1], 100)
    c[200:300], d[200:300] = 2.0**-110 * random.choice([1, -1, 0], 100), 0.0
    return a, b, c, d


@pytest.mark.parametrize("options", [{}, {"fastmath": True}], ids=["", "fastmath"])
def test_exact_sums(options):
    arrays = summands()
    got = kernelgen.vectorize(**options)(lambda a, b, c, d: math.fsum((a, b, c, d)))(*arrays)
    np.testing.assert_array_equal(got, [math.fsum(row) for row in zip(*arrays)])


@pytest.mark.parametrize("text", [
    "math.fsum(())", "math.fsum((x,))", "math.fsum([x, y])", "math.fsum((x, 1e100, y, -1e100))",
    "math.fsum((x, math.inf, y))", "math.fsum((x, math.nan))", "math.fsum((3, x, True))",
])  # fmt: skip
def test_exact_sums_of_few(text):
    check(called(text, "x, y"), X, Y, oracle=called(f"np.float64({text})", "x, y"))


@pytest.mark.parametrize("text", ["math.dist((x, x), (x,))", "math.sumprod((x, x), (x,))"])
def test_lengths_that_differ(text):
    """They are known when the kernel is compiled, and that all calls raise ValueError."""
    if "sumprod" in text and not hasattr(math, "sumprod"):
        pytest.skip("new in Python 3.12")
    with pytest.raises(TypingError, match="never returns"):
        kernelgen.vectorize(called(text))(1.0)


@pytest.mark.parametrize("text", [
    "math.gcd()", "math.gcd(x)", "math.gcd(x, y)", "math.gcd(x, y, 6, 4)", "math.lcm()",
    "math.lcm(x)", "math.lcm(x, y)", "math.lcm(x, y, 4, 6)", "math.comb(x, y)", "math.perm(x, y)",
    "math.perm(x)", "math.perm(x, None)", "math.isqrt(x)", "math.factorial(x)",
    "math.prod((x, y), start=3)",
])  # fmt: skip
def test_of_integers(text):
    kernel = called(text, "x, y")
    check(kernel, N, M, oracle=lambda x, y: np.int64(kernel(int(x), int(y))))


@pytest.mark.parametrize("text", ["x * 2.0", "x * math.pi", "math.log(x, 10)", "math.log(x, 2.5)"])
def test_logarithms_to_a_base(text):
    check(called(text), abs(X[2:]), oracle=called(f"np.float64({text})"), ulp=4)


# ------------------------------------------------------------------------------ NumPy's


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u2", "?"])
@pytest.mark.parametrize("text", [
    "np.round(x)", "np.round(x, 1)", "np.round(x, decimals=2)", "np.round(x, -1)", "np.around(x)",
    "np.around(a=x, decimals=1)", "np.clip(x, min=0, max=1)", "np.clip(x, a_min=0, a_max=1)",
    "np.clip(x, 0, None)", "np.clip(x, max=2)", "np.isposinf(x)", "np.isneginf(x)", "np.real(x)",
    "np.imag(x)", "np.isreal(x)", "np.iscomplex(x)", "np.iscomplexobj(x)", "np.isrealobj(x)",
    "np.angle(x)", "np.angle(x, deg=True)", "np.spacing(x)", "np.fix(x)", "np.conj(x)",
    "np.sign(x)", "np.signbit(x)", "np.nan_to_num(x, nan=1, posinf=2, neginf=3)",
])  # fmt: skip
def test_of_one_number(text, dtype):
    kernel, x = called(text), edges(dtype)
    if "round" in text and dtype == "f2":
        x = x[abs(x) < 100]  # NumPy rounds by way of products that overflow
    if ("spacing" in text or "-1" in text) and dtype == "i8":
        x = x[abs(x.astype(float)) < 2**53]  # integers that NumPy's way through float64 keeps
    with quiet():
        want = [attempt(kernel, value) for value in x]
    if all(isinstance(w, Failure) for w in want):  # NumPy has no such function
        with pytest.raises(TypingError):
            kernelgen.vectorize(kernel)(x)
        return
    got = kernelgen.vectorize(kernel)(x)
    assert got.dtype == np.asarray(want[0]).dtype
    for g, w, value in zip(got, want, x):
        assert is_near(g, w) or (g != g and w != w), (value, g, w)


def is_near(got, want):
    """Equal, or floats within 2 ulp."""
    with quiet():
        is_float = isinstance(want, np.floating)
        return got == want or (is_float and abs(got - want) <= 2 * unit_in_the_last_place(want))


@pytest.mark.parametrize("text", [
    "np.angle(x)", "np.angle(x, deg=True)", "np.real(x)", "np.imag(x)", "np.isreal(x)",
    "np.iscomplex(x)", "np.iscomplexobj(x)", "np.isrealobj(x)", "np.round(x, 1)", "np.around(x)",
    "np.nan_to_num(x)", "np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0)", "np.sinc(x)",
    "np.isclose(x, 1+2j)", "np.where(x == 1, x, 2)", "np.conj(x)", "np.sign(x)",
    "cmath.isclose(x, 1+2j, rel_tol=0.1)", "cmath.isclose(x, 1+2j, abs_tol=3.0)", "cmath.log(x, 2)",
    "cmath.rect(abs(x), 1.0)", "cmath.phase(x)", "cmath.polar(x)[0]",
])  # fmt: skip
def test_of_one_complex_number(text):
    kernel = called(text)
    z = Z if "nan_to_num" not in text else np.concatenate(
        [Z, [complex(np.inf, 1), complex(np.nan, -np.inf), complex(-np.inf, np.nan)]]
    )  # fmt: skip
    z = z[z != 0] if "log" in text else z
    got = kernelgen.vectorize(kernel)(z)
    want = np.array([kernel(value) for value in z])
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-16)


def test_the_sign_of_a_part_is_that_of_numpy():
    z = np.array([complex(-1.0, -0.0), complex(-1.0, 0.0)])
    np.testing.assert_array_equal(kernelgen.vectorize(lambda z: np.angle(z))(z), np.angle(z))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_cardinal_sine(dtype):
    x = np.array([0, 1, -2, 3, 17], dtype) / (2 if dtype[0] == "f" else 1)
    x = x.astype(dtype)
    got = kernelgen.vectorize(lambda x: np.sinc(x))(x)
    assert got.dtype == np.sinc(x).dtype
    np.testing.assert_allclose(got, np.sinc(x), rtol=4 * np.finfo(got.dtype).eps, atol=1e-16)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "?"])
def test_bessel_function(dtype):
    x = np.array([0, 1, -2, 7, 8, 19.5, 20, 20.5, 80]).astype(dtype)
    got = kernelgen.vectorize(lambda x: np.i0(x))(x)
    assert got.dtype == np.i0(x).dtype
    np.testing.assert_allclose(got, np.i0(x), rtol=8 * np.finfo(got.dtype).eps)
    assert kernelgen.vectorize(lambda x: np.i0(x))(750.0) == np.inf
    assert np.isnan(kernelgen.vectorize(lambda x: np.i0(x))(np.nan))
    with pytest.raises(TypingError):
        kernelgen.vectorize(lambda x: np.i0(x))(1j)


def test_steps_of_zero():
    """Of either zero it is the least number above."""
    for dtype in ("f2", "f4", "f8", "g"):
        zeros = np.array([0.0, -0.0], dtype)
        got = kernelgen.vectorize(lambda x: np.spacing(x))(zeros)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(np.spacing(zeros)))


def test_integers_by_ufuncs():
    small = np.arange(-20, 21)
    for text in ("np.gcd(x, 12)", "np.lcm(x, 12)", "np.left_shift(x, 2)", "np.bitwise_count(x)",
                 "np.divmod(x, 7)[1]", "np.float_power(x, 2)", "np.ldexp(1.5, x)"):  # fmt: skip
        kernel = called(text)
        check(kernel, small)


# ------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(("text", "error", "message"), [
    ("np.histogramdd((x, x))", TypingError, "the function 'np.histogramdd' cannot be called"),
    ("np.linalg.norm((x, x))", TypingError, "the function 'np.linalg.norm' cannot be called"),
    ("np.real_if_close(x)", TypingError, "has a type that depends on the value"),
    ("math.cos(x, base=2)", UnsupportedError, "takes no keyword arguments"),
    ("math.fsum(range(int(x.real)))", UnsupportedError, "list"),
    ("math.prod((x, x), begin=3)", UnsupportedError, "cannot be called with these arguments|takes"),
])  # fmt: skip
@pytest.mark.parametrize("argument", [1.0, 1j])
def test_what_is_refused_says_why(text, error, message, argument):
    with pytest.raises(error, match=message):
        kernelgen.vectorize(called(text))(argument)
