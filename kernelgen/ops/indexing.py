"""What ``a[index]`` means, by the types of the array and of the index alone."""

from __future__ import annotations

from typing import NamedTuple

from kernelgen.ops.registry import NoRule
from kernelgen.types.compound import (
    ELLIPSIS,
    NONE,
    Array,
    Element,
    Slice,
    Tuple,
    Type,
    Window,
    describe,
)
from kernelgen.types.table import UINT64, WEAK_INT, Scalar


class Item(NamedTuple):
    """One part of an index: what it is, and which of the index's values it is made of.

    ``kind`` is "integer", "slice", "new" for ``np.newaxis``, or "whole" for an axis that is taken
    as it is, which is no value of the index.
    """

    kind: str
    place: int = -1


WHOLE = Item("whole")


def items_of(index: Type) -> tuple[Type, ...]:
    """The types of an index's parts."""
    return index.elements if isinstance(index, Tuple) else (index,)


def plan(array: Array, index: Type) -> tuple[Item, ...]:
    """The items of an index, in order; they use up all axes of ``array``.

    Raises
    ------
    NoRule
        Something in it is no index, or there are more of them than axes.
    """
    items = [_item(t, place) for place, t in enumerate(items_of(index))]
    used = sum(item is not None and item.kind != "new" for item in items)
    if used > array.ndim:
        raise NoRule(
            f"too many indices: the array has {array.ndim} dimensions, and {used} are indexed"
        )
    if items.count(None) > 1:
        raise NoRule("an index can only have a single ellipsis ('...')")
    at = items.index(None) if None in items else len(items)
    rest = [WHOLE] * (array.ndim - used)
    return tuple(item for item in (*items[:at], *rest, *items[at + 1 :]) if item is not None)


def _item(t: Type, place: int) -> Item | None:
    """The item of type ``t``; None of ``...``."""
    if t == ELLIPSIS:
        return None
    if t == NONE:
        return Item("new", place)
    if isinstance(t, Slice):
        return WHOLE if set(t) == {NONE} else Item("slice", place)
    if isinstance(t, Scalar) and t.is_integer:
        return Item("integer", place)
    raise NoRule(
        f"an array cannot be indexed by {describe(t)}",
        "write int(i) to make an integer of it" if isinstance(t, Scalar) else None,
    )


def index_param(index: Type) -> Type:
    """What an index is converted to: integers to counts, but those of 64 bits without a sign."""
    if isinstance(index, Tuple):
        return Tuple(tuple(map(index_param, index.elements)))
    narrow = isinstance(index, Scalar) and index.kind in "biu" and index != UINT64
    return WEAK_INT if narrow else index


def indexed_type(array: Array, index: Type) -> Array | Scalar | Element:
    """The type of ``array[index]``: an element, or a view."""
    items = plan(array, index)
    ndim = sum(item.kind != "integer" for item in items)
    if ndim == 0 and all(item.kind == "integer" for item in items) and array.ndim:
        return array.element
    if not items:  # all of a 0-dimensional array
        return array.element if isinstance(index, Tuple) and not index.elements else array
    return array._replace(ndim=ndim, layout=_layout(array, items, index))


def _layout(array: Array, items: tuple[Item, ...], index: Type) -> str:
    """The layout of a view, which stays dense if all that it leaves out is in front."""
    kept = [item for item in items if item.kind != "new"]
    if array.layout == "F" and _is_dense(kept[::-1], index):
        return "F" if sum(item.kind != "integer" for item in items) > 1 else "C"
    return "C" if array.layout == "C" and _is_dense(kept, index) else "A"


def _is_dense(items: list[Item], index: Type) -> bool:
    """Whether integers come first, then at most one slice without step, then whole axes."""
    kinds = [item.kind for item in items]
    while kinds and kinds[0] == "integer":
        kinds.pop(0)
    if kinds and kinds[0] == "slice":
        first = items[len(items) - len(kinds)]
        t = items_of(index)[first.place]
        if isinstance(t, Slice) and t.step == NONE:
            kinds.pop(0)
    return all(kind == "whole" for kind in kinds)


def window_type(window: Window, index: Type) -> Array | Scalar:
    """The type of what a stencil's kernel reads at offsets: an element, or a copy of several.

    Raises
    ------
    NoRule
        There is not one offset an axis, or something is no offset.
    """
    t, items = window.array, items_of(index)
    if len(items) != t.ndim:
        raise NoRule(
            f"a {t.ndim}-dimensional array is read at {t.ndim} offsets, not at {len(items)}",
            "write one an axis: a[0, -1]" if t.ndim > 1 else None,
        )
    for each in items:
        if not isinstance(each, Slice) and not (isinstance(each, Scalar) and each.is_integer):
            raise NoRule(
                f"an offset is an integer, or a slice of them, not {describe(each)}",
                "write int(i)" if isinstance(each, Scalar) else None,
            )
    ndim = sum(isinstance(each, Slice) for each in items)
    return Array(t.dtype, ndim, "C") if ndim else t.dtype
