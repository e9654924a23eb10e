"""Time of calls that have next to nothing to compute."""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np

import kernelgen


def add(x, y):
    """Smallest kernel of two inputs."""
    return x + y


def add_first(x, y):
    """Smallest function of two arrays."""
    return x[0] + y[0]


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


class Function:
    """A function compiled by ``njit``, called with two arguments."""

    params = (["float", "int", "float32", "array"], ["kernelgen", "numba", "python"])
    param_names = ("arguments", "library")

    def setup(self, arguments: str, library: str) -> None:
        """Compile and warm up."""
        if library != "python" and importlib.util.find_spec(library) is None:
            raise NotImplementedError(f"{library} is not installed")
        add_ = add_first if arguments == "array" else add
        self.add = add_ if library == "python" else importlib.import_module(library).njit(add_)
        values = {"float": (1.5, 2.5), "int": (1, 2), "float32": np.float32([1.5, 2.5])}
        values["array"] = np.ones(5), np.ones(5)
        self.x, self.y = values[arguments]
        self.add(self.x, self.y)

    def time_call(self, arguments: str, library: str) -> None:
        """Call by position."""
        self.add(self.x, self.y)

    def time_call_by_name(self, arguments: str, library: str) -> None:
        """Call by keyword."""
        self.add(x=self.x, y=self.y)
