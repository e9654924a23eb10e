"""Tuples of known length: loops over them, functions of them, named ones, and their errors."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import NamedTuple

import numpy as np
import pytest
from backends import check, edges, grid

import kernelgen
from kernelgen.errors import KernelgenError

I8, F4, F8 = (np.dtype(t) for t in ("i1", "f4", "f8"))
SMALL = np.arange(-6.0, 12.0)
COUNTS = np.arange(0, 12)

# ------------------------------------------------------------------------------------ loops


def test_for_over_a_constant_tuple():
    def kernel(x):
        total = 0
        for coefficient in (1, 2.5, 3):
            total = total * x + coefficient
        return total

    check(kernel, edges(F4))


def test_for_over_values_with_break_continue_and_else():
    def kernel(x, y):
        total = 0
        for i, value in enumerate((x, y, x + y), 1):
            if i == 2 and value > 0:
                continue
            if value > 100:
                break
            total += value * i
        else:
            total -= 1
        return total

    check(kernel, *grid(I8, I8))


def test_each_element_has_its_own_type():
    def kernel(x, y):
        total = 0.0
        for value in (x, y):
            doubled = value + value
            total += doubled
        return total

    check(kernel, *grid(I8, F4))


def test_for_over_functions_and_pairs():
    def kernel(x):
        for function in (math.sin, abs, math.sqrt):
            x = function(x)
        for function, factor in ((math.cos, 2), (math.floor, 3.0)):
            x += function(x) * factor
        return x

    check(kernel, SMALL, ulp=4)


def test_nested_loops_over_tuples_and_ranges():
    def kernel(x, n):
        total = x
        for row in ((1, 2), (3, 4), (5, 6)):
            for _ in range(n):
                for cell in row:
                    total = total * 0.5 + cell
                    if total > 8:
                        break
        return total

    check(kernel, *grid(SMALL.dtype, I8)[:1], grid(F8, I8)[1] & 7)


def test_a_value_of_the_loop_that_is_used_behind_it():
    def kernel(x):
        last = x
        for last in (x, x * 2, x - 1):
            found = last * 3
            if last > 2:
                break
        return found + last

    check(kernel, SMALL)


def test_a_loop_that_never_comes_round_again():
    def kernel(x):
        for value in (x, 2.0):
            return value + 1
        return 0.0

    check(kernel, SMALL)


def test_an_empty_tuple():
    def kernel(x):
        for value in ():
            x += value
        else:
            x += 1
        return x + sum(()) + len(())

    check(kernel, SMALL)


def test_zip_enumerate_and_reversed_of_ranges():
    def kernel(x, n):
        for i, j in zip(range(n), range(10, 0, -2)):
            x += i * j
        for i, j in enumerate(range(3, n), 2):
            x += i * j
        for i in reversed(range(1, n, 2)):
            x = x * 3 + i
        for i in reversed((1, x)):
            x -= i
        return x + len(range(n)) + sum(range(n))

    check(kernel, *(a.ravel() for a in np.meshgrid(SMALL, COUNTS)))


def test_a_tuple_and_a_constant_range_go_together():
    def kernel(x, y):
        total = 0
        for i, value in zip(range(1, 9), (x, y, x * y)):
            total += i * value
        return total

    check(kernel, *grid(F4, F4))


# ---------------------------------------------------------------------- functions, operators


def test_functions_of_tuples():
    def kernel(x, y):
        values = x, y, 3
        total = sum(values) + sum(values, 1)
        return total, max(values), min((x,)), any((x > 0, y)), all(values), len(values)

    check(kernel, *grid(F4, F4), dtype=("f4", "f4", "f4", "?", "?", "i8"))


def test_in_and_not_in():
    def kernel(x, y):
        return (1 if x in (1, 2, 7) else 2) + (y not in (3, x, 100)), 2 in (1, 2), y in {3, 5}

    check(kernel, *grid(I8, F4))


def test_slices_concatenation_and_stars():
    def kernel(x, y):
        values = (x, 2) + (y,) * 3
        first, *middle, last = values
        nested = (first, (middle, last))
        return values[1:][1] + values[-1] + nested[1][0][-1] * len(middle), values[::2][0]

    check(kernel, *grid(F4, F4))


def test_tuples_that_meet_are_tuples():
    def kernel(x, n):
        state = (x, 1)
        while n > 0:
            state = (state[1], state[0] + state[1]) if n > 3 else state
            n -= 1
        total = 0
        for value in state:
            total += value
        return total

    check(kernel, *(a.ravel() for a in np.meshgrid(SMALL, COUNTS)))


COMPARISONS = "==", "!=", "<", "<=", ">", ">="


@pytest.mark.parametrize("symbol", COMPARISONS)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(x, y)", "(y, x)"),
        ("(x, 1)", "(x, y, 2)"),
        ("(x, y, 0)", "(x, y)"),
        ("((x, 1), y)", "((x, y), 1)"),
        ("()", "(x,)"),
        ("(1, 2)", "(x, y)"),
    ],
)
def test_tuples_compare_by_the_first_elements_that_differ(symbol, left, right, unoptimised):
    namespace: dict = {}
    exec(f"def kernel(x, y): return {left} {symbol} {right}", namespace)
    check(namespace["kernel"], *grid(I8, I8))
    floats = [a[::7] for a in grid(F4, F8)]
    known = ~np.isnan(floats[0]) & ~np.isnan(floats[1])  # one nan is equal to itself in a tuple
    check(namespace["kernel"], *(a[known] for a in floats))


def test_walrus_and_match():
    def kernel(x):
        if (y := x * 2) > 3:
            x += y
        match x:
            case 0:
                return 1
            case 1 | 2 | 6:
                return 2
            case other if other > 5:
                return 3
        return 4

    check(kernel, SMALL)


# ------------------------------------------------------------------------------ named tuples

Point = namedtuple("Point", "x y", defaults=(2.0,))
ORIGIN = Point(1.0, 2)


class Vector(NamedTuple):
    x: float
    y: float = 0.0

    @property
    def square(self):
        return self.x * self.x + self.y * self.y

    def plus(self, other, factor=1):
        return Vector(self.x + other.x * factor, self.y + other.y * factor)


def test_named_tuples():
    def kernel(x, n):
        p = Point(x)
        for _ in range(n):
            p = Point(p.x + p.y, y=p.x * 0.5)
        a, b = p
        return a + b + p[0] + ORIGIN.y + sum(ORIGIN)

    check(kernel, *(a.ravel() for a in np.meshgrid(SMALL, COUNTS)))


def test_methods_and_properties_of_named_tuples():
    def kernel(x, y):
        v = Vector(x).plus(Vector(y, 1), factor=2)
        return v.square + VECTOR.plus(v).x

    check(kernel, *grid(F4, F4))


VECTOR = Vector(1.0, 2.0)

# ----------------------------------------------------------------------------------- errors


def too_long(x):
    for i in tuple(range(9000)):
        if x > i:
            x += math.sin(i)
    return x


def joined(x):
    values = (1, 2) if x > 0 else (1, 2, 3)
    for value in values:
        x += value
    return x


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda x: sum(x), "`for` runs over a range or a tuple in a scalar kernel, not over float"),
        (lambda x: len(x), r"len\(\) needs tuples of known length or ranges"),
        (lambda x: sum(zip((1, x), range(int(x)))), r"zip\(\) needs tuples of known length"),
        (lambda x: x in "abc", "`in` needs a tuple of known length, not a str"),
        (lambda x: (1, 2)[x], "the index of a tuple must be a constant"),
        (lambda x: (1, x)[2], "a tuple of 2 elements has none at index 2"),
        (lambda x: x[1:2], "float64 cannot be indexed"),
        (lambda x: Point(x, 1, 2), r"Point\(x, y\) cannot be made of these arguments"),
        (lambda x: Point(z=x), r"Point\(x, y\) cannot be made of these arguments"),
        (lambda x: Point(x, 1).z, "has no attribute 'z'|the attribute 'z' of tuple"),
        (too_long, "too long to be written out"),
        (joined, "is tuple .* on one way here and tuple"),
    ],
)
def test_refusals(kernel, message):
    with pytest.raises(KernelgenError, match=message):
        kernelgen.vectorize(kernel)(1.0)


def test_too_few_values_for_a_starred_assignment():
    def kernel(x):
        a, *_, b = (x,)
        return a + b

    with pytest.raises(KernelgenError, match="cannot unpack 1 values into 2 names and a starred"):
        kernelgen.vectorize(kernel)(1.0)
