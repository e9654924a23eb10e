"""Time of products, of sorting, and of a regression, in jitted functions and in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import kernelgen

_LIBRARIES = ["kernelgen", "numpy"]


def regression(x: Any, y: Any, w: Any, rate: Any, steps: Any) -> Any:
    """Linear regression by gradient descent."""
    for _ in range(steps):
        w -= rate * (x.T @ (x @ w - y))
    return w


def product(a: Any, b: Any) -> Any:
    """A product of matrices."""
    return a @ b


def ordered(a: Any) -> Any:
    """Values in order, and the order."""
    return np.sort(a), np.argsort(a)


def positive(a: Any) -> Any:
    """What a mask picks."""
    return a[a > 0]


def _compiled(function: Callable[..., Any], library: str) -> Callable[..., Any]:
    return kernelgen.njit(function) if library == "kernelgen" else function


class Regression:
    """2000 rows, 20 steps."""

    params = ([5, 50, 500], _LIBRARIES)
    param_names = ("columns", "library")

    def setup(self, columns: int, library: str) -> None:
        """Make the data and compile."""
        random = np.random.default_rng(0)
        self.x, self.y = random.normal(size=(2000, columns)), random.normal(size=2000)
        self.w = np.zeros(columns)
        self.call = _compiled(regression, library)
        self.time_call(columns, library)

    def time_call(self, columns: int, library: str) -> None:
        """Whole call."""
        self.call(self.x, self.y, self.w, 1e-6, 20)


class Products:
    """Square matrices."""

    params = ([4, 16, 64, 256], ["f4", "f8", "i8"], _LIBRARIES)
    param_names = ("n", "dtype", "library")

    def setup(self, n: int, dtype: str, library: str) -> None:
        """Make the data and compile."""
        self.a = np.random.default_rng(0).integers(-9, 9, (n, n)).astype(dtype)
        self.call = _compiled(product, library)
        self.time_call(n, dtype, library)

    def time_call(self, n: int, dtype: str, library: str) -> None:
        """Whole call."""
        self.call(self.a, self.a)


class Orders:
    """Random vectors."""

    params = ([100, 100_000], _LIBRARIES)
    param_names = ("n", "library")

    def setup(self, n: int, library: str) -> None:
        """Make the data and compile."""
        self.a = np.random.default_rng(0).normal(size=n)
        self.sort, self.pick = _compiled(ordered, library), _compiled(positive, library)
        self.time_sort(n, library)
        self.time_pick(n, library)

    def time_sort(self, n: int, library: str) -> None:
        """Whole call."""
        self.sort(self.a)

    def time_pick(self, n: int, library: str) -> None:
        """Whole call."""
        self.pick(self.a)
