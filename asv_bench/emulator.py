"""Kernels on the emulated device side by side: ours, and those of Numba's simulator.

Run as ``python emulator.py [--n N] [--repeat R]``. Numba is left out where it is not installed. Its
simulator has no ufuncs, so vectorised kernels are compared with the ``cuda.jit`` kernel that
computes the same. All arrays are the device's; each number is the median of the time on the wall,
and before a kernel is timed, the results are compared.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import statistics
import sys
import types
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from peers import Action, installed, machine, markdown, number

os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

import kernelgen
from kernelgen import cuda

THREADS = 128

# Vectorised kernels


def scaled(x, y):
    """A light kernel."""
    return 2.5 * x + y


def wave(x, y):
    """Functions of math."""
    return math.exp(-x * x) * math.sin(y)


def escape(x, y):
    """A loop whose end differs."""
    a, b, n = x, y, 0
    while n < 50 and a * a + b * b < 4.0:
        a, b = a * a - b * b + x, 2.0 * a * b + y
        n += 1
    return float(n)


VECTORISED = (scaled, wave, escape)


function = scaled


def over_elements(x, y, out):
    """What Numba's grid does with arrays."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = function(x[i], y[i])


# A kernel with barriers


def block_sums(x, y, out):
    """A tree in shared memory."""
    part = cuda.shared.array(THREADS, np.float64)
    own, i = cuda.threadIdx.x, cuda.grid(1)
    part[own] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    step = THREADS // 2
    while step > 0:
        if own < step:
            part[own] += part[own + step]
        cuda.syncthreads()
        step //= 2
    if own == 0:
        out[cuda.blockIdx.x] = part[0]


class Row(NamedTuple):
    """A kernel, and how long it takes."""

    name: str
    ours: float
    numba: float | None


def median_seconds(action: Action, repeat: int) -> float:
    """The median of some calls behind a first one."""
    action()
    times = []
    for _ in range(repeat):
        start = perf_counter()
        action()
        times.append(perf_counter() - start)
    return statistics.median(times)


def compare(n: int, repeat: int) -> list[Row]:
    """All kernels."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1.5, 1.5, n), rng.uniform(-1.5, 1.5, n)
    blocks = -(-n // THREADS)
    rows = []
    with cuda.emulator():
        for each in VECTORISED:
            ufunc = kernelgen.vectorize(target="cuda")(each)
            given = [cuda.to_device(x), cuda.to_device(y), cuda.device_array(n)]
            action = functools.partial(ufunc, *given)
            simulated = simulator(over_elements, x, y, n, blocks, function=each)
            rows.append(row(f"{each.__name__}, ufunc", action, given[2], simulated, repeat))
        given = [cuda.to_device(x), cuda.to_device(y), cuda.device_array(blocks)]
        kernel = cuda.jit(block_sums)[blocks, THREADS]
        simulated = simulator(block_sums, x, y, blocks, blocks)
        action = functools.partial(kernel, *given)
        rows.append(row("block_sums, cuda.jit", action, given[2], simulated, repeat))
    return rows


def simulator(
    kernel: Any, x: Any, y: Any, count: int, blocks: int, **names: Any
) -> tuple[Action, Any] | None:
    """The kernel on Numba's simulator, which finds its module as ``cuda``; and its result."""
    if not installed("numba"):
        return None
    from numba import cuda as numbas

    copy = types.FunctionType(kernel.__code__, {**globals(), "cuda": numbas, **names})
    given = [numbas.to_device(x), numbas.to_device(y), numbas.device_array(count)]
    return functools.partial(numbas.jit(copy)[blocks, THREADS], *given), given[2]


def row(
    name: str, action: Action, out: Any, simulated: tuple[Action, Any] | None, repeat: int
) -> Row:
    """Time a kernel, whose results are the same."""
    ours = median_seconds(action, repeat)
    if simulated is None:
        return Row(name, ours, None)
    other, others = simulated
    numba = median_seconds(other, max(repeat // 3, 1))
    np.testing.assert_allclose(out.copy_to_host(), others.copy_to_host(), rtol=1e-12)
    return Row(name, ours, numba)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--n", type=int, default=4096)
    parser.add_argument("--repeat", type=int, default=9)
    arguments = parser.parse_args()
    print(machine(), file=sys.stderr)
    lines = [["kernel", "kernelgen's emulator, us", "Numba's simulator, us", "ratio"]]
    for each in compare(arguments.n, arguments.repeat):
        theirs = "" if each.numba is None else number(1e6 * each.numba)
        ratio = "" if each.numba is None else f"{each.numba / each.ours:.0f}"
        lines.append([each.name, number(1e6 * each.ours), theirs, ratio])
    print(markdown(lines))


if __name__ == "__main__":
    main()
