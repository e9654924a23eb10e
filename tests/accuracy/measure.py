"""Measuring: distances in units in the last place (ulp) of machine code's values from the truth.

Mpmath is the truth, at every argument that could matter. Which do is found out by the C library's
long doubles, which have 11 bits more than float64. That is sound for these reasons:

- An error that is measured against a long double differs from the true one by the long double's
  own error, and that is measured too, at each argument that mpmath sees: if it is more than
  ``TRUSTED`` ulp anywhere, the function is measured against mpmath alone.
- Mpmath sees the arguments with the largest errors, which are infinite where the long double has
  another sign or kind of value, and some thousand random ones. Zeros, infinities and nan, which
  it does not know, are compared with the reference.
- So what is left out has an error that is less than one that mpmath has confirmed, or the long
  double is wrong there by as much, in the same direction, and nowhere among the random arguments.

Longdouble itself, and complex numbers, are measured by mpmath alone, at fewer points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
from backends import quiet

import kernelgen

from .functions import Function
from .points import arguments

TRUSTED = 0.1
CHECKED = 2000
"""How many arguments mpmath sees of the largest errors, and how many random ones, at most."""
PRECISION = 200
PATHS = {"vector": {}, "precise": {"precise": True}}
"""How kernels are compiled: as they are by default, and with scalar functions only."""


class Measured(NamedTuple):
    """The largest error of one function of one type on one path."""

    function: str
    dtype: str
    path: str
    ulp: float
    argument: str
    points: int


def measure(function: Function, dtype: Any, count: int, seed: int) -> list[Measured]:
    """The largest error on each path, at about ``count`` arguments."""
    dtype = np.dtype(dtype)
    args = arguments(function, dtype, count, np.random.default_rng(seed))
    truth = Truth(function, args)
    found = []
    name = "longdouble" if dtype == np.longdouble else str(dtype)
    for path, options in PATHS.items():
        values = _kernel(function, **options)(*args)
        assert values.dtype == dtype
        error, worst = _largest(truth, values, seed)
        at = ", ".join(repr(a[worst]).partition("(")[2].rstrip(")").strip("'") for a in args)
        found.append(Measured(function.name, name, path, error, at, len(args[0])))
    return found


def _kernel(function: Function, **options: Any) -> Callable[..., Any]:
    call = function.call
    if function.arity == 1:
        return kernelgen.vectorize(**options)(lambda x: call(x))
    return kernelgen.vectorize(**options)(lambda x, y: call(x, y))


def _largest(truth: Truth, values: np.ndarray, seed: int) -> tuple[float, int]:
    """The largest error of values, and where it is."""
    everything = np.arange(len(values))
    if truth.estimates is None:
        chosen = everything
    else:
        with quiet():
            guess = differences(values, truth.estimates, truth.sizes)
        checked = min(CHECKED, len(values) // 50)
        chosen = np.concatenate([np.argsort(guess)[-checked:], everything[truth.special]])
        random = np.random.default_rng(seed)
        chosen = np.unique(np.append(chosen, random.integers(0, len(values), checked)))
        unsure = truth.doubtful(chosen)
        if unsure is not None:
            print(f"  long double is off by {unsure:.2g} ulp, mpmath is asked everywhere")
            truth.estimates, chosen = None, everything
    errors = np.array([truth.distance(values[i], i) for i in chosen])
    worst = int(np.argmax(errors))
    return float(errors[worst]), int(chosen[worst])


class Truth:
    """The exact values at some arguments, each computed when it is asked for."""

    def __init__(self, function: Function, args: tuple[np.ndarray, ...]) -> None:
        self.function = function
        self.args = args
        self.dtype = args[0].dtype
        self.known: dict[int, Any] = {}
        self.special = ~np.all([np.isfinite(a) & (a != 0) for a in args], axis=0)
        self.estimates = None
        self.sizes = np.maximum(*map(np.abs, args)) if function.absolute else None
        if self.dtype.itemsize <= 8:
            with quiet():
                wide = [a.astype(np.longdouble) for a in args]
            self.estimates = _kernel(function, precise=True)(*wide)

    def __getitem__(self, i: int) -> Any:
        """A number of mpmath; a float of the type at special arguments, and nan."""
        if i not in self.known:
            self.known[i] = self._compute(int(i))
        return self.known[i]

    def _compute(self, i: int) -> Any:
        args = tuple(a[i] for a in self.args)
        if not self.special[i]:
            with mpmath.workprec(PRECISION):
                try:
                    value = self.function.exact(*map(exactly, args))
                except (ValueError, ZeroDivisionError):  # a pole
                    value = None
                if isinstance(value, mpmath.mpc):
                    return np.float64("nan")
                if value is not None and mpmath.isfinite(value):
                    return value
        with quiet():
            return self.function.reference(*args)

    def distance(self, value: Any, i: int) -> float:
        """Of a value from the exact one, in ulp."""
        size = 0 if self.sizes is None or self.special[i] else exactly(self.sizes[i])
        return distance(value, self[i], self.dtype, size)

    def doubtful(self, chosen: np.ndarray) -> float | None:
        """The long doubles' largest error at some arguments, if it is more than is trusted."""
        assert self.estimates is not None
        worst = 0.0
        for i in chosen[~self.special[chosen]]:
            worst = max(worst, self.distance(self.estimates[i], i))
        return worst if worst > TRUSTED else None


def exactly(x: Any) -> Any:
    """A float of any width as a number of mpmath."""
    above, below = x.as_integer_ratio()
    with mpmath.workprec(PRECISION):
        return mpmath.mpf(above) / below


def unit(want: Any, dtype: np.dtype) -> Any:
    """The distance of the floats of a type around an exact value."""
    info = np.finfo(dtype)
    exponent = int(mpmath.frexp(want)[1]) - 1
    exponent = min(max(exponent, int(info.minexp)), int(info.maxexp) - 1)
    return mpmath.ldexp(1, exponent - int(info.nmant))


def distance(got: Any, want: Any, dtype: np.dtype, size: Any = 0) -> float:
    """In ulp of a type; infinite for a nan, a zero, an infinity or a sign in the wrong place.

    Where a ``size`` is given, the unit is that of numbers of this size, and signs do not count.
    Infinity stands for the first number that is too large, so that rounding up to it counts as
    any other rounding. Where a value is rounded to zero, its sign may not be lost.
    """
    if not isinstance(want, mpmath.mpf):
        if np.isnan(want) or np.isnan(got):
            return 0.0 if np.isnan(want) and np.isnan(got) else np.inf
        if want == 0 or np.isinf(want):
            return 0.0 if got == want and np.signbit(got) == np.signbit(want) else np.inf
        want = exactly(want)
    if np.isnan(got) or (want != 0 and size == 0 and (want < 0) != np.signbit(got)):
        return np.inf
    if want == 0 and size == 0:
        return 0.0 if got == 0 else np.inf
    with mpmath.workprec(PRECISION):
        beyond = mpmath.ldexp(1, int(np.finfo(dtype).maxexp))
        value = mpmath.mpf(float(got)) if np.isinf(got) else exactly(got)
        near, far = (max(min(v, beyond), -beyond) for v in (value, want))
        return float(abs(near - far) / unit(max(abs(want), size), dtype))


def differences(values: np.ndarray, estimates: np.ndarray, sizes: np.ndarray | None) -> np.ndarray:
    """The same of many values, with long doubles for the truth."""
    info = np.finfo(values.dtype)
    beyond = np.longdouble(2) ** int(info.maxexp)
    got = np.clip(values.astype(np.longdouble), -beyond, beyond)
    want = np.clip(estimates, -beyond, beyond)
    size = want if sizes is None else np.fmax(np.abs(want), np.minimum(sizes, beyond))
    exponent = np.clip(np.frexp(size)[1] - 1, int(info.minexp), int(info.maxexp) - 1)
    error = np.abs(got - want) / np.ldexp(np.longdouble(1), exponent - int(info.nmant))
    nans = np.isnan(values) | np.isnan(estimates)
    signs = np.signbit(values) == np.signbit(estimates)
    signs |= sizes is not None
    agree = np.where(nans, np.isnan(values) & np.isnan(estimates), signs)
    error = np.where(nans, 0.0, error)
    return np.where(agree, error, np.inf).astype(np.float64)
