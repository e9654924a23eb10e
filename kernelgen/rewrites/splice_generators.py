"""Put the body of a loop over a generator where the generator yields.

Before: untyped SSA, in which the op ``generator`` is a call of a generator function. After: no loop
over one. The generator's code runs in place of the loop's header: it jumps to the loop's body with
each value, and goes on where the body would come round. What the loop hands round is kept in cells
meanwhile, which ``promote_cells`` makes values of.
"""

from __future__ import annotations

from typing import Any

from kernelgen.errors import UnsupportedError
from kernelgen.ir.clone import Copy, repair
from kernelgen.ir.core import Block, Edge, Function, Op, Value, jump
from kernelgen.ir.sequences import defining, put
from kernelgen.ops import library
from kernelgen.rewrites.outline import Callers
from kernelgen.rewrites.unroll_loops import start_of


def splice_generators(function: Function, callers: Callers) -> bool:
    """Apply the pass to one loop; whether there was one."""
    for block in function.blocks:
        for more in [op for op in block.ops if op.name == "iter_more"]:
            start = start_of(function, block, more)
            made = None if start is None else defining(start.operands[0], "generator")
            if (
                start is not None
                and made is not None
                and _is_run_once(function, made, start, block)
            ):
                _Splice(function, block, more.operands[0], start, made).run(callers)
                return True
    return False


_OURS = library.__name__.rpartition(".")[0]

_WHOLE = ("unpack", "unpack_starred", "list_extend", "contains", "call_starred")
"""Ops that take all values of a generator."""


def collect_generators(function: Function) -> bool:
    """Have what takes all values of a generator take a tuple; whether there was such an op."""
    for block in function.blocks:
        for op in [op for op in block.ops if op.name == "generator"]:
            users = [user for user in function.ops() if op.value in user.operands]
            if users and all(map(_takes_all, users)) and len({user.loc for user in users}) == 1:
                _collect(function, users)
                return True
    return False


def _takes_all(op: Op) -> bool:
    callee = op.operands[0].constant if op.name == "call" else None
    zips = callee is not None and callee.attrs["value"] in (zip, enumerate)
    return op.name in _WHOLE or zips


def _collect(function: Function, users: list[Op]) -> None:
    block = next(block for block in function.blocks if users[0] in block.ops)
    made = next(v for v in users[0].operands if defining(v, "generator") is not None)
    callee = put(block, users[0], "const", value=tuple)
    values = put(block, users[0], "call", callee, made, keywords=())
    for user in users:
        user.operands = [values if v is made else v for v in user.operands]


def _is_run_once(function: Function, made: Op, start: Op, header: Block) -> bool:
    """Whether only this loop takes values of the generator, each time that one is made."""
    users = [op for op in function.ops() for v in op.operands if v is made.value]
    handed = any(made.value in edge.args for edge in function.edges())
    if users != [start] or handed:
        return False
    home = next(block for block in function.blocks if made in block.ops)
    return all(
        home in loop
        for head, loop in function.loops().items()
        if header in loop and head is not header
    )


class _Splice:
    """A loop, whose header is ``header``, and the generator that it runs over."""

    def __init__(
        self, function: Function, header: Block, iterator: Value, start: Op, made: Op
    ) -> None:
        self.function = function
        self.header = header
        self.iterator = iterator
        self.start = start
        self.made = made
        self.cells: list[Value] = []

    def run(self, callers: Callers) -> None:
        """Replace the header by the generator's code."""
        body = self._body(callers)
        if not self._hands_on:
            self._cut_header()
        entering, back = self._edges()
        end = self._split_header()
        first = self._first_block(body)
        _lead(entering, first)
        self._give_values(body, back)
        for block in body.blocks:
            if block.terminator.name == "return":
                block.ops.pop()
                self._go_to(block, end, [])
        self.function.blocks += [first, *body.blocks, end]
        repair(self.function, {self.header}, [self.copy])
        for op in (self.start, self.made):
            op.name, op.operands, op.attrs = "undefined", [], {}
        self.function.sort_blocks()

    def _body(self, callers: Callers) -> Function:
        """The generator's code, marked as called from where it is made."""
        callee: Any = self.made.attrs["callee"]
        body = callers.body(callee, nested=self.made.attrs["nested"])
        if (callee.__module__ or "").startswith(_OURS):
            for op in body.ops():
                op.loc = self.made.loc
            return body
        chain = (*callers.chain(self.made), callee.__code__)
        for op in body.ops():
            if op.loc is not None:
                op.loc = op.loc.at_call(self.made.loc)
        callers.enter(body, chain)
        return body

    def _edges(self) -> tuple[list[Edge], list[Edge]]:
        """The edges to the header, without the iterator: those that enter the loop, and those that
        come round.
        """
        entering: list[Edge] = []
        back: list[Edge] = []
        for edge in [edge for edge in self.function.edges() if edge.target is self.header]:
            given = dict(zip(self.header.args, edge.args, strict=True))
            enters = given.pop(self.iterator, self.start.value) is self.start.value
            edge.args = list(given.values())
            (entering if enters else back).append(edge)
        return entering, back

    @property
    def _hands_on(self) -> bool:
        """Whether the iterator is an argument of the header: the loop comes round at all."""
        return self.iterator.definition is self.header

    def _split_header(self) -> Block:
        """Let the header begin a round, with the value as its last argument; the loop's end."""
        self.copy = Copy([self.header])
        end = self.copy.blocks[self.header]
        iterator = self.copy.values.get(self.iterator, self.iterator)
        _leave_on(end, 1)
        _take_no_value(end, iterator)
        _leave_on(self.header, 0)
        value = self.header.add_arg()
        for op in [op for op in self.header.ops if op.operands == [self.iterator]]:
            if op.name == "iter_value":
                self.header.ops.remove(op)
                self.function.substitute({op.value: value})
                self.copy.values[value] = self.copy.values.pop(op.value)
        _take_no_value(self.header, self.iterator)
        for block, gone in ((self.header, self.iterator), (end, iterator)):
            block.args = [arg for arg in block.args if arg is not gone]
        self.copy.values.pop(self.iterator, None)
        return end

    def _cut_header(self) -> None:
        """Have the header begin where a loop that never comes round asks for its first value."""
        old = self.header
        at = next(i for i, op in enumerate(old.ops) if op.operands == [self.iterator])
        self.header = Block()
        self.header.ops = old.ops[at:]
        old.ops = [*old.ops[:at], jump(self.header, (), self.start.loc)]
        self.function.blocks.insert(self.function.blocks.index(old) + 1, self.header)

    def _first_block(self, body: Function) -> Block:
        """Make cells of what the loop hands round, and begin the generator."""
        first = Block()
        for arg in self.header.args[:-1]:
            given = first.add_arg(hint=arg.hint)
            cell = first.append(Op("cell", (), None, self.made.loc)).value
            cell.hint = arg.hint
            first.append(Op("cell_store", (cell, given), None, self.made.loc))
            self.cells.append(cell)
        first.append(jump(body.entry, self.made.operands, self.made.loc))
        return first

    def _go_to(self, block: Block, target: Block, values: list[Value]) -> None:
        """End ``block`` with a jump that hands over what the cells hold, and ``values``."""
        held = [
            block.append(Op("cell_load", (cell,), {"name": cell.hint}, self.made.loc)).value
            for cell in self.cells
        ]
        block.append(jump(target, [*held, *values], self.made.loc))

    def _give_values(self, body: Function, back: list[Edge]) -> None:
        """Jump to the loop's body where the generator yields, and come back behind it."""
        yields = [(b, op) for b in body.blocks for op in b.ops if op.name == "yield"]
        if len(yields) != 1:
            raise UnsupportedError(
                "a generator with several `yield`s cannot be compiled",
                yields[0][1].loc if yields else self.made.loc,
                "write one `yield` in a loop, or return a tuple",
            )
        ((block, op),) = yields
        at = block.ops.index(op)
        rest, resumed = Block(), Block()
        rest.ops = block.ops[at + 1 :]
        sent = Op("const", (), {"value": None}, op.loc, result=op.value)
        rest.ops.insert(0, sent)
        block.ops = block.ops[:at]
        self._go_to(block, self.header, [op.operands[0]])
        for arg, cell in zip(self.header.args[:-1], self.cells, strict=True):
            new = resumed.add_arg(hint=arg.hint)
            resumed.append(Op("cell_store", (cell, new), None, op.loc))
        resumed.append(jump(rest, (), op.loc))
        body.blocks += [rest, resumed]
        _lead(back, resumed)


def _lead(edges: list[Edge], target: Block) -> None:
    for edge in edges:
        edge.target = target


def _leave_on(header: Block, taken: int) -> None:
    """Leave a header on one of the ways of its branch, the loop's body or its end."""
    edge = header.terminator.edges[taken]
    header.ops[-1] = jump(edge.target, edge.args, header.terminator.loc)


def _take_no_value(header: Block, iterator: Value) -> None:
    """Nothing is asked of the iterator any more."""
    for op in header.ops:
        if op.operands == [iterator] and op.name.startswith("iter_"):
            op.name, op.operands = "undefined", []
