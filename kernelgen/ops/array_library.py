"""NumPy's functions on arrays, written in the kernel language."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelgen.ops.library import replaces

# ------------------------------------------------------------------- what ops stand for these


def new_array(shape: Any, dtype: Any, order: Any) -> Any:
    """The op of that name: an array of which nothing has been assigned yet."""
    return np.empty(shape, dtype, order)


def new_like(like: Any, dtype: Any) -> Any:
    """The op of that name: an array of the shape of another, or of nested tuples."""
    return np.empty_like(np.asarray(like), dtype)


def dtype_for(dtype: Any, value: Any) -> Any:
    """The op of that name: the dtype that is asked for, or else that of an array of ``value``.

    A tuple of arrays stands for what takes elements of all of them.
    """
    if dtype is not None:
        return dtype
    arrays = isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value)
    return np.result_type(*value) if arrays else np.asarray(value).dtype


def array_from(values: Any, dtype: Any) -> Any:
    """The op of that name: an array of what nested tuples hold."""
    return np.array(values, dtype)


def clear(a: Any) -> None:
    """The op of that name: zero in all elements of a new array."""
    a[...] = np.zeros((), a.dtype)


def copied(a: Any) -> Any:
    """The op of that name: a new array of the same elements, or the same number."""
    return a.copy()


# -------------------------------------------------------------------------------- allocation


@replaces(np.empty)
def empty(shape: Any, dtype: Any = np.float64, order: Any = "C") -> Any:
    return new_array(shape, dtype, order)


@replaces(np.zeros)
def zeros(shape: Any, dtype: Any = np.float64, order: Any = "C") -> Any:
    made = new_array(shape, dtype, order)
    clear(made)
    return made


@replaces(np.ones)
def ones(shape: Any, dtype: Any = np.float64, order: Any = "C") -> Any:
    made = new_array(shape, dtype, order)
    made[...] = 1
    return made


@replaces(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C") -> Any:
    made = new_array(shape, dtype_for(dtype, fill_value), order)
    made[...] = array_from(fill_value, None) if isinstance(fill_value, tuple) else fill_value
    return made


@replaces(np.empty_like)
def empty_like(prototype: Any, dtype: Any = None) -> Any:
    return new_like(prototype, dtype)


@replaces(np.zeros_like)
def zeros_like(a: Any, dtype: Any = None) -> Any:
    made = new_like(a, dtype)
    clear(made)
    return made


@replaces(np.ones_like)
def ones_like(a: Any, dtype: Any = None) -> Any:
    made = new_like(a, dtype)
    made[...] = 1
    return made


@replaces(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
    made = new_like(a, dtype)
    made[...] = array_from(fill_value, None) if isinstance(fill_value, tuple) else fill_value
    return made


@replaces(np.arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    return spaced(0, start, step, dtype) if stop is None else spaced(start, stop, step, dtype)


def spaced(start: Any, stop: Any, step: Any, dtype: Any) -> Any:
    """What ``np.arange`` fills an array with: the first two numbers give the step of all."""
    if step == 0:
        raise ZeroDivisionError("division by zero")
    count = max(math.ceil((stop - start) / step), 0)
    made = new_array(count, dtype_for(dtype, (start, stop, step)), "C")
    if count > 0:
        made[0] = start
    if count > 1:
        made[1] = start + step
        gap = made[1] - made[0]
        for i in range(2, count):
            made[i] = made[0] + i * gap
    return made


@replaces(np.linspace)
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None) -> Any:
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    made = new_array(num, dtype_for(dtype, (start * 1.0, stop * 1.0)), "C")
    parts = num - 1 if endpoint else num
    whole = stop * 1.0 - start * 1.0
    gap = whole / parts if parts > 0 else whole
    for i in range(num):
        made[i] = (i / parts * whole if gap == 0 and parts > 0 else i * gap) + start
    if endpoint and num > 1:
        made[num - 1] = stop
    return made


@replaces(np.eye)
def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = np.float64) -> Any:
    columns = N if M is None else M
    made = zeros((N, columns), dtype)
    for i in range(max(0, -k), min(N, columns - k)):
        made[i, i + k] = 1
    return made


@replaces(np.identity)
def identity(n: Any, dtype: Any = np.float64) -> Any:
    return eye(n, None, 0, dtype)


# ------------------------------------------------------------------------------------- copies


@replaces(np.array)
def array(object: Any, dtype: Any = None) -> Any:
    if not isinstance(object, np.ndarray):
        return array_from(object, dtype)
    return copied(object) if dtype is None else converted(object, dtype)


@replaces(np.asarray)
def asarray(a: Any, dtype: Any = None) -> Any:
    if not isinstance(a, np.ndarray):
        return array_from(a, dtype)
    return a if dtype is None else converted(a, dtype)


def converted(a: Any, dtype: Any) -> Any:
    """A new array of the same elements in another type."""
    made = new_like(a, dtype)
    made[...] = a
    return made


@replaces(np.copy)
def copy(a: Any) -> Any:
    return array(a)


def contains(array: Any, value: Any) -> Any:
    """``value in array``"""
    return bool(np.any(array == value))
