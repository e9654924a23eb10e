"""The loops over the cells of a stencil, with the kernel's body in them.

A row is all cells along the axis that runs fastest. Along the other axes a table tells for each
index, and for those beyond the border, which row is read; so a row near a border costs no more
than one inside. Of a row, the cells in the middle are computed where they stand, and those at its
ends from copies of what they read, with what lies beyond the border; all by the same loop, which
has no test in it.

Where the kernel computes offsets, it reads a copy of each array that goes beyond the border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kernelgen.ir.core import Function, Op, Value
from kernelgen.ops.stencils import arguments_of, given_outs, plan_of, types_of
from kernelgen.options import Options
from kernelgen.rewrites.broadcast import of_shapes
from kernelgen.rewrites.grid_cells import GridCells
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.stencil_body import give_arrays, reads
from kernelgen.rewrites.stencil_cells import Axis, Kernel, PaddedCells
from kernelgen.rewrites.stencil_rows import RowCells
from kernelgen.rewrites.stencil_steps import StepCells
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import NONE, Array, Tuple
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar

Prepare = Callable[[Function, Options], None]
"""What is applied to a kernel's typed body, with its options, before it is put into loops."""


def write_stencil(w: Writer, op: Op, prepare: Prepare) -> Value:
    """Write the loops of an op ``stencil``; what the call gives."""
    kind = _Steps if op.name == "stencil_steps" else _Call
    return kind(w, op, prepare).write()


class _Call:
    """One call: its arrays, as they are given and as the loops go over them."""

    def __init__(self, w: Writer, op: Op, prepare: Prepare) -> None:
        self.w = w
        self.op = op
        self.plan = plan_of(op)
        self.stencil = op.attrs["stencil"]
        self.prepare = prepare
        self.inputs = arguments_of(op)
        self.given = [self.inputs[i] for i in self.plan.windows]

    def write(self) -> Value:
        lengths = self._lengths()
        outs = self._outs()
        if self.stencil.on_grid:
            return self._write_on_grid(lengths, outs)
        ranges = [self._range(axis, n) for axis, n in enumerate(lengths)]
        shape = [count for _, count in ranges]
        words = f"out= of {self.stencil.__name__}() has the shape {{}}, but the result has {{}}"
        for out in outs:
            if out is not None:
                self._require_alike(self._shape_of(out), shape, words)
        order = self._order()
        made = [
            self._new(t, shape) if out is None else out
            for t, out in zip(self.plan.dtypes, outs, strict=True)
        ]
        some = self._all_positive([*lengths, *shape])
        self.w.choose(some, lambda: self._compute(outs, made, lengths, ranges, order), _nothing)
        return made[0] if self.plan.single else self.w.emit("tuple", self.op.value.type, *made)  # type: ignore[arg-type]

    def _write_on_grid(self, lengths: list[Value], outs: list[Value | None]) -> Value:
        """The same for the threads of a grid, which share the cells.

        Who launches it gives it arrays for the results that have the right shapes and dtypes, and
        share no memory with others.
        """
        order = self._order()
        targets = [self._turned(out) for out in outs if out is not None]
        ranges = [self._range(axis, n) for axis, n in enumerate(lengths)]
        axes = self._axes(order, lengths, ranges)
        windows = [self._turned(v) for v in self.given]
        GridCells(self.w, self._kernel(order), axes, windows, targets).write()
        return self.op.operands[-1]

    def _order(self) -> range:
        """The axes from the outermost loop to the innermost one."""
        return range(self.plan.ndim)[:: -1 if self.plan.reverse else 1]

    # What is given.

    def _outs(self) -> list[Value | None]:
        out, types = self.op.operands[-1], given_outs(self.op, self.plan)
        if None in types:
            return [None] * len(types)
        if not isinstance(out.type, Tuple):
            return [out]
        return [self.w.emit("item", t, out, index=i) for i, t in enumerate(types)]  # type: ignore[arg-type]

    def _lengths(self) -> list[Value]:
        """The shape of the arrays, which is one for all."""
        first, *others = self.given
        lengths = self._shape_of(first)
        words = f"the arrays that {self.stencil.__name__}() reads at offsets have the shapes "
        for other in others:
            self._require_alike(lengths, self._shape_of(other), words + "{} and {}")
        return lengths

    def _require_alike(self, own: list[Value], other: list[Value], words: str) -> None:
        """Two shapes are equal, or an error is raised whose words show both."""
        pairs = zip(own, other, strict=True)
        same = self.w.all_of(self.w.emit("eq", WEAK_BOOL, *pair) for pair in pairs)
        error = of_shapes(words, len(own), len(other))
        self.w.emit("require", NONE, same, *own, *other, error=error)

    def _shape_of(self, v: Value) -> list[Value]:
        axes = range(array_type(v).ndim)
        return [self.w.emit("dim", WEAK_INT, v, axis=axis) for axis in axes]

    def _all_positive(self, lengths: Sequence[Value]) -> Value:
        zero = self.w.integer(0)
        return self.w.all_of(self.w.emit("gt", WEAK_BOOL, n, zero) for n in lengths)

    def _range(self, axis: int, length: Value) -> tuple[Value, Value]:
        """The first cell along an axis, and how many there are: of all, or of the valid ones."""
        (low, high), border = self.plan.halo[axis], self.plan.borders[axis]
        first = self.w.integer(low if border.low == "valid" else 0)
        cut = (low if border.low == "valid" else 0) + (high if border.high == "valid" else 0)
        if not cut:
            return first, length
        left = self.w.emit("sub", WEAK_INT, length, self.w.integer(cut))
        return first, self.w.emit("max", WEAK_INT, left, self.w.integer(0))

    def _new(self, t: Scalar, shape: list[Value]) -> Value:
        layout = "F" if self.plan.reverse else "C"
        return self.w.emit("array_of_shape", Array(t, len(shape), layout), *shape)

    # The arrays of the loops.

    def _compute(
        self,
        outs: list[Value | None],
        made: list[Value],
        lengths: list[Value],
        ranges: list[tuple[Value, Value]],
        order: range,
    ) -> None:
        windows = [self._dense(self._turned(v)) for v in self.given]
        shape = [ranges[axis][1] for axis in order]
        targets, after = [], []
        for i, (t, out, result) in enumerate(zip(self.plan.dtypes, outs, made, strict=True)):
            target = self._turned(result)
            if out is not None:
                others = [*self._arrays(self.inputs), *(v for v in outs[:i] if v is not None)]
                target, write_back = self._target(target, t, shape, others)
                after.append(write_back)
            targets.append(self._seen(target, Array(t, self.plan.ndim, "A")))
        axes = self._axes(order, lengths, ranges)
        kind = PaddedCells if self.plan.padded else RowCells
        kind(self.w, self._kernel(order), axes, windows, targets).write()
        for write_back in after:
            write_back()

    def _arrays(self, values: Sequence[Value]) -> Iterator[Value]:
        """The arrays among some values, and in tuples of them."""
        for v in values:
            if isinstance(v.type, Tuple):
                elements = enumerate(v.type.elements)
                yield from self._arrays([self.w.emit("item", t, v, index=i) for i, t in elements])
            elif isinstance(v.type, Array):
                yield v

    def _axes(
        self, order: range, lengths: list[Value], ranges: list[tuple[Value, Value]]
    ) -> list[Axis]:
        return [
            Axis(*self.plan.halo[axis], self.plan.borders[axis], lengths[axis], *ranges[axis])
            for axis in order
        ]

    def _turned(self, v: Value) -> Value:
        """An array with the axes in the order of the loops."""
        t = array_type(v)
        if not self.plan.reverse:
            return v
        turned = t._replace(layout={"C": "F", "F": "C"}.get(t.layout, "A"))
        return self.w.emit("array_T", turned, v)

    def _seen(self, v: Value, t: Array) -> Value:
        """The same array, of which no more is known than ``t`` says."""
        return v if v.type == t else self.w.emit("row", t, v)

    def _dense(self, v: Value) -> Value:
        """An array whose rows are contiguous: the one that is given, or a copy."""
        t = array_type(v)
        seen = Array(t.dtype, t.ndim, "A", readonly=True)
        if t.layout == "C" and t.aligned:
            return self._seen(v, seen)
        shape = self._shape_of(v)

        def copied() -> Value:
            return self._seen(self._copy(v, shape), seen)

        if not t.aligned:
            return copied()
        return self.w.pick(self._is_dense(v), seen, lambda: self._seen(v, seen), copied)

    def _is_dense(self, v: Value) -> Value:
        strides = self.w.emit("array_strides", Tuple((WEAK_INT,) * array_type(v).ndim), v)
        last = self.w.emit("item", WEAK_INT, strides, index=array_type(v).ndim - 1)
        return self.w.emit("eq", WEAK_BOOL, last, self.w.integer(array_type(v).dtype.size))

    def _copy(self, v: Value, shape: list[Value]) -> Value:
        made = self.w.emit("array_of_shape", Array(array_type(v).dtype, len(shape), "C"), *shape)
        self.w.emit("assign", NONE, made, v, apart=True)
        return made

    def _target(
        self, out: Value, t: Scalar, shape: list[Value], others: list[Value]
    ) -> tuple[Value, Callable[[], None]]:
        """``out``, or an array in its place if it has gaps, another dtype, or overlaps; and what
        gives it the result then."""
        own = array_type(out)
        new = Array(t, len(shape), "C")

        def another() -> Value:
            return self.w.emit("array_of_shape", new, *shape)

        def assign(source: Value) -> None:
            self.w.emit("assign", NONE, out, source, apart=True)

        if own.dtype != t or not own.aligned:
            made = another()
            return made, lambda: assign(made)
        met = self.w.any_of(self.w.emit("overlaps", WEAK_BOOL, out, v) for v in others)
        if own.layout != "C":
            gaps = self.w.emit("not", WEAK_BOOL, self._is_dense(out))
            met = self.w.emit("or", WEAK_BOOL, met, gaps)
        seen = Array(t, len(shape), "A")
        found = self.w.pick(
            met, seen, lambda: self._seen(another(), seen), lambda: self._seen(out, seen)
        )
        return found, lambda: self.w.choose(met, lambda: assign(found), _nothing)

    def _kernel(self, order: range) -> Kernel:
        """The kernel's body, and where it reads."""
        body = self.op.attrs["body"].function(types_of(self.inputs))
        choices = self.stencil.choices
        asked = give_arrays(body, self.plan.windows)
        self.prepare(body, choices.options)
        found = reads(body, self.plan.windows, choices.neighborhood)
        turned = [read._replace(offsets=tuple(read.offsets[a] for a in order)) for read in found]
        args = [v for i, v in enumerate(self.inputs) if i not in self.plan.windows]
        args += [self.inputs[i] for i in asked]
        dtypes = self.plan.dtypes
        return Kernel(body, turned, args, dtypes, choices.constant_of, self.plan.reverse)


class _Steps(_Call):
    """Several steps of a stencil whose first arrays are those that it computes anew."""

    def write(self) -> Value:
        lengths, order = self._lengths(), self._order()
        ranges = [self._range(axis, n) for axis, n in enumerate(lengths)]
        outs = [out for out in self._outs() if out is not None]
        windows = [self._dense(self._turned(v)) for v in self.given]
        seen = [Array(t, self.plan.ndim, "A") for t in self.plan.dtypes]
        targets = [self._seen(self._turned(v), t) for v, t in zip(outs, seen, strict=True)]
        axes = self._axes(order, lengths, ranges)
        steps = self.op.operands[-2]
        StepCells(self.w, self._kernel(order), axes, windows, targets, steps=steps).write()
        return self.w.emit("const", NONE, value=None)


def _nothing() -> None:
    """The way on which nothing is done."""
