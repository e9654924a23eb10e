"""Dates and durations: what the operators mean for them.

NumPy's choice of a loop is the type rule, units included, and NumPy's scalars are the reference.
``FORMS`` says which op computes an operator on such operands; where there is none, the operator
has no meaning for them, and inference says so. Each row of ``ROWS`` and ``TESTS`` is such an op.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter, literal
from kernelgen.ops.arith import SYMBOLS, identity, result_type
from kernelgen.ops.compare import SYMBOLS as COMPARISONS
from kernelgen.ops.convert import convert_value, lower_conversion
from kernelgen.ops.registry import OPS, NoRule, OpDef, Typed, define
from kernelgen.ops.rules import numpy_loop, same, scalars
from kernelgen.ops.time_casts import NAT, lower_float_to_time
from kernelgen.types import table
from kernelgen.types.compound import Type, describe
from kernelgen.types.promote import can_cast_within_kind
from kernelgen.types.table import FLOAT64, INT64, Scalar
from kernelgen.types.units import has_unit, is_convertible

_AS_THEY_ARE = (
    "convert", "tuple", "is", "truth", "not", "attr", "call", "subscript", "where", "like", "cast",
    "argument", "operand", "strong", "astype", "time_of", "method_of", "total", "view", "real",
    "imag", "numerator",
)  # fmt: skip

FORMS: dict[str, str] = {}
"""The op that computes an op on dates and durations."""

Rule = Callable[[Op, tuple[Type, ...]], Typed]


def rule_of(op: Op, types: tuple[Type, ...]) -> Rule:
    """The type rule of an op for these operands, or NoRule if it has no meaning for times."""
    times = [t for t in types if isinstance(t, Scalar) and t.is_time]
    own = op.name in _AS_THEY_ARE or op.name.startswith("np.") or op.name in FORMS.values()
    if not times or own or OPS[op.name].carries:
        return OPS[op.name].rule
    if op.name in FORMS:
        return OPS[FORMS[op.name]].rule
    symbol = SYMBOLS.get(op.name)
    what = f"`{symbol}`" if symbol else f"{op.name}()"
    raise NoRule(
        f"{what} does not exist for {describe(times[0])}", "np.int64(x) is the number of its units"
    )


def time_form(op: Op) -> str | None:
    """The op that computes this one, if an operand is a date or a duration."""
    times = any(isinstance(v.type, Scalar) and v.type.is_time for v in op.operands)
    return FORMS.get(op.name) if times else None


# ----------------------------------------------------------------------------------- pieces


def _type(op: Op, index: int) -> Scalar:
    t = op.operands[index].type
    assert isinstance(t, Scalar)
    return t


def _is_nat(e: Emitter, *values: str) -> str:
    """Whether one of some values is NaT."""
    first, *rest = (e(f"icmp eq i64 {x}, {NAT}") for x in values)
    for other in rest:
        first = e(f"or i1 {first}, {other}")
    return first


def _times_of(op: Op, args: list[str]) -> list[str]:
    return [x for i, x in enumerate(args) if _type(op, i).is_time]


Integers = Callable[[Emitter, str, str], str]


def _or_nat(compute: Integers) -> Callable[[Emitter, Op, list[str]], str]:
    """A lowering: ``compute`` on the counts, or NaT if one of them is."""

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        missing = _is_nat(e, *_times_of(op, args))
        return e.select(missing, INT64, NAT, compute(e, args[0], args[-1]))

    return lower


def _instruction(opcode: str) -> Integers:
    return lambda e, a, b: e(f"{opcode} i64 {a}, {b}")


def _with_float(e: Emitter, op: Op, args: list[str], opcode: str) -> str:
    """A duration times or by a float, truncated. Nothing is computed of NaT."""
    missing = _is_nat(e, *_times_of(op, args))
    floats = [
        e(f"sitofp i64 {e.select(missing, INT64, '0', x)} to double")
        if _type(op, i).is_time
        else e.select(missing, FLOAT64, literal(FLOAT64, 1), x)
        for i, x in enumerate(args)
    ]
    made = lower_float_to_time(e, FLOAT64, e.float_op(opcode, FLOAT64, *floats))
    return e.select(missing, INT64, NAT, made)


def _divisor(e: Emitter, b: str) -> tuple[str, str]:
    """``b``, or 1 for zero, and whether it is zero."""
    is_zero = e(f"icmp eq i64 {b}, 0")
    return e.select(is_zero, INT64, "1", b), is_zero


class _Division(NamedTuple):
    """What floored division of two counts gives, and whether there is no such thing."""

    quotient: str
    remainder: str
    undefined: str


def _floored(e: Emitter, a: str, b: str) -> _Division:
    missing = _is_nat(e, a, b)
    a = e.select(missing, INT64, "0", a)  # the least integer by -1 would trap
    divisor, is_zero = _divisor(e, b)
    e.signal_division_by_zero(e(f"and i1 {is_zero}, {e(f'xor i1 {missing}, true')}"))
    remainder = e(f"srem i64 {a}, {divisor}")
    differ = e(f"icmp slt i64 {e(f'xor i64 {remainder}, {divisor}')}, 0")
    moved = e(f"and i1 {differ}, {e(f'icmp ne i64 {remainder}, 0')}")
    return _Division(
        e(f"add i64 {e(f'sdiv i64 {a}, {divisor}')}, {e(f'sext i1 {moved} to i64')}"),
        e.select(moved, INT64, e(f"add i64 {remainder}, {divisor}"), remainder),
        e(f"or i1 {missing}, {is_zero}"),
    )


# -------------------------------------------------------------------------------- lowerings


def _lower_multiply(e: Emitter, op: Op, args: list[str]) -> str:
    if any(v.type == FLOAT64 for v in op.operands):
        return _with_float(e, op, args, "fmul")
    return _or_nat(_instruction("mul"))(e, op, args)


def _lower_divide(e: Emitter, op: Op, args: list[str]) -> str:
    """By another duration a float; by an integer or a float a duration, truncated."""
    divided_by = _type(op, 1)
    if divided_by.is_float:
        return _with_float(e, op, args, "fdiv")
    if divided_by.is_time:
        return _lower_ratio(e, args)
    divisor, is_zero = _divisor(e, args[1])
    missing = e(f"or i1 {is_zero}, {_is_nat(e, args[0])}")
    count = e.select(missing, INT64, "0", args[0])  # the least integer by -1 would trap
    return e.select(missing, INT64, NAT, e(f"sdiv i64 {count}, {divisor}"))


def _lower_ratio(e: Emitter, args: list[str]) -> str:
    missing = _is_nat(e, *args)
    floats = [e(f"sitofp i64 {e.select(missing, INT64, '1', x)} to double") for x in args]
    nan = literal(FLOAT64, float("nan"))
    return e.select(missing, FLOAT64, nan, e.float_op("fdiv", FLOAT64, *floats))


def _lower_floor_divide(e: Emitter, op: Op, args: list[str]) -> str:
    """By another duration an integer, 0 for zero and NaT; by a number what ``/`` gives."""
    if not _type(op, 1).is_time:
        return _lower_divide(e, op, args)
    division = _floored(e, *args)
    return e.select(division.undefined, INT64, "0", division.quotient)


def _lower_remainder(e: Emitter, op: Op, args: list[str]) -> str:
    division = _floored(e, *args)
    return e.select(division.undefined, INT64, NAT, division.remainder)


def _magnitude(e: Emitter, x: str, _: str) -> str:
    return e.select(e(f"icmp slt i64 {x}, 0"), INT64, e(f"sub i64 0, {x}"), x)


def _lower_sign(e: Emitter, op: Op, args: list[str]) -> str:
    """1, 0 or -1: a float, or a duration by older versions of NumPy, in which NaT is negative."""
    (x,) = args
    above, below = (e(f"zext i1 {e(f'icmp {c} i64 {x}, 0')} to i64") for c in ("sgt", "slt"))
    sign = e(f"sub i64 {above}, {below}")
    if result_type(op).is_time:
        return sign
    nan = literal(FLOAT64, float("nan"))
    return e.select(_is_nat(e, x), FLOAT64, nan, e(f"sitofp i64 {sign} to double"))


def _lower_comparison(e: Emitter, op: Op, args: list[str]) -> str:
    """False with NaT, but for ``!=``. As NaT is the least integer, one look at one side will do."""
    a, b = reversed(args) if op.name in ("time.gt", "time.ge") else args
    condition = {"time.eq": "eq", "time.ne": "ne", "time.lt": "slt", "time.gt": "slt"}
    compared = e(f"icmp {condition.get(op.name, 'sle')} i64 {a}, {b}")
    if op.name == "time.ne":
        return e(f"or i1 {compared}, {_is_nat(e, a)}")
    return e(f"and i1 {compared}, {e(f'icmp ne i64 {a}, {NAT}')}")


def _lower_choice(e: Emitter, op: Op, args: list[str]) -> str:
    """As Python does it: the second only if it is truly less (greater), so a NaT stays put."""
    chosen = args[0]
    for other in args[1:]:
        first, second = (other, chosen) if op.name == "time.min" else (chosen, other)
        less, known = e(f"icmp slt i64 {first}, {second}"), e(f"icmp ne i64 {first}, {NAT}")
        chosen = e.select(e(f"and i1 {less}, {known}"), INT64, other, chosen)
    return chosen


def _lower_is_nat(e: Emitter, op: Op, args: list[str]) -> str:
    return _is_nat(e, *args)


def _lower_is_finite(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"icmp ne i64 {args[0]}, {NAT}")


# ------------------------------------------------------------------------------- references


def _wrapping(ufunc: np.ufunc) -> Callable[..., Any]:
    """The reference of a ufunc that wraps, where some versions of NumPy raise OverflowError."""

    def compute(*values: Any) -> Any:
        to = table.from_dtype(ufunc.resolve_dtypes((*(v.dtype for v in values), None))[-1])
        assert to is not None
        if any(np.isnat(v) for v in values if v.dtype.kind in "Mm"):
            return table.time_of(to, INT64.minimum)
        if any(v.dtype.kind == "f" for v in values):
            return ufunc(*values)
        return table.time_of(to, ufunc(*(v.view(np.int64) for v in values)))

    return compute


# --------------------------------------------------------------------------------- the table


def _rule(what: str, ufunc: np.ufunc) -> Rule:
    """The types of the ufunc's loop; those of more operands meet two at a time."""

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        given = scalars(what, types)
        loop = numpy_loop(what, ufunc, given[: ufunc.nin])
        for t in given[ufunc.nin :]:
            loop = numpy_loop(what, ufunc, (loop[-1], t))
        more = len(given) > ufunc.nin
        return same(loop[-1], len(given)) if more else Typed(loop[: ufunc.nin], loop[ufunc.nin])

    return rule


class Row(NamedTuple):
    """An op on dates and durations: the ufunc that it is, the function of Python, its LLVM."""

    name: str
    ufunc: np.ufunc
    python: Callable[..., Any]
    lower: Callable[[Emitter, Op, list[str]], str]
    reference: Callable[..., Any] | None = None


ROWS = (
    Row("add", np.add, operator.add, _or_nat(_instruction("add")), _wrapping(np.add)),
    Row("sub", np.subtract, operator.sub, _or_nat(_instruction("sub")), _wrapping(np.subtract)),
    Row("mul", np.multiply, operator.mul, _lower_multiply, _wrapping(np.multiply)),
    Row("truediv", np.divide, operator.truediv, _lower_divide),
    Row("floordiv", np.floor_divide, operator.floordiv, _lower_floor_divide),
    Row("mod", np.remainder, operator.mod, _lower_remainder),
    Row("neg", np.negative, operator.neg, _or_nat(lambda e, x, _: e(f"sub i64 0, {x}"))),
    Row("pos", np.positive, operator.pos, identity),
    Row("abs", np.absolute, abs, _or_nat(_magnitude)),
    Row("min", np.minimum, min, _lower_choice),
    Row("max", np.maximum, max, _lower_choice),
    Row("lt", np.less, operator.lt, _lower_comparison),
    Row("le", np.less_equal, operator.le, _lower_comparison),
    Row("eq", np.equal, operator.eq, _lower_comparison),
    Row("ne", np.not_equal, operator.ne, _lower_comparison),
    Row("gt", np.greater, operator.gt, _lower_comparison),
    Row("ge", np.greater_equal, operator.ge, _lower_comparison),
)
"""Operators and builtins."""

TESTS = (
    Row("sign", np.sign, np.sign, _lower_sign),
    Row("isnat", np.isnat, np.isnat, _lower_is_nat),
    Row("isfinite", np.isfinite, np.isfinite, _lower_is_finite),
)
"""What only ufuncs of NumPy ask."""

for _row in ROWS + TESTS:
    _what = {**SYMBOLS, **COMPARISONS, "neg": "-", "pos": "+"}.get(_row.name)
    define(
        OpDef(
            f"time.{_row.name}",
            _rule(f"`{_what}`" if _what else f"{_row.name}()", _row.ufunc),
            _row.python,
            _row.lower,
            _row.reference,
            halves=True,
        )
    )

FORMS.update({row.name: f"time.{row.name}" for row in ROWS})

# ------------------------------------------------------------------- casts that users write


def _astype_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """``x.astype(dtype)`` of NumPy's scalars; one without a unit keeps the operand's."""
    to: Scalar = op.attrs["to"]
    (t,) = scalars(".astype()", types)
    if t.weak:
        raise NoRule(f"{describe(t)} has no astype()", f"write np.{to.unitless.long_name}(...)")
    if t.is_complex and not (to.is_complex or to.is_bool):
        raise NoRule("a complex number has no such type", "take its .real or abs() first")
    return Typed(types, _made(t, to))


def _made(t: Scalar, to: Scalar) -> Scalar:
    """The type that a cast to ``to`` makes of a ``t``."""
    if not is_convertible(t, to):
        raise NoRule(f"the factor between {describe(t)} and {describe(to)} is too large")
    return to.with_unit_of(t)


def _time_of_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """``np.timedelta64(x, unit)``, ``np.datetime64(x, unit)``."""
    to: Scalar = op.attrs["to"]
    (t,) = scalars(f"np.{to.unitless.long_name}()", types)
    made = _made(t, to)
    allowed = can_cast_within_kind(t, made) if t.kind == to.kind else _counts(t, to)
    if not allowed:
        hint = f'write x.astype("{made}") of NumPy\'s numbers, or np.int64(x) first'
        raise NoRule(
            f"np.{to.unitless.long_name}() makes no {describe(made)} of {describe(t)}", hint
        )
    return Typed(types, made)


def _counts(t: Scalar, to: Scalar) -> bool:
    """Whether NumPy takes a ``t`` for a number of units: dates only Python's own."""
    return t.is_integer and (t.weak or to.kind == "m") and (has_unit(to) or to.kind == "m")


def _lower_cast(e: Emitter, op: Op, args: list[str]) -> str:
    return lower_conversion(e, _type(op, 0), result_type(op), args[0])


def _astype(value: Any, to: Scalar) -> Any:
    return value.astype(to.dtype)


def _time_of(value: Any, to: Scalar) -> Any:
    return to.dtype.type(value, to.unit) if has_unit(to) else to.dtype.type(value)


define(OpDef("astype", _astype_rule, _astype, _lower_cast, convert_value, halves=True))
define(OpDef("time_of", _time_of_rule, _time_of, _lower_cast, convert_value))
