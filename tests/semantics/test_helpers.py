"""Plain helper functions, globals and closure cells: inlined, and read when a kernel compiles."""

from __future__ import annotations

import importlib
import math
import math as renamed
from math import sqrt

import helper_module
import numpy as np
import pytest
from backends import DTYPES, FLOATS, check, edges, grid
from helper_module import nested, scaled

import kernelgen
from kernelgen import pipeline
from kernelgen.errors import UnsupportedError
from kernelgen.rewrites.fold_constants import fold_constants
from kernelgen.types.table import FLOAT64, INT64

resolve_calls = importlib.import_module("kernelgen.rewrites.resolve_calls")  # the pass has its name

F4, F8, I8 = (np.dtype(t) for t in ("f4", "f8", "i1"))
SMALL = np.arange(-6, 12)
FACTOR = 2.5
SINGLE = np.float32(2.5)
DEBUG = False
TABLE = (10, 20, (30, 40))
Limits = type("Limits", (), {"low": -2, "high": 2})


def clamp(x, low=0, high=10):
    if x < low:
        return low
    if x > high:
        return high
    return x


def both(x, y):
    return x + y, x - y


def test_helper():
    def kernel(x, y):
        return clamp(x, -1, y) * 2

    check(kernel, *grid(F8, F8))
    check(kernel, *grid(I8, I8))


def test_helper_with_defaults_and_keywords():
    def kernel(x):
        return clamp(x) + clamp(x, high=3) + clamp(high=2, x=x, low=-2) + clamp(x, -5)

    check(kernel, SMALL)


def test_helper_that_returns_a_tuple():
    def kernel(x, y):
        s, d = both(x, y)
        return s * d + both(d, s)[1]

    check(kernel, *grid("i4", F8))


def test_helpers_arguments_are_typed_by_each_call():
    def kernel(x, y):
        return clamp(x), clamp(y)

    check(kernel, *grid(I8, F4))


def test_nested_helpers():
    def square(x):
        return x * x

    def fourth(x):
        return square(square(x))

    def kernel(x):
        return fourth(x) + square(x)

    check(kernel, edges("i4"))
    check(kernel, edges(F4))


def test_helper_in_another_module_uses_its_own_globals():
    def kernel(x):
        return scaled(x) + nested(x) + helper_module.scaled(x) + helper_module.SCALE

    check(kernel, SMALL)


def test_helper_with_loops_called_in_a_loop():
    def power(x, n):
        result = 1
        for _ in range(n):
            result = result * x
        return result

    def kernel(x, n):
        total = 0
        for i in range(n):
            total += power(x, i)
        return total

    check(kernel, np.array([1.5, 2.0, -1.0, 0.5]), np.array([3, 4, 5, 0]), dtype="f8")


def test_helper_that_returns_in_the_middle_of_a_loop():
    def first_divisor(n):
        for d in range(2, n):
            if n % d == 0:
                return d
        return n

    def kernel(n):
        return first_divisor(n) * 100 + first_divisor(n + 1)

    check(kernel, np.arange(2, 40))


def test_helper_that_raises():
    def checked(x):
        if x < 0:
            raise ValueError("negative")
        return x

    def kernel(x):
        return checked(x) + 1

    check(kernel, SMALL)


def test_helper_assigning_its_parameter_leaves_the_callers_alone():
    def halved(x):
        x = x / 2
        return x

    def kernel(x):
        return halved(x) + x

    check(kernel, edges(F8))


def test_lambda():
    double = lambda x: 2 * x

    def kernel(x):
        return double(x) + (double)(1)

    check(kernel, SMALL)
    check(lambda x, y: x * y + 1, *grid(F4, F4))


def test_function_chosen_by_a_constant_condition():
    def kernel(x):
        function = math.floor if FACTOR > 2 else math.ceil
        return function(x)

    check(kernel, np.linspace(-3, 3, 13))


def test_function_as_an_argument_of_a_helper():
    def apply(function, x):
        return function(x) + function(x + 1)

    def kernel(x):
        return apply(scaled, x) - apply(abs, x)

    check(kernel, SMALL)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_functions_of_math_under_any_name(dtype):
    local = math.sqrt

    def kernel(x):
        return sqrt(x) + renamed.sqrt(x) + math.sqrt(x) + local(x)

    x = np.array([0.0, 1.0, 4.0, 9.0, 0.25], dtype)
    check(kernel, x, oracle=lambda x: np.sqrt(x) * 4)


def test_wrong_arguments_of_a_helper_are_refused():
    def missing(x):
        return both(x)

    def unknown(x):
        return clamp(x, middle=3)

    def twice(x):
        return clamp(x, x=3)

    def many(x):
        return clamp(x, 1, 2, 3)

    for kernel in (missing, unknown, twice, many):
        with pytest.raises(UnsupportedError, match="cannot be called with these arguments"):
            kernelgen.vectorize(kernel)(1)


# ------------------------------------------------------------------------ globals and closures


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_python_globals_are_weak(dtype):
    def kernel(x):
        return x * FACTOR

    check(kernel, edges(dtype))


@pytest.mark.parametrize("dtype", [F4, F8, I8], ids=str)
def test_numpy_globals_are_strong(dtype):
    def kernel(x):
        return x * SINGLE

    check(kernel, edges(dtype))


def test_closure_cells():
    def make(scale, offset):
        def kernel(x):
            return x * scale + offset

        return kernel

    check(make(2, 1), SMALL)
    check(make(0.5, np.float32(1)), edges(F4))


def test_attributes_of_modules_and_classes():
    def kernel(x):
        return x * math.pi + Limits.low if x < Limits.high else math.inf

    check(kernel, SMALL)


def test_tuples_as_globals():
    def kernel(x):
        a, b, (c, d) = TABLE
        return x + a * b + c - d + TABLE[1] + TABLE[-1][0]

    check(kernel, SMALL)


def test_globals_are_read_when_the_kernel_is_compiled():
    namespace = {"n": 1}
    exec("def kernel(x): return x + n", namespace)
    ufunc = kernelgen.vectorize(namespace["kernel"])
    namespace["n"] = 10
    assert ufunc(1) == 11
    namespace["n"] = 100
    assert ufunc(1) == 11
    assert ufunc(1.0) == 101.0


def test_branches_on_a_constant_flag_are_not_compiled():
    """What stands in them need have no type, nor even exist in full."""

    def kernel(x):
        if DEBUG:
            return "text" + math.no_such_function(x)
        if not DEBUG and x > 3:
            return x * 2
        while DEBUG:
            x = x.shape[0]
        return x

    check(kernel, SMALL)


def test_constants_are_computed_when_compiling():
    def kernel(x):
        return x + (FACTOR**2 - math.sqrt(FACTOR)) * TABLE[0] // 3

    rewritten = pipeline.rewritten(pipeline.Request(kernel, (INT64,)))
    assert [op.name for op in rewritten.ops()] == ["convert", "const", "add", "return"]
    check(kernel, SMALL)


def test_none_as_default():
    def helper(x, y=None):
        if y is None:
            return x
        return x * y

    def kernel(x):
        return helper(x) + helper(x, 3) + helper(x, None)

    check(kernel, SMALL)


def test_unknown_names_are_refused_where_they_stand():
    def kernel(x):
        return x + undefined_name  # noqa: F821

    with pytest.raises(UnsupportedError, match="'undefined_name' is not defined") as raised:
        kernelgen.vectorize(kernel)(1)
    assert "return x + undefined_name" in str(raised.value)
    assert "^^^^^^^^^^^^^^" in str(raised.value)


# ------------------------------------------------------------------------- many calls in a block

LINES = {
    "helpers": "    x = halved(x)\n",
    "closures": "    x = inner(x)\n",
    "operators": "    x = math.fabs(x)\n",
    "ufuncs": "    x = np.fabs(x)\n",
}


def halved(x):
    return x * 0.5 + 1.0


def many_calls(line, count):
    source = (
        f"def f(x):\n    k = 0.5\n    def inner(y): return y * k + 1.0\n{line * count}    return x"
    )
    namespace = {"halved": halved, "math": math, "np": np}
    exec(source, namespace)
    return namespace["f"]


def rounds(monkeypatch, kernel):
    """How often all of a kernel's code is gone over while its calls are resolved."""
    seen = []

    def counted(function):
        seen.append(function)
        return fold_constants(function)

    monkeypatch.setattr(resolve_calls, "fold_constants", counted)
    pipeline.typed(pipeline.Request(kernel, (FLOAT64,)))
    return len(seen)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_many_calls_take_no_more_rounds_than_a_few(monkeypatch, line):
    few, many = (rounds(monkeypatch, many_calls(line, count)) for count in (3, 60))
    assert few == many


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_many_calls_compute_the_same(line):
    check(many_calls(line, 12), SMALL * 0.5)
