"""Replace ops that are defined in the kernel language by that definition, compiled and inlined.

Before: typed SSA with conversions. After: the same, and no op has an expansion left.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from kernelgen.errors import InternalError
from kernelgen.ir.core import Block, Function, Op
from kernelgen.ops.complex import complex_definition
from kernelgen.ops.registry import OPS
from kernelgen.ops.times import time_form
from kernelgen.rewrites.array_passes import fuse_arrays, loop_cores, resolve_arrays
from kernelgen.rewrites.body_of import body_of
from kernelgen.rewrites.inline import inline
from kernelgen.rewrites.insert_conversions import insert_conversions
from kernelgen.types.compound import Type
from kernelgen.types.join import join


def expand_ops(function: Function) -> None:
    """Apply the pass."""
    work = list(function.blocks)
    while work:
        block = work.pop()
        for op in block.ops:
            definition = _definition(op)
            if definition is not None:
                assert isinstance(definition, FunctionType | Function)
                work += _expand(function, block, op, definition)
                break


def _definition(op: Op) -> Callable[..., Any] | Function | None:
    """The function that defines an op; one that is another op by another name becomes it."""
    definition: Callable[..., Any] | Function | str | None
    while op.result is not None:
        expand = OPS[op.name].expand
        definition = complex_definition(op) or time_form(op)
        if definition is None and expand is not None:
            definition = expand(op)
        if not isinstance(definition, str):
            return definition
        op.name, op.attrs = definition, {}
    return None


def _expand(
    function: Function, block: Block, op: Op, definition: FunctionType | Function
) -> list[Block]:
    """Inline the definition; the blocks that it brought are to be looked at as well."""
    body = definition if isinstance(definition, Function) else _inferred(op, definition)
    expected = op.value.type
    if body.result is None or expected is None or join(body.result, expected) != expected:
        raise InternalError(f"{op.name} expands to a {body.result}, not a {expected}", op.loc)
    body.result = expected  # literals that it returns take the type that the op has
    for each in (body, *body.callees()):
        insert_conversions(each)
        resolve_arrays(each)
        loop_cores(each)
        fuse_arrays(each)
    for each in body.callees():
        expand_ops(each)
    at = function.blocks.index(block)
    count = len(body.blocks) + 1
    inline(function, block, op, body, op.operands)
    return function.blocks[at + 1 : at + 1 + count]


def _inferred(op: Op, definition: FunctionType) -> Function:
    """A definition in the kernel language, typed for the operands of ``op``."""
    types: list[Type] = []
    for operand in op.operands:
        assert operand.type is not None
        types.append(operand.type)
    return body_of(definition, types)
