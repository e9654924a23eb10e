"""NumPy's functions that look things up in tables, written in the kernel language.

Tables are arrays of one dimension. An element is taken by ``element``, as indices are right here.
What takes a table apart before the kernel runs is in ``rewrites/resolve_table_calls.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.complex_library import imag as part_imag
from kernelgen.ops.complex_library import of_parts
from kernelgen.ops.complex_library import real as part_real
from kernelgen.ops.library import element, type_like


def _is_less(a: Any, b: Any) -> Any:
    """The order in which NumPy sorts: nan and NaT come last."""
    return a < b or (b != b and a == a)  # noqa: PLR0124


def _is_before(a: Any, value: Any, right: Any) -> Any:
    """Whether ``a`` stands in front of the place of ``value``, beside equal ones."""
    return not _is_less(value, a) if right else _is_less(a, value)


def _meet_as_float(a: Any, value: Any) -> Any:
    """Whether NumPy compares two integers as floats: one of uint64, and one with a sign."""
    one = isinstance(a, np.uint64) and isinstance(value, np.signedinteger)
    return one or (isinstance(a, np.signedinteger) and isinstance(value, np.uint64))


def place_in(a: Any, value: Any, right: Any) -> Any:
    """How many elements of a sorted table stand in front of ``value``.

    How far it goes depends on the length alone, so the loop of a constant table is written out.
    """
    first = 0
    count = len(a)
    while count > 1:
        half = count // 2
        first = first + half if _is_before(element(a, first + half - 1), value, right) else first
        count -= half
    if count == 1 and _is_before(element(a, first), value, right):
        first += 1
    return first


def searchsorted(a: Any, v: Any, right: Any) -> Any:
    """``np.searchsorted``, in front of equal elements or behind them."""
    if isinstance(v, np.ndarray):
        return places_of_all(a, v, right)
    return place_of(a, v, right)


def place_of(a: Any, v: Any, right: Any) -> Any:
    """The same of one value."""
    if len(a) == 0:
        return np.int64(0)
    if _meet_as_float(element(a, 0), v):
        return np.int64(_place_as_float(a, v, right))
    return np.int64(place_in(a, v, right))


def places_of_all(a: Any, values: Any, right: Any) -> Any:
    """The same of an array of values."""
    flat = np.ravel(values)
    made = np.empty(len(flat), np.int64)
    for i in range(len(flat)):
        made[i] = place_of(a, element(flat, i), right)
    return np.reshape(made, values.shape)


def _place_as_float(a: Any, value: Any, right: Any) -> Any:
    first = 0
    for i in range(len(a)):
        if _is_before(float(element(a, i)), float(value), right):
            first = i + 1
    return first


def digitize_rising(x: Any, bins: Any, right: Any = False) -> Any:
    """``np.digitize`` of bins that rise."""
    return searchsorted(bins, x, not right)


def digitize_falling(x: Any, reversed_bins: Any, right: Any = False) -> Any:
    """``np.digitize`` of bins that fall, which are given in reverse."""
    return len(reversed_bins) - searchsorted(reversed_bins, x, not right)


def polyval(p: Any, x: Any) -> Any:
    """``np.polyval`` by Horner's scheme; ``p`` is a tuple."""
    y = np.zeros_like(x) if isinstance(x, np.ndarray) else type_like(0, x)
    for coefficient in p:
        y = y * x + coefficient
    return y


# ----------------------------------------------------------------------------- interpolation


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    x = np.float64(x)
    last = len(xp) - 1
    low = _end(fp, 0, left)
    high = _end(fp, last, right)
    if last == 0:
        value = np.float64(element(fp, 0))
        return low if x < element(xp, 0) else high if x > element(xp, 0) else value
    place = _interval(x, xp)
    within = _between(x, xp, place, element(fp, place), element(fp, place + 1), False)
    return _chosen(x, xp, low, high, np.float64(element(fp, last)), within, x)


def interp_complex(
    x: Any, xp: Any, real: Any, imag: Any, left: Any = None, right: Any = None
) -> Any:
    """The same of complex values, given by their parts."""
    x = np.float64(x)
    last = len(xp) - 1
    low, high = _ends(real, imag, 0, left), _ends(real, imag, last, right)
    end = _ends(real, imag, last, None)
    if last == 0:
        below, above = x < element(xp, 0), x > element(xp, 0)
        return of_parts(
            low[0] if below else high[0] if above else end[0],
            low[1] if below else high[1] if above else end[1],
        )
    place = _interval(x, xp)
    parts = (
        _between(x, xp, place, element(real, place), element(real, place + 1), True),
        _between(x, xp, place, element(imag, place), element(imag, place + 1), True),
    )
    return of_parts(
        _chosen(x, xp, low[0], high[0], end[0], parts[0], x),
        _chosen(x, xp, low[1], high[1], end[1], parts[1], 0.0),
    )


def _end(values: Any, place: Any, given: Any) -> Any:
    """The result beyond the end of a table."""
    return np.float64(element(values, place) if given is None else given)


def _ends(real: Any, imag: Any, place: Any, given: Any) -> Any:
    """The same of complex values, by its parts."""
    if given is None:
        return _end(real, place, None), _end(imag, place, None)
    return _end(real, place, part_real(given)), _end(imag, place, part_imag(given))


def _interval(x: Any, xp: Any) -> Any:
    """The interval of the table in which ``x`` lies, the nearest one of what lies in none."""
    place = place_in(xp, x, True) - 1
    return min(max(place, 0), len(xp) - 2)


def _between(x: Any, xp: Any, place: Any, first: Any, second: Any, inverts: Any) -> Any:
    """The value on the line through the ends of an interval, from the end where it is a number.

    The slope is a quotient, or a product with the inverse of the interval's length.
    """
    start, stop = np.float64(element(xp, place)), np.float64(element(xp, place + 1))
    first, second = np.float64(first), np.float64(second)
    rise, run = second - first, stop - start
    slope = rise * (1.0 / run) if inverts else rise / run
    value = slope * (x - start) + first
    other = slope * (x - stop) + second
    other = first if np.isnan(other) and first == second else other
    value = other if np.isnan(value) else value
    return first if start == x else value


def _chosen(x: Any, xp: Any, low: Any, high: Any, end: Any, within: Any, no_number: Any) -> Any:
    """The result within the table, at its end, beyond it, and where ``x`` is nan."""
    first, last = element(xp, 0), element(xp, len(xp) - 1)
    result = within if x < last else end
    result = high if x > last else result
    result = low if x < first else result
    return no_number if np.isnan(x) else result
