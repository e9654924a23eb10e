"""NumPy's reductions of arrays, and of numbers, written in the kernel language.

They are the methods of that name as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.array_library import dtype_for
from kernelgen.ops.library import replaces, type_like

# ------------------------------------------------------------------- what ops stand for these


def reduced(
    name: Any, a: Any, axis: Any, dtype: Any, keepdims: Any, ddof: Any, initial: Any = None
) -> Any:
    """The op ``reduce``: the reduction of that name of an array."""
    given = {"dtype": dtype, "initial": initial}
    more = {each: value for each, value in given.items() if value is not None}
    function = REDUCING[name].reduce if more and name in REDUCING else getattr(np, name)
    return function(a, axis=axis, keepdims=keepdims, **more)


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


# ------------------------------------------------------------------------- what keywords mean

ARRAYS = (np.ndarray, tuple, list)
"""What is reduced: arrays, and sequences, of which NumPy makes arrays. All else are numbers."""


def wider(dtype: Any, a: Any, out: Any) -> Any:
    """The dtype in which a reduction is computed whose result goes to ``out``."""
    return dtype if out is None else dtype_for(dtype, (a, out))


def masked(a: Any, where: Any, neutral: Any) -> Any:
    """An array with something that changes no result where it is not asked for."""
    return a if where is None else np.where(where, a, neutral)


def masked_from(name: Any, a: Any, where: Any, initial: Any) -> Any:
    """The same where the first value is all that changes nothing."""
    if where is None:
        return a
    if initial is None:
        raise ValueError(
            f"reduction operation {name!r} does not have an identity, so to use a where mask one "
            "has to specify 'initial'"
        )
    return np.where(where, a, np.full((), initial, dtype_for(None, a)))


def stored(result: Any, out: Any) -> Any:
    """``out``, with the result in it, or the result if there is none."""
    if out is None:
        return result
    if np.shape(result) != out.shape:
        raise ValueError(f"out= has the shape of the result, {np.shape(result)}, not {out.shape}")
    out[...] = result
    return out


def is_inexact(a: Any) -> Any:
    """Whether elements are floats or complex."""
    return a.dtype.kind in ("f", "c")


def divided(total: Any, count: Any) -> Any:
    """A sum over how many there were, in its own type."""
    if isinstance(total, np.ndarray):
        total[...] = total / count
        return total
    return type_like(np.true_divide(total, count), total)


def count_of(a: Any, where: Any, axis: Any, keepdims: Any) -> Any:
    """How many elements of an array are asked for."""
    return np.sum(np.broadcast_to(np.asarray(where), a.shape), axis, np.int64, keepdims=keepdims)


# --------------------------------------------------------------------------- sums and products


@replaces(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    if isinstance(a, ARRAYS):
        kind = wider(dtype, a, out)
        return stored(reduced("sum", masked(a, where, 0), axis, kind, keepdims, 0, initial), out)
    if out is None and initial is None and where is None:
        return total(a) + 0  # what a sum begins with makes 0.0 of -0.0
    kept = np.asarray(masked(a, where, 0))
    return stored(reduced("sum", kept, None, wider(dtype, a, out), False, 0, initial), out)


@replaces(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    if isinstance(a, ARRAYS):
        kind = wider(dtype, a, out)
        return stored(reduced("prod", masked(a, where, 1), axis, kind, keepdims, 0, initial), out)
    if out is None and initial is None and where is None:
        return total(a) * 1
    kept = np.asarray(masked(a, where, 1))
    return stored(reduced("prod", kept, None, wider(dtype, a, out), False, 0, initial), out)


@replaces(np.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = None,
) -> Any:
    if not isinstance(a, ARRAYS):
        return stored((a + 0) / 1, out)
    if where is not None:
        return stored(mean_where(a, axis, dtype, keepdims, where), out)
    if out is not None and is_inexact(a):
        return stored(reduced("mean", a, axis, wider(dtype, a, out), keepdims, 0), out)
    return stored(reduced("mean", a, axis, dtype, keepdims, 0), out)


def mean_where(a: Any, axis: Any, dtype: Any, keepdims: Any, where: Any) -> Any:
    kept = masked(a, where, 0)
    if dtype is None and not is_inexact(a):
        dtype = np.float64
    total = sum(kept, axis, dtype, keepdims=keepdims)
    return divided(total, count_of(kept, where, axis, keepdims))


@replaces(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = None,
) -> Any:
    if not isinstance(a, np.ndarray):
        nan_if_not_finite = squared_magnitude(a / 1 - a / 1)
        return stored(average(nan_if_not_finite, axis, keepdims, ddof), out)
    if where is not None:
        return stored(var_where(a, axis, dtype, ddof, keepdims, where), out)
    mean = reduced("average", a, axis, dtype, axis is not None, 0)
    return stored(average(squared_magnitude(a - mean), axis, keepdims, ddof), out)


def var_where(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any) -> Any:
    mean = mean_where(a, axis, dtype, axis is not None, where)
    total = sum(masked(squared_magnitude(a - mean), where, 0), axis, dtype, keepdims=keepdims)
    return divided(total, np.maximum(count_of(a, where, axis, keepdims) - ddof, 0))


def average(squares: Any, axis: Any, keepdims: Any, ddof: Any) -> Any:
    """What a variance is of squared deviations."""
    if isinstance(squares, np.ndarray):
        return reduced("average", squares, axis, None, keepdims, ddof)
    return squares / (1 - ddof if ddof < 1 else 0)


@replaces(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = None,
) -> Any:
    return stored(np.sqrt(var(a, axis, dtype, None, ddof, keepdims, where=where)), out)


# ------------------------------------------------------------------------------------ extrema


@replaces(np.max)
@replaces(np.amax)
def max(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    return extremum("max", "maximum", a, axis, out, keepdims, initial, where)


@replaces(np.min)
@replaces(np.amin)
def min(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    return extremum("min", "minimum", a, axis, out, keepdims, initial, where)


def extremum(
    name: Any, ufunc: Any, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    if isinstance(a, ARRAYS):
        kept = masked_from(ufunc, a, where, initial)
        return stored(reduced(name, kept, axis, wider(None, a, out), keepdims, 0, initial), out)
    if out is None and initial is None and where is None:
        return a
    kept = np.asarray(masked_from(ufunc, a, where, initial))
    return stored(reduced(name, kept, None, wider(None, a, out), False, 0, initial), out)


@replaces(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    highest = max(a, axis, keepdims=keepdims)
    return stored(highest - min(a, axis, keepdims=keepdims), out)


@replaces(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return stored(reduced("argmax", a, axis, None, keepdims, 0), out)
    return stored(np.int64(0), out)


@replaces(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    if isinstance(a, ARRAYS):
        return stored(reduced("argmin", a, axis, None, keepdims, 0), out)
    return stored(np.int64(0), out)


# -------------------------------------------------------------------------------------- truth


@replaces(np.any)
def any(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None
) -> Any:
    if isinstance(a, ARRAYS):
        return stored(reduced("any", masked(a, where, False), axis, None, keepdims, 0), out)
    return stored(np.bool_(bool(a)), out)


@replaces(np.all)
def all(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None
) -> Any:
    if isinstance(a, ARRAYS):
        return stored(reduced("all", masked(a, where, True), axis, None, keepdims, 0), out)
    return stored(np.bool_(bool(a)), out)


@replaces(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return sum(np.not_equal(a, 0), axis, keepdims=keepdims)


# ------------------------------------------------------------------------------- accumulations


@replaces(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return stored(accumulated("sum", a, axis, wider(dtype, a, out)), out)


@replaces(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return stored(accumulated("prod", a, axis, wider(dtype, a, out)), out)
