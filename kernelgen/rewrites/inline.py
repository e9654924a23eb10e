"""Put a function's blocks in place of an op that calls it."""

from __future__ import annotations

from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.source import Loc


def inline(function: Function, block: Block, op: Op, callee: Function, args: list[Value]) -> Block:
    """Replace ``op`` in ``block`` by the body of ``callee``, which is used up.

    The block is split behind the op; the callee's returns jump there with the result, which
    stays the same value. The block behind is returned.
    """
    at = block.ops.index(op)
    rest = Block()
    rest.ops = block.ops[at + 1 :]
    rest.take_arg(op.value)
    block.ops = block.ops[:at]
    where = function.blocks.index(block) + 1
    function.blocks[where:where] = [*callee.blocks, rest]
    _enter(block, op, callee, args)
    for body in callee.blocks:
        _leave(body, rest, op.loc)
    return rest


def _enter(block: Block, op: Op, callee: Function, args: list[Value]) -> None:
    """Jump to the callee's entry, which now has the call's values as its arguments."""
    block.append(Op("jump", (), None, op.loc, (Edge(callee.entry, list(args)),)))


def _leave(body: Block, rest: Block, call: Loc | None) -> None:
    """Turn a return into a jump behind the call, and mark all places as inlined there."""
    for op in body.ops:
        if op.loc is not None and op.loc != call:
            op.loc = op.loc.at_call(call)
    last = body.terminator
    if last.name == "return":
        body.ops[-1] = Op("jump", (), None, last.loc, (Edge(rest, last.operands),))
