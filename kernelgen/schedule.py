"""The cost model of stencils: what stays in the cache, and how loops are cut so that it does."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelgen.ops.stencils import Plan

_USUAL = 1 << 20
"""Bytes of a core's own cache where the system does not tell."""

_MOST_STEPS = 16
"""Further steps on one way through memory save little, and each needs its rows."""

_MANY_READS = 24
"""Of a cell, of which processors do not overlap the next ones enough by themselves."""


@cache
def cache_size() -> int:
    """The bytes of the second level cache, which a core has to itself."""
    try:
        found = os.sysconf("SC_LEVEL2_CACHE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _USUAL
    return found if found > 0 else _USUAL


def kept_bytes() -> int:
    """How many bytes loops leave in the cache until they read them again."""
    return cache_size() // 2


def vectors_at_once(reads: int) -> int:
    """How many vectors of cells a loop computes at once, if a cell reads so many elements.

    The sum of many elements is one chain of additions, each of which waits for the one before, so
    that several chains at once take little longer than one. Short ones overlap by themselves, and
    fewer cells at once leave fewer at the end of a row, which are computed one by one.
    """
    return 4 if reads >= _MANY_READS else 1


LEAST_HEIGHT = 8
"""Of the tiles into which the second axis of three or more is cut.

If a kernel reads ``reach`` indices of the first axis, a tile has as many of the second one as keep
``reach * height`` rows, each being all of the arrays that has one index of both axes, in half of
the second level cache; then each element comes from memory once. Lower tiles would read more at
their edges than they save.
"""


READS_OF_BAND, MOST_BANDS = 32_768, 256
"""Threads share the rows of a stencil in bands, whose cells read as many elements at least, which
takes some 5 to 10 microseconds, so that what a band needs of its own is soon made; and how many
bands there are."""

ROWS_OF_STEPS, BANDS_OF_STEPS = 8, (2, 4, 8, 16, 32, 64)
"""Where several steps are done at once, bands overlap: a step computes ``lag`` rows beyond either
end of a band for each step that follows. So it has as many rows for each of these; and the numbers
of bands, which come out even on most numbers of threads."""


def steps_at_once(plan: Plan, shape: Sequence[int], itemsizes: Sequence[int]) -> int:
    """How many steps of a stencil are done on one way through memory.

    Each step but the last keeps the rows that the next one reads, all that has one index of the
    first axis being a row: ``2 * lag + 1`` of them, if ``lag`` is how far the kernel reads along
    that axis. As many steps are done as keep their rows in half of the second level cache.

    Parameters
    ----------
    plan : Plan
        What a call of the stencil comes to.
    shape : sequence of int
        Of the arrays.
    itemsizes : sequence of int
        The bytes of an element of each array that the stencil computes.

    Returns
    -------
    int
        1 if it does not pay, as the arrays are in the cache, or cannot be done, as the array has
        one axis alone, offsets are computed, the result is smaller than the array, one end of the
        first axis alone wraps round, or an array that is computed is not read at offsets.
    """
    order = range(plan.ndim)[:: -1 if plan.reverse else 1]
    size = math.prod(shape) * sum(itemsizes)
    low_high, border = plan.halo[order[0]], plan.borders[order[0]]
    wraps = [mode == "wrap" for mode, reach in zip(border, low_high, strict=True) if reach]
    shrinks = any("valid" in each for each in plan.borders)
    count = len(itemsizes)
    if plan.ndim < 2 or plan.padded or shrinks or any(wraps) != all(wraps):
        return 1
    if 2 * size <= cache_size() or plan.windows[:count] != tuple(range(count)):
        return 1
    rows = 2 * max(low_high) + 1
    row = size // shape[order[0]]
    return max(1, min(_MOST_STEPS, kept_bytes() // (rows * row)))
