"""Count the references to the memory that a function allocates, so that it is freed in time.

Before: typed SSA with whole arrays, and nothing is counted. After: ``retain`` and ``release`` keep
each block alive while some value refers to it, and no longer.

A *root* is a value that holds references of its own: a new array, what a call returns, and a block
argument that may be either. Every other value borrows from the roots that it was made of, a view
from its array for instance, so that a root lives as long as what borrows from it. Arguments of the
function belong to its caller. If the function raises, the list of its blocks is freed as a whole.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.rewrites.split_arrays import owners
from kernelgen.types.compound import NONE

Roots = frozenset[Value]

_NEW = ("array_of_shape", "invoke")
"""Ops whose results are roots."""


def count_references(function: Function) -> None:
    """Apply the pass."""
    function.sort_blocks()
    if any(op.name in _NEW and _refers(op.value) for op in function.ops()):
        _Counting(function).run()
    else:
        for block in function.blocks:
            block.ops = [op for op in block.ops if op.name != "keep"]


def _refers(value: Value) -> bool:
    """Whether a value holds arrays."""
    return value.type is not None and bool(owners(value.type))


class _Counting:
    """One function: which roots its values borrow from, and where those are alive."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.numbers = {value: number for number, value in enumerate(function.values())}
        self.roots: dict[Value, Roots] = {}
        self._find_roots()
        self.live_in: dict[Block, Roots] = dict.fromkeys(function.blocks, frozenset())
        self._find_live()

    def run(self) -> None:
        for block in list(self.function.blocks):
            self._count_in(block)

    # Which values borrow from which.

    def _find_roots(self) -> None:
        """Grow the roots until nothing changes: a block argument is one if something owned arrives.

        What is handed on to an argument belongs to the argument then.
        """
        changed = True
        while changed:
            changed = False
            for block in self.function.blocks:
                for op in block.ops:
                    if op.result is not None and _refers(op.result):
                        changed |= self._note(op.result, self._of_op(op))
                for edge in block.terminator.edges:
                    for value, arg in zip(edge.args, edge.target.args, strict=True):
                        if self.roots.get(value):
                            changed |= self._note(arg, frozenset([arg]))

    def _note(self, value: Value, roots: Roots) -> bool:
        changed = self.roots.get(value, frozenset()) != roots
        self.roots[value] = roots
        return changed

    def _of_op(self, op: Op) -> Roots:
        if op.name in _NEW:
            return frozenset([op.value])
        return frozenset().union(*(self.roots.get(v, frozenset()) for v in op.operands))

    def _borrowed(self, values: list[Value]) -> Roots:
        """The roots that a use of ``values`` needs."""
        return frozenset().union(*(self.roots.get(v, frozenset()) for v in values))

    # Where roots are alive.

    def _find_live(self) -> None:
        changed = True
        while changed:
            changed = False
            for block in reversed(self.function.blocks):
                live = self._live_out(block) | self._used_by_last(block)
                for op in reversed(block.ops[:-1]):
                    live = (live - {op.result}) | self._borrowed(op.operands)
                live -= frozenset(block.args)
                changed |= live != self.live_in[block]
                self.live_in[block] = live

    def _live_out(self, block: Block) -> Roots:
        return frozenset().union(*(self.live_in[b] for b in block.successors))

    def _used_by_last(self, block: Block) -> Roots:
        last = block.terminator
        return self._borrowed([*last.operands, *(v for edge in last.edges for v in edge.args)])

    # What is counted where.

    def _count_in(self, block: Block) -> None:
        """Release each root behind its last use, and hand on what the edges take along."""
        live = self._live_out(block) | self._used_by_last(block)
        ops = [*self._at_end(block, live)]
        for op in reversed(block.ops[:-1]):
            defined = self.roots.get(op.value, frozenset()) & {op.value}
            ended = (self._borrowed(op.operands) | defined) - live
            ops += self._release(ended, op)
            ops.append(op)
            live = (live - {op.value}) | self._borrowed(op.operands)
        arguments = [arg for arg in block.args if self.roots.get(arg) and arg not in live]
        ops += [self._change("release", arg, block.terminator) for arg in reversed(arguments)]
        block.ops = ops[::-1]

    def _at_end(self, block: Block, live: Roots) -> list[Op]:
        """The terminator and what comes before it, in reverse."""
        last = block.terminator
        if last.name == "return":
            return [last, *self._return(last, live)[::-1]]
        if len(last.edges) == 1:
            return [last, *self._along(last.edges[0], last, live)[::-1]]
        for edge in last.edges:
            changes = self._along(edge, last, live)
            if changes:
                self._put_on(edge, changes, last)
        return [last]

    def _return(self, last: Op, live: Roots) -> list[Op]:
        """What is returned holds references of its own."""
        (value,) = last.operands
        moved = self._moved(value, live)
        ops = [] if moved or not _refers(value) else [self._change("retain", value, last)]
        return ops + self._release(live - moved, last)

    def _along(self, edge: Edge, last: Op, live: Roots) -> list[Op]:
        """Hand references over to arguments, and release what ends on the way."""
        dying = live - self.live_in[edge.target]
        retained = []
        for value, arg in zip(edge.args, edge.target.args, strict=True):
            if self.roots.get(arg):
                moved = self._moved(value, dying)
                dying -= moved
                retained += [] if moved else [self._change("retain", value, last)]
        return retained + self._release(dying, last)

    def _moved(self, value: Value, dying: Roots) -> Roots:
        """The root whose reference ``value`` takes over, as nothing else needs it any more."""
        roots = self.roots.get(value, frozenset())
        if len(roots) != 1 or not roots <= dying:
            return frozenset()
        (root,) = roots
        single = all(v.type is not None and len(owners(v.type)) == 1 for v in (value, root))
        return roots if single or root is value else frozenset()

    def _put_on(self, edge: Edge, changes: list[Op], last: Op) -> None:
        """A block of its own on an edge of a branch."""
        between = Block()
        between.ops = [*changes, Op("jump", (), None, last.loc, (Edge(edge.target, edge.args),))]
        edge.target, edge.args = between, []
        self.function.blocks.append(between)

    def _release(self, roots: Roots, near: Op) -> list[Op]:
        """In an order that does not depend on where values lie in memory."""
        ordered = sorted(roots, key=self.numbers.__getitem__)
        return [self._change("release", root, near) for root in ordered]

    def _change(self, name: str, value: Value, near: Op) -> Op:
        op = Op(name, (value,), None, near.loc)
        op.value.type = NONE
        return op
