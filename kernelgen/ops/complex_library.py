"""Complex arithmetic and ``cmath``, in the kernel language: on real and imaginary parts."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from kernelgen.ops.library import replaces
from kernelgen.types.digits import LN_2, LOG2_E, LOG10_E
from kernelgen.types.table import complex_of

# ---------------------------------------------------------- ops, by their meaning in Python


def real(z: Any) -> Any:
    """The op of that name."""
    return z.real


def imag(z: Any) -> Any:
    """The op of that name."""
    return z.imag


def of_parts(x: Any, y: Any) -> Any:
    """The op of that name: a complex number as wide as its parts."""
    if isinstance(x, np.generic) or isinstance(y, np.generic):
        return complex_of(x, y)
    return complex(x, y)


def as_complex(x: Any) -> Any:
    """The op of that name: a number as a complex one, of its width."""
    return np.result_type(x, 1j).type(x) if isinstance(x, np.generic) else complex(x)


@replaces(complex)
def from_parts(x: Any, y: Any) -> Any:
    return of_parts(float(x), float(y))


def conjugated(z: Any) -> Any:
    """The op ``conjugate``."""
    return z.conjugate()


# ------------------------------------------------------------------------------ arithmetic


def unchanged(a: Any) -> Any:
    return a


def negative(a: Any) -> Any:
    return of_parts(-real(a), -imag(a))


def conjugate(a: Any) -> Any:
    return of_parts(real(a), -imag(a))


def add(a: Any, b: Any) -> Any:
    return of_parts(real(a) + real(b), imag(a) + imag(b))


def subtract(a: Any, b: Any) -> Any:
    return of_parts(real(a) - real(b), imag(a) - imag(b))


def multiply(a: Any, b: Any) -> Any:
    x, y, u, v = real(a), imag(a), real(b), imag(b)
    return of_parts(x * u - y * v, x * v + y * u)


def divide(a: Any, b: Any) -> Any:
    """Smith's algorithm, as NumPy has it."""
    x, y, u, v = real(a), imag(a), real(b), imag(b)
    if abs(u) >= abs(v):
        if u == 0 and v == 0:
            return of_parts(x / abs(u), y / abs(u))
        ratio = v / u
        scale = 1.0 / (u + v * ratio)
        return of_parts((x + y * ratio) * scale, (y - x * ratio) * scale)
    ratio = u / v
    scale = 1.0 / (v + u * ratio)
    return of_parts((x * ratio + y) * scale, (y * ratio - x) * scale)


def absolute(a: Any) -> Any:
    return math.hypot(real(a), imag(a))


def equal(a: Any, b: Any) -> Any:
    return real(a) == real(b) and imag(a) == imag(b)


def not_equal(a: Any, b: Any) -> Any:
    return real(a) != real(b) or imag(a) != imag(b)


def square(a: Any) -> Any:
    return multiply(a, a)


def reciprocal(a: Any) -> Any:
    return divide(of_parts(real(a) * 0 + 1.0, 0.0), a)


def power(a: Any, b: Any) -> Any:
    """Small whole powers by repeated squaring, as NumPy's; all others by logarithms."""
    u, v = real(b), imag(b)
    if u == 0 and v == 0:
        return of_parts(u * 0 + 1.0, 0.0)
    if real(a) == 0 and imag(a) == 0:
        return of_parts(u * 0, 0.0) if u > 0 else of_parts(u * math.nan, math.nan)
    if v == 0 and abs(u) < 100 and u == int(u):
        return _whole_power(a, int(u))
    return exp(multiply(b, log(a)))


def _whole_power(a: Any, n: Any) -> Any:
    left = abs(n)
    result = of_parts(real(a) * 0 + 1.0, 0.0)
    started = False
    while left:
        if left & 1:
            result = multiply(result, a) if started else a
            started = True
        left >>= 1
        if left:
            a = multiply(a, a)
    return result if n > 0 else reciprocal(result)


# ------------------------------------------------------------- exponentials and logarithms


@replaces(cmath.exp)
def exp(z: Any) -> Any:
    z = as_complex(z)
    size, angle = math.exp(real(z)), imag(z)
    if angle == 0:
        return of_parts(size, angle)
    return of_parts(size * math.cos(angle), size * math.sin(angle))


@replaces(cmath.log)
def log(z: Any) -> Any:
    z = as_complex(z)
    return of_parts(_log_of_magnitude(z), math.atan2(imag(z), real(z)))


@replaces(cmath.log)
def log_to_base(z: Any, base: Any) -> Any:
    return log(z) / log(base)


@replaces(cmath.log10)
def log10(z: Any) -> Any:
    result = log(z)
    return of_parts(real(result) * LOG10_E, imag(result) * LOG10_E)


def _log_of_magnitude(z: Any) -> Any:
    """Near the unit circle the logarithm of one plus a small number is exact, log is not."""
    x, y = abs(real(z)), abs(imag(z))
    most, least = max(x, y), min(x, y)
    size = math.hypot(x, y)
    if size > 0.71 and size < 1.73:
        return math.log1p((most - 1.0) * (most + 1.0) + least * least) / 2.0
    return math.log(size)


@replaces(cmath.sqrt)
def sqrt(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    if x == 0 and y == 0:
        return of_parts(abs(x), y)
    if math.isinf(y):
        return of_parts(abs(y), y)
    root = math.sqrt((abs(x) / 8.0 + math.hypot(x / 8.0, y / 8.0)) * 4.0)
    other = abs(y) / (2.0 * root) if not math.isinf(root) else y * 0.0
    if x >= 0:
        return of_parts(root, math.copysign(other, y))
    return of_parts(abs(other), math.copysign(root, y))


# ------------------------------------------------------------ trigonometric and hyperbolic


@replaces(cmath.sinh)
def sinh(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    return of_parts(math.sinh(x) * math.cos(y), math.cosh(x) * math.sin(y))


@replaces(cmath.cosh)
def cosh(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    return of_parts(math.cosh(x) * math.cos(y), math.sinh(x) * math.sin(y))


@replaces(cmath.tanh)
def tanh(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    if abs(x) > 20:
        rest = 4.0 * math.sin(y) * math.cos(y) * math.exp(-2.0 * abs(x))
        return of_parts(math.copysign(1.0, x) + y * 0.0, rest)
    hyperbolic, tangent, cosh_x = math.tanh(x), math.tan(y), math.cosh(x)
    scale = 1.0 / (1.0 + hyperbolic * hyperbolic * tangent * tangent)
    width = 1.0 / (cosh_x * cosh_x)
    return of_parts(hyperbolic * (1.0 + tangent * tangent) * scale, tangent * scale * width)


def _turned(z: Any) -> Any:
    """i * z."""
    return of_parts(-imag(z), real(z))


def _turned_back(z: Any) -> Any:
    """-i * z."""
    return of_parts(imag(z), -real(z))


@replaces(cmath.sin)
def sin(z: Any) -> Any:
    return _turned_back(sinh(_turned(as_complex(z))))


@replaces(cmath.cos)
def cos(z: Any) -> Any:
    return cosh(_turned(as_complex(z)))


@replaces(cmath.tan)
def tan(z: Any) -> Any:
    return _turned_back(tanh(_turned(as_complex(z))))


# --------------------------------------------------------------------- their inverses


@replaces(cmath.asinh)
def asinh(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    a, b = sqrt(of_parts(1.0 + y, -x)), sqrt(of_parts(1.0 - y, x))
    return of_parts(
        math.asinh(real(a) * imag(b) - real(b) * imag(a)),
        math.atan2(y, real(a) * real(b) - imag(a) * imag(b)),
    )


@replaces(cmath.acosh)
def acosh(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    a, b = sqrt(of_parts(x - 1.0, y)), sqrt(of_parts(x + 1.0, y))
    return of_parts(
        math.asinh(real(a) * real(b) + imag(a) * imag(b)), 2.0 * math.atan2(imag(a), real(b))
    )


@replaces(cmath.acos)
def acos(z: Any) -> Any:
    z = as_complex(z)
    x, y = real(z), imag(z)
    a, b = sqrt(of_parts(1.0 - x, -y)), sqrt(of_parts(1.0 + x, y))
    return of_parts(
        2.0 * math.atan2(real(a), real(b)), math.asinh(real(b) * imag(a) - imag(b) * real(a))
    )


@replaces(cmath.asin)
def asin(z: Any) -> Any:
    return _turned_back(asinh(_turned(as_complex(z))))


@replaces(cmath.atanh)
def atanh(z: Any) -> Any:
    """On the right half plane; the function is odd."""
    z = as_complex(z)
    sign = math.copysign(1.0, real(z))
    x, y = abs(real(z)), imag(z) * sign
    far = (1.0 - x) * (1.0 - x) + y * y
    angle = -math.atan2(-2.0 * y, (1.0 - x) * (1.0 + x) - y * y) / 2.0
    return of_parts(sign * math.log1p(4.0 * x / far) / 4.0, sign * angle)


@replaces(cmath.atan)
def atan(z: Any) -> Any:
    return _turned_back(atanh(_turned(as_complex(z))))


# -------------------------------------------------------------- polar coordinates, tests


@replaces(cmath.phase)
def phase(z: Any) -> Any:
    z = as_complex(z)
    return math.atan2(imag(z), real(z))


@replaces(cmath.polar)
def polar(z: Any) -> Any:
    return abs(as_complex(z)), phase(z)


@replaces(cmath.rect)
def rect(r: Any, phi: Any) -> Any:
    return of_parts(r * math.cos(phi), r * math.sin(phi))


@replaces(cmath.isnan)
def isnan(z: Any) -> Any:
    z = as_complex(z)
    return math.isnan(real(z)) or math.isnan(imag(z))


@replaces(cmath.isinf)
def isinf(z: Any) -> Any:
    z = as_complex(z)
    return math.isinf(real(z)) or math.isinf(imag(z))


@replaces(cmath.isfinite)
def isfinite(z: Any) -> Any:
    z = as_complex(z)
    return math.isfinite(real(z)) and math.isfinite(imag(z))


@replaces(cmath.isclose)
def isclose(a: Any, b: Any, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Any:
    a, b = complex(a), complex(b)
    difference = abs(a - b)
    near = difference <= rel_tol * max(abs(a), abs(b)) or difference <= abs_tol
    return a == b or (near and difference != math.inf)


# ------------------------------------------------------------------------- NumPy's others


def sign(z: Any) -> Any:
    """z / abs(z), and zero of zero."""
    size = absolute(z)
    return z if size == 0 else of_parts(real(z) / size, imag(z) / size)


def log2(z: Any) -> Any:
    result = log(z)
    return of_parts(real(result) * LOG2_E, imag(result) * LOG2_E)


def exp2(z: Any) -> Any:
    return exp(of_parts(real(z) * LN_2, imag(z) * LN_2))


def log1p(z: Any) -> Any:
    x, y = real(z) + 1.0, imag(z)
    return of_parts(math.log(math.hypot(x, y)), math.atan2(y, x))


def expm1(z: Any) -> Any:
    x, y = real(z), imag(z)
    half = math.sin(y / 2.0)
    size = math.exp(x)
    return of_parts(math.expm1(x) * math.cos(y) - 2.0 * half * half, size * math.sin(y))


def rint(z: Any) -> Any:
    return of_parts(np.rint(real(z)), np.rint(imag(z)))
