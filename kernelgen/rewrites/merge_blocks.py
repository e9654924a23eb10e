"""Make one block of two where the one always goes on to the other, which nothing else leads to.

Before: any SSA. After: no such pair is left, as inlined functions bring them.
"""

from __future__ import annotations

from kernelgen.ir.core import Function, Value


def merge_blocks(function: Function) -> None:
    """Apply the pass."""
    function.sort_blocks()
    predecessors = function.predecessors()
    replaced: dict[Value, Value] = {}
    merged = set()
    for block in function.blocks:
        if block in merged:
            continue
        while block.terminator.name == "jump" and len(predecessors[block.successors[0]]) == 1:
            (edge,) = block.terminator.edges
            if edge.target is function.entry:
                break
            replaced.update(zip(edge.target.args, edge.args, strict=True))
            block.ops = block.ops[:-1] + edge.target.ops
            merged.add(edge.target)
    function.blocks = [block for block in function.blocks if block not in merged]
    function.substitute(replaced)
