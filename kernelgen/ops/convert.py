"""Conversions: the one between machine types, and ``int``, ``float``, ``round``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter, zero
from kernelgen.ops import library
from kernelgen.ops.arith import identity, result_type
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import as_float, common, same, scalars
from kernelgen.ops.time_casts import lower_float_to_time, lower_time_cast, time_value
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import Type, describe
from kernelgen.types.digits import Digits
from kernelgen.types.table import (
    FLOAT16,
    FLOAT32,
    INT64,
    LONGDOUBLE,
    WEAK_FLOAT,
    WEAK_INT,
    Scalar,
)


def convert_value(value: Any, to: Scalar) -> Any:
    """``value`` as a NumPy scalar of type ``to``.

    Integers wrap. A float becomes an integer by truncation; out of range it becomes the
    nearest integer of the type, and nan becomes 0, on every platform. Dates and durations count
    as their numbers of units, but among themselves they are converted.
    """
    if to.is_time:
        return time_value(value, to)
    if isinstance(value, (np.datetime64, np.timedelta64)):
        value = time_value(value, to)
    if to.is_bool:
        return np.bool_(value)
    if not to.is_complex and isinstance(value, (complex, np.complexfloating)):
        value = value.real  # as NumPy casts
    if to.is_integer and isinstance(value, (float, np.floating)):
        return to.dtype.type(_saturated(value, to))
    if to.is_integer:
        return np.array(int(value) & ((1 << to.bits) - 1), f"u{to.size}").astype(to.dtype)[()]
    if isinstance(value, Digits) and to.component is LONGDOUBLE:
        value = value.exact
    with np.errstate(over="ignore"):  # a float64 beyond float32 is inf
        return to.dtype.type(value)


def _saturated(value: Any, to: Scalar) -> int:
    if np.isnan(value):
        return 0
    if np.isinf(value):
        return to.maximum if value > 0 else to.minimum
    return max(min(int(value), to.maximum), to.minimum)


def lower_conversion(e: Emitter, source: Scalar, to: Scalar, x: str) -> str:
    """The LLVM text of ``convert_value``."""
    if source.is_time or to.is_time:
        return _convert_time(e, source, to, x)
    if source.llvm == to.llvm:
        return x
    if source.is_complex or to.is_complex:
        return _convert_complex(e, source, to, x)
    if FLOAT16 in (source, to) and FLOAT32 not in (source, to):
        return _convert_half(e, source, to, x)
    if to.is_bool:
        compare = "fcmp une" if source.is_float else "icmp ne"
        return e(f"{compare} {source.llvm} {x}, {zero(source)}")
    if source.is_float and to.is_float:
        return _convert_float(e, source, to, x)
    if source.is_float:
        function = "fptosi" if to.is_signed else "fptoui"
        return e.call(f"llvm.{function}.sat.{to.llvm}.f{source.bits}", to, (source, x))
    if to.is_float:
        return e(f"{'sitofp' if source.is_signed else 'uitofp'} {source.llvm} {x} to {to.llvm}")
    if to.bits < source.bits:
        return e(f"trunc {source.llvm} {x} to {to.llvm}")
    return e(f"{'sext' if source.is_signed else 'zext'} {source.llvm} {x} to {to.llvm}")


def _convert_time(e: Emitter, source: Scalar, to: Scalar, x: str) -> str:
    if source.is_time and to.is_time:
        return lower_time_cast(e, source, to, x)
    if source.is_time:
        return lower_conversion(e, INT64, to, x)
    if source is FLOAT16:
        return _convert_time(e, FLOAT32, to, lower_conversion(e, source, FLOAT32, x))
    if source.is_float:
        return lower_float_to_time(e, source, x)
    return lower_conversion(e, source, INT64, x)


def _convert_complex(e: Emitter, source: Scalar, to: Scalar, x: str) -> str:
    """Part by part; a real number is its real part."""
    part, wanted = source.component, to.component
    parts = [x, zero(part)]
    if source.is_complex:
        parts = [e(f"extractvalue {source.llvm} {x}, {i}") for i in (0, 1)]
    converted = [lower_conversion(e, part, wanted, each) for each in parts]
    if to.is_bool:
        return e(f"or i1 {converted[0]}, {converted[1]}")
    return e.complex(to, *converted) if to.is_complex else converted[0]


def _convert_float(e: Emitter, source: Scalar, to: Scalar, x: str) -> str:
    """To a longdouble with a fence: else LLVM makes one step of all that lead to it.

    No library has that from float16.
    """
    if to.bits < source.bits:
        return e(f"fptrunc {source.llvm} {x} to {to.llvm}")
    if to is LONGDOUBLE:
        x = e.call(f"llvm.arithmetic.fence.f{source.bits}", source, (source, x))
    return e(f"fpext {source.llvm} {x} to {to.llvm}")


def _convert_half(e: Emitter, source: Scalar, to: Scalar, x: str) -> str:
    """By way of float32, which is what processors convert."""
    if source.llvm == "double":  # weak ones too
        x = _rounded_to_odd(e, x)
    return lower_conversion(e, FLOAT32, to, lower_conversion(e, source, FLOAT32, x))


def _rounded_to_odd(e: Emitter, x: str) -> str:
    """A float64 cut to the bits of a float32, the last one set if anything is cut off.

    So a second rounding, to float16, goes the way in which the first would have gone.
    """
    bits = e(f"bitcast double {x} to i64")
    cut = e(f"and i64 {bits}, {(1 << _CUT) - 1}")
    inexact = e(f"zext i1 {e(f'icmp ne i64 {cut}, 0')} to i64")
    kept = e(f"and i64 {bits}, {-(1 << _CUT)}")
    odd = e(f"or i64 {kept}, {e(f'shl i64 {inexact}, {_CUT}')}")
    return e(f"bitcast i64 {odd} to double")


_CUT = 29  # the bits of a float64's fraction that a float32's lacks


def _convert_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, op.attrs["to"])


def _convert_python(value: Any, to: Scalar) -> Any:
    return convert_value(value, to)


def _lower_convert(e: Emitter, op: Op, args: list[str]) -> str:
    source = op.operands[0].type
    assert isinstance(source, Scalar)
    return lower_conversion(e, source, result_type(op), args[0])


define(OpDef("convert", _convert_rule, _convert_python, _lower_convert, halves=True))


def _to_weak(what: str, to: Scalar) -> Any:
    """The rule of a Python constructor: the conversion of its operand does the work."""

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        scalars(what, types)
        return same(to, 1)

    return rule


def _converted(x: Any) -> Any:
    """The reference of a Python constructor: its operand has been converted."""
    return x


define(OpDef("int", _to_weak("int()", WEAK_INT), int, identity, _converted, ((int, 1),)))
define(OpDef("float", _to_weak("float()", WEAK_FLOAT), float, identity, _converted, ((float, 1),)))


def _round_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common("round()", types)
    return Typed((as_float(t),) if t.is_float else (WEAK_INT,), WEAK_INT)


def _round_reference(x: Any) -> Any:
    return convert_value(np.rint(x), WEAK_INT) if isinstance(x, np.floating) else x


def _lower_round(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    if not t.is_float:
        return args[0]
    rounded = e.call(f"llvm.roundeven.f{t.bits}", t, (t, args[0]))
    return lower_conversion(e, t, WEAK_INT, rounded)


define(OpDef("round", _round_rule, round, _lower_round, _round_reference, ((round, 1),)))


def _round_digits_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t, digits = scalars("round()", types)
    if digits.is_float:
        raise NoRule("round() needs an integer number of digits")
    t = common("round()", (t,))
    return Typed((t, WEAK_INT), t)


def _expand_round(op: Op) -> Callable[..., Any]:
    integer = not result_type(op).is_float
    return library.round_integer_to_digits if integer else library.round_to_digits


define(
    OpDef(
        "round_digits",
        _round_digits_rule,
        round,
        never_lowered,
        calls=((round, 2),),
        expand=_expand_round,
        halves=True,
    )
)


def _index_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = scalars("an integer function", types)
    if t.is_float:
        raise NoRule(f"this function needs integers, not {describe(t)}", "convert with int()")
    return same(WEAK_INT, 1)


define(OpDef("index", _index_rule, operator.index, identity, _converted, ((operator.index, 1),)))
