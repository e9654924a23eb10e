"""Writes ops, blocks and loops of typed SSA, where rewrites put more than an op."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kernelgen.ir.core import Block, Edge, Op, Value
from kernelgen.types.compound import Type
from kernelgen.types.table import WEAK_BOOL, WEAK_INT

ELEMENTS = "elements"
"""The schedule of loops that the compiler wrote."""


class Writer:
    """Appends ops and blocks; ``near`` says where in the source they stand.

    ``shares`` is whether threads may share loops of which that is said, ``on_grid`` whether it is
    the code of one thread of a grid.
    """

    def __init__(
        self, block: Block, near: Op, shares: bool = False, *, on_grid: bool = False
    ) -> None:
        self.block = block
        self.near = near
        self.shares = shares
        self.on_grid = on_grid
        self.blocks: list[Block] = []

    def emit(self, name: str, t: Type, *operands: Value, **attrs: Any) -> Value:
        new = self.block.append(Op(name, operands, attrs, self.near.loc))
        new.value.type = t
        return new.value

    def integer(self, value: int) -> Value:
        return self.emit("const", WEAK_INT, value=value)

    def converted(self, value: Value, to: Type) -> Value:
        return value if value.type == to else self.emit("convert", to, value, to=to)

    def all_of(self, conditions: Iterable[Value]) -> Value:
        """Whether all conditions hold, of which there is one at least."""
        return self._joined("and", conditions)

    def any_of(self, conditions: Iterable[Value]) -> Value:
        """Whether one of the conditions holds, of which there is one at least."""
        return self._joined("or", conditions)

    def _joined(self, name: str, conditions: Iterable[Value]) -> Value:
        first, *others = conditions
        for each in others:
            first = self.emit(name, WEAK_BOOL, first, each)
        return first

    def jump(self, target: Block, *args: Value, **attrs: Any) -> None:
        self.block.append(Op("jump", (), attrs, self.near.loc, (Edge(target, args),)))

    def branch(self, condition: Value, yes: Block, no: Block) -> None:
        edges = (Edge(yes), Edge(no))
        self.block.append(Op("branch", (condition,), None, self.near.loc, edges))

    def start(self, block: Block) -> None:
        """Go on in a new block."""
        self.blocks.append(block)
        self.block = block

    def inline(
        self,
        body: Sequence[Block],
        args: Sequence[Value],
        result: Type | None,
        *,
        placed: bool = False,
    ) -> Value:
        """Go through the blocks of a function, which are used up; what they return.

        Its ops stand in the source where the op does that they are a part of, unless they have
        been ``placed``.
        """
        behind = Block()
        value = behind.add_arg(result)
        for block in body:
            last = block.terminator
            if last.name == "return":
                block.ops[-1] = Op("jump", (), None, last.loc, (Edge(behind, last.operands),))
            for op in block.ops:
                op.loc = op.loc if placed else self.near.loc
        self.jump(body[0], *args)
        self.blocks += body
        self.start(behind)
        return value

    def choose(self, condition: Value, yes: Callable[[], None], no: Callable[[], None]) -> None:
        """Write one of two ways, and go on behind them."""
        ways, behind = (Block(), Block()), Block()
        self.branch(condition, *ways)
        for way, write in zip(ways, (yes, no), strict=True):
            self.start(way)
            write()
            self.jump(behind)
        self.start(behind)

    def pick(
        self, condition: Value, t: Type, yes: Callable[[], Value], no: Callable[[], Value]
    ) -> Value:
        """Write one of two ways, and go on behind them; the value of type ``t`` that was found."""
        ways, behind = (Block(), Block()), Block()
        found = behind.add_arg(t)
        self.branch(condition, *ways)
        for way, write in zip(ways, (yes, no), strict=True):
            self.start(way)
            self.jump(behind, write())
        self.start(behind)
        return found

    def loops(
        self,
        counts: Sequence[Value],
        body: Callable[..., None],
        *indices: Value,
        interleave: int | None = None,
        schedule: str | None = None,
    ) -> None:
        """Nested loops, one for each count; ``body`` is given the indices, outermost first.

        ``interleave`` is how many vectors of the innermost one's iterations are computed at once,
        if it is not left to LLVM. A ``schedule`` says that the iterations of the outermost one may
        run in any order, and how threads share them, if they may.
        """
        if not counts:
            body(*indices)
            return
        header, inside, behind = Block(), Block(), Block()
        zero, one = self.integer(0), self.integer(1)
        self.jump(header, zero)
        self.start(header)
        index = header.add_arg(WEAK_INT)
        self.branch(self.emit("lt", WEAK_BOOL, index, counts[0]), inside, behind)
        self.start(inside)
        self.loops(counts[1:], body, *indices, index, interleave=interleave)
        innermost = len(counts) == 1 and interleave is not None
        marks: dict[str, Any] = {"interleave": interleave} if innermost else {}
        marks |= {"share": schedule} if schedule and self.shares else {}
        self.jump(header, self.emit("add", WEAK_INT, index, one), **marks)
        self.start(behind)

    def pieces(
        self,
        length: Value,
        count: Value,
        body: Callable[[Value, Value, Value], None],
        schedule: str = ELEMENTS,
    ) -> None:
        """Divide ``length`` indices into ``count`` pieces, one at least, which may be gone through
        in any order.

        ``body`` is given the number of a piece, its first index, and how many it has. The first
        pieces have one more than the others.
        """
        each = self.emit("floordiv", WEAK_INT, length, count)
        rest = self.emit("sub", WEAK_INT, length, self.emit("mul", WEAK_INT, each, count))

        def first(k: Value) -> Value:
            more = self.emit("min", WEAK_INT, k, rest)
            return self.emit("add", WEAK_INT, self.emit("mul", WEAK_INT, each, k), more)

        def at(k: Value) -> None:
            start = first(k)
            end = first(self.emit("add", WEAK_INT, k, self.integer(1)))
            body(k, start, self.emit("sub", WEAK_INT, end, start))

        self.loops([count], at, schedule=schedule)
