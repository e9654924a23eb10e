"""Arithmetic and bit operators, ``abs``, ``min``, ``max``: NumPy's values, on machine types."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter, libm_symbol
from kernelgen.ops import library
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import as_float, common, same, scalars
from kernelgen.types.compound import Type, describe
from kernelgen.types.table import INT8, UINT8, WEAK_BOOL, WEAK_INT, Scalar

Lowering = Callable[[Emitter, Op, list[str]], str]


def result_type(op: Op) -> Scalar:
    """The scalar type of a typed op's result."""
    t = op.value.type
    assert isinstance(t, Scalar)
    return t


# ------------------------------------------------------------- + - * on one instruction each


def _by_kind(float_op: str, integer_op: str, bool_op: str = "") -> Lowering:
    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        t = result_type(op)
        if t.is_float:
            return e.float_op(float_op, t, *args)
        return e(f"{bool_op if t.is_bool else integer_op} {t.llvm} {', '.join(args)}")

    return lower


def _sum_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(common(f"`{SYMBOLS[op.name]}`", types), 2)


def _subtract_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common("`-`", types)
    if t.is_bool:
        raise NoRule("NumPy has no `-` for two bools", "write `a ^ b`, or `int(a) - int(b)`")
    return same(t, 2)


SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}


def _operator(name: str) -> Callable[..., Any]:
    """One of Python's operators; in place, it changes an array instead of making a new one."""
    new, changed = getattr(operator, name), getattr(operator, f"i{name.removesuffix('_')}")

    def apply(a: Any, b: Any, inplace: bool = False) -> Any:
        return changed(a, b) if inplace else new(a, b)

    return apply


define(OpDef("add", _sum_rule, _operator("add"), _by_kind("fadd", "add", "or")))
define(OpDef("sub", _subtract_rule, _operator("sub"), _by_kind("fsub", "sub")))
define(OpDef("mul", _sum_rule, _operator("mul"), _by_kind("fmul", "mul", "and")))

# ------------------------------------------------------------------------------- division


def _true_division_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(as_float(common("`/`", types)), 2)


def _floor_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common(f"`{SYMBOLS[op.name]}`", types)
    return same(INT8 if t.is_bool else t, 2)


def _safe_divisor(e: Emitter, t: Scalar, a: str, b: str) -> tuple[str, str]:
    """``b``, or 1 where dividing by it would trap, and whether b is zero."""
    is_zero = e(f"icmp eq {t.llvm} {b}, 0")
    e.signal_division_by_zero(is_zero)
    unsafe = is_zero
    if t.is_signed:
        is_least = e(f"icmp eq {t.llvm} {a}, {t.minimum}")
        is_minus_one = e(f"icmp eq {t.llvm} {b}, -1")
        overflows = e(f"and i1 {is_least}, {is_minus_one}")
        e.signal_overflow(overflows)
        unsafe = e(f"or i1 {is_zero}, {overflows}")
    return e.select(unsafe, t, "1", b), is_zero


def _signs_differ(e: Emitter, t: Scalar, remainder: str, b: str) -> str:
    """Whether truncated and floored division differ: a remainder of the other sign than b."""
    nonzero = e(f"icmp ne {t.llvm} {remainder}, 0")
    differ = e(f"icmp slt {t.llvm} {e(f'xor {t.llvm} {remainder}, {b}')}, 0")
    return e(f"and i1 {nonzero}, {differ}")


def _floor_divide_integers(e: Emitter, t: Scalar, a: str, b: str) -> str:
    divisor, is_zero = _safe_divisor(e, t, a, b)
    if not t.is_signed:
        return e.select(is_zero, t, "0", e(f"udiv {t.llvm} {a}, {divisor}"))
    quotient = e(f"sdiv {t.llvm} {a}, {divisor}")
    remainder = e(f"srem {t.llvm} {a}, {divisor}")
    less = e(f"sext i1 {_signs_differ(e, t, remainder, divisor)} to {t.llvm}")
    return e.select(is_zero, t, "0", e(f"add {t.llvm} {quotient}, {less}"))


def _remainder_integers(e: Emitter, t: Scalar, a: str, b: str) -> str:
    divisor, is_zero = _safe_divisor(e, t, a, b)
    if not t.is_signed:
        return e.select(is_zero, t, "0", e(f"urem {t.llvm} {a}, {divisor}"))
    remainder = e(f"srem {t.llvm} {a}, {divisor}")
    moved = e(f"add {t.llvm} {remainder}, {divisor}")
    floored = e.select(_signs_differ(e, t, remainder, divisor), t, moved, remainder)
    return e.select(is_zero, t, "0", floored)


def _lower_floor_divide(e: Emitter, op: Op, args: list[str]) -> str:
    return _floor_divide_integers(e, result_type(op), *args)


def _lower_remainder(e: Emitter, op: Op, args: list[str]) -> str:
    return _remainder_integers(e, result_type(op), *args)


def _expand_floats(function: Callable[..., Any]) -> Callable[[Op], Callable[..., Any] | None]:
    """On floats, these are functions of the kernel language."""
    return lambda op: function if result_type(op).is_float else None


define(
    OpDef("truediv", _true_division_rule, _operator("truediv"), _by_kind("fdiv", ""), divides=True)
)
define(
    OpDef(
        "floordiv",
        _floor_rule,
        _operator("floordiv"),
        _lower_floor_divide,
        expand=_expand_floats(library.floor_divide),
        divides=True,
    )
)
define(
    OpDef(
        "mod",
        _floor_rule,
        _operator("mod"),
        _lower_remainder,
        expand=_expand_floats(library.floor_remainder),
        divides=True,
    )
)

# ---------------------------------------------------------------------------------- power


def _expand_power(op: Op) -> Callable[..., Any] | None:
    """Integer powers are loops of the kernel language; small constant ones straight code."""
    exponent = op.operands[1].constant
    if exponent is not None and exponent.attrs["value"] == 2:
        return library.square
    return None if result_type(op).is_float else library.integer_power


def _lower_power(e: Emitter, op: Op, args: list[str]) -> str:
    t = result_type(op)
    return e.library_call(libm_symbol("pow", t), t, *args)


define(OpDef("pow", _floor_rule, _operator("pow"), _lower_power, expand=_expand_power))

# --------------------------------------------------------------------------- bit operators


def _integers_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common(f"`{SYMBOLS[op.name]}`", types)
    if t == WEAK_INT and all(operand == WEAK_BOOL for operand in types):
        t = WEAK_BOOL
    if t.is_float:
        raise NoRule(
            f"`{SYMBOLS[op.name]}` needs integers; these operands meet as {describe(t)}",
            "convert one with int(), or give both one integer type",
        )
    return same(t, 2)


def _shift_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = _integers_rule(op, types).result
    return same({"b": WEAK_INT if t == WEAK_BOOL else INT8}.get(t.kind, t), 2)  # type: ignore[union-attr]


def _lower_shift(e: Emitter, op: Op, args: list[str]) -> str:
    """A shift by the width or more, or by a negative count, moves out every bit."""
    t, (a, count) = result_type(op), args
    fits = e(f"icmp ult {t.llvm} {count}, {t.bits}")
    inside = e.select(fits, t, count, "0")
    if op.name == "lshift":
        return e.select(fits, t, e(f"shl {t.llvm} {a}, {inside}"), "0")
    if not t.is_signed:
        return e.select(fits, t, e(f"lshr {t.llvm} {a}, {inside}"), "0")
    return e(f"ashr {t.llvm} {a}, {e.select(fits, t, count, str(t.bits - 1))}")


define(OpDef("and", _integers_rule, _operator("and_"), _by_kind("", "and", "and")))
define(OpDef("or", _integers_rule, _operator("or_"), _by_kind("", "or", "or")))
define(OpDef("xor", _integers_rule, _operator("xor"), _by_kind("", "xor", "xor")))
define(OpDef("lshift", _shift_rule, _operator("lshift"), _lower_shift, np.left_shift))
define(OpDef("rshift", _shift_rule, _operator("rshift"), _lower_shift, np.right_shift))

# -------------------------------------------------------------------------- unary operators


def _negative_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    sign = "-" if op.name == "neg" else "+"
    t = common(f"unary `{sign}`", types)
    if t.is_bool:
        raise NoRule(f"NumPy has no unary `{sign}` for a bool", "write `not x`, or use int(x)")
    return same(t, 1)


def _lower_negative(e: Emitter, op: Op, args: list[str]) -> str:
    t = result_type(op)
    return e.float_op("fneg", t, args[0]) if t.is_float else e(f"sub {t.llvm} 0, {args[0]}")


def _invert_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common("`~`", types)
    if t.is_float:
        raise NoRule(f"`~` needs an integer or a bool, not {describe(t)}")
    return same(t, 1)


def _invert(x: Any) -> Any:
    """Python's own, without its warning that the bits of a bool are those of an integer."""
    return ~int(x) if isinstance(x, bool) else ~x


def _lower_invert(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"xor {result_type(op).llvm} {args[0]}, -1")


def _absolute_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common("abs()", types)
    return same(t, 1, t.component)


def _lower_absolute(e: Emitter, op: Op, args: list[str]) -> str:
    t, (x,) = result_type(op), args
    if t.is_float:
        return e.call(f"llvm.fabs.f{t.bits}", t, (t, x))
    return _magnitude(e, t, x)


def _magnitude(e: Emitter, t: Scalar, x: str) -> str:
    if not t.is_signed:
        return x
    negative = e(f"icmp slt {t.llvm} {x}, 0")
    return e.select(negative, t, e(f"sub {t.llvm} 0, {x}"), x)


def identity(e: Emitter, op: Op, args: list[str]) -> str:
    """The lowering of an op whose work its operand's conversion has done."""
    return args[0]


define(OpDef("neg", _negative_rule, operator.neg, _lower_negative))
define(OpDef("pos", _negative_rule, operator.pos, identity))
define(OpDef("invert", _invert_rule, _invert, _lower_invert, reference=np.invert))
define(OpDef("abs", _absolute_rule, abs, _lower_absolute, calls=((abs, 1),)))


def _bit_count_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common("bit_count()", types)
    if t.is_float:
        raise NoRule(f"bit_count() needs an integer, not {describe(t)}")
    return same(t, 1, UINT8)


def _lower_bit_count(e: Emitter, op: Op, args: list[str]) -> str:
    """The bits of the magnitude, as a uint8."""
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    count = e.call(f"llvm.ctpop.{t.llvm}", t, (t, _magnitude(e, t, args[0])))
    if t.bits == UINT8.bits:
        return count
    return e(f"{'zext' if t.is_bool else 'trunc'} {t.llvm} {count} to {UINT8.llvm}")


define(OpDef("bit_count", _bit_count_rule, np.bitwise_count, _lower_bit_count))

# ----------------------------------------------------------------------------- min and max


def _choice_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    first = scalars(f"{op.name}()", types)[0]
    if all(t == first for t in types):
        return same(first, len(types))
    return same(common(f"{op.name}()", types), len(types))


def _lower_choice(e: Emitter, op: Op, args: list[str]) -> str:
    """As Python does it: the second only if it is truly less (greater), so a nan stays put.

    Where the order of operations does not count, the number is taken of a number and nan: that is a
    reduction which LLVM vectorises.
    """
    t, chosen = result_type(op), args[0]
    if t.is_float and t.bits <= 64 and {"reassoc", "nsz"} <= set(e.math_flags.split()):
        for other in args[1:]:
            chosen = e.call(f"llvm.{op.name}num.f{t.bits}", t, (t, chosen), (t, other))
        return chosen
    less = "olt" if t.is_float else "slt" if t.is_signed else "ult"
    compare = "fcmp" if t.is_float else "icmp"
    for other in args[1:]:
        first, second = (other, chosen) if op.name == "min" else (chosen, other)
        found = e(f"{compare} {less} {t.llvm} {first}, {second}")
        chosen = e.select(found, t, other, chosen)
    return chosen


def _choice(name: str, function: Callable[..., Any]) -> OpDef:
    return OpDef(name, _choice_rule, function, _lower_choice)


define(_choice("min", min))
define(_choice("max", max))
