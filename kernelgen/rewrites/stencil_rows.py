"""The cells of a stencil row by row, where the offsets of all that is read are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelgen.ir.core import Value
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.stencil_cells import TABLE, Cells
from kernelgen.rewrites.writer import ELEMENTS
from kernelgen.schedule import (
    LEAST_HEIGHT,
    MOST_BANDS,
    READS_OF_BAND,
    kept_bytes,
    vectors_at_once,
)
from kernelgen.types.compound import NONE, Array
from kernelgen.types.table import WEAK_BOOL, WEAK_INT

MOST_IN_FRAME = 512
"""How many elements around an end of a row have their indices in the frame of the function."""

Outer = tuple[int, ...]
"""The offsets along all axes but the last, which tell a row from others that are read."""


class RowCells(Cells):
    """All offsets are known, and rows are read where they stand.

    The cells of a row are those at its left end, in the middle, and at its right end. ``section``
    is how many elements around an end are copied.
    """

    band: tuple[Value, Value] | None = None
    tile: tuple[Value, Value] | None = None
    """The first index of the first and of the second axis that loops are at, and how many."""

    def write(self) -> None:
        """Write the loops."""
        self.prepare()
        self.tables = [self.table(axis) if axis.crosses else None for axis in self.outer]
        if self.w.shares and self.outer:
            self.over_bands(self.bands(), self._over_rows)
        else:
            self._over_rows()

    def _over_rows(self) -> None:
        self.make_copies()
        if len(self.outer) > 1 and (self.outer[0].low or self.outer[0].high):
            self._over_tiles()
        else:
            self.over(0, (), {})

    def make_copies(self) -> None:
        """Make room for the copies of what ends of rows read, which a thread has for itself."""
        if self.ends is not None:
            self.ends.make_copies()

    def bands(self) -> Value:
        """How many bands threads share."""
        w, cells = self.w, self.axes[0].cells
        rows = w.emit("min", WEAK_INT, cells, w.integer(MOST_BANDS))
        for axis in self.axes[1:]:
            cells = w.emit("mul", WEAK_INT, cells, axis.cells)
        reads = sum(len(self.offsets(read)) for read in self.kernel.reads)
        least = w.integer(max(1, READS_OF_BAND // max(reads, 1)))
        worth = w.emit("floordiv", WEAK_INT, cells, least)
        return w.emit("min", WEAK_INT, rows, w.emit("add", WEAK_INT, worth, w.integer(1)))

    def over_bands(self, count: Value, body: Callable[[], None]) -> None:
        """Loop over so many bands of the first axis, which threads share."""

        def at(_: Value, start: Value, length: Value) -> None:
            self.band = start, length
            body()

        self.w.pieces(self.axes[0].cells, count, at)

    def _over_tiles(self) -> None:
        """Loop over tiles of the second axis, so that what is read again along the first one is
        still in the cache (see ``schedule.py``)."""
        w, (first, second) = self.w, self.outer[:2]
        bytes_ = w.integer((first.low + first.high + 1) * self._itemsizes())
        for axis in self.axes[2:]:
            bytes_ = w.emit("mul", WEAK_INT, bytes_, axis.length)
        fit = w.emit("floordiv", WEAK_INT, w.integer(kept_bytes()), bytes_)
        height = w.emit("max", WEAK_INT, fit, w.integer(LEAST_HEIGHT))
        rest = w.emit("sub", WEAK_INT, w.emit("add", WEAK_INT, second.cells, height), w.integer(1))

        def at(k: Value) -> None:
            start = w.emit("mul", WEAK_INT, k, height)
            left = w.emit("sub", WEAK_INT, second.cells, start)
            self.tile = start, w.emit("min", WEAK_INT, height, left)
            self.over(0, (), {})

        w.loops([w.emit("floordiv", WEAK_INT, rest, height)], at)

    def _itemsizes(self) -> int:
        return sum(array_type(v).dtype.size for v in self.windows)

    def prepare(self) -> None:
        """Write what comes in front of the loops."""
        *self.outer, self.last = self.axes
        self.section = max(self.last.low, self.last.high) + self.last.low + self.last.high
        self.rows = self._rows_read()
        self.constant_rows = self._constant_rows()
        self.ends = _Ends(self) if self.last.crosses else None

    def _rows_read(self) -> dict[tuple[int, Outer], range]:
        """The rows around a cell that are read, by their windows, and the offsets along them."""
        found: dict[tuple[int, Outer], list[int]] = {}
        for read in self.kernel.reads:
            for offsets in self.offsets(read):
                found.setdefault((read.window, offsets[:-1]), []).append(offsets[-1])
        return {row: range(min(each), max(each) + 1) for row, each in found.items()}

    def _constant_rows(self) -> dict[int, Value]:
        """For each window a row of the constant, if whole rows may lie beyond a border."""
        if not any(axis.has_constant for axis in self.outer):
            return {}
        rows = {}
        for n in dict.fromkeys(n for n, _ in self.rows):
            t = array_type(self.windows[n]).dtype
            rows[n] = self.w.emit("array_of_shape", Array(t, 1, "C"), self.last.length)
            self.w.emit("assign", NONE, rows[n], self.constant(t))
        return rows

    # The rows.

    def over(self, depth: int, places: tuple[Value, ...], indices: dict[Any, Value]) -> None:
        """The loop over an axis; ``indices`` are those of rows along the axes in front, by their
        windows, the axes, and the offsets."""
        if depth == len(self.outer):
            self._row(places, indices)
            return
        axis, table = self.outer[depth], self.tables[depth]
        part = (self.band, self.tile)[depth] if depth < 2 else None
        start, count = (None, axis.cells) if part is None else part

        def at(i: Value) -> None:
            i = i if start is None else self.w.emit("add", WEAK_INT, start, i)
            known = dict(indices)
            for window, outer in self.rows:
                offset = outer[depth]
                place = self.plus(i, axis.low + offset)
                known[window, depth, offset] = (
                    self.plus(self.place(axis, i), offset)
                    if table is None
                    else self.get(table, place)
                )
            self.over(depth + 1, (*places, i), known)

        self.w.loops([count], at)

    def _row(self, places: tuple[Value, ...], indices: dict[Any, Value]) -> None:
        self.w.emit("begin_scope", NONE)
        rows = {key: self._row_read(key, indices) for key in self.rows}
        targets = [
            self.w.emit("row", Array(array_type(v).dtype, 1, "C"), v, *places) for v in self.targets
        ]
        if self.ends is None:
            zero = self.w.integer(0)
            base = self.plus(self.last.first, -self.last.low)
            self._cells(rows, targets, base, zero, self.last.cells)
            return
        ends = self.ends
        ends.copy(rows)

        def part(s: Value) -> None:
            middle = self.w.emit("eq", WEAK_BOOL, s, self.w.integer(1))
            chosen = {
                key: self.w.emit("either", array_type(row), middle, row, ends.copies[key])
                for key, row in rows.items()
            }
            self._cells(chosen, targets, *ends.part(s, middle))

        self.w.loops([self.w.integer(3)], part)

    def _row_read(self, key: tuple[int, Outer], indices: dict[Any, Value]) -> Value:
        """One of the rows that are read, or the row of the constant."""
        window, outer = key
        array = self.windows[window]
        t = Array(array_type(array).dtype, 1, "C", readonly=True)
        own = [indices[window, depth, offset] for depth, offset in enumerate(outer)]
        row = self.w.emit("row", t, array, *own)
        places = [index for axis, index in zip(self.outer, own, strict=True) if axis.has_constant]
        if not places:
            return row
        zero = self.w.integer(0)
        beyond = self.w.any_of([self.w.emit("lt", WEAK_BOOL, index, zero) for index in places])
        return self.w.emit("either", t, beyond, self.constant_rows[window], row)

    # The cells.

    def _cells(
        self,
        rows: dict[tuple[int, Outer], Value],
        targets: list[Value],
        base: Value,
        start: Value,
        count: Value,
    ) -> None:
        """Compute ``count`` cells, from ``start`` on; the first reads its rows from ``base`` on."""

        def at(j: Value) -> None:
            origin = self.w.emit("add", WEAK_INT, base, j)
            elements: dict[Any, Value] = {}

            def element(window: int, offsets: tuple[int, ...]) -> Value:
                key = window, offsets
                if key not in elements:
                    place = self.plus(origin, offsets[-1] + self.last.low)
                    row = rows[window, offsets[:-1]]
                    elements[key] = self.get(row, place, scope="read")
                return elements[key]

            found = {read: self.found(read, element) for read in self.kernel.reads}
            place = self.w.emit("add", WEAK_INT, start, j)
            for target, value in zip(targets, self.compute(found), strict=True):
                self.put(target, place, value, scope="written")

        read = {(r.window, each) for r in self.kernel.reads for each in self.offsets(r)}
        count_of_vectors = vectors_at_once(len(read))
        self.w.loops(
            [count], at, interleave=count_of_vectors, schedule=None if self.outer else ELEMENTS
        )


class _Ends:
    """What the cells at the ends of a row read, copied with what lies beyond the border.

    Attributes
    ----------
    copies : dict
        For each row that is read the copies of what is around its left end, then of what is around
        its right one, ``section`` elements each.
    """

    def __init__(self, cells: RowCells) -> None:
        self.cells = cells
        self.w = cells.w

    def _fill(self, start: Value, at: int) -> None:
        """Note which elements stand around the cell ``start``."""
        cells, axis = self.cells, self.cells.last

        def put(p: Value) -> None:
            cell = self.w.emit("add", WEAK_INT, start, p)
            index = cells.plus(cells.place(axis, cell), -axis.low)
            cells.put(self.sources, cells.plus(p, at), cells.mapped(axis, index))

        self.w.loops([self.w.integer(cells.section)], put)

    def make_copies(self) -> None:
        """Make room for the copies, and note what goes there.

        A band begins with that, so that LLVM knows how few cells the ends have.
        """
        self._divide()
        self._find_sources()
        cells, found = self.cells, {}
        for n in dict.fromkeys(n for n, _ in cells.rows):
            own = [key for key in cells.rows if key[0] == n]
            t = array_type(cells.windows[n]).dtype
            lengths = [self.w.integer(len(own)), self.w.integer(2 * cells.section)]
            block = self.w.emit("array_of_shape", Array(t, 2, "C"), *lengths)
            for k, key in enumerate(own):
                found[key] = self.w.emit("row", Array(t, 1, "C"), block, self.w.integer(k))
        self.copies = found

    def _divide(self) -> None:
        """How many cells are at the left end, in the middle, and at the right end."""
        w, axis = self.w, self.cells.last
        wanted = w.integer(axis.low if axis.border.low != "valid" else 0)
        self.left = w.emit("min", WEAK_INT, wanted, axis.cells)
        rest = w.emit("sub", WEAK_INT, axis.cells, self.left)
        wanted = w.integer(axis.high if axis.border.high != "valid" else 0)
        self.right = w.emit("min", WEAK_INT, wanted, rest)
        self.middle = w.emit("sub", WEAK_INT, rest, self.right)
        self.behind = w.emit("add", WEAK_INT, self.left, self.middle)

    def _find_sources(self) -> None:
        """Which elements stand around the first cells of the ends."""
        w, section = self.w, self.cells.section
        self.sources = (
            w.emit("frame_array", TABLE, count=2 * section)
            if section <= MOST_IN_FRAME
            else w.emit("array_of_shape", TABLE, w.integer(2 * section))
        )
        for side, start in enumerate((w.integer(0), self.behind)):
            self._fill(start, side * section)

    def copy(self, rows: dict[tuple[int, Outer], Value]) -> None:
        """Copy what is read around the ends of rows."""
        cells, axis = self.cells, self.cells.last
        alike: dict[range, list[tuple[int, Outer]]] = {}
        for key, reach in cells.rows.items():
            alike.setdefault(reach, []).append(key)
        most = max(axis.low, axis.high)
        for reach, keys in alike.items():

            def at(q: Value, reach: range = reach, keys: Any = keys) -> None:
                for side in range(2):
                    place = cells.plus(q, axis.low + reach[0] + side * cells.section)
                    source = cells.get(self.sources, place)
                    for key in keys:
                        self._copy(rows[key], source, self.copies[key], place)

            self.w.loops([self.w.integer(len(reach) - 1 + most)], at)

    def _copy(self, row: Value, source: Value, copy: Value, place: Value) -> None:
        cells = self.cells
        cells.put(copy, place, cells.element_or_constant(row, [source], [cells.last]))

    def part(self, s: Value, middle: Value) -> tuple[Value, Value, Value]:
        """Of the left end, the middle or the right end: from where its cells read, which cell is
        its first one, and how many there are."""
        cells, zero = self.cells, self.w.integer(0)
        first = self.w.emit("eq", WEAK_BOOL, s, zero)

        def choose(left: Value, between: Value, right: Value) -> Value:
            other = self.w.emit("where", WEAK_INT, middle, between, right)
            return self.w.emit("where", WEAK_INT, first, left, other)

        place = cells.plus(cells.place(cells.last, self.left), -cells.last.low)
        base = choose(zero, place, self.w.integer(cells.section))
        start = choose(zero, self.left, self.behind)
        return base, start, choose(self.left, self.middle, self.right)
