"""What lies beyond the borders of an array: the modes, and the index that each one reads.

The names and meanings are those of ``scipy.ndimage``.
"""

from __future__ import annotations

from typing import NamedTuple

MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "valid")
"""``valid`` has nothing there: the result has only the cells that read nothing beyond."""


class Border(NamedTuple):
    """The modes of one axis: in front of its first element, and behind its last."""

    low: str
    high: str


def index_beyond(mode: str, index: int, length: int) -> int:
    """The element that stands for one beyond the border, -1 for the constant.

    Parameters
    ----------
    mode : str
        One of `MODES`, but for "valid".
    index : int
        Below 0, or at least ``length``.
    length : int
        At least 1.

    Examples
    --------
    >>> [index_beyond("reflect", i, 3) for i in (-4, -3, -2, -1, 3, 4)]
    [2, 2, 1, 0, 2, 1]
    """
    if mode == "nearest":
        return 0 if index < 0 else length - 1
    if mode == "wrap":
        return index % length
    if mode == "reflect":
        place = index % (2 * length)
        return min(place, 2 * length - 1 - place)
    if mode == "mirror":
        period = max(2 * length - 2, 1)
        place = index % period
        return min(place, period - place) if length > 1 else 0
    return -1
