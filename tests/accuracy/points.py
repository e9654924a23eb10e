"""Arguments to measure a function at: over its whole range, where it matters, and special ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from backends import quiet

from .functions import Function

NEIGHBOURS = 20
"""How many floats on each side of a critical argument are taken, if there are many points."""


def arguments(function: Function, dtype: Any, count: int, random: Any) -> tuple[np.ndarray, ...]:
    """About ``count`` rows of arguments; of float16 all that there are, if there is only one."""
    dtype = np.dtype(dtype)
    if dtype == np.float16 and function.arity == 1:
        return (np.arange(2**16, dtype=np.uint16).view(dtype),)
    if function.arity == 1:
        special = _special(function, dtype, NEIGHBOURS if count >= 5000 else 1)
        third = max(count // 3, 1)
        parts = [special, anywhere(dtype, third, random), _near(function, dtype, third, random)]
        parts += [_between(function.ranges, dtype, third, random)]
        return (np.concatenate(parts),)
    return _pairs(function, dtype, count, random)


def anywhere(dtype: np.dtype, count: int, random: Any) -> np.ndarray:
    """Evenly over the patterns of bits: all magnitudes alike, subnormal numbers and nan too."""
    if dtype == np.longdouble:
        info = np.finfo(dtype)
        fraction = 1 + random.random(count).astype(dtype) + random.random(count) * info.eps * 2**52
        with quiet():
            size = np.ldexp(fraction, random.integers(info.minexp - info.nmant, info.maxexp, count))
        return size * random.choice([-1, 1], count)
    bits = np.dtype(f"u{dtype.itemsize}")
    return random.integers(0, np.iinfo(bits).max, count, bits, endpoint=True).view(dtype)


def _between(ranges: Any, dtype: np.dtype, count: int, random: Any) -> np.ndarray:
    """Evenly over each of the intervals."""
    chosen = np.array(ranges)[random.integers(0, len(ranges), count)]
    inside = random.random(count).astype(dtype)
    if dtype == np.longdouble:
        inside += random.random(count) * np.longdouble(2) ** -53
    with quiet():
        return (chosen[:, 0] + inside * (chosen[:, 1] - chosen[:, 0])).astype(dtype)


def _near(function: Function, dtype: np.dtype, count: int, random: Any) -> np.ndarray:
    """Around the critical arguments, at distances of all magnitudes."""
    critical = np.array(function.critical)
    chosen = critical[random.integers(0, len(critical), count)]
    apart = np.exp2(random.uniform(-55.0, 0.0, count)) * random.choice([-1, 1], count)
    with quiet():
        return (chosen.astype(dtype) + chosen * apart).astype(dtype)


def _special(function: Function, dtype: np.dtype, neighbours: int) -> np.ndarray:
    """Zeros, limits of the type, infinities, nan, whole numbers; the critical ones' neighbours."""
    info = np.finfo(dtype)
    sizes = [0.0, info.smallest_subnormal, info.tiny, info.eps, info.max, np.inf, np.nan]
    whole = np.array([*range(1, 65), 100, 1000, 2**24, 2.0**53], np.float64)
    with quiet():
        start = np.concatenate(
            [np.array(sizes, dtype), whole.astype(dtype), np.array(function.critical).astype(dtype)]
        )
    start = np.concatenate([start, -start])
    found, above, below = [start], start, start
    for _ in range(neighbours):
        with quiet():
            above = np.nextafter(above, dtype.type(np.inf))
            below = np.nextafter(below, dtype.type(-np.inf))
        found += [above, below]
    return np.concatenate(found)


# -------------------------------------------------------------------------- two arguments


def _pairs(function: Function, dtype: np.dtype, count: int, random: Any) -> tuple[np.ndarray, ...]:
    """All pairs of special arguments, and pairs of each kind of number, alike and unlike."""
    info = np.finfo(dtype)
    sizes = [0.0, info.smallest_subnormal, info.tiny, 0.5, 1 - info.epsneg, 1.0, 1 + info.eps, 2.0,
             3.0, 1e4, info.max, np.inf, np.nan]  # fmt: skip
    axis = np.array(sizes, dtype)
    axis = np.concatenate([axis, -axis])
    x, y = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
    quarter = max(count // 4, 1)
    kinds = [
        (anywhere(dtype, quarter, random), anywhere(dtype, quarter, random)),
        (_between(function.ranges, dtype, quarter, random),
         _between(function.ranges, dtype, quarter, random)),
        _alike(dtype, quarter, random),
        _in_range(dtype, quarter, random),
    ]  # fmt: skip
    first, second = zip((x, y), *kinds)
    return np.concatenate(first), np.concatenate(second)


def _alike(dtype: np.dtype, count: int, random: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers whose magnitudes are within some powers of two, anywhere."""
    x = anywhere(dtype, count, random)
    factor = np.exp2(random.uniform(-30, 30, count)) * random.choice([-1, 1], count)
    with quiet():
        return x, (x * factor.astype(dtype)).astype(dtype)


def _in_range(dtype: np.dtype, count: int, random: Any) -> tuple[np.ndarray, np.ndarray]:
    """A base, and an exponent whose power the type can hold, or nearly; half of them whole."""
    info = np.finfo(dtype)
    x = np.abs(anywhere(dtype, count, random))
    with quiet():
        x[::3] = (1 + np.exp2(random.uniform(-50, 0, len(x[::3])))).astype(dtype)
        bits = random.uniform(info.minexp - info.nmant - 4, info.maxexp + 4, count)
        y = (bits / np.log2(x.astype(np.longdouble))).astype(dtype)
        y[::4] = np.rint(y[::4])
        x[::4] *= random.choice([-1, 1], len(x[::4])).astype(dtype)
    return x, y
