"""Arrays of stencils, and the ways in which they lie in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np


def _spread(array: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    """The same values, so many elements apart along each axis; from the back if below 0."""
    shape = [max(n * abs(s), 1) for n, s in zip(array.shape, steps)]
    places = tuple(slice(None, None, s) for s in steps)
    room = np.zeros(shape, array.dtype)[places]
    found = room[tuple(slice(n) for n in array.shape)]
    found[...] = array
    return found


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def _unaligned(array: np.ndarray) -> np.ndarray:
    room = np.zeros(array.shape, [("before", "u1"), ("x", array.dtype)])
    room["x"] = array
    return room["x"]


def _permuted(array: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """The same values, those along the axis ``axes[-1]`` side by side."""
    return np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes))


def _orders(ndim: int) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    for axes in itertools.permutations(range(ndim)):
        yield f"axes {axes}", lambda a, axes=axes: _permuted(a, axes)


LAYOUTS: dict[int, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    ndim: {
        **dict(_orders(ndim)),
        "strided": lambda a: _spread(a, (1,) * (a.ndim - 1) + (2,)),
        "strided rows": lambda a: _spread(a, (3,) + (1,) * (a.ndim - 1)),
        "reversed": lambda a: _spread(a, (-1,) * a.ndim),
        "reversed rows": lambda a: _spread(a, (-1,) + (1,) * (a.ndim - 1)),
        "read-only": _read_only,
        "unaligned": _unaligned,
    }
    for ndim in (1, 2, 3)
}
"""By the number of dimensions, what makes an array of the same values that lies another way."""


def numbers(seed: int, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Values of a type that differ, some of them large, none of them special."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind in "biu":
        return rng.integers(0, 2 if dtype.kind == "b" else 127, shape).astype(dtype)
    made = rng.normal(size=shape) * 10
    if dtype.kind == "c":
        made = made + 1j * rng.normal(size=shape)
    return made.astype(dtype)
