"""Parameters of random distributions, numbers or arrays, in the kernel language.

A check takes a number, its name, and what NumPy says of nan. It raises what NumPy raises for a bad
parameter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelgen.ops.draws import Form

MOST_LAM = float(np.iinfo(np.int64).max - np.sqrt(np.iinfo(np.int64).max) * 10)
"""NumPy draws of no Poisson distribution with a greater mean."""

IS_NAN, HAS_NANS = "is NaN", "contains NaNs"
"""What NumPy says of nan as a parameter, and in an array."""

# ---------------------------------------------------------------------------------- checks


def any_number(value: Any, name: Any, nan: Any) -> None:
    """All numbers will do."""


def not_negative(value: Any, name: Any, nan: Any) -> None:
    if math.copysign(1.0, value) < 0 and not math.isnan(value):
        raise ValueError(f"{name} < 0")


def positive(value: Any, name: Any, nan: Any) -> None:
    if value <= 0:
        raise ValueError(f"{name} <= 0")


def probability(value: Any, name: Any, nan: Any) -> None:
    if not (value >= 0 and value <= 1):
        raise ValueError(f"{name} < 0, {name} > 1 or {name} {nan}")


def chance(value: Any, name: Any, nan: Any) -> None:
    """A probability of something that may happen."""
    if not (value > 0 and value <= 1):
        raise ValueError(f"{name} <= 0, {name} > 1 or {name} contains NaNs")


def uncertain(value: Any, name: Any, nan: Any) -> None:
    """A probability of something that may not happen."""
    if not (value >= 0 and value < 1):
        raise ValueError(f"{name} < 0, {name} >= 1 or {name} {nan}")


def above_one(value: Any, name: Any, nan: Any) -> None:
    if not value > 1:
        raise ValueError(f"{name} <= 1 or {name} {nan}")


def mean_of_counts(value: Any, name: Any, nan: Any) -> None:
    if not value >= 0:
        raise ValueError(f"{name} < 0 or {name} {nan}")
    if not value <= MOST_LAM:
        raise ValueError(f"{name} value too large")


def check_all(values: Any, rank: Any, check: Any, name: Any) -> None:
    """Check a parameter that may be an array."""
    if rank == 0:
        check(float(values), name, HAS_NANS)
    else:
        for value in values.reshape(-1):
            check(float(value), name, HAS_NANS)


def check_means(lam: Any) -> None:
    """Check means of Poisson distributions: NumPy looks first which of them are too large."""
    for value in lam.reshape(-1):
        if not value <= MOST_LAM:
            raise ValueError("lam value too large")
    check_all(lam, 1, mean_of_counts, "lam")


def check_range(first: Any, length: Any) -> None:
    """Check the ends of a uniform distribution."""
    if not math.isfinite(length):
        raise OverflowError("high - low range exceeds valid bounds")
    not_negative(length, "high - low", IS_NAN)


def check_ranges(length: Any) -> None:
    if not np.all(np.isfinite(length)):
        raise OverflowError("Range exceeds valid bounds")


def check_ratio(dfnum: Any, dfden: Any, nonc: Any) -> None:
    """Check the parameters of noncentral F distributions."""
    if np.any(dfnum <= 0):
        raise ValueError("dfnum <= 0")
    if np.any(dfden <= 0):
        raise ValueError("dfden <= 0")
    if np.any(np.signbit(nonc) & np.logical_not(np.isnan(nonc))):
        raise ValueError("nonc < 0")


def check_corners(left: Any, mode: Any, right: Any) -> None:
    """Look whether triangles have their tops between their ends."""
    if np.any(left > mode):
        raise ValueError("left > mode")
    if np.any(mode > right):
        raise ValueError("mode > right")
    if np.any(left == right):
        raise ValueError("left == right")


def check_failures(n: Any, p: Any) -> None:
    """Look whether negative binomial distributions have means that NumPy can draw with."""
    if np.any(np.isnan(n)):
        raise ValueError("n must not be NaN")
    if np.any(n <= 0):
        raise ValueError("n <= 0")
    if not np.all((p > 0) & (p <= 1)):
        raise ValueError("p <= 0, p > 1 or p contains NaNs")
    if np.any((1 - p) / p * (n + 10 * np.sqrt(n)) > MOST_LAM):
        raise ValueError("n too large or p too small, see Generator.negative_binomial Notes")


def check_urn(good: Any, bad: Any, sample: Any) -> None:
    """Look whether there is as much in urns as is taken out."""
    if np.any(good >= 10**9) or np.any(bad >= 10**9):
        raise ValueError("both ngood and nbad must be less than 1000000000")
    if np.any(good + bad < sample):
        raise ValueError("ngood + nbad < nsample")
    if np.any(good < 0):
        raise ValueError("ngood < 0")
    if np.any(bad < 0):
        raise ValueError("nbad < 0")
    if np.any(sample < 0):
        raise ValueError("nsample < 0")


# ---------------------------------------------------------------------------- broadcasting


def over_arrays(
    draw: Any, form: Form, size: Any, dtype: Any, a: Any, b: Any = 0.0, c: Any = 0.0
) -> Any:
    """What ``draw`` gives for each element of parameters, broadcast, in the order of C."""
    i, j, k = form.ranks
    if not form.sized:
        _check_pair(a, i, 0, b, j, 1)
        _check_pair(a, i, 0, c, k, 2)
        _check_pair(b, j, 1, c, k, 2)
    made = np.empty(size if form.sized else _broadcast(form.axes, (a, i), (b, j), (c, k)), dtype)
    if form.sized:
        _check_fit(form, made, a, b, c)
    x = _spread(a, i, made, form.ndim)
    y = _spread(b, j, made, form.ndim)
    z = _spread(c, k, made, form.ndim)
    flat = made.reshape(-1)
    for at in range(len(flat)):
        flat[at] = draw(x[at] if i else x, y[at] if j else y, z[at] if k else z)
    return made


def _check_fit(form: Form, made: Any, a: Any, b: Any, c: Any) -> None:
    """Look whether the parameters fit into an array of the size that is asked for."""
    i, j, k = form.ranks
    _check_pair(made, form.ndim, 0, a, i, 1)
    _check_pair(made, form.ndim, 0, b, j, 2)
    _check_pair(made, form.ndim, 0, c, k, 3)
    shape = _broadcast(form.axes, (made, form.ndim), (a, i), (b, j), (c, k))
    if shape != made.shape:
        raise ValueError(
            f"Output size {made.shape} is not compatible with broadcast dimensions of inputs "
            f"{shape}."
        )


def _check_pair(a: Any, i: Any, first: Any, b: Any, j: Any, second: Any) -> None:
    """Look whether two arrays have lengths that go together; their numbers are for the message."""
    if i > 0 and j > 0:
        for k in range(1, min(i, j) + 1):
            x, y = a.shape[i - k], b.shape[j - k]
            if not (x == y or x == 1 or y == 1):
                raise ValueError(
                    "shape mismatch: objects cannot be broadcast to a single shape.  Mismatch is "
                    f"between arg {first} with shape {a.shape} and arg {second} with shape "
                    f"{b.shape}."
                )


def _broadcast(axes: Any, *ranked: Any) -> Any:
    """The shape of arrays together, each of which is in a pair with its rank."""
    return tuple(_longest(k, ranked) for k in axes)


def _longest(k: Any, ranked: Any) -> Any:
    found = 1
    for a, rank in ranked:
        length = _length(a, rank, k)
        found = length if found == 1 else found
    return found


def _length(a: Any, rank: Any, k: Any) -> Any:
    """The length of the axis that is the k-th from the last one."""
    return a.shape[rank - k] if k <= rank else 1


def _spread(a: Any, rank: Any, made: Any, ndim: Any) -> Any:
    """The elements of a parameter, one for each element that is drawn."""
    if rank == 0:
        return a
    if rank > ndim:
        return made.reshape(-1)  # it has been refused
    return np.broadcast_to(a, made.shape).reshape(-1)
