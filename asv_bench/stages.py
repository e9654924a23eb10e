"""Where the time of the first call of a kernel goes: milliseconds of the processor by stage.

Each run is a process of its own, which has only NumPy and kernelgen loaded when the clock starts.
The first kernel loads the compiler, further ones find it there. Prints the medians::

    python stages.py --runs 15
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import numpy as np

FIRST = "gaussian"
FURTHER = ("sigmoid", "huber", "haversine", "logaddexp")

FUNCTIONS = {
    "runtime.trampolines": {"addresses": "native helpers of all kernels"},
    "loops": {"_stubs": "stubs of loops"},
    "pipeline": {"typed": "SSA, types", "_rewrite": "rewrites", "_lower": "LLVM text"},
    "shells.elementwise": {"pattern_module": "LLVM text"},
    "runtime.engine": {
        "_parsed_module": "LLVM parses",
        "_run_passes": "LLVM's passes",
        "_emitted_object": "machine code",
        "link": "linking",
    },
}
"""The functions that are the stages, by module."""

WHOLE = ("native helpers of all kernels", "stubs of loops")
"""Stages whose time has that of the stages within: they are compiled once in a process."""
LOADING = {"load LLVM": "llvmlite.binding", "load the compiler": "kernelgen.load"}
STAGES = tuple(dict.fromkeys([*LOADING, *(s for m in FUNCTIONS.values() for s in m.values())]))
OTHER = "NumPy, registering, all else"


class Clock:
    """The time that each stage took, without that of stages within."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self._within = [OTHER]
        self._last = 0.0

    def _switch(self) -> None:
        now = process_time()
        self.times[self._within[-1]] += now - self._last
        self._last = now

    def of(self, stage: str, action: Callable[..., Any]) -> Callable[..., Any]:
        """``action``, whose time counts for ``stage``."""

        def timed(*args: Any, **keywords: Any) -> Any:
            self._switch()
            inside = self._within[-1]
            self._within.append(inside if inside in WHOLE else stage)
            try:
                return action(*args, **keywords)
            finally:
                self._switch()
                self._within.pop()

        return timed

    def measure(self, action: Callable[[], Any]) -> dict[str, float]:
        """Milliseconds of each stage while ``action`` runs, and of all together."""
        self.times.clear()
        self._last = process_time()
        action()
        self._switch()
        found = {stage: 1e3 * self.times[stage] for stage in (*STAGES, OTHER)}
        return {**found, "together": sum(found.values())}


def first_call(name: str) -> Callable[[], Any]:
    """What calls a new kernel of that name for the first time."""
    kernels, kernelgen = map(importlib.import_module, ("kernels", "kernelgen"))
    function = getattr(kernels, name)
    arguments = [np.full(4, 0.5)] * function.__code__.co_argcount
    return lambda: kernelgen.vectorize(function)(*arguments)


def run() -> dict[str, dict[str, float]]:
    """The stages of the first kernel of this process, and of a further one."""
    clock = Clock()
    call = first_call(FIRST)

    def load_and_call() -> None:
        for stage, module in LOADING.items():
            clock.of(stage, importlib.import_module)(module)
        for module, stages in FUNCTIONS.items():
            loaded = importlib.import_module(f"kernelgen.{module}")
            for name, stage in stages.items():
                setattr(loaded, name, clock.of(stage, getattr(loaded, name)))
        call()

    with importlib.import_module("kernelgen.runtime.locks").undisturbed():  # as in a call
        first = clock.measure(load_and_call)
    further = [clock.measure(first_call(name)) for name in FURTHER]
    return {
        "first": first,
        "further": {stage: sum(t[stage] for t in further) / len(further) for stage in first},
    }


def main() -> None:
    """Print the medians over processes as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--once", action="store_true", help="run here, and print JSON")
    given = parser.parse_args()
    if given.once:
        sys.stdout.write(json.dumps(run()))
        return
    command = [sys.executable, __file__, "--once"]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for _ in range(given.runs)
    ]
    sys.stdout.write("| milliseconds | first kernel | further kernel |\n| --- | ---: | ---: |\n")
    for stage in runs[0]["first"]:
        first, further = (median(r[kind][stage] for r in runs) for kind in ("first", "further"))
        sys.stdout.write(f"| {stage} | {first:.1f} | {further:.1f} |\n")


if __name__ == "__main__":
    main()
