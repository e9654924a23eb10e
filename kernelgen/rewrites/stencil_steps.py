"""Several steps of a stencil at once: its rows are those of the step before."""

from __future__ import annotations

from typing import Any

from kernelgen.ir.core import Value
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.stencil_cells import TABLE, Axis
from kernelgen.rewrites.stencil_rows import RowCells
from kernelgen.schedule import BANDS_OF_STEPS, ROWS_OF_STEPS
from kernelgen.types.compound import Array
from kernelgen.types.table import WEAK_BOOL, WEAK_INT


class StepCells(RowCells):
    """Several steps of a stencil that is applied to its own result, on one way through memory.

    Along the first axis, each step follows the one before it as closely as what it reads allows:
    at distance ``lag``. All but the last keep only the rows around there, in a ring of ``depth``
    rows that stay in the cache. Where that axis wraps round, steps but the last go beyond its ends.
    Threads share bands of rows; the steps of each begin so far in front of the band, and end so
    far behind it, that the last step has all that it needs.

    Parameters
    ----------
    steps : Value
        How many.
    """

    def __init__(self, *args: Any, steps: Value) -> None:
        super().__init__(*args)
        self.steps = steps

    def write(self) -> None:
        """Write the loops."""
        self.prepare()
        w, axis = self.w, self.outer[0]
        self.lag = max(axis.low, axis.high)
        self.depth = 2 * self.lag + 1
        self.wraps = axis.crosses and "wrap" in axis.border
        earlier = w.emit("sub", WEAK_INT, self.steps, w.integer(1))
        self.final = earlier
        before, behind = (self._beyond(earlier, n) for n in (axis.low, axis.high))
        self.start = self.plus(before, axis.low)
        rows = w.emit("add", WEAK_INT, axis.cells, w.emit("add", WEAK_INT, before, behind))
        self._write_tables(axis, self.plus(rows, axis.low + axis.high))
        self.sources, self.results = self.windows, self.targets
        self.rows_beyond = before, behind
        if w.shares:
            self.over_bands(self._bands_of_steps(), self._over_steps)
        else:
            self._over_steps()

    def _bands_of_steps(self) -> Value:
        """How many bands threads share; they overlap, so they are not too low."""
        w, cells = self.w, self.outer[0].cells
        least = w.emit("mul", WEAK_INT, self.steps, w.integer(ROWS_OF_STEPS * self.lag))
        bands = w.integer(1)
        for count in BANDS_OF_STEPS:
            needed = w.emit("mul", WEAK_INT, least, w.integer(count))
            enough = w.emit("ge", WEAK_BOOL, cells, needed)
            bands = w.emit("where", WEAK_INT, enough, w.integer(count), bands)
        return w.emit("min", WEAK_INT, bands, self.bands())

    def _over_steps(self) -> None:
        """Do all steps of a band, or of all rows."""
        w, axis, lag = self.w, self.outer[0], self.w.integer(self.lag)
        self.make_copies()
        inner = [other.length for other in self.axes[1:]]
        self.rings = [
            w.emit(
                "array_of_shape",
                Array(array_type(v).dtype, len(self.axes) + 1, "C"),
                *(self.final, w.integer(self.depth), *inner),
            )
            for v in self.results
        ]
        before, behind = self.rows_beyond
        first = w.emit("neg", WEAK_INT, before)
        end = w.emit("add", WEAK_INT, axis.cells, behind)
        delay = w.emit("mul", WEAK_INT, self.final, lag)
        if self.band is not None:
            start, count = self.band
            reached = w.emit("sub", WEAK_INT, start, delay)
            first = w.emit("max", WEAK_INT, first, reached)
            end = w.emit("add", WEAK_INT, start, count)
        rows = w.emit("sub", WEAK_INT, end, first)

        def at(t: Value, s: Value) -> None:
            behind_first = w.emit("mul", WEAK_INT, s, lag)
            row = w.emit("sub", WEAK_INT, w.emit("add", WEAK_INT, t, first), behind_first)
            w.choose(self._has(row, s), lambda: self._step(row, s), lambda: None)

        w.loops([w.emit("add", WEAK_INT, rows, delay), self.steps], at)

    def _beyond(self, steps: Value, reach: int) -> Value:
        """How many rows beyond an end are computed, so that so many steps can still follow."""
        if not self.wraps:
            return self.w.integer(0)
        return self.w.emit("mul", WEAK_INT, steps, self.w.integer(reach))

    def _write_tables(self, axis: Axis, length: Value) -> None:
        """For each place along the first axis the row of an array, and that of a ring."""
        w, zero, depth = self.w, self.w.integer(0), self.w.integer(self.depth)
        whole, ring = (w.emit("array_of_shape", TABLE, length) for _ in range(2))
        others = [self.table(other) if other.crosses else None for other in self.outer[1:]]
        self.tables = [whole, *others]
        self.whole = whole
        self.ring = ring

        def at(p: Value) -> None:
            index = w.emit("sub", WEAK_INT, p, self.start)
            row = self.mapped(axis, index)
            self.put(whole, p, row)
            place = w.emit("mod", WEAK_INT, index if self.wraps else row, depth)
            if axis.has_constant:
                beyond = w.emit("lt", WEAK_BOOL, row, zero)
                place = w.emit("where", WEAK_INT, beyond, row, place)
            self.put(ring, p, place)

        w.loops([length], at)

    def _has(self, row: Value, step: Value) -> Value:
        """Whether a step computes a row."""
        axis, left = self.outer[0], self.w.emit("sub", WEAK_INT, self.final, step)
        first = self.w.emit("neg", WEAK_INT, self._beyond(left, axis.low))
        last = self.w.emit("add", WEAK_INT, axis.cells, self._beyond(left, axis.high))
        if self.band is not None:
            start, count = self.band
            reach = self.w.emit("mul", WEAK_INT, left, self.w.integer(self.lag))
            begins = self.w.emit("sub", WEAK_INT, start, reach)
            end = self.w.emit("add", WEAK_INT, start, count)
            first = self.w.emit("max", WEAK_INT, first, begins)
            last = self.w.emit("min", WEAK_INT, last, self.w.emit("add", WEAK_INT, end, reach))
        begun = self.w.emit("ge", WEAK_BOOL, row, first)
        return self.w.emit("and", WEAK_BOOL, begun, self.w.emit("lt", WEAK_BOOL, row, last))

    def _step(self, row: Value, step: Value) -> None:
        """Compute a row of a step, from the arrays or from the rings."""
        w = self.w
        is_first = w.emit("eq", WEAK_BOOL, step, w.integer(0))
        is_last = w.emit("eq", WEAK_BOOL, step, self.final)
        before = w.emit("sub", WEAK_INT, step, w.integer(1))
        self.windows = list(self.sources)
        self.targets = []
        for n, (ring, result) in enumerate(zip(self.rings, self.results, strict=True)):
            self.windows[n] = self._either(is_first, self.sources[n], ring, before)
            self.targets.append(self._either(is_last, result, ring, step))
        place = w.emit("add", WEAK_INT, row, self.start)
        read = w.emit("either", TABLE, is_first, self.whole, self.ring)
        written = w.emit("either", TABLE, is_last, self.whole, self.ring)
        known = {}
        for window, outer in self.rows:
            table = read if window < len(self.rings) else self.whole
            known[window, 0, outer[0]] = self.get(table, self.plus(place, outer[0]))
        self.over(1, (self.get(written, place),), known)

    def _either(self, condition: Value, array: Value, ring: Value, step: Value) -> Value:
        """An array, or the rows of a step in a ring."""
        t = array_type(array)
        rows = self.w.emit("row", t, ring, step)
        return self.w.emit("either", t, condition, array, rows)
