"""Complex arithmetic and ``cmath``, in the kernel language: on real and imaginary parts."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from kernelgen.ops.double_double import LN_2_PAIR, rounded_sum, two_product, two_sum
from kernelgen.ops.library import replaces, type_like
from kernelgen.types.digits import HALF_PI, LN_2, LOG2_E, LOG10_E, Digits
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
    """Smith's algorithm with a real dividend."""
    u, v = real(a), imag(a)
    if abs(v) <= abs(u):
        ratio = v / u
        divisor = u + v * ratio
        return of_parts(1.0 / divisor, -ratio / divisor)
    ratio = u / v
    divisor = u * ratio + v
    return of_parts(ratio / divisor, -1.0 / divisor)


def power(a: Any, b: Any) -> Any:
    """Small whole powers by repeated squaring, as NumPy's; all others by logarithms."""
    u, v = real(b), imag(b)
    if u == 0 and v == 0:
        return of_parts(u * 0 + 1.0, 0.0)
    if real(a) == 0 and imag(a) == 0:
        return of_parts(u * 0, 0.0) if u > 0 else of_parts(u * math.nan, math.nan)
    if v == 0 and abs(u) < 100 and u == int(u):
        return _whole_power(a, int(u))
    x, y = _parts(a)
    x, y = _log_of_magnitude(x, y), math.atan2(y, x)
    u, v = _parts(b)
    angle = x * v + y * u
    result = _exp(x * u - y * v, math.cos(angle), math.sin(angle), angle)
    return _as_wide_as(add(a, b), result)


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


# ----------------------------------------------------------------------- rounding errors


def _plus_squares(a: Any, x: Any, y: Any) -> Any:
    """a + x * x + y * y for |x| >= |y|, as good as rounded once even if it nearly cancels."""
    x_square, x_rest = two_product(x, x)
    y_square, y_rest = two_product(y, y)
    total, first = two_sum(a, x_square)
    total, second = two_sum(total, y_square)
    rest, third = two_sum(x_rest, y_rest)
    return rounded_sum(rounded_sum(total, rest), first + second + third)


# ------------------------------------------------------------- exponentials and logarithms
#
# For complex64 all that follows is computed in float64, and rounded: float32 has too few bits
# for the differences in these functions, and too small a range for their squares.

_FLOAT64 = np.float64(1.0)
_HUGE = 2.0**1000
_TINY = 2.0**-1000
_STEP = 600.0
_EXP_OF_STEP = Digits("3.7730203009299398234014311934831351e+260")


def _as_wide_as(z: Any, parts: Any) -> Any:
    across, up = parts
    return type_like(of_parts(across, up), as_complex(z))


def _shortened(x: Any) -> Any:
    """A number whose exp does not overflow, and two factors for that of x.

    With a factor near zero in between, the product may be finite. |x| stays large.
    """
    size = abs(x)
    steps = 0.0 if size <= 709.0 else 1.0 if size <= 709.0 + _STEP else 2.0
    factor = type_like(_EXP_OF_STEP, x)
    first, second = 1.0 if steps == 0 else factor, 1.0 if steps < 2 else factor
    return math.copysign(size - steps * _STEP, x), first, second


@replaces(cmath.exp)
def exp(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _exp(x, math.cos(y), math.sin(y), y))


def _parts(z: Any) -> Any:
    """Both parts, of complex64 in float64."""
    z = as_complex(z)
    return real(z) * _FLOAT64, imag(z) * _FLOAT64


def _exp(x: Any, cos: Any, sin: Any, y: Any) -> Any:
    """exp(x) * (cos + i * sin), the cosine and sine of the angle of that sign."""
    if math.isinf(x) and not math.isfinite(y):
        return (x, math.nan) if x > 0 else (0.0, math.copysign(0.0, y))
    short, first, second = _shortened(max(x, 0.0))
    size = math.exp(short if x > 0 else x)
    return size * cos * first * second, y if y == 0 else size * sin * first * second


@replaces(cmath.log)
def log(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, (_log_of_magnitude(x, y), math.atan2(y, x)))


@replaces(cmath.log)
def log_to_base(z: Any, base: Any) -> Any:
    return log(z) / log(base)


@replaces(cmath.log10)
def log10(z: Any) -> Any:
    return _scaled_log(z, LOG10_E)


def _scaled_log(z: Any, scale: Any) -> Any:
    x, y = _parts(z)
    result = (_log_of_magnitude(x, y) * scale, math.atan2(y, x) * scale)
    return _as_wide_as(z, result)


def _log_of_magnitude(x: Any, y: Any) -> Any:
    """Near the unit circle by the exact distance of the square from one."""
    x, y = abs(x), abs(y)
    most, least = (y, x) if y > x else (x, y)
    scale, shift = (2.0**-60, 60.0) if most > _HUGE else (1.0, 0.0)
    scale, shift = (2.0**60, -60.0) if most < _TINY else (scale, shift)
    size = math.hypot(x * scale, y * scale)
    if most < 2.0 and size > 0.5 and size < 2.0:
        return math.log1p(_plus_squares(-1.0, most, least)) / 2.0
    return math.log(size) + type_like(shift, x) * LN_2


@replaces(cmath.sqrt)
def sqrt(z: Any) -> Any:
    """The larger part by hypot, on scaled operands, and the other one by division (Kahan)."""
    x, y = _parts(z)
    return _as_wide_as(z, _sqrt(x, y))


def _sqrt(x: Any, y: Any) -> Any:
    most = max(abs(x), abs(y))
    scale, unscale = (0.25, 2.0) if most > _HUGE else (1.0, 1.0)
    scale, unscale = (2.0**60, 0.5**30) if most < _TINY else (scale, unscale)
    across, up = abs(x) * scale, abs(y) * scale
    root = math.sqrt((across + math.hypot(across, up)) * 0.5)
    other = 0.0 if root == 0 else up / (root + root) * unscale
    root = root * unscale
    if math.isinf(y):
        root = other = math.inf
    across, up = (other, root) if x < 0 else (root, other)
    return across, math.copysign(up, y)


# ------------------------------------------------------------ trigonometric and hyperbolic


@replaces(cmath.sinh)
def sinh(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _sinh(x, y))


@replaces(cmath.cosh)
def cosh(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _cosh(x, y))


@replaces(cmath.tanh)
def tanh(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _tanh(x, y))


def _turned_back(parts: Any) -> Any:
    """-i times a number."""
    across, up = parts
    return up, -across


@replaces(cmath.sin)
def sin(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _turned_back(_sinh(-y, x)))


@replaces(cmath.cos)
def cos(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _cosh(-y, x))


@replaces(cmath.tan)
def tan(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _turned_back(_tanh(-y, x)))


def _sinh(x: Any, y: Any) -> Any:
    cos, sin = math.cos(y), math.sin(y)
    short, first, second = _shortened(x)
    across, up = math.sinh(short) * cos * first * second, math.cosh(short) * sin * first * second
    if not math.isfinite(y):
        across = x if x == 0 or math.isinf(x) else across
    return across, y if y == 0 else up


def _cosh(x: Any, y: Any) -> Any:
    cos, sin = math.cos(y), math.sin(y)
    short, first, second = _shortened(x)
    across, up = math.cosh(short) * cos * first * second, math.sinh(short) * sin * first * second
    if math.isinf(x) and not math.isfinite(y):
        across = abs(x)
    if x == 0 or y == 0:
        up = math.copysign(0.0, x) * math.copysign(1.0, sin)
    return across, up


def _tanh(x: Any, y: Any) -> Any:
    """Both parts over sinh(x)**2 + cos(y)**2, a sum without cancellation."""
    cos, sin = math.cos(y), math.sin(y)
    if math.isinf(x):
        return (math.copysign(1.0, x), math.copysign(0.0, sin * cos))
    if abs(x) > 22:
        rest = 4.0 * sin * cos * math.exp(-2.0 * abs(x))
        return (math.copysign(1.0, x) + rest * 0.0, y if y == 0 else rest)
    wide, high = math.sinh(x), math.cosh(x)
    size = wide * wide + cos * cos
    across = x if x == 0 else wide * high / size
    return (across, y if y == 0 else sin * cos / size)


# --------------------------------------------------------------------- their inverses
#
# After Hull, Fairgrieve and Tang, "Implementing the complex arcsine and arccosine functions
# using exception handling", ACM TOMS 23 (1997): of 1 and -1, the foci of an ellipse through z,
# the semi-axes give both parts.

_EPSILON = 2.0**-64
_FAR = 2.0**66


@replaces(cmath.asinh)
def asinh(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _asinh(x, y))


@replaces(cmath.asin)
def asin(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _turned_back(_asinh(-y, x)))


@replaces(cmath.acos)
def acos(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _acos(x, y))


@replaces(cmath.acosh)
def acosh(z: Any) -> Any:
    x, y = _parts(z)
    angle, size = _acos(x, y)
    size = abs(size)
    if math.isnan(angle) and x == 0:
        return _as_wide_as(z, (size, HALF_PI))
    return _as_wide_as(z, (size, math.copysign(angle, y)))


def _asinh(x: Any, y: Any) -> Any:
    """By the arcsine of y + i * x, whose parts are the other way round."""
    if math.isnan(x) or math.isnan(y):
        return _asinh_of_nan(x, y)
    size, adjacent, opposite = _ellipse(abs(y), abs(x))
    angle = math.atan2(opposite, adjacent)
    return math.copysign(size, x), math.copysign(angle, y)


def _asinh_of_nan(x: Any, y: Any) -> Any:
    if math.isinf(x):
        return (x, math.nan)
    if math.isinf(y):
        return (math.copysign(math.inf, x), math.nan)
    return (math.nan, y if y == 0 else math.nan)


def _acos(x: Any, y: Any) -> Any:
    if math.isnan(x) or math.isnan(y):
        return _acos_of_nan(x, y)
    size, adjacent, opposite = _ellipse(abs(x), abs(y))
    angle = math.atan2(adjacent, math.copysign(opposite, x))
    return angle, math.copysign(size, -y)


def _acos_of_nan(x: Any, y: Any) -> Any:
    if math.isinf(x):
        return (math.nan, x)
    if math.isinf(y):
        return (math.nan, -y)
    return (type_like(HALF_PI, x) if x == 0 else math.nan, math.nan)


def _ellipse(x: Any, y: Any) -> Any:
    """Of arcsin(x + i * y), x and y not negative: the imaginary part, and the real one as the
    angle of a triangle with the legs that are returned, adjacent and opposite.

    ``far`` and ``near`` are the distances from -1 and 1, half of their sum the greater semi-axis.
    """
    most, scale, shift = max(x, y), 1.0, 0.0
    if most > 2.0**700:
        scale, shift = 2.0**-600, 600.0
    x, y = x * scale, y * scale
    far, near, across = math.hypot(x + 1.0, y), math.hypot(x - 1.0, y), abs(x - 1.0)
    half = max((far + near) * 0.5, 1.0)
    flat, beside = y < _EPSILON * across, x == 1 and y < 2.0**-120
    excess = y * y / (far + (x + 1.0)) * 0.5
    less, more = y * y / (near + across) * 0.5, (near + across) * 0.5
    beyond, short = (excess + less, excess + more) if x < 1 else (excess + more, excess + less)
    root = math.sqrt(y if beside else across * (1.0 + x) if flat else beyond * (half + 1.0))
    adjacent = math.sqrt(short * (half + x))
    stretch = beyond + root
    if flat:
        side = y / root if x < 1 else y * (x / root)
        stretch, adjacent = (side, root) if x < 1 else (across + root, side)
    if beside:
        stretch, adjacent = root, root
    if most > _FAR:
        stretch, adjacent = far + near, y
    return math.log1p(stretch) + type_like(shift, x) * LN_2, adjacent, x


@replaces(cmath.atanh)
def atanh(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _atanh(x, y))


@replaces(cmath.atan)
def atan(z: Any) -> Any:
    x, y = _parts(z)
    return _as_wide_as(z, _turned_back(_atanh(-y, x)))


def _atanh(x: Any, y: Any) -> Any:
    """On the first quadrant; both parts are odd.

    Far away the real part is that of the reciprocal. Near 1, log(4 / y**2) / 4 is computed as
    log(sqrt(2 / y)).
    """
    if math.isnan(x) or math.isnan(y):
        return _atanh_of_nan(x, y)
    a, b = abs(x), abs(y)
    beside = a == 1 and b < 2.0**-120
    up = 0.0 if b < 2.0**-120 else b * b
    dividend = math.sqrt(type_like(2.0, a)) if beside else 4.0 * a
    ratio = dividend / (math.sqrt(b) if beside else (a - 1.0) * (a - 1.0) + up)
    size = math.log1p(ratio) * (1.0 if beside else 0.25)
    angle = math.atan2(b + b, (1.0 - a) * (1.0 + a) - up) * 0.5
    most = max(a, b)
    if most > _FAR:
        slope = min(a, b) / most
        size = 1.0 / most / (1.0 + slope * slope)
        size, angle = size if a >= b else size * slope, HALF_PI
    if math.isinf(a) or math.isinf(b):
        size = 0.0
    if b == 0 and a == 1:
        angle = b
    return math.copysign(size, x), math.copysign(angle, y)


def _atanh_of_nan(x: Any, y: Any) -> Any:
    if math.isinf(x):
        return (math.copysign(0.0, x), math.nan)
    if math.isinf(y):
        return (math.copysign(0.0, x), math.copysign(HALF_PI, y))
    return (x if x == 0 else math.nan, math.nan)


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
    across, up = r * math.cos(phi), r * math.sin(phi)
    if not math.isfinite(phi):
        across, up = (abs(r), up) if math.isinf(r) else (across, up)
        across, up = (0.0, 0.0) if r == 0 else (across, up)
    return of_parts(r, phi * math.copysign(1.0, r)) if phi == 0 else of_parts(across, up)


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
    """z / abs(z), the direction of the infinite part of z, and zero of zero."""
    x, y = _parts(z)
    if math.isinf(x) and not math.isinf(y):
        x, y = math.copysign(1.0, x), 0.0
    if math.isinf(y) and not math.isinf(x):
        x, y = 0.0, math.copysign(1.0, y)
    scale = 0.5 if abs(x) > _HUGE or abs(y) > _HUGE else 1.0
    size = math.hypot(x * scale, y * scale)
    result = (0.0, 0.0) if size == 0 else (x * scale / size, y * scale / size)
    return _as_wide_as(z, result)


def log2(z: Any) -> Any:
    return _scaled_log(z, LOG2_E)


def exp2(z: Any) -> Any:
    """The angle, which may be large, with the error of its rounding."""
    x, y = _parts(z)
    angle, rest = two_product(y, LN_2_PAIR[0])
    rest = rest + y * LN_2_PAIR[1] if abs(y) < _FAR else 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    if y == 0 or not math.isfinite(x):
        return _as_wide_as(z, _exp(x * LN_2, cos, sin, y) if y != 0 else (math.exp2(x), y))
    root = math.exp2(x / 2.0)
    across, up = root * (cos - rest * sin) * root, root * (sin + rest * cos) * root
    if abs(y) < 2.0**-500:
        up = root * y * root * LN_2
    return _as_wide_as(z, (across, up))


def log1p(z: Any) -> Any:
    x, y = _parts(z)
    angle = math.atan2(y, x + 1.0)
    return _as_wide_as(z, (_log_of_magnitude_beside_one(x, y), angle))


def _log_of_magnitude_beside_one(x: Any, y: Any) -> Any:
    size = math.hypot(x + 1.0, y)
    if size > 0.5 and size < 2.0:
        return math.log1p(_plus_squares(2.0 * x, x, y)) / 2.0
    return _log_of_magnitude(x + 1.0, y)


def expm1(z: Any) -> Any:
    x, y = _parts(z)
    cos, sin, half = math.cos(y), math.sin(y), math.sin(y / 2.0)
    if y == 0:
        return _as_wide_as(z, (math.expm1(x), y))
    if not abs(x) <= 700.0:
        across, up = _exp(x, cos, sin, y)
        return _as_wide_as(z, (across - 1.0, up))
    result = (math.expm1(x) * cos - 2.0 * half * half, math.exp(x) * sin)
    return _as_wide_as(z, result)


def rint(z: Any) -> Any:
    return of_parts(np.rint(real(z)), np.rint(imag(z)))
