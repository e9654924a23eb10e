"""Functions of ``np.random`` on its own generator, written in the kernel language.

They draw what NumPy's draw, in the same order. What fills an array goes over its elements in the
order of C.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from operator import index
from typing import Any

import numpy as np

from kernelgen.ops.draws import any_array
from kernelgen.ops.library import counts_of

# ------------------------------------------------------------------- what ops stand for these


def next_double() -> Any:
    """The op ``random_double``: a float from 0 to 1."""
    return np.random.random_sample()


def next_gauss() -> Any:
    """The op ``random_gauss``: of the standard normal distribution."""
    return np.random.standard_normal()


def next_exponential() -> Any:
    """The op ``random_exponential``: of the standard exponential distribution."""
    return np.random.standard_exponential()


def below(most: Any) -> Any:
    """The op ``random_below``: an integer from 0 to ``most``, which has no sign."""
    return int(np.random.randint(0, (int(most) & (1 << 64) - 1) + 1, dtype=np.uint64))


def set_seed(seed: Any) -> None:
    """The op ``random_seed``, of a seed of 32 bits."""
    np.random.seed(int(seed))


def normals(loc: Any, scale: Any, size: Any) -> Any:
    """The op ``random_normal_of_arrays``."""
    return np.random.normal(loc, scale, size)


def uniforms(low: Any, high: Any, size: Any) -> Any:
    """The op ``random_uniform_of_arrays``."""
    return np.random.uniform(low, high, size)


def exponentials(scale: Any, size: Any) -> Any:
    """The op ``random_exponential_of_arrays``."""
    return np.random.exponential(scale, size)


# ------------------------------------------------------------------------------------- floats


def drawn(draw: Any, size: Any, dtype: Any = np.float64) -> Any:
    """A number that ``draw`` gives, or an array of such."""
    if size is None:
        return draw()
    made = np.empty(size, dtype)
    flat = made.reshape(-1)
    for i in range(len(flat)):
        flat[i] = draw()
    return made


def random_sample(size: Any = None) -> Any:
    return drawn(next_double, size)


def rand(d0: Any = None, d1: Any = None, d2: Any = None, d3: Any = None) -> Any:
    return random_sample(_shape(d0, d1, d2, d3))


def _shape(d0: Any, d1: Any, d2: Any, d3: Any) -> Any:
    if d1 is None:
        return d0
    if d2 is None:
        return (d0, d1)
    return (d0, d1, d2) if d3 is None else (d0, d1, d2, d3)


def uniform(low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
    if any_array(low, high):
        return uniforms(low, high, size)
    first = float(low)
    length = float(high) - first
    if not math.isfinite(length):
        raise OverflowError("Range exceeds valid bounds")
    return drawn(lambda: first + length * next_double(), size)


def standard_normal(size: Any = None) -> Any:
    return drawn(next_gauss, size)


def randn(d0: Any = None, d1: Any = None, d2: Any = None, d3: Any = None) -> Any:
    return standard_normal(_shape(d0, d1, d2, d3))


def normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    if any_array(loc, scale):
        return normals(loc, scale, size)
    middle, width = float(loc), float(scale)
    _check_scale(width)
    return drawn(lambda: middle + width * next_gauss(), size)


def exponential(scale: Any = 1.0, size: Any = None) -> Any:
    if any_array(scale):
        return exponentials(scale, size)
    width = float(scale)
    _check_scale(width)
    return drawn(lambda: width * next_exponential(), size)


def standard_exponential(size: Any = None) -> Any:
    return exponential(1.0, size)


def _check_scale(scale: Any) -> None:
    if math.copysign(1.0, scale) < 0 and not math.isnan(scale):
        raise ValueError("scale < 0")


# ------------------------------------------------------------------------------------- orders


def shuffle_rows(x: Any, draw: Any) -> None:
    """Exchange rows, or elements, with those that ``draw`` gives up to each."""
    for i in range(len(x) - 1, 0, -1):
        j = draw(i)
        last = x[i] if x.ndim == 1 else x[i].copy()  # not a view of what changes
        x[i] = x[j]
        x[j] = last


def shuffle(x: Any) -> None:
    if x.size > 0:
        shuffle_rows(x, below)


def in_order(x: Any) -> Any:
    """The elements of a tuple, or the integers below ``x``, as an array."""
    return np.asarray(x) if isinstance(x, tuple) else np.arange(index(x))


def permutation(x: Any) -> Any:
    made = x.copy() if isinstance(x, np.ndarray) else in_order(x)
    shuffle_rows(made, below)
    return made


def seed(seed: Any) -> None:
    given = int(seed)
    if given < 0 or given > 0xFFFFFFFF:
        raise ValueError("Seed must be between 0 and 2**32 - 1")
    set_seed(given)


# ------------------------------------------------------------------------------- by their names

_DEFINITIONS: dict[str, Callable[..., Any]] = {
    "random": random_sample,
    "random_sample": random_sample,
    "ranf": random_sample,
    "sample": random_sample,
    "rand": rand,
    "uniform": uniform,
    "standard_normal": standard_normal,
    "randn": randn,
    "normal": normal,
    "exponential": exponential,
    "standard_exponential": standard_exponential,
    "shuffle": shuffle,
    "permutation": permutation,
    "seed": seed,
}


@cache
def by_call() -> dict[tuple[Any, int], Callable[..., Any]]:
    """The function that replaces one of ``np.random`` with that many arguments."""
    from kernelgen.ops import random_choices, randoms  # noqa: F401 - the ops these stand for

    definitions = _DEFINITIONS | {
        "randint": random_choices.randint,
        "choice": random_choices.choice,
    }
    return {
        (getattr(np.random, name), count): function
        for name, function in definitions.items()
        for count in counts_of(function)
    }
