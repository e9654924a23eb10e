"""A small collection of kernels that between them use every construct and op."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kernelgen.types.table import BOOL, FLOAT32, FLOAT64, INT8, INT64, UINT64, Scalar


class Sample(NamedTuple):
    """A kernel, and types to compile it for."""

    kernel: Any
    types: tuple[Scalar, ...]

    def __str__(self) -> str:
        return str(self.kernel.__name__)


def clamp(x: Any, low: Any = 0, high: Any = 10) -> Any:
    return low if x < low else high if x > high else x


def formula(x: Any, y: Any) -> Any:
    return (x + 2) * y - 1.5 / x


def conditional(x: Any, y: Any) -> Any:
    return x if x > y and not y else math.sqrt(y)


def integers(x: Any, y: Any) -> Any:
    return x // y % 7 ^ (x << 2) | (~y >> 1) & 15, -x, x**y


def collatz(n: Any) -> Any:
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def loops(n: Any, m: Any) -> Any:
    total = 0
    for i in range(n):
        for j in range(i, m, 2):
            if j == 7:
                break
            total += i * j
        else:
            total -= 1
    return total


def tuples(x: Any, n: Any) -> Any:
    state = (x, (1, x))
    for _ in range(n):
        a, (b, c) = state
        state = (b + c, (a, c))
    return state[0], state[1][0]


def helpers(x: Any) -> Any:
    return clamp(x) + clamp(x, high=3)


def raising(x: Any) -> Any:
    if x < 0:
        raise ValueError("it's negative")
    return x


def unbound(x: Any) -> Any:
    if x > 0:
        y = x
    return y


def mathematics(x: Any) -> Any:
    whole = math.floor(x)
    return math.sin(x) + abs(x) + round(x, 2) + whole, math.isnan(x), max(x, 0), round(x)


def unequal(x: Any, y: Any) -> Any:
    return x < y, x == 2**70, int(x) + float(y), y is None


SAMPLES = (
    Sample(formula, (FLOAT64, INT8)),
    Sample(formula, (FLOAT32, FLOAT32)),
    Sample(conditional, (FLOAT64, BOOL)),
    Sample(integers, (INT8, INT8)),
    Sample(integers, (UINT64, UINT64)),
    Sample(collatz, (INT64,)),
    Sample(loops, (INT64, INT8)),
    Sample(tuples, (FLOAT32, INT64)),
    Sample(helpers, (INT8,)),
    Sample(raising, (FLOAT64,)),
    Sample(unbound, (FLOAT64,)),
    Sample(mathematics, (FLOAT32,)),
    Sample(unequal, (INT64, UINT64)),
)
