"""The cells of a stencil on a grid of threads: tile by tile, by way of shared memory.

Each block takes every so manyth tile, as many as there are blocks. Its threads copy what the
cells of the tile read to shared memory, with what lies beyond the border in its place, wait for
each other, and compute a cell each from there. (Micikevicius, "3D Finite Difference Computation on
GPUs using CUDA", 2009.) Where that would be too much for shared memory, elements are read where
they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from kernelgen.ir.core import Value
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.stencil_cells import PaddedCells
from kernelgen.types.compound import NONE, Array
from kernelgen.types.table import WEAK_BOOL, WEAK_INT

THREADS = 256
"""Of a block, along one dimension."""

_TILES = {1: (256,), 2: (8, 32), 3: (2, 4, 32)}
"""The cells of a tile along the axes, the one that runs fastest in memory last."""

_SHARED = 40 << 10
"""Bytes of shared memory that tiles take at most."""


def tile_of(ndim: int) -> tuple[int, ...]:
    """How many cells a tile has along each axis, from the outermost loop on."""
    return _TILES.get(ndim) or (*(1,) * (ndim - 3), *_TILES[3])


class GridCells(PaddedCells):
    """Cells that the threads of a grid share; the copies are tiles."""

    def write(self) -> None:
        """Write what a thread does."""
        w = self.w
        self.tile = tile_of(len(self.axes))
        shapes = tuple(t + a.low + a.high for t, a in zip(self.tile, self.axes, strict=True))
        needed = sum(array_type(v).dtype.size for v in self.windows) * prod(shapes)
        self.padded = self._tiles(shapes) if needed <= _SHARED else []
        self.own = w.emit("register", WEAK_INT, register="tid.x")
        w.emit("begin_scope", NONE)
        counts = [self._tiles_along(k) for k in range(len(self.axes))]
        total = counts[0]
        for count in counts[1:]:
            total = w.emit("mul", WEAK_INT, total, count)
        first = w.emit("register", WEAK_INT, register="ctaid.x")
        step = w.emit("register", WEAK_INT, register="nctaid.x")
        left = w.emit("sub", WEAK_INT, w.emit("add", WEAK_INT, total, self.plus(step, -1)), first)
        rounds = w.emit("floordiv", WEAK_INT, left, step)

        def at(i: Value) -> None:
            number = w.emit("add", WEAK_INT, first, w.emit("mul", WEAK_INT, i, step))
            places = self._split(number, counts)
            starts = [
                w.emit("mul", WEAK_INT, p, w.integer(t))
                for p, t in zip(places, self.tile, strict=True)
            ]
            self._compute_tile(starts, shapes)

        w.loops([rounds], at)

    def _tiles(self, shape: tuple[int, ...]) -> list[Value]:
        """The shared memory of each window."""
        made = []
        for window in self.windows:
            t = array_type(window).dtype
            attrs = {"shape": shape, "dtype": t, "space": "shared"}
            made.append(self.w.emit("grid_array", Array(t, len(shape), "C"), **attrs))
        return made

    def _tiles_along(self, k: int) -> Value:
        """How many tiles there are along an axis."""
        above = self.plus(self.axes[k].cells, self.tile[k] - 1)
        return self.w.emit("floordiv", WEAK_INT, above, self.w.integer(self.tile[k]))

    def _split(self, number: Value, counts: Sequence[Value]) -> list[Value]:
        """The places along axes of what has a number, the last axis running fastest."""
        places = []
        for count in reversed(counts[1:]):
            whole = self.w.emit("floordiv", WEAK_INT, number, count)
            covered = self.w.emit("mul", WEAK_INT, whole, count)
            places.append(self.w.emit("sub", WEAK_INT, number, covered))
            number = whole
        return [number, *reversed(places)]

    def _compute_tile(self, starts: Sequence[Value], shape: tuple[int, ...]) -> None:
        w = self.w
        if self.padded:
            self._fill_tile(starts, shape)
            w.emit("syncthreads", NONE)
        own = self._split(self.own, list(map(w.integer, self.tile)))
        places = [w.emit("add", WEAK_INT, s, p) for s, p in zip(starts, own, strict=True)]
        inside = w.all_of(
            w.emit("lt", WEAK_BOOL, p, axis.cells)
            for p, axis in zip(places, self.axes, strict=True)
        )
        copied = own if self.padded else places
        w.choose(inside, lambda: self.store(self.values(copied), places), lambda: None)
        if self.padded:
            w.emit("syncthreads", NONE)

    def _fill_tile(self, starts: Sequence[Value], shape: tuple[int, ...]) -> None:
        """Copy what the cells of a tile read."""
        w, size = self.w, prod(shape)
        lengths = list(map(w.integer, shape))

        def copy(k: Value) -> None:
            own = self._split(k, lengths)
            moved = [w.emit("add", WEAK_INT, s, p) for s, p in zip(starts, own, strict=True)]
            for tile, number in zip(self.padded, range(len(self.windows)), strict=True):
                w.emit("put", NONE, tile, self._beyond(number, moved), *own)

        def at(i: Value) -> None:
            taken = w.emit("mul", WEAK_INT, i, w.integer(THREADS))
            k = w.emit("add", WEAK_INT, taken, self.own)
            some = w.emit("lt", WEAK_BOOL, k, w.integer(size))
            w.choose(some, lambda: copy(k), lambda: None)

        w.loops([w.integer(-(-size // THREADS))], at)

    def _beyond(self, window: int, moved: Sequence[Value]) -> Value:
        """The element at a place that counts from the first one that is read, wherever it is.

        Beyond the last cells of the last tile nothing is read that counts.
        """
        w, indices = self.w, []
        for axis, place in zip(self.axes, moved, strict=True):
            index = self.plus(self.place(axis, place), -axis.low)
            if axis.crosses:
                index = self.mapped(axis, index)
            last = self.plus(axis.length, -1)
            index = w.emit("min", WEAK_INT, index, last)
            if axis.crosses and not axis.has_constant:
                index = w.emit("max", WEAK_INT, index, w.integer(0))
            indices.append(index)
        return self.element_or_constant(self.windows[window], indices, self.axes)

    def new_slice(self, t: Array, shape: Sequence[int]) -> Value:
        """In the thread's own memory."""
        return self.w.emit("frame_array", t, count=prod(shape), shape=tuple(shape))

    def read(self, window: int, indices: Sequence[Value]) -> Value:
        """From the tile, or from where it is."""
        return super().read(window, indices) if self.padded else self._beyond(window, indices)
