"""Functions that kernels define, the variables that they share, and ``*`` in calls and displays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from backends import as_tuple, check, grid, request, rows

import kernelgen
from kernelgen import pipeline
from kernelgen.ir.interp import interpret
from kernelgen.ir.parse import parse_function
from kernelgen.rewrites.promote_cells import promote_cells

F4, F8, I8 = (np.dtype(t) for t in ("f4", "f8", "i1"))
NUMBERS = np.array([-2.5, -1.0, 0.0, 0.5, 3.0])
COUNTS = np.arange(-3, 5)


def adder(amount):
    def add(y):
        return y + amount

    return add


def apply(function, *values):
    return function(*values)


def compose(*functions):
    def composed(x):
        for function in functions:
            x = function(x)
        return x

    return composed


def counter():
    count = 0

    def step(by):
        nonlocal count
        count += by
        return count

    return step


def shares_a_parameter(x):
    def plus(y):
        return y + x

    def twice(y, times=2):
        return plus(y) * times

    return twice(x) + twice(x, times=3.0)


def sees_the_last_assignment(x):
    scale = lambda y: y * x
    x = x + 1
    return scale(2.0)


def assigns_a_variable_outside(x):
    total = 0

    def add(amount=1):
        nonlocal total
        total += amount
        return total

    for i in range(4):
        add(i)
    add()
    return total + x


def returned_functions(x):
    return adder(2)(x) * adder(x)(x)


def functions_with_a_state_each(x):
    first, second = counter(), counter()
    for i in range(3):
        first(i)
        second(2)
    return first(1), second(x)


def functions_as_arguments(x):
    return apply(lambda a, b: a * b + x, x, 2) + apply(abs, x) + apply(max, x, 1, 2)


def a_tuple_of_functions(x):
    return compose(abs, lambda v: v + 1, math.sqrt, adder(x))(x)


def a_loop_variable(x):
    total = 0.0
    for i in range(3):
        power = lambda v: v * i
        total += power(x)
    return total


def functions_in_functions(x):
    def outer(y):
        def middle(z):
            def inner():
                return x + 10 * y + 100 * z

            return inner

        return middle

    return outer(2.0)(x)()


def assigned_on_some_ways(x):
    if x > 0:
        late = x * 2

    def read():
        return late

    return read()


def deleted_before_the_call(x):
    shared = x

    def read():
        return shared

    before = read()
    if x > 0:
        del shared
        return read()
    return before


def annotated(x):
    def scaled(y: float, *, by: list[int] = 3, more=x) -> np.ndarray:
        return y * by + more

    return scaled(x) + scaled(x, by=1, more=0)


def swaps(x):
    a, b = x, x + 1

    def swap():
        nonlocal a, b
        a, b = b, a

    for _ in range(3):
        swap()
    return a - 2 * b


def keeps_the_type_of_each_way(x):
    state = 0

    def note(value):
        nonlocal state
        state = value

    if x > 0:
        note(x)
    else:
        note(1)
    return state


def returns_from_a_loop(x):
    def first_above(limit):
        for i in range(10):
            if i > limit:
                return i
        return -1

    return first_above(x)


KERNELS = (
    shares_a_parameter, sees_the_last_assignment, assigns_a_variable_outside, returned_functions,
    functions_with_a_state_each, functions_as_arguments, a_tuple_of_functions, a_loop_variable,
    functions_in_functions, annotated, swaps, keeps_the_type_of_each_way, returns_from_a_loop,
)  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("dtype", [F4, F8, I8], ids=str)
def test_kernel_with_functions_inside(kernel, dtype):
    meets = kernel is keeps_the_type_of_each_way
    check(kernel, NUMBERS.astype(dtype), dtype=dtype if meets else None)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_cells_mean_what_they_do_in_python(kernel):
    """Before any rewrite, a cell is a cell, and a function a function."""
    wanted = request(kernel, NUMBERS)
    for row in rows([NUMBERS]):
        assert as_tuple(interpret(pipeline.ssa(wanted), row)) == as_tuple(kernel(*row))


@pytest.mark.parametrize("kernel", [assigned_on_some_ways, deleted_before_the_call])
def test_an_unassigned_variable_raises_as_in_python(kernel):
    check(kernel, NUMBERS, dtype=F8)


def test_default_is_computed_where_the_function_is_made():
    def kernel(x, y):
        total = x
        for _ in range(3):
            step = lambda v, by=total: v + by
            total = step(y)
        return total

    check(kernel, *grid(I8, I8))


def test_rest_parameters():
    def largest(first, *rest):
        for value in rest:
            first = max(first, value)
        return first

    def count(*values, start=0):
        return start + len(values)

    def kernel(x, y):
        return largest(x, y, 2) + largest(x), count(), count(x, y, start=y)

    check(kernel, *grid(I8, I8))


def test_starred_calls():
    def weigh(a, b, c=1, *, d=2):
        return a + 10 * b + 100 * c + 1000 * d

    def kernel(x, y):
        pair = (x, y)
        return (
            weigh(*pair) + weigh(x, *pair, d=y) + max(*pair, 3),
            np.hypot(*pair) + math.fabs(*pair[:1]) + weigh(*range(3)),
        )

    check(kernel, NUMBERS, NUMBERS[::-1].copy())


def test_starred_displays():
    def kernel(x, y):
        pair = (x, y)
        more = (*pair, 1, *pair, *range(2))
        return sum(more), len((*more, *more))

    check(kernel, NUMBERS, NUMBERS[::-1].copy())


def test_what_is_never_reached_is_not_compiled():
    debug = False

    def kernel(x):
        if debug:
            print(f"{x} {undefined_name}")  # noqa: F821
            import os

            return [os, {1: x}]
        return x

    check(kernel, NUMBERS)


def test_a_nested_function_costs_nothing():
    def with_function(x):
        def plus(y):
            return y + x

        return plus(2.0) * plus(x)

    def by_hand(x):
        return (2.0 + x) * (x + x)

    made, plain = (pipeline.lowered(request(f, NUMBERS)).text for f in (with_function, by_hand))
    assert [made.count(op) for op in ("fadd", "fmul")] == [plain.count("fadd"), 1]


def test_the_last_store_of_a_variable_may_be_any_number_of_blocks_away():
    count = 3000
    jumps = "".join(f"^{i}:\n  jump ^{i + 1}\n" for i in range(1, count))
    function = parse_function(f"""func @far {{
^0(%x):
  %cell = cell
  %stored = cell_store(%cell, %x)
  jump ^1
{jumps}^{count}:
  %found = cell_load(%cell) {{name='x'}}
  return(%found)
}}
""")
    promote_cells(function)
    assert function.blocks[-1].terminator.operands == function.params


def test_a_function_is_chosen_while_the_kernel_runs():
    def double(v):
        return 2 * v

    def kernel(x, y):
        f = double if x > 0 else abs
        g = math.floor if y > x else (math.sqrt if y > 0 else lambda v: v + 0.5)
        return f(x) + f(y), g(abs(x)), sum(map(f, (x, y)))

    check(kernel, *CHOSEN)


def test_a_function_changes_in_a_loop():
    def step(v):
        return v + 3

    def back(v):
        return v - 5

    def kernel(x, y):
        f, total = step, x
        for _ in range(6):
            total = f(total)
            f = back if total > y else step
        return total

    check(kernel, *CHOSEN)


def test_a_function_that_is_not_chosen_raises():
    def kernel(x, y):
        if x > 0:
            f = abs
        elif y > 1:
            f = math.floor
        return f(y)

    check(kernel, *CHOSEN)


CHOSEN = [a.ravel() for a in np.meshgrid([-1.5, 0.0, 0.5, 2.0], [-2.5, 0.0, 1.5, 3.0])]


def test_shared_variables_that_have_no_value_yet():
    def kernel(y):
        if y > 5:
            q = 1

        def inner():
            return q

        _ = inner()
        return y

    def in_generator(y):
        if y > 5:
            q = 1
        _ = all(e < q for e in (1, y))
        return y

    for function in (kernel, in_generator):
        ufunc = kernelgen.vectorize(function)
        assert ufunc(6.0) == 6
        with pytest.raises(NameError, match="cannot access free variable 'q' where it is not"):
            ufunc(1.0)
