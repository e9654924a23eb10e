"""Loops that threads share, on the interpreter, which checks each access and all references.

What the machine code of such loops gives is in ``tests/parallel/test_prange.py``.
"""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from array_backends import bytes_of, copy_of, leaves_of, type_of, value_of

from kernelgen import pipeline, prange
from kernelgen.ir.interp import interpret
from kernelgen.ops import memory
from kernelgen.options import Options
from kernelgen.targets import parallel
from kernelgen.types.arguments import leaves_of as types_of_leaves

RNG = np.random.default_rng(11)


def interpreted(function, *args):
    """What the rewritten function returns, after all of its loops were found to be shared."""
    arguments = tuple(map(type_of, args))
    options = Options(error_model="python", parallel=True)
    types = types_of_leaves(arguments)
    request = pipeline.Request(function, types, options=options, arguments=arguments)
    made = pipeline.rewritten(request)
    assert any(op.name == "parallel_for" for op in made.ops())
    blocks = []

    class Counted(memory.Block):
        def __init__(self):
            super().__init__()
            blocks.append(self)

    def address(array):
        return memory.Address(*bytes_of(array))

    flat = [x for a in args for x in leaves_of(a, address, memory.NULL)]
    with mock.patch.object(memory, "Block", Counted):
        result = interpret(made, flat)
    leaves = result if isinstance(result, tuple) else (result,)
    owners = [x.block for x in leaves if isinstance(x, memory.Address) and x.place == 0]
    assert [b.references for b in blocks] == [owners.count(b) for b in blocks]
    return value_of(made.result, iter(leaves))


def fill(out):
    for i in prange(3, len(out), 4):
        out[i] = i * i


def reduce_numbers(a, k):
    s, n, low, last = 0.0, 0, np.inf, -1.0
    for i in prange(len(a)):
        last = a[i]
        if a[i] > 0.5:
            continue
        for j in range(k[i]):
            s += a[i] * j
        n += 1
        low = min(low, a[i])
    return s, n, low, last


def reduce_arrays(a, k, h):
    total = np.zeros(a.shape[1])
    for i in prange(len(a)):
        h[k[i]] += 1
        total += a[i]
    return total


def with_own_arrays(a, out):
    for i in prange(len(a)):
        scratch = np.empty(3)
        for j in range(3):
            scratch[j] = a[i] + j
        view = scratch if i % 2 else scratch[::-1]
        out[i] = view[0] * scratch.sum()


def of_captured_arrays(a, b, out):
    for i in prange(len(a)):
        chosen = a if i % 2 else np.sin(b)
        out[i] = chosen[i]


def expressions(a, b):
    c = a * b + 1
    c[1:] += b[:-1]
    return c, c.sum()


CASES = [
    (fill, lambda n: (np.zeros(n),)),
    (reduce_numbers, lambda n: (RNG.random(n), RNG.integers(0, 4, n))),
    (reduce_arrays, lambda n: (RNG.random((n, 2)), RNG.integers(0, 3, n), np.zeros(3))),
    (with_own_arrays, lambda n: (RNG.random(n), np.zeros(n))),
    (of_captured_arrays, lambda n: (RNG.random(n), RNG.random(n), np.zeros(n))),
    (expressions, lambda n: (RNG.random(n), RNG.random(n))),
]


@pytest.mark.parametrize("n", [1, 2, 9, 70])
@pytest.mark.parametrize(("function", "make"), CASES)
def test_shared_loops_on_the_interpreter(function, make, n, monkeypatch):
    monkeypatch.setattr(parallel.limits, "chunk", 0.0)
    args = make(n)
    own, other = tuple(map(copy_of, args)), tuple(map(copy_of, args))
    found, expected = interpreted(function, *own), function(*other)
    for a, b in zip(own, other, strict=True):
        np.testing.assert_array_equal(a, b)
    if expected is not None:
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
