"""Random integers of ``np.random.Generator``, and what is made of them, in the kernel language.

Integers below a bound come of a word by Lemire's method: the word times the bound, shifted down,
unless the rest is one of the few that would make some integers likelier. D. Lemire, "Fast random
integer generation in an interval", ACM Transactions on Modeling and Computer Simulation 29 (2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.generators import (
    high_product,
    next_double,
    next_uint32,
    next_uint64,
    word_of,
)
from kernelgen.ops.random_library import shuffle_rows
from kernelgen.ops.weighted_choice import (
    check_taken,
    check_weights,
    drawn_by_weight,
    picked,
    population,
    product,
    taken_by_weight,
    tolerance,
)

# ------------------------------------------------------------------------------- one word


def _bits_of(dtype: Any) -> Any:
    """How many random bits an integer of a dtype takes from the generator at a time."""
    if dtype == np.bool_:
        return 1
    return 8 * min(dtype.itemsize, 4)


def _take(rng: Any, bits: Any, kept: Any, left: Any) -> Any:
    """A word of 32 bits whose low ones are to be used, and how often it can be used further."""
    if left == 0:
        return np.uint64(next_uint32(rng)), 32 // bits - 1
    return kept >> np.uint64(bits), left - 1


def _narrow(rng: Any, most: Any, bits: Any, kept: Any, left: Any) -> Any:
    """An integer up to ``most``, which has so many bits; the word, and how much of it is left."""
    if most == 0:
        return most, kept, left
    mask = np.uint64((1 << bits) - 1)
    kept, left = _take(rng, bits, kept, left)
    if most == mask:
        return kept & mask, kept, left
    count = most + np.uint64(1)
    product = (kept & mask) * count
    if product & mask < count:
        refused = (mask - most) % count
        while product & mask < refused:
            kept, left = _take(rng, bits, kept, left)
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
    if most > np.uint64(0xFFFFFFFF):
        return _wide(rng, most)
    drawn, _, _ = _narrow(rng, most, 32, np.uint64(0), 0)
    return drawn


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
    kind = np.dtype(dtype)
    if not (np.issubdtype(kind, np.integer) or kind == np.bool_):
        raise TypeError(f"Unsupported dtype {kind!r} for integers")
    if high is None:
        return _integers(rng, 0, low, size, kind, endpoint, dtype)
    return _integers(rng, low, high, size, kind, endpoint, dtype)


def _integers(
    rng: Any, low: Any, high: Any, size: Any, kind: Any, endpoint: Any, asked: Any
) -> Any:
    if size is None:
        least, most = _ends(low, high, kind, endpoint)
        drawn = _one(rng, most, kind)
        number = (least + drawn).astype(kind)
        return asked(number) if asked is int or asked is bool else number
    made = np.empty(size, kind)
    if made.size > 0:
        least, most = _ends(low, high, kind, endpoint)
        _fill(rng, made.reshape(-1), least, most, kind)
    return made


def _one(rng: Any, most: Any, kind: Any) -> Any:
    if kind.itemsize == 8:
        return _up_to(rng, most)
    drawn, _, _ = _narrow(rng, most, _bits_of(kind), np.uint64(0), 0)
    return drawn


def _fill(rng: Any, flat: Any, least: Any, most: Any, kind: Any) -> None:
    if kind.itemsize == 8:
        for i in range(len(flat)):
            flat[i] = (least + _up_to(rng, most)).astype(kind)
    else:
        kept, left = np.uint64(0), 0
        for i in range(len(flat)):
            drawn, kept, left = _narrow(rng, most, _bits_of(kind), kept, left)
            flat[i] = (least + drawn).astype(kind)


def _ends(low: Any, high: Any, kind: Any, endpoint: Any) -> Any:
    """The least integer as a word, and the distance from it to the greatest one."""
    least, most = word_of(low), word_of(high)
    open_end = 0 if endpoint else 1
    if low < _least(kind):
        raise ValueError(f"low is out of bounds for {kind}")
    if high > _greatest(kind) + open_end:
        raise ValueError(f"high is out of bounds for {kind}")
    if low > high if endpoint else low >= high:
        raise ValueError(_wrong_order(low, endpoint))
    return least, most - least - np.uint64(open_end)


def _least(kind: Any) -> Any:
    return -(1 << 8 * kind.itemsize - 1) if kind.kind == "i" else 0


def _greatest(kind: Any) -> Any:
    if kind.kind == "b":
        return 1
    return (1 << 8 * kind.itemsize - (1 if kind.kind == "i" else 0)) - 1


def _wrong_order(low: Any, endpoint: Any) -> Any:
    if low == 0:
        return "high < 0" if endpoint else "high <= 0"
    return "low > high" if endpoint else "low >= high"


# --------------------------------------------------------------------------------- orders


def shuffle(rng: Any, x: Any, axis: Any = 0) -> None:
    if x.size > 0:
        shuffle_rows(np.swapaxes(x, 0, axis), lambda most: below(rng, most))


def permutation(rng: Any, x: Any, axis: Any = 0) -> Any:
    made = x.copy() if isinstance(x, np.ndarray) else np.arange(x)
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
    count = population(a, axis, size)
    return picked(a, _chosen(rng, count, size, replace, p, shuffle), axis)


def _chosen(rng: Any, count: Any, size: Any, replace: Any, p: Any, shuffle: Any) -> Any:
    """Indices below ``count``."""
    if p is not None:
        weights = np.asarray(p, np.float64)
        check_weights(weights, count, tolerance(p))
        choose = drawn_by_weight if replace else taken_by_weight
        return choose(weights, lambda: next_double(rng), size)
    if replace:
        if size is None:
            return int(_up_to(rng, word_of(count - 1)))
        return integers(rng, 0, count, size)
    if size is None:
        return int(_distinct(rng, count, 1, shuffle)[0])
    return _distinct(rng, count, product(size), shuffle).reshape(size)


def _distinct(rng: Any, count: Any, taken: Any, shuffle: Any) -> Any:
    """So many different integers below ``count``."""
    check_taken(count, taken)
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
