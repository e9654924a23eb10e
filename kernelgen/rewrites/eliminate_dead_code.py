"""Remove ops and block arguments that nothing observable uses.

Before: any SSA. After: every value is used, directly or not, by a terminator, a call, or what may
raise. All other ops are pure, so what is not used need not be computed.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ops.registry import OPS
from kernelgen.rewrites.prune_arguments import remove_arguments


def eliminate_dead_code(function: Function) -> None:
    """Apply the pass."""
    predecessors = function.predecessors()
    used: set[Value] = set()
    kept = [op for op in function.ops() if op.result is None or _has_effects(op)]
    used.update(op.result for op in kept if op.result is not None)
    work = [v for op in kept for v in op.operands]
    while work:
        value = work.pop()
        if value in used:
            continue
        used.add(value)
        source = value.definition
        if isinstance(source, Op):
            work += source.operands
        elif isinstance(source, Block) and source is not function.entry:
            index = source.args.index(value)
            work += [edge.args[index] for edge in predecessors[source]]
    for block in function.blocks:
        block.ops = [op for op in block.ops if op.result is None or op.result in used]
        if block is not function.entry:
            remove_arguments(block, predecessors[block], [a for a in block.args if a not in used])


def _has_effects(op: Op) -> bool:
    """Whether an op writes or may raise, as one does whose index is checked."""
    return OPS[op.name].effects or bool(op.attrs.get("checked"))
