"""Threads side by side: the cpu target, the parallel target, and Numba's.

Run as ``python scaling.py [--kernels NAME ...] [--n N ...] [--threads K ...] [--repeat R]
[--save FILE]``. Numba is left out where it is not installed. All fill an array that exists already;
the rounds are interleaved in random order, each calls for some hundredths of a second, and every
number is the median of the time on the wall. Before a kernel is timed, the results are compared.
``scaling_picture.py`` draws what was saved.
"""

from __future__ import annotations

import argparse
import csv
import functools
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from kernels import FLOATS, KERNELS, Array, Arrays, Kernel
from peers import Action, installed, interleaved, machine, markdown, number, with_jitted_helpers

import kernelgen

CPU, PARALLEL, NUMBA = "cpu", "parallel", "Numba, parallel"
SAVED = ("kernel", "n", "target", "threads", "microseconds")
WARM_SECONDS, ROUND_SECONDS = 0.03, 0.02
"""How long calls are made before the clock starts, in which threads wake up, spread over the
processors, and those of whoever was before fall asleep; and how long after that."""


class Runner(NamedTuple):
    """Who takes part: a target, and how many threads it may use."""

    target: str
    threads: int

    def take_over(self) -> None:
        """Have the calls that follow use that many threads."""
        if self.target == NUMBA:
            import numba

            numba.set_num_threads(self.threads)
        else:
            kernelgen.set_num_threads(self.threads)


ALONE = Runner(CPU, 1)


def runners(threads: Sequence[int]) -> list[Runner]:
    """All that take part."""
    parallel = [PARALLEL, *[NUMBA] * installed("numba")]
    return [ALONE, *(Runner(target, k) for target in parallel for k in threads)]


def actions(kernel: Kernel, inputs: Arrays, out: Array) -> dict[str, Action]:
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


def compete(kernel: Kernel, n: int, threads: Sequence[int], repeat: int) -> dict[Runner, float]:
    """Microseconds per call of all runners on one kernel, after their results agree."""
    dtype = kernel.input_dtype(FLOATS[0])
    inputs = kernel.make(n, dtype, 0)
    out = np.empty(n, kernel.result_dtype(dtype))
    calls = actions(kernel, inputs, out)
    taking_part = runners(threads)
    results = {}
    for runner in taking_part:
        runner.take_over()
        out.fill(0)
        calls[runner.target]()
        results[runner] = out.copy()
        allowed = 1e-9 if runner.target == NUMBA else 0
        np.testing.assert_allclose(results[runner], results[ALONE], rtol=allowed, atol=allowed)

    def measure(runner: Runner) -> float:
        runner.take_over()
        wall(calls[runner.target], WARM_SECONDS)
        return wall(calls[runner.target], ROUND_SECONDS)

    times = interleaved(taking_part, repeat, measure)
    return {runner: 1e6 * statistics.median(values) for runner, values in times.items()}


def table(measured: Mapping[tuple[str, int], Mapping[Runner, float]]) -> list[list[str]]:
    """Times of each kernel and n, and how many times faster the parallel target is."""
    taking_part = list(next(iter(measured.values())))
    pairs = [
        (runner, other)
        for runner in taking_part
        for other in (ALONE, runner._replace(target=NUMBA))
        if runner.target == PARALLEL and other in taking_part
    ]
    titles = [title(runner) for runner in taking_part]
    rows = [["kernel, n", *(f"{name}, µs" for name in titles)]]
    rows[0] += [f"{title(runner)} to {title(other)}" for runner, other in pairs]
    for (kernel, n), times in measured.items():
        ratios = [times[other] / times[runner] for runner, other in pairs]
        rows.append([f"{kernel} {n}", *map(number, times.values()), *map(number, ratios)])
    return rows


def title(runner: Runner) -> str:
    """Name of a column."""
    return CPU if runner == ALONE else f"{runner.target} on {runner.threads}"


def save(measured: Mapping[tuple[str, int], Mapping[Runner, float]], path: Path) -> None:
    """Write a line for each time."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SAVED)
        for key, times in measured.items():
            writer.writerows([*key, *runner, f"{time:.4g}"] for runner, time in times.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table in Markdown, and save the times where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", nargs="+", default=list(KERNELS), choices=list(KERNELS))
    parser.add_argument("--n", nargs="+", type=int, default=[10**k for k in range(1, 8)])
    parser.add_argument("--threads", nargs="+", type=int, default=[kernelgen.get_num_threads()])
    parser.add_argument("--repeat", type=int, default=11)
    parser.add_argument("--save", type=Path, help="write the times to this file, as CSV")
    options = parser.parse_args(argv)
    print(machine(), kernelgen.threading_info())
    measured = {
        (kernel, n): compete(KERNELS[kernel], n, options.threads, options.repeat)
        for kernel in options.kernels
        for n in options.n
    }
    print(markdown(table(measured)))
    if options.save:
        save(measured, options.save)
    return 0


if __name__ == "__main__":
    sys.exit(main())
