"""Whatever cannot be a kernel is refused clearly: what is wrong, where, and never by a crash.

Each refusal is checked for its class, for words of its message, and for the piece of source
that the carets mark.
"""

# Kernels that are wrong on purpose:
# ruff: noqa: PLC2401, RUF059

from __future__ import annotations

import functools
import linecache
import math
import re
import subprocess
import sys
import types
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelgen import (
    InternalError,
    KernelgenError,
    SignatureError,
    TypingError,
    UnsupportedError,
    vectorize,
)

X = np.arange(4.0)
N = np.arange(4)


def marked(error: KernelgenError) -> list[str]:
    """The pieces of source over the carets in an error's text, innermost first."""
    lines = str(error).splitlines()
    found = []
    for source, carets in pairwise(lines):
        under = re.fullmatch(r" +\| ( *)(\^+)", carets)
        if under is not None and re.match(r" +\d+ \| ", source):
            text = source.split(" | ", 1)[1]
            start = len(under[1])
            found.append(text[start : start + len(under[2])])
    return found


def refusal(kernel: Any, *args: Any, **choices: Any) -> KernelgenError:
    """The error of making a ufunc of ``kernel`` and calling it, which is no internal one."""
    with pytest.raises(KernelgenError) as caught:
        vectorize(**choices)(kernel)(*(args or (X,)))
    assert not isinstance(caught.value, InternalError)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


CASES: list[tuple[Any, ...]] = []


def case(error: type, words: str, *spots: str, args: tuple[Any, ...] = (X,)) -> Any:
    """A kernel that must be refused, with the pieces of source that may be marked."""

    def enter(kernel: Any) -> Any:
        CASES.append(pytest.param(kernel, error, words, spots, args, id=kernel.__name__))
        return kernel

    return enter


# ----------------------------------------------------------------------- syntax that has no meaning


@case(UnsupportedError, "this list cannot be compiled", "[x, x]")
def list_display(x):
    return [x, x]


@case(UnsupportedError, "this list cannot be compiled", "[i for i in range(int(x))]", "i")
def list_comprehension(x):
    return [i for i in range(int(x))][0]


@case(TypingError, "a generator is gone over once", "(i for i in range(3))")
def generator_expression(x):
    return next(i for i in range(3))


@case(UnsupportedError, "a dict cannot be compiled", "{1: x}")
def dict_display(x):
    return {1: x}[1]


@case(UnsupportedError, "a set cannot be compiled", "{x}")
def set_display(x):
    return {x}


@case(TypingError, "a kernel cannot return a str", 'f"{x}"', 'return f"{x}"')
def f_string(x):
    return f"{x}"


@case(
    TypingError,
    "a kernel cannot return the exception 'ValueError'",
    "return ValueError(x)",
    "ValueError(x)",
)
def exception_returned(x):
    return ValueError(x)


@case(TypingError, r"`\+` needs numbers, not a str", 'x + f"{x}"')
def sum_with_an_f_string(x):
    return x + f"{x}"


@case(TypingError, r"`\+` needs numbers, not a str", '"a" + x')
def message_of_a_string_and_a_number(x):
    if x > 0:
        raise ValueError("a" + x)
    return x


@case(TypingError, "`==` needs numbers, not a str", 'f"{x}" == "1.0"')
def f_string_compared(x):
    return f"{x}" == "1.0"


@case(
    TypingError, "a condition needs numbers, not a str",
    'f"{x}" + str(x)', '1 if f"{x}" + str(x) else 2',
)  # fmt: skip
def f_string_as_a_condition(x):
    return 1 if f"{x}" + str(x) else 2


@case(TypingError, r"len\(\) needs tuples", 'len(f"{x}")')
def f_string_measured(x):
    return len(f"{x}")


@case(TypingError, r"int\(\) needs numbers, not a str", "int(str(x))")
def number_of_a_string(x):
    return int(str(x))


@case(TypingError, "the attribute 'upper' of a string cannot be used", 'f"{x}".upper')
def f_string_with_a_method(x):
    raise ValueError(f"{x}".upper())


@case(TypingError, "a str cannot be indexed", 'f"{x}"[0]')
def f_string_indexed(x):
    raise ValueError(f"{x}"[0])


@case(TypingError, "an exception cannot be made of range", 'f"{range(int(x))}"', "{range(int(x))}")
def f_string_of_a_range(x):
    if x > 0:
        raise ValueError(f"{range(int(x))}")
    return x


@case(TypingError, "an exception cannot be made of range", "ValueError(1, (x, range(int(x))))")
def exception_of_a_range(x):
    if x > 0:
        raise ValueError(1, (x, range(int(x))))
    return x


@case(UnsupportedError, "this list cannot be compiled", "[x]")
def exception_of_a_list(x):
    if x > 0:
        raise ValueError([x])
    return x


@case(TypingError, "one of several strings, depending on the way taken", "ValueError(text)")
def message_remembered_in_a_loop(x):
    text = "a"
    for i in range(3):
        text = f"{i}" if i > x else text
    if x > 0:
        raise ValueError(text)
    return x


@case(TypingError, r"`\+` needs numbers, not a str", 'text + f"{i}"')
def message_that_grows_in_a_loop(x):
    text = "a"
    for i in range(3):
        text = text + f"{i}"
    if x > 0:
        raise ValueError(text)
    return x


@case(TypingError, "which exception is raised here depends on the way taken", "raise error")
def exception_remembered_in_a_loop(x):
    error = ValueError("none")
    for i in range(3):
        if i > x:
            error = ValueError(i)
    if x > 0:
        raise error
    return x


@case(TypingError, "exceptions must derive from BaseException", "raise x")
def number_raised(x):
    if x > 0:
        raise x
    return x


@case(UnsupportedError, "`try` and `with` cannot be compiled", "try:")
def try_except(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        return 0.0


@case(UnsupportedError, "`try` and `with` cannot be compiled", "try:")
def try_finally(x):
    try:
        y = x
    finally:
        y = 1
    return y


@case(UnsupportedError, "`try` and `with` cannot be compiled", "try:")
def try_in_a_kernel_of_two_outputs(x):
    try:
        if x > 0:
            raise ValueError("positive")
    except ValueError:
        return -1.0, -1.0
    return x, x


@case(UnsupportedError, "`try` and `with` cannot be compiled", "try:")
def try_in_a_loop(x):
    for i in range(3):
        try:
            x += i
        except ValueError:
            x = 0.0
    return x


@case(
    UnsupportedError, "`try` and `with` cannot be compiled",
    'open("x")', 'with open("x"):',
)  # fmt: skip
def with_statement(x):
    with open("x"):
        return x


@case(UnsupportedError, "a kernel cannot import", "import os", "import os  # noqa: F401")
def import_statement(x):
    import os  # noqa: F401

    return x


@case(UnsupportedError, "cannot assign a global", "counter")
def global_assignment(x):
    global counter
    counter = x
    return x


NUMBERS = np.arange(3.0)
OBJECTS = np.array([None, 1])
MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
LIST = [1, 2, 3]
TABLE_OF_FUNCTIONS = (math.sin, math.cos)


@case(TypingError, "array of float64 cannot be called", "NUMBERS(x)")
def called_array(x):
    return NUMBERS(x)


@case(UnsupportedError, "datetime64", "np.datetime64(NUMBERS)")
def date_of_an_array(x):
    return np.datetime64(NUMBERS)


@case(TypingError, "a kernel cannot return the function", "return lambda y: y")
def returned_function(x):
    return lambda y: y


@case(TypingError, "chosen while the kernel runs", "f(x)", "in a branch of its own")
def function_chosen_late(x):
    f = (lambda y: y + x) if x > 0 else (lambda y: y - x)
    return f(x)


@case(
    TypingError,
    "a tuple of the function 'sin' and the function 'cos' must be a constant",
    "TABLE_OF_FUNCTIONS[int(x)]",
)
def function_of_a_table(x):
    return TABLE_OF_FUNCTIONS[int(x)](x)


@case(TypingError, r"sorted\(\) makes an object", "sorted((x, x))")
def sorted_tuple(x):
    return sorted((x, x))[0]


@case(UnsupportedError, r"a function with `\*\*kwargs` cannot be compiled", "named(a=x)")
def helper_with_keywords(x):
    def named(**keywords):
        return 1

    return named(a=x)


@case(TypingError, r"items of tuple \(float64, float64\) cannot be assigned", "t[0]")
def assigned_item_of_a_tuple(x):
    t = (x, x)
    t[0] = 1.0
    return t[0]


@case(TypingError, "a str cannot be indexed", '"abc"[int(x)]')
def letter_of_a_string(x):
    return "abc"[int(x)]


@case(TypingError, r"eval\(\) runs code that is text", 'eval("x")')
def evaluated_text(x):
    return eval("x")


@case(TypingError, "the function .np.histogram2d. cannot be called", "np.histogram2d(x)")
def function_of_arrays(x):
    return np.histogram2d(x)


@case(UnsupportedError, "a class cannot be defined", "class Local:")
def nested_class(x):
    class Local:
        pass

    return x


@case(TypingError, "`in` needs a tuple of known length", 'x in "ab"')
def membership(x):
    return x in "ab"


@case(TypingError, "`@` multiplies arrays, and here is float64", "x @ x")
def matrix_product(x):
    return x @ x


@case(TypingError, "a tuple cannot be indexed by a str", 'pair["a"]')
def string_as_an_index(x):
    pair = (x, x)
    return pair["a"]


@case(TypingError, "items of float64 cannot be assigned", "x[0]")
def item_assignment(x):
    x[0] = 1
    return x


@case(UnsupportedError, "cannot assign attributes", "x.real")
def attribute_assignment(x):
    x.real = 1
    return x


@case(UnsupportedError, "this pattern matches dicts, which a kernel does not have", "{1: y}")
def match_of_a_mapping(x):
    match x:
        case {1: y}:
            return y
        case _:
            return 2


@case(
    UnsupportedError, r"float64\(\) accepts 0 positional sub-patterns \(1 given\)", "np.float64(y)"
)
def match_of_a_class_without_parts(x):
    match x:
        case np.float64(y):
            return y


@case(TypingError, "`*` in a call needs a tuple of known length, not float64", "max(*x)")
def starred_call(x):
    return max(*x)


@case(UnsupportedError, "a dict cannot be compiled", "max(**x)")
def call_with_two_stars(x):
    return max(**x)


@case(UnsupportedError, "without `from`", 'raise ValueError("a") from None')
def raise_from(x):
    raise ValueError("a") from None


def outer_variable():
    count = 0

    @case(UnsupportedError, "cannot assign a global or an enclosing", "count")
    def nonlocal_assignment(x):
        nonlocal count
        count = 1
        return x

    return nonlocal_assignment, count


outer_variable()


# ----------------------------------------------------------------------------- names and attributes


@case(UnsupportedError, "the name 'undefined_name' is not defined", "undefined_name")
def unknown_global(x):
    return undefined_name + x  # noqa: F821


@case(UnsupportedError, "(?s)'mathh' is not defined.*did you mean 'math'", "mathh")
def misspelled_global(x):
    return mathh.sqrt(x)  # noqa: F821


@case(KernelgenError, "the module 'math' has no attribute 'squareroot'", "math.squareroot")
def unknown_function_of_a_module(x):
    return math.squareroot(x)


@case(TypingError, "float64 has no attribute 'shapes'", "x.shapes")
def attribute_of_a_number(x):
    return x.shapes


@case(TypingError, r"hex\(\) makes or reads text", "x.hex")
def method_of_a_number(x):
    return x.hex()


@case(TypingError, "float64 cannot be indexed", "x[0]")
def subscript_of_a_number(x):
    return x[0]


@case(TypingError, "float64 cannot be unpacked", "a, b")
def unpacked_number(x):
    a, b = x
    return a


@case(TypingError, "cannot unpack 3 values into 2 names", "a, b")
def unpacked_tuple_of_another_length(x):
    a, b = x, x, x
    return a


@case(TypingError, "a tuple of 2 elements has none at index 2", "(x, x)[2]")
def index_out_of_range(x):
    return (x, x)[2]


@case(
    TypingError,
    "the index of a tuple of float64 and None must be a constant: its elements have no common type",
    "(x, None)[int(x)]",
)
def computed_index_of_unlike_elements(x):
    return (x, None)[int(x)]


@case(TypingError, "a tuple cannot be indexed by float64", "(x, x)[x]")
def index_that_is_a_float(x):
    return (x, x)[x]


@case(TypingError, "the bounds of a slice of a tuple must be constants", "(x, x)[int(x):]")
def slice_of_a_tuple_by_values(x):
    return (x, x)[int(x):][0]  # fmt: skip


@case(TypingError, "an array cannot be indexed by float64", "NUMBERS[x]")
def index_of_a_table_that_is_a_float(x):
    return NUMBERS[x]


@case(TypingError, "an array of object cannot be indexed", "OBJECTS[int(x)]")
def table_of_objects(x):
    return OBJECTS[int(x)]


@case(TypingError, "a MaskedArray of float64 cannot be indexed", "MASKED[int(x)]")
def masked_table(x):
    return MASKED[int(x)]


@case(TypingError, "a list cannot be indexed in a scalar kernel", "LIST[int(x)]")
def list_as_a_table(x):
    return LIST[int(x)]


@case(TypingError, "an array that is no argument is a constant: ", "NUMBERS[0]")
def assigned_table(x):
    NUMBERS[0] = x
    return x


@case(TypingError, "an array that is no argument is a constant: ", "NUMBERS[1:][0]")
def assigned_part_of_a_table(x):
    NUMBERS[1:][0] = x
    return x


@case(TypingError, "a kernel cannot return 1-dimensional array", "return NUMBERS + x")
def arithmetic_on_a_table(x):
    return NUMBERS + x


@case(TypingError, "an array that is no argument is a constant", r"NUMBERS.fill(1)")
def method_that_changes_a_table(x):
    NUMBERS.fill(1)
    return x


# -------------------------------------------------------------------------------------------- calls


@case(TypingError, r"print\(\) writes text, and a kernel has numbers", "print(x)")
def call_of_print(x):
    return print(x)


@case(TypingError, "return arrays must be of ArrayType", "np.arctan2(x, x, x)")
def call_of_a_ufunc_with_three(x):
    return np.arctan2(x, x, x)


@case(TypingError, "cannot be called in a kernel", "np.linalg.norm(x)")
def call_of_an_array_function(x):
    return np.linalg.norm(x)


@case(TypingError, "Python float cannot be called", "math.pi()")
def call_of_a_number(x):
    return math.pi()


@case(KernelgenError, r"sqrt\(\) takes 1 argument.* not 2", "math.sqrt(x, x)")
def wrong_number_of_arguments(x):
    return math.sqrt(x, x)


@case(KernelgenError, r"sqrt\(\) takes no keyword arguments", "math.sqrt(x=x)")
def keyword_of_a_builtin(x):
    return math.sqrt(x=x)


@case(KernelgenError, r"max\(\) needs two or more", "max(x)")
def maximum_of_one(x):
    return max(x)


def helper(x, y):
    return x + y


@case(KernelgenError, "helper.* cannot be called with these arguments|argument", "helper(x)")
def helper_with_too_few(x):
    return helper(x)


@case(KernelgenError, "helper.* cannot be called with these arguments|argument", "helper(x, z=x)")
def helper_with_an_unknown_keyword(x):
    return helper(x, z=x)


def endless(n):
    return n * endless(n - 1)


@case(
    TypingError,
    r"(?s)the types of endless\(\) cannot be inferred: every way through it calls itself.*"
    "called from.*hint: return a value on some way that does not",
    "endless(n - 1)",
)
def endless_recursion_of_a_helper(x):
    return endless(x)


@case(
    TypingError,
    r"the types of endless_recursion_of_the_kernel\(\) cannot be inferred",
    "endless_recursion_of_the_kernel(x - 1)",
)
def endless_recursion_of_the_kernel(x):
    return endless_recursion_of_the_kernel(x - 1)


def ever_longer(n, values):
    return n if n < 1 else ever_longer(n - 1, (values, n))


@case(
    TypingError,
    r"ever_longer\(\) calls itself with arguments of ever new types",
    "ever_longer(n - 1, (values, n))",
)
def recursion_with_ever_new_types(x):
    return ever_longer(x, (x,))


def number_or_pair(n):
    if n > 2:
        return n, n
    if n > 1:
        return number_or_pair(n + 1)
    return 0


@case(
    TypingError,
    "tuple .* on one way here and Python int on another|"
    "Python int on one way here and tuple .* on another",
    "number_or_pair(n + 1)",
    "return number_or_pair(n + 1)",
    "n > 1",
    "0",
    "return 0",
)
def recursion_with_returns_of_two_kinds(x):
    return number_or_pair(x)


def wrong_inside(n):
    if n < 0:
        return 0.0
    return wrong_inside(n - 1) + (n << 1)


@case(TypingError, "(?s)`<<` needs integers.*in wrong_inside.*called from", "n << 1")
def recursion_with_a_mistake(x):
    return wrong_inside(x)


def told(n, text):
    if n < 0:
        raise ValueError(text)
    return told(n - 1, text)


@case(TypingError, "a function that calls itself cannot be given a str here", "told(n - 1, text)")
def recursion_with_a_string(x):
    return told(x, f"{x}")


def ranged(n):
    return range(3) if n < 0 else ranged(n - 1)


@case(TypingError, r"ranged\(\) calls itself, and cannot return range", "ranged(n - 1)")
def recursion_that_returns_a_range(x):
    return 1 if ranged(x) is None else 2


@case(UnsupportedError, "'inner' calls itself, and shares variables with another", "inner(n - 1)")
def recursion_of_a_nested_function(x):
    def inner(n):
        nonlocal x
        x = x + 1
        return 0 if n < 1 else inner(n - 1)

    return inner(x)


def ping(x):
    return pong(x)


def pong(x):
    return ping(x)


@case(TypingError, "every way through it calls itself", "ping(x)", "pong(x)")
def endless_mutual_recursion(x):
    return ping(x)


@case(TypingError, r"range\(\) needs integers, not float64", "range(x)")
def range_of_a_float(x):
    total = 0
    for i in range(x):
        total += i
    return total


# -------------------------------------------------------------------------------------------- types


@case(TypingError, "`\\+` needs numbers, not a str", 'x + "a"')
def sum_with_a_string(x):
    return x + "a"


@case(TypingError, "`%` does not exist for complex numbers", "1j % x")
def complex_literal(x):
    return 1j % x


@case(TypingError, "`~` needs an integer or a bool, not float64", "~x")
def inverted_float(x):
    return ~x


@case(KernelgenError, "`~` needs an integer or a bool", "~1.5")
def inverted_literal(x):
    return x + ~1.5


@case(TypingError, "`<<` needs integers", "x << 1")
def shifted_float(x):
    return x << 1


@case(TypingError, "NumPy has no `-` for two bools", "(x > 1) - (x > 2)")
def difference_of_bools(x):
    return (x > 1) - (x > 2)


@case(TypingError, "no unary `-` for a bool", "-(x > 1)")
def negative_bool(x):
    return -(x > 1)


@case(TypingError, "literal 300 does not fit int8", "x + 300", args=(np.arange(3, dtype="i1"),))
def literal_that_does_not_fit(x):
    return x + 300


@case(TypingError, "literal -1 does not fit uint8", "x * -1", args=(np.arange(3, dtype="u1"),))
def negative_literal_of_unsigned(x):
    return x * -1


@case(TypingError, "does not fit", "x + 2**100", "2**100", args=(N,))
def literal_beyond_all_integers(x):
    return x + 2**100


ENORMOUS = 10**5000


@case(TypingError, "does not fit float64", "x + ENORMOUS")
def constant_beyond_all_floats(x):
    return x + ENORMOUS


@case(TypingError, "does not fit int64", "x + ENORMOUS", args=(N,))
def constant_too_long_to_print(x):
    return x + ENORMOUS


@case(TypingError, "`==` needs numbers, not None", "x == None")
def equality_with_none(x):
    return 1.0 if x == None else 2.0  # noqa: E711


@case(TypingError, "`is` compares with None only", "x is x")
def identity_of_numbers(x):
    return x is x


# -------------------------------------------------------------------------------- joins and results


@case(TypingError, r"float64.*tuple|Python float .*tuple", "y", "return y", "(x, x)", "y = (x, x)")
def number_or_tuple(x):
    if x > 0:
        y = 1.0
    else:
        y = (x, x)
    return y


@case(TypingError, "float64 .*None", "None", "x if x > 0 else None", "return x if x > 0 else None")
def number_or_none(x):
    return x if x > 0 else None


@case(TypingError, "a str", '"a"', "x + y")
def number_or_string(x):
    y = 1 if x > 0 else "a"
    return x + y


@case(TypingError, "the variable 'x' is float64 on one way here and a str", "x > 0", "x", '"a"')
def loop_that_changes_a_type(x):
    while x > 0:
        x = "a"
    return x


@case(TypingError, "a kernel cannot return None", "pass", "")
def nothing_returned(x):
    pass


@case(TypingError, "a kernel cannot return None", "None", "return None")
def none_returned(x):
    return None


@case(TypingError, "returns float64 here and None there", "x > 1", "if x > 1:", "x")
def return_missing_on_a_way(x):
    if x > 1:
        return x


@case(TypingError, "returns float64 here and tuple", "x, x", "return x, x")
def one_value_or_two(x):
    if x > 1:
        return x
    return x, x


@case(TypingError, "a kernel cannot return the module 'math'", "return math", "math")
def module_returned(x):
    return math


@case(TypingError, "a kernel cannot return a str", '"text"', 'return "text"')
def string_returned(x):
    return "text"


@case(TypingError, r"a kernel cannot return tuple \(\)", "()", "return ()")
def empty_tuple_returned(x):
    return ()


@case(TypingError, "a kernel cannot return tuple", "x, (x, x)", "return x, (x, x)")
def nested_tuple_returned(x):
    return x, (x, x)


@case(TypingError, "a kernel cannot return range", "range(3)", "return range(3)")
def range_returned(x):
    return range(3)


@pytest.mark.parametrize(("kernel", "error", "words", "spots", "args"), CASES)
def test_refused_kernel(kernel, error, words, spots, args):
    found = refusal(kernel, *args)
    assert isinstance(found, error)
    assert re.search(words, str(found))
    assert Path(__file__).name in str(found)
    assert marked(found)[0] in spots


@pytest.mark.parametrize(("kernel", "error", "words", "spots", "args"), CASES)
def test_refused_kernel_is_refused_again(kernel, error, words, spots, args):
    """By every way in, and with the same words."""
    ufunc = vectorize(kernel)
    texts = []
    for use in (
        lambda: ufunc(*args),
        lambda: ufunc(*args),
        lambda: ufunc(*args, casting="unsafe"),
        lambda: ufunc.resolve_dtypes((np.asarray(args[0]).dtype, *[None] * ufunc.nout)),
        lambda: ufunc.compile((np.asarray(args[0]).dtype,)),
    ):
        with pytest.raises(error) as caught:
            use()
        texts.append(str(caught.value))
    assert len(set(texts)) == 1
    assert ufunc.signatures == []


# --------------------------------------------------------------------------- kernels without an end


def endless_loop(x):
    while True:
        pass


def endless_count(x):
    i = 0
    while True:
        i += 1


def always_raises(x):
    raise ValueError("always")


def always_unassigned(x):
    del x
    return x  # noqa: F821


@pytest.mark.parametrize("kernel", [endless_loop, endless_count, always_raises, always_unassigned])
def test_kernels_that_never_return(kernel):
    error = refusal(kernel)
    assert isinstance(error, TypingError)
    assert error.message == "the kernel never returns"
    assert f"def {kernel.__name__}(x):" in str(error)


# ------------------------------------------------------------------------- what is no kernel at all


class Plain:
    def method(self, x):
        return x


class Callable_:
    def __call__(self, x):
        return x


async def coroutine(x):
    return x


def generator(x):
    yield x


async def asynchronous_generator(x):
    yield x


def variable(*x):
    return x[0]


def keywords(x, **options):
    return x


def keyword_only(x, *, y):
    return x + y


def without_arguments():
    return 1.0


@pytest.mark.parametrize(
    "what",
    [
        Plain, int, type, print, len, math.sqrt, np.add, np.sin, str.upper, Callable_(),
        functools.partial(helper, 1), Plain().method, staticmethod(helper), np.vectorize(helper),
        vectorize(lambda x: x),
    ],
    ids=lambda what: getattr(what, "__name__", type(what).__name__),
)  # fmt: skip
def test_what_is_not_a_python_function(what):
    with pytest.raises(UnsupportedError, match="is not a Python function, and has no bytecode"):
        vectorize(what)
    with pytest.raises(UnsupportedError, match="is not a Python function"):
        vectorize("f8(f8)")(what)


def type_of(what: object) -> str:
    return type(what).__name__


@pytest.mark.parametrize("what", [None, 5, "text", [], Plain()], ids=type_of)
def test_what_is_not_even_callable(what):
    with pytest.raises(UnsupportedError, match="is not a Python function"):
        vectorize("f8(f8)")(what)


@pytest.mark.parametrize("what", [5, 2.5, Plain(), classmethod(helper), np.zeros(3)], ids=type_of)
def test_neither_function_nor_signature(what):
    with pytest.raises(SignatureError, match="text or made of type objects"):
        vectorize(what)


@pytest.mark.parametrize("kernel", [variable, keywords, keyword_only])
def test_parameters_that_a_ufunc_does_not_have(kernel):
    with pytest.raises(
        UnsupportedError,
        match="a fixed number of parameters|keyword-only parameter .y. of a kernel",
    ) as caught:
        vectorize(kernel)
    assert f"def {kernel.__name__}(" in str(caught.value)


def test_a_kernel_without_arguments():
    with pytest.raises(UnsupportedError, match="without_arguments has no arguments") as caught:
        vectorize(without_arguments)
    assert "hint: give it a parameter" in str(caught.value)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [(coroutine, "async def"), (generator, "yield"), (asynchronous_generator, "yield")],
)
def test_generators_and_coroutines(kernel, words):
    error = refusal(kernel)
    assert isinstance(error, UnsupportedError)
    assert words in error.message


# ------------------------------------------------------------------------------- number of operands


def with_arguments(count: int) -> Any:
    names = [f"x{i}" for i in range(count)]
    scope: dict[str, Any] = {}
    exec(f"def many({', '.join(names)}): return {' + '.join(names)}", scope)
    return scope["many"]


@pytest.mark.parametrize("count", [32, 33, 40, 63])
def test_many_arguments_work(count):
    np.testing.assert_array_equal(vectorize(with_arguments(count))(*[X] * count), X * count)


@pytest.mark.parametrize("count", [64, 65, 200, 300])
def test_more_arguments_than_numpy_takes(count):
    with pytest.raises(UnsupportedError, match="more than 64 operands") as caught:
        vectorize(with_arguments(count))
    assert "in many" in str(caught.value)


# ---------------------------------------------------------------------------- types of the operands


@pytest.mark.parametrize(
    ("operand", "name"),
    [
        (np.array(["a", "b"]), "str"),
        (np.array([b"a", b"b"]), "bytes"),
        ("text", "str"),
        (np.array([None, 1]), "object"),
        (None, "object"),
        (np.array([1, 2**70]), "object"),
        (np.zeros(2, [("a", "f8")]), "void"),
        (np.zeros(2, "V3"), "void"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("place", [0, 1])
def test_types_that_kernels_do_not_have(operand, name, place):
    ufunc = vectorize(lambda x, y: x + y)
    with pytest.raises(TypingError, match=f"the kernel <lambda> was given {name}") as caught:
        ufunc(*((operand, 1.0) if place == 0 else (1.0, operand)))
    assert "hint: convert the array with astype(); the types are bool, int8" in str(caught.value)


@pytest.mark.parametrize(
    "use",
    [
        lambda f: f.reduce(np.ones(3, "S1")),
        lambda f: f.accumulate(np.array([None])),
        lambda f: f.outer(X, "text"),
        lambda f: f.at(np.ones(3, "S1"), [0], 1),
        lambda f: f(X, X, dtype="S"),
        lambda f: f(X, X, dtype=object),
        lambda f: f(X, X, signature="OO->O"),
        lambda f: f.reduce(X, dtype="S"),
        lambda f: f.resolve_dtypes((np.dtype("O"), np.dtype("d"), None)),
    ],
)
def test_types_that_kernels_do_not_have_in_other_uses(use):
    with pytest.raises(TypeError, match="was given (bytes|str|object)"):
        use(vectorize(lambda x, y: x + y))


def test_operands_of_which_the_kernel_makes_nothing():
    error = refusal(lambda x, y: x & y, X, 1)
    assert "`&` needs integers; these operands meet as float64" in error.message


# ------------------------------------------------------------------------------- helpers and places


def deep(x):
    return x + "deep"


def middle(x):
    return deep(x) * 2


def test_an_error_in_a_helper_shows_all_places():
    def top(x):
        return middle(x + 1)

    error = refusal(top)
    assert marked(error) == ['x + "deep"', "deep(x)", "middle(x + 1)"]
    text = str(error)
    assert text.count("called from") == 2
    assert text.index("in deep") < text.index("in middle") < text.index("top, ")


def test_an_error_in_kernelgens_own_functions_shows_the_users_line_only():
    def top(x):
        return math.factorial("a") + x

    error = refusal(top)
    assert "library.py" not in str(error)
    assert marked(error) == ['math.factorial("a")']


def test_carets_count_characters_and_not_bytes():
    def größe(länge):
        return länge * 2 + "ärger" + länge

    assert marked(refusal(größe)) == ['länge * 2 + "ärger"']


def test_carets_under_tabs():
    source = "def tabbed(x):\n\tif x > 0:\n\t\treturn\tx + 'a'\n\treturn x\n"
    linecache.cache["<tabbed>"] = (len(source), None, source.splitlines(True), "<tabbed>")
    scope: dict[str, Any] = {}
    exec(compile(source, "<tabbed>", "exec"), scope)
    assert marked(refusal(scope["tabbed"])) == ["x + 'a'"]


def test_an_expression_of_several_lines_is_marked_on_its_first():
    def spread(x):
        return (
            x
            + "text"
        )  # fmt: skip

    assert marked(refusal(spread)) == ["x"]


def test_an_error_has_parts():
    error = refusal(shifted_float)
    assert error.message == "`<<` needs integers; these operands meet as float64"
    assert error.hint == "convert one with int(), or give both one integer type"
    assert error.loc.filename == __file__
    assert error.loc.line == shifted_float.__code__.co_firstlineno + 2
    assert str(error).splitlines()[0] == error.message
    assert str(error).splitlines()[-1] == f"  hint: {error.hint}"


def test_our_frames_are_not_in_the_traceback():
    with pytest.raises(TypingError) as caught:
        vectorize(shifted_float)(X)
    files = {entry.path.name for entry in caught.traceback if entry.path is not None}
    assert len(caught.traceback) <= 3
    assert "infer.py" not in files
    assert "pipeline.py" not in files


# --------------------------------------------------------------------------- kernels without source


def from_text(text: str) -> Any:
    scope: dict[str, Any] = {"math": math}
    exec(text, scope)
    return scope["kernel"]


def test_a_kernel_made_by_exec_works():
    kernel = from_text("def kernel(x): return math.sqrt(x) if x > 1 else -x")
    np.testing.assert_array_equal(vectorize(kernel)(X[:2]), [0.0, -1.0])


def test_an_error_in_a_kernel_made_by_exec_names_the_place():
    error = refusal(from_text("def kernel(x):\n    y = x + 1\n    return y << 1"))
    assert "in kernel, <string>:3" in str(error)
    assert marked(error) == []


def test_a_lambda_works():
    np.testing.assert_array_equal(vectorize(lambda x: x * 2)(X), X * 2)
    assert marked(refusal(lambda x: x << 1)) == ["x << 1"]


def test_a_function_without_line_numbers():
    code = shifted_float.__code__.replace(co_linetable=b"")
    error = refusal(types.FunctionType(code, {}))
    assert "`<<` needs integers" in str(error)


def test_a_function_whose_file_has_changed_or_gone():
    code = shifted_float.__code__.replace(co_filename="/nowhere/gone.py")
    error = refusal(types.FunctionType(code, {}))
    assert "/nowhere/gone.py:" in str(error)
    assert marked(error) == []


def test_a_function_without_builtins():
    kernel = types.FunctionType((lambda x: abs(x)).__code__, {"__builtins__": {}})
    assert "the name 'abs' is not defined" in str(refusal(kernel))


def test_a_closure_that_is_not_filled_yet():
    def make():
        def kernel(x):
            return x * later

        ufunc = vectorize(kernel)
        with pytest.raises(UnsupportedError, match="'later' of the enclosing function"):
            ufunc(X)
        later = 2
        return later

    make()


PROMPT = """\
from kernelgen import vectorize
@vectorize
def f(x):
    return x << 1

f(3)
f(2.5)
vectorize(lambda x: x + "a")(1)
"""


@pytest.mark.parametrize("arguments", [["-i", "-q"], ["-"]])
def test_kernels_typed_at_the_prompt(arguments):
    run = run_python(arguments, PROMPT)
    told = run.stdout + run.stderr
    if arguments == ["-"]:
        assert "TypingError: `<<` needs integers" in told
    else:
        assert "np.int64(6)" in told
        assert "TypingError: `<<` needs integers" in told
        assert "TypingError: `+` needs numbers, not a str" in told
    assert "Error calling" not in told


def run_python(arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], input=text, capture_output=True, text=True, timeout=120,
        check=False, cwd=Path(__file__).parent,
    )  # fmt: skip


# ------------------------------------------------------------------------------------ never a crash

NASTY = {
    "tuple taken for one output": ("def kernel(x):\n    t = (x, x)\n    return t", "TypingError"),
    "three outputs from a helper": (
        "def h(x): return x, x, x\ndef kernel(x): return h(x)",
        "TypingError",
    ),
    "no arguments": ("def kernel(): return 1", "UnsupportedError"),
    "many arguments": (
        f"def kernel({', '.join(f'a{i}' for i in range(100))}): return a0",
        "UnsupportedError",
    ),
    "many outputs": (f"def kernel(x): return {'x, ' * 70}", "TypingError"),
    "endless loop": ("def kernel(x):\n    while True: pass", "TypingError"),
    "an exception class that cannot be made": (
        "class E(Exception):\n    def __init__(self): raise LookupError('no')\n"
        "def kernel(x):\n    if x >= 0: raise E()\n    return x",
        "LookupError",
    ),
    "raise of something else": ("def kernel(x):\n    raise 5", "UnsupportedError"),
    "a property that raises": (
        "class P:\n    @property\n    def v(self): raise RuntimeError('mine')\np = P()\n"
        "def kernel(x): return x + p.v",
        "RuntimeError",
    ),
    "a constant that cannot be a bool": (
        "class B:\n    def __bool__(self): raise RuntimeError('mine')\nb = B()\n"
        "def kernel(x): return 1 if b else x",
        "Error",
    ),
    "a huge power": ("def kernel(x): return x + 7 ** 7 ** 7 ** 7", "Error"),
    "a huge shift": ("def kernel(x): return x + (1 << 10 ** 12)", "works"),
    "a very long literal": (f"def kernel(x): return x + 0x{'f' * 5000}", "Error"),
    "deep nesting": (f"def kernel(x): return {'(' * 80}x{' + 1)' * 80} << 1", "TypingError"),
    "a long kernel": (
        "def kernel(x):\n"
        + "".join(f"    x = x + {i}\n" for i in range(3000))
        + "    return x << 1",
        "TypingError",
    ),
    "many branches": (
        "def kernel(x):\n"
        + "".join(f"    if x > {i}: x = x + {i}\n" for i in range(300))
        + "    return x << 1",
        "TypingError",
    ),
    "a long chain of helpers": (
        "def h0(x): return x << 1\n"
        + "".join(f"def h{i}(x): return h{i - 1}(x)\n" for i in range(1, 400))
        + "def kernel(x): return h399(x)",
        "TypingError",
    ),
    "recursion": ("def kernel(x): return kernel(x)", "TypingError"),
    "recursion without an end": (
        "def g(x): return 0.0 if x == 0.5 else g(x + 1) + 1\ndef kernel(x): return g(x)",
        "RecursionError",
    ),
    "a tuple that grows in a loop": (
        "def kernel(x):\n    t = (x,)\n    for i in range(3): t = (t, x)\n    return x",
        "TypingError",
    ),
    "deleted twice": ("def kernel(x):\n    y = x\n    del y\n    del y\n    return x", "Error"),
    "only a docstring": ("def kernel(x): 'text'", "TypingError"),
    "an ellipsis": ("def kernel(x): return ...", "TypingError"),
    "a name with a null": ("def kernel(x): return x << 1\nkernel.__name__ = 'a\\0b'", "Error"),
    "a surrogate in the documentation": (
        "def kernel(x): return x << 1\nkernel.__doc__ = '\\ud800'",
        "Error",
    ),
}

RUN_NASTY = """
import numpy as np
from kernelgen import vectorize, InternalError
{source}
try:
    f = vectorize(kernel)
    f(*[np.arange(3.0)] * f.nin)
except InternalError as error:
    print("INTERNAL", error)
except Exception as error:
    print(type(error).__name__)
    str(error)
else:
    print("works")
"""


@pytest.mark.parametrize(("source", "error"), NASTY.values(), ids=NASTY)
def test_nasty_kernels_end_in_an_error_and_not_in_a_crash(source, error):
    run = run_python(["-W", "error", "-"], RUN_NASTY.format(source=source))
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.strip().endswith(error)
    assert "INTERNAL" not in run.stdout


# ------------------------------------------------------------------------------------------ options


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"target": "gpu"}, "target cannot be 'gpu'"),
        ({"error_model": "c"}, "error_model cannot be 'c'"),
        ({"fastmath": "fats"}, "fastmath has no flag 'fats'"),
        ({"fastmath": ["nnan", "x"]}, "fastmath has no flag 'x'"),
        ({"fastmath": [5]}, "fastmath has no flag 5"),
        ({"fastmath": 5}, "fastmath cannot be 5"),
        ({"fastmath": None}, "fastmath cannot be None"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_choices_are_refused_at_once(choices, words):
    with pytest.raises(KernelgenError, match=words) as caught:
        vectorize(**choices)
    assert caught.value.hint is not None


def test_unknown_choices_are_pythons_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nopyton'"):
        vectorize(nopyton=True)


@pytest.mark.parametrize("level", ["4", "-1", "fast", "1.5"])
def test_wrong_optimisation_level(level, monkeypatch):
    monkeypatch.setenv("KERNELGEN_OPT_LEVEL", level)
    with pytest.raises(KernelgenError, match=f"KERNELGEN_OPT_LEVEL='{level}'"):
        vectorize(lambda x: x)(X)
