"""Time of calls that have next to nothing to compute."""

from __future__ import annotations

import numpy as np

import kernelgen


def add(x, y):
    """Smallest kernel of two inputs."""
    return x + y


class Overhead:
    """Sum of two short arrays, or of two Python floats."""

    params = (["scalar", 1, 1000], ["kernelgen", "numpy"])
    param_names = ("n", "library")

    def setup(self, n: int | str, library: str) -> None:
        """Compile and warm up."""
        self.add = np.add if library == "numpy" else kernelgen.vectorize(add)
        self.x, self.y = (1.5, 2.5) if n == "scalar" else (np.full(n, 1.5), np.full(n, 2.5))
        self.out = np.empty(() if n == "scalar" else n)
        self.add(self.x, self.y)

    def time_call(self, n: int | str, library: str) -> None:
        """Call that allocates its result."""
        self.add(self.x, self.y)

    def time_call_out(self, n: int | str, library: str) -> None:
        """Call that writes to an array that exists."""
        self.add(self.x, self.y, out=self.out)
