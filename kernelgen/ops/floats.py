"""What a float consists of: fraction, exponent, its neighbours; and fused multiply-add."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import PURE, Emitter, libm_symbol, zero
from kernelgen.ops import exact, library
from kernelgen.ops.arith import result_type
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import as_float, common, same, scalars
from kernelgen.types.compound import Type, describe
from kernelgen.types.table import FLOAT64, INT32, WEAK_INT, Scalar

_FARTHEST = 100_000  # beyond this many powers of two every float is zero or infinite


def _float_operand(op: Op) -> Scalar:
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    return t


# ------------------------------------------------------------------- fraction and exponent


def _fraction_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(as_float(common("frexp()", types)), 1)


def _exponent_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(as_float(common("frexp()", types)), 1, WEAK_INT)


def _split(e: Emitter, t: Scalar, x: str, member: int) -> str:
    """A member of LLVM's ``frexp``, which two ops that ask for one each share."""
    function, struct = f"llvm.frexp.f{t.bits}.i32", f"{{ {t.llvm}, i32 }}"
    e.declarations[function] = f"declare {struct} @{function}({t.llvm}) {PURE}"
    pair = e(f"call {struct} @{function}({t.llvm} {x}) {PURE}")
    return e(f"extractvalue {struct} {pair}, {member}")


def _lower_fraction(e: Emitter, op: Op, args: list[str]) -> str:
    return _split(e, _float_operand(op), args[0], 0)


def _lower_exponent(e: Emitter, op: Op, args: list[str]) -> str:
    """LLVM leaves the exponents of inf and nan open; they are 0, as glibc's."""
    t, (x,) = _float_operand(op), args
    exponent = e(f"sext i32 {_split(e, t, x, 1)} to i64")
    finite = e(f"fcmp ord {t.llvm} {e(f'fsub {t.llvm} {x}, {x}')}, {zero(t)}")
    return e.select(finite, WEAK_INT, exponent, "0")


def _fraction(x: Any) -> Any:
    return np.frexp(x)[0]


def _exponent(x: Any) -> Any:
    return np.int64(np.frexp(x)[1])


define(
    OpDef(
        "fraction",
        _fraction_rule,
        library.fraction,
        _lower_fraction,
        _fraction,
        ((library.fraction, 1),),
    )
)
define(
    OpDef(
        "exponent",
        _exponent_rule,
        library.exponent,
        _lower_exponent,
        _exponent,
        ((library.exponent, 1),),
    )
)

# ------------------------------------------------------------------------ powers of two


def _scale_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    x, exponent = scalars("ldexp()", types)
    t = as_float(common("ldexp()", (x,)))
    if not exponent.is_bool and not exponent.is_integer:
        raise NoRule(f"ldexp() needs an integer exponent, not {describe(exponent)}", "use int()")
    return Typed((t, WEAK_INT), t)


def _scale(x: Any, exponent: Any) -> Any:
    return np.ldexp(x, np.int32(max(min(int(exponent), _FARTHEST), -_FARTHEST)))


def _lower_scale(e: Emitter, op: Op, args: list[str]) -> str:
    t, (x, exponent) = result_type(op), args
    least = e(f"call i64 @llvm.smax.i64(i64 {exponent}, i64 {-_FARTHEST})")
    near = e(f"call i64 @llvm.smin.i64(i64 {least}, i64 {_FARTHEST})")
    for name in ("llvm.smax.i64", "llvm.smin.i64"):
        e.declarations[name] = f"declare i64 @{name}(i64, i64) {PURE}"
    short = e(f"trunc i64 {near} to i32")
    return e.call(f"llvm.ldexp.f{t.bits}.i32", t, (t, x), (INT32, short))


define(OpDef("ldexp", _scale_rule, math.ldexp, _lower_scale, _scale, ((math.ldexp, 2),)))

# ------------------------------------------------------------------------------ neighbours


def _nextafter_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(as_float(common("nextafter()", types)), 2)


def _lower_nextafter(e: Emitter, op: Op, args: list[str]) -> str:
    """One step of the bits, which order floats of one sign by their magnitude."""
    t, (x, y) = result_type(op), args
    if t.llvm == "x86_fp80":  # it has a leading bit, so its bits are no such order
        return e.library_call(libm_symbol("nextafter", t), t, x, y)
    bits_type = f"i{t.bits}"
    bits, target = (e(f"bitcast {t.llvm} {v} to {bits_type}") for v in (x, y))
    negative = e(f"icmp slt {bits_type} {bits}, 0")
    grows = e(f"xor i1 {e(f'fcmp olt {t.llvm} {x}, {y}')}, {negative}")
    step = e(f"select i1 {grows}, {bits_type} 1, {bits_type} -1")
    sign = e(f"and {bits_type} {target}, {-(1 << t.bits - 1)}")
    is_zero = e(f"fcmp oeq {t.llvm} {x}, {zero(t)}")
    least, moved = e(f"or {bits_type} {sign}, 1"), e(f"add {bits_type} {bits}, {step}")
    found = e(f"select i1 {is_zero}, {bits_type} {least}, {bits_type} {moved}")
    beside = e(f"bitcast {bits_type} {found} to {t.llvm}")
    there = e.select(e(f"fcmp oeq {t.llvm} {x}, {y}"), t, y, beside)
    return e.select(e(f"fcmp uno {t.llvm} {x}, {y}"), t, e(f"fadd {t.llvm} {x}, {y}"), there)


define(
    OpDef(
        "nextafter",
        _nextafter_rule,
        math.nextafter,
        _lower_nextafter,
        np.nextafter,
        ((math.nextafter, 2),),
        halves=True,
    )
)

# --------------------------------------------------------------------- fused multiply-add


def _fused_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(as_float(common("math.fma()", types)), 3)


def _fused(x: Any, y: Any, z: Any) -> Any:
    if x.itemsize > FLOAT64.size:
        return exact.fused(x, y, z)
    wide = np.longdouble if x.dtype == np.float32 else np.float64
    if wide is np.float64:
        return np.float64(math.fma(x, y, z))  # type: ignore[attr-defined]
    return x.dtype.type(wide(x) * wide(y) + wide(z))


def _lower_fused(e: Emitter, op: Op, args: list[str]) -> str:
    t = result_type(op)
    return e.call(f"llvm.fma.f{t.bits}", t, *((t, arg) for arg in args))


if hasattr(math, "fma"):  # Python 3.13
    define(OpDef("fma", _fused_rule, math.fma, _lower_fused, _fused, ((math.fma, 3),)))
