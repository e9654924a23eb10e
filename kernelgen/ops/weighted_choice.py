"""Choosing by probabilities, and without putting back, in the kernel language.

``draw`` gives a float from 0 to 1.
"""

from __future__ import annotations

from operator import index
from typing import Any, NamedTuple

import numpy as np


class Words(NamedTuple):
    """What NumPy says of choices that cannot be made, and whether it chooses of vectors only."""

    no_elements: str
    no_integers: str
    ndim: str
    size: str
    nan: str
    negative: str
    total: str
    too_many: str
    too_few: str
    vectors: bool = False


def as_array(a: Any) -> Any:
    """What there is to choose from; tuples become arrays."""
    return np.asarray(a) if isinstance(a, tuple) else a


def population(a: Any, axis: Any, size: Any, words: Any) -> Any:
    """How many there are to choose from: of an array its rows, else integers from 0 on."""
    if isinstance(a, np.ndarray):
        if words.vectors:
            check_vector(a)
        count = a.shape[axis]
        if count == 0 and (size is None or product(size) != 0):
            raise ValueError(words.no_elements)
        return count
    count = index(a)
    if count <= 0 and (size is None or product(size) != 0):
        raise ValueError(words.no_integers)
    return count


def check_vector(a: Any) -> None:
    if a.ndim != 1:
        raise ValueError("a must be 1-dimensional")


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


def check_taken(count: Any, taken: Any, words: Any) -> None:
    if taken > count:
        raise ValueError(words.too_many)
    if taken < 0:
        raise ValueError(words.too_few)


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


def check_weights(p: Any, count: Any, tolerance: Any, words: Any) -> None:
    if p.ndim != 1:
        raise ValueError(words.ndim)
    if p.size != count:
        raise ValueError(words.size)
    total = exact_sum(p)
    if np.isnan(total):
        raise ValueError(words.nan)
    if np.any(p < 0):
        raise ValueError(words.negative)
    if abs(total - 1.0) > tolerance:
        raise ValueError(words.total)


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


def drawn_by_weight(p: Any, draw: Any, size: Any, words: Any) -> Any:
    """Indices, each as often as its probability says."""
    steps = _steps(p)
    if size is None:
        return int(np.searchsorted(steps, draw(), "right"))
    made = np.empty(size, np.int64)
    flat = made.reshape(-1)
    for i in range(len(flat)):
        flat[i] = np.searchsorted(steps, draw(), "right")
    return made


def taken_by_weight(p: Any, draw: Any, size: Any, words: Any) -> Any:
    """Different indices, of which those that have been found have no probability any more."""
    if size is None:
        return int(_taken(p, draw, 1, words)[0])
    made = np.empty(size, np.int64)
    made.reshape(-1)[:] = _taken(p, draw, made.size, words)
    return made


def _taken(p: Any, draw: Any, count: Any, words: Any) -> Any:
    check_taken(len(p), count, words)
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
