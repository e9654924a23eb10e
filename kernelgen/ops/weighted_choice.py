"""Choosing by probabilities, and without putting back, in the kernel language.

``draw`` gives a float from 0 to 1.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np


def population(a: Any, axis: Any, size: Any) -> Any:
    """How many there are to choose from: of an array its rows, else integers from 0 on."""
    if isinstance(a, np.ndarray):
        count = a.shape[axis]
        if count == 0 and (size is None or product(size) != 0):
            raise ValueError("a cannot be empty unless no samples are taken")
        return count
    count = index(a)
    if count <= 0 and (size is None or product(size) != 0):
        raise ValueError("a must be a positive integer unless no samples are taken")
    return count


def picked(a: Any, indices: Any, axis: Any) -> Any:
    """What is chosen by indices."""
    return np.take(a, indices, axis) if isinstance(a, np.ndarray) else indices


def product(size: Any) -> Any:
    """How many elements an array of a size has."""
    if not isinstance(size, tuple):
        return size
    found = 1
    for length in size:
        found *= length
    return found


def check_taken(count: Any, taken: Any) -> None:
    if taken > count:
        raise ValueError("Cannot take a larger sample than population when replace is False")
    if taken < 0:
        raise ValueError("negative dimensions are not allowed")


_DOUBLE, _SINGLE, _HALF = (
    float(np.sqrt(np.finfo(t).eps)) for t in (np.float64, np.float32, np.float16)
)


def tolerance(p: Any) -> Any:
    """How far the sum of probabilities may be from 1, of the precision that they have."""
    if isinstance(p, np.ndarray):
        if p.dtype == np.float32:
            return _SINGLE
        if p.dtype == np.float16:
            return _HALF
    return _DOUBLE


def check_weights(p: Any, count: Any, tolerance: Any) -> None:
    if p.ndim != 1:
        raise ValueError("p must be 1-dimensional")
    if p.size != count:
        raise ValueError("a and p must have same size")
    total = exact_sum(p)
    if np.isnan(total):
        raise ValueError("Probabilities contain NaN")
    if np.any(p < 0):
        raise ValueError("Probabilities are not non-negative")
    if abs(total - 1.0) > tolerance:
        raise ValueError(
            "Probabilities do not sum to 1. See Notes section of docstring for more information."
        )


def exact_sum(p: Any) -> Any:
    """The sum with a second float for what rounding loses, as W. Kahan adds."""
    total, lost = p[0], 0.0
    for i in range(1, len(p)):
        term = p[i] - lost
        next_total = total + term
        lost = (next_total - total) - term
        total = next_total
    return total


def _steps(p: Any) -> Any:
    """The sums of the probabilities up to each of them."""
    steps = np.cumsum(p)
    steps /= steps[-1]
    return steps


def drawn_by_weight(p: Any, draw: Any, size: Any) -> Any:
    """Indices, each as often as its probability says."""
    steps = _steps(p)
    if size is None:
        return int(np.searchsorted(steps, draw(), "right"))
    made = np.empty(size, np.int64)
    flat = made.reshape(-1)
    for i in range(len(flat)):
        flat[i] = np.searchsorted(steps, draw(), "right")
    return made


def taken_by_weight(p: Any, draw: Any, size: Any) -> Any:
    """Different indices, of which those that have been found have no probability any more."""
    if size is None:
        return int(_taken(p, draw, 1)[0])
    made = np.empty(size, np.int64)
    made.reshape(-1)[:] = _taken(p, draw, made.size)
    return made


def _taken(p: Any, draw: Any, count: Any) -> Any:
    check_taken(len(p), count)
    if np.count_nonzero(p > 0) < count:
        raise ValueError("Fewer non-zero entries in p than size")
    left = p.copy()
    found = np.empty(count, np.int64)
    done = 0
    while done < count:
        steps = _steps(left)
        before = done
        for _ in range(count - before):
            index = np.searchsorted(steps, draw(), "right")
            if not np.any(found[before:done] == index):
                found[done] = index
                done += 1
        for i in range(before, done):
            left[found[i]] = 0.0
    return found
