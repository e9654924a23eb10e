"""Raise ZeroDivisionError where Python does, for kernels compiled with that error model.

Before: typed SSA with conversions. After: no division is reached with a
zero divisor; a ``raise`` is, instead.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Edge, Function, Op, const
from kernelgen.ir.raised import Raised
from kernelgen.ops.convert import convert_value
from kernelgen.ops.registry import OPS
from kernelgen.ops.rules import truth_type
from kernelgen.types.compound import Array
from kernelgen.types.table import Scalar

ERROR = Raised(ZeroDivisionError, ("division by zero",))


def check_division(function: Function) -> None:
    """Apply the pass."""
    for block in list(function.blocks):
        rest = block
        for op in [op for op in block.ops if _may_divide_by_zero(op)]:
            rest = _guard(function, rest, op)


def _may_divide_by_zero(op: Op) -> bool:
    if op.result is None or not OPS[op.name].divides:
        return False
    if any(isinstance(v.type, Array) for v in op.operands):
        return False  # NumPy's arrays divide by zero
    divisor = op.operands[1].constant
    return divisor is None or not divisor.attrs["value"]


def _guard(function: Function, block: Block, op: Op) -> Block:
    """Split ``block`` in front of a division and go on only if the divisor is not zero.

    The block with the division is returned.
    """
    divisor = op.operands[1]
    assert isinstance(divisor.type, Scalar)
    at = block.ops.index(op)
    rest, failed = Block(), Block()
    rest.ops, block.ops = block.ops[at:], block.ops[:at]
    zero = block.append(const(convert_value(0, divisor.type), op.loc))
    zero.value.type = divisor.type
    nonzero = block.append(Op("ne", (divisor, zero.value), None, op.loc))
    nonzero.value.type = truth_type((divisor.type,))
    block.append(Op("branch", (nonzero.value,), None, op.loc, (Edge(rest), Edge(failed))))
    failed.append(Op("raise", (), {"error": ERROR}, op.loc))
    where = function.blocks.index(block) + 1
    function.blocks[where:where] = [failed, rest]
    return rest
