"""Kernels that between them contain every op."""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import index

import numpy as np

import kernelgen
from kernelgen import pipeline
from kernelgen.ops.math import ROWS
from kernelgen.types.table import BOOL, FLOAT32, FLOAT64, INT8, INT64, UINT64

same = kernelgen.vectorize("f8(f8)")(lambda x: x)

EXPRESSIONS = {
    "x + y, x - y, x * y, x / y, x // y, x % y, x ** y": (FLOAT64, FLOAT64),
    "-x, +x, abs(x), min(x, y), max(x, y), not x": (FLOAT32, FLOAT32),
    "x & y, x | y, x ^ y, x << y, x >> y, ~x, x // y, x % y, x ** y": (INT8, INT8),
    "x < y, x <= y, x == y, x != y, x > y, x >= y": (INT64, UINT64),
    "int(x), float(y), bool(x), round(x), round(x, 2)": (FLOAT64, BOOL),
    "math.floor(x), math.ceil(x), math.trunc(x)": (FLOAT32, FLOAT32),
    "math.isnan(x), math.isinf(x), math.isfinite(x)": (FLOAT64, FLOAT64),
    "np.int16(x), same(y)": (FLOAT32, FLOAT64),
    "x if None is y else index(y)": (INT64, INT8),
}

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


def function(source: str, **names: object) -> object:
    namespace = {"math": math, "np": np, "index": index, "same": same, **names}
    exec(source, namespace)
    return namespace["kernel"]


def kernels_of_all_ops() -> Iterator[pipeline.Request]:
    """A request for each of some kernels."""
    for expression, types in EXPRESSIONS.items():
        yield pipeline.Request(function(f"def kernel(x, y): return {expression}"), types)
    yield pipeline.Request(function(LOOP), (FLOAT64, INT64))
    for row in ROWS:
        arguments = ", ".join("xy"[: row.arity])
        source = f"def kernel(x, y): return function({arguments})"
        yield pipeline.Request(function(source, function=row.python), (FLOAT64, FLOAT64))
