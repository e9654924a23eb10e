"""Ops that give an array another shape. Axes are constants; lengths may be any numbers.

Most are views that ``rewrites/split_shapes.py`` takes apart. What is a copy at times has a
definition in ``shape_library.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ir.core import Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.ops import shape_library as library
from kernelgen.ops.allocation import shape_types
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import Array, Tuple, Type, describe
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar

Expand = Callable[[Op], Callable[..., Any] | str | None]


def constant_of(value: Value) -> Any:
    """What a constant is, or a tuple of constants.

    Raises
    ------
    NoRule
        It is computed when the function runs.
    """
    made = defining(value, "tuple")
    if made is not None:
        return tuple(map(constant_of, made.operands))
    if value.constant is None:
        raise NoRule("the axes of an array are constants in a kernel", "write axis=0")
    return value.constant.attrs["value"]


def axis_of(axis: Any, ndim: int) -> int:
    """An axis, counted from the first one.

    Raises
    ------
    NoRule
        There is none of that number.
    """
    if not isinstance(axis, (int, np.integer)) or isinstance(axis, bool):
        raise NoRule(f"an axis is an integer, not {axis!r}")
    if not -ndim <= axis < ndim:
        raise NoRule(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return int(axis) % ndim


def axes_of(axes: Any, ndim: int) -> tuple[int, ...]:
    """The same for one axis or several, none of them twice."""
    found = tuple(axis_of(axis, ndim) for axis in (axes if isinstance(axes, tuple) else (axes,)))
    if len(set(found)) < len(found):
        raise NoRule("an axis is named twice")
    return found


def array_type(what: str, t: Type) -> Array:
    """The type, of an array, or NoRule."""
    if not isinstance(t, Array):
        raise NoRule(f"{what} takes an array, not {describe(t)}")
    return t


# ---------------------------------------------------------------------- axes in another order

Arrangement = tuple[int | None, ...]
"""Of each axis of a view, which axis of the array it is; None of a new one."""


def _permutation(op: Op, ndim: int) -> Arrangement:
    axes = constant_of(op.operands[1])
    if axes in ((), (None,)):
        return tuple(range(ndim))[::-1]
    if isinstance(axes, tuple) and len(axes) == 1 and isinstance(axes[0], tuple):
        (axes,) = axes
    found = axes_of(axes, ndim)
    if len(found) != ndim:
        raise NoRule("axes don't match array")
    return found


def _swapped(op: Op, ndim: int) -> Arrangement:
    i, j = (axis_of(constant_of(v), ndim) for v in op.operands[1:])
    order = list(range(ndim))
    order[i], order[j] = j, i
    return tuple(order)


def _moved(op: Op, ndim: int) -> Arrangement:
    source, to = (axes_of(constant_of(v), ndim) for v in op.operands[1:])
    if len(source) != len(to):
        raise NoRule("as many axes are moved as there are places")
    rest = iter([axis for axis in range(ndim) if axis not in source])
    placed = dict(zip(to, source, strict=True))
    return tuple(placed[place] if place in placed else next(rest) for place in range(ndim))


def _squeezed(op: Op, ndim: int) -> Arrangement:
    axis = constant_of(op.operands[1])
    if axis is None:
        raise NoRule("squeeze() needs an axis in a kernel", "write a.squeeze(0)")
    dropped = axes_of(axis, ndim)
    return tuple(each for each in range(ndim) if each not in dropped)


def _expanded(op: Op, ndim: int) -> Arrangement:
    axis = constant_of(op.operands[1])
    count = ndim + (len(axis) if isinstance(axis, tuple) else 1)
    new = axes_of(axis, count)
    old = iter(range(ndim))
    return tuple(None if place in new else next(old) for place in range(count))


def _before_axes(op: Op, ndim: int) -> Arrangement:
    b = op.operands[1].type
    return (*range(ndim), *(None,) * (b.ndim if isinstance(b, Array) else 0))


def _as_column(op: Op, ndim: int) -> Arrangement:
    return (0, None) if ndim == 1 else tuple(range(ndim))


def _deepened(op: Op, ndim: int) -> Arrangement:
    least = constant_of(op.operands[1])
    return (*(None,) * (least - ndim), *range(ndim))


ARRANGED: dict[str, tuple[Callable[[Op, int], Arrangement], Callable[..., Any], int]] = {
    "permuted": (_permutation, library.permuted, 2),
    "swapped": (_swapped, library.swapped, 3),
    "moved": (_moved, library.moved, 3),
    "squeezed": (_squeezed, library.squeezed, 2),
    "expanded": (_expanded, library.expanded, 2),
    "before_axes_of": (_before_axes, library.before_axes_of, 2),
    "as_column": (_as_column, library.as_column, 1),
    "deepened": (_deepened, library.deepened, 2),
}
"""The axes of a view, the function that an op stands for, and how many operands it has."""


def arrangement(op: Op) -> Arrangement:
    """The axes of the view that an op makes."""
    t = op.operands[0].type
    assert isinstance(t, Array)
    return ARRANGED[op.name][0](op, t.ndim)


def _arranged_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if isinstance(types[0], Scalar):
        return Typed((None,) * len(types), types[0])
    t = array_type(f"{op.name}()", types[0])
    axes = arrangement(op)
    return Typed((None,) * len(types), t._replace(ndim=len(axes), layout=_layout(t, axes)))


def _layout(t: Array, axes: Arrangement) -> str:
    """The layout of a view by the order of the axes that it has kept."""
    kept = [axis for axis in axes if axis is not None]
    if len(axes) < 2:
        return "C" if t.dense else "A"
    if kept == sorted(kept):
        return t.layout
    other = {"C": "F", "F": "C"}.get(t.layout, "A")
    return other if kept == sorted(kept, reverse=True) else "A"


for _name, (_, _function, _count) in ARRANGED.items():
    define(
        OpDef(
            _name,
            _arranged_rule,
            _function,
            never_lowered,
            calls=((_function, _count),),
            carries=True,
            effects=_name == "squeezed",
        )
    )


def _as_it_is(op: Op, types: tuple[Type, ...]) -> Typed:
    assert op.value.type is not None
    return Typed((None,) * len(types), op.value.type)


define(OpDef("arranged", _as_it_is, never_lowered, never_lowered, carries=True, effects=True))

# --------------------------------------------------------------------------- other views


def _flipped_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = array_type("flip()", types[0])
    flipped_axes(op)
    return Typed((None, None), t._replace(layout="A") if t.ndim else t)


def flipped_axes(op: Op) -> tuple[int, ...]:
    """The axes that go backwards."""
    t, axes = op.operands[0].type, constant_of(op.operands[1])
    assert isinstance(t, Array)
    return tuple(range(t.ndim)) if axes is None else axes_of(axes, t.ndim)


def _diagonal_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = array_type("diagonal()", types[0])
    if t.ndim != 2:
        raise NoRule(f"the diagonal is taken of a matrix, not of a {describe(t)}")
    return Typed((None, WEAK_INT), t._replace(ndim=1, layout="A", readonly=True))


def _lengths_param(t: Type) -> Type:
    return Tuple((WEAK_INT,) * len(t.elements)) if isinstance(t, Tuple) else WEAK_INT


def _stretched_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t, count = array_type("broadcast_to()", types[0]), len(shape_types(types[1]))
    if count < t.ndim:
        raise NoRule("input operand has more dimensions than allowed by the axis remapping")
    return Typed(
        (None, _lengths_param(types[1])), t._replace(ndim=count, layout="A", readonly=True)
    )


def _is_dense_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,), WEAK_BOOL)


def _as_dense_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,), array_type("this", types[0])._replace(layout="C"))


def _all_elements_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,), array_type("ravel()", types[0])._replace(ndim=1, layout="C"))


def _expand_dense(op: Op) -> Callable[..., Any]:
    t = op.operands[0].type
    return library.itself if isinstance(t, Array) and t.layout == "C" else library.dense_of_any


def _expand_raveled(op: Op) -> Callable[..., Any]:
    t = op.operands[0].type
    return (
        library.ravel_of_dense
        if isinstance(t, Array) and t.layout == "C"
        else (library.ravel_of_any)
    )


def _define(
    rule: Callable[[Op, tuple[Type, ...]], Typed],
    function: Callable[..., Any],
    count: int,
    expand: Expand | None = None,
    *,
    name: str = "",
    effects: bool = False,
) -> None:
    name = name or function.__name__
    calls = ((function, count),)
    define(
        OpDef(
            name, rule, function, never_lowered, calls=calls, expand=expand, carries=True,
            effects=effects,
        )
    )  # fmt: skip


_define(_flipped_rule, library.flipped, 2)
_define(_diagonal_rule, library.diagonal_of, 2)
_define(_stretched_rule, library.stretched_to, 2, effects=True)
_define(_is_dense_rule, library.is_dense, 1)
_define(_as_dense_rule, library.as_dense, 1)
_define(_all_elements_rule, library.all_elements, 1)
_define(_as_dense_rule, library.dense, 1, _expand_dense, effects=True)
_define(_all_elements_rule, library.raveled, 1, _expand_raveled, effects=True)

# ----------------------------------------------------------------------------------- reshape


def _shape_operand(t: Type) -> Type:
    """A shape as methods are given it: lengths, or one tuple of them."""
    if isinstance(t, Tuple) and len(t.elements) == 1 and isinstance(t.elements[0], Tuple):
        return t.elements[0]
    return t


def _reshaped_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t, shape = array_type("reshape()", types[0]), _shape_operand(types[1])
    count = len(shape_types(shape))
    layout = "C" if t.layout == "C" or count == 0 else "A"
    param = _lengths_param(shape) if shape is types[1] else Tuple((_lengths_param(shape),))
    return Typed((None, param), t._replace(ndim=count, layout=layout))


def _expand_reshaped(op: Op) -> Callable[..., Any]:
    t, shape = op.operands[0].type, op.operands[1].type
    assert isinstance(t, Array) and shape is not None
    if _shape_operand(shape) is not shape:
        return library.reshape_to_one
    made = op.value.type
    assert isinstance(made, Array)
    dense = t.layout == "C" or made.ndim == 0
    return library.reshape_of_dense if dense else library.reshape_of_any


def _fitted_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    count = len(shape_types(types[1]))
    return Typed((None, _lengths_param(types[1])), Tuple((WEAK_INT,) * count))


def _dense_view_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = array_type("this", types[0])
    return Typed((None, None), t._replace(ndim=len(shape_types(types[1])), layout="C"))


def _strided_view_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = array_type("this", types[0])
    return Typed((None,) * 3, t._replace(ndim=len(shape_types(types[1])), layout="A"))


_define(_reshaped_rule, library.reshaped, 2, _expand_reshaped, effects=True)
_define(_fitted_rule, library.fitted, 2, effects=True)
_define(_dense_view_rule, library.dense_view, 2)
_define(_strided_view_rule, library.strided_view, 3)
