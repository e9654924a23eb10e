"""Arrays of indices and masks in ``a[index]``: what they mean, and the ops that go over them.

``rewrites/resolve_gathers.py`` makes these ops of what users write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kernelgen.ir.core import Op
from kernelgen.ops import gather_library as library
from kernelgen.ops.fields import holds_records
from kernelgen.ops.indexing import index_param, indexed_type, items_of
from kernelgen.ops.records import check_assigned
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import ELLIPSIS, NONE, Array, Slice, Tuple, Type, describe
from kernelgen.types.table import INT64, WEAK_INT, Scalar

_MOST = 3
"""Index arrays in one index, dimensions of a mask."""

_WHOLE = Slice(NONE, NONE, NONE)


class Gather(NamedTuple):
    """What an index with arrays means: a view, and arrays that index some axes of that.

    Parameters
    ----------
    basic : tuple
        For each part of the index of the view, its place in the index as written, or -1 for a
        whole axis.
    arrays : tuple
        The places of index arrays and masks.
    axes : tuple
        The axes of the view that they index, and where in the array these are.
    place : int
        Where the axes of the arrays are in the result.
    """

    basic: tuple[int, ...]
    arrays: tuple[int, ...]
    axes: tuple[tuple[int, int], ...]
    place: int


def is_gather(index: Type) -> bool:
    """Whether there are arrays in an index."""
    return any(isinstance(t, Array) for t in items_of(index))


def _axes_used(t: Type) -> int:
    if isinstance(t, Array):
        return t.ndim if t.dtype.is_bool else 1
    return 0 if t in (NONE, ELLIPSIS) else 1


def gather_of(array: Array, index: Type) -> Gather:
    """The meaning of an index with arrays.

    Raises
    ------
    NoRule
        There are more indices than axes, or arrays of something else.
    """
    items = items_of(index)
    for t in items:
        if isinstance(t, Array):
            _check_index_array(t)
    used = sum(map(_axes_used, items))
    if used > array.ndim:
        raise NoRule(
            f"too many indices: the array has {array.ndim} dimensions, and {used} are indexed"
        )
    if items.count(ELLIPSIS) > 1:
        raise NoRule("an index can only have a single ellipsis ('...')")
    places = list(range(len(items)))
    at = items.index(ELLIPSIS) if ELLIPSIS in items else len(items)
    rest = [-1] * (array.ndim - used)
    places[at : at + 1] = rest
    basic: list[int] = []
    axes: list[tuple[int, int]] = []
    view_axis = axis = 0
    advanced: list[int] = []  # the places in this order of what is an array or an integer
    begins: list[int] = []  # and the axes of the view in front of each
    for order, place in enumerate(places):
        t = items[place] if place >= 0 else _WHOLE
        if isinstance(t, (Array, Scalar)):
            advanced.append(order)
            begins.append(view_axis)
        if isinstance(t, Array):
            count = _axes_used(t)
            basic += [-1] * count
            axes += [(view_axis + i, axis + i) for i in range(count)]
            view_axis += count
            axis += count
            continue
        basic.append(place)
        view_axis += not isinstance(t, Scalar)
        axis += _axes_used(t)
    together = advanced == list(range(advanced[0], advanced[0] + len(advanced)))
    arrays = tuple(p for p in places if p >= 0 and isinstance(items[p], Array))
    if len(axes) > _MOST:
        raise NoRule(f"an index has up to {_MOST} arrays in a kernel", "write a loop")
    return Gather(tuple(basic), arrays, tuple(axes), begins[0] if together else 0)


def _check_index_array(t: Array) -> None:
    if not (t.dtype.is_integer or t.dtype.is_bool):
        raise NoRule(f"a {describe(t)} is no index", "arrays of integers and of bools are")
    if t.ndim == 0 or (t.dtype.is_bool and t.ndim > _MOST):
        raise NoRule(f"a {describe(t)} cannot be an index in a kernel", "write a loop")


def basic_index(index: Type, gather: Gather) -> Tuple:
    """The type of the index that makes the view."""
    items = items_of(index)
    return Tuple(tuple(_WHOLE if place < 0 else items[place] for place in gather.basic))


def index_dims(index: Type) -> int:
    """How many dimensions the arrays in an index have when they are broadcast."""
    arrays = [t for t in items_of(index) if isinstance(t, Array)]
    return max(1 if t.dtype.is_bool else t.ndim for t in arrays)


def gathered_type(array: Array, index: Type) -> Array:
    """The type of ``array[index]``, a new array."""
    gather = gather_of(array, index)
    view = indexed_type(array, basic_index(index, gather))
    assert isinstance(view, Array)
    ndim = index_dims(index) + view.ndim - len(gather.axes)
    layout = "C"
    if gather.place and ndim > 1:
        at_end = gather.place == ndim - index_dims(index)
        layout = "F" if at_end and ndim == 2 else "A"
    return Array(array.dtype, ndim, layout)


def gather_rule(array: Array, index: Type) -> Typed:
    """The rule of ``array[index]`` with arrays in the index."""
    made = gathered_type(array, index)
    return Typed((array, index_param(index)), made)


def scatter_rule(array: Array, index: Type, value: Type) -> Typed:
    """The rule of an assignment to ``array[index]``."""
    made = gathered_type(array, index)
    if not isinstance(value, Array):
        if isinstance(value, Tuple) and not holds_records(array):
            raise NoRule(f"an element of an array cannot be a {describe(value)}")
        return Typed((array, index_param(index), check_assigned(made, value)), NONE)
    masked = isinstance(index, Array) and index.dtype.is_bool and index.ndim == array.ndim
    if value.ndim > (1 if masked else made.ndim):
        raise NoRule(f"a {describe(value)} does not fit into a {describe(made)}")
    check_assigned(made._replace(ndim=max(made.ndim, value.ndim)), value)
    return Typed((array, index_param(index), None), NONE)


# ------------------------------------------------------------------------------------ the ops


def _array(op: Op, place: int) -> Array:
    t = op.operands[place].type
    assert isinstance(t, Array)
    return t


def _stays(result: Type, *params: Type | None) -> Callable[[Op, tuple[Type, ...]], Typed]:
    return lambda op, types: Typed((*params, *(None,) * (len(types) - len(params))), result)


def _by_dims(place: int, vector: Any, rows: Any) -> Callable[[Op], Callable[..., Any]]:
    """One definition for a vector, one for what has more dimensions."""
    return lambda op: vector if _array(op, place).ndim == 1 else rows


_GATHER = (library.gather_by_one, library.gather_by_two, library.gather_by_three)
_GATHER_ROWS = (
    library.gather_rows_by_one,
    library.gather_rows_by_two,
    library.gather_rows_by_three,
)
_SCATTER = (library.scatter_by_one, library.scatter_by_two, library.scatter_by_three)
_SCATTER_ROWS = (
    library.scatter_rows_by_one,
    library.scatter_rows_by_two,
    library.scatter_rows_by_three,
)


def _expand_gather(op: Op) -> Callable[..., Any]:
    by_count = _GATHER if _array(op, 2).ndim == 1 else _GATHER_ROWS
    return by_count[len(op.operands) - 3]


def _expand_scatter(op: Op) -> Callable[..., Any]:
    by_count = _SCATTER if _array(op, 2).ndim == 1 else _SCATTER_ROWS
    return by_count[len(op.operands) - 3]


def _places_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = types
    if not isinstance(t, Array) or not 0 < t.ndim <= _MOST:
        raise NoRule(f"nonzero() takes an array of up to {_MOST} dimensions, not {describe(t)}")
    return Typed((None,), Tuple((Array(INT64, 1, "C"),) * t.ndim))


_PLACES = (library.places_in_vector, library.places_in_matrix, library.places_in_cube)


def _undisturbed_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = types[1]
    if not isinstance(t, Array):
        raise NoRule(f"{describe(t)} is no array")
    layout = t.layout if t.layout == "C" else "A"
    return Typed((None, None), t._replace(layout=layout))


def _define(
    function: Callable[..., Any],
    counts: tuple[int, ...],
    rule: Callable[[Op, tuple[Type, ...]], Typed],
    expand: Callable[[Op], Callable[..., Any]],
) -> None:
    calls = tuple((function, count) for count in counts)
    define(
        OpDef(
            function.__name__, rule, function, never_lowered, calls=calls, expand=expand,
            carries=True, effects=True,
        )
    )  # fmt: skip


_define(
    library.check_places,
    (3,),
    _stays(NONE, None, WEAK_INT, WEAK_INT),
    _by_dims(0, library.check_vector, library.check_rows),
)
_define(library.gather, (3, 4, 5), _stays(NONE), _expand_gather)
_define(library.scatter, (3, 4, 5), _stays(NONE), _expand_scatter)
_define(library.places_of, (1,), _places_rule, lambda op: _PLACES[_array(op, 0).ndim - 1])
_define(
    library.count_true,
    (1,),
    _stays(WEAK_INT),
    _by_dims(0, library.count_in_vector, library.count_in_rows),
)
_define(
    library.pick,
    (4,),
    _stays(WEAK_INT, None, WEAK_INT),
    _by_dims(3, library.pick_of_vector, library.pick_of_rows),
)
_define(
    library.spread,
    (4,),
    _stays(WEAK_INT, None, None, None, WEAK_INT),
    _by_dims(1, library.spread_over_vector, library.spread_over_rows),
)
_define(
    library.fill_masked,
    (3,),
    _stays(NONE),
    _by_dims(1, library.fill_masked_vector, library.fill_masked_rows),
)
_define(library.undisturbed, (2,), _undisturbed_rule, lambda op: library.copy_if_disturbed)
