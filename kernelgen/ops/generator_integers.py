"""Random integers of ``np.random.Generator``, orders and choices, in the kernel language.

Integers below a bound come of a word by Lemire's method: the word times the bound, shifted down,
unless the rest is one of the few that would make some integers likelier. D. Lemire, "Fast random
integer generation in an interval", ACM Transactions on Modeling and Computer Simulation 29 (2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.draws import high_product, word_of
from kernelgen.ops.generators import next_double, next_uint32, next_uint64
from kernelgen.ops.integer_draws import drawn_integers, take, up_to
from kernelgen.ops.random_library import in_order, shuffle_rows
from kernelgen.ops.weighted_choice import (
    Words,
    as_array,
    check_taken,
    check_weights,
    drawn_by_weight,
    picked,
    population,
    product,
    taken_by_weight,
    tolerance,
)

WORDS = Words(
    no_elements="a cannot be empty unless no samples are taken",
    no_integers="a must be a positive integer unless no samples are taken",
    ndim="p must be 1-dimensional",
    size="a and p must have same size",
    nan="Probabilities contain NaN",
    negative="Probabilities are not non-negative",
    total="Probabilities do not sum to 1. See Notes section of docstring for more information.",
    too_many="Cannot take a larger sample than population when replace is False",
    too_few="negative dimensions are not allowed",
)

# ------------------------------------------------------------------------------- one word


def _narrow(rng: Any, most: Any, bits: Any, kept: Any, left: Any) -> Any:
    """An integer up to ``most``, of so many bits of a word at a time."""
    word = lambda: next_uint32(rng)  # noqa: E731
    if most == 0:
        return most, kept, left
    mask = np.uint64((1 << bits) - 1)
    kept, left = take(word, bits, kept, left)
    if most == mask:
        return kept & mask, kept, left
    count = most + np.uint64(1)
    product = (kept & mask) * count
    if product & mask < count:
        refused = (mask - most) % count
        while product & mask < refused:
            kept, left = take(word, bits, kept, left)
            product = (kept & mask) * count
    return product >> np.uint64(bits), kept, left


def _wide(rng: Any, most: Any) -> Any:
    """An integer up to ``most``, which has more than 32 bits."""
    count = most + np.uint64(1)
    if count == 0:
        return next_uint64(rng)
    word = next_uint64(rng)
    rest = word * count
    if rest < count:
        refused = (np.uint64(0) - count) % count
        while rest < refused:
            word = next_uint64(rng)
            rest = word * count
    return high_product(word, count)


def _up_to(rng: Any, most: Any) -> Any:
    """An integer up to ``most``."""
    narrow = lambda most, bits, kept, left: _narrow(rng, most, bits, kept, left)  # noqa: E731
    return up_to(narrow, lambda most: _wide(rng, most), most)


def below(rng: Any, most: Any) -> Any:
    """An integer up to ``most``, of a word without the bits that are not needed.

    Words that are too great are drawn again. This is what NumPy shuffles with.
    """
    mask = (1 << int(most).bit_length()) - 1
    drawn = int(next_uint32(rng)) & mask
    while drawn > most:
        drawn = int(next_uint32(rng)) & mask
    return drawn


# ------------------------------------------------------------------------------- integers


def integers(
    rng: Any,
    low: Any,
    high: Any = None,
    size: Any = None,
    dtype: Any = np.int64,
    endpoint: Any = False,
) -> Any:
    narrow = lambda most, bits, kept, left: _narrow(rng, most, bits, kept, left)  # noqa: E731
    wide = lambda most: _wide(rng, most)  # noqa: E731
    return drawn_integers(narrow, wide, low, high, size, dtype, endpoint, "integers")


# --------------------------------------------------------------------------------- orders


def shuffle(rng: Any, x: Any, axis: Any = 0) -> None:
    if x.size > 0:
        shuffle_rows(np.swapaxes(x, 0, axis), lambda most: below(rng, most))


def permutation(rng: Any, x: Any, axis: Any = 0) -> Any:
    made = x.copy() if isinstance(x, np.ndarray) else in_order(x)
    shuffle_rows(np.swapaxes(made, 0, axis), lambda most: below(rng, most))
    return made


def choice(
    rng: Any,
    a: Any,
    size: Any = None,
    replace: Any = True,
    p: Any = None,
    axis: Any = 0,
    shuffle: Any = True,
) -> Any:
    values = as_array(a)
    count = population(values, axis, size, WORDS)
    return picked(values, _chosen(rng, count, size, replace, p, shuffle), axis)


def _chosen(rng: Any, count: Any, size: Any, replace: Any, p: Any, shuffle: Any) -> Any:
    """Indices below ``count``."""
    if p is not None:
        weights = np.asarray(p, np.float64)
        check_weights(weights, count, tolerance(p), WORDS)
        choose = drawn_by_weight if replace else taken_by_weight
        return choose(weights, lambda: next_double(rng), size, WORDS)
    if replace:
        if size is None:
            return int(_up_to(rng, word_of(count - 1)))
        return integers(rng, 0, count, size)
    if size is None:
        return int(_distinct(rng, count, 1, shuffle)[0])
    return _distinct(rng, count, product(size), shuffle).reshape(size)


def _distinct(rng: Any, count: Any, taken: Any, shuffle: Any) -> Any:
    """So many different integers below ``count``."""
    check_taken(count, taken, WORDS)
    if count > 10000 and taken > count // (50 if shuffle else 20):
        found = np.arange(count)
        _mix(rng, found, max(count - taken, 1))
        return found[count - taken :].copy()
    found = _sample(rng, count, taken)
    if shuffle:
        _mix(rng, found, 1)
    return found


def _mix(rng: Any, found: Any, first: Any) -> None:
    """Exchange elements from the last one down to ``first``."""
    for i in range(len(found) - 1, first - 1, -1):
        j = int(_up_to(rng, word_of(i)))
        last = found[i]
        found[i] = found[j]
        found[j] = last


def _sample(rng: Any, count: Any, taken: Any) -> Any:
    """Different integers below ``count``, by R. W. Floyd's method.

    Those that have been found are in a table, at a place that their low bits tell or behind it.
    """
    found = np.empty(taken, np.int64)
    mask = (1 << int(1.2 * taken).bit_length()) - 1
    table = np.full(mask + 1, -1)
    for i in range(taken):
        last = count - taken + i
        drawn = int(_up_to(rng, word_of(last)))
        place = _place_of(table, drawn, mask)
        if table[place] == drawn:
            drawn = last
            place = _place_of(table, drawn, mask)
        table[place] = drawn
        found[i] = drawn
    return found


def _place_of(table: Any, value: Any, mask: Any) -> Any:
    place = value & mask
    while table[place] != -1 and table[place] != value:
        place = (place + 1) & mask
    return place
