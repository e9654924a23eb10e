"""The loops of reductions, which compute the elements that they take in.

A reduction keeps a *state*, one for each element of the result: the sum so far, or the greatest
number and its place. The loops are those of expressions. Where the innermost one goes along an
axis that is reduced, a function of ``ops/reduction_library.py`` takes in a whole row; otherwise
each element goes to a state of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelgen.ir.core import Op, Value
from kernelgen.ir.raised import Raised
from kernelgen.ops.reductions import axes_of, begins_with, element_of, row_of
from kernelgen.rewrites.loop_arrays import Expression, Rows, array_type, element_type
from kernelgen.rewrites.virtual_rows import Element, Virtual, put_in_place
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import NONE, Array, Slice, Tuple, dtype_of
from kernelgen.types.table import INT64, WEAK_BOOL, WEAK_INT, Scalar

_PIECE, _MOST_PIECES = 8192, 64
"""How many elements a piece has at least, and how many pieces there are at most, if threads share
what is reduced to one number."""


class Reduction(Expression):
    """A tree of ops of which the root reduces what the others make."""

    in_order = False
    """Whether elements are taken in the order of their indices, however they lie in memory."""

    def __init__(
        self, writer: Writer, root: Op, ops: list[Op], shapes: dict[Value, list[Value]]
    ) -> None:
        super().__init__(writer, root, ops, shapes)
        self.row = row_of(root)
        self.source = root.operands[1]
        self.axes = axes_of(root)
        self.shape = self.shapes[self.source]
        self.result = dtype_of(root.value.type)
        self.states = self.row.state(self.result, element_type(self.source))
        self.reversed = self._turn()
        self._merge()
        self.kept = [axis for axis in range(len(self.shape)) if axis not in self.axes]

    @property
    def independent(self) -> bool:
        """Whether each row of the outermost axis has states of its own."""
        return 0 in self.kept

    @property
    def shares(self) -> bool:
        return self.independent or self._has_pieces

    def _turn(self) -> bool:
        """Where the first index runs fastest, go over all arrays with their axes in reverse."""
        ndim = len(self.shape)
        layouts = {(array_type(v).layout, array_type(v).ndim) for v in self.leaves}
        if layouts != {("F", ndim)} or len(self.axes) == ndim:
            return False
        for leaf in self.leaves:
            t = array_type(leaf)._replace(layout="C")
            self.turned[leaf] = self.w.emit("array_T", t, leaf)
        self.shapes = {v: shape[::-1] for v, shape in self.shapes.items()}
        self.shape = self.shape[::-1]
        self.axes = tuple(ndim - 1 - axis for axis in self.axes)
        return True

    def _merge(self) -> None:
        """Let the last axes be one if all of them are reduced, and lie in memory side by side."""
        ndim = len(self.shape)
        first = ndim
        while first - 1 in self.axes:
            first -= 1
        layouts = {(array_type(self._seen(v)).layout, array_type(v).ndim) for v in self.leaves}
        broadcast = any(
            length is not whole
            for v in self.leaves
            for length, whole in zip(self.shapes[v], self.shape, strict=False)
        )
        if first == 0 or first > ndim - 2 or layouts != {("C", ndim)} or broadcast:
            return
        self.shape = [*self.shape[:first], self._product(self.shape[first:])]
        for v in self.leaves:
            t = array_type(v)._replace(ndim=first + 1, layout="C")
            self.turned[v] = self.w.emit("merged", t, self._seen(v), first=first)
        self.shapes = self.shapes | dict.fromkeys(self.leaves, self.shape)
        self.axes = tuple(axis for axis in self.axes if axis <= first)

    # The root.

    def write(self) -> Value:
        self._require_elements()
        states = [self._new_state(t) for t in self.states]
        for state, start in zip(states, self._starts(states), strict=False):
            self._fill_with(state, start)
        self.loop([], self.shape, self._taking_in(states), flat=self._may_go_flat())
        finished = self._finish(states)
        return self._shaped(finished)

    def _may_go_flat(self) -> bool:
        """Whether the elements may be taken as they lie in memory."""
        needed = self.in_order or self.row.places
        return not self.kept and not (
            needed and any(array_type(v).layout != "C" for v in self.leaves)
        )

    def _require_elements(self) -> None:
        """Raise the error of a reduction that needs an element, and has none."""
        if self.row.empty is None or begins_with(self.root) is not None:
            return
        count = self._product([self.shape[axis] for axis in self.axes])
        some = self.w.emit("ne", WEAK_BOOL, count, self.w.integer(0))
        error = Raised(ValueError, (self.row.empty,))
        self.w.emit("require", NONE, some, error=error)

    def _product(self, factors: Sequence[Value]) -> Value:
        product = self.w.integer(1)
        for factor in factors:
            product = self.w.emit("mul", WEAK_INT, product, factor)
        return product

    # The state.

    def _new_state(self, t: Scalar) -> Value:
        """An array of the axes that are kept; a single number stays in the function's frame."""
        if not self.kept:
            return self.w.emit("frame_array", Array(t, 0, "C"), count=1)
        lengths = [self.shape[axis] for axis in self.kept]
        return self.w.emit("array_of_shape", Array(t, len(lengths), "C"), *lengths)

    def _starts(self, states: list[Value]) -> list[Value]:
        """What states are before any element, unless the user says it."""
        initial = begins_with(self.root)
        if initial is not None:
            return [self.w.converted(initial, self.states[0])]
        numbers = (self.row.start(self.states[0]), 0)
        return [self._number(v, n) for v, n in zip(states, numbers, strict=False)]

    def _fill_with(self, state: Value, start: Value) -> None:
        if self.kept:
            self.w.emit("assign", NONE, state, start)
        else:
            self._put(state, (), start)

    def _put_number(self, state: Value, number: Any) -> None:
        self._put(state, (), self._number(state, number))

    def _number(self, state: Value, number: Any) -> Value:
        """A constant of the type of a state's elements; a time by its ticks."""
        t = element_type(state)
        dtype = INT64.dtype if t.is_time else t.dtype
        return self.w.emit("const", t, value=dtype.type(number).view(t.dtype))

    def _finish(self, states: list[Value]) -> Value:
        """The result of the states: a number, or an array of the axes that are kept."""
        if self.row.finish is None:
            return states[0] if self.kept else self._get(states[0], ())
        counted = self._product([self.shape[axis] for axis in self.axes])
        count = self.w.converted(counted, INT64)
        if not self.kept:
            return self._finished(states, (), count)
        made = states[-1]
        if element_type(made) != self.result:
            lengths = [self.shape[axis] for axis in self.kept]
            t = Array(self.result, len(lengths), "C")
            made = self.w.emit("array_of_shape", t, *lengths)
        elif self.row.places:
            return made
        lengths = [self.shape[axis] for axis in self.kept]
        self.w.loops(lengths, lambda *i: self._put(made, i, self._finished(states, i, count)))
        return made

    def _finished(self, states: list[Value], i: tuple[Value, ...], count: Value) -> Value:
        assert self.row.finish is not None
        values = [self._get(state, i) for state in states]
        found = put_in_place(self.w, self.row.finish, [*values, count, self.root.operands[5]])
        return self.w.converted(found, self.result)

    def _shaped(self, result: Value) -> Value:
        """The result with all dimensions of the root's."""
        t = self.root.value.type
        result = self._as_laid_out(result)
        if not isinstance(t, Array) or t == result.type:
            return result
        if not self.kept:
            made = self.w.emit("array_of_shape", t, *[self.w.integer(1)] * t.ndim)
            self._put(made, tuple([self.w.integer(0)] * t.ndim), result)
            return made
        return self._with_axes(result, t, [axis in axes_of(self.root) for axis in range(t.ndim)])

    def _as_laid_out(self, result: Value) -> Value:
        """A result of which the axes stand in reverse, as they should."""
        if not self.reversed or not isinstance(result.type, Array) or result.type.ndim < 2:
            return result
        return self.w.emit("array_T", result.type._replace(layout="F"), result)

    def _with_axes(self, result: Value, t: Array, new: list[bool]) -> Value:
        """A view with further axes of one element."""
        none = Slice(NONE, NONE, NONE)
        types = tuple(NONE if each else none for each in new)
        values = tuple(None if each else slice(None) for each in new)
        index = self.w.emit("const", Tuple(types), value=values)
        return self.w.emit("subscript", t, result, index, checked=False)

    # Rows.

    def _taking_in(self, states: list[Value]) -> Callable[..., None]:
        """What takes in a row: as a whole, or element by element where its axis is kept."""
        last = len(self.shape) - 1

        def on_row(rows: Rows, outer: tuple[Value, ...], count: Value | None) -> None:
            element, length = self._element_of(rows, count), self._length(count)
            if self._has_pieces and not outer and count is not None:
                self._take_pieces(states[0], element, count)
                return
            kept = tuple(outer[axis] for axis in self.kept if axis != last)
            if self.kept and self.kept[-1] == last:
                place = [outer[axis] for axis in self.axes] if self.row.places else []
                self._take_elements(states, kept, element, length, place)
            else:
                place = [self._place(outer)] if self.row.places else []
                self._take_row(states, kept, element, length, place)

        return on_row

    def _element_of(self, rows: Rows, count: Value | None) -> Element:
        def element(i: Value) -> Value:
            indices = () if count is None else (i,)
            made = self.element(self.source, lambda leaf: self._get(rows[leaf], indices))
            return self.w.converted(made, element_of(self.states[0]))

        return element

    def _length(self, count: Value | None) -> Value:
        return self.w.integer(1) if count is None else count

    def _take_row(
        self,
        states: list[Value],
        kept: tuple[Value, ...],
        element: Element,
        count: Value,
        place: list[Value],
    ) -> None:
        before = [self._get(state, kept) for state in states]
        self._put_parts(states, kept, self._behind_row(before, element, count, place))

    def _behind_row(
        self, before: list[Value], element: Element, count: Value, place: list[Value]
    ) -> Value:
        """What the states are behind a row."""
        take = self.row.of_row(*self._taken())
        if take is None:
            return self._one_by_one(before[0], element, count)
        t = Array(element_of(self.states[0]), 1, "C")
        return put_in_place(self.w, take, [*before, Virtual(t, count, element), *place])

    @property
    def _has_pieces(self) -> bool:
        """Whether threads may share a row that is all there is, a piece each."""
        plain = len(self.states) == 1 and self.states[0] == element_of(self.states[0])
        return self.w.shares and plain and not self.kept and not self.in_order

    def _take_pieces(self, state: Value, element: Element, count: Value) -> None:
        """Reduce pieces of a row, which threads share, then what they come to, in order.

        The pieces depend on the number of elements alone, and so does the result.
        """
        w, (t,) = self.w, self.states
        more = w.emit("floordiv", WEAK_INT, count, w.integer(_PIECE))
        more = w.emit("add", WEAK_INT, more, w.integer(1))
        pieces = w.emit("min", WEAK_INT, more, w.integer(_MOST_PIECES))
        found = w.emit("frame_array", Array(t, 1, "C"), count=_MOST_PIECES)

        def at(piece: Value, first: Value, length: Value) -> None:
            def own(i: Value) -> Value:
                return element(w.emit("add", WEAK_INT, first, i))

            before = self._number(state, self.row.start(t))
            self._put(found, (piece,), self._behind_row([before], own, length, []))

        w.pieces(count, pieces, at)
        take = self.row.of_element(t, t, True)

        def join(piece: Value) -> None:
            parts = [self._get(state, ()), self._get(found, (piece,))]
            self._put(state, (), put_in_place(w, take, parts))

        w.loops([pieces], join)

    def _taken(self) -> tuple[Scalar, Scalar, bool]:
        """What decides how elements are taken in."""
        return self.states[0], element_type(self.source), bool(self.ops)

    def _one_by_one(self, before: Value, element: Element, count: Value) -> Value:
        (t,) = self.states
        wide = element_of(t)
        so_far = self.w.emit("frame_array", Array(wide, 0, "C"), count=1)
        self._put(so_far, (), before)
        take = self.row.of_element(*self._taken())

        def at(i: Value) -> None:
            self._put(so_far, (), put_in_place(self.w, take, [self._get(so_far, ()), element(i)]))

        self.w.loops([count], at)
        return self._get(so_far, ())

    def _take_elements(
        self,
        states: list[Value],
        kept: tuple[Value, ...],
        element: Element,
        count: Value,
        place: list[Value],
    ) -> None:
        rows = [self._state_row(state, kept) for state in states]
        take = self.row.of_element(*self._taken())

        def at(i: Value) -> None:
            before = [self._get(row, (i,)) for row in rows]
            self._put_parts(rows, (i,), put_in_place(self.w, take, [*before, element(i), *place]))

        self.w.loops([count], at)

    def _state_row(self, state: Value, kept: tuple[Value, ...]) -> Value:
        return self.w.emit("row", Array(element_type(state), 1, "C"), state, *kept)

    def _place(self, outer: tuple[Value, ...]) -> Value:
        """The place of a row's first element among all that are reduced."""
        place = self.w.integer(0)
        if self.kept or not outer:
            return place
        for index, length in zip(outer, self.shape[1:], strict=True):
            place = self.w.emit("add", WEAK_INT, place, index)
            place = self.w.emit("mul", WEAK_INT, place, length)
        return place
