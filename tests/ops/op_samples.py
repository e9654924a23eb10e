"""Kernels that between them contain every op."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from operator import index

import numpy as np

import kernelgen
from kernelgen import pipeline
from kernelgen.ops import ufuncs
from kernelgen.ops.math import ROWS
from kernelgen.types.compound import Array
from kernelgen.types.table import (
    BOOL,
    COMPLEX128,
    DATETIME,
    FLOAT32,
    FLOAT64,
    INT8,
    INT64,
    LONGDOUBLE,
    TIMEDELTA,
    UINT64,
    Scalar,
)

same = kernelgen.vectorize("f8(f8)")(lambda x: x)
any_type = kernelgen.vectorize(lambda x: x)

DAY, SECOND, HOUR = DATETIME["D"], DATETIME["s"], TIMEDELTA["h"]

EXPRESSIONS = {
    "x + y, x - y, x * y, x / y, x // y, x % y, x ** y": (FLOAT64, FLOAT64),
    "-x, +x, abs(x), min(x, y), max(x, y), not x": (FLOAT32, FLOAT32),
    "x & y, x | y, x ^ y, x << y, x >> y, ~x, x // y, x % y, x ** y": (INT8, INT8),
    "x < y, x <= y, x == y, x != y, x > y, x >= y": (INT64, UINT64),
    "int(x), float(y), bool(x), round(x), round(x, 2)": (FLOAT64, BOOL),
    "math.floor(x), math.ceil(x), math.trunc(x)": (FLOAT32, FLOAT32),
    "math.isnan(x), math.isinf(x), math.isfinite(x), x.conjugate()": (FLOAT64, FLOAT64),
    "np.int16(x), same(y), any_type(x)": (FLOAT32, FLOAT64),
    "x.item(), x.sum(), x.round(1), x.view('i4'), x.T, int(y).bit_length()": (FLOAT32, FLOAT64),
    "x if None is y else index(y)": (INT64, INT8),
    "(x, y)[x], (1, 2)[y]": (INT64, INT8),
    "x.real, x.imag, x.conjugate(), x * y, x / y, abs(x), complex(x.real, 1.0)": (
        COMPLEX128,
        COMPLEX128,
    ),
    "np.less(x, y), np.less_equal(x, y), np.equal(x, y)": (INT64, UINT64),
    "np.greater(x, y), np.greater_equal(x, y), np.not_equal(x, y)": (INT64, UINT64),
    "np.nan_to_num(x), np.nan_to_num(y, nan=2.0)": (FLOAT64, FLOAT64),
    "complex(x), complex(x, y), cmath.sqrt(x), cmath.phase(x)": (FLOAT64, FLOAT64),
    "np.where(x > y, x, y), math.ldexp(x, 3), math.nextafter(x, y), math.frexp(x)[0]": (
        FLOAT64,
        FLOAT64,
    ),
    "math.gamma(x), math.lgamma(y)": (LONGDOUBLE, LONGDOUBLE),
    "x - y, min(x, y), max(x, y), np.isnat(x), np.isfinite(y), x.astype('M8[M]')": (DAY, SECOND),
    "x < y, x <= y, x == y, x != y, x > y, x >= y, not x": (DAY, SECOND),
    "x + y, x - y, x * 2, x / y, x // y, x % y, -x, +x, abs(x)": (HOUR, HOUR),
    "x + np.timedelta64(y, 's'), np.sign(x), x / y": (HOUR, INT64),
}

if hasattr(math, "fma"):  # Python 3.13
    EXPRESSIONS["math.fma(x, y, x)"] = (FLOAT64, FLOAT64)

LOOP = """
def kernel(x, y):
    if x > 0:
        late = (x, y)
    pair = ((x, 1), y)
    for i in range(y):
        (a, b), c = pair
        pair = ((b + i, a), c)
    if y > 3:
        return late[0]
    return pair[0][0]
"""

RAISE = """
def kernel(x, y):
    if x > 0:
        raise ValueError(f"{x!s}{x!r}{x!a:>{y}}" + "{} %d".format(y) % y, (x, y))
    return x
"""

CALL = """
def pair(n):
    return (n, 1) if n <= 0 else pair(n - 1)

def kernel(x, y):
    return pair(y)[0]
"""

NESTED = """
def kernel(x, y):
    count = 0
    def step(a, *, by=1):
        nonlocal count
        count += by
        return a
    pair = (x, *(x, y), 1)
    step(*pair[:1], by=2)
    del count
    return x
"""


ARRAYS = """
def kernel(a, i):
    s = 0.0
    for v in a[i:, i]:
        s += v
    a[i, -1] = s
    x, y = a[1, ::i]
    return a[:i, ::-1].shape, a.T.strides, a.size, a.nbytes, a.itemsize
"""


def function(source: str, **names: object) -> object:
    namespace = {
        "math": math,
        "cmath": cmath,
        "np": np,
        "index": index,
        "same": same,
        "any_type": any_type,
        **names,
    }
    exec(source, namespace)
    return namespace["kernel"]


def kernels_of_all_ops() -> Iterator[pipeline.Request]:
    """A request for each of some kernels."""
    for expression, types in EXPRESSIONS.items():
        yield pipeline.Request(function(f"def kernel(x, y): return {expression}"), types)
    yield pipeline.Request(function(LOOP), (FLOAT64, INT64))
    yield pipeline.Request(function(RAISE), (FLOAT32, INT8))
    yield pipeline.Request(function(CALL), (FLOAT64, INT64))
    yield pipeline.Request(function(NESTED), (FLOAT64, INT64))
    yield pipeline.Request(function(ARRAYS), (Array(FLOAT64, 2), INT64), any_result=True)
    for row in ROWS:
        arguments = ", ".join("xy"[: row.arity])
        source = f"def kernel(x, y): return function({arguments})"
        yield pipeline.Request(function(source, function=row.python), (FLOAT64, FLOAT64))
    for row in ufuncs.ROWS:
        arguments = ", ".join("xy"[: row.ufunc.nin])
        source = f"def kernel(x, y): return function({arguments})"
        types = next(pair for pair in PAIRS if _has_loop(row.ufunc, pair))
        yield pipeline.Request(function(source, function=row.ufunc), types)


PAIRS = ((FLOAT64, FLOAT64), (INT64, INT64), (FLOAT64, INT64), (DAY, DAY))


def _has_loop(ufunc: np.ufunc, types: tuple[Scalar, Scalar]) -> bool:
    """Whether NumPy computes these types as themselves."""
    inputs = tuple(t.dtype for t in types[: ufunc.nin])
    try:
        return ufunc.resolve_dtypes((*inputs, *[None] * ufunc.nout))[: ufunc.nin] == inputs
    except TypeError:
        return False
