"""Time of a million random numbers of a generator, in jitted functions and in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import kernelgen

_N = 1_000_000


def sum_of_uniforms(rng: Any, n: Any) -> Any:
    """One number at a time."""
    total = 0.0
    for _ in range(n):
        total += rng.random()
    return total


def sum_of_normals(rng: Any, n: Any) -> Any:
    """One number at a time."""
    total = 0.0
    for _ in range(n):
        total += rng.standard_normal()
    return total


def sum_of_integers(rng: Any, n: Any) -> Any:
    """One number at a time."""
    total = 0
    for _ in range(n):
        total += rng.integers(0, 1000)
    return total


def uniforms(rng: Any, n: Any) -> Any:
    """An array."""
    return rng.random(n)


def normals(rng: Any, n: Any) -> Any:
    """An array."""
    return rng.standard_normal(n)


def integers(rng: Any, n: Any) -> Any:
    """An array."""
    return rng.integers(0, 1000, n)


def shuffled(rng: Any, n: Any) -> Any:
    """An array in random order."""
    made = np.arange(n)
    rng.shuffle(made)
    return made


_LOOPS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (sum_of_uniforms, sum_of_normals, sum_of_integers)
}
_ARRAYS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (uniforms, normals, integers, shuffled)
}


class Loops:
    """Numbers drawn one by one; plain Python draws a hundredth of them."""

    params = (list(_LOOPS), ["kernelgen", "numpy"])
    param_names = ("function", "library")

    def setup(self, function: str, library: str) -> None:
        """Compile."""
        compiled = library == "kernelgen"
        self.call = kernelgen.njit(_LOOPS[function]) if compiled else _LOOPS[function]
        self.rng, self.n = np.random.default_rng(1), _N if compiled else _N // 100
        self.call(self.rng, 1)

    def time_call(self, function: str, library: str) -> None:
        """Whole call."""
        self.call(self.rng, self.n)


class Arrays:
    """Arrays of numbers."""

    params = (list(_ARRAYS), ["kernelgen", "numpy"])
    param_names = ("function", "library")

    def setup(self, function: str, library: str) -> None:
        """Compile."""
        compiled = library == "kernelgen"
        self.call = kernelgen.njit(_ARRAYS[function]) if compiled else _ARRAYS[function]
        self.rng = np.random.default_rng(1)
        self.call(self.rng, 1)

    def time_call(self, function: str, library: str) -> None:
        """Whole call."""
        self.call(self.rng, _N)
