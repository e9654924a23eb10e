"""What stencils have to give: the kernel on whole arrays that go beyond their borders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

NUMPYS = {"nearest": "edge", "reflect": "symmetric", "mirror": "reflect", "wrap": "wrap"}
"""The modes by the names of ``np.pad``."""

Modes = Sequence[tuple[str, str]]
Halo = Sequence[tuple[int, int]]


class Shifted:
    """An array that is read at offsets from all cells at once."""

    def __init__(self, padded: np.ndarray, halo: Halo, shape: Sequence[int]) -> None:
        self.padded, self.halo, self.shape = padded, halo, shape

    def __getitem__(self, offsets: Any) -> np.ndarray:
        parts = offsets if isinstance(offsets, tuple) else (offsets,)
        starts = [low + offset for (low, _), offset in zip(self.halo, parts)]
        return self.padded[tuple(slice(s, s + n) for s, n in zip(starts, self.shape))]


def beyond(array: np.ndarray, halo: Halo, modes: Modes, cval: Any) -> np.ndarray:
    """The array with what lies beyond its borders; of "valid" ones nothing."""
    for axis, ((low, high), (before, behind)) in enumerate(zip(halo, modes)):
        parts = [array]
        if before != "valid" and low:
            parts.insert(0, _padded(array, axis, (low, 0), before, cval, slice(None, low)))
        if behind != "valid" and high:
            parts.append(_padded(array, axis, (0, high), behind, cval, slice(-high, None)))
        array = np.concatenate(parts, axis)
    return array


def _padded(
    array: np.ndarray, axis: int, widths: tuple[int, int], mode: str, cval: Any, part: slice
) -> np.ndarray:
    pads = [(0, 0)] * array.ndim
    pads[axis] = widths
    if mode == "constant":
        whole = np.pad(array, pads, constant_values=np.array(cval).astype(array.dtype))
    else:
        whole = np.pad(array, pads, NUMPYS[mode])
    index = [slice(None)] * array.ndim
    index[axis] = part
    return whole[tuple(index)]


def expected(
    kernel: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    halo: Halo,
    modes: Modes,
    cval: Any = 0,
) -> Any:
    """What a stencil makes of arrays of one shape."""
    shape = [
        max(n - (low if a == "valid" else 0) - (high if b == "valid" else 0), 0)
        for n, (low, high), (a, b) in zip(arrays[0].shape, halo, modes)
    ]
    if 0 in shape or 0 in arrays[0].shape:
        empty = [np.zeros([1] * a.ndim, a.dtype) for a in arrays]
        made = expected(kernel, empty, halo, [("nearest", "nearest")] * len(halo))
        if isinstance(made, tuple):
            return tuple(np.empty(shape, each.dtype) for each in made)
        return np.empty(shape, made.dtype)
    return kernel(*(Shifted(beyond(a, halo, modes, cval), halo, shape) for a in arrays))
