"""The estimate of how long kernels take tells light ones from heavy ones."""

from __future__ import annotations

import math

import numpy as np

from kernelgen import cost, pipeline
from kernelgen.targets.parallel import DEPTHS
from kernelgen.types import f8, i8
from kernelgen.types.compound import Array


def of(function, *types):
    return cost.of_element(pipeline.rewritten(pipeline.Request(function, types)))


def escape(x, y):
    a, b = x, y
    for i in range(100):
        a, b = a * a - b * b + x, 2 * a * b + y
        if a * a + b * b > 4:
            return i
    return 100


def test_kernels_are_in_order_of_their_time():
    times = [
        of(lambda x, y: x + y, f8, f8),
        of(lambda x, y: math.exp(x) + y, f8, f8),
        of(lambda x, y: math.exp(x) + math.sin(y) * math.log(x), f8, f8),
        of(escape, f8, f8),
    ]
    assert times == sorted(times)
    assert 0 < times[0] < 2
    assert times[-1] > 20


def test_every_loop_counts():
    def one(n):
        total = 0
        for i in range(n):
            total += i * n
        return total

    def two(n):
        total = 0
        for i in range(n):
            for j in range(n):
                total += i * j
        return total

    assert of(two, i8) > 4 * of(one, i8)


def sums(x, out):
    out[0] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[0] += x[i, j]


def test_loops_of_generalized_kernels_are_told_apart():
    matrix, row = Array(f8, 2), Array(f8, 1)
    request = pipeline.Request(sums, (matrix,), None, filled=(row,))
    times = cost.of_slice(pipeline.rewritten(request))
    assert len(times) == DEPTHS
    assert times[2] > 0
    assert times[3] == 0
    assert np.isfinite(times).all()
