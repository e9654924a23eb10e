"""Kernels without control flow equal NumPy's own arithmetic on arrays, dtype and value.

All pairs of types, all literals, all operators, at the values where they go wrong.
"""

from __future__ import annotations

import operator
from functools import cache

import numpy as np
import pytest
from backends import DTYPES, FLOATS, INTEGERS, attempt, edges, grid, quiet, request, same, strided

import kernelgen
from kernelgen import pipeline
from kernelgen.errors import TypingError

BINARY = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
    "<<": operator.lshift, ">>": operator.rshift,
    "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
UNARY = {"-": operator.neg, "+": operator.pos, "~": operator.invert, "abs": abs}
SMALL = ("True", "False", "0", "1", "2", "3", "7", "-1", "-7", "100")
LARGE = ("255", "300", "-129", "2**31", "2**63 - 1", "-2**63", "2**63", "2**64 - 1")
HUGE = ("2**64", "2**70", "-2**70")
REAL = ("2.5", "0.5", "-1.5", "0.0", "-0.0", "1e300", "1e-60", "float('nan')", "float('inf')")
LITERALS = (*SMALL, *LARGE, *HUGE, *REAL)

POWER_ULP = 1
"""NumPy's own float powers come from the C library or from SIMD code, by version and processor."""


@cache
def kernel(source: str, *names: str):
    namespace: dict = {}
    exec(f"def f({', '.join(names)}): return {source}", namespace)
    return namespace["f"]


def outcome(source: str, names: str, *arrays: np.ndarray):
    """What NumPy makes of the expression: an array, or the Failure that it ends in."""
    return attempt(kernel(source, *names), *arrays)


def compare(source: str, names: str, *arrays: np.ndarray, ulp: float = 0) -> None:
    """Fail unless the kernel gives NumPy's dtype and values, or refuses what NumPy refuses."""
    function = kernel(source, *names)
    want = outcome(source, names, *arrays)
    if not isinstance(want, np.ndarray):
        return refuses(function, want, arrays)
    for layout in (np.ascontiguousarray, strided):
        with quiet():
            got = kernelgen.vectorize(function)(*map(layout, arrays))
        assert got.dtype == want.dtype, source
        for row, g, w in zip(zip(*arrays, strict=True), got, want, strict=True):
            assert same(g, w, ulp), f"{source} of {row} is {g!r}, NumPy says {w!r}"


def refuses(function, failure, arrays) -> None:
    if failure.cls is ValueError:  # an integer to a negative power
        with pytest.raises(ValueError, match="negative integer powers"):
            kernelgen.vectorize(function)(*arrays)
    else:
        with pytest.raises(TypingError):
            pipeline.rewritten(request(function, *arrays))


def several(sources: list[str], names: str, *arrays: np.ndarray) -> None:
    """``compare`` for many expressions at once: those that NumPy knows share one kernel."""
    outcomes = {source: outcome(source, names, *arrays) for source in sources}
    known = {s: w for s, w in outcomes.items() if isinstance(w, np.ndarray)}
    for source in outcomes.keys() - known.keys():
        refuses(kernel(source, *names), outcomes[source], arrays)
    function = kernel(f"{', '.join(known)},", *names)
    for layout in (np.ascontiguousarray, strided):
        with quiet():
            outputs = kernelgen.vectorize(function)(*map(layout, arrays))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for (source, want), got in zip(known.items(), outputs, strict=True):
            assert got.dtype == want.dtype, source
            for i in np.flatnonzero(~identical(got, want)):
                row = tuple(a[i] for a in arrays)
                pytest.fail(f"{source} of {row} is {got[i]!r}, NumPy says {want[i]!r}")


def identical(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Element for element the same value; nans are alike, zeros of different sign are not."""
    if want.dtype.kind != "f":
        return got == want
    return (np.isnan(got) & np.isnan(want)) | (
        (got == want) & (np.signbit(got) == np.signbit(want))
    )


EXACT = [symbol for symbol in BINARY if symbol != "**"]


@pytest.mark.parametrize("a", DTYPES, ids=str)
@pytest.mark.parametrize("b", DTYPES, ids=str)
def test_binary_operators_of_two_arrays(a, b):
    several([f"x {symbol} y" for symbol in EXACT], "xy", *grid(a, b))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("side", ["x {} ({})", "({1}) {0} x"], ids=["right", "left"])
def test_binary_operators_with_small_literals(dtype, side):
    for literals in (SMALL[:5], SMALL[5:]):
        for symbols in (EXACT[:6], EXACT[6:11], EXACT[11:]):
            sources = [side.format(s, v) for s in symbols for v in literals]
            several(sources, "x", edges(dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("side", ["x {} ({})", "({1}) {0} x"], ids=["right", "left"])
def test_binary_operators_with_float_literals(dtype, side):
    for symbols in (["+", "-", "*"], ["/", "//", "%"], ["<", "<=", "=="], ["!=", ">", ">="]):
        several([side.format(s, v) for s in symbols for v in REAL], "x", edges(dtype))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("side", ["x {} ({})", "({1}) {0} x"], ids=["right", "left"])
def test_integers_with_literals_that_may_not_fit(dtype, side):
    """What the type holds is computed, what it does not is refused; comparisons are exact."""
    for symbols in (["+", "/", "//"], ["%", "&", "<<"], ["<", "=="], [">=", "!="]):
        several([side.format(s, v) for s in symbols for v in LARGE + HUGE], "x", edges(dtype))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_floats_with_large_integer_literals(dtype):
    for symbols in (["+", "/", "%"], ["<", "==", ">="]):
        several([f"x {s} ({v})" for s in symbols for v in LARGE + HUGE], "x", edges(dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unary_operators(dtype):
    several(["-x", "+x", "~x", "abs(x)"], "x", edges(dtype))


# ---------------------------------------------------------------------------------- powers


@pytest.mark.parametrize("a", DTYPES, ids=str)
@pytest.mark.parametrize("b", DTYPES, ids=str)
def test_powers_of_two_arrays(a, b):
    x, y = grid(a, b)
    if np.result_type(a, b).kind != "f":
        keep = y >= 0
        x, y = x[keep], y[keep]
    compare("x ** y", "xy", x, y, ulp=POWER_ULP)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_to_negative_powers_are_value_errors(dtype):
    for exponent in (np.array([-1], "i1"), np.array([-(2**63)])):
        if np.result_type(dtype, exponent).kind != "f":
            compare("x ** y", "xy", np.array([2], dtype), exponent)
    if dtype.kind == "i":
        compare("x ** -1", "x", np.array([2], dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_powers_of_literals(dtype):
    exponents = edges(dtype)
    exponents = exponents if dtype.kind == "f" else exponents[exponents >= 0]
    for base in ("2", "3", "-2", "0", "1", "True", "2.0", "2.5", "-0.5", "10.0"):
        if not (base == "-2" and dtype.kind == "u"):
            compare(f"({base}) ** x", "x", exponents, ulp=POWER_ULP)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != bool], ids=str)
def test_powers_with_literal_exponents(dtype):
    """Not for bools: NumPy's arrays take ``x ** 2`` as int8, its scalars as int64, as we do."""
    for exponent in ("0", "1", "2", "3", "5", "-1", "-2", "0.0", "0.5", "2.0", "3.0", "-0.5", "1.5"):
        compare(f"x ** ({exponent})", "x", edges(dtype), ulp=POWER_ULP)


def test_powers_of_bools_with_literal_exponents_are_those_of_scalars():
    ufunc = kernelgen.vectorize(kernel("x ** 2", "x"))
    assert ufunc(np.bool_(True)).dtype == (np.bool_(True) ** 2).dtype == np.int64
