"""Move ops of a loop's header to where the loop goes on, as at its end they have no meaning."""

from __future__ import annotations

from kernelgen.ir.core import Block, Function, Op, jump


def move_behind_branch(function: Function, header: Block, ops: list[Op], nothing: Op) -> None:
    """Move ``ops``, the last of which has a value that is handed on, behind the header's branch.

    Where the loop ends, that value is the result of ``nothing``.
    """
    value = ops[-1].value
    edge, other = header.terminator.edges
    header.ops = [op for op in header.ops if op not in ops]
    if value in other.args:
        header.ops.insert(-1, nothing)
        other.args = [nothing.value if v is value else v for v in other.args]
    between = Block()
    between.ops = [*ops, jump(edge.target, edge.args, ops[-1].loc)]
    edge.target, edge.args = between, []
    function.blocks.insert(function.blocks.index(header) + 1, between)
