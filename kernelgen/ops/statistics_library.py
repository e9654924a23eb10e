"""NumPy's functions of statistics, written in the kernel language."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelgen.ops.array_library import converted, dtype_for, new_array
from kernelgen.ops.array_reductions import is_inexact, stored
from kernelgen.ops.library import downward, element, replaces, upward
from kernelgen.ops.order_library import select
from kernelgen.ops.shape_library import dense_copy, moved, raveled

# ----------------------------------------------------------------------------- along an axis


def rows_along(a: Any, axis: Any) -> Any:
    """A new matrix whose rows are what lies along an axis; one row of all elements for None."""
    if axis is None:
        flat = dense_copy(raveled(a))
        return np.reshape(flat, (1, len(flat)))
    turned = dense_copy(moved(a, axis, -1))
    return np.reshape(turned, (count_along(a, axis), turned.shape[-1]))


def count_along(a: Any, axis: Any) -> Any:
    """How many rows lie along an axis."""
    count = 1
    for length in others(a, axis):
        count *= length
    return count


def others(a: Any, axis: Any) -> Any:
    """The lengths of all other axes."""
    return () if axis is None else moved(a, axis, 0).shape[1:]


def shaped(values: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """Numbers of all rows in their shape."""
    if keepdims:
        return shaped_behind(values, 0, (), a, axis, keepdims)
    if axis is None or a.ndim == 1:
        return element(values, 0)
    return np.reshape(values, others(a, axis))


def shaped_behind(values: Any, count: Any, front: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """The same behind ``count`` axes of the lengths ``front``."""
    lengths = others(a, axis)
    if not keepdims:
        return np.reshape(values, front + lengths)
    if axis is None:
        return np.reshape(values, front + (1,) * a.ndim)
    place = axis if axis < 0 else axis + count
    return moved(np.reshape(values, (*front, *lengths, 1)), -1, place)


# ---------------------------------------------------------------------------------- medians


@replaces(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False
) -> Any:
    return stored(medians(np.asarray(a), axis, keepdims, False), out)


@replaces(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False
) -> Any:
    return stored(medians(np.asarray(a), axis, keepdims, True), out)


def medians(a: Any, axis: Any, keepdims: Any, skips_nan: Any) -> Any:
    rows = rows_along(a, axis)
    made = new_array(len(rows), dtype_for(None, np.mean(rows[:0], 1)), "C")
    for i in range(len(rows)):
        made[i] = median_of(rows[i], skips_nan)
    return shaped(made, a, axis, keepdims)


def median_of(row: Any, skips_nan: Any) -> Any:
    """The mean of what stands in the middle, or of one nan; elements change their places."""
    count = numbers_first(row)
    if count < len(row) and not skips_nan:
        return np.mean(row[count : count + 1])
    if count == 0:
        return np.mean(row[:0])
    middle = count >> 1
    select(row, 0, count - 1, middle)
    if count % 2 == 1:
        return np.mean(row[middle : middle + 1])
    select(row, 0, middle - 1, middle - 1)
    return np.mean(row[middle - 1 : middle + 1])


def numbers_first(row: Any) -> Any:
    """Move nan behind all else; how much else there is."""
    count = len(row)
    i = 0
    while i < count:
        value = row[i]
        if value == value:  # noqa: PLR0124
            i += 1
        else:
            count -= 1
            row[i] = row[count]
            row[count] = value
    return count


# --------------------------------------------------------------------------------- quantiles


@replaces(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
) -> Any:
    wanted = np.asarray(q) if isinstance(q, (tuple, list)) else q
    require_share(wanted, "Quantiles must be in the range [0, 1]")
    return stored(quantiles(np.asarray(a), wanted, axis, method, keepdims, False), out)


@replaces(np.percentile)
def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
) -> Any:
    wanted = (np.asarray(q) if isinstance(q, (tuple, list)) else q) / 100
    require_share(wanted, "Percentiles must be in the range [0, 100]")
    return stored(quantiles(np.asarray(a), wanted, axis, method, keepdims, False), out)


@replaces(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
) -> Any:
    wanted = np.asarray(q) if isinstance(q, (tuple, list)) else q
    require_share(wanted, "Quantiles must be in the range [0, 1]")
    return stored(quantiles(np.asarray(a), wanted, axis, method, keepdims, True), out)


@replaces(np.nanpercentile)
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
) -> Any:
    wanted = (np.asarray(q) if isinstance(q, (tuple, list)) else q) / 100
    require_share(wanted, "Percentiles must be in the range [0, 100]")
    return stored(quantiles(np.asarray(a), wanted, axis, method, keepdims, True), out)


def require_share(q: Any, message: Any) -> None:
    if not np.all(np.logical_and(q >= 0, q <= 1)):
        raise ValueError(message)


def quantiles(a: Any, q: Any, axis: Any, method: Any, keepdims: Any, skips_nan: Any) -> Any:
    rows = rows_along(a, axis)
    if isinstance(q, np.ndarray):
        shares = raveled(q)
        kind = dtype_for(None, between(rows[0, :0], rows[0, :0], shares[:0], method))
        made = new_array((len(shares), len(rows)), kind, "C")
        for i in range(len(rows)):
            count = checked_count(rows[i])
            for k in range(len(shares)):
                made[k, i] = quantile_of(rows[i], count, shares[k], method, skips_nan)
        return shaped_behind(made, q.ndim, q.shape, a, axis, keepdims)
    kind = dtype_for(None, between(rows[0, :0], rows[0, :0], q, method))
    values = new_array(len(rows), kind, "C")
    for i in range(len(rows)):
        values[i] = quantile_of(rows[i], checked_count(rows[i]), q, method, skips_nan)
    return shaped(values, a, axis, keepdims)


def checked_count(row: Any) -> Any:
    if len(row) == 0:
        raise IndexError("index -1 is out of bounds for axis 0 with size 0")
    return numbers_first(row)


def between(low: Any, high: Any, share: Any, method: Any) -> Any:
    """What lies between two values, or one of them by methods that take elements as they are."""
    if is_discrete(method):
        return low
    rise = high - low
    return np.where(share >= 0.5, high - rise * (1 - share), low + rise * share)


def is_discrete(method: Any) -> Any:
    return method in ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")


def quantile_of(row: Any, count: Any, q: Any, method: Any, skips_nan: Any) -> Any:
    """The quantile of a row of which the first ``count`` are numbers; they change their places."""
    if count == 0 or (count < len(row) and not skips_nan):
        nan = element(row, count)
        return between(nan, nan, q, method)
    place = place_of(count, q, method)
    low = min(max(int(downward(place)), 0), count - 1)
    select(row, 0, count - 1, low)
    if is_discrete(method):
        return element(row, low)
    high = min(low + 1, count - 1) if place >= 0 else low
    select(row, low, count - 1, high)
    share = share_of(place, place - downward(place), method)
    if place >= count - 1 or place < 0:
        high = low
    return between(element(row, low), element(row, high), share, method)


def place_of(count: Any, q: Any, method: Any) -> Any:
    """Where among the numbers in order a quantile lies."""
    if method == "linear":
        return (count - 1) * q
    if method == "lower":
        return downward((count - 1) * q)
    if method == "higher":
        return upward((count - 1) * q)
    if method == "nearest":
        return round((count - 1) * q) * 1.0
    if method == "midpoint":
        return 0.5 * (downward((count - 1) * q) + upward((count - 1) * q))
    if method == "inverted_cdf":
        return upward(count * q - 1)
    if method == "closest_observation":
        return closest(count * q - 1 - 0.5)
    if method == "averaged_inverted_cdf":
        return count * q - 1
    if method == "interpolated_inverted_cdf":
        return placed(count, q, 0, 1)
    if method == "hazen":
        return placed(count, q, 0.5, 0.5)
    if method == "weibull":
        return placed(count, q, 0, 0)
    if method == "median_unbiased":
        return placed(count, q, 1 / 3.0, 1 / 3.0)
    if method == "normal_unbiased":
        return placed(count, q, 3 / 8.0, 3 / 8.0)
    raise ValueError(f"{method!r} is not a valid method of quantiles")


def placed(count: Any, q: Any, alpha: Any, beta: Any) -> Any:
    return count * q + (alpha + q * (1 - alpha - beta)) - 1


def closest(place: Any) -> Any:
    """The place above, but for one between two, which goes to that of an even number."""
    below = downward(place)
    return below if place == below and below % 2 == 1 else below + 1


def share_of(place: Any, fraction: Any, method: Any) -> Any:
    """How far a quantile lies between two numbers."""
    if method == "averaged_inverted_cdf":
        return fraction * 0 + (0.5 if fraction == 0 else 1.0)
    if method == "midpoint":
        return fraction * 0 + (0.0 if place == downward(place) else 0.5)
    return fraction


# ---------------------------------------------------------------------------------- averages


@replaces(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False
) -> Any:
    a = np.asarray(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        return (mean, mean * 0 + a.size / np.size(mean)) if returned else mean
    given = aligned(a, axis, np.asarray(weights))
    kind = dtype_for(None, (a[..., :0] * 1.0, given[..., :0] * 1.0))
    if is_inexact(a):
        kind = dtype_for(None, (a, given))
    scale = np.sum(given, axis, kind, keepdims=keepdims)
    if np.any(scale == 0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    mean = np.sum(np.multiply(a, given, dtype=kind), axis, keepdims=keepdims) / scale
    return (mean, scale) if returned else mean


def aligned(a: Any, axis: Any, weights: Any) -> Any:
    """Weights in the shape of an array: all of them, or those of its axis."""
    if a.ndim == weights.ndim:
        if a.shape != weights.shape:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    if len(weights) != a.shape[axis]:
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    turned = np.broadcast_to(weights, (*moved(a, axis, -1).shape,))
    return moved(turned, -1, axis)


@replaces(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    values = moved(np.asarray(y), axis, -1)
    pairs = values[..., 1:] + values[..., :-1]
    if x is None:
        return np.sum(dx * pairs / 2.0, -1)
    points = np.asarray(x)
    if points.ndim > 1:
        points = moved(points, axis, -1)
    return np.sum((points[..., 1:] - points[..., :-1]) * pairs / 2.0, -1)


# ----------------------------------------------------------------------------- correlations


@replaces(np.cov)
def cov(m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None) -> Any:
    rows = observed(m, rowvar)
    if y is not None:
        rows = np.concatenate((rows, observed(y, rowvar)), 0)
    freedom = rows.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    rows -= np.mean(rows, 1, keepdims=True)
    products = (rows @ np.conj(rows).T) * np.true_divide(1, max(freedom, 0))
    if y is None and np.ndim(m) == 1:
        return products[0, 0]
    return products


def observed(m: Any, rowvar: Any) -> Any:
    """A new matrix with a row for each variable."""
    a = np.asarray(m)
    if a.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    if a.ndim == 1:
        return np.reshape(a * 1.0, (1, len(a)))
    return dense_copy((a if rowvar else a.T) * 1.0)


@replaces(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True) -> Any:
    c = cov(x, y, rowvar)
    if y is None and np.ndim(x) == 1:
        return c / c
    deviations = np.sqrt(np.diag(c).real)
    made = c / np.reshape(deviations, (len(deviations), 1)) / deviations
    return np.clip(made, -1, 1)


# --------------------------------------------------------------------------------- histograms


@replaces(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    count = minlength
    for i in range(len(x)):
        if x[i] < 0:
            raise ValueError("'list' argument must have no negative elements")
        count = max(count, int(x[i]) + 1)
    if weights is None:
        made = np.zeros(count, np.int64)
        for i in range(len(x)):
            made[x[i]] += 1
        return made
    if len(weights) != len(x):
        raise ValueError("The weights and list don't have the same length.")
    sums = np.zeros(count)
    for i in range(len(x)):
        sums[x[i]] += weights[i]
    return sums


@replaces(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    values = raveled(np.asarray(a))
    if isinstance(bins, (np.ndarray, tuple, list)):
        edges = np.asarray(bins)
        if np.any(edges[:-1] > edges[1:]):
            raise ValueError("`bins` must increase monotonically, when an array")
        counts = counted(values, edges, weights)
    else:
        edges = even_edges(values, bins, range)
        counts = counted_evenly(values, edges, weights)
    if density:
        return counts / np.diff(edges) / np.sum(counts), edges
    return counts, edges


@replaces(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None) -> Any:
    return even_edges(raveled(np.asarray(a)), bins, range)


def even_edges(values: Any, bins: Any, between: Any) -> Any:
    if bins < 1:
        raise ValueError("`bins` must be positive, when an integer")
    low, high = outer_edges(values, between)
    if low == high:
        low, high = low - 0.5, high + 0.5
    kind = dtype_for(None, values[:0] * 1.0 + low + high)
    edges = np.linspace(low, high, bins + 1, True, kind)
    if np.any(edges[:-1] >= edges[1:]):
        raise ValueError(f"Too many bins for data range. Cannot create {bins} finite-sized bins.")
    return edges


def outer_edges(values: Any, between: Any) -> Any:
    if between is not None:
        low, high = between
        if low > high:
            raise ValueError("max must be larger than min in range parameter.")
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"supplied range of [{low}, {high}] is not finite")
        return low * 1.0, high * 1.0
    if len(values) == 0:
        return 0.0, 1.0
    least, most = np.min(values) * 1.0, np.max(values) * 1.0
    if not (math.isfinite(least) and math.isfinite(most)):
        raise ValueError(f"autodetected range of [{least}, {most}] is not finite")
    return least, most


def counted_evenly(values: Any, edges: Any, weights: Any) -> Any:
    """What is in bins of one width; that is how a bin is found, and set right where it is next."""
    count = len(edges) - 1
    low, high = edges[0], edges[count]
    made = new_sums(count, weights)
    for i in range(len(values)):
        x = values[i]
        if x >= low and x <= high:
            place = min(int((x - low) / (high - low) * count), count - 1)
            if x < edges[place]:
                place -= 1
            if x >= edges[place + 1] and place != count - 1:
                place += 1
            made[place] += weight_of(weights, i)
    return made if weights is None else converted(made, dtype_for(None, weights))


def counted(values: Any, edges: Any, weights: Any) -> Any:
    count = len(edges) - 1
    made = new_sums(count, weights)
    for i in range(len(values)):
        x = values[i]
        if x >= edges[0] and x <= edges[count]:
            place = np.searchsorted(edges, x, "right") - 1
            made[min(place, count - 1)] += weight_of(weights, i)
    return made if weights is None else converted(made, dtype_for(None, weights))


def new_sums(count: Any, weights: Any) -> Any:
    if weights is None:
        return np.zeros(count, np.int64)
    return np.zeros(count, dtype_for(None, raveled(np.asarray(weights))[:0] * np.float64(1)))


def weight_of(weights: Any, i: Any) -> Any:
    return 1 if weights is None else element(raveled(np.asarray(weights)), i)
