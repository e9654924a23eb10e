"""NumPy's reductions that leave nan out, written in the kernel language."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.array_reductions import (
    divided,
    is_inexact,
    masked_from,
    reduced,
    squared_magnitude,
    stored,
    wider,
)
from kernelgen.ops.library import replaces


def without_nan(a: Any, neutral: Any) -> Any:
    return np.where(np.isnan(a), neutral, a)


def count_of_numbers(a: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    return np.sum(np.logical_not(np.isnan(a)), axis, np.int64, keepdims=keepdims, where=where)


@replaces(np.nansum)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    return np.sum(without_nan(a, 0), axis, dtype, out, keepdims, initial, where)


@replaces(np.nanprod)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    return np.prod(without_nan(a, 1), axis, dtype, out, keepdims, initial, where)


@replaces(np.nanmax)
def nanmax(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    return extremum("nanmax", "fmax", np.asarray(a), axis, out, keepdims, initial, where)


@replaces(np.nanmin)
def nanmin(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    return extremum("nanmin", "fmin", np.asarray(a), axis, out, keepdims, initial, where)


def extremum(
    name: Any, ufunc: Any, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    kept = masked_from(ufunc, a, where, initial)
    return stored(reduced(name, kept, axis, wider(None, a, out), keepdims, 0, initial), out)


@replaces(np.nanmean)
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = None,
) -> Any:
    a = np.asarray(a)
    if not is_inexact(a):
        return np.mean(a, axis, dtype, out, keepdims, where=where)
    total = np.sum(without_nan(a, 0), axis, dtype, keepdims=keepdims, where=where)
    return stored(divided(total, count_of_numbers(a, axis, keepdims, where)), out)


@replaces(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = None,
) -> Any:
    a = np.asarray(a)
    if not is_inexact(a):
        return np.var(a, axis, dtype, out, ddof, keepdims, where=where)
    mean = nanmean(a, axis, dtype, keepdims=axis is not None, where=where)
    squares = squared_magnitude(without_nan(a - mean, 0))
    total = np.sum(squares, axis, dtype, keepdims=keepdims, where=where)
    freedom = count_of_numbers(a, axis, keepdims, where) - ddof
    return stored(divided(total, np.where(freedom > 0, freedom, np.nan)), out)


@replaces(np.nanstd)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = None,
) -> Any:
    return stored(np.sqrt(nanvar(a, axis, dtype, None, ddof, keepdims, where=where)), out)


@replaces(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    require_numbers(a, axis)
    return np.argmax(without_nan(a, -np.inf), axis, out, keepdims=keepdims)


@replaces(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    require_numbers(a, axis)
    return np.argmin(without_nan(a, np.inf), axis, out, keepdims=keepdims)


def require_numbers(a: Any, axis: Any) -> None:
    if np.any(np.all(np.isnan(a), axis)):
        raise ValueError("All-NaN slice encountered")


@replaces(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(without_nan(a, 0), axis, dtype, out)


@replaces(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(without_nan(a, 1), axis, dtype, out)
