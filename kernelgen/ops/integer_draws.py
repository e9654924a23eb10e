"""Random integers between bounds, in the kernel language.

How one is drawn is up to ``narrow`` and ``wide``. The first is given the greatest integer, how many
bits it may have, and a word of 32 bits with how often it can be used further. It gives an integer,
and a word with how often it can be used. The second is for those of more than 32 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.draws import word_of


def take(word: Any, bits: Any, kept: Any, left: Any) -> Any:
    """A word of 32 bits whose low ones are to be used, and how often it can be used further."""
    if left == 0:
        return np.uint64(word()), 32 // bits - 1
    return kept >> np.uint64(bits), left - 1


def drawn_integers(
    narrow: Any, wide: Any, low: Any, high: Any, size: Any, dtype: Any, endpoint: Any, name: Any
) -> Any:
    """What ``integers`` and ``randint`` give."""
    kind = np.dtype(dtype)
    if not (np.issubdtype(kind, np.integer) or kind == np.bool_):
        raise TypeError(f"Unsupported dtype {kind!r} for {name}")
    if high is None:
        return _drawn(narrow, wide, 0, low, size, kind, endpoint, dtype)
    return _drawn(narrow, wide, low, high, size, kind, endpoint, dtype)


def _drawn(
    narrow: Any,
    wide: Any,
    low: Any,
    high: Any,
    size: Any,
    kind: Any,
    endpoint: Any,
    asked: Any,
) -> Any:
    if size is None:
        least, most = _ends(low, high, kind, endpoint)
        number = (least + _one(narrow, wide, most, kind)).astype(kind)
        return asked(number) if asked is int or asked is bool else number
    made = np.empty(size, kind)
    if made.size > 0:
        least, most = _ends(low, high, kind, endpoint)
        _fill(narrow, wide, made.reshape(-1), least, most, kind)
    return made


def _one(narrow: Any, wide: Any, most: Any, kind: Any) -> Any:
    if kind.itemsize == 8:
        return up_to(narrow, wide, most)
    drawn, _, _ = narrow(most, _bits_of(kind), np.uint64(0), 0)
    return drawn


def up_to(narrow: Any, wide: Any, most: Any) -> Any:
    """An integer up to ``most``."""
    if most > np.uint64(0xFFFFFFFF):
        return wide(most)
    drawn, _, _ = narrow(most, 32, np.uint64(0), 0)
    return drawn


def _bits_of(kind: Any) -> Any:
    """How many random bits an integer of a dtype takes at a time."""
    return 1 if kind == np.bool_ else 8 * kind.itemsize


def _fill(narrow: Any, wide: Any, flat: Any, least: Any, most: Any, kind: Any) -> None:
    if kind.itemsize == 8:
        for i in range(len(flat)):
            flat[i] = (least + up_to(narrow, wide, most)).astype(kind)
    else:
        kept, left = np.uint64(0), 0
        for i in range(len(flat)):
            drawn, kept, left = narrow(most, _bits_of(kind), kept, left)
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
