"""SSA with block arguments: Value, Op, Block, Function.

A function is a list of blocks; the first is the entry, its arguments are the parameters.
A block ends in a terminator, whose edges hand values to the arguments of the blocks they
lead to (where other IRs have phi nodes). Every value is defined once, and its definition
dominates its uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from kernelgen.ir.dominance import immediate_dominators, natural_loops, reverse_postorder
from kernelgen.source import Loc
from kernelgen.types.compound import Type

CALLS = ("invoke", "parallel_for")
"""The ops that run functions of the IR, and have them as ``callee``."""

TERMINATORS = ("jump", "branch", "return", "raise", "unsupported")


class Value:
    """A value: the result of an op, or a block argument. ``type`` is None before inference."""

    __slots__ = ("definition", "hint", "type")

    def __init__(self, type: Type | None = None, hint: str = "") -> None:
        self.type = type
        self.hint = hint  # the user's name for it, if it has one
        self.definition: Op | Block | None = None

    @property
    def constant(self) -> Op | None:
        """The ``const`` op that defines this value, or None."""
        op = self.definition
        return op if isinstance(op, Op) and op.name == "const" else None


class Edge:
    """The way from a terminator to ``target``, with a value for each of its arguments."""

    __slots__ = ("args", "target")

    def __init__(self, target: Block, args: Iterable[Value] = ()) -> None:
        self.target = target
        self.args = list(args)


class Op:
    """One operation: ``result = name(operands) {attrs}``. Terminators have edges, no result."""

    __slots__ = ("attrs", "edges", "loc", "name", "operands", "result")

    def __init__(
        self,
        name: str,
        operands: Iterable[Value] = (),
        attrs: dict[str, Any] | None = None,
        loc: Loc | None = None,
        edges: Iterable[Edge] = (),
        result: Value | None = None,
    ) -> None:
        self.name = name
        self.operands = list(operands)
        self.attrs = attrs or {}
        self.loc = loc
        self.edges = list(edges)
        self.result: Value | None = None
        if name not in TERMINATORS:
            self.result = Value() if result is None else result
            self.result.definition = self

    @property
    def value(self) -> Value:
        """The result of an op that has one."""
        assert self.result is not None, f"the terminator {self.name} has no result"
        return self.result


class Block:
    """A straight run of ops that ends in a terminator."""

    __slots__ = ("args", "ops")

    def __init__(self) -> None:
        self.args: list[Value] = []
        self.ops: list[Op] = []

    def add_arg(self, type: Type | None = None, hint: str = "") -> Value:
        """Append a block argument."""
        return self.take_arg(Value(type, hint))

    def take_arg(self, value: Value) -> Value:
        """Append a value, which had no definition or a former one, as a block argument."""
        value.definition = self
        self.args.append(value)
        return value

    def append(self, op: Op) -> Op:
        self.ops.append(op)
        return op

    @property
    def terminator(self) -> Op:
        return self.ops[-1]

    @property
    def successors(self) -> list[Block]:
        return [edge.target for edge in self.terminator.edges]


class Function:
    """A kernel or helper: its name, its blocks, and where it stands in the user's source."""

    def __init__(self, name: str, loc: Loc | None = None) -> None:
        self.name = name
        self.loc = loc
        self.code: CodeType | None = None  # what it was built from
        self.itself: object = None  # what its own name stands for while nothing is bound to it
        self.chains: dict[Loc | None, tuple[CodeType, ...]] = {}  # what inlined calls stand in
        self.outlined: Any = None  # the functions that its calls are resolved to, by resolve_calls
        self.read_at_offsets: frozenset[Value] = frozenset()  # the arrays that a stencil reads so
        self.sharing: Any = None  # the Report of its loops, if threads may share them
        self.on_grid = False  # whether it is what one thread of a grid does
        self.asks = False  # whether what it does depends on the classes of its values
        self.blocks: list[Block] = []
        self.result: Type | None = None

    @property
    def entry(self) -> Block:
        return self.blocks[0]

    @property
    def params(self) -> list[Value]:
        return self.entry.args

    def ops(self) -> Iterator[Op]:
        """All ops, block by block."""
        for block in self.blocks:
            yield from block.ops

    def callees(self) -> list[Function]:
        """The functions that it calls and those that they call, each once, but not itself."""
        found = [self]
        for function in found:
            for op in function.ops():
                if op.name in CALLS and op.attrs["callee"] not in found:
                    found.append(op.attrs["callee"])
        return found[1:]

    def values(self) -> Iterator[Value]:
        """All values, in the order of their definitions."""
        for block in self.blocks:
            yield from block.args
            for op in block.ops:
                if op.result is not None:
                    yield op.result

    def edges(self) -> Iterator[Edge]:
        for block in self.blocks:
            yield from block.terminator.edges

    def users(self) -> dict[Value, list[Op]]:
        """For each value that is used the ops that use it, once for each use."""
        found: dict[Value, list[Op]] = {}
        for op in self.ops():
            for value in [*op.operands, *(v for edge in op.edges for v in edge.args)]:
                found.setdefault(value, []).append(op)
        return found

    def predecessors(self) -> dict[Block, list[Edge]]:
        """For each block the edges that lead to it."""
        return {block: [edge for _, edge in ways] for block, ways in self.arrivals().items()}

    def arrivals(self) -> dict[Block, list[tuple[Block, Edge]]]:
        """For each block the edges that lead to it, each with the block that it leaves."""
        found: dict[Block, list[tuple[Block, Edge]]] = {block: [] for block in self.blocks}
        for block in self.blocks:
            for edge in block.terminator.edges:
                found[edge.target].append((block, edge))
        return found

    def sort_blocks(self) -> None:
        """Put the blocks in reverse postorder, which drops those that cannot be reached."""
        self.blocks = reverse_postorder(self.entry, _successors)

    def dominators(self) -> dict[Block, Block]:
        """For each block its immediate dominator; the blocks are in reverse postorder."""
        return immediate_dominators(self.blocks, _successors)

    def loops(self) -> dict[Block, set[Block]]:
        """For each header of a loop its blocks; all blocks are in reverse postorder."""
        return natural_loops(self.blocks, _successors, self.dominators())

    def substitute(self, replacement: dict[Value, Value]) -> None:
        """Replace uses of each key by its value, through chains of replacements."""
        if not replacement:
            return

        def final(value: Value) -> Value:
            while value in replacement:
                value = replacement[value]
            return value

        for op in self.ops():
            op.operands = [final(v) for v in op.operands]
            for edge in op.edges:
                edge.args = [final(v) for v in edge.args]


def _successors(block: Block) -> list[Block]:
    return block.successors


def const(value: Any, loc: Loc | None = None) -> Op:
    """The op that makes a constant."""
    return Op("const", (), {"value": value}, loc)


def jump(target: Block, args: Iterable[Value] = (), loc: Loc | None = None) -> Op:
    """The terminator that goes on at ``target``."""
    return Op("jump", (), None, loc, (Edge(target, args),))
