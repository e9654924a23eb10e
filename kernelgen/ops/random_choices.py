"""Functions of ``np.random`` that few kernels need: integers of all types, choices, arrays.

Written in the kernel language, as those in ``random_library.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from kernelgen.ops.draws import Form, any_array, word_of
from kernelgen.ops.integer_draws import drawn_integers, take
from kernelgen.ops.parameter_library import (
    any_number,
    check_all,
    check_ranges,
    not_negative,
    over_arrays,
)
from kernelgen.ops.random_library import (
    below,
    next_double,
    next_exponential,
    next_gauss,
    permutation,
)
from kernelgen.ops.weighted_choice import (
    Words,
    as_array,
    check_taken,
    check_vector,
    check_weights,
    drawn_by_weight,
    picked,
    population,
    product,
    taken_by_weight,
    tolerance,
)

WORDS = Words(
    no_elements="'a' cannot be empty unless no samples are taken",
    no_integers="a must be greater than 0 unless no samples are taken",
    ndim="'p' must be 1-dimensional",
    size="'a' and 'p' must have same size",
    nan="probabilities contain NaN",
    negative="probabilities are not non-negative",
    total="probabilities do not sum to 1",
    too_many="Cannot take a larger sample than population when 'replace=False'",
    too_few="Negative dimensions are not allowed",
    vectors=True,
)

# ------------------------------------------------------------------------------- integers


def _narrow(most: Any, bits: Any, kept: Any, left: Any) -> Any:
    """An integer up to ``most``: what has too many bits is cut off, what is greater drawn again."""
    if bits == 32:
        return word_of(below(most)), kept, left
    if most == 0:
        return most, kept, left
    word = lambda: word_of(below(0xFFFFFFFF))  # noqa: E731
    mask = np.uint64((1 << int(most).bit_length()) - 1)
    kept, left = take(word, bits, kept, left)
    while kept & mask > most:
        kept, left = take(word, bits, kept, left)
    return kept & mask, kept, left


def _wide(most: Any) -> Any:
    return word_of(below(most))


def randint(low: Any, high: Any = None, size: Any = None, dtype: Any = int) -> Any:
    if dtype is int and size is None:
        return _plain(0, low) if high is None else _plain(low, high)
    return drawn_integers(_narrow, _wide, low, high, size, dtype, False, "randint")


def _plain(low: Any, high: Any) -> Any:
    """The same, of one integer of Python's."""
    first, most = int(low), int(high) - 1
    if first > most:
        raise ValueError("high <= 0" if first == 0 else "low >= high")
    span = np.int64(most) - np.int64(first)  # as an integer without sign, if it wraps
    return first + below(span)


# -------------------------------------------------------------------------------- choices


def choice(a: Any, size: Any = None, replace: Any = True, p: Any = None) -> Any:
    values = as_array(a)
    if p is None and replace and size is None:
        if any_array(values):
            check_vector(values)
            return values[_one_of(len(values), WORDS.no_elements)]
        return _one_of(index(values), WORDS.no_integers)
    count = population(values, 0, size, WORDS)
    return picked(values, _chosen(count, size, replace, p), 0)


def _one_of(count: Any, message: Any) -> Any:
    if count <= 0:
        raise ValueError(message)
    return below(count - 1)


def _chosen(count: Any, size: Any, replace: Any, p: Any) -> Any:
    """Indices below ``count``."""
    if p is not None:
        weights = np.asarray(p, np.float64)
        check_weights(weights, count, tolerance(p), WORDS)
        choose = drawn_by_weight if replace else taken_by_weight
        return choose(weights, next_double, size, WORDS)
    if replace:
        return randint(0, count, size)
    if size is None:
        return int(permutation(count)[0])
    check_taken(count, product(size), WORDS)
    return permutation(count)[: product(size)].reshape(size)


# ------------------------------------------------------------------- arrays of parameters


def _normal(form: Form) -> Callable[..., Any]:
    def draws(loc: Any, scale: Any, size: Any) -> Any:
        check_all(loc, form.ranks[0], any_number, "loc")
        check_all(scale, form.ranks[1], not_negative, "scale")
        draw = lambda x, y, z: float(x) + float(y) * next_gauss()  # noqa: E731
        return over_arrays(draw, form, size, np.float64, loc, scale)

    return draws


def _uniform(form: Form) -> Callable[..., Any]:
    def draws(low: Any, high: Any, size: Any) -> Any:
        length = high * 1.0 - low * 1.0
        check_ranges(length)
        draw = lambda x, y, z: float(x) + float(y) * next_double()  # noqa: E731
        return over_arrays(draw, form.with_range, size, np.float64, low, length)

    return draws


def _exponential(form: Form) -> Callable[..., Any]:
    def draws(scale: Any, size: Any) -> Any:
        check_all(scale, 1, not_negative, "scale")
        draw = lambda x, y, z: float(x) * next_exponential()  # noqa: E731
        return over_arrays(draw, form, size, np.float64, scale)

    return draws


OVER_ARRAYS = {"normal": _normal, "uniform": _uniform, "exponential": _exponential}
"""What makes the function that draws with arrays of parameters, by its name."""
