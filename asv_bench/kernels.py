"""Ten scalar kernels, each in plain Python, in NumPy and in C, with realistic data.

The Python functions carry no decorator, so any compiler can take them. A literal in them
adapts to the type it meets (NEP 50), so one body serves float64 and float32. The C bodies are
written against two names that the build fills in: ``real``, the element type, and ``R(v)``,
which casts a literal to it. The entries of `CONSTANTS` are available to C under their names.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

try:
    from scipy.special import erf as erf_array
except ImportError:  # NumPy itself has no erf

    def erf_array(x: Array) -> Array:
        """Error function by a Python call per element."""
        return np.frompyfunc(math.erf, 1, 1)(x).astype(x.dtype)


Array = npt.NDArray[np.generic]
Arrays = tuple[Array, ...]

FLOATS = ("float64", "float32")

A0, A1, A2, A3 = 1.0, -0.5, 0.375, -0.3125
A4, A5, A6, A7 = 0.2734375, -0.24609375, 0.2255859375, -0.20947265625
RADIAN = math.pi / 180.0
EARTH_DIAMETER = 2.0 * 6371.0088
INV_SQRT_2 = 1.0 / math.sqrt(2.0)
INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
MAX_ESCAPE = 200

CONSTANTS = {
    name: value
    for name, value in tuple(globals().items())
    if name.isupper() and isinstance(value, int | float)
}


# Scalar kernels


def axpy(a, x, y):
    """Scaled sum."""
    return a * x + y


def horner(x):
    """Polynomial of degree 7: the series of 1/sqrt(1 + x)."""
    return A0 + x * (A1 + x * (A2 + x * (A3 + x * (A4 + x * (A5 + x * (A6 + x * A7))))))


def gaussian(x, mu, sigma):
    """Density of the normal distribution."""
    z = (x - mu) / sigma
    return math.exp(-0.5 * z * z) * INV_SQRT_2PI / sigma


def sigmoid(x):
    """Logistic function."""
    return 1.0 / (1.0 + math.exp(-x))


def normal_cdf(x):
    """Distribution function of the standard normal distribution."""
    return 0.5 * (1.0 + math.erf(x * INV_SQRT_2))


def black_scholes(s, k, t, r, sigma):
    """Price of a European call option."""
    spread = sigma * math.sqrt(t)
    d1 = (math.log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread
    d2 = d1 - spread
    return s * normal_cdf(d1) - k * math.exp(-r * t) * normal_cdf(d2)


def huber(r, delta):
    """Huber loss: quadratic near zero, linear on either side."""
    if r > delta:
        loss = delta * (r - 0.5 * delta)
    elif r < -delta:
        loss = -delta * (r + 0.5 * delta)
    else:
        loss = 0.5 * r * r
    return loss


def haversine(lat1, lon1, lat2, lon2):
    """Great-circle distance in kilometres of two points given in degrees."""
    north = math.sin((lat2 - lat1) * RADIAN * 0.5)
    east = math.sin((lon2 - lon1) * RADIAN * 0.5)
    a = north * north + math.cos(lat1 * RADIAN) * math.cos(lat2 * RADIAN) * east * east
    return EARTH_DIAMETER * math.asin(math.sqrt(a))


def mandelbrot(cr, ci):
    """Number of steps after which the orbit of a point leaves the circle of radius 2."""
    x = cr
    y = ci
    for step in range(MAX_ESCAPE):
        x2 = x * x
        y2 = y * y
        if x2 + y2 > 4.0:
            return step
        y = (x + x) * y + ci
        x = x2 - y2 + cr
    return MAX_ESCAPE


def collatz(n):
    """Number of Collatz steps from `n` down to 1."""
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def logaddexp(a, b):
    """Logarithm of ``exp(a) + exp(b)``, without overflow."""
    if a > b:
        return a + math.log1p(math.exp(b - a))
    return b + math.log1p(math.exp(a - b))


# The same in NumPy, as one would write it by hand


def gaussian_array(x: Array, mu: Array, sigma: Array) -> Array:
    """Array form of `gaussian`."""
    z = (x - mu) / sigma
    return np.exp(-0.5 * z * z) * INV_SQRT_2PI / sigma


def sigmoid_array(x: Array) -> Array:
    """Array form of `sigmoid`."""
    return 1.0 / (1.0 + np.exp(-x))


def normal_cdf_array(x: Array) -> Array:
    """Array form of `normal_cdf`."""
    return 0.5 * (1.0 + erf_array(x * INV_SQRT_2))


def black_scholes_array(s: Array, k: Array, t: Array, r: Array, sigma: Array) -> Array:
    """Array form of `black_scholes`."""
    spread = sigma * np.sqrt(t)
    d1 = (np.log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread
    d2 = d1 - spread
    return s * normal_cdf_array(d1) - k * np.exp(-r * t) * normal_cdf_array(d2)


def huber_array(r: Array, delta: Array) -> Array:
    """Array form of `huber`."""
    size = np.abs(r)
    return np.where(size > delta, delta * (size - 0.5 * delta), 0.5 * r * r)


def haversine_array(lat1: Array, lon1: Array, lat2: Array, lon2: Array) -> Array:
    """Array form of `haversine`."""
    north = np.sin((lat2 - lat1) * RADIAN * 0.5)
    east = np.sin((lon2 - lon1) * RADIAN * 0.5)
    a = north * north + np.cos(lat1 * RADIAN) * np.cos(lat2 * RADIAN) * east * east
    return EARTH_DIAMETER * np.arcsin(np.sqrt(a))


def mandelbrot_array(cr: Array, ci: Array) -> Array:
    """Array form of `mandelbrot`: all points step together, escaped ones are dropped."""
    count = np.full(cr.shape, MAX_ESCAPE, np.int64)
    active = np.arange(cr.size)
    x, y = cr, ci
    for step in range(MAX_ESCAPE):
        x2, y2 = x * x, y * y
        inside = x2 + y2 <= 4.0
        count[active[~inside]] = step
        active, cr, ci = active[inside], cr[inside], ci[inside]
        x, y, x2, y2 = x[inside], y[inside], x2[inside], y2[inside]
        x, y = x2 - y2 + cr, (x + x) * y + ci
    return count


def collatz_array(n: Array) -> Array:
    """Array form of `collatz`: all numbers step together, finished ones are dropped."""
    steps = np.zeros(n.shape, np.int64)
    active = np.flatnonzero(n > 1)
    value = n[active]
    while active.size:
        value = np.where(value % 2 == 0, value // 2, 3 * value + 1)
        steps[active] += 1
        running = value > 1
        active, value = active[running], value[running]
    return steps


# Data


def _uniform(n: int, dtype: str, seed: int, *ranges: tuple[float, float]) -> Arrays:
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(low, high, n).astype(dtype) for low, high in ranges)


def _normal(n: int, dtype: str, seed: int, *spreads: float) -> Arrays:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(0.0, spread, n).astype(dtype) for spread in spreads)


def make_axpy(n: int, dtype: str, seed: int) -> Arrays:
    """Three vectors of standard normal numbers."""
    return _normal(n, dtype, seed, 1.0, 1.0, 1.0)


def make_horner(n: int, dtype: str, seed: int) -> Arrays:
    """Points inside the circle of convergence."""
    return _uniform(n, dtype, seed, (-0.9, 0.9))


def make_gaussian(n: int, dtype: str, seed: int) -> Arrays:
    """Samples, means and standard deviations."""
    return _uniform(n, dtype, seed, (-4.0, 4.0), (-1.0, 1.0), (0.5, 2.0))


def make_sigmoid(n: int, dtype: str, seed: int) -> Arrays:
    """Activations as a network layer sees them."""
    return _normal(n, dtype, seed, 3.0)


def make_black_scholes(n: int, dtype: str, seed: int) -> Arrays:
    """Spot, strike, years to expiry, interest rate and volatility."""
    ranges = (50.0, 150.0), (50.0, 150.0), (0.1, 2.0), (0.0, 0.05), (0.1, 0.6)
    return _uniform(n, dtype, seed, *ranges)


def make_huber(n: int, dtype: str, seed: int) -> Arrays:
    """Residuals, and thresholds such that each of the three branches is common."""
    (residual,) = _normal(n, dtype, seed, 2.0)
    (delta,) = _uniform(n, dtype, seed + 1, (0.5, 1.5))
    return residual, delta


def make_haversine(n: int, dtype: str, seed: int) -> Arrays:
    """Two points each, in degrees, at the latitudes where people live."""
    latitudes, longitudes = (-55.0, 70.0), (-180.0, 180.0)
    return _uniform(n, dtype, seed, latitudes, longitudes, latitudes, longitudes)


def make_mandelbrot(n: int, dtype: str, seed: int) -> Arrays:
    """Points of the complex plane, pixel by pixel and row by row, jittered within a pixel."""
    side = math.isqrt(n - 1) + 1
    rng = np.random.default_rng(seed)
    pixel = np.arange(n)
    column = (pixel % side + rng.uniform(0.0, 1.0, n)) / side
    row = (pixel // side + rng.uniform(0.0, 1.0, n)) / side
    return (2.8 * column - 2.1).astype(dtype), (2.6 * row - 1.3).astype(dtype)


def make_collatz(n: int, dtype: str, seed: int) -> Arrays:
    """Integers below one million."""
    return (np.random.default_rng(seed).integers(1, 1_000_000, n).astype(dtype),)


def make_logaddexp(n: int, dtype: str, seed: int) -> Arrays:
    """Log-likelihoods whose order is not predictable."""
    return _normal(n, dtype, seed, 6.0, 6.0)


# The table


@dataclass(frozen=True)
class Kernel:
    """One kernel in every form that takes part in a comparison.

    Parameters
    ----------
    function : callable
        The scalar kernel, undecorated.
    array : callable
        The same on NumPy arrays.
    c : str
        Body of a C function whose parameters are named as those of `function`.
    make : callable
        ``make(n, dtype, seed)`` returns the tuple of input arrays.
    numexpr : str or None
        The same for numexpr, where it can be said without a loop and with its functions.
    dtypes : tuple of str
        Input dtypes that the kernel is meant for.
    result : str or None
        Dtype of the result, where it is not that of the inputs.
    tolerance : float
        Largest accepted difference between two implementations, in units of
        ``eps(dtype) * max(1, |value|)``.
    mismatches : float
        Share of the elements that may miss the tolerance. Zero, except where the result is
        discontinuous in the inputs, so that a fused multiply-add moves it.
    """

    function: Callable[..., object]
    array: Callable[..., Array]
    c: str
    make: Callable[[int, str, int], Arrays]
    numexpr: str | None = None
    dtypes: tuple[str, ...] = FLOATS
    result: str | None = None
    tolerance: float = 0.0
    mismatches: float = 0.0

    @property
    def name(self) -> str:
        """Name of the scalar function."""
        return self.function.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(inspect.signature(self.function).parameters)

    def result_dtype(self, dtype: str) -> str:
        """Dtype of the result for inputs of `dtype`."""
        return self.result or dtype

    def input_dtype(self, dtype: str) -> str:
        """`dtype` where the kernel takes it, else the one it is meant for."""
        return dtype if dtype in self.dtypes else self.dtypes[0]


_TABLE = (
    Kernel(
        axpy,
        axpy,
        c="return a * x + y;",
        make=make_axpy,
        numexpr="a * x + y",
        tolerance=4,
    ),
    Kernel(
        horner,
        horner,
        c="return A0 + x * (A1 + x * (A2 + x * (A3 + x * (A4 + x * (A5 + x * (A6 + x * A7))))));",
        make=make_horner,
        numexpr=(
            f"{A0} + x * ({A1} + x * ({A2} + x * ({A3}"
            f" + x * ({A4} + x * ({A5} + x * ({A6} + x * ({A7})))))))"
        ),
        tolerance=8,
    ),
    Kernel(
        gaussian,
        gaussian_array,
        c="""
            real z = (x - mu) / sigma;
            return exp(R(-0.5) * z * z) * INV_SQRT_2PI / sigma;
        """,
        make=make_gaussian,
        numexpr=f"exp(-0.5 * ((x - mu) / sigma) * ((x - mu) / sigma)) * {INV_SQRT_2PI} / sigma",
        tolerance=8,
    ),
    Kernel(
        sigmoid,
        sigmoid_array,
        c="return R(1) / (R(1) + exp(-x));",
        make=make_sigmoid,
        numexpr="1.0 / (1.0 + exp(-x))",
        tolerance=8,
    ),
    Kernel(
        black_scholes,
        black_scholes_array,
        c="""
            real spread = sigma * sqrt(t);
            real d1 = (log(s / k) + (r + R(0.5) * sigma * sigma) * t) / spread;
            real d2 = d1 - spread;
            real cdf1 = R(0.5) * (R(1) + erf(d1 * INV_SQRT_2));
            real cdf2 = R(0.5) * (R(1) + erf(d2 * INV_SQRT_2));
            return s * cdf1 - k * exp(-r * t) * cdf2;
        """,
        make=make_black_scholes,
        tolerance=300,  # the difference of two numbers up to 150
    ),
    Kernel(
        huber,
        huber_array,
        c="""
            if (r > delta)
                return delta * (r - R(0.5) * delta);
            else if (r < -delta)
                return -delta * (r + R(0.5) * delta);
            else
                return R(0.5) * r * r;
        """,
        make=make_huber,
        numexpr=(
            "where(r > delta, delta * (r - 0.5 * delta),"
            " where(r < -delta, -delta * (r + 0.5 * delta), 0.5 * r * r))"
        ),
        tolerance=4,
    ),
    Kernel(
        haversine,
        haversine_array,
        c="""
            real north = sin((lat2 - lat1) * RADIAN * R(0.5));
            real east = sin((lon2 - lon1) * RADIAN * R(0.5));
            real a = north * north + cos(lat1 * RADIAN) * cos(lat2 * RADIAN) * east * east;
            return EARTH_DIAMETER * asin(sqrt(a));
        """,
        make=make_haversine,
        numexpr=(
            f"{EARTH_DIAMETER} * arcsin(sqrt(sin((lat2 - lat1) * {RADIAN} * 0.5)**2"
            f" + cos(lat1 * {RADIAN}) * cos(lat2 * {RADIAN})"
            f" * sin((lon2 - lon1) * {RADIAN} * 0.5)**2))"
        ),
        tolerance=1000,  # the arcsine magnifies errors for points on opposite sides
    ),
    Kernel(
        mandelbrot,
        mandelbrot_array,
        c="""
            real x = cr, y = ci;
            for (int step = 0; step < MAX_ESCAPE; ++step) {
                real x2 = x * x, y2 = y * y;
                if (x2 + y2 > R(4))
                    return step;
                y = (x + x) * y + ci;
                x = x2 - y2 + cr;
            }
            return MAX_ESCAPE;
        """,
        make=make_mandelbrot,
        result="int64",
        mismatches=0.005,
    ),
    Kernel(
        collatz,
        collatz_array,
        c="""
            int64_t steps = 0;
            while (n > 1) {
                if (n % 2 == 0)
                    n = n / 2;
                else
                    n = 3 * n + 1;
                ++steps;
            }
            return steps;
        """,
        make=make_collatz,
        dtypes=("int64",),
    ),
    Kernel(
        logaddexp,
        np.logaddexp,
        c="""
            if (a > b)
                return a + log1p(exp(b - a));
            return b + log1p(exp(a - b));
        """,
        make=make_logaddexp,
        numexpr="where(a > b, a + log1p(exp(b - a)), b + log1p(exp(a - b)))",
        tolerance=8,
    ),
)

KERNELS = {kernel.name: kernel for kernel in _TABLE}
