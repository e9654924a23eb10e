"""What reductions do with the elements of one row, and with one element, in the kernel language.

``rewrites/loop_reductions.py`` puts these into its loops. The elements ``a`` of a row are no array
in memory: they are computed where they are read. Floats are added in the order in which NumPy adds
them, so that sums are the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_LOT = 128
"""So many elements are looked at before asking what they amount to."""


def scratch(count: Any, like: Any) -> Any:
    """The op of that name: room for ``count`` numbers like some, in the function's own frame."""
    return np.empty(count, np.asarray(like).dtype)


# --------------------------------------------------------------------------- sums and products


def add(before: Any, x: Any) -> Any:
    return before + x


def multiply(before: Any, x: Any) -> Any:
    return before * x


BUFFERED = 8192
"""NumPy converts so many elements at a time to another type, and adds what each lot sums up to."""


def add_real_row(before: Any, a: Any) -> Any:
    return add_by_halves(before, a, len(a), 8, False)


def add_complex_row(before: Any, a: Any) -> Any:
    return add_by_halves(before, a, len(a), 4, False)


def add_converted_real_row(before: Any, a: Any) -> Any:
    return add_by_halves(before, a, BUFFERED, 8, True)


def add_converted_complex_row(before: Any, a: Any) -> Any:
    return add_by_halves(before, a, BUFFERED, 4, True)


def add_computed_real_row(before: Any, a: Any) -> Any:
    return add_by_halves(before, a, len(a), 8, True)


def add_computed_complex_row(before: Any, a: Any) -> Any:
    return add_by_halves(before, a, len(a), 4, True)


def add_by_halves(before: Any, a: Any, most: Any, lanes: Any, computed: Any) -> Any:
    """Add ``a`` to ``before`` in lots of at most ``most`` elements, each summed by halves.

    A lot is halved, at a multiple of ``lanes``, until blocks are left that are short enough.
    ``sums`` are those of left halves whose right halves, of ``sizes`` elements, are still to come;
    a size of zero says that the right half is on its way. Elements that are ``computed`` come into
    a block of memory first, in a loop that vectorises whatever it takes to compute them.
    """
    partial = scratch(8, a)
    block = scratch(128, a)
    sums = scratch(64, a)
    sizes = scratch(64, 0)
    start = 0
    while start < len(a):
        size = min(most, len(a) - start)
        depth = 0
        while True:
            while size > 16 * lanes:
                half = (size >> 1) // lanes * lanes
                sizes[depth] = size - half
                size = half
                depth += 1
            if computed:
                for i in range(size):
                    block[i] = a[start + i]
                total = block_sum(block, 0, size, lanes, partial)
            else:
                total = block_sum(a, start, size, lanes, partial)
            start += size
            while depth > 0 and sizes[depth - 1] == 0:
                depth -= 1
                total = sums[depth] + total
            if depth == 0:
                break
            sums[depth - 1] = total
            size = sizes[depth - 1]
            sizes[depth - 1] = 0
        before = before + total
    return before


def block_sum(a: Any, start: Any, size: Any, lanes: Any, partial: Any) -> Any:
    """The sum of some elements: each lane adds every so many of them, the rest comes last."""
    for k in range(lanes):
        partial[k] = 0
    whole = size // lanes * lanes
    for i in range(start, start + whole, lanes):
        for k in range(lanes):
            partial[k] = partial[k] + a[i + k]
    total = (partial[0] + partial[1]) + (partial[2] + partial[3])
    if lanes == 8:
        total = total + ((partial[4] + partial[5]) + (partial[6] + partial[7]))
    for i in range(start + whole, start + size):
        total = total + a[i]
    return total


# --------------------------------------------------------------------------------- extrema


def greater(before: Any, x: Any) -> Any:
    return x if x > before else before


def less(before: Any, x: Any) -> Any:
    return x if x < before else before


def greater_or_nan(before: Any, x: Any) -> Any:
    """nan is greater than all."""
    return x if x > before or x != x else before  # noqa: PLR0124


def less_or_nan(before: Any, x: Any) -> Any:
    return x if x < before or x != x else before  # noqa: PLR0124


def later(before: Any, x: Any) -> Any:
    """NaT is later than all."""
    return x if x > before or x != x else before  # noqa: PLR0124


def earlier(before: Any, x: Any) -> Any:
    return x if x < before or x != x else before  # noqa: PLR0124


def greater_number(before: Any, x: Any) -> Any:
    """nan is less than all."""
    return x if x > before or before != before else before  # noqa: PLR0124


def less_number(before: Any, x: Any) -> Any:
    return x if x < before or before != before else before  # noqa: PLR0124


# ----------------------------------------------------------------------------------- truth


def either(before: Any, x: Any) -> Any:
    return before | x


def both(before: Any, x: Any) -> Any:
    return before & x


def any_of_row(before: Any, a: Any) -> Any:
    start = 0
    while start < len(a) and not before:
        stop = min(start + _LOT, len(a))
        for i in range(start, stop):
            before = before | a[i]
        start = stop
    return before


def all_of_row(before: Any, a: Any) -> Any:
    start = 0
    while start < len(a) and before:
        stop = min(start + _LOT, len(a))
        for i in range(start, stop):
            before = before & a[i]
        start = stop
    return before


# ------------------------------------------------------------------------------- positions


def first_greatest(best: Any, place: Any, x: Any, i: Any) -> Any:
    """The greatest of all so far, and its place; nan is greater than all, once."""
    better = x > best or (x != x and best == best)  # noqa: PLR0124
    return (x if better else best), (i if better else place)


def first_least(best: Any, place: Any, x: Any, i: Any) -> Any:
    better = x < best or (x != x and best == best)  # noqa: PLR0124
    return (x if better else best), (i if better else place)


def first_greatest_of_row(best: Any, place: Any, a: Any, offset: Any) -> Any:
    """The same of a row, whose first element has the place ``offset``: lot by lot."""
    found = -1
    for start in range(0, len(a), _LOT):
        stop = min(start + _LOT, len(a))
        most = best
        for i in range(start, stop):
            most = greater_or_nan(most, a[i])
        if most > best or (most != most and best == best):  # noqa: PLR0124
            best = most
            found = start
    if found >= 0:
        place = offset + place_of(best, a, found)
    return best, place


def first_least_of_row(best: Any, place: Any, a: Any, offset: Any) -> Any:
    found = -1
    for start in range(0, len(a), _LOT):
        stop = min(start + _LOT, len(a))
        most = best
        for i in range(start, stop):
            most = less_or_nan(most, a[i])
        if most < best or (most != most and best == best):  # noqa: PLR0124
            best = most
            found = start
    if found >= 0:
        place = offset + place_of(best, a, found)
    return best, place


def first_latest_of_row(best: Any, place: Any, a: Any, offset: Any) -> Any:
    for i in range(len(a)):
        best, place = first_greatest(best, place, a[i], offset + i)
    return best, place


def first_earliest_of_row(best: Any, place: Any, a: Any, offset: Any) -> Any:
    for i in range(len(a)):
        best, place = first_least(best, place, a[i], offset + i)
    return best, place


def place_of(value: Any, a: Any, start: Any) -> Any:
    """Where ``value`` stands first in ``a`` from ``start`` on; or nan, of which it is one then."""
    i = start
    while i < len(a) - 1 and a[i] != value and a[i] == a[i]:
        i += 1
    return i


# -------------------------------------------------------------------------------- finishing


def place_found(best: Any, place: Any, count: Any, ddof: Any) -> Any:
    return place


def mean_of(total: Any, count: Any, ddof: Any) -> Any:
    """A sum over how many there were, less some."""
    return total / max(count - ddof, 0)
