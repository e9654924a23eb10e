"""The methods of ufuncs, written in the kernel language: ``np.add.reduce`` and the like.

What is done along one axis is a function that ``ufunc_methods.py`` makes a generalized ufunc of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ops.array_library import array_from
from kernelgen.ops.array_reductions import accumulated, reduced
from kernelgen.ops.gather_library import check_places, undisturbed
from kernelgen.ops.library import type_like
from kernelgen.ops.reduction_library import scratch
from kernelgen.ops.shape_library import before_axes_of, stretched_to

Function = Callable[..., Any]

# ------------------------------------------------------------------------------ along one axis


def reducing(ufunc: Function) -> Function:
    """What goes from the first element on."""

    def reduce_row(a: Any) -> Any:
        state = a[0]
        for i in range(1, len(a)):
            state = ufunc(state, a[i])
        return state

    return reduce_row


def reducing_from(ufunc: Function, identity: Any) -> Function:
    """What begins with a number, of the type of the elements if it is an integer."""

    def reduce_row(a: Any) -> Any:
        state = element_of(identity, a) if isinstance(identity, int) else identity
        for x in a:
            state = ufunc(state, x)
        return state

    return reduce_row


def element_of(number: Any, a: Any) -> Any:
    """A number as an element of an array."""
    room = scratch(1, a)
    room[0] = number
    return room[0]


def reducing_or(ufunc: Function, nothing: Any) -> Function:
    """What goes from the first element on; ``nothing`` is the result where there is none."""

    def reduce_row(a: Any) -> Any:
        if len(a) == 0:
            return nothing
        state = a[0]
        for i in range(1, len(a)):
            state = ufunc(state, a[i])
        return state

    return reduce_row


def all_bits(a: Any) -> Any:
    """The op ``bitwise_and`` of all elements: of none it has all bits."""
    state = scratch(1, a)
    state[0] = 0
    state[0] = ~state[0]
    for x in a:
        state[0] = state[0] & x
    return state[0]


def reducing_after(ufunc: Function) -> Function:
    """What begins with a number that is given."""

    def reduce_row(a: Any, initial: Any) -> Any:
        return go_on(ufunc, a, initial)

    return reduce_row


def reducing_after_as_result(ufunc: Function) -> Function:
    """The same, where the number is taken in the type of the result; of ones there is one."""

    def reduce_row(a: Any, initial: Any) -> Any:
        one = element_of(1, a)
        return go_on(ufunc, a, type_like(initial, ufunc(one, one)))

    return reduce_row


def go_on(ufunc: Function, a: Any, state: Any) -> Any:
    for x in a:
        state = ufunc(state, x)
    return state


def accumulating(ufunc: Function) -> Function:
    def accumulate_row(a: Any, made: Any) -> None:
        if len(a) > 0:
            state = a[0]
            made[0] = state
            for i in range(1, len(a)):
                state = ufunc(state, a[i])
                made[i] = state

    return accumulate_row


def reducing_parts(name: str, reduce_part: Function) -> Function:
    """What reduces from each of some places to the next one, or takes the element there."""

    def reduce_parts(a: Any, places: Any, made: Any) -> None:
        for k in range(len(places)):
            start = int(places[k])
            if start < 0 or start >= len(a):
                raise IndexError(f"index {start} out-of-bounds in {name}.reduceat [0, {len(a)})")
        for k in range(len(places)):
            start = int(places[k])
            stop = int(places[k + 1]) if k + 1 < len(places) else len(a)
            made[k] = reduce_part(a, start, max(start + 1, stop))

    return reduce_parts


def part_as(reduction: str) -> Function:
    """One part, by a reduction that NumPy has by this name."""

    def reduce_part(a: Any, start: Any, stop: Any) -> Any:
        first = reduced(reduction, a[start : start + 1], None, None, False, 0)
        return reduced(reduction, a[start + 1 : stop], None, None, False, 0, first)

    return reduce_part


def part_by(ufunc: Function) -> Function:
    def reduce_part(a: Any, start: Any, stop: Any) -> Any:
        state = a[start]
        for i in range(start + 1, stop):
            state = ufunc(state, a[i])
        return state

    return reduce_part


# ---------------------------------------------------------------------------------- the methods


def reduce_as(
    reduction: Any,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = None,
) -> Any:
    """By a reduction that NumPy has as a function."""
    return reduced(reduction, np.asarray(array), axis, dtype, keepdims, 0, initial)


def reduce_by(
    ufunc: Any,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = None,
) -> Any:
    """By what ``ufunc``, a ``Methods``, does along one axis."""
    a = as_dtype(array, ufunc.dtype if dtype is None else dtype)
    turned = along(ufunc.name, ufunc.reorders, a, axis)
    if initial is None:
        if ufunc.needs_elements and turned.shape[-1] == 0:
            raise ValueError(
                f"zero-size array to reduction operation {ufunc.name} which has no identity"
            )
        made = ufunc.rows(turned)
    else:
        made = ufunc.rows_after(turned, initial)
    return np.expand_dims(np.asarray(made), axis) if keepdims else made


def as_dtype(array: Any, dtype: Any) -> Any:
    return np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)


def along(name: Any, reorders: Any, a: Any, axis: Any) -> Any:
    """An array with the axis last that is reduced; all axes are one if it is None."""
    if axis is not None:
        return np.moveaxis(a, axis, -1)
    if not reorders and a.ndim > 1:
        raise ValueError(
            f"reduction operation '{name}' is not reorderable, so at most one axis may be specified"
        )
    return np.ravel(a)


def accumulate_as(reduction: Any, array: Any, axis: Any = 0, dtype: Any = None) -> Any:
    return accumulated(reduction, array, axis, dtype)


def accumulate_by(ufunc: Any, array: Any, axis: Any = 0, dtype: Any = None) -> Any:
    a = as_dtype(array, ufunc.dtype if dtype is None else dtype)
    turned = np.moveaxis(a, axis, -1)
    return np.moveaxis(ufunc.running(turned), -1, axis)


def reduceat(ufunc: Any, array: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
    a = as_dtype(array, ufunc.dtype if dtype is None else dtype)
    turned = np.moveaxis(a, axis, -1)
    return np.moveaxis(ufunc.parts(turned, np.asarray(indices)), -1, axis)


# ------------------------------------------------------------------------------------------- at


def change_at(ufunc: Any, a: Any, indices: Any) -> None:
    """``ufunc.at(a, indices)``, of a ufunc of one input."""
    if isinstance(indices, (np.ndarray, list)):
        places = places_in(a, np.asarray(indices))
        for k in range(len(places)):
            a[places[k]] = ufunc(a[places[k]])
    else:
        a[indices] = ufunc(a[indices])


def combine_at(ufunc: Any, a: Any, indices: Any, b: Any) -> None:
    """``ufunc.at(a, indices, b)``: one after the other, also where indices are equal."""
    if isinstance(indices, tuple):
        combine_at_each(ufunc, a, indices, b)
    elif isinstance(indices, (np.ndarray, list)):
        combine_at_array(ufunc, a, np.asarray(indices), b)
    else:
        a[indices] = ufunc(a[indices], b)


def combine_at_array(ufunc: Any, a: Any, indices: Any, b: Any) -> None:
    """The same for an array of indices, or a mask, of the first axis."""
    places = places_in(a, indices)
    where = places if indices.dtype == np.bool_ else indices
    values = spread_over(a, b, where.shape if a.ndim == 1 else a[where].shape)
    rows = values if where.ndim == 1 else np.reshape(values, shape_of_rows(a, len(places)))
    for k in range(len(places)):
        a[places[k]] = ufunc(a[places[k]], rows[k])


def combine_at_each(ufunc: Any, a: Any, indices: Any, b: Any) -> None:
    """The same for an array of indices of each of the first two axes."""
    rows, columns = indices
    i, j = np.ravel(np.asarray(rows)), np.ravel(np.asarray(columns))
    if len(i) != len(j) and len(i) != 1 and len(j) != 1:
        raise IndexError(
            "shape mismatch: indexing arrays could not be broadcast together with shapes "
            f"({len(i)},) ({len(j)},) "
        )
    check_places(i, a.shape[0], 0)
    check_places(j, a.shape[1], 1)
    count = len(j) if len(i) == 1 else len(i)
    values = spread_over(a, b, (count,) if a.ndim == 2 else (count, a.shape[2]))
    for k in range(count):
        p, q = i[k if len(i) > 1 else 0], j[k if len(j) > 1 else 0]
        a[p, q] = ufunc(a[p, q], values[k])


def places_in(a: Any, indices: Any) -> Any:
    """The indices of the first axis in a row, checked."""
    if indices.dtype == np.bool_:
        places = np.nonzero(indices)[0]
        check_places(places, len(a), 0)
        return places
    check_places(indices, len(a), 0)
    return np.ravel(indices)


def shape_of_rows(a: Any, count: Any) -> Any:
    """The shape of so many elements of an array of up to three dimensions."""
    if a.ndim == 1:
        return (count,)
    return (count, a.shape[1]) if a.ndim == 2 else (count, a.shape[1], a.shape[2])


def spread_over(a: Any, b: Any, shape: Any) -> Any:
    """``b``, broadcast to a shape, as it is before ``a`` changes."""
    values = np.asarray(b)
    if values.ndim == 0:
        return stretched_to(np.asarray(values[()]), shape)
    if not fits(array_from(values.shape, int), array_from(shape, int)):
        raise ValueError("array is not broadcastable to correct shape")
    return stretched_to(undisturbed(a, values), shape)


def fits(own: Any, whole: Any) -> Any:
    """Whether an array of some shape can be broadcast to another one."""
    missing = len(whole) - len(own)
    if missing < 0:
        return False
    for axis in range(len(own)):
        if own[axis] != 1 and own[axis] != whole[missing + axis]:
            return False
    return True


# ---------------------------------------------------------------------------------------- outer


def leading(a: Any, b: Any) -> Any:
    """The first operand of ``ufunc.outer(a, b)``: its axes stand in front of those of ``b``."""
    return before_axes_of(np.asarray(a), np.asarray(b))
