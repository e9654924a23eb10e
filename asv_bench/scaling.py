"""Threads side by side: the cpu target, the parallel target, and Numba's.

Run as ``python scaling.py [--kernels NAME ...] [--n N ...] [--repeat K]``. Numba is left out where
it is not installed. All fill an array that exists already; the rounds are interleaved in random
order, each calls for some milliseconds, and every number is the median of the time on the wall.
Before a kernel is timed, the results are compared.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np
from kernels import FLOATS, KERNELS, Array, Arrays, Kernel
from peers import Action, installed, interleaved, machine, markdown, number, with_jitted_helpers

import kernelgen

CPU, PARALLEL, NUMBA = "cpu", "parallel", "Numba, parallel"
ROUND_SECONDS = 0.005


def actions(kernel: Kernel, dtype: str, inputs: Arrays, out: Array) -> dict[str, Action]:
    """A call of each target."""
    found: dict[str, Action] = {}
    for target in (CPU, PARALLEL):
        ufunc = kernelgen.vectorize(target=target)(kernel.function)
        found[target] = functools.partial(ufunc, *inputs, out=out)
    if installed("numba"):
        import numba

        types = ",".join(map(str, map(numba.from_dtype, (x.dtype for x in inputs))))
        signature = f"{numba.from_dtype(out.dtype)}({types})"
        function = with_jitted_helpers(kernel.function)
        ufunc = numba.vectorize([signature], target="parallel")(function)
        found[NUMBA] = functools.partial(ufunc, *inputs, out=out)
    return found


def wall(action: Action, seconds: float) -> float:
    """Seconds per call, over so many seconds at least."""
    calls, begun = 0, perf_counter()
    while (passed := perf_counter() - begun) < seconds or not calls:
        action()
        calls += 1
    return passed / calls


def compete(kernel: Kernel, n: int, repeat: int) -> dict[str, float]:
    """Microseconds per call of all targets on one kernel, after their results agree."""
    dtype = kernel.input_dtype(FLOATS[0])
    inputs = kernel.make(n, dtype, 0)
    out = np.empty(n, kernel.result_dtype(dtype))
    taking_part = actions(kernel, dtype, inputs, out)
    results = {}
    for name, action in taking_part.items():
        out.fill(0)
        action()
        results[name] = out.copy()
    np.testing.assert_array_equal(results[PARALLEL], results[CPU])
    if NUMBA in results:
        np.testing.assert_allclose(results[NUMBA], results[CPU], rtol=1e-9, atol=1e-9)
    times = interleaved(taking_part, repeat, lambda name: wall(taking_part[name], ROUND_SECONDS))
    return {name: 1e6 * statistics.median(values) for name, values in times.items()}


def row(kernel: str, n: int, times: Mapping[str, float]) -> list[str]:
    """A line of the table: times, and how many times faster the parallel target is."""
    faster = [times[CPU] / times[PARALLEL]]
    faster += [times[NUMBA] / times[PARALLEL]] if NUMBA in times else []
    return [f"{kernel} {n}", *map(number, times.values()), *map(number, faster)]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", nargs="*", default=list(KERNELS), choices=list(KERNELS))
    parser.add_argument("--n", nargs="*", type=int, default=[10**k for k in range(1, 8)])
    parser.add_argument("--repeat", type=int, default=11)
    options = parser.parse_args(argv)
    print(machine(), kernelgen.threading_info())
    columns = [CPU, PARALLEL, *[NUMBA] * installed("numba")]
    faster = ["parallel to cpu", *["to Numba"] * installed("numba")]
    rows = [["kernel, n", *(f"{name}, µs" for name in columns), *faster]]
    for kernel in options.kernels:
        for n in options.n:
            rows.append(row(kernel, n, compete(KERNELS[kernel], n, options.repeat)))
    print(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
