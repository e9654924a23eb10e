"""The math table: one row for each function of ``math`` that is an op.

Functions keep the width of a float and compute integers as float64. A row gives the Python
callables that mean it, its reference on NumPy scalars, and the LLVM intrinsic or the libm
symbol that computes it (for float32 with an ``f`` behind, for longdouble with an ``l``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter, libm_symbol, literal
from kernelgen.ops import exact, gamma_library, library
from kernelgen.ops.arith import Lowering, result_type
from kernelgen.ops.convert import convert_value, lower_conversion
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.rules import as_float, common
from kernelgen.types.compound import Type
from kernelgen.types.table import FLOAT64, WEAK_BOOL, WEAK_INT, Scalar

VECTOR_ULP = 4.0
"""The error bound of a vector library's functions."""


class Row(NamedTuple):
    """One function: ``intrinsic`` is LLVM's name without ``llvm.``, ``ulp`` the error bound.

    ``computed`` is a function of the kernel language for all floats but longdoubles, where libm's
    is too inexact.

    The bound is that of scalar functions, and ``longdouble_ulp`` that of longdouble where it is
    wider; where a vector library has the function, contiguous arrays are computed to within
    ``VECTOR_ULP``. ``python -m tests.accuracy`` measures how large the errors are with glibc.
    """

    name: str
    python: Callable[..., float]
    reference: Callable[..., Any]
    arity: int = 1
    intrinsic: str | None = None
    libm: str | None = None
    ulp: float = 1.0
    longdouble_ulp: float | None = None
    computed: Callable[..., Any] | None = None

    def bound(self, t: Scalar) -> float:
        """The error bound for values of type ``t``."""
        if t.size > FLOAT64.size and self.longdouble_ulp is not None:
            return self.longdouble_ulp
        return self.ulp

    def symbol(self, t: Scalar) -> str:
        """The function of libm that computes this for values of type ``t``."""
        return libm_symbol(self.libm or self.name, t)


def _wide(function: Callable[..., float]) -> Callable[..., Any]:
    """A reference for what NumPy lacks: Python's double result, rounded to the argument's type.

    Of a longdouble it has the precision and range of a double only.
    Where Python raises, libm gives nan for a domain error and inf for an overflow or a pole.
    """

    def reference(x: Any) -> Any:
        try:
            return type(x)(function(float(x)))
        except OverflowError:
            return type(x)(math.inf)
        except ValueError:
            return type(x)(
                math.inf if x <= 0 and x == np.floor(x) and not np.isinf(x) else math.nan
            )

    return reference


def _gamma(x: float) -> float:
    """``math.gamma`` with libm's values at its poles: signed inf at zero, nan below it."""
    if x == 0:
        return math.copysign(math.inf, x)
    if x == -math.inf or (x < 0 and x == math.floor(x)):
        return math.nan
    try:
        return math.gamma(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def _ieee_remainder(x: Any, y: Any) -> Any:
    if x.itemsize > FLOAT64.size:
        return exact.remainder(x, y)
    try:
        return type(x)(math.remainder(float(x), float(y)))
    except ValueError:
        return type(x)(math.nan)


ROWS = (
    Row("sqrt", math.sqrt, np.sqrt, intrinsic="sqrt", ulp=0.5),
    Row("fabs", math.fabs, np.fabs, intrinsic="fabs", ulp=0),
    Row("rint", library.nearest, np.rint, intrinsic="roundeven", ulp=0),
    Row("whole", library.toward_zero, np.trunc, intrinsic="trunc", ulp=0),
    Row("whole_below", library.downward, np.floor, intrinsic="floor", ulp=0),
    Row("whole_above", library.upward, np.ceil, intrinsic="ceil", ulp=0),
    Row("copysign", math.copysign, np.copysign, 2, intrinsic="copysign", ulp=0),
    Row("exp", math.exp, np.exp, longdouble_ulp=2),
    Row("exp2", math.exp2, np.exp2),
    Row("expm1", math.expm1, np.expm1, longdouble_ulp=2),
    Row("log2", math.log2, np.log2),
    Row("log10", math.log10, np.log10, ulp=2),
    Row("log1p", math.log1p, np.log1p, ulp=2, longdouble_ulp=3),
    Row("cbrt", math.cbrt, np.cbrt, ulp=4),
    Row("sin", math.sin, np.sin),
    Row("cos", math.cos, np.cos),
    Row("tan", math.tan, np.tan, ulp=2),
    Row("asin", math.asin, np.arcsin),
    Row("acos", math.acos, np.arccos, longdouble_ulp=2),
    Row("atan", math.atan, np.arctan),
    Row("sinh", math.sinh, np.sinh, ulp=2, longdouble_ulp=3),
    Row("cosh", math.cosh, np.cosh, ulp=2, longdouble_ulp=3),
    Row("tanh", math.tanh, np.tanh, ulp=3),
    Row("asinh", math.asinh, np.arcsinh, ulp=2, longdouble_ulp=3),
    Row("acosh", math.acosh, np.arccosh, ulp=3),
    Row("atanh", math.atanh, np.arctanh, ulp=2, longdouble_ulp=3),
    Row("erf", math.erf, _wide(math.erf)),
    Row("erfc", math.erfc, _wide(math.erfc), ulp=5),
    Row("gamma", math.gamma, _wide(_gamma), 1, None, "tgamma", 3, 6, gamma_library.gamma),
    Row("lgamma", math.lgamma, _wide(math.lgamma), ulp=5, computed=gamma_library.lgamma),
    Row("lgamma_by_libm", gamma_library.lgamma_by_libm, _wide(math.lgamma), libm="lgamma", ulp=8),
    Row("atan2", math.atan2, np.arctan2, 2, ulp=2),
    Row("hypot", math.hypot, np.hypot, 2),
    Row("power", math.pow, np.power, 2, libm="pow", longdouble_ulp=2),
    Row("fmod", math.fmod, np.fmod, 2, ulp=0),
    Row("remainder", math.remainder, _ieee_remainder, 2, ulp=0),
    Row("log", math.log, np.log),
)


def _rule(row: Row) -> Callable[[Op, tuple[Type, ...]], Typed]:
    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        t = as_float(common(f"math.{row.name}()", types))
        return Typed((t,) * row.arity, t)

    return rule


def _lowering(row: Row) -> Lowering:
    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        t = result_type(op)
        if row.intrinsic is None:
            return e.library_call(row.symbol(t), t, *args)
        return e.call(f"llvm.{row.intrinsic}.f{t.bits}", t, *((t, arg) for arg in args))

    return lower


def _expansion(row: Row) -> Callable[[Op], Callable[..., Any] | None]:
    def expand(op: Op) -> Callable[..., Any] | None:
        return None if result_type(op).size > FLOAT64.size else row.computed

    return expand


for _row in ROWS:
    define(
        OpDef(
            _row.name,
            _rule(_row),
            _row.python,
            _lowering(_row),
            _row.reference,
            ((_row.python, _row.arity),),
            _expansion(_row),
        )
    )

# --------------------------------------------------------------- floor, ceil, trunc: to int


def _integral_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common(f"math.{op.name}()", types)
    return Typed((t if t.is_float else WEAK_INT,), WEAK_INT)


def _integral(python: Callable[..., int], reference: Callable[..., Any]) -> None:
    def compute(x: Any) -> Any:
        return convert_value(reference(x), WEAK_INT)

    define(OpDef(python.__name__, _integral_rule, python, _lower_integral, compute, ((python, 1),)))


def _lower_integral(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    if not t.is_float:
        return args[0]
    whole = e.call(f"llvm.{op.name}.f{t.bits}", t, (t, args[0]))
    return lower_conversion(e, t, WEAK_INT, whole)


_integral(math.floor, np.floor)
_integral(math.ceil, np.ceil)
_integral(math.trunc, np.trunc)

# ------------------------------------------------------------------ isnan, isinf, isfinite


def _test_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((as_float(common(f"math.{op.name}()", types)),), WEAK_BOOL)


def _test(python: Callable[..., bool], reference: Callable[..., Any], condition: str) -> None:
    """A test of |x| against inf. It carries no fast-math flags, so it works under any."""

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        t = op.operands[0].type
        assert isinstance(t, Scalar)
        magnitude = e(f"call {t.llvm} @llvm.fabs.f{t.bits}({t.llvm} {args[0]})")
        e.declarations[f"llvm.fabs.f{t.bits}"] = f"declare {t.llvm} @llvm.fabs.f{t.bits}({t.llvm})"
        return e(f"fcmp {condition} {t.llvm} {magnitude}, {literal(t, math.inf)}")

    define(OpDef(python.__name__, _test_rule, python, lower, reference, ((python, 1),)))


_test(math.isnan, np.isnan, "uno")
_test(math.isinf, np.isinf, "oeq")
_test(math.isfinite, np.isfinite, "one")
