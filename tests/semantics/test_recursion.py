"""Functions that call themselves, and each other: values, types, exceptions, depth."""

from __future__ import annotations

import math
import sys
import threading

import numpy as np
import pytest
from backends import attempt, check, request

import kernelgen
from kernelgen import pipeline
from kernelgen.ir.interp import interpret
from kernelgen.ir.parse import parse_function
from kernelgen.ir.text import print_function
from kernelgen.types.table import FLOAT64, INT64

N = np.arange(12)
X = np.array([-1.5, 0.0, 0.25, 3.0, 7.5])


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


def accumulated(n, product=1):
    return product if n <= 1 else accumulated(n - 1, product * n)


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def gcd(a, b):
    return a if b == 0 else gcd(b, a % b)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def divide(n, d):
    if n < d:
        return 0, n
    quotient, rest = divide(n - d, d)
    return quotient + 1, rest


def nested(n, pair, nothing=None):
    if n <= 0:
        return (pair, (n, nothing)), n * 0.5
    found, half = nested(n - 1, (pair[1], pair[0] + n))
    return found, half + 1


def bisect(f, low, high, steps):
    middle = (low + high) / 2
    if steps == 0:
        return middle
    if f(middle) > 0:
        return bisect(f, low, middle, steps - 1)
    return bisect(f, middle, high, steps - 1)


def cube(x):
    return x * x * x - 2


def line(x):
    return x - 1


def simpson(f, a, b):
    return (b - a) / 6 * (f(a) + 4 * f((a + b) / 2) + f(b))


def adaptive(f, a, b, whole, tolerance):
    middle = (a + b) / 2
    left, right = simpson(f, a, middle), simpson(f, middle, b)
    if abs(left + right - whole) <= 15 * tolerance:
        return left + right + (left + right - whole) / 15
    return adaptive(f, a, middle, left, tolerance / 2) + adaptive(
        f, middle, b, right, tolerance / 2
    )


def checked(n, limit=3):
    """It is called for its exceptions alone."""
    if n > limit:
        raise ValueError(f"{n!r} is more than {limit}", n)
    if n > 0:
        checked(n - 1, limit)


def kernel_of_factorial(n):
    return factorial(n)


def kernel_of_accumulated(n):
    return accumulated(n)


def kernel_of_fibonacci(n):
    return fibonacci(n) + fibonacci(n - 1)


def kernel_of_ackermann(m, n):
    return ackermann(m, n)


def kernel_of_gcd(a, b):
    return gcd(a, b)


def kernel_of_parity(n):
    return is_even(n), is_odd(n)


def kernel_of_divide(n, d):
    quotient, rest = divide(n, d)
    return quotient, rest


def kernel_of_nested(n, x):
    ((a, b), (c, nothing)), half = nested(n, (x, n))
    return a, b, c if nothing is None else 0, half


def kernel_of_bisect(low, high):
    return bisect(cube, low, high, 30), bisect(line, low, high, 30)


def kernel_of_adaptive(a, b):
    return adaptive(math.exp, a, b, simpson(math.exp, a, b), 1e-9)


def kernel_in_a_loop(n):
    total = 0
    for i in range(4):
        if i != n:
            total += factorial(i) * n
    return total


def kernel_of_constants(x):
    return factorial(5) * x


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "f8", "f4"])
@pytest.mark.parametrize(
    "kernel",
    [kernel_of_factorial, kernel_of_accumulated, kernel_of_fibonacci, kernel_in_a_loop],
    ids=lambda kernel: kernel.__name__,
)
def test_numbers_of_all_types(kernel, dtype):
    n = np.arange(1, 6).astype(dtype)
    check(kernel, n)


def test_the_type_is_that_of_the_values_that_meet():
    """The 1 at the end is weak, what it is multiplied with is not."""
    for dtype in ("i1", "u2", "i4", "f4", "f2"):
        result = kernelgen.vectorize(kernel_of_factorial)(np.arange(4).astype(dtype))
        assert result.dtype == dtype


def test_other_recursions():
    m, n = (a.ravel() for a in np.meshgrid([0, 1, 2], [0, 1, 2, 3]))
    check(kernel_of_ackermann, m, n)
    check(kernel_of_gcd, np.array([48, 17, 0]), np.array([18, 5, 3]))
    check(kernel_of_parity, N)
    check(kernel_of_divide, N, np.full(12, 3))
    check(kernel_of_divide, N.astype("f8"), np.full(12, 2.5))
    # The elements change places, so both have the type in which they meet.
    check(kernel_of_nested, np.full(5, 3), X, dtype=("f8", "f8", "i8", "f8"))
    check(kernel_of_bisect, np.zeros(3), np.array([2.0, 3.0, 4.0]))
    check(kernel_of_adaptive, np.zeros(3), np.array([1.0, 2.0, 3.0]), ulp=8)
    check(kernel_of_constants, X)


def test_a_kernel_calls_itself_by_the_name_of_its_ufunc():
    @kernelgen.vectorize
    def power(x, n):
        return x * 0 + 1 if n == 0 else x * power(x, n - 1)

    check(power.py_func, X, np.full(5, 3), oracle=lambda x, n: x * x * x * (x * 0 + 1))
    np.testing.assert_array_equal(power(X, 3), X**3)


def test_a_kernel_with_a_signature_calls_itself_before_its_name_is_bound():
    @kernelgen.vectorize("f8(f8,i8)")
    def power(x, n):
        return 1 if n == 0 else x * power(x, n - 1)

    scope = {"vectorize": kernelgen.vectorize}
    exec(
        "@vectorize('f4(f4)')\ndef halved(x): return x if x < 2 else halved(x / 2) + halved(1)",
        scope,
    )
    np.testing.assert_array_equal(power(X, 3), X**3)
    assert power(np.float32(2), np.int8(3)).dtype == "f8"
    assert repr(scope["halved"](np.float32(9))) == "np.float32(4.125)"


def test_a_kernel_that_calls_itself_in_a_function_that_it_calls():
    def half(n):
        return 0 if n <= 0 else kernel(n - 2) + 1

    def kernel(n):
        return half(n) + 1

    check(kernel, N)


def test_options_hold_in_functions_that_are_called():
    def divided(n, x):
        return 1.0 if n <= 0 else divided(n - 1, x) / x

    def kernel(n, x):
        return divided(n, x)

    assert kernelgen.vectorize(kernel)(2, 0.0) == np.inf
    strict = kernelgen.vectorize(error_model="python")(kernel)
    assert strict(2, 4.0) == 1 / 16
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        strict(2, 0.0)
    warned = kernelgen.vectorize(fp_errors="numpy")(kernel)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        warned(2, 0.0)
    assert warned(2, 4.0) == 1 / 16


def halved(n):
    if isinstance(n, np.integer):
        return n if n < 2 else halved(n * 0.5) + n
    return n if n < 2 else halved(n - 1) + 0.5


def kernel_of_halved(n):
    return halved(n)


def thirds(n):
    following = thirds if isinstance(n, np.floating) else abs
    return 0.0 if n < 1 else following(n / 3) + 1


def kernel_of_thirds(n):
    return thirds(n)


def test_classes_of_arguments_decide_in_each_copy():
    check(kernel_of_halved, N[2:])
    check(kernel_of_halved, N * 0.75)
    check(kernel_of_thirds, N)
    check(kernel_of_thirds, N * 0.75)


def test_halves_and_complex_numbers():
    def power(z, n):
        return z if n <= 1 else z * power(z, n - 1)

    def kernel(z, n):
        return power(z, n)

    z = np.array([1 + 2j, -0.5j])
    check(kernel, z, np.array([3, 2]), ulp=1)
    check(kernel, z.astype("c8"), np.array([3, 2]))
    check(kernel, np.array([1.5, 3.1, -2.25], "f2"), np.array([1, 2, 5]))


# ------------------------------------------------------------------------------- exceptions


def kernel_with_exceptions(n, x):
    checked(n)
    return x


def test_exceptions_come_through_all_calls():
    check(kernel_with_exceptions, N, N * 0.5)
    check(kernel_with_exceptions, N.astype("f4"), N + 1j)


@pytest.mark.parametrize("use", ["reduce", "accumulate", "at", "outer"])
def test_exceptions_come_from_every_loop(use):
    ufunc = kernelgen.vectorize(identity=0)(lambda x, y: kernel_with_exceptions(y, x) + y)
    good, bad = np.arange(3.0), np.arange(9.0)
    args = {"reduce": lambda a: (a,), "accumulate": lambda a: (a,), "outer": lambda a: (a, a)}
    if use == "at":
        args["at"] = lambda a: (a.copy(), [0, 1], a[-2:])
    getattr(ufunc, use)(*args[use](good))
    with pytest.raises(ValueError, match=r"np.float64\(\d.0\) is more than 3") as caught:
        getattr(ufunc, use)(*args[use](bad))
    assert isinstance(caught.value.args[1], np.float64)


# ------------------------------------------------------------------------------------ depth


def endless(n):
    return 0 if n < 0 else endless(n + 1) + 1


def wide(n, a, b, c):
    """Its frame has many numbers in it."""
    if n < 0:
        return a
    total = 0.0
    for i in range(6):
        total = total + math.sin(a * i) * math.cos(b + i) + c / (i + 1.5)
    return wide(n + 1, total, a * b, c - total) * total + a * b - wide(n + 1, a, b, c)


@kernelgen.vectorize
def deep(n):
    return endless(n)


@kernelgen.vectorize
def deep_and_wide(n, x):
    return wide(n, x, x, x)


def test_calls_that_have_no_end():
    for _ in range(3):
        with pytest.raises(RecursionError, match="^maximum recursion depth exceeded$"):
            deep(np.arange(4))
        with pytest.raises(RecursionError, match="^maximum recursion depth exceeded$"):
            deep_and_wide(1, 0.5)
    np.testing.assert_array_equal(deep(np.full(3, -1)), 0)


def test_calls_that_have_no_end_in_a_small_thread():
    found = []

    def run():
        for ufunc, args in ((deep, (1,)), (deep_and_wide, (1, 0.5))):
            found.append(attempt(ufunc, *args).cls)

    before = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found == [RecursionError] * 2


def count_down(n):
    return 0 if n <= 0 else count_down(n - 1) + 1


def test_the_limit_is_that_of_python():
    def kernel(n):
        return count_down(n)

    limit = sys.getrecursionlimit()
    ufunc = kernelgen.vectorize(kernel)
    function = pipeline.rewritten(pipeline.Request(kernel, (INT64,)))
    assert ufunc(limit) == limit
    assert interpret(function, [np.int64(limit)], max_steps=10**6) == limit
    with pytest.raises(RecursionError):
        ufunc(limit + 1)
    with pytest.raises(RecursionError):
        interpret(function, [np.int64(limit + 1)], max_steps=10**6)


def test_switched_off_compilation(monkeypatch):
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    ufunc = kernelgen.vectorize(kernel_of_factorial)
    np.testing.assert_array_equal(ufunc(np.arange(5)), [1, 1, 2, 6, 24])
    with pytest.raises(RecursionError):
        kernelgen.vectorize(lambda n: endless(n))(1)


# ------------------------------------------------------------------------------------- text


def test_stages_show_the_functions_that_are_called():
    wanted = request(kernel_of_divide, N.astype("f8"), N.astype("f8"))
    for stage in ("typed", "rewritten"):
        text = pipeline.STAGES[stage](wanted)
        assert text.count("func @") == 2
        assert "func @divide.1 -> (~i8, f8)" in text
    assert "@kernel.divide.1(" in pipeline.STAGES["llvm"](wanted)
    ufunc = kernelgen.vectorize(kernel_of_divide)
    assert "func @divide.1" in ufunc.inspect_ir("f8,f8")
    assert "divide" in ufunc.inspect_llvm("f8,f8")


def test_text_is_read_again():
    for kernel in (kernel_of_divide, kernel_of_ackermann, kernel_of_parity):
        wanted = pipeline.Request(kernel, (INT64, INT64)[: kernel.__code__.co_argcount])
        for function in (pipeline.typed(wanted), pipeline.rewritten(wanted)):
            text = print_function(function)
            assert print_function(parse_function(text)) == text


def test_each_combination_of_types_is_a_function():
    def kernel(x, n):
        return factorial(n) * count_down(x) + factorial(x)

    text = pipeline.STAGES["typed"](pipeline.Request(kernel, (FLOAT64, INT64)))
    assert "func @factorial.1 -> i8" in text
    assert text.count("func @factorial") == 2
    assert text.count("func @count_down") == 1
