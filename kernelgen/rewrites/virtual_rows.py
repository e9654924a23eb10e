"""Functions of the kernel language in loops, reading rows whose elements are computed there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any

from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Block, Function, Value
from kernelgen.ops.registry import by_call
from kernelgen.rewrites.body_of import body_of
from kernelgen.rewrites.insert_conversions import insert_conversions
from kernelgen.rewrites.resolve_arrays import resolve_arrays
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import Array, Type

Element = Callable[[Value], Value]
"""What computes the element of a row at an index."""


class Virtual:
    """A row whose elements are computed where they are read."""

    def __init__(self, t: Array, count: Value, element: Element) -> None:
        self.type: Type | None = t
        self.count = count
        self.element = element


def put_in_place(w: Writer, function: Any, args: Sequence[Value | Virtual]) -> Value:
    """Put a function's body here, or the op that it stands for; the result."""
    assert isinstance(function, FunctionType)
    op = by_call(function).get(len(args))
    if op is not None:
        numbers = [arg for arg in args if isinstance(arg, Value)]
        assert numbers[0].type is not None
        return w.emit(op.name, numbers[0].type, *numbers)
    types: list[Type] = []
    for arg in args:
        assert arg.type is not None
        types.append(arg.type)
    body = copy_function(_resolved(function, tuple(types)))
    for param, arg in zip(list(body.params), args, strict=True):
        if isinstance(arg, Virtual):
            _compute_elements(w, body.blocks, param, arg)
            body.entry.args.remove(param)
    given = [arg for arg in args if isinstance(arg, Value)]
    return w.inline(body.blocks, given, body.result)


def _compute_elements(w: Writer, blocks: list[Block], array: Value, virtual: Virtual) -> None:
    """Put what an array's elements and its length are in place of the ops that ask for them."""
    replaced: dict[Value, Value] = {}
    outer = w.block
    for block in blocks:
        ops, block.ops = block.ops, []
        w.block = block
        for op in ops:
            if array not in op.operands:
                block.append(op)
            elif op.name == "dim":
                replaced[op.value] = virtual.count
            else:
                assert op.name == "subscript"
                replaced[op.value] = virtual.element(op.operands[1])
    w.block = outer
    for block in blocks:
        for op in block.ops:
            op.operands = [replaced.get(v, v) for v in op.operands]
            for edge in op.edges:
                edge.args = [replaced.get(v, v) for v in edge.args]


@cache
def _resolved(function: FunctionType, types: tuple[Type, ...]) -> Function:
    """The body of a function for parameters of some types, which loops put in place by copies."""
    body = body_of(function, types)
    insert_conversions(body)
    resolve_arrays(body)
    return body
