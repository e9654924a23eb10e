"""Functions and generalized ufuncs on arrays side by side: kernelgen, NumPy, Numba, and C by gcc.

Run as ``python arrays.py [--cases NAME ...] [--repeat K]``. Whatever is not installed is left out.
All run on one thread; the rounds are interleaved in random order, and every number is the median.
Before a case is timed, all results are compared.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

import numpy as np
from peers import Action, c_library, installed, machine, markdown, medians, number, ratio

OURS = "kernelgen"
RATIOS = ((OURS, "C"), (OURS, "NumPy"), (OURS, "Numba"))
C_FLAGS = ("-O3", "-march=native", "-ffast-math")

# Kernels of generalized ufuncs. They fill their last argument.


def softmax(x, out):
    """exp(x) over its sum, shifted so that nothing overflows."""
    top = x[0]
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.0
    for i in range(len(x)):
        out[i] = math.exp(x[i] - top)
        total += out[i]
    for i in range(len(x)):
        out[i] /= total


SOFTMAX_C = """
#include <math.h>
#include <stdint.h>
void run(int64_t rows, int64_t n, const double *restrict in, double *restrict out)
{
    for (int64_t row = 0; row < rows; ++row, in += n, out += n) {
        double top = in[0], total = 0;
        for (int64_t i = 0; i < n; ++i) top = in[i] > top ? in[i] : top;
        for (int64_t i = 0; i < n; ++i) { out[i] = exp(in[i] - top); total += out[i]; }
        for (int64_t i = 0; i < n; ++i) out[i] /= total;
    }
}
"""


def softmax_of_arrays(x):
    """The same with NumPy alone."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def product(a, b, out):
    """Matrix product, row by row."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = 0.0
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]


PRODUCT_C = """
#include <stdint.h>
void run(int64_t count, int64_t n, const double *restrict a, const double *restrict b,
         double *restrict out)
{
    for (int64_t each = 0; each < count; ++each, a += n * n, b += n * n, out += n * n)
        for (int64_t i = 0; i < n; ++i) {
            for (int64_t j = 0; j < n; ++j) out[i * n + j] = 0;
            for (int64_t k = 0; k < n; ++k)
                for (int64_t j = 0; j < n; ++j) out[i * n + j] += a[i * n + k] * b[k * n + j];
        }
}
"""


def moving_mean(x, window, out):
    """Mean of the last elements."""
    total = 0.0
    for i in range(len(x)):
        total += x[i]
        if i >= window:
            total -= x[i - window]
        out[i] = total / min(i + 1, window)


# Functions.


def regression(x, y, steps, rate):
    """Linear least squares by gradient descent."""
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        w -= rate * (x.T @ (x @ w - y))
    return w


def expression(a, b):
    """Elementwise, of whole arrays."""
    return (a - b) ** 2 / (1 + np.abs(a)) + 2 * b


def mean_square(a, b):
    """A reduction of an expression."""
    return np.sum((a - b) ** 2) / a.size


def leapfrog(x, v, masses, dt, steps):
    """Bodies that attract each other."""
    a = np.zeros_like(x)
    for _ in range(steps):
        x += v * dt
        a[:] = 0
        for i in range(len(x)):
            for j in range(i):
                d = x[j] - x[i]
                pull = 1 / (d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + 0.01) ** 1.5
                a[i] += d * (masses[j] * pull)
                a[j] -= d * (masses[i] * pull)
        v += a * dt
    return x


def add(x, y):
    """What calls cost."""
    return x + y


def first(x, y):
    """The same with arrays."""
    return x[0] + y[0]


_NUMBERS = ("x", "y", "z", "vx", "vy", "vz", "mass")
PARTICLE = np.dtype([*((name, "f8") for name in _NUMBERS), ("id", "i4")], align=True)


def moved(particles, dt):
    """Positions after a step, record by record."""
    for p in particles:
        p["x"] += p["vx"] * dt
        p["y"] += p["vy"] * dt
        p["z"] += p["vz"] * dt
    return particles["x"]


def moved_at_once(particles, dt):
    """The same, field by field."""
    for position, velocity in (("x", "vx"), ("y", "vy"), ("z", "vz")):
        particles[position] += particles[velocity] * dt
    return particles["x"]


def _particles(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    made = np.zeros(n, PARTICLE)
    for name in PARTICLE.names:
        made[name] = rng.random(n)
    return made, 1e-3


@dataclass(frozen=True)
class Case:
    """Something to be measured: a function, its arguments, and what else computes it.

    ``decorators`` make the function callable, by package. ``c`` is given the arguments, all of them
    arrays, and an output of the result's shape behind ``rows, n`` of the first one.
    """

    function: Callable[..., Any]
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    core: str | None = None
    types: str | None = None
    numpy: Callable[..., Any] | None = None
    c: str | None = None

    def compiled(self, package: str) -> Callable[..., Any]:
        """The function, compiled by kernelgen or Numba."""
        module: Any = importlib.import_module(package)
        if self.core is None:
            return module.njit(fastmath=True)(self.function)
        return module.guvectorize([self.types], self.core, fastmath=True)(self.function)


def _pair(rng: np.random.Generator, *shape: int) -> tuple[Any, ...]:
    return rng.random(shape), rng.random(shape)


def _regression(rng: np.random.Generator, d: int) -> tuple[Any, ...]:
    x = rng.standard_normal((2000, d))
    return x, x @ rng.standard_normal(d) + rng.standard_normal(2000), 20, 1e-5


def _regression_case(d: int) -> Case:
    return Case(regression, functools.partial(_regression, d=d), numpy=regression)


def _softmax_case(rows: int, n: int) -> Case:
    return Case(
        softmax,
        lambda rng: (rng.standard_normal((rows, n)),),
        "(n)->(n)",
        "void(float64[:], float64[:])",
        softmax_of_arrays,
        SOFTMAX_C,
    )


CASES = {
    "softmax 1000x64": _softmax_case(1000, 64),
    "softmax 100x10000": _softmax_case(100, 10_000),
    "matmul 100x16x16": Case(
        product,
        lambda rng: _pair(rng, 100, 16, 16),
        "(m,k),(k,n)->(m,n)",
        "void(float64[:,:], float64[:,:], float64[:,:])",
        np.matmul,
        PRODUCT_C,
    ),
    "moving mean 100x1000": Case(
        moving_mean,
        lambda rng: (rng.random((100, 1000)), 20),
        "(n),()->(n)",
        "void(float64[:], int64, float64[:])",
    ),
    "regression d=5": _regression_case(5),
    "regression d=50": _regression_case(50),
    "regression d=500": _regression_case(500),
    "expression 100000": Case(expression, lambda rng: _pair(rng, 100_000), numpy=expression),
    "mean square 100000": Case(mean_square, lambda rng: _pair(rng, 100_000), numpy=mean_square),
    "particles 1000": Case(moved, lambda rng: _particles(rng, 1000), numpy=moved_at_once),
    "particles 100000": Case(moved, lambda rng: _particles(rng, 100_000), numpy=moved_at_once),
    "leapfrog 8x100": Case(
        leapfrog,
        lambda rng: (*_pair(rng, 8, 3), rng.random(8), 0.0, 100),
    ),
    "call, two floats": Case(add, lambda rng: (1.5, 2.5)),
    "call, two arrays": Case(first, lambda rng: _pair(rng, 1)),
}


def c_action(case: Case, arguments: Sequence[Any], out: np.ndarray[Any, Any]) -> Action:
    """Call of a case's C form, which fills ``out``."""
    run = c_library(str(case.c), C_FLAGS).run
    run.restype = None
    shape = arguments[0].shape
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arguments, out)]
    return functools.partial(run, *map(ctypes.c_int64, (shape[0], shape[-1])), *pointers)


def actions(case: Case) -> dict[str, Action]:
    """What takes part, once all results agree."""
    arguments = case.make(np.random.default_rng(1))
    found: dict[str, Callable[..., Any]] = {}
    for title, package in ((OURS, "kernelgen"), ("Numba", "numba")):
        if installed(package):
            found[title] = case.compiled(package)
    if case.numpy is not None:
        found["NumPy"] = case.numpy
    want = found[OURS](*copies(arguments))
    taken: dict[str, Action] = {}
    for title, function in found.items():
        np.testing.assert_allclose(function(*copies(arguments)), want, rtol=1e-9, err_msg=title)
        into = {"out": np.empty_like(want)} if isinstance(function, np.ufunc) else {}
        taken[title] = functools.partial(function, *copies(arguments), **into)
    if case.c is not None and shutil.which("gcc"):
        out = np.empty_like(want)
        taken["C"] = c_action(case, arguments, out)
        taken["C"]()
        np.testing.assert_allclose(out, want, rtol=1e-9, err_msg="C")
    return taken


def copies(arguments: Sequence[Any]) -> list[Any]:
    """Arguments of one's own."""
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def report(results: Mapping[str, Mapping[str, float]]) -> str:
    """Microseconds per call, and ratios."""
    columns = (OURS, "C", "NumPy", "Numba")
    rows = [["microseconds", *columns, *(" / ".join(pair) for pair in RATIOS)]]
    for name, times in results.items():
        micro = [None if times.get(c) is None else 1e6 * times[c] for c in columns]
        rows.append([name, *map(number, [*micro, *(ratio(times, pair) for pair in RATIOS)])])
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--repeat", type=int, default=15, help="rounds (%(default)s)")
    options = parser.parse_args(argv)
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    results = {name: medians(actions(CASES[name]), options.repeat) for name in options.cases}
    print(report(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
