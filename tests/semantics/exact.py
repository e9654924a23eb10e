"""Exact values of functions, by mpmath, as long doubles; and distances from them in ulp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from backends import quiet, unit_in_the_last_place

OF_COMPLEX: dict[np.ufunc, Callable[[Any], Any]] = {
    np.exp: mpmath.exp,
    np.exp2: lambda z: mpmath.exp(z * mpmath.ln(2)),
    np.expm1: lambda z: mpmath.exp(z) - 1,
    np.log: mpmath.log,
    np.log2: lambda z: mpmath.log(z) / mpmath.ln(2),
    np.log10: lambda z: mpmath.log(z) / mpmath.ln(10),
    np.log1p: lambda z: mpmath.log(1 + z),
    np.sqrt: mpmath.sqrt,
    np.sin: mpmath.sin,
    np.cos: mpmath.cos,
    np.tan: mpmath.tan,
    np.sinh: mpmath.sinh,
    np.cosh: mpmath.cosh,
    np.tanh: mpmath.tanh,
    np.arcsin: mpmath.asin,
    np.arccos: mpmath.acos,
    np.arctan: mpmath.atan,
    np.arcsinh: mpmath.asinh,
    np.arccosh: mpmath.acosh,
    np.arctanh: mpmath.atanh,
}
"""By the ufunc that has it for complex numbers."""

GROWING = (np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.tanh)
TURNED = (np.sin, np.cos, np.tan)


def long_double(x: Any) -> np.longdouble:
    """A number of mpmath, rounded; it may be beyond the doubles."""
    if not mpmath.isfinite(x):
        return np.longdouble(float(x))
    fraction, exponent = mpmath.frexp(x)
    high = float(fraction)
    low = np.longdouble(float(fraction - high))
    with quiet():
        return np.ldexp(high + low, max(min(int(exponent), 10**6), -(10**6)))


def tame(ufunc: np.ufunc, z: np.ndarray) -> np.ndarray:
    """Which numbers mpmath can take: e to them is no number of a million digits.

    Other functions are periodic along the imaginary axis, where their angle is exact.
    """
    grows = z.real if ufunc in GROWING else z.imag if ufunc in TURNED else np.zeros(z.shape)
    angle = z.imag if ufunc is np.exp2 else np.zeros(z.shape)
    return np.isfinite(z) & (abs(grows) < 1e5) & (abs(angle) < 1e5)


def exactly(x: Any) -> Any:
    """A float or a long double as a number of mpmath, which has a precision for all its digits."""
    if not np.isfinite(x):
        return mpmath.mpf(float(x))
    above, below = x.as_integer_ratio()
    return mpmath.mpf(above) / below


def of_complex(ufunc: np.ufunc, z: Any) -> tuple[np.longdouble, ...]:
    """Both parts; nan where mpmath has none, and for zero.

    On an axis, zeros with signs, which mpmath has not, choose the sides of branch cuts: NumPy
    says which.
    """
    if z == 0:
        return np.longdouble("nan"), np.longdouble("nan")
    exponents = [abs(int(np.frexp(part)[1])) for part in (z.real, z.imag)]
    with mpmath.workprec(200 + 2 * sum(exponents)):
        try:
            value = mpmath.mpc(OF_COMPLEX[ufunc](mpmath.mpc(exactly(z.real), exactly(z.imag))))
        except (ValueError, ZeroDivisionError):
            return np.longdouble("nan"), np.longdouble("nan")
        parts = long_double(value.real), long_double(value.imag)
    if z.real and z.imag:
        return parts
    with quiet():
        numpys = ufunc(z)
    sides = zip(parts, (numpys.real, numpys.imag), strict=True)
    return tuple(np.copysign(part, side) if side or not part else part for part, side in sides)


def distances(got: np.ndarray, want: np.ndarray, unit: np.ndarray | None = None) -> np.ndarray:
    """Of each value from the exact one, in ``unit``: by default its own last place.

    Where the exact value is nan nothing is known; an infinity is right or infinitely wrong.
    """
    with quiet():
        rounded = want.astype(got.dtype)
        unit = unit_in_the_last_place(rounded) if unit is None else unit
        error = np.asarray(abs(got - want) / unit, np.float64)
        error[got == rounded] = np.minimum(np.nan_to_num(error, nan=0, posinf=0), 0.5)[
            got == rounded
        ]
        error[np.isnan(error)] = np.inf
        error[np.isnan(want)] = 0
    return error
