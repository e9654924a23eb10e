"""Reductions of arrays: one row for each, with the types and with what its loops do.

The operands of the op ``reduce`` are the name of a reduction, an array, and what NumPy's functions
are told: the axes, a dtype, whether axes are kept, ``ddof``, and maybe what it begins with.
``rewrites/loop_reductions.py`` makes loops of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.llvm_text import PURE, Emitter
from kernelgen.ops import array_reductions as arrays
from kernelgen.ops import reduction_library as library
from kernelgen.ops.allocation import array_from_type, dtype_operand
from kernelgen.ops.arith import result_type
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import same, scalars
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Tuple, Type, describe
from kernelgen.types.table import BOOL, FLOAT16, FLOAT32, FLOAT64, INT64, UINT64, Scalar

Definition = Callable[..., Any]
Choice = Callable[[Scalar, Scalar, bool], Definition]


class Row(NamedTuple):
    """One reduction.

    Parameters
    ----------
    name : str
        What the op has as its first operand.
    kinds : str
        The kinds of types whose elements it takes.
    result : callable ``(element) -> Scalar``
        The type of the result.
    start : callable ``(state) -> number``
        What a state is before any element.
    of_element : callable ``(state, source, computed) -> function``
        What makes a new state of one and of an element of the type ``source``, which is computed or
        read from an array.
    of_row : callable, optional
        The same for all elements of a row, where there is a better way than one after the other.
    finish : function, optional
        Makes the result of the state, of how many elements there were, and of ``ddof``.
    state : callable ``(result, element) -> types``
        The types of the state: that of the result, if it is not said.
    places : bool
        Whether it asks for the places of elements: functions are given these as well.
    empty : str, optional
        The text of the error for no elements.
    """

    name: str
    kinds: str
    result: Callable[[Scalar], Scalar]
    start: Callable[[Scalar], Any]
    of_element: Choice
    of_row: Callable[[Scalar, Scalar, bool], Definition | None] = lambda *types: None
    finish: Definition | None = None
    state: Callable[[Scalar, Scalar], tuple[Scalar, ...]] = lambda result, element: (result,)
    places: bool = False
    empty: str | None = None


# ----------------------------------------------------------------------------------- types


def _wide(t: Scalar) -> Scalar:
    return {"b": INT64, "i": INT64, "u": UINT64}.get(t.kind, t)


def _as_float(t: Scalar) -> Scalar:
    return FLOAT64 if t.kind in "biu" else t


def _itself(t: Scalar) -> Scalar:
    return t


def _mean_state(result: Scalar, element: Scalar) -> tuple[Scalar, ...]:
    """NumPy adds float16 in float32 here."""
    return (FLOAT32 if result == FLOAT16 else result,)


def _place_state(result: Scalar, element: Scalar) -> tuple[Scalar, ...]:
    return element, result


# --------------------------------------------------------------------------------- functions


_ADDING = {
    (False, False): library.add_real_row,
    (False, True): library.add_computed_real_row,
    (True, False): library.add_complex_row,
    (True, True): library.add_computed_complex_row,
}


def _adding(state: Scalar, source: Scalar, computed: bool) -> Definition | None:
    """Floats are added by halves; by lots if they are converted first."""
    if state.kind not in "fc":
        return None
    if source in (state, element_of(state)):
        return _ADDING[state.is_complex, computed]
    return library.add_converted_complex_row if state.is_complex else library.add_converted_real_row


def element_of(state: Scalar) -> Scalar:
    """The type in which elements are taken: NumPy takes those of float16 in float32."""
    return FLOAT32 if state == FLOAT16 else state


def _always(function: Definition) -> Choice:
    return lambda state, source, computed: function


def _of_floats(floats: Definition, others: Definition) -> Choice:
    return lambda state, source, computed: floats if state.is_float else others


def _by_time(times: Definition, others: Definition) -> Choice:
    return lambda state, source, computed: times if state.is_time else others


def _of_each(floats: Definition, times: Definition, others: Definition) -> Choice:
    return lambda state, *more: times if state.is_time else floats if state.is_float else others


def _lowest(t: Scalar) -> Any:
    if t.is_time:
        return INT64.minimum + 1  # what is less is NaT
    return -math.inf if t.is_float else t.minimum if t.is_integer else 0


def _highest(t: Scalar) -> Any:
    if t.is_time:
        return INT64.maximum
    return math.inf if t.is_float else t.maximum if t.is_integer else 1


def _nan_or(number: Callable[[Scalar], Any]) -> Callable[[Scalar], Any]:
    """What is less and greater than no float."""
    return lambda t: math.nan if t.is_float else number(t)


def _constant(value: Any) -> Callable[[Scalar], Any]:
    return lambda t: value


def _no_identity(ufunc: str) -> str:
    return f"zero-size array to reduction operation {ufunc} which has no identity"


def _empty_sequence(name: str) -> str:
    return f"attempt to get {name} of an empty sequence"


# --------------------------------------------------------------------------------- the table

_ROWS = (
    Row("sum", "biufcm", _wide, _constant(0), _always(library.add), _adding),
    Row("prod", "biufc", _wide, _constant(1), _always(library.multiply)),
    Row(
        "mean", "biufc", _as_float, _constant(0), _always(library.add), _adding,
        finish=library.mean_of, state=_mean_state,
    ),
    Row(
        "average", "biufc", _as_float, _constant(0), _always(library.add), _adding,
        finish=library.mean_of,
    ),
    Row(
        "max", "biufMm", _itself, _lowest,
        _of_each(library.greater_or_nan, library.later, library.greater),
        empty=_no_identity("maximum"),
    ),
    Row(
        "min", "biufMm", _itself, _highest,
        _of_each(library.less_or_nan, library.earlier, library.less),
        empty=_no_identity("minimum"),
    ),
    Row(
        "nanmax", "biuf", _itself, _nan_or(_lowest),
        _of_floats(library.greater_number, library.greater), empty=_no_identity("fmax"),
    ),
    Row(
        "nanmin", "biuf", _itself, _nan_or(_highest),
        _of_floats(library.less_number, library.less), empty=_no_identity("fmin"),
    ),
    Row(
        "any", "biufc", _constant(BOOL), _constant(False),
        _always(library.either), _always(library.any_of_row),
    ),
    Row(
        "all", "biufc", _constant(BOOL), _constant(True),
        _always(library.both), _always(library.all_of_row),
    ),
    Row(
        "argmax", "biufMm", _constant(INT64), _lowest,
        _always(library.first_greatest),
        _by_time(library.first_latest_of_row, library.first_greatest_of_row),
        library.place_found, _place_state, True, _empty_sequence("argmax"),
    ),
    Row(
        "argmin", "biufMm", _constant(INT64), _highest,
        _always(library.first_least),
        _by_time(library.first_earliest_of_row, library.first_least_of_row),
        library.place_found, _place_state, True, _empty_sequence("argmin"),
    ),
)  # fmt: skip

ROWS = {row.name: row for row in _ROWS}


def row_of(op: Op) -> Row:
    """The reduction that an op ``reduce`` computes."""
    constant = op.operands[0].constant
    assert constant is not None
    return ROWS[constant.attrs["value"]]


def _python(
    name: Any, a: Any, axis: Any, dtype: Any, keepdims: Any, ddof: Any, initial: Any = None
) -> Any:
    if name == "average":
        return _average(a, axis, dtype, keepdims, ddof)
    if name in ("max", "min") and dtype is not None:
        a, dtype = np.asarray(a).astype(dtype), None
    return arrays.reduced(name, a, axis, dtype, keepdims, ddof, initial)


def _average(a: Any, axis: Any, dtype: Any, keepdims: Any, ddof: Any) -> Any:
    """What ``np.var`` makes of squared deviations, and its mean."""
    if dtype is None and a.dtype.kind in "biu":
        dtype = np.float64
    sums = np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims)
    count = np.sum(np.ones(a.shape, np.int64), axis=axis, keepdims=keepdims)
    return np.true_divide(sums, np.maximum(count - ddof, 0)).astype(sums.dtype)


# -------------------------------------------------------------------------------- the rules


def axes_of(op: Op) -> tuple[int, ...]:
    """The axes over which an op reduces, in order.

    Raises
    ------
    NoRule
        They are not known when the function is compiled, or the array does not have them.
    """
    array = _array(op.operands[1].type)
    given = _known(op.operands[2])
    if given is None:
        return tuple(range(array.ndim))
    axes = given if isinstance(given, tuple) else (given,)
    ndim = max(array.ndim, 1)  # NumPy takes 0 and -1 for the axis of what has none
    for axis in axes:
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise NoRule(*_AXIS)
        if not -ndim <= axis < ndim:
            raise NoRule(f"axis {axis} is out of bounds for array of dimension {array.ndim}")
    found = {int(axis) % ndim for axis in axes}
    if len(found) < len(axes):
        raise NoRule("duplicate value in 'axis'")
    return tuple(sorted(found)) if array.ndim else ()


_AXIS = "the axis of a reduction is a constant in a kernel", "write axis=0, or axis=(0, 1)"


def _array(t: Type | None) -> Array:
    """The type of what is reduced; of tuples that of the array that NumPy makes of them."""
    if isinstance(t, Tuple):
        return array_from_type(t)
    if not isinstance(t, Array):
        assert t is not None
        raise NoRule(f"{describe(t)} is no array")
    return t


def _known(value: Value) -> Any:
    """The constant, or tuple of such, that an operand is."""
    if value.type == NONE:
        return None
    made = defining(value, "tuple")
    if made is not None:
        return tuple(map(_known, made.operands))
    if value.constant is None:
        raise NoRule(*_AXIS)
    return value.constant.attrs["value"]


def _keeps_axes(op: Op) -> bool:
    constant = op.operands[4].constant
    keepdims = None if constant is None else constant.attrs["value"]
    if not isinstance(keepdims, bool):
        raise NoRule("keepdims= is a constant in a kernel", "write keepdims=True")
    return keepdims


def _rule(op: Op, types: tuple[Type, ...]) -> Typed:
    row, array = row_of(op), _array(types[1])
    result = _dtype_of_result(op, row, array)
    (ddof,) = scalars("ddof=", types[5:6])
    counted = INT64 if ddof.kind in "biu" else FLOAT64
    initial = types[6:] if begins_with(op) is not None else ()
    scalars("initial=", initial)
    params = [result if initial else None] * len(types[6:])
    return Typed((*(None,) * 5, counted, *params), _result_type(op, array, result))


def begins_with(op: Op) -> Value | None:
    """The value that a reduction begins with, if one is given."""
    given = op.operands[6:]
    return given[0] if given and given[0].type != NONE else None


def _dtype_of_result(op: Op, row: Row, array: Array) -> Scalar:
    asked = dtype_operand(op.operands[3])
    result = row.result(array.dtype) if asked is None else asked
    if array.dtype.kind not in row.kinds or result.kind not in row.kinds:
        raise NoRule(f"{row.name}() of {describe(array)} cannot be computed in a kernel")
    if array.dtype.is_complex and not (result.is_complex or result.is_bool):
        raise NoRule(f"{row.name}() of {describe(array)} cannot be computed as {describe(result)}")
    return result


def _result_type(op: Op, array: Array, result: Scalar) -> Type:
    axes, kept = axes_of(op), _keeps_axes(op)
    ndim = array.ndim if kept else array.ndim - len(axes)
    if ndim == 0:
        return result
    return Array(result, ndim, "F" if array.layout == "F" and ndim > 1 else "C")


define(
    OpDef(
        "reduce",
        _rule,
        _python,
        never_lowered,
        calls=((arrays.reduced, 6), (arrays.reduced, 7)),
        carries=True,
        effects=True,
    )
)


def _accumulate_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    row, array = row_of(op), _array(types[1])
    result, axes = _dtype_of_result(op, row, array), axes_of(op)
    if len(axes) != 1 and op.operands[2].type != NONE:
        raise NoRule(f"cum{row.name}() goes along one axis")
    if op.operands[2].type == NONE or array.ndim < 2:
        return Typed((None,) * 4, Array(result, 1, "C"))
    return Typed((None,) * 4, Array(result, array.ndim, "F" if array.layout == "F" else "C"))


define(
    OpDef(
        "accumulate",
        _accumulate_rule,
        arrays.accumulated,
        never_lowered,
        calls=((arrays.accumulated, 4),),
        carries=True,
    )
)

# ----------------------------------------------------------------------------- what they need


def _scratch_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    like = types[1]
    dtype = like.dtype if isinstance(like, Array) else like
    assert isinstance(dtype, Scalar)
    return Typed((None, None), Array(dtype.strong, 1, "C"))


define(
    OpDef(
        "scratch",
        _scratch_rule,
        library.scratch,
        never_lowered,
        calls=((library.scratch, 2),),
        carries=True,
    )
)


def _define_extremum(function: Definition, intrinsic: str) -> None:
    """An extremum of floats, nan included; it vectorises where LLVM has it by itself."""

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        return same(types[0], 2)

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        t = result_type(op)
        name = f"llvm.{intrinsic}.f{t.bits}"
        e.declarations[name] = f"declare {t.llvm} @{name}({t.llvm}, {t.llvm}) {PURE}"
        return e(f"call nsz {t.llvm} @{name}({t.llvm} {args[0]}, {t.llvm} {args[1]})")

    def expand(op: Op) -> Definition | None:
        return None if op.value.type in (FLOAT32, FLOAT64) else function

    define(
        OpDef(
            function.__name__,
            rule,
            function,
            lower,
            calls=((function, 2),),
            expand=expand,
        )
    )


_define_extremum(library.greater_or_nan, "maximum")
_define_extremum(library.less_or_nan, "minimum")
_define_extremum(library.greater_number, "maxnum")
_define_extremum(library.less_number, "minnum")


def _magnitude_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = scalars("np.var()", types)
    t = _as_float(t.strong)
    return Typed((t,), t.component)


def _expand_magnitude(op: Op) -> Definition:
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    return arrays.square_of_complex if t.is_complex else arrays.square


define(
    OpDef(
        "squared_magnitude",
        _magnitude_rule,
        arrays.squared_magnitude,
        never_lowered,
        calls=((arrays.squared_magnitude, 1),),
        expand=_expand_magnitude,
        carries=True,
    )
)
