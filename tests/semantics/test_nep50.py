"""Kernels without control flow equal NumPy's own arithmetic on arrays, dtype and value.

All pairs of types, all literals, all operators, at the values where they go wrong.
"""

from __future__ import annotations

import operator
from functools import cache

import numpy as np
import pytest
from backends import DTYPES, INTEGERS, attempt, edges, grid, quiet, request, same, strided
from hypothesis import assume, given
from hypothesis import strategies as st

import kernelgen
from kernelgen import pipeline
from kernelgen.errors import TypingError

pytestmark = pytest.mark.any_python

BINARY = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
    "<<": operator.lshift, ">>": operator.rshift,
    "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
UNARY = ("-", "+", "~", "abs")
SMALL = ("True", "False", "0", "1", "7", "-1", "-7")
LARGE = ("255", "300", "-129", "2**31", "2**63 - 1", "-2**63", "2**63", "2**64 - 1", "-2**70")
HUGE = ("2**64", "10**400")
REAL = ("2.5", "-1.5", "-0.0", "1e300", "1e-60", "float('nan')", "float('inf')")
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


def compare(source: str, names: str, *arrays: np.ndarray, want=None, ulp: float = 0) -> None:
    """Fail unless the kernel gives NumPy's dtype and values, or refuses what NumPy refuses."""
    function = kernel(source, *names)
    want = outcome(source, names, *arrays) if want is None else want
    if not isinstance(want, np.ndarray):
        refuses(function, want, arrays)
        return
    for layout in LAYOUTS:
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


LAYOUTS = (np.ascontiguousarray, strided)


def several(
    sources: list[str], names: str, *arrays: np.ndarray, together: int = 4, layouts=LAYOUTS
) -> None:
    """``compare`` for many exact expressions: those that NumPy knows share kernels."""
    outcomes = {source: outcome(source, names, *arrays) for source in sources}
    known = {s: w for s, w in outcomes.items() if isinstance(w, np.ndarray)}
    for source in outcomes.keys() - known.keys():
        refuses(kernel(source, *names), outcomes[source], arrays)
    for at in range(0, len(known), together):
        share(dict(list(known.items())[at : at + together]), names, arrays, layouts)


def share(wanted: dict[str, np.ndarray], names: str, arrays, layouts) -> None:
    """One kernel that returns all the expressions, each compared with NumPy's array."""
    ufunc = kernelgen.vectorize(kernel(f"({', '.join(wanted)},)", *names))
    for layout in layouts:
        outputs = ufunc(*map(layout, arrays))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for (source, want), got in zip(wanted.items(), outputs, strict=True):
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


COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
EXACT = [symbol for symbol in BINARY if symbol != "**"]


@pytest.mark.parametrize("a", DTYPES, ids=str)
@pytest.mark.parametrize("b", DTYPES, ids=str)
def test_binary_operators_of_two_arrays(a, b):
    layouts = LAYOUTS if a == b else LAYOUTS[:1]  # operators are compiled for one type anyway
    several([f"x {symbol} y" for symbol in EXACT], "xy", *grid(a, b), layouts=layouts)


def with_literals(symbols: list[str], literals: tuple[str, ...], dtype: np.dtype) -> None:
    sides = ("x {} ({})", "({1}) {0} x")
    sources = [side.format(s, v) for side in sides for s in symbols for v in literals]
    several(sources, "x", edges(dtype), together=16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbol", EXACT)
def test_binary_operators_with_literals(symbol, dtype, unoptimised):
    """What the type holds is computed, what it does not is refused; comparisons are exact."""
    if dtype.kind == "b" and symbol in COMPARISONS:  # NumPy's arrays of bools refuse large literals
        with_literals([symbol], SMALL + REAL, dtype)
    else:
        with_literals([symbol], LITERALS, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unary_operators(dtype):
    several(["-x", "+x", "~x", "abs(x)"], "x", edges(dtype))


def test_inverted_bools_of_python_are_integers_and_nobody_is_warned():
    def kernel(x):
        return x + ~True + (not ~False)

    assert kernelgen.vectorize(kernel)(np.int8(5)) == 5 + ~1 + (not ~0)


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
def test_powers_of_literals(dtype, unoptimised):
    exponents = edges(dtype)
    exponents = exponents if dtype.kind == "f" else exponents[exponents >= 0]
    for base in ("2", "3", "-2", "0", "1", "True", "2.0", "2.5", "-0.5", "10.0"):
        if not (base == "-2" and dtype.kind == "u"):
            compare(f"({base}) ** x", "x", exponents, ulp=POWER_ULP)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_powers_with_literal_exponents(dtype):
    """As NumPy's scalars have them: its arrays take ``x ** 0.5`` for sqrt, and bools to int8."""
    for exponent in (
        "0",
        "1",
        "2",
        "3",
        "5",
        "-1",
        "-2",
        "0.0",
        "0.5",
        "2.0",
        "3.0",
        "-0.5",
        "1.5",
    ):
        source = f"x ** ({exponent})"
        if dtype.kind in "biu" and exponent in ("-1", "-2"):
            compare(source, "x", edges(dtype), want=outcome(source, "x", edges(dtype)[-1:]))
        else:
            with quiet():
                want = np.array([kernel(source, "x")(value) for value in edges(dtype)])
            compare(source, "x", edges(dtype), want=want, ulp=POWER_ULP)


# --------------------------------------------------------------------------- whole formulas


def formulas(depth: int) -> st.SearchStrategy[str]:
    """Expressions of x, y and literals, fully parenthesised."""
    leaves = st.sampled_from(("x", "y", "x", "y", "1", "-3", "2.5", "0.1", "True"))
    if depth == 0:
        return leaves
    part = formulas(depth - 1)
    binary = st.builds("({} {} {})".format, part, st.sampled_from(EXACT), part)
    unary = st.builds("{}({})".format, st.sampled_from(UNARY), part)
    return st.one_of(binary, binary, unary, leaves)


@given(formulas(4), st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_formulas(source, a, b):
    x, y = grid(a, b)
    want = outcome(source, "xy", x, y)
    assume(isinstance(want, np.ndarray) and want.shape == x.shape)
    compare(source, "xy", x, y, want=want)
