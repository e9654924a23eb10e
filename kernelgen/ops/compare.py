"""Comparisons, truth, and identity with None."""

from __future__ import annotations

import operator
from typing import Any

from kernelgen.ir.core import Op, Value
from kernelgen.llvm_text import Emitter
from kernelgen.ops.arith import identity
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import same, scalars, truth_type
from kernelgen.types.compound import NONE, Array, Tuple, Type, describe
from kernelgen.types.promote import promote
from kernelgen.types.table import UINT64, WEAK_BOOL, Scalar

SYMBOLS = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}
BY_SYMBOL = {symbol: name for name, symbol in SYMBOLS.items()}


def _rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if op.name in ("eq", "ne") and all(isinstance(t, Tuple) for t in types):
        return _tuples_rule(op, *types)
    a, b = scalars(f"`{SYMBOLS[op.name]}`", types)
    result = truth_type((a, b))
    if "f" in (a.kind, b.kind) or "c" in (a.kind, b.kind):
        t = promote(a, b)
        return Typed((t, t), result)
    # Integers compare by their exact values, whatever their widths and signs.
    x, y = (_holding(op, i, t) for i, t in enumerate((a, b)))
    if x is None or y is None or promote(x, y).is_float:
        return Typed((x, y), result)
    return same(promote(x, y), 2, result)


def _tuples_rule(op: Op, a: Any, b: Any) -> Typed:
    """Tuples are compared element by element (``rewrites/compare_tuples.py``)."""
    if len(a.elements) == len(b.elements):
        for pair in zip(a.elements, b.elements, strict=True):
            _rule(Op(op.name, [Value(t) for t in pair]), pair)
    return Typed((None, None), WEAK_BOOL)


def _holding(op: Op, index: int, t: Scalar) -> Scalar | None:
    """The strong type that holds an operand: of a literal beyond int64, uint64.

    None of a literal that no type holds.
    """
    literal = op.operands[index].constant
    if not t.weak or literal is None:
        return t.strong
    value = literal.attrs["value"]
    holding = (u for u in (t.strong, UINT64) if u.minimum <= value <= u.maximum)
    return next(holding, None)


def _lower(e: Emitter, op: Op, args: list[str]) -> str:
    types = [v.type for v in op.operands]
    a, b = types
    assert isinstance(a, Scalar) and isinstance(b, Scalar)
    if a.is_float:
        # An unordered comparison is false, but for `!=`.
        return e(f"fcmp {'u' if op.name == 'ne' else 'o'}{op.name} {a.llvm} {', '.join(args)}")
    literals = [int(v.constant.attrs["value"]) for v in op.operands if v.constant is not None]
    if a == b and all(a.minimum <= value <= a.maximum for value in literals):
        return e(f"icmp {_condition(op.name, a.is_signed)} {a.llvm} {', '.join(args)}")
    # No type holds both operands; as many bits do: 65, or more for a literal.
    wide = f"i{max(64, *(value.bit_length() for value in literals), 0) + 1}"
    args = [_extended(e, *each, wide) for each in zip(op.operands, args, strict=True)]
    return e(f"icmp {_condition(op.name, True)} {wide} {', '.join(args)}")


def _extended(e: Emitter, operand: Value, arg: str, wide: str) -> str:
    t = operand.type
    assert isinstance(t, Scalar)
    if operand.constant is not None:
        return arg
    return e(f"{'sext' if t.is_signed else 'zext'} {t.llvm} {arg} to {wide}")


def _condition(name: str, signed: bool) -> str:
    return name if name in ("eq", "ne") else ("s" if signed else "u") + name


for _name in SYMBOLS:
    define(OpDef(_name, _rule, getattr(operator, _name), _lower))


# ----------------------------------------------------------------------------------- truth


def _truth_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if types[0] == NONE or isinstance(types[0], Tuple):
        return Typed(types, WEAK_BOOL)
    if isinstance(types[0], Array):
        raise NoRule(f"a condition is a bool, not a {describe(types[0])}", "use a.any() or a.all()")
    scalars("a condition", types)
    return Typed((WEAK_BOOL,), WEAK_BOOL)


def _lower_truth(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.operands[0].type
    if isinstance(t, Scalar):
        return identity(e, op, args)
    return "true" if isinstance(t, Tuple) and t.elements else "false"


def _lower_not(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"xor i1 {_lower_truth(e, op, args)}, true")


define(OpDef("truth", _truth_rule, bool, _lower_truth, calls=((bool, 1),)))
define(OpDef("not", _truth_rule, operator.not_, _lower_not))


# -------------------------------------------------------------------------- `is`, `is not`


def _is_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if NONE not in types:
        raise NoRule("`is` compares with None only", "write `==`")
    return Typed(types, WEAK_BOOL)


def _lower_is(e: Emitter, op: Op, args: list[str]) -> str:
    a, b = (v.type for v in op.operands)
    return "true" if a == b else "false"


def _is(a: Any, b: Any) -> bool:
    return a is b


define(OpDef("is", _is_rule, _is, _lower_is))
