"""Time of reductions of arrays in jitted functions, and of NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import kernelgen

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda a, b: np.sum(a),
    "max": lambda a, b: np.max(a),
    "argmax": lambda a, b: np.argmax(a),
    "sum of columns": lambda a, b: a.sum(axis=0),
    "sum of rows": lambda a, b: a.sum(axis=1),
    "squared distance": lambda a, b: np.sum((a - b) ** 2),
    "deviation of rows": lambda a, b: a.std(axis=1),
    "cumulative sum": lambda a, b: np.cumsum(a, axis=1),
}


class Reductions:
    """One call with two square matrices, compiled beforehand, or of the function itself."""

    params = (list(FUNCTIONS), [30, 1000], ["float32", "float64"], ["kernelgen", "numpy"])
    param_names = ("reduction", "rows", "dtype", "library")

    def setup(self, name: str, rows: int, dtype: str, library: str) -> None:
        """Make the data and compile."""
        random = np.random.default_rng(0)
        self.args = [random.normal(size=(rows, rows)).astype(dtype) for _ in range(2)]
        function = FUNCTIONS[name]
        self.call = function if library == "numpy" else kernelgen.njit(function)
        self.call(*self.args)

    def time_call(self, name: str, rows: int, dtype: str, library: str) -> None:
        """Whole call."""
        self.call(*self.args)
