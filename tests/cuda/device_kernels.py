"""Kernels for GPUs: functions, and the signatures that they are compiled for."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from kernelgen import vectorize
from kernelgen.cuda.ufuncs import DeviceUfunc


def arithmetic(x, y):
    return (x * y + 1) / (x - y)


def floor_division(x, y):
    return x // y, x % y


def bits(x, y):
    return (x & y) ^ (x << (y & 7)) | ~y


def comparisons(x, y):
    return x < y or (x == y * 2 and not y > 5)


def choice(x, y):
    return x if x > y else y - x


def transcendental(x):
    return math.exp(x) * math.sin(x) + math.log1p(abs(x))


def powers(x, y):
    return abs(x) ** y + math.hypot(x, y)


def rounding(x):
    return math.floor(x) + round(x), math.trunc(x), np.rint(x)


def parts(x):
    fraction, exponent = math.frexp(x)
    return math.ldexp(fraction, exponent + 1), exponent


def logarithm_of_gamma(x):
    return math.lgamma(x)


def complex_product(z, w):
    return z * w + z.conjugate()


def complex_exponential(z):
    return np.exp(z)


def collatz(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def escape_time(x, y):
    z = c = complex(x, y)
    for i in range(50):
        if z.real * z.real + z.imag * z.imag > 4:
            return i
        z = z * z + c
    return 50


TABLE = np.array([1.5, 2.5, -3.0, 8.0])


def looked_up(i, x):
    return TABLE[i % 4] * x


def clip(x, low, high):
    return min(max(x, low), high)


def helped(x):
    return clip(x, -1.0, 1.0) + clip(2 * x, 0.0, 3.0), x > 0


def earlier(a, b):
    return min(a, b), b - a


class Case(NamedTuple):
    """A kernel for some types. ``stack`` is whether libdevice needs memory for it, as it also
    does of NVIDIA's own compiler."""

    function: object
    types: str
    stack: bool = False

    def __str__(self) -> str:
        return f"{self.function.__name__}({self.types})"

    @property
    def ufunc(self) -> np.ufunc:
        return vectorize(precise=True)(self.function)

    @property
    def device_ufunc(self) -> DeviceUfunc:
        return vectorize(precise=True, target="cuda")(self.function)


CASES = [
    *(Case(arithmetic, types) for types in ("f4,f4", "f8,f8", "f2,f2", "i4,i4", "u1,f4", "F,F")),
    *(Case(floor_division, types) for types in ("i8,i8", "i4,i4", "u1,u1", "f4,f4", "f8,f8")),
    *(Case(bits, types) for types in ("i8,i8", "u2,u2", "i1,i4")),
    *(Case(comparisons, types) for types in ("f4,f4", "i8,i8", "f2,f2")),
    *(Case(choice, types) for types in ("f4,f4", "i2,i8", "f2,f2")),
    Case(transcendental, "f4"),
    Case(transcendental, "f2"),
    Case(transcendental, "f8", stack=True),
    *(Case(powers, types) for types in ("f4,f4", "f8,f8")),
    *(Case(rounding, types) for types in ("f4", "f8")),
    *(Case(parts, types) for types in ("f4", "f8")),
    Case(logarithm_of_gamma, "f8"),
    *(Case(complex_product, types) for types in ("F,F", "D,D")),
    Case(complex_exponential, "F", stack=True),
    Case(complex_exponential, "D", stack=True),
    *(Case(collatz, types) for types in ("i8", "i4")),
    *(Case(escape_time, types) for types in ("f4,f4", "f8,f8")),
    Case(looked_up, "i8,f8"),
    *(Case(helped, types) for types in ("f4", "f8")),
    Case(earlier, "M8[s],M8[s]"),
]
