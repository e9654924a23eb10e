"""Reading and writing at arrays of indices and at masks, written in the kernel language.

Indices are checked before anything is read or written. Here an index array has one dimension; what
has more goes over its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.array_library import copied, new_array
from kernelgen.ops.library import element, put_element, replaces

# ------------------------------------------------------------------- what ops stand for these


def check_places(indices: Any, length: Any, axis: Any) -> None:
    """The op of that name: whether an axis has all elements that are asked for."""
    np.empty((1,) * axis + (length,))[(0,) * axis + (indices,)]


def gather(made: Any, values: Any, *indices: Any) -> None:
    """The op of that name: fill an array with what stands at right indices of the first axes."""
    made[...] = values[indices]


def scatter(target: Any, values: Any, *indices: Any) -> None:
    """The op of that name: the reverse, of an array of as many rows, or of a number."""
    target[indices] = values


def places_of(mask: Any) -> Any:
    """The op of that name: the indices of what is true, by axis."""
    return np.nonzero(mask)


def count_true(mask: Any) -> Any:
    """The op of that name: how many elements are true."""
    return np.count_nonzero(mask)


def pick(made: Any, start: Any, values: Any, mask: Any) -> Any:
    """The op of that name: fill a vector, from ``start``, with what is masked; where it ends."""
    made[start : start + np.count_nonzero(mask)] = values[mask]
    return start + np.count_nonzero(mask)


def spread(target: Any, mask: Any, values: Any, start: Any) -> Any:
    """The op of that name: the reverse of ``pick``."""
    target[mask] = values[start : start + np.count_nonzero(mask)]
    return start + np.count_nonzero(mask)


def fill_masked(target: Any, mask: Any, value: Any) -> None:
    """The op of that name: assign a number where a mask is true."""
    target[mask] = value


def overlaps(target: Any, values: Any) -> Any:
    """The op of that name: whether there may be memory that arrays have in common."""
    return np.may_share_memory(target, values)


def undisturbed(target: Any, values: Any) -> Any:
    """The op of that name: ``values``, or a copy where assigning to ``target`` changes them."""
    return values.copy()


# ---------------------------------------------------------------------------- their definitions


def check_vector(indices: Any, length: Any, axis: Any) -> None:
    for k in range(len(indices)):
        place = int(element(indices, k))
        if place < -length or place >= length:
            raise IndexError(f"index {place} is out of bounds for axis {axis} with size {length}")


def check_rows(indices: Any, length: Any, axis: Any) -> None:
    for row in indices:
        check_places(row, length, axis)


def gather_by_one(made: Any, values: Any, i: Any) -> None:
    for k in range(len(i)):
        made[k] = values[int(element(i, k))]


def gather_by_two(made: Any, values: Any, i: Any, j: Any) -> None:
    for k in range(len(i)):
        made[k] = values[int(element(i, k)), int(element(j, k))]


def gather_by_three(made: Any, values: Any, i: Any, j: Any, m: Any) -> None:
    for k in range(len(i)):
        made[k] = values[int(element(i, k)), int(element(j, k)), int(element(m, k))]


def gather_rows_by_one(made: Any, values: Any, i: Any) -> None:
    for k in range(len(i)):
        gather(made[k], values, i[k])


def gather_rows_by_two(made: Any, values: Any, i: Any, j: Any) -> None:
    for k in range(len(i)):
        gather(made[k], values, i[k], j[k])


def gather_rows_by_three(made: Any, values: Any, i: Any, j: Any, m: Any) -> None:
    for k in range(len(i)):
        gather(made[k], values, i[k], j[k], m[k])


def scatter_by_one(target: Any, values: Any, i: Any) -> None:
    for k in range(len(i)):
        target[int(element(i, k))] = values[k]


def scatter_by_two(target: Any, values: Any, i: Any, j: Any) -> None:
    for k in range(len(i)):
        target[int(element(i, k)), int(element(j, k))] = values[k]


def scatter_by_three(target: Any, values: Any, i: Any, j: Any, m: Any) -> None:
    for k in range(len(i)):
        target[int(element(i, k)), int(element(j, k)), int(element(m, k))] = values[k]


def scatter_rows_by_one(target: Any, values: Any, i: Any) -> None:
    for k in range(len(i)):
        scatter(target, values[k], i[k])


def scatter_rows_by_two(target: Any, values: Any, i: Any, j: Any) -> None:
    for k in range(len(i)):
        scatter(target, values[k], i[k], j[k])


def scatter_rows_by_three(target: Any, values: Any, i: Any, j: Any, m: Any) -> None:
    for k in range(len(i)):
        scatter(target, values[k], i[k], j[k], m[k])


def places_in_vector(mask: Any) -> Any:
    made = new_array(count_true(mask), np.int64, "C")
    k = 0
    for i in range(len(mask)):
        if element(mask, i):
            put_element(made, i, k)
            k += 1
    return (made,)


def places_in_matrix(mask: Any) -> Any:
    count = count_true(mask)
    rows, columns = new_array(count, np.int64, "C"), new_array(count, np.int64, "C")
    k = 0
    for i in range(len(mask)):
        row = mask[i]
        for j in range(len(row)):
            if element(row, j):
                put_element(rows, i, k)
                put_element(columns, j, k)
                k += 1
    return rows, columns


def places_in_cube(mask: Any) -> Any:
    count = count_true(mask)
    first, second = new_array(count, np.int64, "C"), new_array(count, np.int64, "C")
    third = new_array(count, np.int64, "C")
    k = 0
    for h in range(len(mask)):
        for i in range(mask.shape[1]):
            row = mask[h, i]
            for j in range(len(row)):
                if element(row, j):
                    put_element(first, h, k)
                    put_element(second, i, k)
                    put_element(third, j, k)
                    k += 1
    return first, second, third


def count_in_vector(mask: Any) -> Any:
    count = 0
    for i in range(len(mask)):
        count += 1 if element(mask, i) else 0
    return count


def count_in_rows(mask: Any) -> Any:
    count = 0
    for row in mask:
        count += count_true(row)
    return count


def pick_of_vector(made: Any, start: Any, values: Any, mask: Any) -> Any:
    for i in range(len(mask)):
        if element(mask, i):
            put_element(made, element(values, i), start)
            start += 1
    return start


def pick_of_rows(made: Any, start: Any, values: Any, mask: Any) -> Any:
    for i in range(len(mask)):
        start = pick(made, start, values[i], mask[i])
    return start


def spread_over_vector(target: Any, mask: Any, values: Any, start: Any) -> Any:
    for i in range(len(mask)):
        if element(mask, i):
            put_element(target, element(values, start), i)
            start += 1
    return start


def spread_over_rows(target: Any, mask: Any, values: Any, start: Any) -> Any:
    for i in range(len(mask)):
        start = spread(target[i], mask[i], values, start)
    return start


def fill_masked_vector(target: Any, mask: Any, value: Any) -> None:
    for i in range(len(mask)):
        if element(mask, i):
            put_element(target, value, i)


def fill_masked_rows(target: Any, mask: Any, value: Any) -> None:
    for i in range(len(mask)):
        fill_masked(target[i], mask[i], value)


def copy_if_disturbed(target: Any, values: Any) -> Any:
    return copied(values) if overlaps(target, values) else values


# ------------------------------------------------------------------------ what users write


@replaces(np.take)
def take(a: Any, indices: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.ravel(a)[indices]
    if a.ndim == 1 and not isinstance(indices, np.ndarray):
        return a[indices]
    return np.ascontiguousarray(np.moveaxis(np.moveaxis(a, axis, 0)[indices], 0, axis))


@replaces(np.nonzero)
def nonzero(a: Any) -> Any:
    return places_of(a != 0)


@replaces(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    return places_of(np.ravel(a) != 0)[0]


@replaces(np.where)
def where(condition: Any) -> Any:
    return places_of(condition != 0)
