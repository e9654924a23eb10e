"""The functions of complex numbers, each with the error bound that it keeps to.

What computes them is in ``complex_library.py``; the row of ``ufuncs.py`` names it as well.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """One function of one complex number, by its names in ``cmath`` and NumPy.

    ``ulp`` bounds the error of complex128 in units in the last place of the result's larger
    part, ``part_ulp`` in those of each part by itself; None where a part may cancel.
    complex64 is rounded from complex128; clongdouble keeps to twice as much.
    """

    python: Callable[..., Any] | None
    ufunc: np.ufunc
    ulp: float
    part_ulp: float | None


ROWS = (
    Row(cmath.exp, np.exp, 6, 6),
    Row(cmath.log, np.log, 4, 4),
    Row(cmath.log10, np.log10, 4, 4),
    Row(cmath.sqrt, np.sqrt, 2, 3),
    Row(cmath.sin, np.sin, 6, 6),
    Row(cmath.cos, np.cos, 6, 6),
    Row(cmath.tan, np.tan, 8, 10),
    Row(cmath.sinh, np.sinh, 6, 6),
    Row(cmath.cosh, np.cosh, 6, 6),
    Row(cmath.tanh, np.tanh, 8, 10),
    Row(cmath.asin, np.arcsin, 4, 4),
    Row(cmath.acos, np.arccos, 4, 4),
    Row(cmath.atan, np.arctan, 4, 4),
    Row(cmath.asinh, np.arcsinh, 4, 4),
    Row(cmath.acosh, np.arccosh, 4, 4),
    Row(cmath.atanh, np.arctanh, 4, 4),
    Row(None, np.exp2, 8, None),
    Row(None, np.expm1, 6, None),
    Row(None, np.log2, 4, 4),
    Row(None, np.log1p, 4, 4),
)
