"""Loops that threads share side by side: one thread, several, and Numba's.

Run as ``python shared_loops.py [--loops NAME ...] [--n N ...] [--repeat R]``. Numba is left out
where it is not installed. ``n`` is about the number of elements that are read or computed. Rounds
are those of ``scaling.py``; before a loop is timed, the results are compared.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from peers import Action, installed, interleaved, machine, markdown, number
from scaling import ROUND_SECONDS, WARM_SECONDS, wall
from stencil_kernels import KERNELS as STENCILS

import kernelgen
from kernelgen import prange

_SHARED = {"range": "prange"}

ALONE, SHARED, NUMBA = "one thread", "shared", "Numba"

# Loops


def axpy(x, y, out):
    """A light loop."""
    for i in prange(len(x)):
        out[i] = 2.5 * x[i] + y[i]


def total(x, y, out):
    """A sum."""
    s = 0.0
    for i in prange(len(x)):
        s += x[i]
    out[0] = s


def midpoints(x, y, out):
    """An integral, which reads nothing."""
    n = len(x)
    s = 0.0
    for i in prange(n):
        t = (i + 0.5) / n
        s += 4 / (1 + t * t)
    out[0] = s / n


def rows(x, y, out):
    """Rows with a loop within each."""
    for i in prange(x.shape[0]):
        s = 0.0
        for j in range(x.shape[1]):
            s += np.exp(-x[i, j])
        out[i, 0] = s


def uneven(x, y, out):
    """Rows of the Mandelbrot set, which take different times."""
    height, width = x.shape
    for i in prange(height):
        for j in range(width):
            a, b = -2.0 + 3.0 * j / width, -1.0 + 2.0 * i / height
            re, im, steps = a, b, 0
            while steps < 100 and re * re + im * im < 4.0:
                re, im = re * re - im * im + a, 2.0 * re * im + b
                steps += 1
            out[i, j] = steps


def expression(x, y, out):
    """An expression of arrays."""
    out[:] = np.sqrt(x * x + y * y) + 1.0


class Loop(NamedTuple):
    """A function of three arrays, which have so many dimensions."""

    function: Callable[..., None]
    ndim: int


LOOPS = {
    "axpy": Loop(axpy, 1),
    "total": Loop(total, 1),
    "midpoints": Loop(midpoints, 1),
    "rows": Loop(rows, 2),
    "uneven": Loop(uneven, 2),
    "expression": Loop(expression, 1),
}


def actions(loop: Loop, n: int) -> tuple[dict[str, Action], Any]:
    """A call of each, and the array that all of them fill."""
    random = np.random.default_rng(0)
    shape = (n,) if loop.ndim == 1 else (max(1, int(n**0.5)),) * 2
    x, y, out = random.random(shape), random.random(shape), np.zeros(shape)
    found: dict[str, Action] = {}
    for name, parallel in ((ALONE, False), (SHARED, True)):
        compiled = kernelgen.jit(parallel=parallel)(loop.function)
        found[name] = functools.partial(compiled, x, y, out)
    if installed("numba"):
        import numba

        code, names = loop.function.__code__, {"np": np, "prange": numba.prange}
        compiled = numba.njit(parallel=True)(types.FunctionType(code, names))
        found[NUMBA] = functools.partial(compiled, x, y, out)
    return found, out


def stencil_actions(name: str, n: int) -> tuple[dict[str, Action], Any]:
    """The same of a stencil; Numba's is called in a function of its own."""
    kernel = STENCILS[name]
    values = kernel.make((max(9, round(n ** (1 / kernel.ndim))),) * kernel.ndim, "float64")
    out = np.zeros_like(values[0])
    found: dict[str, Action] = {}
    for title, target in ((ALONE, "cpu"), (SHARED, "parallel")):
        made = kernelgen.stencil(target=target, **kernel.options)(kernel.function)
        found[title] = functools.partial(made, *values, out=out)
    if installed("numba"):
        import numba

        code = kernel.loops.__code__
        code = code.replace(co_names=tuple(_SHARED.get(each, each) for each in code.co_names))
        names = {**kernel.loops.__globals__, "prange": numba.prange}
        compiled = numba.njit(parallel=True)(types.FunctionType(code, names))
        found[NUMBA] = functools.partial(compiled, *values, out)
    return found, out


def compete(name: str, n: int, repeat: int) -> dict[str, float]:
    """Microseconds per call of all, after their results agree."""
    calls, out = stencil_actions(name, n) if name in STENCILS else actions(LOOPS[name], n)
    results = {}
    for title, call in calls.items():
        out.fill(0)
        call()
        results[title] = out.copy()
        inner = (slice(4, -4),) * out.ndim if name in STENCILS and title == NUMBA else ...
        np.testing.assert_allclose(results[title][inner], results[ALONE][inner], rtol=1e-9)

    def measure(title: str) -> float:
        wall(calls[title], WARM_SECONDS)
        return wall(calls[title], ROUND_SECONDS)

    times = interleaved(list(calls), repeat, measure)
    return {title: 1e6 * statistics.median(values) for title, values in times.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table in Markdown."""
    names = [*LOOPS, "heat", "blur"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loops", nargs="+", default=names, choices=names)
    parser.add_argument("--n", nargs="+", type=int, default=[10, 1000, 100_000, 10_000_000])
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args(argv)
    print(machine(), kernelgen.threading_info())
    columns = [ALONE, SHARED, *[NUMBA] * installed("numba")]
    faster = ["shared to one", *["to Numba"] * installed("numba")]
    rows = [["loop, n", *(f"{each}, µs" for each in columns), *faster]]
    for name in options.loops:
        for n in options.n:
            times = compete(name, n, options.repeat)
            ratios = [times[each] / times[SHARED] for each in columns if each != SHARED]
            rows.append([f"{name} {n}", *map(number, times.values()), *map(number, ratios)])
    print(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
