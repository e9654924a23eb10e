"""Cost of the first steps with one compiler, in a process that has only NumPy loaded.

Run as ``python fresh.py kernelgen`` or ``python fresh.py numba``; prints seconds as JSON. What
this module needs beyond NumPy it imports after the compiler, so that the compiler's own import
pays for all that it loads.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from time import perf_counter
from types import FunctionType

import numpy as np

FIRST = "gaussian"
FURTHER = ("sigmoid", "huber", "haversine", "logaddexp")


def seconds(action: Callable[[], object]) -> float:
    """Duration of one call of `action`."""
    start = perf_counter()
    action()
    return perf_counter() - start


def first_result(package: str, function: FunctionType) -> float:
    """Seconds from a bare Python function to its first result, decoration included."""
    vectorize = sys.modules[package].vectorize
    args = [np.full(4, 0.5)] * function.__code__.co_argcount
    return seconds(lambda: vectorize(function)(*args))


def measure(package: str) -> dict[str, float]:
    """Seconds spent on each of the first steps with `package`, in the order of their need."""
    times = {
        "import": seconds(lambda: importlib.import_module(package)),
        "load LLVM": seconds(lambda: importlib.import_module("llvmlite.binding")),
    }
    kernels = importlib.import_module("kernels")
    times["first kernel"] = first_result(package, getattr(kernels, FIRST))
    further = [first_result(package, getattr(kernels, name)) for name in FURTHER]
    return {**times, "further kernel": sum(further) / len(further)}


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(measure(sys.argv[1])))
