"""Make loops of what is computed of whole arrays: one for each expression, no temporaries.

Before: typed SSA with conversions, arrays resolved. After: no op on numbers has an array as an
operand, and no array is assigned to another.

An expression is a *tree* of elementwise ops in one block whose results nothing else uses. Its
*root* makes a new array, is assigned to the elements of one, or reduces them. An operand of fewer
dimensions than the root is computed before, so that nothing is computed more often than in NumPy,
and so is what may raise an exception, which then leaves all as it was.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Function, Op
from kernelgen.ops.elementwise import is_elementwise
from kernelgen.ops.registry import OPS
from kernelgen.ops.ufunc_calls import may_raise
from kernelgen.rewrites.loop_accumulations import Accumulation
from kernelgen.rewrites.loop_arrays import Expression, Shapes, expand_tree
from kernelgen.rewrites.loop_normal_products import NormalProduct
from kernelgen.rewrites.loop_reductions import Reduction
from kernelgen.rewrites.merge_blocks import merge_blocks
from kernelgen.types.compound import Array

_REDUCTIONS: dict[str, type[Expression]] = {
    "reduce": Reduction,
    "accumulate": Accumulation,
    "normal_product": NormalProduct,
}


def fuse_arrays(function: Function) -> None:
    """Apply the pass."""
    if not any(map(_is_root, function.ops())):
        return
    merge_blocks(function)
    for block in list(function.blocks):
        rest: Block | None = block if any(map(_is_root, block.ops)) else None
        shapes = Shapes()
        while rest is not None:
            rest = _fuse_first(function, rest, shapes)


def _fuse_first(function: Function, block: Block, shapes: Shapes) -> Block | None:
    """Replace the first tree of a block; the block behind it, None if there is no tree."""
    members = _trees(function, block)
    root = next((op for op in block.ops if _is_root(op) and op not in members), None)
    if root is None:
        return None
    kind = _REDUCTIONS.get(root.name, Expression)
    return expand_tree(function, block, root, members, shapes, kind)


def _is_root(op: Op) -> bool:
    """Whether an op is elementwise, assigns an array, or reduces one."""
    if op.result is None or op.name in _REDUCTIONS:
        return op.result is not None
    if op.name == "assign":
        return isinstance(op.operands[1].type, Array)
    return is_elementwise(op, tuple(v.type for v in op.operands))


def _trees(function: Function, block: Block) -> dict[Op, Op]:
    """For each op that is computed within another's loop, the root of that loop."""
    users = function.users()
    places = {op: place for place, op in enumerate(block.ops)}
    barriers = [place for op, place in places.items() if _writes(op)]
    members: dict[Op, Op] = {}
    for op in reversed(block.ops):
        t = None if op.result is None else op.result.type
        if not isinstance(t, Array) or op.name in _REDUCTIONS or not _is_root(op) or may_raise(op):
            continue
        takers = users.get(op.value, [])
        roots = {members.get(user, user) for user in takers}
        if len(roots) != 1 or any(user not in places or not _is_root(user) for user in takers):
            continue
        (root,) = roots
        assigned_to = any(user.name == "assign" and user.operands[0] is op.value for user in takers)
        between = any(places[op] < place < places[root] for place in barriers)
        if t.ndim == _dimensions(root) and not assigned_to and not between:
            members[op] = root
    return members


def _writes(op: Op) -> bool:
    """Whether an op may change what others read."""
    return op.result is not None and OPS[op.name].effects and op.name not in _REDUCTIONS


def _dimensions(root: Op) -> int:
    """Of the loops over a root's elements."""
    operands = root.operands[:1] if root.name in ("assign", "normal_product") else root.operands
    return max(v.type.ndim for v in operands if isinstance(v.type, Array))
