"""The gamma function and its logarithm in double precision, in the kernel language.

glibc's gamma is up to 7 ulp off, and so is its lgamma at some negative arguments. Stirling's series
is good to all digits from 15.5 on; smaller arguments are moved there by
``gamma(x) = gamma(x + n) / (x * (x + 1) * ... * (x + n - 1))``. Sum and product are pairs of
floats, so that one exponential and one division are all that is rounded.

NIST Digital Library of Mathematical Functions, 5.5.1 (recurrence), 5.11.1 (Stirling's series).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelgen.ops import double_double as pairs
from kernelgen.ops.library import type_like

_LEAST = 15.5
_SCALE = 2.0**-200
"""Of the product, which may be beyond the largest float, and of exp(_stirling(y))."""
_HALF_LOG_2_PI_SCALED = -137.71049757878438, -5.0099434766608185e-15
_TWELFTH = 1 / 12, 4.625929269271485e-18
_LARGEST = 172.0
_SMALLEST = -185.0


def lgamma_by_libm(x: Any) -> Any:
    """The op of that name: the C library's function."""
    return math.lgamma(x)


def gamma(x: Any) -> Any:
    """Any float's, computed in float64; at its poles as the C library's."""
    return type_like(_gamma(np.float64(x)), x)


def lgamma(x: Any) -> Any:
    """Any float's, computed in float64."""
    return type_like(_lgamma(np.float64(x)), x)


def _gamma(x: Any) -> Any:
    if math.isnan(x) or (x < 0 and x == np.floor(x)):
        return math.nan
    if x > _LARGEST or x < _SMALLEST or abs(x) < 2.0**-60:
        return _far_gamma(x)
    power, product = _parts(x)
    size = math.exp(power[0])
    size += size * (power[1] - product[1] / product[0])
    return size / product[0]


def _far_gamma(x: Any) -> Any:
    """Infinite, zero with the sign that changes at each pole, or the reciprocal beside zero."""
    if x > 1.0:
        return math.inf
    if x < -1.0:
        half = np.floor(x) * 0.5
        return 0.0 if half == np.floor(half) else -0.0
    return 1.0 / x


def _lgamma(x: Any) -> Any:
    """Between these poles the C library's loses digits, but not beside its zeros."""
    plain = lgamma_by_libm(x)
    if x <= -20.0 or x > -(2.0**-60) or abs(plain) < 2.0**-18 or x == np.floor(x):
        return plain
    power, product = _parts(x)
    log = pairs.log(product if product[0] > 0 else (-product[0], -product[1]))
    return pairs.add(power, (-log[0], -log[1]))[0]


def _parts(x: Any) -> Any:
    """Two pairs: gamma(x) is the exponential of the first over the second."""
    count = math.ceil(max(_LEAST - x, 0.0))
    product, rest = np.float64(_SCALE), np.float64(0.0)
    for k in range(count):
        product, rest = pairs.multiply((product, rest), pairs.two_sum(x, float(k)))
    return _stirling(pairs.two_sum(x, float(count))), (product, rest)


def _stirling(y: Any) -> Any:
    """log(gamma(y)) of a pair from 15.5 on, less the logarithm of 2**200."""
    power = pairs.multiply(pairs.add_float(y, -0.5), pairs.log(y))
    first = pairs.divide(_TWELFTH, y)
    z = 1.0 / (y[0] * y[0])
    tail = 1 / 1188 + z * (-691 / 360360 + z * (1 / 156 + z * (-3617 / 122400)))
    tail = -1 / 360 + z * (1 / 1260 + z * (-1 / 1680 + z * tail))
    rest = pairs.add_float(pairs.add(_HALF_LOG_2_PI_SCALED, first), z / y[0] * tail)
    return pairs.add(pairs.add(power, (-y[0], -y[1])), rest)
