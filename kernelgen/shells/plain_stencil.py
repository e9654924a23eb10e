"""A stencil in plain Python: the kernel is called for each cell, with the arrays seen from it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from kernelgen.borders import Border, index_beyond
from kernelgen.ops.stencils import Plan
from kernelgen.ops.windows import ASKED
from kernelgen.types.table import from_dtype


class _Relative:
    """An array that is indexed by offsets from a cell."""

    def __init__(self, array: Any, borders: Sequence[Border], kernel: Any) -> None:
        self.array = array
        self.borders = borders
        self.neighborhood = kernel.choices.neighborhood
        t = from_dtype(array.dtype)
        self.constant = None if t is None else kernel.choices.constant_of(t)
        self.cell: tuple[int, ...] = ()
        for name in ASKED:
            setattr(self, name, getattr(array, name))

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, offsets: Any) -> Any:
        parts = offsets if isinstance(offsets, tuple) else (offsets,)
        if len(parts) != self.array.ndim:
            raise IndexError(f"{self.array.ndim} offsets are needed, not {len(parts)}")
        axes = [self._offsets(axis, part) for axis, part in enumerate(parts)]
        found = [self._at(each) for each in product(*axes)]
        shape = [len(a) for a, p in zip(axes, parts, strict=True) if isinstance(p, slice)]
        if not any(isinstance(part, slice) for part in parts):
            return found[0]
        return np.array(found, self.array.dtype).reshape(shape)

    def _offsets(self, axis: int, part: Any) -> Sequence[int]:
        if self.neighborhood is None:
            if isinstance(part, slice):
                return range(part.start, part.stop, part.step or 1)
            return [int(part)]
        low, high = self.neighborhood[axis]
        if isinstance(part, slice):
            step = part.step or 1
            first, end = (low, high + 1) if step > 0 else (high, low - 1)
            start = first if part.start is None else part.start
            return range(start, end if part.stop is None else part.stop, step)
        if not low <= part <= high:
            raise IndexError(
                f"the offset {part} is outside of the neighborhood {low, high} of axis {axis}"
            )
        return [int(part)]

    def _at(self, offsets: Sequence[int]) -> Any:
        place = []
        for border, i, offset, length in zip(
            self.borders, self.cell, offsets, self.array.shape, strict=True
        ):
            index = i + offset
            if index < 0 or index >= length:
                index = index_beyond(border.low if index < 0 else border.high, index, length)
            place.append(index)
        return self.constant if -1 in place else self.array[tuple(place)]


def run(kernel: Any, values: Sequence[Any], out: Any) -> Any:
    """Call a stencil's kernel for each cell.

    Parameters
    ----------
    kernel : StencilKernel
        The kernel with what the user asked for.
    values : sequence
        The arguments.
    out : array, tuple of arrays or None
        Where the results go.
    """
    names = kernel.function.__code__.co_varnames
    windows = [
        i
        for i, (name, value) in enumerate(zip(names, values, strict=False))
        if isinstance(value, np.ndarray) and name not in kernel.choices.standard
    ]
    arrays = [values[i] for i in windows]
    name = kernel.__name__
    if not arrays:
        raise TypeError(f"{name}() is given no array that it reads at offsets")
    for each in arrays:
        if each.shape != arrays[0].shape:
            raise ValueError(
                f"the arrays that {name}() reads at offsets have the shapes {arrays[0].shape} and "
                f"{each.shape}"
            )
    borders = kernel.choices.borders_of(arrays[0].ndim)
    seen = list(values)
    for i in windows:
        seen[i] = _Relative(values[i].copy(), borders, kernel)
    ranges = _ranges(kernel, values, arrays[0].shape, borders)
    results = []
    for cell in product(*ranges):
        for i in windows:
            seen[i].cell = cell
        results.append(kernel.function(*seen))
    shape = tuple(map(len, ranges))
    if not results:
        return _empty(kernel.plan(values), shape, out)
    if isinstance(results[0], tuple):
        made = [
            _array(kernel, k, column, shape) for k, column in enumerate(zip(*results, strict=True))
        ]
        return _stored(made, out)
    return _stored([_array(kernel, 0, results, shape)], None if out is None else (out,))[0]


def _ranges(
    kernel: Any, values: Sequence[Any], shape: Sequence[int], borders: Sequence[Border]
) -> list[range]:
    """The cells along each axis. How far a kernel reads, only its code tells."""
    if not any("valid" in border for border in borders):
        return list(map(range, shape))
    return [
        range(low if border.low == "valid" else 0, n - (high if border.high == "valid" else 0))
        for n, (low, high), border in zip(shape, kernel.plan(values).halo, borders, strict=True)
    ]


def _empty(plan: Plan, shape: tuple[int, ...], out: Any) -> Any:
    """The results of no cells, whose types only the kernel's code tells."""
    made = [np.empty(shape, t.dtype) for t in plan.dtypes]
    if plan.single:
        return _stored(made, None if out is None else (out,))[0]
    return _stored(made, out)


def _array(kernel: Any, number: int, values: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """The values in an array of the dtype in which NumPy's scalars and Python's numbers meet."""
    asked = kernel.choices.dtypes
    if asked:
        return np.array(values, asked[number % len(asked)].dtype).reshape(shape)
    strong = {value.dtype for value in values if isinstance(value, np.generic)}
    weak = {type(value)() for value in values if not isinstance(value, np.generic)}
    dtype = np.result_type(*strong, *weak)
    return np.array(values, dtype).reshape(shape)


def _stored(made: list[Any], out: Any) -> Any:
    if out is None:
        return tuple(made)
    for target, source in zip(out, made, strict=True):
        if target.shape != source.shape:
            raise ValueError(f"out= has the shape {target.shape}, the result {source.shape}")
        np.copyto(target, source)
    return out
