"""NumPy's functions written in the kernel language, as ``library.py`` has Python's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelgen.ops.complex_library import of_parts
from kernelgen.ops.library import of_numbers, replaces, type_like
from kernelgen.types.digits import LN_2, LOG2_E

# ------------------------------------------------------------------------------ arithmetic


def unchanged(x: Any) -> Any:
    """A function that does nothing to such a number."""
    return x


def square(x: Any) -> Any:
    return x * x


def reciprocal(x: Any) -> Any:
    return 1.0 / x


def reciprocal_integer(x: Any) -> Any:
    """1 / x truncated: zero but for 1 and -1. NumPy's for 0 differs by platform; here it is 0."""
    return x if abs(x) == 1 else type_like(0, x)


def fmod_integers(x: Any, y: Any) -> Any:
    """The remainder with the sign of x."""
    rest = x % y
    return rest - y if rest != 0 and (rest < 0) != (x < 0) else rest


def gcd(a: Any, b: Any) -> Any:
    """Euclid's algorithm, in the type of the operands."""
    while b:
        a, b = b, a % b
    return abs(a)


def lcm(a: Any, b: Any) -> Any:
    """Wraps as NumPy's does: after taking the absolute values."""
    divisor = gcd(a, b)
    return abs(abs(a) // divisor) * abs(b) if divisor else divisor


def sign(x: Any) -> Any:
    return 1.0 if x > 0 else -1.0 if x < 0 else abs(x)


def sign_integer(x: Any) -> Any:
    return 1 if x > 0 else -1 if x < 0 else x


def sign_unsigned(x: Any) -> Any:
    return 1 if x > 0 else x


def heaviside(x: Any, at_zero: Any) -> Any:
    return at_zero if x == 0 else 0.0 if x < 0 else 1.0 if x > 0 else x


def ldexp(x: Any, exponent: Any) -> Any:
    return math.ldexp(x, exponent)


def spacing(x: Any) -> Any:
    """The distance to the next float away from zero, of either zero to the one above."""
    return math.nextafter(x, math.inf if x == 0 else math.copysign(math.inf, x)) - x


def spacing_above(x: Any) -> Any:
    """The distance to the next greater float, which is NumPy's ``spacing`` for float16."""
    return math.nextafter(x, math.inf) - x if x != -math.inf else x - x


# ----------------------------------------------------------------------- extrema and choices


def _is_nan(x: Any) -> Any:
    return x != x  # noqa: PLR0124


def maximum(x: Any, y: Any) -> Any:
    return x if x >= y or _is_nan(x) else y


def minimum(x: Any, y: Any) -> Any:
    return x if x <= y or _is_nan(x) else y


def fmax(x: Any, y: Any) -> Any:
    return x if x >= y or _is_nan(y) else y


def fmin(x: Any, y: Any) -> Any:
    return x if x <= y or _is_nan(y) else y


@replaces(np.clip)
def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Any:
    low = a_min if min is None else min
    high = a_max if max is None else max
    if low is None:
        return np.positive(a, out) if high is None else np.minimum(a, high, out)
    return np.maximum(a, low, out) if high is None else np.minimum(np.maximum(a, low), high, out)


# ------------------------------------------------------------------------------------ tests


def never(x: Any) -> Any:
    return False


def always(x: Any) -> Any:
    return True


def signbit(x: Any) -> Any:
    return math.copysign(1.0, x) < 0


def logical_and(x: Any, y: Any) -> Any:
    return bool(x) and bool(y)


def logical_or(x: Any, y: Any) -> Any:
    return bool(x) or bool(y)


def logical_xor(x: Any, y: Any) -> Any:
    return bool(x) != bool(y)


def logical_not(x: Any) -> Any:
    return not x


@replaces(np.isclose)
@of_numbers
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    if not iscomplexobj(b):
        b = np.multiply(b, 1.0)
    if equal_nan and np.isnan(a) and np.isnan(b):
        return np.True_
    near = np.absolute(np.subtract(a, b)) <= atol + rtol * np.absolute(b)
    return np.logical_or(np.logical_and(near, np.isfinite(b)), np.equal(a, b))


# ------------------------------------------------------------------------------- logarithms


def logaddexp(x: Any, y: Any) -> Any:
    difference = x - y
    if x == y:
        return x + LN_2
    if difference > 0:
        return x + math.log1p(math.exp(-difference))
    return y + math.log1p(math.exp(difference))


def logaddexp2(x: Any, y: Any) -> Any:
    difference = x - y
    if x == y:
        return x + 1.0
    if difference > 0:
        return x + LOG2_E * math.log1p(math.exp2(-difference))
    return y + LOG2_E * math.log1p(math.exp2(difference))


# ------------------------------------------------------------------------- special values


@replaces(np.nan_to_num)
@of_numbers
def nan_to_num(
    x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Infinities become the largest numbers of the type, unless others are asked for."""
    if isinstance(x, (complex, np.complexfloating)):
        real = _number_for(x.real, nan, posinf, neginf)
        return of_parts(real, _number_for(x.imag, nan, posinf, neginf))
    return _number_for(x, nan, posinf, neginf)


def _number_for(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    result = np.where(np.isnan(x), type_like(nan, x), x)
    above = np.nextafter(x, 0.0) if posinf is None else posinf
    below = np.nextafter(x, 0.0) if neginf is None else neginf
    if np.isinf(x):
        result = type_like(above if x > 0 else below, x)
    return result


@replaces(np.isposinf)
def isposinf(x: Any) -> Any:
    return np.logical_and(np.isinf(x), np.logical_not(np.signbit(x)))


@replaces(np.isneginf)
def isneginf(x: Any) -> Any:
    return np.logical_and(np.isinf(x), np.signbit(x))


# --------------------------------------------------------------------------------- rounding


@replaces(np.fix)
def fix(x: Any) -> Any:
    return np.trunc(x)


@replaces(np.round)
@replaces(np.around)
@of_numbers
def around(a: Any) -> Any:
    return np.rint(a) if isinstance(a, (bool, np.bool_)) else np.positive(a).round()


@replaces(np.round)
@replaces(np.around)
@of_numbers
def around_to(a: Any, decimals: Any) -> Any:
    return np.positive(a).round(decimals)


# -------------------------------------------------------------------------- complex numbers


@replaces(np.real)
def real(val: Any) -> Any:
    return val.real


@replaces(np.imag)
def imag(val: Any) -> Any:
    return val.imag


@replaces(np.isreal)
def isreal(x: Any) -> Any:
    return np.equal(x.imag, 0)


@replaces(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return np.not_equal(x.imag, 0)


@replaces(np.iscomplexobj)
def iscomplexobj(x: Any) -> Any:
    return isinstance(x, (complex, np.complexfloating))


@replaces(np.isrealobj)
def isrealobj(x: Any) -> Any:
    return not isinstance(x, (complex, np.complexfloating))


@replaces(np.angle)
@of_numbers
def angle(z: Any, deg: Any = False) -> Any:
    result = np.arctan2(z.imag, z.real) if iscomplexobj(z) else np.arctan2(0, z)
    return result * (180 / math.pi) if deg else result


# ------------------------------------------------------------------------ special functions


@replaces(np.sinc)
@of_numbers
def sinc(x: Any) -> Any:
    y = np.multiply(x, math.pi)
    return np.sin(y) / y if y != 0 else type_like(1.0, y)


@replaces(np.i0)
@of_numbers
def i0(x: Any) -> Any:
    """The modified Bessel function of order zero: DLMF 10.25.2, and 10.40.1 for large arguments.

    All terms of the first series are positive; of the second, fewer than 2 * x are added.
    """
    y = np.fabs(np.multiply(x, 1.0))
    k, term, total = 0.0, type_like(1.0, y), type_like(1.0, y)
    far = y > 20.0
    while term > total * 1e-17:
        k += 1.0
        odd = 2.0 * k - 1.0
        term *= odd * odd / (8.0 * k * y) if far else (y / (2.0 * k)) * (y / (2.0 * k))
        total += term
    return total * (np.exp(y) / np.sqrt(2.0 * math.pi * y)) if far else total


# --------------------------------------------------------------------------- arrays as a whole


@replaces(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    return bool(np.all(np.isclose(a, b, rtol, atol, equal_nan)))


@replaces(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: Any = False) -> Any:
    if a1.shape != a2.shape:
        return False
    if equal_nan:
        return bool(np.all(_are_equal_or_nan(a1, a2)))
    return bool(np.all(np.equal(a1, a2)))


def _are_equal_or_nan(a: Any, b: Any) -> Any:
    return np.logical_or(np.equal(a, b), np.logical_and(np.isnan(a), np.isnan(b)))
