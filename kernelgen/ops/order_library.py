"""Sorting, and putting arrays together, written in the kernel language.

Values are sorted by a quicksort that gives parts over to a heap sort where it does not divide them
well, indices by a stable merge sort of keys and places. Small runs are sorted by insertion. What is
not equal to itself, nan and NaT, comes last, and the rest is compared by ``<`` alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.array_library import dtype_for, new_array, new_like
from kernelgen.ops.library import element, put_element, replaces
from kernelgen.ops.shape_library import as_column, deepened, dense_copy, expanded, moved, raveled

SMALL = 16
"""Runs of up to this many elements are sorted by insertion."""

# ------------------------------------------------------------------- what ops stand for these


def sort_last(a: Any) -> None:
    """The op of that name: sort along the last axis, in place."""
    a.sort()


def sort_last_stably(a: Any) -> None:
    """The same; equal elements keep their order, which tells -0.0 from 0.0."""
    a.sort(kind="stable")


def argsort_last(places: Any, a: Any) -> None:
    """The op of that name: the order of elements along the last axis, equal ones as they are."""
    places[...] = np.argsort(a, kind="stable")


def joined(arrays: Any, axis: Any) -> Any:
    """The op of that name: arrays in a row; ``"across"`` is the second axis if there is one."""
    return np.hstack(arrays) if axis == "across" else np.concatenate(arrays, axis)


# ------------------------------------------------------------------------------------ values


def swap(a: Any, i: Any, j: Any) -> None:
    first, second = element(a, i), element(a, j)
    put_element(a, second, i)
    put_element(a, first, j)


def count_comparable(a: Any) -> Any:
    """Move what is not equal to itself behind all else; how much else there is."""
    count = len(a)
    i = 0
    while i < count:
        value = element(a, i)
        if value == value:  # noqa: PLR0124
            i += 1
        else:
            count -= 1
            swap(a, i, count)
    return count


def sort_vector(a: Any) -> None:
    pending = new_array(192, np.int64, "C")  # of up to 64 parts, the bounds and the budget
    top = 0
    low, high = 0, count_comparable(a) - 1
    last = high
    budget = 2  # how often a part may be divided: twice as often as halves can be
    while (1 << (budget >> 1)) <= high:
        budget += 2
    while True:
        while high - low >= SMALL and budget > 0:
            place = divide(a, low, high)
            budget -= 1
            start, end = place + 1, high
            if place - low > high - place:
                start, end = low, place - 1
                low = place + 1
            else:
                high = place - 1
            pending[top], pending[top + 1], pending[top + 2] = start, end, budget
            top += 3
        if high - low >= SMALL:
            sort_by_heap(a, low, high - low + 1)
        if top == 0:
            break
        top -= 3
        low, high, budget = pending[top], pending[top + 1], pending[top + 2]
    insert_all(a, 0, last + 1)


def select(a: Any, low: Any, high: Any, k: Any) -> None:
    """Put the element at ``k`` that stands there in order, what is less in front, the rest behind.

    Nothing between ``low`` and ``high`` is nan, and all else is where it belongs.
    """
    budget = 2
    while (1 << (budget >> 1)) <= high - low:
        budget += 2
    while high - low >= SMALL and budget > 0:
        place = divide(a, low, high)
        budget -= 1
        if k < place:
            high = place - 1
        elif k > place:
            low = place + 1
        else:
            low = high = place
    if high - low >= SMALL:
        sort_by_heap(a, low, high - low + 1)
    insert_all(a, low, high + 1)


def divide(a: Any, low: Any, high: Any) -> Any:
    """Put what is less than a middle value in front of it, the rest behind; where it is then."""
    middle = (low + high) >> 1
    if element(a, middle) < element(a, low):
        swap(a, middle, low)
    if element(a, high) < element(a, middle):
        swap(a, high, middle)
        if element(a, middle) < element(a, low):
            swap(a, middle, low)
    pivot = element(a, middle)
    swap(a, middle, high - 1)
    i, j = low, high - 1
    while True:
        i += 1
        while element(a, i) < pivot:
            i += 1
        j -= 1
        while pivot < element(a, j):
            j -= 1
        if i >= j:
            break
        swap(a, i, j)
    swap(a, i, high - 1)
    return i


def sort_by_heap(a: Any, low: Any, count: Any) -> None:
    start, end = count >> 1, count
    while end > 1:
        if start > 0:
            start -= 1
        else:
            end -= 1
            swap(a, low, low + end)
        root = start
        child = 2 * root + 1
        value = element(a, low + root)
        while child < end:
            if child + 1 < end and element(a, low + child) < element(a, low + child + 1):
                child += 1
            if not value < element(a, low + child):
                break
            put_element(a, element(a, low + child), low + root)
            root = child
            child = 2 * root + 1
        put_element(a, value, low + root)


def insert_all(a: Any, start: Any, end: Any) -> None:
    for i in range(start + 1, end):
        value = element(a, i)
        j = i - 1
        while j >= start and value < element(a, j):
            put_element(a, element(a, j), j + 1)
            j -= 1
        put_element(a, value, j + 1)


def sort_rows(a: Any) -> None:
    for row in a:
        sort_last(row)


def sort_vector_stably(a: Any) -> None:
    keys = dense_copy(a)
    places = new_array(len(a), np.int64, "C")
    argsort_last(places, keys)
    for i in range(len(a)):
        put_element(a, element(keys, element(places, i)), i)


def sort_rows_stably(a: Any) -> None:
    for row in a:
        sort_last_stably(row)


# ----------------------------------------------------------------------------------- indices


def argsort_vector(places: Any, a: Any) -> None:
    keys, count, behind = new_like(a, None), 0, 0
    for i in range(len(a)):
        value = element(a, i)
        if value == value:  # noqa: PLR0124
            put_element(keys, value, count)
            put_element(places, i, count)
            count += 1
    if count < len(a):
        for i in range(len(a)):
            value = element(a, i)
            if value != value:  # noqa: PLR0124
                put_element(places, i, count + behind)
                behind += 1
    sort_pairs(keys, places, count)


def sort_pairs(keys: Any, places: Any, count: Any) -> None:
    """Sort keys, and places along with them: runs by insertion, then merges of two runs each."""
    for start in range(0, count, SMALL):
        insert_pairs(keys, places, start, min(start + SMALL, count))
    width = SMALL
    if width < count:
        other_keys, other_places = new_like(keys, None), new_like(places, None)
        while width < count:
            for start in range(0, count, 2 * width):
                middle, end = min(start + width, count), min(start + 2 * width, count)
                merge(keys, places, other_keys, other_places, start, middle, end)
            width *= 2
            for start in range(0, count, 2 * width):
                middle, end = min(start + width, count), min(start + 2 * width, count)
                merge(other_keys, other_places, keys, places, start, middle, end)
            width *= 2


def insert_pairs(keys: Any, places: Any, start: Any, end: Any) -> None:
    for i in range(start + 1, end):
        key, place = element(keys, i), element(places, i)
        j = i - 1
        while j >= start and key < element(keys, j):
            put_element(keys, element(keys, j), j + 1)
            put_element(places, element(places, j), j + 1)
            j -= 1
        put_element(keys, key, j + 1)
        put_element(places, place, j + 1)


def merge(
    keys: Any, places: Any, to_keys: Any, to_places: Any, start: Any, middle: Any, end: Any
) -> None:
    i, j = start, middle
    for k in range(start, end):
        second = j < end and (i >= middle or element(keys, j) < element(keys, i))
        source = j if second else i
        put_element(to_keys, element(keys, source), k)
        put_element(to_places, element(places, source), k)
        if second:
            j += 1
        else:
            i += 1


def argsort_rows(places: Any, a: Any) -> None:
    for i in range(len(a)):
        argsort_last(places[i], a[i])


# ------------------------------------------------------------------------ what users write


@replaces(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None) -> Any:
    made = dense_copy(raveled(a)) if axis is None else dense_copy(moved(a, axis, -1))
    if kind is None or kind == "quicksort" or kind == "heapsort":
        sort_last(made)
    else:
        sort_last_stably(made)
    return made if axis is None else moved(made, -1, axis)


@replaces(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None) -> Any:
    turned = dense_copy(raveled(a)) if axis is None else dense_copy(moved(a, axis, -1))
    made = new_like(turned, np.int64)
    argsort_last(made, turned)
    return made if axis is None else moved(made, -1, axis)


@replaces(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1) -> Any:
    """In order, which puts any element where it belongs; the order of the others is nobody's."""
    return np.sort(a, axis)


@replaces(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1) -> Any:
    return np.argsort(a, axis)


@replaces(np.unique)
def unique(ar: Any) -> Any:
    """The different elements in order; all nan count as one."""
    ordered = np.sort(np.ravel(ar))
    kept = 0
    for i in range(len(ordered)):
        value = ordered[i]
        before = ordered[kept - 1] if kept else value
        if not kept or (value != before and not (np.isnan(value) and np.isnan(before))):
            ordered[kept] = value
            kept += 1
    return ordered[:kept].copy()


@replaces(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0) -> Any:
    return joined(arrays, axis)


@replaces(np.stack)
def stack(arrays: Any, axis: Any = 0) -> Any:
    return joined([expanded(a, axis) for a in arrays], axis)


@replaces(np.vstack)
def vstack(tup: Any) -> Any:
    return joined([deepened(a, 2) for a in tup], 0)


@replaces(np.hstack)
def hstack(tup: Any) -> Any:
    return joined([deepened(a, 1) for a in tup], "across")


@replaces(np.column_stack)
def column_stack(tup: Any) -> Any:
    return joined([as_column(a) for a in tup], 1)


@replaces(np.diff)
def diff(a: Any, n: Any = 1, axis: Any = -1) -> Any:
    if n != 1:
        raise ValueError("diff() takes n=1 in a kernel")
    turned = moved(a, axis, -1)
    return moved(turned[..., 1:] - turned[..., :-1], -1, axis)


@replaces(np.repeat)
def repeat(a: Any, repeats: Any) -> Any:
    flat = raveled(a)
    made = new_array(len(flat) * repeats, dtype_for(None, a), "C")
    for i in range(len(flat)):
        for k in range(repeats):
            made[i * repeats + k] = flat[i]
    return made


@replaces(np.tile)
def tile(A: Any, reps: Any) -> Any:
    (count,) = A.shape
    made = new_array((reps, count), dtype_for(None, A), "C")
    made[...] = A
    return raveled(made)


@replaces(np.roll)
def roll(a: Any, shift: Any) -> Any:
    flat = raveled(a)
    made = new_array(len(flat), dtype_for(None, a), "C")
    if len(flat) > 0:
        front = shift % len(flat)
        made[front:] = flat[: len(flat) - front]
        made[:front] = flat[len(flat) - front :]
    return np.reshape(made, a.shape)


@replaces(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    return diagonal_or_matrix(v, k)


def diagonal_or_matrix(v: Any, k: Any) -> Any:
    """The op of that name: of a matrix its diagonal, of a vector the matrix that has it."""
    return np.diag(v, k)


def matrix_of_diagonal(v: Any, k: Any) -> Any:
    size = len(v) + abs(k)
    made = np.zeros((size, size), dtype_for(None, v))
    for i in range(len(v)):
        made[i - min(k, 0), i + max(k, 0)] = v[i]
    return made


def diagonal_of_matrix(v: Any, k: Any) -> Any:
    return np.diagonal(v, k)


@replaces(np.trace)
def trace(a: Any, offset: Any = 0) -> Any:
    return np.sum(np.diagonal(a, offset))
