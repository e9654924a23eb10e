"""Remove block arguments that every edge gives the same value.

Before: any SSA. After: no argument is a copy of one other value.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Edge, Function, Value


def prune_arguments(function: Function) -> bool:
    """Apply the pass; whether anything changed."""
    predecessors = function.predecessors()
    replaced: dict[Value, Value] = {}

    def final(value: Value) -> Value:
        while value in replaced:
            value = replaced[value]
        return value

    changed = True
    while changed:
        changed = False
        for block in function.blocks[1:]:
            for arg in [a for a in block.args if a not in replaced]:
                index = block.args.index(arg)
                sources = {final(edge.args[index]) for edge in predecessors[block]} - {arg}
                if len(sources) == 1:
                    replaced[arg] = sources.pop()
                    replaced[arg].hint = replaced[arg].hint or arg.hint
                    changed = True
    for block in function.blocks[1:]:
        remove_arguments(block, predecessors[block], [a for a in block.args if a in replaced])
    function.substitute(replaced)
    return bool(replaced)


def remove_arguments(block: Block, edges: list[Edge], args: list[Value]) -> None:
    """Drop ``args`` from ``block``, and their values from the edges to it."""
    if args:
        keep = [i for i, arg in enumerate(block.args) if arg not in args]
        block.args = [block.args[i] for i in keep]
        for edge in edges:
            edge.args = [edge.args[i] for i in keep]
