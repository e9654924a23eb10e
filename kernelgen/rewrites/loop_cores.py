"""Make loops of the calls of generalized ufuncs and stencils: the kernel's body stands in them.

Before: typed SSA with conversions, arrays resolved. After: no ``call_core`` or ``stencil`` is left.
The kernels' own options have decided what is checked in their bodies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelgen.infer import typed
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ops.core_calls import is_known, plan_of
from kernelgen.ops.ufunc_calls import Given
from kernelgen.options import Options
from kernelgen.rewrites.check_bounds import check_bounds
from kernelgen.rewrites.check_division import check_division
from kernelgen.rewrites.core_shapes import CoreShapes
from kernelgen.rewrites.insert_conversions import insert_conversions
from kernelgen.rewrites.resolve_arrays import resolve_arrays
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import NONE, Array, Slice, Tuple, Type
from kernelgen.types.table import WEAK_BOOL

At = Callable[[tuple[Value, ...]], Value]
"""What an operand is to the kernel at a place of the loops."""


def loop_cores(function: Function) -> None:
    """Apply the pass."""
    for block in list(function.blocks):
        rest: Block | None = block
        while rest is not None:
            op = next((op for op in rest.ops if op.name in _LOOPED), None)
            rest = None if op is None else _expand(function, rest, op)


def _expand(function: Function, block: Block, op: Op) -> Block:
    """Put loops in place of ``op``; the block behind them."""
    at, where = block.ops.index(op), function.blocks.index(block) + 1
    rest = Block()
    rest.ops, block.ops = block.ops[at + 1 :], block.ops[:at]
    writer = Writer(block, op, shares=function.sharing is not None)
    result = _write(writer, op)
    writer.jump(rest)
    function.blocks[where:where] = [*writer.blocks, rest]
    function.substitute({op.value: result})
    return rest


_LOOPED = ("call_core", "stencil", "stencil_steps")


def _write(writer: Writer, op: Op) -> Value:
    if op.name == "call_core":
        return _CoreLoops(writer, op).write()
    from kernelgen.rewrites.loop_stencils import write_stencil

    return write_stencil(writer, op, _prepare)


def _prepare(body: Function, options: Options) -> None:
    """Apply to a kernel's typed body what comes in front of this pass, with the checks that the
    kernel's own options ask for, and this pass."""
    for function in (body, *body.callees()):
        insert_conversions(function)
        if options.boundscheck:
            check_bounds(function)
        if options.error_model == "python":
            check_division(function)
        resolve_arrays(function)
        loop_cores(function)


class _CoreLoops:
    """The loops of one call."""

    def __init__(self, writer: Writer, op: Op) -> None:
        self.w = writer
        self.op = op
        self.plan = plan_of(op)
        self.given = Given.of(op)
        self.core = op.attrs["ufunc"].operands.core
        self.writable = op.attrs["ufunc"].operands.writable
        self.shapes = CoreShapes(writer, op, self.plan)
        self.finally_: list[Callable[[], None]] = []

    def write(self) -> Value:
        """Write the loops; what the call gives."""
        self.shapes.check()
        inputs = [self._as_taken(i, v) for i, v in enumerate(self.given.inputs)]
        targets = [self._target(i) for i in range(len(self.plan.filled))]
        places = [self._place(i, v) for i, v in enumerate([*inputs, *targets])]
        body = self.op.attrs["body"].function(self.plan.taken, self.plan.filled)
        _prepare(body, self.op.attrs["ufunc"].options)

        def at(*outer: Value) -> None:
            args = [place(outer) for place in places]
            self.w.inline(body.blocks, args, body.result, placed=True)

        self.w.loops(self.shapes.loops, at)
        for write in self.finally_:
            write()
        results = [self._result(i, target) for i, target in enumerate(targets)]
        if len(results) == 1:
            return results[0]
        return self.w.emit("tuple", Tuple(self.plan.results), *results)

    # The operands.

    def _as_taken(self, i: int, v: Value) -> Value:
        """An input in the dtype in which the kernel takes it: a copy if it has another."""
        dtype, t = self._dtype(self.plan.taken[i]), v.type
        if not isinstance(t, Array):
            return v
        if t.dtype == dtype:
            return self._apart(v, t, self._others(i)) if i in self.writable else v
        if t.ndim == 0:
            return self.w.converted(self.w.emit("get", t.dtype, v), dtype)
        made = typed(Op("astype", (v,), {"to": dtype})).result
        copy = self.w.emit("astype", made, v, to=dtype)
        self.shapes.known[copy] = self.shapes.of(v)
        if i in self.writable:
            self.finally_.append(lambda: self._assign(v, copy))
        return copy

    def _dtype(self, t: Type) -> Any:
        return t.dtype if isinstance(t, Array) else t

    def _others(self, i: int) -> list[Value]:
        """The arrays that a call is given beside one operand."""
        operands = [*self.given.inputs, *self.given.outs]
        others = [*operands[:i], *operands[i + 1 :]]
        return [v for v in others if v is not None and isinstance(v.type, Array)]

    def _assign(self, target: Value, value: Value) -> None:
        self.w.emit("assign", NONE, target, value, apart=True)

    def _target(self, i: int) -> Value:
        """The array that the kernel fills: the one that is given, a new one, or one number."""
        t, out = self.plan.filled[i], self.given.outs[i]
        if out is not None:
            return self._given(t, out, self._others(len(self.given.inputs) + i))
        lengths = self.shapes.of_output(i)
        if not lengths:
            return self.w.emit("frame_array", t, count=1)
        return self.w.emit("array_of_shape", Array(t.dtype, len(lengths), "C"), *lengths)

    def _given(self, filled: Array, out: Value, others: list[Value]) -> Value:
        """``out``, or an array in its place if it has another dtype, or overlaps an operand."""
        assert isinstance(out.type, Array)
        t = out.type._replace(dtype=filled.dtype, layout="C" if out.type.layout == "C" else "A")
        if is_known(out.type) and out.type.dtype != t.dtype:
            made = self._copy(out, t)
            self.finally_.append(lambda: self._assign(out, made))
            return made
        return self._apart(out, t, others)

    def _copy(self, v: Value, t: Array) -> Value:
        made = self.w.emit("array_of_shape", t, *self.shapes.of(v))
        self.shapes.known[made] = self.shapes.of(v)
        self._assign(made, v)
        return made

    def _apart(self, v: Value, t: Array, others: list[Value]) -> Value:
        """An array that is written to; if it overlaps others a copy, which it is given later."""
        if not others:
            return self._seen_as(v, t)
        met = self._any_overlap(v, others)
        found = self.w.pick(met, t, lambda: self._copy(v, t), lambda: self._seen_as(v, t))
        self.shapes.known[found] = self.shapes.of(v)
        self.finally_.append(
            lambda: self.w.choose(met, lambda: self._assign(v, found), lambda: None)
        )
        return found

    def _any_overlap(self, out: Value, arrays: list[Value]) -> Value:
        return self.w.any_of(self.w.emit("overlaps", WEAK_BOOL, out, v) for v in arrays)

    def _seen_as(self, v: Value, t: Array) -> Value:
        """The same array, of which no more is known than ``t`` says."""
        if v.type == t:
            return v
        seen = self.w.emit("row", t, v)
        self.shapes.known[seen] = self.shapes.of(v)
        return seen

    def _result(self, i: int, target: Value) -> Value:
        """What the call gives: the array that was given or made, or the number in it."""
        out, t = self.given.outs[i], self.plan.results[i]
        if out is not None:
            return out
        if isinstance(t, Array):
            return target
        indices = [self.w.integer(0)] * self.plan.filled[i].ndim
        return self.w.emit("get", t, target, *indices)

    # What the kernel is handed.

    def _place(self, i: int, v: Value) -> At:
        """What finds the kernel's argument for an operand."""
        t = (*self.plan.taken, *self.plan.filled)[i]
        if not isinstance(v.type, Array):
            number = v if not isinstance(t, Array) else self._boxed(t, v)
            return lambda outer: number
        if v.type == t and not self.shapes.loops:
            return lambda outer: v
        view = self._stretched(i, v)
        if not isinstance(t, Array):
            return lambda outer: self.w.emit("get", t, view, *outer)
        return lambda outer: self._row(i, t, view, outer)

    def _boxed(self, t: Array, number: Value) -> Value:
        """An array of one element."""
        made = self.w.emit("frame_array", t._replace(readonly=False), count=1)
        self.w.emit("put", NONE, made, number, self.w.integer(0))
        return self._seen_as(made, t)

    def _stretched(self, i: int, v: Value) -> Value:
        """An array, with all loop dimensions."""
        t = v.type
        assert isinstance(t, Array)
        count = t.ndim - len(self.plan.shapes[i])
        own = self.shapes.of(v)
        whole = [*self.shapes.loops, *own[count:]]
        if len(own) == len(whole) and all(a is b for a, b in zip(own, whole, strict=True)):
            return v
        seen = t._replace(ndim=len(whole), layout="A", readonly=True)
        return self.w.emit("stretched", seen, v, *whole)

    def _row(self, i: int, t: Array, view: Value, outer: tuple[Value, ...]) -> Value:
        """The core dimensions, with one of size 1 for each that is missing."""
        present = self.plan.shapes[i]
        row = self.w.emit("row", t._replace(ndim=len(present)), view, *outer)
        names = [self.core.name(d) for d in self.core.shapes[i]]
        new = [name not in present for name in names] if names else [True] * t.ndim
        return self._with_axes(row, t, new) if any(new) else row

    def _with_axes(self, row: Value, t: Array, new: list[bool]) -> Value:
        whole = Slice(NONE, NONE, NONE)
        types = tuple(NONE if each else whole for each in new)
        values = tuple(None if each else slice(None) for each in new)
        index = self.w.emit("const", Tuple(types), value=values)
        return self.w.emit("subscript", t, row, index, checked=False)
