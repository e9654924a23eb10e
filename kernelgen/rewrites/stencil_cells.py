"""The loops over the cells of a stencil, once its arrays have been checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from types import FunctionType
from typing import Any, NamedTuple

from kernelgen.borders import Border, index_beyond
from kernelgen.ir.core import Function, Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.stencil_body import MOST_WRITTEN_OUT, Read
from kernelgen.rewrites.virtual_rows import put_in_place
from kernelgen.rewrites.writer import ELEMENTS, Writer
from kernelgen.types.compound import NONE, Array, Tuple, Window
from kernelgen.types.table import INT64, WEAK_BOOL, WEAK_INT, Scalar

TABLE = Array(INT64, 1, "C")


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
            "array_of_shape", TABLE, self.w.emit("add", WEAK_INT, axis.cells, reach)
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

    def found(self, read: Read, element: Callable[[int, tuple[int, ...]], Value]) -> Value:
        """What is read at one place: an element, or a new array of several."""
        values = [element(read.window, each) for each in self.offsets(read)]
        t = read.op.value.type
        if not isinstance(t, Array):
            return values[0]
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
        zero = self.w.integer(0)
        places = [k for k, axis in enumerate(axes) if axis.has_constant]
        if not places:
            return self.get(array, *indices)
        beyond = self.w.any_of([self.w.emit("lt", WEAK_BOOL, indices[k], zero) for k in places])
        for k in places:
            indices[k] = self.w.emit("max", WEAK_INT, indices[k], zero)
        element, t = self.get(array, *indices), array_type(array).dtype
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


class PaddedCells(Cells):
    """Offsets are computed, or slices are large: each window is copied with what lies beyond its
    borders."""

    def write(self) -> None:
        """Write the loops."""
        tables = [self.table(axis) if axis.crosses else None for axis in self.axes]
        self.padded = [self._pad(v, tables) for v in self.windows]
        self.w.emit("begin_scope", NONE)
        self.w.loops([axis.cells for axis in self.axes], self._cell, schedule=ELEMENTS)

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

        self.w.loops(lengths, at, schedule=ELEMENTS)
        return made

    def _cell(self, *places: Value) -> None:
        self.store(self.values(places), places)

    def values(self, places: Sequence[Value]) -> list[Value]:
        """What the kernel makes for the cell at some places of the copies."""
        found: dict[Read, Value] = {}
        for read in self.kernel.reads:
            if None in read.offsets:
                self._replace(read, places)
            elif read.elements > MOST_WRITTEN_OUT:
                found[read] = self._sliced(read, places)
            else:
                found[read] = self.found(read, partial(self._element, places))
        return self.compute(found)

    def store(self, values: Sequence[Value], places: Sequence[Value]) -> None:
        """Store a cell's new values."""
        for target, value in zip(self.targets, values, strict=True):
            self.w.emit("put", NONE, target, value, *places, scope="written")

    def read(self, window: int, indices: Sequence[Value]) -> Value:
        """The element of a window at an index of its copy."""
        return self.get(self.padded[window], *indices, scope="read")

    def _sliced(self, read: Read, places: Sequence[Value]) -> Value:
        """A new array of what is read by slices, made by loops."""
        t, turn = array_type(read.op.value), -1 if self.kernel.reverse else 1
        ranges = [o for o in read.offsets if isinstance(o, range)]
        made = self.new_slice(t, [len(o) for o in ranges[::turn]])

        def at(*own: Value) -> None:
            steps = iter(own[::turn])
            indices = []
            for p, axis, offset in zip(places, self.axes, read.offsets, strict=True):
                first = offset[0] if isinstance(offset, range) else offset or 0
                index = self.plus(p, axis.low + first)
                if isinstance(offset, range):
                    step = self.w.emit("mul", WEAK_INT, next(steps), self.w.integer(offset.step))
                    index = self.w.emit("add", WEAK_INT, index, step)
                indices.append(index)
            value = self.read(read.window, indices)
            self.w.emit("put", NONE, made, value, *own)

        self.w.loops([self.w.integer(len(o)) for o in ranges[::turn]], at)
        return made

    def new_slice(self, t: Array, shape: Sequence[int]) -> Value:
        """An array for what is read by slices."""
        return self.w.emit("array_of_shape", t, *map(self.w.integer, shape))

    def _element(self, places: Sequence[Value], window: int, offsets: Sequence[int]) -> Value:
        indices = [
            self.plus(p, axis.low + offset)
            for p, axis, offset in zip(places, self.axes, offsets, strict=True)
        ]
        return self.read(window, indices)

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
        value = self.read(read.window, indices)
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
