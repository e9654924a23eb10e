"""Jitted functions that kernels and other jitted functions call."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelgen import njit, vectorize
from kernelgen.errors import TypingError, UnsupportedError


@njit
def square(x):
    return x * x


@njit
def scaled(x, factor=2.0, *, shift=0):
    return x * factor + shift


@njit("f4(f4, i8)")
def declared(x, n):
    return x * n


@njit(["f4(f4)", "f8(f8)"])
def several(x):
    return x / 3


@njit
def is_even(n):
    return True if n == 0 else is_odd(n - 1)


@njit
def is_odd(n):
    return False if n == 0 else is_even(n - 1)


@njit("i8(i8)")
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def test_a_kernel_calls_a_jitted_function():
    ufunc = vectorize(lambda x: square(x) + 1)
    assert ufunc(np.float32(3)) == 10
    assert ufunc(np.arange(3)).tolist() == [1, 2, 5]


def test_a_jitted_function_calls_another_one():
    cube = njit(lambda x: square(x) * x)
    assert (cube(3), cube(1.5)) == (27, 3.375)
    assert type(cube(np.float32(2))) is np.float32


def test_defaults_and_keywords():
    f = njit(lambda x: (scaled(x), scaled(x, 3), scaled(x, shift=1), scaled(factor=4, x=x)))
    assert f(1.5) == (3.0, 4.5, 4.0, 6.0)
    assert f(1.5) == f.py_func(1.5)


def test_one_signature_converts():
    f = njit(lambda x: declared(x, 2))
    got = f(np.float32(0.1))
    assert type(got) is np.float32
    assert got == np.float32(0.1) * 2
    with pytest.raises(TypingError):
        f(0.5j)


def test_of_several_signatures_the_arguments_decide():
    f = njit(lambda x: several(x))
    assert type(f(np.float32(1))) is np.float32
    assert f(1.0) == 1 / 3


def test_tuples_in_signatures_are_converted():
    swap = njit("UniTuple(f4, 2)(UniTuple(i4, 2))")(lambda p: (p[1], p[0]))
    got = njit(lambda a, b: swap((a, b)))(np.int8(1), np.int32(2))
    assert got == (2, 1)
    assert [type(v) for v in got] == [np.float32, np.float32]


def test_wrong_arguments_point_at_the_call():
    with pytest.raises(UnsupportedError, match=r"x, factor, shift\) cannot be called") as caught:
        njit(lambda x: scaled(x, 1, 2, 3))(1)
    assert "scaled(x, 1, 2, 3)" in str(caught.value)


def test_recursion_of_one_and_of_two():
    assert fibonacci(20) == 6765
    assert (is_even(10), is_odd(7), is_even(7)) == (True, True, False)
    depth = njit(lambda n: is_even(n))
    assert depth(np.int16(4))
    with pytest.raises(RecursionError):
        is_even(-1)


def test_functions_are_handed_on():
    @njit
    def compose(f, g, x):
        return f(g(x))

    @njit
    def twice(f, x):
        return compose(f, f, x)

    assert twice(square, 3) == 81
    assert twice(njit(lambda x: scaled(x, shift=1)), 1) == 7
    assert vectorize(lambda x: twice(square, x))(np.arange(3)).tolist() == [0, 1, 16]


def test_ufuncs_inside():
    kernel = vectorize(lambda x: x + 1)
    f = njit(lambda x: kernel(x) * np.sqrt(x) + math.sqrt(x))
    assert f(4.0) == 12.0


def test_exceptions_of_a_called_function():
    @njit
    def check(x):
        if x < 0:
            raise ValueError("negative", x)
        return x

    f = njit(lambda x: math.sqrt(check(x)))
    assert f(4.0) == 2.0
    with pytest.raises(ValueError, match="negative") as caught:
        f(-1.0)
    assert caught.value.args == ("negative", -1.0)


def test_nothing_is_compiled_of_the_called_function():
    inner = njit(lambda x: x + 1)
    assert njit(lambda x: inner(x))(1) == 2
    assert inner.signatures == []
