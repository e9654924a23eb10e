"""float16: all of its values, through every operation on one of them, are NumPy's."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from backends import DTYPES, check, edges, grid, quiet

import kernelgen
from kernelgen.ops.ufuncs import ROWS
from kernelgen.types.table import from_dtype

pytestmark = pytest.mark.any_python

ALL = np.arange(2**16, dtype=np.uint16).view(np.float16)
UNARY = [row.ufunc for row in ROWS if row.ufunc.nin == 1 and "e" in str(row.ufunc.types)]


def same(got, want) -> np.ndarray:
    """Alike in every bit, but for the bits of nans."""
    bits = got.view(np.uint16) == want.view(np.uint16) if got.dtype == np.float16 else got == want
    return bits | ((got != got) & (want != want))


def outputs(function, *arrays) -> list[np.ndarray]:
    with quiet():
        found = function(*arrays)
    return list(found) if isinstance(found, tuple) else [found]


def compare(kernel, oracle, *arrays, ulp: int = 0) -> None:
    """All outputs of the kernel over contiguous arrays are the oracle's."""
    for got, want in zip(
        outputs(kernelgen.vectorize(kernel), *arrays), outputs(oracle, *arrays), strict=True
    ):
        assert got.dtype == want.dtype
        alike = same(got, want)
        if ulp and want.dtype == np.float16:
            with quiet():
                apart = abs(got.astype(float) - want.astype(float))
                alike |= apart <= ulp * np.spacing(abs(want)).astype(float)
        wrong = np.flatnonzero(~alike)[:5]
        assert not len(wrong), f"{[a[wrong] for a in arrays]}: {got[wrong]}, not {want[wrong]}"


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda ufunc: ufunc.__name__)
def test_ufuncs_of_every_value(ufunc):
    def one(x):
        return ufunc(x)

    def two(x):
        a, b = ufunc(x)
        return a, b

    # A double rounding is visible where float32's own result is a tie: once in 2**13 values.
    compare(one if ufunc.nout == 1 else two, ufunc, ALL, ulp=1)


def test_operators_of_every_value():
    compare(lambda x: -x, operator.neg, ALL)
    compare(lambda x: +x, operator.pos, ALL)
    compare(lambda x: abs(x), abs, ALL)
    compare(lambda x: not x, np.logical_not, ALL)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_conversions(dtype):
    """Out, saturated where integers end; and in, rounded once."""
    row = from_dtype(dtype)
    widened = kernelgen.vectorize([row(kernelgen.float16)])(lambda x: x)(ALL)
    if dtype.kind == "f":
        with quiet():  # some of the nans signal
            assert same(widened, ALL.astype(dtype)).all()
    narrow = kernelgen.vectorize([kernelgen.float16(row)])(lambda x: x)
    for values in (edges(dtype), widened):
        with quiet():
            assert same(narrow(values), values.astype(np.float16)).all()


def test_float64_is_rounded_once():
    random = np.random.default_rng(5)
    exact = ALL[np.isfinite(ALL)].astype(np.float64)
    ties = (exact[:-1] + exact[1:]) / 2
    near = [np.nextafter(ties, np.inf), ties, np.nextafter(ties, -np.inf)]
    anywhere = np.exp2(random.uniform(-30, 20, 100_000)) * random.choice([-1, 1], 100_000)
    values = np.concatenate([*near, anywhere, edges(np.float64)])
    narrow = kernelgen.vectorize("f2(f8)")(lambda x: x)
    with quiet():
        assert same(narrow(values), values.astype(np.float16)).all()


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "<", "=="])
def test_operators_of_many_pairs(symbol):
    random = np.random.default_rng(6)
    x, y = random.choice(ALL, 200_000), random.choice(ALL, 200_000)
    kernel = eval(f"lambda x, y: x {symbol} y")
    compare(kernel, kernel, x, y)


def test_every_operation_rounds():
    def polynomial(x, y):
        s = x * x + y
        for _ in range(3):
            s = s * x - y / 3
        return min(s, x), round(y, 2), math.floor(y) if y == y and abs(y) < 10 else 0

    check(polynomial, *grid("f2", "f2"))


def test_functions_of_math_are_computed_in_float32():
    check(lambda x: math.exp(x), edges("f2"), oracle=lambda x: np.exp(x), ulp=1)
    check(lambda x: math.sqrt(x), edges("f2"), oracle=lambda x: np.sqrt(x))


def test_reductions_and_literals():
    add = kernelgen.vectorize(lambda x, y: x + y)
    values = np.arange(50, dtype=np.float16)
    assert add.reduce(values).dtype == np.float16
    assert add.reduce(values) == np.float16(values.sum())
    assert kernelgen.vectorize(lambda x: x * 2.5)(values).dtype == np.float16
    assert kernelgen.vectorize(lambda x: x + 70000)(np.float16(1)) == np.inf
