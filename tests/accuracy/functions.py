"""The functions that are measured: exact values by mpmath, and where the interesting points are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mpmath
import numpy as np

from kernelgen.ops.math import ROWS, VECTOR_ULP, Row

INTEGERS_OF_GAMMA = tuple(range(-185, 176))
ZEROS_OF_LGAMMA = (
    -2.4570247382208006, -2.7476826467274127, -3.1435808883499798, -3.955294284858598,
    -4.039361839740537, -4.991544640560048, -5.008218168237293, -5.998607480080876,
    -6.001385294453154, -6.999801507890638, -7.000198333407325, -8.999997248875622, 1.0, 2.0,
)  # fmt: skip
TURNS = tuple(k * math.pi / 2 for k in (*range(-40, 41), 1000, 10**6, 10**9))


class Function(NamedTuple):
    """One function of floats: how a kernel calls it, and its exact value of numbers of mpmath.

    ``reference`` answers for arguments that mpmath does not know: infinities, nan, signed zeros.
    ``ranges`` are intervals, or pairs of them, that matter; ``critical`` are arguments whose
    neighbours do. ``ulp`` is the bound that the table states for scalar functions, ``vector_ulp``
    that with vector functions, ``longdouble_ulp`` that of longdouble where it is wider. What cancels is ``absolute``: as good as its larger argument.
    """

    name: str
    call: Callable[..., Any]
    reference: Callable[..., Any]
    exact: Callable[..., Any]
    arity: int
    ulp: float
    ranges: Sequence[tuple[float, float]] = ((-10.0, 10.0),)
    critical: Sequence[float] = (1.0,)
    vector_ulp: float = VECTOR_ULP
    longdouble_ulp: float | None = None
    absolute: bool = False


def _cbrt(x: Any) -> Any:
    return mpmath.sign(x) * mpmath.cbrt(abs(x))


def _gamma(x: Any) -> Any:
    """Beyond 10,000 it is no number of a type of ours, and mpmath's would be long."""
    return mpmath.gamma(min(x, mpmath.mpf(10_000)))


def _lgamma(x: Any) -> Any:
    return mpmath.loggamma(x).real if x > 0 else mpmath.log(abs(mpmath.gamma(x)))


def _erfc(x: Any) -> Any:
    """Zero from some hundreds on."""
    return mpmath.erfc(min(x, mpmath.mpf(1000)))


def _power(x: Any, y: Any) -> Any:
    """A negative number to a whole power has its sign by the power's last bit.

    What is far beyond all types is cut off, mpmath would write it with all its digits.
    """
    if x < 0 and not mpmath.isint(y):
        return mpmath.nan
    far = mpmath.mpf(60_000)
    size = mpmath.exp(max(min(mpmath.log(abs(x)) * y, far), -far))
    return -size if x < 0 and int(y) % 2 else size


def _aligned(x: Any, y: Any) -> tuple[int, int, int]:
    """Both as whole multiples of one power of two, and its exponent."""
    least = min(x.exp, y.exp)
    return *(int(mpmath.sign(v)) * v.man << v.exp - least for v in (x, y)), least


def _fmod(x: Any, y: Any) -> Any:
    a, b, exponent = _aligned(x, y)
    return mpmath.ldexp(abs(a) % abs(b) * (-1 if a < 0 else 1), exponent)


def _remainder(x: Any, y: Any) -> Any:
    a, b, exponent = _aligned(x, y)
    rest = a % abs(b)
    above = 2 * rest > abs(b) or (2 * rest == abs(b) and a // abs(b) % 2)
    return mpmath.ldexp(rest - abs(b) if above else rest, exponent)


def _logaddexp(base: Callable[[], Any]) -> Callable[[Any, Any], Any]:
    def exact(x: Any, y: Any) -> Any:
        less, more = sorted((x, y))
        scale = base()
        apart = (less - more) * scale
        rest = mpmath.log1p(mpmath.exp(apart)) if apart > -(10**5) else mpmath.exp(apart)
        return more + rest / scale

    return exact


_EXACT: dict[str, Callable[..., Any]] = {
    "sqrt": mpmath.sqrt, "exp": mpmath.exp, "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1, "log2": lambda x: mpmath.log(x) / mpmath.ln(2),
    "log10": lambda x: mpmath.log(x) / mpmath.ln(10), "log1p": mpmath.log1p, "cbrt": _cbrt,
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "asin": mpmath.asin,
    "acos": mpmath.acos, "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "asinh": mpmath.asinh, "acosh": mpmath.acosh, "atanh": mpmath.atanh,
    "erf": mpmath.erf, "erfc": _erfc, "gamma": _gamma, "lgamma": _lgamma, "log": mpmath.log,
    "atan2": mpmath.atan2, "hypot": mpmath.hypot, "power": _power, "fmod": _fmod,
    "remainder": _remainder,
}  # fmt: skip

_POSITIVE = ((0.0, 10.0), (0.5, 2.0), (0.0, 1e6))
_UNIT = ((-1.0, 1.0), (-1e-3, 1e-3))
_ANGLES = ((-10.0, 10.0), (-1e5, 1e5), (-0.8, 0.8))
_GROWTH = ((-750.0, 715.0), (-105.0, 90.0), (-1.0, 1.0))
_RANGES: dict[str, Sequence[tuple[float, float]]] = {
    "sqrt": _POSITIVE, "exp": _GROWTH, "expm1": ((-40.0, 715.0), (-18.0, 90.0), (-1.0, 1.0)),
    "exp2": ((-1080.0, 1030.0), (-150.0, 130.0), (-1.0, 1.0)), "log": _POSITIVE,
    "log2": _POSITIVE, "log10": _POSITIVE, "log1p": ((-1.0, 10.0), (-0.5, 0.5), (-1e-3, 1e-3)),
    "cbrt": ((-1000.0, 1000.0),), "sin": _ANGLES, "cos": _ANGLES, "tan": _ANGLES, "asin": _UNIT,
    "acos": _UNIT, "atanh": _UNIT, "atan": ((-10.0, 10.0), (-1.0, 1.0)),
    "sinh": ((-711.0, 711.0), (-90.0, 90.0), (-1.0, 1.0)),
    "cosh": ((-711.0, 711.0), (-90.0, 90.0), (-1.0, 1.0)), "tanh": ((-20.0, 20.0), (-1.0, 1.0)),
    "asinh": ((-10.0, 10.0), (-1.0, 1.0), (-1e6, 1e6)),
    "acosh": ((1.0, 10.0), (1.0, 1.01), (1.0, 1e6)), "erf": ((-6.0, 6.0), (-1.0, 1.0)),
    "erfc": ((-6.0, 28.0), (-1.0, 3.0), (0.5, 10.5)),
    "gamma": ((-184.0, 172.0), (-40.0, 36.0), (-10.0, 10.0), (-2.0, 3.0)),
    "lgamma": ((-100.0, 100.0), (-10.0, 10.0), (-5.0, -2.0), (0.0, 4.0)),
}  # fmt: skip
_CRITICAL: dict[str, Sequence[float]] = {
    "exp": (709.782712893384, 88.72283905206835, -708.3964185322641, -745.1332191019412,
            -87.33654475055311, -103.97207708399179),
    "exp2": (1024.0, 128.0, -1022.0, -1075.0, -126.0, -150.0),
    "expm1": (709.782712893384, 88.72283905206835, -37.42994775023704, -17.328679513998633),
    "sinh": (710.4758600739439, 89.41598629223294, 22.0, 1.0),
    "cosh": (710.4758600739439, 89.41598629223294, 22.0, 1.0),
    "tanh": (1.0, 22.0, 9.010913), "log1p": (-1.0, 1.0, -0.2928932188134524, 0.41421356237309515),
    "asin": (-1.0, -0.5, 0.5, 1.0), "acos": (-1.0, -0.5, 0.5, 1.0), "atanh": (-1.0, -0.5, 0.5, 1.0),
    "atan": (0.4375, 0.6875, 1.1875, 2.4375), "acosh": (1.0, 2.0),
    "sin": TURNS, "cos": TURNS,
    "tan": TURNS, "erf": (0.84375, 1.25, 2.857142857142857, 6.0),
    "erfc": (0.84375, 1.25, 2.857142857142857, 26.543258454250983, 27.226017111108362, 10.0541),
    "gamma": (171.6243769563027, 35.04010009765625, *INTEGERS_OF_GAMMA),
    "lgamma": (2.5563481638716906e305, 4.085034e36, *ZEROS_OF_LGAMMA, *INTEGERS_OF_GAMMA),
}  # fmt: skip


def _numpys_power(x: Any, y: Any) -> Any:
    """Of arrays: of scalars NumPy takes some powers for square roots, which have other signs."""
    return np.power(np.repeat(x, 2), np.repeat(y, 2))[0]


def _of_row(row: Row) -> Function:
    return Function(
        row.name,
        row.python,
        _numpys_power if row.python is math.pow else row.reference,
        _EXACT[row.name],
        row.arity,
        row.ulp,
        _RANGES.get(row.name, Function._field_defaults["ranges"]),
        _CRITICAL.get(row.name, Function._field_defaults["critical"]),
        longdouble_ulp=row.longdouble_ulp,
    )


FUNCTIONS = (
    *(_of_row(row) for row in ROWS if row.name in _EXACT),
    Function("log_to_base", lambda x, y: math.log(x, y), lambda x, y: np.log(x) / np.log(y),
             lambda x, y: mpmath.log(x) / mpmath.log(y), 2, 3, _POSITIVE, (1.0, 2.0, 10.0), 2 * VECTOR_ULP + 0.5),
    Function("degrees", math.degrees, np.degrees, mpmath.degrees, 1, 1.5),
    Function("radians", math.radians, np.radians, mpmath.radians, 1, 1.5),
    Function("logaddexp", np.logaddexp, np.logaddexp, _logaddexp(lambda: mpmath.mpf(1)), 2, 2,
             absolute=True),
    Function("logaddexp2", np.logaddexp2, np.logaddexp2, _logaddexp(lambda: mpmath.ln(2)), 2, 3,
             absolute=True),
)  # fmt: skip
BY_NAME = {function.name: function for function in FUNCTIONS}
