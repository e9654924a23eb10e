"""Conversions that the user writes, ``np.float32(x)``, and those of a called ufunc's arguments."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.arith import identity, result_type
from kernelgen.ops.convert import convert_value, lower_conversion
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import same, scalars
from kernelgen.types import table
from kernelgen.types.compound import Type, describe
from kernelgen.types.promote import can_cast_safely, common_type, promote
from kernelgen.types.table import Scalar


def scalar_type_of(callee: Any) -> Scalar | None:
    """The type that a class of NumPy's scalars makes values of; None for other callables."""
    if not (isinstance(callee, type) and issubclass(callee, np.generic)):
        return None
    try:
        return table.from_dtype(np.dtype(callee))
    except TypeError:  # an abstract class, np.floating for instance
        return None


def type_meant(spec: Any) -> Scalar | None:
    """The type that a user means by a dtype, a class or a string; None if kernels have none."""
    if isinstance(spec, Scalar):
        return spec
    if isinstance(spec, str) and "[" in spec:
        return table.named(spec)
    try:
        return table.from_dtype(np.dtype(spec))
    except TypeError:
        return None


def _cast_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    to: Scalar = op.attrs["to"]
    (t,) = scalars(f"np.{to.long_name}()", types)
    if t.is_complex and not (to.is_complex or to.is_bool):
        raise NoRule(
            f"np.{to.long_name}() takes no complex number", "take its .real or abs() first"
        )
    literal = op.operands[0].constant
    value = None if literal is None else literal.attrs["value"]
    if type(value) is int and to.is_integer and not to.minimum <= value <= to.maximum:
        raise NoRule(f"the literal {value} does not fit {describe(to)}")
    return Typed(types, to.with_unit_of(t))


def _cast(value: Any, to: Scalar) -> Any:
    """As NumPy's constructor: an int that does not fit is an error, other values wrap."""
    return to.dtype.type(value) if type(value) is int else convert_value(value, to)


def _lower_cast(e: Emitter, op: Op, args: list[str]) -> str:
    source = op.operands[0].type
    assert isinstance(source, Scalar)
    return lower_conversion(e, source, result_type(op), args[0])


define(OpDef("cast", _cast_rule, _cast, _lower_cast, convert_value))


def _argument_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """A weak type is an argument of what it would promote to, as a Python number is."""
    (t,) = scalars("a ufunc", types)
    to: Scalar = op.attrs["to"].with_unit_of(t)
    if not (common_type(t, to) == to if t.weak else can_cast_safely(t, to)):
        raise NoRule(
            f"{describe(t)} cannot be cast safely to {describe(to)}, "
            "which the signature of the called ufunc asks for",
            f"write np.{to.long_name}(...)",
        )
    return Typed(types, to)


def _operand_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """Among the operands of a ufunc, a weak one takes the type in which it meets the numbers.

    An int among floats stays as it is, as it may be a count.
    """
    first, *others = scalars("a ufunc", types)
    partners = [t for t in others if not t.weak and not t.is_time]
    to = first
    if first.weak:
        met = promote(first, reduce(promote, partners)).strong if partners else first.strong
        to = met if met.is_integer or not first.is_integer else first
    return Typed((to, *others), to)


def _operand(value: Any, *others: Any) -> Any:
    """As NumPy takes an operand: a Python number among NumPy's scalars."""
    if isinstance(value, np.generic):
        return value
    partners = [v for v in others if isinstance(v, np.generic) and v.dtype.kind not in "Mm"]
    if not partners:
        return np.asarray(value)[()]
    met = np.result_type(value, *partners)
    return value if type(value) is int and met.kind not in "iu" else met.type(value)


def _same(value: Any, *others: Any) -> Any:
    return value


def _strong_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = scalars("a ufunc", types)
    return same(t.strong, 1)


define(OpDef("operand", _operand_rule, _operand, identity, _same, halves=True))
define(OpDef("strong", _strong_rule, _operand, identity, _same, halves=True))
define(OpDef("argument", _argument_rule, _cast, _lower_cast, convert_value))
