"""Ops that sort arrays, and that put several together; definitions are in ``order_library.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelgen.ir.core import Op
from kernelgen.ops import order_library as library
from kernelgen.ops.arrays import check_writable
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.shapes import array_type, axis_of, constant_of
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Tuple, Type, describe
from kernelgen.types.promote import common_type

# ----------------------------------------------------------------------------------- sorting


def _sort_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = array_type("sort()", types[-1])
    if t.dtype.is_complex:
        raise NoRule("complex numbers are not sorted in a kernel", "sort by abs(x) or x.real")
    if t.ndim == 0:
        raise NoRule("Cannot sort a 0-d array")
    check_writable(array_type("sort()", types[0]))
    return Typed((None,) * len(types), NONE)


def _by_dims(vector: Any, rows: Any) -> Callable[[Op], Callable[..., Any]]:
    def choose(op: Op) -> Callable[..., Any]:
        t = op.operands[0].type
        assert isinstance(t, Array)
        found: Callable[..., Any] = vector if t.ndim == 1 else rows
        return found

    return choose


def _define_sort(function: Callable[..., Any], count: int, vector: Any, rows: Any) -> None:
    define(
        OpDef(
            function.__name__,
            _sort_rule,
            function,
            never_lowered,
            calls=((function, count),),
            expand=_by_dims(vector, rows),
            carries=True,
            effects=True,
        )
    )


_define_sort(library.sort_last, 1, library.sort_vector, library.sort_rows)
_define_sort(library.sort_last_stably, 1, library.sort_vector_stably, library.sort_rows_stably)
_define_sort(library.argsort_last, 2, library.argsort_vector, library.argsort_rows)

# ----------------------------------------------------------------------------- concatenation


def joined_axis(op: Op) -> int:
    """The axis along which arrays are put together."""
    arrays = op.operands[0].type
    assert isinstance(arrays, Tuple)
    ndim, axis = arrays.elements[0].ndim, constant_of(op.operands[1])
    return min(1, ndim - 1) if axis == "across" else axis_of(axis, ndim)


def _joined_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    arrays = types[0].elements if isinstance(types[0], Tuple) else ()
    if not arrays or not all(isinstance(t, Array) and t.ndim for t in arrays):
        raise NoRule(f"a tuple or list of arrays is needed, not {describe(types[0])}")
    dims = {t.ndim for t in arrays}
    if len(dims) > 1:
        raise NoRule("all the input array dimensions must match in number")
    joined_axis(op)
    dtypes = {t.dtype for t in arrays}
    dtype = common_type(*dtypes) if len(dtypes) > 1 else dtypes.pop()
    if dtype is None:
        raise NoRule(f"there is no type that holds what is in {describe(types[0])}")
    whole = dims.pop()
    layout = "F" if whole > 1 and all(t.layout == "F" for t in arrays) else "C"
    return Typed((None, None), Array(dtype, whole, layout))


define(
    OpDef(
        "joined",
        _joined_rule,
        library.joined,
        never_lowered,
        calls=((library.joined, 2),),
        carries=True,
        effects=True,
    )
)


def _section_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    assert op.value.type is not None
    return Typed((None,) * len(types), op.value.type)


# A part of an array along one axis, from a place on.
define(OpDef("section", _section_rule, never_lowered, never_lowered, carries=True))


# --------------------------------------------------------------------------------- diagonals


def _diagonal_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = array_type("diag()", types[0])
    if t.ndim not in (1, 2):
        raise NoRule("Input must be 1- or 2-d.")
    view = t._replace(ndim=1, layout="A", readonly=True)
    made = Array(t.dtype, 2, "C") if t.ndim == 1 else view
    return Typed((None, None), made)


define(
    OpDef(
        "diagonal_or_matrix",
        _diagonal_rule,
        library.diagonal_or_matrix,
        never_lowered,
        calls=((library.diagonal_or_matrix, 2),),
        expand=_by_dims(library.matrix_of_diagonal, library.diagonal_of_matrix),
        carries=True,
        effects=True,
    )
)
