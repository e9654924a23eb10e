"""NumPy's ufuncs by their names: one row for each.

NumPy itself says which of its loops takes the operands (``ufunc.resolve_dtypes``), and a row
says what computes that loop: an op, or a function of the kernel language. The reference is the
ufunc. Results are strong, as NumPy's scalars are, even of literals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops import complex_library as complexes
from kernelgen.ops import library
from kernelgen.ops import numpy_library as numpys
from kernelgen.ops.arith import identity, result_type
from kernelgen.ops.complex import refuse_complex
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import numpy_loop, same, scalars
from kernelgen.ops.times import rule_of
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import Tuple, Type, describe
from kernelgen.types.promote import common_type
from kernelgen.types.table import BOOL, FLOAT16, Scalar

Computed = str | Callable[..., Any]
"""The name of an op, or a function of the kernel language."""


class Row(NamedTuple):
    """What computes a ufunc: its loops of floats, and others where they differ.

    ``integers`` stands for bools too; ``unsigned`` may differ from the signed ones. float16 is
    computed as float32 is, and rounded, if ``float16`` is not given. ``times`` stands for dates
    and durations.
    """

    ufunc: np.ufunc
    floats: Computed
    integers: Computed | None = None
    unsigned: Computed | None = None
    float16: Computed | None = None
    complex: Computed | None = None
    times: Computed | None = None

    def computed(self, t: Scalar) -> Computed:
        """What computes the loop whose first operand is a ``t``."""
        if t.is_complex and self.complex is not None:
            return self.complex
        if t.is_time:
            return self.floats if self.times is None else self.times
        if not t.is_float and not t.is_complex and self.integers is not None:
            return self.integers if t.is_signed or self.unsigned is None else self.unsigned
        if t == FLOAT16 and self.float16 is not None:
            return self.float16
        return self.floats


ROWS = (
    Row(np.add, "add", complex="add"),
    Row(np.subtract, "sub", complex="sub"),
    Row(np.multiply, "mul", complex="mul"),
    Row(np.divide, "truediv", complex="truediv"),
    Row(np.floor_divide, "floordiv"),
    Row(np.remainder, "mod"),
    Row(np.fmod, "fmod", numpys.fmod_integers),
    Row(np.divmod, library.divide_with_remainder),
    Row(np.power, "pow", complex="pow"),
    Row(np.float_power, "pow", complex="pow"),
    Row(np.square, numpys.square, complex=complexes.square),
    Row(np.reciprocal, numpys.reciprocal, numpys.reciprocal_integer, complex=complexes.reciprocal),
    Row(np.negative, "neg", complex="neg"),
    Row(np.positive, "pos", complex="pos"),
    Row(np.absolute, "abs", complex="abs"),
    Row(np.fabs, "fabs"),
    Row(np.conjugate, numpys.unchanged, complex=complexes.conjugate),
    Row(
        np.sign,
        numpys.sign,
        numpys.sign_integer,
        numpys.sign_unsigned,
        complex=complexes.sign,
        times="time.sign",
    ),
    Row(np.bitwise_and, "and"),
    Row(np.bitwise_or, "or"),
    Row(np.bitwise_xor, "xor"),
    Row(np.invert, "invert"),
    Row(np.left_shift, "lshift"),
    Row(np.right_shift, "rshift"),
    Row(np.bitwise_count, "bit_count"),
    Row(np.gcd, numpys.gcd),
    Row(np.lcm, numpys.lcm),
    Row(np.logical_and, numpys.logical_and, complex=numpys.logical_and),
    Row(np.logical_or, numpys.logical_or, complex=numpys.logical_or),
    Row(np.logical_xor, numpys.logical_xor, complex=numpys.logical_xor),
    Row(np.logical_not, numpys.logical_not, complex=numpys.logical_not),
    Row(np.maximum, numpys.maximum),
    Row(np.minimum, numpys.minimum),
    Row(np.fmax, numpys.fmax),
    Row(np.fmin, numpys.fmin),
    Row(np.isnan, "isnan", numpys.never, complex=complexes.isnan, times="time.isnat"),
    Row(np.isinf, "isinf", numpys.never, complex=complexes.isinf, times=numpys.never),
    Row(np.isfinite, "isfinite", numpys.always, complex=complexes.isfinite, times="time.isfinite"),
    Row(np.isnat, "time.isnat"),
    Row(np.signbit, numpys.signbit),
    Row(np.copysign, "copysign"),
    Row(np.nextafter, "nextafter", float16="nextafter"),
    Row(np.spacing, numpys.spacing, float16=numpys.spacing_above),
    Row(np.rint, "rint", complex=complexes.rint),
    Row(np.floor, "whole_below", numpys.unchanged),
    Row(np.ceil, "whole_above", numpys.unchanged),
    Row(np.trunc, "whole", numpys.unchanged),
    Row(np.modf, library.modf),
    Row(np.frexp, library.frexp),
    Row(np.ldexp, numpys.ldexp),
    Row(np.heaviside, numpys.heaviside),
    Row(np.sqrt, "sqrt", complex=complexes.sqrt),
    Row(np.cbrt, "cbrt"),
    Row(np.hypot, "hypot"),
    Row(np.exp, "exp", complex=complexes.exp),
    Row(np.exp2, "exp2", complex=complexes.exp2),
    Row(np.expm1, "expm1", complex=complexes.expm1),
    Row(np.log, "log", complex=complexes.log),
    Row(np.log2, "log2", complex=complexes.log2),
    Row(np.log10, "log10", complex=complexes.log10),
    Row(np.log1p, "log1p", complex=complexes.log1p),
    Row(np.logaddexp, numpys.logaddexp),
    Row(np.logaddexp2, numpys.logaddexp2),
    Row(np.sin, "sin", complex=complexes.sin),
    Row(np.cos, "cos", complex=complexes.cos),
    Row(np.tan, "tan", complex=complexes.tan),
    Row(np.arcsin, "asin", complex=complexes.asin),
    Row(np.arccos, "acos", complex=complexes.acos),
    Row(np.arctan, "atan", complex=complexes.atan),
    Row(np.arctan2, "atan2"),
    Row(np.sinh, "sinh", complex=complexes.sinh),
    Row(np.cosh, "cosh", complex=complexes.cosh),
    Row(np.tanh, "tanh", complex=complexes.tanh),
    Row(np.arcsinh, "asinh", complex=complexes.asinh),
    Row(np.arccosh, "acosh", complex=complexes.acosh),
    Row(np.arctanh, "atanh", complex=complexes.atanh),
    Row(np.degrees, library.degrees),
    Row(np.rad2deg, library.degrees),
    Row(np.radians, library.radians),
    Row(np.deg2rad, library.radians),
)

COMPARISONS = (
    (np.less, "lt"),
    (np.less_equal, "le"),
    (np.equal, "eq"),
    (np.not_equal, "ne"),
    (np.greater, "gt"),
    (np.greater_equal, "ge"),
)


# ------------------------------------------------------------------------------- type rules


def _rule(row: Row) -> Callable[[Op, tuple[Type, ...]], Typed]:
    ufunc = row.ufunc

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        what = f"np.{ufunc.__name__}()"
        loop = numpy_loop(what, ufunc, scalars(what, types))
        if loop[0].is_complex and row.complex is None:
            raise NoRule(f"{what} of complex numbers cannot be used in a kernel")
        results = loop[ufunc.nin :]
        return Typed(loop[: ufunc.nin], results[0] if ufunc.nout == 1 else Tuple(results))

    return rule


def _comparison_rule(name: str) -> Callable[[Op, tuple[Type, ...]], Typed]:
    """As the operator's, which is exact for literals that their partner's type cannot hold."""

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        refuse_complex(Op(name, op.operands), types)
        own = Op(name, op.operands)
        return rule_of(own, types)(own, types)._replace(result=BOOL)

    return rule


# ---------------------------------------------------------------------------- the table's ops


def _expansion(row: Row) -> Callable[[Op], Computed]:
    def expand(op: Op) -> Computed:
        t = op.operands[0].type
        assert isinstance(t, Scalar)
        return row.computed(t)

    return expand


for _row in ROWS:
    define(
        OpDef(
            f"np.{_row.ufunc.__name__}",
            _rule(_row),
            _row.ufunc,
            never_lowered,
            calls=((_row.ufunc, _row.ufunc.nin),),
            expand=_expansion(_row),
            halves=_row.float16 is not None,
        )
    )

for _ufunc, _name in COMPARISONS:
    define(
        OpDef(
            f"np.{_ufunc.__name__}",
            _comparison_rule(_name),
            _ufunc,
            never_lowered,
            calls=((_ufunc, 2),),
            expand=lambda op, name=_name: name,  # type: ignore[misc]
        )
    )

# ------------------------------------------------------------------------ np.where, and a tool


def _where_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    _, first, second = scalars("np.where()", types)
    t = common_type(first, second)
    if t is None:
        raise NoRule(f"np.where() has no type for {describe(first)} and {describe(second)}")
    return Typed((BOOL, t.strong, t.strong), t.strong)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)[()]


def _chosen(condition: Any, x: Any, y: Any) -> Any:
    """Of two values of one type, which may be addresses."""
    return x if condition else y


def _lower_where(e: Emitter, op: Op, args: list[str]) -> str:
    return e.select(args[0], result_type(op), *args[1:])


def _like_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    _, like = scalars("this function", types)
    return same(like, 2)


define(
    OpDef("where", _where_rule, _where, _lower_where, _chosen, calls=((np.where, 3),), halves=True)
)
define(
    OpDef(
        "like",
        _like_rule,
        library.type_like,
        identity,
        lambda value, like: value,
        ((library.type_like, 2),),
        halves=True,
    )
)
