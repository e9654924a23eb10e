"""Replace ops that are defined in the kernel language by that definition, compiled and inlined.

Before: typed SSA with conversions. After: the same, and no op has an expansion left.
"""

from __future__ import annotations

from types import FunctionType

from kernelgen.bytecode.build import build
from kernelgen.errors import InternalError
from kernelgen.infer import infer
from kernelgen.ir.core import Block, Function, Op
from kernelgen.ops.registry import OPS
from kernelgen.rewrites.inline import inline
from kernelgen.rewrites.insert_conversions import insert_conversions
from kernelgen.rewrites.resolve_calls import resolve_calls
from kernelgen.types.compound import Type


def expand_ops(function: Function) -> None:
    """Apply the pass."""
    work = list(function.blocks)
    while work:
        block = work.pop()
        for op in block.ops:
            expand = OPS[op.name].expand if op.result is not None else None
            definition = expand(op) if expand is not None else None
            if definition is not None:
                assert isinstance(definition, FunctionType)
                work += _expand(function, block, op, definition)
                break


def _expand(function: Function, block: Block, op: Op, definition: FunctionType) -> list[Block]:
    """Inline the definition; the blocks that it brought are to be looked at as well."""
    body = build(definition)
    resolve_calls(body)
    types: list[Type] = []
    for operand in op.operands:
        assert operand.type is not None
        types.append(operand.type)
    infer(body, types)
    if body.result != op.value.type:
        raise InternalError(f"{op.name} expands to a {body.result}, not a {op.value.type}", op.loc)
    insert_conversions(body)
    at = function.blocks.index(block)
    count = len(body.blocks) + 1
    inline(function, block, op, body, op.operands)
    return function.blocks[at + 1 : at + 1 + count]
