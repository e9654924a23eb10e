"""Exceptions made of constants and scalars: class, arguments and text are Python's, everywhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from backends import COMPLEX, DTYPES, attempt, check, edges
from hypothesis import given
from hypothesis import strategies as st

import kernelgen


class OutOfRangeError(Exception):
    """A user's own class, whose constructor does not take its ``args``."""

    def __init__(self, code, unit="m", *, limit=0):
        super().__init__(f"code {code!r} {unit!r} {limit!r}")


class Point(NamedTuple):
    x: object
    y: object


X = np.array([-2.5, 1.5, 3.0, 1e-40, np.nan, -0.0])
N = np.array([-3, 100, 0, 7, 1, 2], "i2")


def f_string(x, n):
    if x < n:
        raise ValueError(f"bad {x} at {n:>4d} {x!r:.3} {x:.3f} {n!s} {x!a} {{}}")
    return x


def f_string_with_a_computed_format(x, n):
    if n > 0:
        raise ValueError(f"{x:>{n}.3f} {n:{'+d'}}")
    return x


def several_arguments(x, n):
    if x < n:
        raise ValueError("bad", x, n, 3, None, True, 2.5, 1j)
    return x


def tuples(x, n):
    if x < n:
        raise ValueError((x, (n, "a", ())), Point(n, x))
    return x


def a_tuple_chosen(x, n):
    pair = (x, n) if n > 1 else (x * 2, n)
    if n != 0:
        raise ValueError(pair, f"{pair}")
    return x


def percent(x, n):
    if x < n:
        raise ValueError("bad %d" % n, "%s and %r: %6.2f" % (n, x, x), "%5d|%-5d" % (n, n))
    return x


def str_format(x, n):
    if x < n:
        raise ValueError("{!r}".format(x), "{1:>6} {0!r} {a:.2f}".format(x, n, a=x))
    return x


def functions(x, n):
    if x < n:
        raise ValueError("a" + str(x) + repr(n) + ascii(x), format(x, ".2f"), format(n))
    return x


def class_with_keywords(x, n):
    if x < n:
        raise OutOfRangeError(n, limit=x)
    return x


def key_error(x, n):
    if x < n:
        raise KeyError(n)
    return x


def weak_values(x, n):
    i = int(n)
    if x < n:
        raise ValueError(i, i + 1, x > 1, i > 1, float(n), i * 0.5, x * 1j, i * 1j, not i)
    return x


def computed_values(x, n):
    y = x * n + 1
    if x < n:
        raise ValueError(f"{y} {y / 3!r} {n // 2!r}", y, -n, abs(x))
    return y


def message_in_a_variable(x, n):
    text = f"n is {n}"
    if x < n:
        raise ValueError(text + ", not " + str(x))
    return x


def exception_in_a_variable(x, n):
    error = ValueError(x, n)
    if x < n:
        raise error
    return x


def message_chosen(x, n):
    if x < n:
        raise ValueError("negative" if n < 0 else f"{n} is too large" if n > 50 else x)
    return x


def class_chosen(x, n):
    if x < n:
        raise (KeyError if n > 50 else ValueError)(x)
    return x


def parts_chosen(x, n):
    unit = "m" if n > 50 else "km"
    total = 0
    for i in range(3):
        total += i
    if x < n:
        raise ValueError(f"{x} {unit} {'a' if n > 5 else 'b'} {total}")
    return x + total


def in_a_loop(x, n):
    total = x
    for i in range(5):
        total = total + i
        if total > 4 and n > 0:
            raise ValueError(f"{total!r} after {i}", i)
    return total


def error_of_a_helper(x, n):
    if n < 0:
        return ValueError(f"negative {n}")
    return KeyError(n, x)


def raised_for(x, n):
    if x < n:
        raise error_of_a_helper(x, n)
    return x


def check_positive(value, name):
    if value <= 0:
        raise ValueError(f"{name} must be positive, not {value}")
    return value


def by_helpers(x, n):
    return check_positive(x, "x") + check_positive(n, "n")


@kernelgen.vectorize
def positive(x):
    if x <= 0:
        raise ValueError("not positive", x)
    return x


def by_a_ufunc(x, n):
    return positive(x) + positive(n)


KERNELS = [
    f_string, f_string_with_a_computed_format, several_arguments, tuples, a_tuple_chosen, percent,
    str_format, functions, class_with_keywords, key_error, weak_values, computed_values,
    message_in_a_variable, exception_in_a_variable, message_chosen, class_chosen, parts_chosen,
    in_a_loop, raised_for, by_helpers, by_a_ufunc,
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_exceptions_are_those_of_python(kernel, dtype):
    check(kernel, X.astype(dtype), N)


ASSERTIONS = """
def with_f_string(x, n):
    assert x > n, f"x is {x}, n is {n!r}"
    return x

def with_a_number(x, n):
    assert x > n, x
    return x

def with_a_tuple(x, n):
    assert x > n, (x, n)
    return x
"""


@pytest.mark.parametrize("name", ["with_f_string", "with_a_number", "with_a_tuple"])
def test_assertions(name):
    scope = {}  # pytest rewrites the assertions of this file
    exec(ASSERTIONS, scope)
    check(scope[name], X, N, dtype="f8")


# ------------------------------------------------------------------------------ every value

SPECS = st.sampled_from(["", ">12", "<12", "+", "e", ".3f", "08", "d", "x", ",", "%", "s", "q"])
CONVERSIONS = st.sampled_from(["", "!r", "!s", "!a"])
TYPES = st.sampled_from([*DTYPES, *COMPLEX])


def message(conversion, spec, other):
    """A kernel whose message has its argument in it."""
    scope = {}
    exec(
        f"""
def kernel(x, y):
    if y == y or y != y:
        raise ValueError(f"a {{x{conversion}:{spec}}} {{y}}", x, (y, {other}))
    return x
""",
        scope,
    )
    return scope["kernel"]


@given(st.data(), TYPES, TYPES, CONVERSIONS, SPECS)
def test_messages_of_any_value_in_any_format(data, first, second, conversion, spec):
    other = data.draw(st.sampled_from(["x == y", "str(y)", "repr(x)", "bool(x)", "x.imag"]))
    kernel = message(conversion, spec, other)
    x, y = (data.draw(values(dtype)) for dtype in (first, second))
    expected = attempt(kernel, x, y)
    assert attempt(kernelgen.vectorize(kernel), x, y) == expected


def values(dtype):
    if dtype.kind == "c":
        part = dtype.type(0).real.dtype
        pairs = st.tuples(values(part), values(part))
        return pairs.map(lambda pair: np.array(pair, part).view(dtype)[0])
    return st.sampled_from(list(edges(dtype)))


def test_more_than_one_word_each():
    """Complex numbers take two words, and the widest exception decides how many there are."""

    def kernel(x, n):
        if n == 1:
            raise ValueError(x, n, x, True)
        if n == 2:
            raise KeyError(n)
        if n == 3:
            raise ValueError("none")
        return x

    x = np.array([1 + 2j, -0.0 - 1j, complex(np.inf, 3), 4j])
    for dtype in COMPLEX:
        check(kernel, x.astype(dtype), np.array([1, 2, 3, 4], "u1"))
