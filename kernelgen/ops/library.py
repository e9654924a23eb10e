"""Functions of the kernel language that stand for builtins, and for ops without a lowering.

They are compiled and inlined like a user's helper functions, so they say what they mean in
Python, and every target has them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from kernelgen.types.digits import DEGREES_OF_RADIAN, RADIANS_OF_DEGREE

BY_CALL: dict[tuple[Any, int], Callable[..., Any]] = {}
"""The function that replaces a builtin or a function of ``math`` with that many arguments."""


def replaces(original: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function as the meaning of ``original`` in kernels.

    Its arguments have the names that they have as keywords of the original.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        BY_CALL.update({(original, count): function for count in counts_of(function)})
        return function

    return enter


def counts_of(function: Callable[..., Any]) -> range:
    """The numbers of arguments with which a function can be called."""
    most = function.__code__.co_argcount + function.__code__.co_kwonlyargcount
    optional = len(function.__defaults__ or ()) + len(function.__kwdefaults__ or ())
    return range(most - optional, most + 1)


OF_NUMBERS: set[Callable[..., Any]] = set()
"""Those whose definitions are for numbers, and stand for each element of arrays."""


def of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter the decorated function as one that arrays are given to element by element."""
    OF_NUMBERS.add(function)
    return function


def square(base: Any, exponent: Any) -> Any:
    """``base ** 2``, as NumPy computes it."""
    return base * base


def floor_divide(a: Any, b: Any) -> Any:
    """``a // b`` of floats, as CPython's ``float_divmod`` and NumPy compute it."""
    if b == 0:
        return a / b
    remainder = math.fmod(a, b)
    quotient = (a - remainder) / b
    if remainder != 0 and (b < 0) != (remainder < 0):
        quotient -= 1.0
    if quotient == 0:
        return math.copysign(0.0, a / b)
    rounded = downward(quotient)
    return rounded + 1.0 if quotient - rounded > 0.5 else rounded


def floor_remainder(a: Any, b: Any) -> Any:
    """``a % b`` of floats: fmod, moved to the sign of b."""
    remainder = math.fmod(a, b)
    if b == 0:
        return remainder
    if remainder == 0:
        return math.copysign(remainder, b)
    return remainder + b if (b < 0) != (remainder < 0) else remainder


def integer_power(base: Any, exponent: Any) -> Any:
    """``base ** exponent`` by repeated squaring, modulo the width of its type."""
    if exponent < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    result = 1
    while exponent:
        if exponent & 1:
            result = result * base
        base = base * base
        exponent = exponent >> 1
    return result


def unchecked_range(start: int, stop: int, step: int) -> range:
    """The op ``range``, which takes any step for a good one."""
    return range(start, stop, step)


def assign(target: Any, value: Any) -> None:
    """The op of that name: a number is stored in all elements, or an array broadcast to them."""
    target[...] = value


def element(array: Any, *indices: Any) -> Any:
    """The op ``get``: an element, by indices that are right."""
    return array[indices]


def put_element(array: Any, value: Any, i: Any) -> None:
    """The op ``put``: assign it."""
    array[i] = value


def fill_element(target: Any, value: Any) -> None:
    """The op ``assign``, of an array without dimensions."""
    target[()] = value


def fill_vector(target: Any, value: Any) -> None:
    """The op ``assign``, of one dimension."""
    for i in range(len(target)):
        target[i] = value


def fill_rows(target: Any, value: Any) -> None:
    """The op ``assign``, of more dimensions."""
    for row in target:
        assign(row, value)


def nearest(x: Any) -> Any:
    """The op ``rint``: the nearest whole number, half to even, as a float."""
    return _as_strong_as(x, np.rint(x))


def toward_zero(x: Any) -> Any:
    """The op ``whole``: the number without its fraction, as a float."""
    return _as_strong_as(x, np.trunc(x))


def downward(x: Any) -> Any:
    """The op ``whole_below``: the greatest whole number that is not above, as a float."""
    return _as_strong_as(x, np.floor(x))


def upward(x: Any) -> Any:
    """The op ``whole_above``: the least whole number that is not below, as a float."""
    return _as_strong_as(x, np.ceil(x))


def fraction(x: Any) -> Any:
    """The op of that name: the first result of ``frexp``."""
    return _as_strong_as(x, np.frexp(x)[0])


def exponent(x: Any) -> Any:
    """The op of that name: the second result of ``frexp``."""
    return int(np.frexp(x)[1])


def type_like(value: Any, like: Any) -> Any:
    """The op ``like``: ``value`` in the type of another number."""
    return type(like)(value)


def _as_strong_as(x: Any, result: Any) -> Any:
    return result if isinstance(x, np.generic) else float(result)


FOLDED: tuple[Any, ...] = (math.gcd, math.lcm, math.hypot)
"""Functions of any number of arguments: of three, f(x, y, z) is f(f(x, y), z)."""


@replaces(range)
def range_to(stop: Any) -> Any:
    return unchecked_range(0, stop, 1)


@replaces(range)
def range_between(start: Any, stop: Any) -> Any:
    return unchecked_range(start, stop, 1)


@replaces(range)
def range_by(start: Any, stop: Any, step: Any) -> Any:
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    return unchecked_range(start, stop, step)


@replaces(divmod)
def divide_with_remainder(x: Any, y: Any) -> Any:
    return x // y, x % y


@replaces(pow)
def power(base: Any, exponent: Any) -> Any:
    return base**exponent


def tuples_equal(a: Any, b: Any) -> Any:
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):  # noqa: B905, SIM110 - as is_one_of()
        if x != y:
            return False
    return True


def tuples_differ(a: Any, b: Any) -> Any:
    return not tuples_equal(a, b)


def tuple_less(a: Any, b: Any) -> Any:
    for x, y in zip(a, b):  # noqa: B905 - the shorter one ends it
        if x != y:
            return x < y
    return len(a) < len(b)


def tuple_less_equal(a: Any, b: Any) -> Any:
    for x, y in zip(a, b):  # noqa: B905 - the shorter one ends it
        if x != y:
            return x <= y
    return len(a) <= len(b)


def tuple_greater(a: Any, b: Any) -> Any:
    return tuple_less(b, a)


def tuple_greater_equal(a: Any, b: Any) -> Any:
    return tuple_less_equal(b, a)


TUPLE_COMPARISONS = {
    "eq": tuples_equal,
    "ne": tuples_differ,
    "lt": tuple_less,
    "le": tuple_less_equal,
    "gt": tuple_greater,
    "ge": tuple_greater_equal,
}
"""What compares tuples, by the name of the op: the first elements that differ decide."""


def is_one_of(value: Any, values: Any) -> Any:
    """``value in values``"""
    for other in values:  # noqa: SIM110 - this is what defines `in`
        if value == other:
            return True
    return False


@replaces(math.log)
def logarithm(x: Any, base: Any) -> Any:
    return math.log(x) / math.log(base)


@replaces(math.degrees)
def degrees(x: Any) -> Any:
    return x * DEGREES_OF_RADIAN


@replaces(math.radians)
def radians(x: Any) -> Any:
    return x * RADIANS_OF_DEGREE


@replaces(math.gcd)
def gcd(a: Any, b: Any) -> Any:
    """Euclid's algorithm."""
    a, b = index(a), index(b)
    while b:
        a, b = b, a % b
    return abs(a)


@replaces(math.lcm)
def lcm(a: Any, b: Any) -> Any:
    a, b = index(a), index(b)
    divisor = gcd(a, b)
    return abs(a // divisor * b) if divisor else divisor


@replaces(math.gcd)
@replaces(math.lcm)
def magnitude(a: Any) -> Any:
    return abs(index(a))


@replaces(math.gcd)
def divisor_of_nothing() -> Any:
    return 0


@replaces(math.lcm)
def multiple_of_nothing() -> Any:
    return 1


@replaces(math.hypot)
def length(x: Any) -> Any:
    return math.fabs(x)


@replaces(math.hypot)
def length_of_nothing() -> Any:
    return 0.0


@replaces(math.factorial)
def factorial(n: Any) -> Any:
    """n!, modulo 2**64 beyond n = 20."""
    n = index(n)
    if n < 0:
        raise ValueError("factorial() not defined for negative values")
    result = 1
    for k in range(2, n + 1):
        result *= k
    return result


@replaces(math.comb)
def comb(n: Any, k: Any) -> Any:
    """Binomial coefficient.

    Each product is divisible without remainder; dividing first keeps it within the result.
    """
    n, k = index(n), index(k)
    if n < 0 or k < 0:
        raise ValueError("comb() needs non-negative integers")
    result = 1
    if k > n:
        result = 0
    for i in range(min(k, n - k)):
        whole, rest = divmod(result, i + 1)
        result = whole * (n - i) + rest * (n - i) // (i + 1)
    return result


@replaces(math.perm)
def perm(n: Any, k: Any = None) -> Any:
    if k is None:
        return factorial(n)
    n, k = index(n), index(k)
    if n < 0 or k < 0:
        raise ValueError("perm() needs non-negative integers")
    result = 1
    if k > n:
        result = k = 0
    for i in range(k):
        result *= n - i
    return result


@replaces(math.isqrt)
def isqrt(n: Any) -> Any:
    """Integer square root: the floating point one, corrected by at most one step each way."""
    n = index(n)
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    root = min(int(math.sqrt(n)), 3037000499)
    while root * root > n:
        root -= 1
    while root < 3037000499 and (root + 1) * (root + 1) <= n:
        root += 1
    return root


@replaces(math.isclose)
def isclose(a: Any, b: Any, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Any:
    if rel_tol < 0 or abs_tol < 0:
        raise ValueError("tolerances must be non-negative")
    a, b = float(a), float(b)
    if a == b:
        return True
    difference = abs(a - b)
    near = difference <= rel_tol * max(abs(a), abs(b)) or difference <= abs_tol
    return near and difference != math.inf


@replaces(math.modf)
def modf(x: Any) -> Any:
    """Both parts have the sign of x, the fraction of an infinity is zero."""
    whole = toward_zero(x)
    rest = x - whole if x != whole else 0.0
    return x if math.isnan(x) else math.copysign(rest, x), whole


@replaces(math.frexp)
def frexp(x: Any) -> Any:
    return fraction(x), exponent(x)


def step_toward(x: Any, y: Any, *, steps: Any) -> Any:
    """``math.nextafter(x, y, steps=n)``"""
    left = index(steps)
    if left < 0:
        raise ValueError("steps must be a non-negative integer")
    if math.isnan(y):
        x = y
    while left > 0 and x != y and not math.isnan(x):
        x = math.nextafter(x, y)
        left -= 1
    return x


if sys.version_info >= (3, 12):
    replaces(math.nextafter)(step_toward)


@replaces(math.ulp)
def ulp(x: Any) -> Any:
    """The distance to the next larger float, of the largest one to the next smaller."""
    x = abs(x)
    above = math.nextafter(x, math.inf)
    return above - x if above != math.inf else x - math.nextafter(x, 0.0)


def round_to_digits(x: Any, digits: Any) -> Any:
    """``round(x, digits)`` of a float as NumPy has it: scaled, rounded half to even, unscaled."""
    scale = 10.0 ** abs(digits)
    return nearest(x * scale) / scale if digits >= 0 else nearest(x / scale) * scale


def round_integer_to_digits(x: Any, digits: Any) -> Any:
    """``round(x, digits)`` of an integer: to a multiple of 10**-digits, half to even."""
    result = x
    if digits < 0:
        scale = 10 ** min(-digits, 18)
        quotient = int(x) // scale
        rest = int(x) - quotient * scale
        twice = rest * 2
        if twice > scale or (twice == scale and quotient % 2 == 1):
            quotient += 1
        result += quotient * scale - int(x)
    return result
