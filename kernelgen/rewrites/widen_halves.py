"""Compute float16 in float32: NumPy does, and rounds after every operation.

Before: typed SSA with conversions. After: ops on float16 have float32 operands and results,
which conversions stand around, but for the ops that take float16 as it is.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Function, Op, Value, const
from kernelgen.ops.registry import OPS
from kernelgen.types.compound import Tuple, Type
from kernelgen.types.table import FLOAT16, FLOAT32


def widen_halves(function: Function) -> None:
    """Apply the pass."""
    replaced: dict[Value, Value] = {}
    for block in function.blocks:
        for op in list(block.ops):
            if op.result is not None and _is_widened(op):
                _widen(block, op, replaced)
    function.substitute(replaced)


def _is_widened(op: Op) -> bool:
    definition = OPS[op.name]
    taken = definition.halves or definition.carries
    return not taken and any(v.type == FLOAT16 for v in op.operands)


def _widen(block: Block, op: Op, replaced: dict[Value, Value]) -> None:
    """Convert the operands in front of ``op``, and its result behind it."""
    at = block.ops.index(op)
    operands = [_wide_operand(v, op) if v.type == FLOAT16 else v for v in op.operands]
    before = [v.definition for v in operands if v not in op.operands]
    wide = Op(op.name, operands, op.attrs, op.loc)
    wide.value.type = _wide(op.value.type)
    after = [] if wide.value.type == op.value.type else [_convert(wide.value, op.value.type, op)]
    new = [*before, wide, *after]
    block.ops[at : at + 1] = [o for o in new if isinstance(o, Op)]
    last = block.ops[at + len(new) - 1].value
    last.hint = op.value.hint
    replaced[op.value] = last


def _wide_operand(value: Value, op: Op) -> Value:
    constant = value.constant
    if constant is None:
        return _convert(value, FLOAT32, op).value
    new = const(FLOAT32.dtype.type(constant.attrs["value"]), op.loc)
    new.value.type = FLOAT32
    return new.value


def _wide(t: Type | None) -> Type | None:
    if isinstance(t, Tuple):
        return Tuple(tuple(map(_wide, t.elements)))
    return FLOAT32 if t == FLOAT16 else t


def _convert(value: Value, to: Type | None, op: Op) -> Op:
    new = Op("convert", (value,), {"to": to}, op.loc)
    new.value.type = to
    return new
