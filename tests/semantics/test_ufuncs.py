"""Every ufunc of NumPy by its name in a kernel: NumPy's dtypes and values, or a reason why not."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from backends import DTYPES, attempt, check, edges, grid, quiet

import kernelgen
from kernelgen.errors import TypingError
from kernelgen.ops import library
from kernelgen.ops.refused import REFUSED
from kernelgen.ops.registry import by_call
from kernelgen.ops.ufuncs import COMPARISONS, ROWS

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("unoptimised")]

UFUNCS = [row.ufunc for row in ROWS] + [ufunc for ufunc, _ in COMPARISONS]
ULP = 4
"""NumPy's own functions differ by version and processor."""

all_ufuncs = pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)


def kernel_of(ufunc: np.ufunc, *literals: str):
    """A kernel that calls the ufunc with its arguments, the last ones literals."""
    names = "xyz"[: ufunc.nin - len(literals)]
    call = f"function({', '.join((*names, *literals))})"
    body = f"a, b = {call}; return a, b" if ufunc.nout == 2 else f"return {call}"
    namespace = {"function": ufunc}
    exec(f"def kernel({', '.join(names)}): {body}", namespace)
    return namespace["kernel"]


def compare(kernel, ufunc, *arrays) -> None:
    """The kernel's outputs are ``ufunc``'s of the same arrays, in type and value."""
    with quiet():
        want = attempt(kernel, *arrays)
    if not isinstance(want, (np.ndarray, tuple)):
        with pytest.raises((TypingError, want.cls)):
            kernelgen.vectorize(kernel)(*arrays)
        return
    got = kernelgen.vectorize(kernel)(*arrays)
    pairs = zip(got, want, strict=True) if ufunc.nout == 2 else [(got, want)]
    for g, w in pairs:
        assert g.dtype == w.dtype
        wrong = np.flatnonzero(~close(g, w))
        rows = [tuple(a[i] for a in arrays) for i in wrong[:5]]
        assert not rows, f"{ufunc.__name__} of {rows} is {g[wrong[:5]]}, not {w[wrong[:5]]}"


def close(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    with quiet():
        same = (got == want) | ((got != got) & (want != want))
        if want.dtype.kind == "f":
            same |= abs(got - want) <= ULP * np.spacing(abs(want))
    return same


def arguments(ufunc: np.ufunc, *dtypes: np.dtype) -> tuple[np.ndarray, ...]:
    """Edge values, but for those that NumPy itself computes by platform or not at all."""
    arrays = grid(*dtypes)
    keep = np.ones(len(arrays[0]), bool)
    if ufunc is np.power and np.result_type(*dtypes).kind in "biu":
        keep = arrays[1] >= 0
    if ufunc is np.reciprocal and dtypes[0].kind in "iu":
        keep = arrays[0] != 0
    if ufunc is np.spacing and dtypes[0] == np.longdouble:
        keep = np.abs(arrays[0]) < np.finfo(np.longdouble).max / 4  # nan in the greatest binades
    return tuple(a[keep] for a in arrays)


def test_every_ufunc_is_supported_or_refused_with_a_reason():
    ufuncs = {value for value in vars(np).values() if isinstance(value, np.ufunc)}
    refused = {function for function, *_ in REFUSED if isinstance(function, np.ufunc)}
    of_arrays = {np.matmul, np.vecdot, np.matvec, np.vecmat}  # see test_array_products.py
    assert ufuncs == set(UFUNCS) | refused | of_arrays
    assert not set(UFUNCS) & refused


def test_every_function_of_math_is_supported_or_refused_with_a_reason():
    functions = {f for name, f in vars(math).items() if callable(f) and not name.startswith("_")}
    refused = {function for function, *_ in REFUSED}
    replaced = {function for function, _ in library.BY_CALL}
    unknown = {f for f in functions - refused - replaced if not by_call(f)}
    assert not unknown


@pytest.mark.parametrize(
    ("function", "reason", "hint"), [r for r in REFUSED if r[0]], ids=lambda r: str(r)[:20]
)
def test_refused_functions_say_why(function, reason, hint):
    with pytest.raises(TypingError, match=re.escape(reason)) as caught:
        kernelgen.vectorize(lambda x: function(x))(1.0)
    assert hint in str(caught.value)


@all_ufuncs
def test_of_one_type(ufunc):
    for dtype in DTYPES:
        compare(kernel_of(ufunc), ufunc, *arguments(ufunc, *[dtype] * ufunc.nin))


@pytest.mark.parametrize("ufunc", [u for u in UFUNCS if u.nin == 2], ids=lambda u: u.__name__)
@pytest.mark.parametrize("pair", ["f4,i1", "i2,f2", "u8,i8", "f8,f4", "i8,?"])
def test_of_two_types(ufunc, pair):
    dtypes = [np.dtype(name) for name in pair.split(",")]
    compare(kernel_of(ufunc), ufunc, *arguments(ufunc, *dtypes))


@pytest.mark.parametrize("ufunc", [u for u in UFUNCS if u.nin == 2], ids=lambda u: u.__name__)
@pytest.mark.parametrize("literal", ["2", "0.5", "True"])
def test_with_a_literal(ufunc, literal):
    for dtype in map(np.dtype, ("i1", "f2", "f4", "f8")):
        values = edges(dtype)
        if ufunc is np.power:  # NumPy's arrays of some types take x ** 0.5 for sqrt
            values = values[values != -math.inf]
        compare(kernel_of(ufunc, literal), ufunc, values)


def test_results_are_strong():
    """As NumPy's scalars: a literal's square root is a float64, and stays one."""
    compare(lambda x: x * np.sqrt(2.0), np.add, edges("f4"))
    compare(lambda x: x + np.add(1, 2), np.add, edges("i1"))
    assert kernelgen.vectorize(lambda x: x * math.sqrt(2.0))(np.float32(1)).dtype == "f4"


# ---------------------------------------------------------- functions that are not ufuncs


def test_where():
    for a, b in (("f4", "f8"), ("i1", "u1"), ("f2", "i2")):
        check(lambda x, y: np.where(x > y, x, y), *grid(a, b), oracle=_where)
    assert kernelgen.vectorize(lambda x: np.where(x, 1, 2))(True) == np.int64(1)
    assert kernelgen.vectorize(lambda x: np.where(x > 0, x, 0.5))(np.float32(-1)).dtype == "f4"


def _where(x, y):
    return np.where(x > y, x, y)[()]


@pytest.mark.parametrize("dtype", ["i1", "u4", "f2", "f4", "f8"])
def test_clip(dtype):
    values = edges(dtype)
    check(lambda x: np.clip(x, 1, 3), values)
    check(lambda x: np.clip(x, a_min=None, a_max=7), values)
    check(lambda x: np.clip(x, 1.5, 2.5), values)


@pytest.mark.parametrize("dtype", ["i1", "f2", "f4", "f8"])
def test_isclose(dtype):
    x, y = grid(dtype, dtype)
    check(lambda x, y: np.isclose(x, y), x, y, dtype=bool)
    check(lambda x, y: np.isclose(x, y, rtol=0.5, equal_nan=True), x, y, dtype=bool)
    check(lambda x, y: np.isclose(x, y, atol=2.0), x, y, dtype=bool)


@pytest.mark.parametrize("dtype", ["i1", "f2", "f4", "f8"])
def test_nan_to_num(dtype):
    check(lambda x: np.nan_to_num(x), edges(dtype))
    if dtype != "i1":
        check(lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-3.0), edges(dtype))


def test_fix():
    check(lambda x: np.fix(x), edges("f8"))


# --------------------------------------------------------------------- functions of math


def test_parts_of_floats():
    def parts(x):
        rest, whole = math.modf(x)
        fraction, exponent = math.frexp(x)
        return rest, whole, fraction, exponent

    check(
        parts,
        edges("f8"),
        oracle=lambda x: (*np.modf(x), *np.frexp(x)),
        dtype=("f8",) * 3 + ("i8",),
    )
    check(
        parts,
        edges("f4"),
        oracle=lambda x: (*np.modf(x), *np.frexp(x)),
        dtype=("f4",) * 3 + ("i8",),
    )


def test_ulp_and_ldexp():
    check(lambda x: math.ulp(x), edges("f8"), oracle=lambda x: np.float64(math.ulp(x)))
    x, n = np.meshgrid(edges("f8"), [-(2**40), -1100, -3, 0, 5, 2000, 2**40])
    check(lambda x, n: math.ldexp(x, n), x.ravel(), n.ravel(), oracle=_ldexp)


def _ldexp(x, n):
    return np.ldexp(x, np.int32(np.clip(n, -5000, 5000)))


def test_functions_of_many_arguments():
    f = kernelgen.vectorize(lambda x: math.hypot(x, 2, 3, 4))
    assert f(1.0) == pytest.approx(math.sqrt(30))
    assert kernelgen.vectorize(lambda x: math.gcd(x, 12, 18))(24) == 6
    assert kernelgen.vectorize(lambda x: math.lcm(x, 4, 6))(9) == 36
    assert kernelgen.vectorize(lambda x: math.gcd(x))(-24) == 24
    assert kernelgen.vectorize(lambda x: math.hypot(x))(-3.0) == 3.0
    assert kernelgen.vectorize(lambda x: math.perm(x))(5) == 120


def test_isclose_takes_its_tolerances():
    assert kernelgen.vectorize(lambda x: math.isclose(x, 1.0, abs_tol=0.1))(1.05)
    assert kernelgen.vectorize(lambda x: math.isclose(x, 1.0, rel_tol=0.1))(1.05)
    assert not kernelgen.vectorize(lambda x: math.isclose(x, 1.0))(1.05)


@pytest.mark.skipif(not hasattr(math, "fma"), reason="new in Python 3.13")
def test_fused_multiply_add():
    x = np.array([0.1, 1 + 2.0**-30, 3.0])
    assert list(kernelgen.vectorize(lambda x: math.fma(x, x, -1.0))(x)) == [
        math.fma(v, v, -1.0) for v in x
    ]


def test_ldexp_needs_an_integer_exponent():
    with pytest.raises(TypingError, match="integer exponent, not float64"):
        kernelgen.vectorize(lambda x: math.ldexp(x, x))(1.0)
