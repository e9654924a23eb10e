"""Make every implicit conversion an op of its own.

Before: typed SSA, in which operands may be of other types than their op computes in. After:
operands are defined and have exactly the types of their op's rule, edges hand over exactly
what the target's arguments are, and returned values have the function's result type. Only ops on
arrays change anything in place.
"""

from __future__ import annotations

from typing import Any

from kernelgen.errors import TypingError
from kernelgen.infer import typed
from kernelgen.ir.core import Block, Function, Op, Value, const
from kernelgen.ops.convert import convert_value
from kernelgen.source import Loc
from kernelgen.types.compound import UNDEFINED, Array, Tuple, Type, describe
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar


def insert_conversions(function: Function) -> None:
    """Apply the pass."""
    for block in function.blocks:
        for op in list(block.ops):
            if op.result is not None:
                _convert_operands(block, op)
            if op.name == "branch" and op.operands[0].type == UNDEFINED:
                op.operands = _convert_all(block, op, op.operands, (WEAK_BOOL,))
            if op.name == "return":
                assert function.result is not None
                op.operands = _convert_all(block, op, op.operands, (function.result,))
            for edge in op.edges:
                types = tuple(arg.type for arg in edge.target.args)
                edge.args = _convert_all(block, op, edge.args, types)


def _convert_operands(block: Block, op: Op) -> None:
    """An op on a variable that is never assigned is not reached: a check before it raises."""
    if any(v.type == UNDEFINED for v in op.operands):
        op.name, op.operands, op.attrs = "undefined", [], {}
    else:
        op.operands = _convert_all(block, op, op.operands, typed(op).params)
        if "inplace" in op.attrs and not isinstance(op.operands[0].type, Array):
            op.attrs = {}


def _convert_all(
    block: Block, op: Op, values: list[Value], types: tuple[Type | None, ...]
) -> list[Value]:
    return [
        value if t is None or _is(value, t) else _convert(block, op, value, t)
        for value, t in zip(values, types, strict=True)
    ]


def _is(value: Value, t: Type) -> bool:
    """Whether ``value`` is a ``t`` already; a literal beyond int64 is no Python int here."""
    constant = value.constant
    if value.type == WEAK_INT and constant is not None:
        return value.type == t and WEAK_INT.minimum <= constant.attrs["value"] <= WEAK_INT.maximum
    return value.type == t


def _convert(block: Block, op: Op, value: Value, to: Type) -> Value:
    """``value`` as a ``to``, by an op in front of ``op``; a constant is converted now."""
    constant = value.constant
    if value.type == UNDEFINED:
        new = Op("default", (), {"type": to}, op.loc)
    elif constant is not None and isinstance(to, (Scalar, Tuple)):
        new = const(convert_constant(constant.attrs["value"], to, op.loc), op.loc)
    else:
        new = Op("convert", (value,), {"to": to}, op.loc)
    new.value.type = to
    new.value.hint = value.hint
    block.ops.insert(block.ops.index(op), new)
    return new.value


def convert_constant(value: Any, to: Type, loc: Loc | None) -> Any:
    """A literal as a constant of type ``to``.

    Raises
    ------
    TypingError
        An integer literal that the integer type it meets cannot hold.
    """
    if isinstance(to, Tuple):
        return tuple(convert_constant(v, t, loc) for v, t in zip(value, to.elements, strict=True))
    if not isinstance(to, Scalar):
        return value
    literal = isinstance(value, int) and not isinstance(value, bool)
    if literal and to.is_integer and not to.minimum <= value <= to.maximum:
        raise TypingError(
            f"the literal {_shown(value)} does not fit {describe(to.strong)}, "
            "the type it is combined with",
            loc,
            "convert the other operand to a wider type first, with int() or float()",
        )
    try:
        return convert_value(value, to)
    except OverflowError:
        message = f"the literal {_shown(value)} does not fit {describe(to)}"
        raise TypingError(message, loc) from None


def _shown(value: int) -> str:
    """A literal as it is written, unless that is too long to be read, or for Python to write."""
    return str(value) if value.bit_length() < 300 else f"of {value.bit_length()} bits"
