"""Stencils side by side: kernelgen, Numba, scipy, and C by gcc.

Run as ``python stencils.py [--cases NAME ...] [--n N] [--repeat K]``. Whatever is not installed is
left out. All run on one thread and fill an array that exists already, the same one; the rounds are
interleaved in random order, and every number is the median of the processor's time. Before a case
is timed, all results are compared.

C does mode "constant", which the other modes are measured against too, and mode "valid"; it is not
charged for its call. Numba has mode "constant" alone, in which it computes no cell that reads
beyond the border; nor do the loops that it is given.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

import numpy as np
from peers import Action, c_library, installed, machine, markdown, number, ratio, rounds
from stencil_kernels import KERNELS, MODES, Array, Kernel, c_source

import kernelgen

OURS, FUSED, C_APART, C = "kernelgen", "kernelgen, FMA", "C, no FMA", "C"
CALL, CALLED, LOOPS, SCIPY = "Numba, call", "Numba, in njit", "Numba, loops", "scipy"
COLUMNS = (OURS, FUSED, C_APART, C, CALL, CALLED, LOOPS, SCIPY)
RATIOS = ((OURS, C_APART), (FUSED, C), (OURS, CALL), (OURS, CALLED), (OURS, LOOPS), (OURS, SCIPY))
C_FLAGS = {C: (), C_APART: ("-ffp-contract=off",)}
# sqrt has no errno in Python, and gcc makes vectors of it only where it has none.
SAME_FLAGS = ("-O3", "-march=native", "-fno-math-errno")
CELLS_PER_CALL = 1_000_000
"""C goes over smaller arrays several times a call, so that its call costs nothing."""


class Case(NamedTuple):
    """A kernel on an array, with some modes."""

    kernel: str
    n: int
    modes: tuple[str, ...] = ("constant",)
    dtype: str = "float64"


CASES = {
    "heat 256x256": Case("heat", 256, MODES),
    "heat 1000x1000": Case("heat", 1000, MODES),
    "heat 1000x1000, float32": Case("heat", 1000, MODES, "float32"),
    "heat 4000x4000": Case("heat", 4000, MODES),
    "heat of space 128x128x128": Case("heat of space", 128, MODES),
    "blur 1000x1000": Case("blur", 1000, ("constant", "reflect")),
    "sobel 1000x1000": Case("sobel", 1000, ("constant", "nearest")),
    "life 1000x1000": Case("life", 1000, ("constant", "wrap"), "uint8"),
    "smooth 1000000": Case("smooth", 1_000_000, MODES),
}


# What takes part


@functools.cache
def ours(name: str, mode: str, *fastmath: str) -> Any:
    """Our stencil."""
    kernel = KERNELS[name]
    return kernelgen.stencil(mode, fastmath=fastmath, **kernel.options)(kernel.function)


@functools.cache
def numbas(name: str) -> dict[str, Callable[..., Any]]:
    """Numba's stencil, a function that calls it, and one that loops."""
    import numba

    kernel = KERNELS[name]
    stencil = numba.stencil(kernel.function, **kernel.numba_options)
    if kernel.weighted:
        called = numba.njit(lambda a, weights, out: stencil(a, weights, out=out))
    else:
        called = numba.njit(lambda a, out: stencil(a, out=out))

    def call(*values: Any) -> Any:
        return stencil(*values[:-1], out=values[-1])

    return {CALL: call, CALLED: called, LOOPS: numba.njit(kernel.loops)}


@functools.cache
def library(name: str, dtype: str, title: str) -> ctypes.CDLL:
    """The C form."""
    return c_library(c_source(KERNELS[name], dtype), (*SAME_FLAGS, *C_FLAGS[title]))


def times_in_c(a: Array) -> int:
    """How often C computes all in one call."""
    return max(1, CELLS_PER_CALL // a.size)


def c_action(run: Any, values: Sequence[Array], out: Array) -> Action:
    """Call of a C form, which fills ``out``."""
    a, weights = values[0], values[-1]
    pointers = [v.ctypes.data_as(ctypes.c_void_p) for v in (a, weights, out)]  # keep arrays
    run.restype = None
    return functools.partial(run, *map(ctypes.c_int64, (times_in_c(a), *a.shape)), *pointers)


class Contest:
    """All that takes part in a case, by mode and name, once all results agree."""

    def __init__(self, case: Case, n: int) -> None:
        self.case = case
        self.kernel: Kernel = KERNELS[case.kernel]
        self.values = self.kernel.make((n,) * self.kernel.ndim, case.dtype)
        shapes = {mode: self.kernel.shape(self.values[0].shape, mode) for mode in case.modes}
        self.outs = {shape: np.zeros(shape, case.dtype) for shape in shapes.values()}
        self.out = {mode: self.outs[shape] for mode, shape in shapes.items()}
        self.actions: dict[tuple[str, str], Action] = {}
        for mode in case.modes:
            self._enter_ours(mode)
            self._enter_c(mode)
            if mode != "valid" and installed("scipy"):
                call = functools.partial(self.kernel.scipy, *self.values, self.out[mode], mode)
                self._enter(mode, SCIPY, call)
        if installed("numba") and case.dtype != "float32":  # literals would widen it
            for title, function in numbas(case.kernel).items():
                call = functools.partial(function, *self.values, self.out["constant"])
                self._enter("constant", title, call, inner=True)

    def _enter_ours(self, mode: str) -> None:
        name, out = self.case.kernel, self.out[mode]
        call = functools.partial(ours(name, mode), *self.values, out=out)
        call()
        self.want, self.actions[mode, OURS] = out.copy(), call
        if mode == "constant":
            self.constant = self.want
        fused = functools.partial(ours(name, mode, "contract"), *self.values, out=out)
        self._enter(mode, FUSED, fused)

    def _enter_c(self, mode: str) -> None:
        if mode not in ("constant", "valid") or not shutil.which("gcc"):
            return
        for title in C_FLAGS:
            run = getattr(library(self.case.kernel, self.case.dtype, title), mode)
            self._enter(mode, title, c_action(run, self.values, self.out[mode]))

    def _enter(self, mode: str, title: str, action: Action, inner: bool = False) -> None:
        """Compare a result with ours, but for the border if that is ``inner`` of it."""
        out, want = self.out[mode], self.constant if inner else self.want
        out[:] = 0
        action()
        pair = (self.kernel.inner(out), self.kernel.inner(want)) if inner else (out, want)
        rtol = 1e-4 if self.case.dtype == "float32" else 1e-9
        np.testing.assert_allclose(*pair, rtol=rtol, atol=rtol, err_msg=f"{title}, {mode}")
        self.actions[mode, title] = action

    def times(self, repeat: int) -> dict[str, dict[str, list[float]]]:
        """Seconds of all, in each round, by mode and name."""
        found = rounds(self.actions, repeat)
        for (_, title), values in found.items():
            if title in C_FLAGS:
                values[:] = [value / times_in_c(self.values[0]) for value in values]
        by_mode = {
            mode: {title: times for (m, title), times in found.items() if m == mode}
            for mode in self.case.modes
        }
        shared = {
            title: by_mode["constant"][title] for title in C_FLAGS if title in by_mode["constant"]
        }
        return {mode: {**shared, **times} for mode, times in by_mode.items()}


# Calls and compilation


def overhead(repeat: int) -> dict[str, float]:
    """Nanoseconds of calls for an array of 4 x 4."""
    contest = Contest(Case("heat", 4), 4)
    times = contest.times(repeat)["constant"]
    return {title: 1e9 * statistics.median(each) for title, each in times.items()}


def first_calls(name: str, repeat: int) -> dict[str, float]:
    """Median milliseconds of the first call of a new stencil, LLVM being loaded."""
    kernel = KERNELS[name]
    dtype = "uint8" if name == "life" else "float64"
    values = kernel.make((16,) * kernel.ndim, dtype)
    out = np.zeros_like(values[0])

    def our_first() -> None:
        ours.__wrapped__(name, "constant")(*values, out=out)

    def numbas_first() -> None:
        numbas.__wrapped__(name)[CALLED](*values, out)

    firsts = {OURS: our_first, **({CALLED: numbas_first} if installed("numba") else {})}
    found = rounds(firsts, repeat)
    return {title: 1e3 * statistics.median(times) for title, times in found.items()}


# Report


def spread(values: Sequence[float]) -> str:
    """The median distance from the median, in per cent of it."""
    middle = statistics.median(values)
    return f"{100 * statistics.median(abs(v - middle) for v in values) / middle:.1f}%"


def report(results: Mapping[str, Mapping[str, list[float]]]) -> str:
    """Microseconds per call, the spread of ours, and ratios."""
    head = ["microseconds", *COLUMNS, "spread", *(" / ".join(pair) for pair in RATIOS)]
    rows = [head]
    for name, times in results.items():
        middle = {title: statistics.median(values) for title, values in times.items()}
        micro = [None if c not in middle else 1e6 * middle[c] for c in COLUMNS]
        ratios = [number(ratio(middle, pair)) for pair in RATIOS]
        rows.append([name, *map(number, micro), spread(times[OURS]), *ratios])
    return markdown(rows)


def small_report(first: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """A row for each of some measurements."""
    columns = list(dict.fromkeys(title for times in rows.values() for title in times))
    cells = [[name, *(number(times.get(c)) for c in columns)] for name, times in rows.items()]
    return markdown([[first, *columns], *cells])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--n", type=int, help="cells along each axis, in place of a case's own")
    parser.add_argument("--repeat", type=int, default=15, help="rounds (%(default)s)")
    options = parser.parse_args(argv)
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    results = {}
    for name in options.cases:
        case = CASES[name]
        for mode, times in Contest(case, options.n or case.n).times(options.repeat).items():
            results[f"{name}, {mode}"] = times
    print(report(results))
    print(small_report("nanoseconds", {"call, 4x4": overhead(options.repeat)}))
    kernels = dict.fromkeys(CASES[name].kernel for name in options.cases)
    firsts = {f"first call, {name}": first_calls(name, options.repeat) for name in kernels}
    print(small_report("milliseconds", firsts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
