"""NumPy's reductions of arrays, and of numbers, written in the kernel language.

They are the methods of that name as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.library import replaces

# ------------------------------------------------------------------- what ops stand for these


def reduced(name: Any, a: Any, axis: Any, dtype: Any, keepdims: Any, ddof: Any) -> Any:
    """The op ``reduce``: the reduction of that name of an array."""
    if dtype is None:
        return getattr(np, name)(a, axis=axis, keepdims=keepdims)
    function = REDUCING[name].reduce if name in REDUCING else getattr(np, name)
    return function(a, axis=axis, dtype=dtype, keepdims=keepdims)


def reduced_from(
    name: Any, a: Any, axis: Any, dtype: Any, keepdims: Any, ddof: Any, initial: Any
) -> Any:
    """The same, beginning with a number."""
    more = {} if dtype is None else {"dtype": dtype}
    ufunc = REDUCING[name]
    return ufunc.reduce(a, axis=axis, keepdims=keepdims, initial=initial, **more)


REDUCING = {
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "nanmax": np.fmax,
    "nanmin": np.fmin,
    "all": np.logical_and,
    "any": np.logical_or,
}
"""The ufunc that a reduction repeats, by its name."""


def accumulated(name: Any, a: Any, axis: Any, dtype: Any) -> Any:
    """The op ``accumulate``: all that the reduction of that name goes through."""
    return getattr(np, f"cum{name}")(a, axis, dtype)


def total(x: Any) -> Any:
    """The op of that name: a number in the type of a sum of such."""
    return np.sum(x)


def squared_magnitude(x: Any) -> Any:
    """The op of that name: ``abs(x) ** 2``, in which NumPy adds deviations."""
    return x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x


def square(x: Any) -> Any:
    return x * x


def square_of_complex(x: Any) -> Any:
    return x.real * x.real + x.imag * x.imag


# --------------------------------------------------------------------------- sums and products

ARRAYS = (np.ndarray, tuple, list)
"""What is reduced: arrays, and sequences, of which NumPy makes arrays. All else are numbers."""


@replaces(np.sum)
def sum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("sum", a, axis, dtype, keepdims, 0)
    return total(a) + 0  # what a sum begins with makes 0.0 of -0.0


@replaces(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("prod", a, axis, dtype, keepdims, 0)
    return total(a) * 1


@replaces(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("mean", a, axis, dtype, keepdims, 0)
    return (a + 0) / 1


@replaces(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: Any = False
) -> Any:
    if isinstance(a, np.ndarray):
        mean = reduced("average", a, axis, dtype, axis is not None, 0)
        return average(squared_magnitude(a - mean), axis, keepdims, ddof)
    return average(squared_magnitude(a / 1 - a / 1), axis, keepdims, ddof)  # nan, if not zero


def average(squares: Any, axis: Any, keepdims: Any, ddof: Any) -> Any:
    """What a variance is of squared deviations."""
    if isinstance(squares, np.ndarray):
        return reduced("average", squares, axis, None, keepdims, ddof)
    return squares / (1 - ddof if ddof < 1 else 0)


@replaces(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: Any = False
) -> Any:
    return np.sqrt(var(a, axis, dtype, ddof=ddof, keepdims=keepdims))


# ------------------------------------------------------------------------------------ extrema


@replaces(np.max)
@replaces(np.amax)
def max(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return reduced("max", a, axis, None, keepdims, 0) if isinstance(a, ARRAYS) else a


@replaces(np.min)
@replaces(np.amin)
def min(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return reduced("min", a, axis, None, keepdims, 0) if isinstance(a, ARRAYS) else a


@replaces(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims)


@replaces(np.argmax)
def argmax(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("argmax", a, axis, None, keepdims, 0)
    return np.int64(0)


@replaces(np.argmin)
def argmin(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("argmin", a, axis, None, keepdims, 0)
    return np.int64(0)


# -------------------------------------------------------------------------------------- truth


@replaces(np.any)
def any(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("any", a, axis, None, keepdims, 0)
    return np.bool_(bool(a))


@replaces(np.all)
def all(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return reduced("all", a, axis, None, keepdims, 0)
    return np.bool_(bool(a))


@replaces(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return sum(np.not_equal(a, 0), axis, keepdims=keepdims)


# -------------------------------------------------------------------------------- without nan


@replaces(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    return sum(np.where(np.isnan(a), 0, a), axis, dtype, keepdims=keepdims)


@replaces(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    return prod(np.where(np.isnan(a), 1, a), axis, dtype, keepdims=keepdims)


@replaces(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return reduced("nanmax", a, axis, None, keepdims, 0) if isinstance(a, ARRAYS) else a


@replaces(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return reduced("nanmin", a, axis, None, keepdims, 0) if isinstance(a, ARRAYS) else a


# ------------------------------------------------------------------------------- accumulations


@replaces(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return accumulated("sum", a, axis, dtype)


@replaces(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return accumulated("prod", a, axis, dtype)
