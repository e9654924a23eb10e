"""Type inference: the least types that fit, and errors that point at the line they are about."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen import pipeline
from kernelgen.errors import TypingError
from kernelgen.infer import check_outputs, infer
from kernelgen.ir.parse import parse_function
from kernelgen.types.compound import NONE, RANGE_ITERATOR, UNDEFINED, Tuple
from kernelgen.types.table import BOOL, FLOAT32, FLOAT64, INT8, INT64, UINT64, WEAK_INT, Scalar


def typed(kernel, *types: Scalar):
    return pipeline.typed(pipeline.Request(kernel, types))


def type_of(function, hint):
    """The type of the last value that the user calls by that name."""
    return [v.type for v in function.values() if v.hint == hint][-1]


def test_every_value_has_a_type():
    def kernel(x, n):
        total = 0
        for i in range(n):
            total = total + i * x
        return total

    function = typed(kernel, FLOAT32, INT8)
    assert all(value.type is not None for value in function.values())
    assert type_of(function, "i") == WEAK_INT
    assert RANGE_ITERATOR in {value.type for value in function.values()}


def test_types_rise_around_a_loop_until_they_fit():
    def kernel(n):
        a, b, c = 0, 0, 0
        while n > 0:
            a, b, c = b, c, n / 2
            n -= 1
        return a

    assert typed(kernel, INT64).result == FLOAT64


def test_types_are_the_least_that_fit():
    def kernel(x, n):
        s = 0
        for _ in range(n):
            s += x
        return s

    for t in (INT8, UINT64, FLOAT32):
        assert typed(kernel, t, INT64).result == t


def test_undefined_variables_take_the_type_of_the_defined():
    def kernel(x):
        if x > 0:
            y = x
        return y

    assert typed(kernel, FLOAT32).result == FLOAT32
    assert UNDEFINED in {value.type for value in typed(kernel, FLOAT32).values()}


def test_parts_of_tuples_have_types_of_their_own():
    def kernel(x, y):
        p = (x, (y, 1))
        return p[1][0], p[0]

    assert typed(kernel, INT8, FLOAT32).result == Tuple((FLOAT32, INT8))


def test_infer_works_on_text():
    function = parse_function("func @f {\n^0(%x, %y):\n  %2 = add(%x, %y)\n  return(%2)\n}\n")
    infer(function, (INT8, FLOAT32))
    assert function.result == FLOAT32
    assert check_outputs(function) == (FLOAT32,)


def fails(kernel, *types: Scalar):
    with pytest.raises(TypingError) as raised:
        typed(kernel, *types)
    return raised.value


def marked(error) -> str:
    """The piece of source under the carets."""
    lines = str(error).splitlines()
    carets = next(i for i, line in enumerate(lines) if "^" in line)
    start, stop = lines[carets].index("^"), lines[carets].rindex("^") + 1
    return lines[carets - 1][start:stop]


def test_an_op_without_meaning():
    def kernel(x, y):
        return y + (x & y)

    error = fails(kernel, INT8, FLOAT64)
    assert "`&` needs integers" in error.message
    assert marked(error) == "x & y"
    assert error.hint


def test_the_first_error_in_the_order_of_the_code_is_reported():
    def kernel(x):
        a = ~x
        return -a & x

    assert marked(fails(kernel, FLOAT64)) == "~x"


def test_values_without_a_common_type():
    def kernel(x):
        if x > 0:
            y = x
        else:
            y = (x, x)
        while x > 5:
            x -= 1
        return y

    error = fails(kernel, FLOAT64)
    assert "the variable 'y' is" in error.message
    assert "float64" in error.message
    assert "tuple (float64, float64)" in error.message


def test_returns_without_a_common_type():
    def kernel(x):
        if x > 0:
            return x, x
        return x

    assert "the function returns" in fails(kernel, FLOAT64).message


def test_a_missing_return():
    def kernel(x):
        if x > 0:
            return x

    assert "None" in fails(kernel, FLOAT64).message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pass", "cannot return None"),
        ("raise ValueError('always')", "never returns"),
        ("return range(3)", "cannot return range"),
        ("return 'text'", "cannot return a str"),
        ("return abs", "cannot return the function 'abs'"),
        ("return x, None", r"cannot return tuple \(float64, None\)"),
        ("return ()", r"cannot return tuple \(\)"),
        ("return x, (x, x)", "cannot return tuple"),
    ],
)
def test_what_arrays_cannot_hold_is_not_returned(body, words):
    namespace = {}
    exec(f"def kernel(x):\n {body}", namespace)
    with pytest.raises(TypingError, match=words):
        typed(namespace["kernel"], FLOAT64)


def test_literals_that_do_not_fit():
    def kernel(x):
        return x + 300

    request = pipeline.Request(kernel, (INT8,))
    with pytest.raises(TypingError, match="the literal 300 does not fit int8") as raised:
        pipeline.rewritten(request)
    assert marked(raised.value) == "x + 300"


def test_literals_beyond_int64_are_compared_but_not_computed_with():
    def kernel(x):
        n = 3 if x else 4
        if x > 2**70 or n > 2**70:
            return 0
        return n * 2**70

    with pytest.raises(TypingError, match="does not fit int64") as raised:
        pipeline.rewritten(pipeline.Request(kernel, (INT64,)))
    assert marked(raised.value) == "n * 2**70"


def test_errors_in_a_helper_show_the_call_too():
    def helper(a):
        return ~a

    def kernel(x):
        return helper(x) + 1

    text = str(fails(kernel, FLOAT64))
    assert "return ~a" in text
    assert "called from" in text
    assert "return helper(x) + 1" in text


def test_exceptions_must_be_known():
    def kernel(x):
        if x < 0:
            raise x
        return x

    with pytest.raises(TypingError, match="must derive from BaseException"):
        typed(kernel, FLOAT64)


def test_bools_of_numpy_and_of_python_differ():
    def numpys(x, y):
        return (x < y) + (y < x)

    def pythons(x, y):
        return (not x) + (not y)

    assert typed(numpys, INT8, INT8).result == BOOL
    assert check_outputs(typed(pythons, INT8, INT8)) == (INT64,)


def test_outputs_of_nothing():
    function = parse_function(
        "func @f -> none {\n^0:\n  %0: none = const {value=None}\n  return(%0)\n}\n"
    )
    assert function.result == NONE
    with pytest.raises(TypingError, match="cannot return None"):
        check_outputs(function)


def test_numpy_scalars_in_closures_are_strong():
    half = np.float32(0.5)

    def kernel(x):
        return x * half

    assert typed(kernel, INT8).result == FLOAT32
