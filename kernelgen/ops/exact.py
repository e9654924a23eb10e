"""References that NumPy lacks: computed exactly, and rounded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fractions import Fraction


def fused(x: Any, y: Any, z: Any) -> Any:
    """``x * y + z`` of longdoubles, rounded once."""
    rounded_twice = x * y + z
    if not np.isfinite(x) or not np.isfinite(y) or not np.isfinite(z):
        return rounded_twice
    exact = _fraction(x) * _fraction(y) + _fraction(z)
    return _nearest(exact) if exact else rounded_twice


def product_error(x: Any, y: Any) -> Any:
    """``x * y`` less the rounded product, of floats of one type."""
    product = x * y
    if not np.isfinite(product):
        return product - product
    exact = _fraction(x) * _fraction(y) - _fraction(product)
    return type(x)(_nearest(exact)) if exact else product * 0


def remainder(x: Any, y: Any) -> Any:
    """``x - n * y`` of longdoubles for the whole number n nearest to ``x / y``."""
    if not np.isfinite(x) or np.isnan(y) or y == 0:
        return x * np.nan
    if np.isinf(y):
        return x
    a, b = _fraction(x), _fraction(y)
    exact = a - round(a / b) * b
    return _nearest(exact) if exact else np.copysign(x * 0, x)


def _fraction(x: Any) -> Fraction:
    from fractions import Fraction  # takes longer to load than most modules of the compiler

    return Fraction(*x.as_integer_ratio())


def _nearest(exact: Fraction) -> Any:
    """The longdouble nearest to a fraction whose denominator is a power of two."""
    exponent = 1 - exact.denominator.bit_length()
    return np.longdouble(f"{exact.numerator:#x}p{exponent}")
