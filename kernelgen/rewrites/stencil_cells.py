"""The loops over the cells of a stencil, once its arrays have been checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from types import FunctionType
from typing import Any, NamedTuple

from kernelgen.borders import Border, index_beyond
from kernelgen.ir.core import Function, Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.stencil_body import Read
from kernelgen.rewrites.virtual_rows import put_in_place
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import NONE, Array, Tuple, Window
from kernelgen.types.table import INT64, WEAK_BOOL, WEAK_INT, Scalar

_TABLE = Array(INT64, 1, "C")


class Axis(NamedTuple):
    """An axis of the loops.

    Attributes
    ----------
    low, high : int
        How many elements are read in front of a cell's own, and behind it.
    border : Border
        What lies beyond its ends.
    length : Value
        Of the arrays.
    first, cells : Value
        The first cell that is computed, and how many.
    """

    low: int
    high: int
    border: Border
    length: Value
    first: Value
    cells: Value

    @property
    def crosses(self) -> bool:
        """Whether anything is read beyond the border."""
        return bool(self.low and self.border.low != "valid") or bool(
            self.high and self.border.high != "valid"
        )

    @property
    def has_constant(self) -> bool:
        """Whether that may be the constant."""
        low, high = self.border
        return bool(self.low and low == "constant") or bool(self.high and high == "constant")


class Kernel(NamedTuple):
    """What is computed for each cell.

    Attributes
    ----------
    body : Function
        It is used up.
    reads : list of Read
        Where it reads its windows, by the axes of the loops.
    args : list of Value
        The arguments that are no windows.
    dtypes : tuple of Scalar
        Of the results.
    constant : callable
        The constant beyond borders, as a value of some type.
    reverse : bool
        Whether the axes of the loops are those of the user in reverse.
    """

    body: Function
    reads: list[Read]
    args: list[Value]
    dtypes: tuple[Scalar, ...]
    constant: Callable[[Scalar], Any]
    reverse: bool


class Cells:
    """The loops over the cells, ``windows`` and ``targets`` having their axes in this order."""

    def __init__(
        self,
        w: Writer,
        kernel: Kernel,
        axes: list[Axis],
        windows: list[Value],
        targets: list[Value],
    ) -> None:
        self.w = w
        self.kernel = kernel
        self.axes = axes
        self.windows = windows
        self.targets = targets

    def table(self, axis: Axis) -> Value:
        """A new array: for each place that is read, from the first one on, the index there is."""
        reach = self.w.integer(axis.low + axis.high)
        table = self.w.emit(
            "array_of_shape", _TABLE, self.w.emit("add", WEAK_INT, axis.cells, reach)
        )
        if axis.low:
            self._fill(table, axis, self.w.integer(0), self.w.integer(axis.low))
        self.w.loops(
            [axis.cells], lambda i: self.put(table, self.plus(i, axis.low), self.place(axis, i))
        )
        if axis.high:
            behind = self.plus(axis.cells, axis.low)
            self._fill(table, axis, behind, self.w.integer(axis.high))
        return table

    def place(self, axis: Axis, i: Value) -> Value:
        """The element at the i-th cell."""
        return self.w.emit("add", WEAK_INT, i, axis.first)

    def _fill(self, table: Value, axis: Axis, start: Value, count: Value) -> None:
        """Fill ``count`` places of a table with what may be beyond the border."""

        def at(i: Value) -> None:
            place = self.w.emit("add", WEAK_INT, start, i)
            index = self.plus(self.place(axis, place), -axis.low)
            self.put(table, place, self.mapped(axis, index))

        self.w.loops([count], at)

    def mapped(self, axis: Axis, index: Value) -> Value:
        """The element that stands at an index, which may be beyond the border."""
        return put_in_place(self.w, _mapping(*axis.border), [index, axis.length])

    def plus(self, value: Value, constant: int) -> Value:
        if not constant:
            return value
        return self.w.emit("add", WEAK_INT, value, self.w.integer(constant))

    def get(self, array: Value, *indices: Value, **attrs: Any) -> Value:
        return self.w.emit("get", array_type(array).dtype, array, *indices, **attrs)

    def put(self, array: Value, index: Value, value: Value, **attrs: Any) -> None:
        value = self.w.converted(value, array_type(array).dtype)
        self.w.emit("put", NONE, array, value, index, **attrs)

    def offsets(self, read: Read) -> list[tuple[int, ...]]:
        """Those of all elements that are read at a place, in the order of the array they make."""
        lists = [[o] if isinstance(o, int) else list(o or ()) for o in read.offsets]
        if self.kernel.reverse:
            return [each[::-1] for each in product(*lists[::-1])]
        return list(product(*lists))

    def several(self, read: Read, values: list[Value]) -> Value:
        """A new array of what is read by slices."""
        t = array_type(read.op.value)
        ranges = [o for o in read.offsets if isinstance(o, range)]
        lengths = [len(o) for o in (ranges[::-1] if self.kernel.reverse else ranges)]
        made = self.w.emit("frame_array", t, count=len(values), shape=tuple(lengths))
        places = product(*map(range, lengths))
        for place, value in zip(places, values, strict=True):
            self.w.emit("put", NONE, made, value, *map(self.w.integer, place))
        return made

    def element_or_constant(
        self, array: Value, indices: list[Value], axes: Sequence[Axis]
    ) -> Value:
        """An element, or the constant where an index is -1."""
        beyond: Value | None = None
        zero = self.w.integer(0)
        for k, axis in enumerate(axes):
            if axis.has_constant:
                each = self.w.emit("lt", WEAK_BOOL, indices[k], zero)
                beyond = each if beyond is None else self.w.emit("or", WEAK_BOOL, beyond, each)
                indices[k] = self.w.emit("max", WEAK_INT, indices[k], zero)
        element = self.get(array, *indices)
        if beyond is None:
            return element
        t = array_type(array).dtype
        return self.w.emit("where", t, beyond, self.constant(t), element)

    def constant(self, t: Scalar) -> Value:
        """What lies beyond a border that is constant."""
        return self.w.emit("const", t, value=self.kernel.constant(t))

    def compute(self, found: dict[Read, Value]) -> list[Value]:
        """Put the kernel's body here, which is given what it reads; the cell's new values."""
        w, body = self.w, self.kernel.body
        body.substitute({read.op.value: value for read, value in found.items()})
        known = {read.op for read in self.kernel.reads}
        for block in body.blocks:
            block.ops = [op for op in block.ops if op not in known]
        body.entry.args = [p for p in body.params if not isinstance(p.type, Window)]
        result = w.inline(body.blocks, self.kernel.args, body.result, placed=True)
        if not isinstance(result.type, Tuple):
            return [w.converted(result, self.kernel.dtypes[0])]
        return [
            w.converted(w.emit("item", t, result, index=i), dtype)
            for i, (t, dtype) in enumerate(
                zip(result.type.elements, self.kernel.dtypes, strict=True)
            )
        ]


Outer = tuple[int, ...]
"""The offsets along all axes but the last, which tell a row from others that are read."""


class RowCells(Cells):
    """All offsets are known, and rows are read where they stand.

    The cells of a row are those at its left end, in the middle, and at its right end. ``section``
    is how many elements around an end are copied.
    """

    def write(self) -> None:
        """Write the loops."""
        self.prepare()
        self.tables = [self.table(axis) if axis.crosses else None for axis in self.outer]
        self.over(0, (), {})

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

        def at(i: Value) -> None:
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

        self.w.loops([axis.cells], at)

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
        beyond: Value | None = None
        for axis, index, table in zip(self.outer, own, self.tables, strict=True):
            if axis.has_constant and table is not None:
                each = self.w.emit("lt", WEAK_BOOL, index, self.w.integer(0))
                beyond = each if beyond is None else self.w.emit("or", WEAK_BOOL, beyond, each)
        if beyond is None:
            return row
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

            found = {read: self._found(read, element) for read in self.kernel.reads}
            place = self.w.emit("add", WEAK_INT, start, j)
            for target, value in zip(targets, self.compute(found), strict=True):
                self.put(target, place, value, scope="written")

        self.w.loops([count], at)

    def _found(self, read: Read, element: Callable[[int, tuple[int, ...]], Value]) -> Value:
        """What is read at one place: an element, or a new array of several."""
        if all(isinstance(offset, int) for offset in read.offsets):
            return element(read.window, tuple(read.offsets))  # type: ignore[arg-type]
        return self.several(read, [element(read.window, each) for each in self.offsets(read)])


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
        self.w = w = cells.w
        axis, section = cells.last, cells.section
        zero = w.integer(0)
        wanted = w.integer(axis.low if axis.border.low != "valid" else 0)
        self.left = w.emit("min", WEAK_INT, wanted, axis.cells)
        rest = w.emit("sub", WEAK_INT, axis.cells, self.left)
        wanted = w.integer(axis.high if axis.border.high != "valid" else 0)
        self.right = w.emit("min", WEAK_INT, wanted, rest)
        self.middle = w.emit("sub", WEAK_INT, rest, self.right)
        self.behind = w.emit("add", WEAK_INT, self.left, self.middle)
        self.sources = w.emit("frame_array", _TABLE, count=2 * section)
        for side, start in enumerate((zero, self.behind)):
            self._fill(start, side * section)
        self.copies = self._copies()

    def _fill(self, start: Value, at: int) -> None:
        """Note which elements stand around the cell ``start``."""
        cells, axis = self.cells, self.cells.last

        def put(p: Value) -> None:
            cell = self.w.emit("add", WEAK_INT, start, p)
            index = cells.plus(cells.place(axis, cell), -axis.low)
            cells.put(self.sources, cells.plus(p, at), cells.mapped(axis, index))

        self.w.loops([self.w.integer(cells.section)], put)

    def _copies(self) -> dict[tuple[int, Outer], Value]:
        cells, found = self.cells, {}
        for n in dict.fromkeys(n for n, _ in cells.rows):
            own = [key for key in cells.rows if key[0] == n]
            t = array_type(cells.windows[n]).dtype
            lengths = [self.w.integer(len(own)), self.w.integer(2 * cells.section)]
            block = self.w.emit("array_of_shape", Array(t, 2, "C"), *lengths)
            for k, key in enumerate(own):
                found[key] = self.w.emit("row", Array(t, 1, "C"), block, self.w.integer(k))
        return found

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


class StepCells(RowCells):
    """Several steps of a stencil that is applied to its own result, on one way through memory.

    Along the first axis, each step follows the one before it as closely as what it reads allows:
    at distance ``lag``. All but the last keep only the rows around there, in a ring of ``depth``
    rows that stay in the cache. Where that axis wraps round, steps but the last go beyond its ends.

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
        inner = [other.length for other in self.axes[1:]]
        self.rings = [
            w.emit(
                "array_of_shape",
                Array(array_type(v).dtype, len(self.axes) + 1, "C"),
                *(earlier, w.integer(self.depth), *inner),
            )
            for v in self.targets
        ]
        self.sources, self.results = self.windows, self.targets
        delay = w.emit("mul", WEAK_INT, earlier, w.integer(self.lag))

        def at(t: Value, s: Value) -> None:
            behind_first = w.emit("mul", WEAK_INT, s, w.integer(self.lag))
            row = w.emit("sub", WEAK_INT, w.emit("sub", WEAK_INT, t, before), behind_first)
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
        whole, ring = (w.emit("array_of_shape", _TABLE, length) for _ in range(2))
        self.tables = [whole] + [
            self.table(other) if other.crosses else None for other in self.outer[1:]
        ]
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
        begun = self.w.emit("ge", WEAK_BOOL, row, first)
        return self.w.emit("and", WEAK_BOOL, begun, self.w.emit("lt", WEAK_BOOL, row, last))

    def _step(self, row: Value, step: Value) -> None:
        """Compute a row of a step, from the arrays or from the rings."""
        w, axis = self.w, self.outer[0]
        is_first = w.emit("eq", WEAK_BOOL, step, w.integer(0))
        is_last = w.emit("eq", WEAK_BOOL, step, self.final)
        before = w.emit("sub", WEAK_INT, step, w.integer(1))
        self.windows = list(self.sources)
        self.targets = []
        for n, (ring, result) in enumerate(zip(self.rings, self.results, strict=True)):
            self.windows[n] = self._either(is_first, self.sources[n], ring, before)
            self.targets.append(self._either(is_last, result, ring, step))
        place = w.emit("add", WEAK_INT, row, self.start)
        read = w.emit("either", _TABLE, is_first, self.tables[0], self.ring)  # type: ignore[arg-type]
        written = w.emit("either", _TABLE, is_last, self.tables[0], self.ring)  # type: ignore[arg-type]
        known = {}
        for window, outer in self.rows:
            table = read if window < len(self.rings) else self.tables[0]
            assert table is not None
            known[window, 0, outer[0]] = self.get(table, self.plus(place, outer[0]))
        self.over(1, (self.get(written, place),), known)

    def _either(self, condition: Value, array: Value, ring: Value, step: Value) -> Value:
        """An array, or the rows of a step in a ring."""
        t = array_type(array)
        rows = self.w.emit("row", t, ring, step)
        return self.w.emit("either", t, condition, array, rows)


class PaddedCells(Cells):
    """Offsets are computed: each window is copied with what lies beyond its borders."""

    def write(self) -> None:
        """Write the loops."""
        tables = [self.table(axis) if axis.crosses else None for axis in self.axes]
        self.padded = [self._pad(v, tables) for v in self.windows]
        self.w.emit("begin_scope", NONE)
        self.w.loops([axis.cells for axis in self.axes], self._cell)

    def _pad(self, window: Value, tables: list[Value | None]) -> Value:
        lengths = [self.plus(axis.cells, axis.low + axis.high) for axis in self.axes]
        t = Array(array_type(window).dtype, len(lengths), "C")
        made = self.w.emit("array_of_shape", t, *lengths)

        def at(*places: Value) -> None:
            indices = [
                self.plus(self.place(axis, p), -axis.low) if table is None else self.get(table, p)
                for axis, table, p in zip(self.axes, tables, places, strict=True)
            ]
            value = self.element_or_constant(window, indices, self.axes)
            self.w.emit("put", NONE, made, value, *places)

        self.w.loops(lengths, at)
        return made

    def _cell(self, *places: Value) -> None:
        found: dict[Read, Value] = {}
        for read in self.kernel.reads:
            if None in read.offsets:
                self._replace(read, places)
            else:
                values = [self._element(read.window, places, o) for o in self.offsets(read)]
                sliced = any(isinstance(offset, range) for offset in read.offsets)
                found[read] = self.several(read, values) if sliced else values[0]
        for target, value in zip(self.targets, self.compute(found), strict=True):
            self.w.emit("put", NONE, target, value, *places, scope="written")

    def _element(self, window: int, places: Sequence[Value], offsets: Sequence[int]) -> Value:
        indices = [
            self.plus(p, axis.low + offset)
            for p, axis, offset in zip(places, self.axes, offsets, strict=True)
        ]
        return self.get(self.padded[window], *indices, scope="read")

    def _replace(self, read: Read, places: Sequence[Value]) -> None:
        """Put what finds an element at computed offsets in place of the op that asks for it."""
        w, op = self.w, read.op
        block = next(b for b in self.kernel.body.blocks if op in b.ops)
        at = block.ops.index(op)
        behind, block.ops = block.ops[at + 1 :], block.ops[:at]
        outer, w.block, near, w.near = w.block, block, w.near, op
        indices = []
        for k, (axis, offset) in enumerate(zip(self.axes, self._offsets(op), strict=True)):
            low, high = w.integer(-axis.low), w.integer(axis.high)
            inside = w.emit(
                "and",
                WEAK_BOOL,
                w.emit("ge", WEAK_BOOL, offset, low),
                w.emit("le", WEAK_BOOL, offset, high),
            )
            number = len(self.axes) - 1 - k if self.kernel.reverse else k
            text = f"the offset {{}} is outside of the neighborhood {-axis.low, axis.high} of axis "
            error = Raised(IndexError, (Made(fill, (text + str(number), Slot(WEAK_INT))),))
            w.emit("require", NONE, inside, offset, error=error)
            place = w.emit("add", WEAK_INT, places[k], offset)
            indices.append(self.plus(place, axis.low))
        value = self.get(self.padded[read.window], *indices, scope="read")
        w.block, w.near = outer, near
        block.ops += behind
        self.kernel.body.substitute({op.value: value})

    def _offsets(self, op: Op) -> list[Value]:
        """The offsets of a read, by the axes of the loops."""
        index = op.operands[1]
        if isinstance(index.type, Tuple):
            types = enumerate(index.type.elements)
            parts = [self.w.emit("item", t, index, index=k) for k, t in types]
        else:
            parts = [index]
        parts = [self.w.converted(v, WEAK_INT) for v in parts]
        return parts[::-1] if self.kernel.reverse else parts


@cache
def _mapping(low: str, high: str) -> FunctionType:
    """What finds the element that stands at an index, which may be beyond the border."""

    def element_at(index: int, length: int) -> int:
        if index < 0:
            return index_beyond(low, index, length)
        if index >= length:
            return index_beyond(high, index, length)
        return index

    assert isinstance(element_at, FunctionType)
    return element_at
