"""The loops of ``cumsum`` and ``cumprod``, whose results have an element for each they take in."""

from __future__ import annotations

from kernelgen.ir.core import Value
from kernelgen.rewrites.loop_arrays import Rows
from kernelgen.rewrites.loop_reductions import Reduction
from kernelgen.rewrites.virtual_rows import Element, put_in_place
from kernelgen.types.compound import Array
from kernelgen.types.table import WEAK_BOOL, WEAK_INT


class Accumulation(Reduction):
    """A tree of ops whose root keeps all that a reduction along an axis goes through."""

    in_order = True

    def write(self) -> Value:
        lengths = self.shape if self.kept else [self._product(self.shape)]
        made = self.w.emit("array_of_shape", Array(self.result, len(lengths), "C"), *lengths)
        so_far = self.w.emit("frame_array", Array(self.result, 0, "C"), count=1)
        self._begin(so_far)
        along_rows = self.axes[-1:] == (len(self.shape) - 1,)

        def on_row(rows: Rows, outer: tuple[Value, ...], count: Value | None) -> None:
            element, length = self._element_of(rows, count), self._length(count)
            if not self.kept:
                self._run_along(made, self._place(outer), so_far, element, length)
            elif along_rows:
                self._begin(so_far)
                row = self._state_row(made, outer)
                self._run_along(row, self.w.integer(0), so_far, element, length)
            else:
                self._go_on_from_row(made, outer, element, length)

        self.loop([], self.shape, on_row, flat=self._may_go_flat())
        return self._as_laid_out(made)

    def _begin(self, so_far: Value) -> None:
        """What can be added, or multiplied by, and changes nothing, not even a sign of zero."""
        start = self.row.start(self.result)
        number = -0.0 if start == 0 and self.result.is_float else start
        self._put_number(so_far, number)

    def _run_along(
        self, row: Value, first: Value, so_far: Value, element: Element, length: Value
    ) -> None:
        """Fill a part of ``row`` that begins at ``first``."""

        def at(i: Value) -> None:
            new = self._next(self._get(so_far, ()), element(i))
            self._put(so_far, (), new)
            self._put(row, (self.w.emit("add", WEAK_INT, first, i),), new)

        self.w.loops([length], at)

    def _go_on_from_row(
        self, made: Value, outer: tuple[Value, ...], element: Element, length: Value
    ) -> None:
        """Fill a row of ``made`` from the one before it along the axis."""
        (axis,) = self.axes
        row = self._state_row(made, outer)
        one = self.w.integer(1)
        before = list(outer)
        before[axis] = self.w.emit("sub", WEAK_INT, outer[axis], one)
        is_first = self.w.emit("eq", WEAK_BOOL, outer[axis], self.w.integer(0))

        def first_row() -> None:
            self.w.loops([length], lambda i: self._put(row, (i,), element(i)))

        def further_row() -> None:
            last = self._state_row(made, tuple(before))

            def at(i: Value) -> None:
                self._put(row, (i,), self._next(self._get(last, (i,)), element(i)))

            self.w.loops([length], at)

        self.w.choose(is_first, first_row, further_row)

    def _next(self, before: Value, x: Value) -> Value:
        take = self.row.of_element(*self._taken())
        return self.w.converted(put_in_place(self.w, take, [before, x]), self.result)
