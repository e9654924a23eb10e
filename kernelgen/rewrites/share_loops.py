"""Have threads share the loops over a ``prange``.

Before: typed SSA with conversions; a loop goes over a range of a ``prange``. After: it counts from
0, its iterations hand nothing on to each other, and its last jump is marked with ``share``.

A variable that is carried from one iteration to the next only to be added to, and so on, is a
*reduction*: the iterations are divided into pieces, each of which starts with the operation's
identity. What the pieces come to is put together in their order. The pieces depend on the number
of iterations alone, so a result is the same whatever the number of threads. The same goes for
arrays of which elements are added to; each piece has a copy of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelgen import cost
from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ir.dominance import reverse_postorder
from kernelgen.ir.sequences import defining
from kernelgen.ops.threads import draws_globally
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.prune_arguments import prune_arguments
from kernelgen.rewrites.reductions_of_loops import (
    CannotShare,
    Reduction,
    array_reductions,
    named,
    place_in_words,
    reduction_of,
)
from kernelgen.rewrites.same_values import written_values
from kernelgen.rewrites.writer import Writer
from kernelgen.targets import parallel
from kernelgen.types.compound import GENERATOR, NONE, Array, Type
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar

_MOST_PIECES = 64
"""Pieces of a loop with reductions: so many threads can work on it at most."""

_MOST_BYTES = 64 << 20
"""What the copies of an array may take that pieces add to."""


def share_loops(function: Function) -> None:
    """Apply the pass."""
    if not any(_over_prange(op) for op in function.ops()):
        return
    prune_arguments(function)
    function.sort_blocks()
    seen: set[Op] = set()
    while (found := _next(function, seen)) is not None:
        block, op = found
        seen.add(op)
        _share(function, block, op, seen)


def _over_prange(op: Op) -> bool:
    if op.name != "iter":
        return False
    made = defining(op.operands[0], "range")
    return made is not None and "schedule" in made.attrs


def _next(function: Function, seen: set[Op]) -> tuple[Block, Op] | None:
    """The first loop that has not been looked at: outer ones come before those within."""
    for block in function.blocks:
        for op in block.ops:
            if op not in seen and _over_prange(op):
                return block, op
    return None


def _share(function: Function, block: Block, op: Op, seen: set[Op]) -> None:
    report = function.sharing
    schedule = op.operands[0].definition.attrs["schedule"]  # type: ignore[union-attr]
    try:
        loop = _Loop(function, block, op)
        notes = loop.share(schedule)
    except CannotShare as error:
        hints = [error.hint] if error.hint else []
        report.add(op.loc, f"not shared: {error}", *hints)
        return
    report.add(op.loc, f"shared by threads ({schedule} schedule)", *notes)
    for inner in (o for b in loop.blocks for o in b.ops if _over_prange(o)):
        seen.add(inner)
        text = "not shared: it is part of a loop that is"
        report.add(inner.loc, text, "each thread goes through all of it")


class _Loop:
    """A loop over a ``prange``: its blocks, and what its iterations hand on.

    Raises CannotShare if threads cannot share it.
    """

    def __init__(self, function: Function, block: Block, op: Op) -> None:
        self.function = function
        self.entrance = block
        self.op = op
        made = op.operands[0].definition
        assert isinstance(made, Op)
        self.bounds = made.operands
        self.edge = next(e for e in block.terminator.edges if op.value in e.args)
        self.header = self.edge.target
        self.iterator = self.header.args[self.edge.args.index(op.value)]
        self._find_blocks()
        self._find_values()
        self._check_random_numbers()
        self.carried = [v for v in self.header.args if v is not self.iterator]
        given = dict(zip(self.header.args, self.edge.args, strict=True))
        self.before = {v: given[v] for v in self.carried}

    def _find_blocks(self) -> None:
        """The loop's blocks; each iteration goes to its end, unless it raises."""
        header = self.header
        body = self.function.loops().get(header)
        last = header.terminator
        more = last.operands[0].definition if last.name == "branch" else None
        assert self.entrance.terminator.name == "jump"
        if body is None or not isinstance(more, Op) or more.name != "iter_more":
            raise CannotShare("it goes round at most once")
        self.blocks = [b for b in self.function.blocks if b in body]
        self.back = [e for b in self.blocks for e in b.terminator.edges if e.target is header]
        self.exit = last.edges[1]
        for block in self.blocks:
            for edge in block.terminator.edges:
                if edge.target not in body and edge is not self.exit:
                    self._check_exit(block, edge)

    def _check_exit(self, block: Block, edge: Edge) -> None:
        """A way out of the loop leads to an exception, or the loop ends early."""
        for each in reverse_postorder(edge.target, lambda b: b.successors):
            if each.terminator.name == "return" or each is self.exit.target:
                where = place_in_words(block.terminator.loc)
                raise CannotShare(f"it may end early, by `break` or `return`{where}")

    def _find_values(self) -> None:
        self.own = {arg for b in self.blocks for arg in b.args}
        self.own |= {op.value for b in self.blocks for op in b.ops if op.result is not None}
        self.places: list[Op] = []
        self.steps: list[Op] = []
        for op in self._users(self.iterator):
            if op.name == "iter_value":
                self.places.append(op)
            elif op.name == "iter_next":
                self.steps.append(op)
            elif op.name != "iter_more":
                raise CannotShare("what it goes over is used otherwise")

    def _users(self, value: Value) -> list[Op]:
        return [
            op
            for op in self.function.ops()
            if value in op.operands or any(value in edge.args for edge in op.edges)
        ]

    def _check_random_numbers(self) -> None:
        """Nothing draws from what all iterations draw from."""
        for block in self.blocks:
            for op in block.ops:
                streams = [v for v in op.operands if v.type == GENERATOR and v not in self.own]
                if streams or draws_globally(op):
                    where = place_in_words(op.loc)
                    raise CannotShare(
                        f"it draws random numbers from one stream, in order{where}",
                        "hand over a tuple of generators, and let iteration i draw from streams[i]",
                    )

    # What becomes of it.

    def share(self, schedule: str) -> list[str]:
        """Let the loop count, and mark it; what is to be said of its variables."""
        self.kinds = {v: self._kind(v) for v in self.carried}
        inside = {
            v: kind
            for v, kind in self.kinds.items()
            if isinstance(v.type, Array) and kind is not None
        }
        written = written_values([op for b in self.blocks for op in b.ops])
        self.arrays = array_reductions(self.blocks, self.own, self.places, inside, written)
        notes = [n for v, kind in self.kinds.items() if (n := _note(v, kind))]
        notes += [
            f"{each.name}: each element is {each.group.words} all iterations; each of up to "
            f"{_MOST_PIECES} pieces has a copy"
            for each in self.arrays
        ]
        self._separate_way_back()
        if self.carried or self.arrays:
            self._share_pieces(schedule)
        else:
            self._share_iterations(schedule)
        self.function.sort_blocks()
        return notes

    def _kind(self, value: Value) -> Reduction | None:
        """What a variable is that is carried along: a reduction, or None if it is only what the
        last iteration leaves."""
        used = any(
            value in op.operands or any(value in edge.args for edge in op.edges)
            for block in self.blocks
            for op in block.ops
            if op.edges == [] or not self._is_exit(op, value)
        )
        if not used:
            if not isinstance(value.type, Scalar):
                raise CannotShare(f"{named(value)} of the last iteration is used behind it")
            return None
        return reduction_of(value, self.header, self.blocks, self.exit)

    def _is_exit(self, op: Op, value: Value) -> bool:
        """Whether a terminator uses a value only on the way out of the loop."""
        edges = [edge for edge in op.edges if value in edge.args]
        return value not in op.operands and edges == [self.exit]

    def _separate_way_back(self) -> None:
        """One block, from which the loop goes back."""
        self.latch = Block()
        for v in self.carried:
            self.latch.add_arg(v.type, v.hint)
        places = [self.header.args.index(v) for v in self.carried]
        for edge in self.back:
            edge.target, edge.args = self.latch, [edge.args[i] for i in places]
        self.blocks.append(self.latch)
        self.function.blocks.append(self.latch)

    def _length(self, w: Writer) -> Value:
        return w.emit("range_count", WEAK_INT, *self.bounds)

    def _count(self, length_until: Value) -> Value:
        """Let the header count up to a number; the number of the iteration."""
        header = self.header
        header.args.remove(self.iterator)
        number = Value(WEAK_INT, "k")
        number.definition = header
        header.args.insert(0, number)
        more = header.terminator.operands[0].definition
        assert isinstance(more, Op)
        compare = Op("lt", (number, length_until), None, more.loc)
        compare.value.type = WEAK_BOOL
        kept = [op for op in header.ops[:-1] if op is not more and op not in self.steps]
        header.ops[:-1] = [compare, *kept]
        header.terminator.operands = [compare.value]
        for op in self.places:
            op.name, op.operands, op.attrs = self._value_of(op, number)
        return number

    def _value_of(self, op: Op, number: Value) -> tuple[str, list[Value], dict[str, object]]:
        """What the loop's variable is in an iteration: ``start + number * step``."""
        start, _, step = self.bounds
        block = next(b for b in self.blocks if op in b.ops)
        if not _is(step, 1):
            times = Op("mul", (number, step), None, op.loc)
            times.value.type = WEAK_INT
            block.ops.insert(block.ops.index(op), times)
            number = times.value
        return "add", [start, number], {}

    def _writer(self) -> Writer:
        """Writes in place of the jump to the loop."""
        self.entrance.ops = [o for o in self.entrance.ops[:-1] if o is not self.op]
        return Writer(self.entrance, self.op, shares=True)

    def _back(self, number: Value, **marks: object) -> None:
        """The jump back, with the next number."""
        w = Writer(self.latch, self.op)
        following = w.emit("add", WEAK_INT, number, w.integer(1))
        w.jump(self.header, following, *self.latch.args, **marks)

    def _share_iterations(self, schedule: str) -> None:
        w = self._writer()
        number = self._count(self._length(w))
        w.jump(self.header, w.integer(0))
        self._back(number, share=schedule)

    def _share_pieces(self, schedule: str) -> None:
        """Pieces of the loop are what is shared; then put together what they have come to."""
        w = self._writer()
        length = self._length(w)
        pieces = self._pieces(w, length)
        single = w.emit("eq", WEAK_BOOL, pieces, w.integer(1))
        found = {
            v: w.emit("frame_array", Array(v.type.strong, 1, "C"), count=_MOST_PIECES)
            for v in self.carried
            if isinstance(v.type, Scalar)
        }
        targets = [self.before.get(a.array, a.array) for a in self.arrays]
        copies = [
            a.copies(w, target, pieces, single)
            for a, target in zip(self.arrays, targets, strict=True)
        ]
        leaving = self.exit

        def at(number: Value, first: Value, count: Value) -> None:
            begun = {
                a.array: a.begin(w, target, block, number, single)
                for a, target, block in zip(self.arrays, targets, copies, strict=True)
            }
            self._write_piece(w, first, count, begun)
            for v, block in found.items():
                w.emit("put", NONE, block, v, number)

        w.pieces(length, pieces, at, schedule)
        after = {v: self._after(w, v, found, length, pieces) for v in self.carried}
        for a, target, block in zip(self.arrays, targets, copies, strict=True):
            a.put_together(w, target, block, pieces, single)
        w.jump(leaving.target, *(after.get(v, v) for v in leaving.args))
        self._finish(w, after)

    def _write_piece(
        self, w: Writer, first: Value, count: Value, begun: dict[Value, Value]
    ) -> None:
        """Go through some iterations, with arrays of their own."""
        first = w.emit("max", WEAK_INT, first, w.integer(0))  # else LLVM would wrap indices
        start = [self._identity(w, v, begun) for v in self.carried]
        number = self._count(w.emit("add", WEAK_INT, first, count))
        w.jump(self.header, first, *start)
        self._back(number)
        for array, own in begun.items():
            if array not in self.carried:
                _replace(self.blocks, array, own)
        done = Block()
        self.header.terminator.edges[1] = Edge(done)
        w.start(done)

    def _finish(self, w: Writer, after: dict[Value, Value]) -> None:
        """Put the new blocks into the function; behind the loop its results count."""
        inside = {*self.blocks, *w.blocks}
        for block in self.function.blocks:
            if block not in inside:
                for old, new in after.items():
                    _replace([block], old, new)
        self.function.blocks += w.blocks

    def _pieces(self, w: Writer, length: Value) -> Value:
        """How many pieces there are: as many as are worth their while."""
        time = cost.of_blocks([b for b in self.blocks if b is not self.latch])
        least = 1 if time is None else max(1, int(parallel.limits.chunk / max(time, 0.01)))
        most = w.integer(_MOST_PIECES)
        whole = w.emit("add", WEAK_INT, length, w.integer(least - 1))
        pieces = w.emit("floordiv", WEAK_INT, whole, w.integer(least))
        for reduction in self.arrays:
            target = self.before.get(reduction.array, reduction.array)
            size = self._at_least_one(w, reduction.size(w, target))
            fit = w.emit("floordiv", WEAK_INT, w.integer(_MOST_BYTES), size)
            most = w.emit("min", WEAK_INT, most, w.emit("max", WEAK_INT, fit, w.integer(2)))
            worth = reduction.worth(w, length, target, time is None)
            pieces = w.emit("min", WEAK_INT, pieces, worth)
        return self._at_least_one(w, w.emit("min", WEAK_INT, pieces, most))

    def _at_least_one(self, w: Writer, value: Value) -> Value:
        return w.emit("max", WEAK_INT, value, w.integer(1))

    def _identity(self, w: Writer, value: Value, begun: dict[Value, Value]) -> Value:
        """What a variable is when a piece begins."""
        if value in begun:
            return begun[value]
        kind, t = self.kinds[value], value.type
        assert isinstance(t, Scalar)
        if kind is None:
            return w.emit("default", t, type=t)
        assert kind.group is not None
        return w.emit("const", t, value=kind.group.identity(t))

    def _after(
        self, w: Writer, value: Value, found: dict[Value, Value], length: Value, pieces: Value
    ) -> Value:
        """What a variable is behind the loop."""
        before, kind, t = self.before[value], self.kinds[value], value.type
        if value not in found:
            return before
        assert t is not None
        block = found[value]
        if kind is None:
            some = w.emit("gt", WEAK_BOOL, length, w.integer(0))

            def last() -> Value:
                at = w.emit("sub", WEAK_INT, pieces, w.integer(1))
                return _get(w, block, at, t)

            return w.pick(some, t, last, lambda: before)
        return _folded(
            w, pieces, before, lambda p, sofar: kind.join(w, sofar, _get(w, block, p, t))
        )


def _folded(w: Writer, count: Value, start: Value, step: Callable[[Value, Value], Value]) -> Value:
    """What becomes of a value that each round of a loop changes."""
    header, inside, behind = Block(), Block(), Block()
    w.jump(header, w.integer(0), start)
    w.start(header)
    number, value = header.add_arg(WEAK_INT), header.add_arg(start.type)
    w.branch(w.emit("lt", WEAK_BOOL, number, count), inside, behind)
    w.start(inside)
    made = step(number, value)
    w.jump(header, w.emit("add", WEAK_INT, number, w.integer(1)), made)
    w.start(behind)
    return value


def _get(w: Writer, block: Value, at: Value, t: Type) -> Value:
    return w.converted(w.emit("get", array_type(block).dtype, block, at), t)


def _replace(blocks: list[Block], old: Value, new: Value) -> None:
    for block in blocks:
        for op in block.ops:
            op.operands = [new if v is old else v for v in op.operands]
            for edge in op.edges:
                edge.args = [new if v is old else v for v in edge.args]


def _is(value: Value, number: int) -> bool:
    constant = value.constant
    return constant is not None and constant.attrs["value"] == number


def _note(value: Value, kind: Reduction | None) -> str:
    if isinstance(value.type, Array):
        return ""
    if kind is None:
        return f"{value.hint}: what the last iteration leaves is used behind it" * bool(value.hint)
    assert kind.group is not None
    return f"{value.hint or 'a variable'}: {kind.group.words} all iterations"
