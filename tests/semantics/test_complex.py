"""complex64 and complex128: arithmetic as NumPy's, cmath within a few ulp of its own."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from backends import COMPLEX, DTYPES, attempt, edges, quiet

import kernelgen
from kernelgen.errors import TypingError
from kernelgen.ops.ufuncs import COMPARISONS, ROWS

pytestmark = pytest.mark.any_python

REAL = [0.0, -0.0, 1.0, -1.5, 3.0, 1e-3, 1e30]
SPECIAL = [np.inf, -np.inf, np.nan]
EXACT = ("+", "-", "*", "==", "!=")
ALL = (*DTYPES, *COMPLEX)


def numbers(dtype, special: bool = True) -> np.ndarray:
    """Values of a type; complex ones of all pairs of parts."""
    dtype = np.dtype(dtype)
    if dtype.kind != "c":
        return edges(dtype) if special else edges(dtype)[np.isfinite(edges(dtype))]
    parts = np.array(REAL + SPECIAL * special, np.finfo(dtype).dtype)
    result = np.empty((len(parts), len(parts)), dtype)
    result.real, result.imag = np.meshgrid(parts, parts)
    return result.ravel()


def pairs(a, b, special: bool = True) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(numbers(a, special), numbers(b, special))
    return x.ravel(), y.ravel()


def same(got, want, ulp: float = 0) -> np.ndarray:
    """Both parts alike, or within units in the last place of the whole number."""
    if want.dtype.kind != "c":
        return (
            (got == want) | (np.isnan(got) & np.isnan(want)) | np.isclose(got, want, ulp * 1e-7, 0)
        )
    with quiet():
        alike = np.ones(want.shape, bool)
        unit = ulp * np.spacing(np.maximum(abs(want.real), abs(want.imag)))
        for g, w in ((got.real, want.real), (got.imag, want.imag)):
            alike &= (g == w) | (np.isnan(g) & np.isnan(w)) | (abs(g - w) <= unit)
    return alike


def by_scalars(function):
    """NumPy's arrays multiply with fused instructions where the processor has them."""
    return lambda *arrays: np.array([function(*row) for row in zip(*arrays, strict=True)])


def compare(kernel, oracle, *arrays, ulp: float = 0) -> None:
    with quiet():
        want = oracle(*arrays)
        got = kernelgen.vectorize(kernel)(*arrays)
    assert got.dtype == want.dtype
    wrong = np.flatnonzero(~same(got, want, ulp))[:5]
    assert not len(wrong), f"{[a[wrong] for a in arrays]}: {got[wrong]}, not {want[wrong]}"


@pytest.mark.parametrize("a", COMPLEX, ids=str)
@pytest.mark.parametrize("b", ALL, ids=str)
def test_operators_of_two_types(a, b, unoptimised):
    for symbol in EXACT:
        kernel = eval(f"lambda x, y: x {symbol} y")
        oracle = by_scalars(kernel) if b.kind == "c" else kernel
        compare(kernel, oracle, *pairs(a, b))
        compare(kernel, oracle, *pairs(b, a))
    divide = eval("lambda x, y: x / y")
    compare(divide, divide, *pairs(a, b, special=False), ulp=4)


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize("literal", ["1j", "(2 - 1j)", "2", "0.5", "True"])
def test_literals(dtype, literal, unoptimised):
    if dtype.kind != "c" and "j" not in literal:
        return
    for source in (f"x + {literal}", f"{literal} * x", f"x == {literal}"):
        kernel = eval(f"lambda x: {source}")
        compare(kernel, kernel, numbers(dtype))


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_one_operand(dtype):
    x = numbers(dtype)
    compare(lambda x: -x, np.negative, x)
    compare(lambda x: +x, np.positive, x)
    compare(lambda x: x.real, np.real, x)
    compare(lambda x: x.imag, np.imag, x)
    compare(lambda x: x.conjugate(), np.conjugate, x)
    compare(lambda x: not x, np.logical_not, x)
    compare(lambda x: abs(x), np.absolute, numbers(dtype, special=False)[np.newaxis].ravel(), ulp=1)


def test_parts_of_real_numbers():
    assert kernelgen.vectorize(lambda x: x.real + x.imag)(np.int8(3)) == np.int8(3)
    assert kernelgen.vectorize(lambda x: x.conjugate())(np.float32(3)).dtype == np.float32


@pytest.mark.parametrize("exponent", ["0", "1", "2", "3", "5", "-1", "-2", "0.5", "1j", "(0.5+2j)"])
@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_powers(dtype, exponent):
    kernel = eval(f"lambda x: x ** {exponent}")
    x = np.array([1 + 2j, -0.5 + 0.25j, 3 - 1j, -2.0, 0.1j], dtype)
    with quiet():
        want = np.array([kernel(value) for value in x])
    compare(kernel, lambda x: want, x, ulp=32)


UNARY = [row.ufunc for row in ROWS if row.ufunc.nin == 1 and row.complex]


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_ufuncs(dtype, ufunc):
    random = np.random.default_rng(3)
    x = (random.normal(size=500) * 2 + 1j * random.normal(size=500) * 2).astype(dtype)
    with quiet():
        want = ufunc(x)
    got = kernelgen.vectorize(lambda x: ufunc(x))(x)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=3e-13 if dtype == "c16" else 1e-4)


def test_ufuncs_that_have_no_complex_loop_in_kernels_say_so():
    for row in ROWS:
        if row.complex or "D" not in "".join(row.ufunc.types):
            continue
        names = "xy"[: row.ufunc.nin]
        function = row.ufunc
        kernel = eval(
            f"lambda {', '.join(names)}: function({', '.join(names)})", {"function": function}
        )
        with pytest.raises(TypingError, match="complex"):
            kernelgen.vectorize(kernel)(*[np.array([1j])] * function.nin)


def test_comparisons_by_size_are_refused():
    for ufunc, _ in COMPARISONS:
        if ufunc not in (np.equal, np.not_equal):
            with pytest.raises(TypingError, match="does not exist for complex"):
                kernelgen.vectorize(lambda x: ufunc(x, x))(1j)
    with pytest.raises(TypingError, match="`<` does not exist for complex"):
        kernelgen.vectorize(lambda x: x < 1)(1j)
    with pytest.raises(TypingError, match=r"sqrt\(\) does not exist for complex"):
        kernelgen.vectorize(lambda x: math.sqrt(x))(1j)


FUNCTIONS = [
    cmath.exp, cmath.log, cmath.log10, cmath.sqrt, cmath.sin, cmath.cos, cmath.tan, cmath.sinh,
    cmath.cosh, cmath.tanh, cmath.asin, cmath.acos, cmath.atan, cmath.asinh, cmath.acosh,
    cmath.atanh, cmath.phase, cmath.isnan, cmath.isinf, cmath.isfinite,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_cmath(function):
    random = np.random.default_rng(4)
    x = random.normal(size=500) * 2 + 1j * random.normal(size=500) * 2
    want = np.array([function(value) for value in x])
    got = kernelgen.vectorize(lambda x: function(x))(x)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=3e-13)


def test_every_function_of_cmath_is_there():
    from kernelgen.ops import library

    known = {function for function, _ in library.BY_CALL}
    functions = {f for name, f in vars(cmath).items() if callable(f) and name[0] != "_"}
    assert functions <= known


def test_polar_coordinates():
    def round_trip(x):
        r, phi = cmath.polar(x)
        return cmath.rect(r, phi)

    x = np.array([1 + 2j, -3 - 0.5j])
    np.testing.assert_allclose(kernelgen.vectorize(round_trip)(x), x)
    assert kernelgen.vectorize(lambda x: cmath.isclose(x, 1j))(1j + 1e-12)


def test_the_constructor_is_weak():
    assert kernelgen.vectorize(lambda x: complex(x, 2))(np.float32(1)) == 1 + 2j
    assert kernelgen.vectorize(lambda x: complex(x))(np.float32(1)).dtype == np.complex128
    assert kernelgen.vectorize(lambda x: complex(x, 2) * x)(np.float32(1)).dtype == np.complex64


def test_signatures_and_layouts():
    square = kernelgen.vectorize("c8(c8)")(lambda z: z * z)
    z = np.arange(20).astype("c16") * (1 - 2j)
    assert square(z[::-3].astype("c8")).dtype == np.complex64
    np.testing.assert_array_equal(square(z[::-3].astype("c8")), (z[::-3] ** 2).astype("c8"))
    product = kernelgen.vectorize(lambda x, y: x * y)
    np.testing.assert_array_equal(product(z, z[3]), z * z[3])
    add = kernelgen.vectorize(identity=0)(lambda x, y: x + y)
    assert add.reduce(z) == z.sum()
    assert add.reduce(z.reshape(4, 5), axis=0).tolist() == z.reshape(4, 5).sum(axis=0).tolist()
    target = np.zeros(4, "c16")
    add.at(target, [1, 1, 3], 1j)
    assert target.tolist() == [0, 2j, 0, 1j]


def test_loops_of_complex_numbers():
    def escape(c):
        z = 0j
        n = 0
        while n < 50 and abs(z) <= 2:
            z = z * z + c
            n += 1
        return n

    def python(c):
        return np.array([escape(complex(value)) for value in c])

    c = np.array([0j, 1 + 1j, -0.5 + 0.5j, 0.3 + 0.6j])
    assert kernelgen.vectorize(escape)(c).tolist() == python(c).tolist()


def test_division_by_zero_raises_if_asked():
    f = kernelgen.vectorize(error_model="python")(lambda x, y: x / y)
    with pytest.raises(ZeroDivisionError):
        f(1j, 0j)
    assert attempt(f, 2j, 1j) == 2
