"""Copies of blocks, and the repair of SSA where a value has come to have several definitions."""

from __future__ import annotations

from collections.abc import Iterable

from kernelgen.ir.core import Block, Edge, Function, Op, Value


class Copy:
    """Copies of blocks: edges among them lead to the copies, all others where they led.

    Attributes
    ----------
    blocks : dict of Block to Block
        The copy of each block.
    values : dict of Value to Value
        The copy of each value that is defined in them.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = {block: Block() for block in blocks}
        self.values: dict[Value, Value] = {}
        for block, copy in self.blocks.items():
            for arg in block.args:
                self.values[arg] = copy.add_arg(arg.type, arg.hint)
            for op in block.ops:
                copy.append(self._copy(op))
        for copy in self.blocks.values():
            for op in copy.ops:
                op.operands = [self.values.get(v, v) for v in op.operands]
                for edge in op.edges:
                    edge.args = [self.values.get(v, v) for v in edge.args]

    def _copy(self, op: Op) -> Op:
        edges = [Edge(self.blocks.get(e.target, e.target), e.args) for e in op.edges]
        new = Op(op.name, op.operands, dict(op.attrs), op.loc, edges)
        if op.result is not None:
            new.value.type, new.value.hint = op.result.type, op.result.hint
            self.values[op.result] = new.value
        return new


def copy_function(function: Function) -> Function:
    """A function of its own with copies of all blocks. What it invokes is not copied."""
    new = Function(function.name, function.loc)
    new.code, new.itself, new.chains = function.code, function.itself, dict(function.chains)
    new.outlined, new.result = function.outlined, function.result
    new.blocks = list(Copy(function.blocks).blocks.values())
    return new


def repair(function: Function, originals: set[Block], copies: list[Copy]) -> None:
    """Let what comes behind ``originals`` use the definition of a value that reaches it.

    Before: ``function`` holds the blocks and their copies, and all uses behind them are of the
    original values. After: it is SSA again; where several definitions meet, a block argument
    takes them.
    """
    values = set(copies[0].values) if copies else set()
    inside = originals.union(*(copy.blocks.values() for copy in copies))
    search = _Search(function, originals, copies)
    for block in [b for b in function.blocks if b not in inside]:
        for op in block.ops:
            op.operands = [search.at_entry(block, v) if v in values else v for v in op.operands]
            for edge in op.edges:
                edge.args = [search.at_entry(block, v) if v in values else v for v in edge.args]
    search.fill_edges()


class _Search:
    """Which definition of a value reaches a block; arguments are made where several do."""

    def __init__(self, function: Function, originals: set[Block], copies: list[Copy]) -> None:
        self.inside: dict[Block, dict[Value, Value]] = {block: {} for block in originals}
        for copy in copies:
            self.inside |= dict.fromkeys(copy.blocks.values(), copy.values)
        self.sources = function.arrivals()
        self.args: dict[tuple[Block, Value], Value] = {}
        self.unfilled: list[tuple[Block, Value]] = []

    def at_entry(self, block: Block, value: Value) -> Value:
        """The definition of ``value`` when ``block``, which is outside, is entered."""
        while len(self.sources[block]) == 1:
            block = self.sources[block][0][0]
            if block in self.inside:
                return self.inside[block].get(value, value)
        if (block, value) not in self.args:
            self.args[block, value] = block.add_arg(value.type, value.hint)
            self.unfilled.append((block, value))
        return self.args[block, value]

    def fill_edges(self) -> None:
        """Hand the new arguments their values."""
        while self.unfilled:
            block, value = self.unfilled.pop(0)
            for source, edge in self.sources[block]:
                known = self.inside.get(source)
                new = self.at_entry(source, value) if known is None else known.get(value, value)
                edge.args.append(new)
