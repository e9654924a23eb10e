"""Constant tables: arrays and tuples among globals, cells, defaults and attributes of modules."""

from __future__ import annotations

import itertools
import types
from collections import namedtuple

import numpy as np
import pytest
from array_backends import check as check_function
from backends import COMPLEX, DTYPES, check, edges

from kernelgen import guvectorize, jit, vectorize
from kernelgen.errors import TypingError

VECTOR = np.array([1.5, -2.5, 0.0, np.inf, 8.25])
MATRIX = np.arange(12, dtype=np.int16).reshape(3, 4)
TUPLE = (0.5, 1.5, -2.5, 4.0)
ROWS = ((1, 2, 3), (4, 5, 6))
CUBE = (((1, 2), (3, 4), (5, 6)), ((7, 8), (9, 10), (11, 12)))
MODULE = types.SimpleNamespace(table=np.array([3, 1, 2], np.uint8))
INDICES = np.array([0, 1, 2, -1, -3])
WRONG = np.array([0, 4, 5, -5, -6, 2**40, -(2**63), 2**63 - 1])


def times(dtype):
    return np.array([0, 1, -5, 10**6], np.int64).view(dtype)


@pytest.mark.parametrize("dtype", [*DTYPES, *COMPLEX], ids=str)
def test_elements_of_every_type(dtype):
    table = edges(dtype)

    def element(i):
        return table[i]

    count = len(table)
    check(element, np.arange(-count, count))


@pytest.mark.parametrize("unit", ["M8[D]", "m8[ns]", "M8[15m]"])
def test_elements_that_are_times(unit):
    table = times(unit)

    def element(i):
        return table[i]

    check(element, np.arange(-4, 4))


@pytest.mark.parametrize("dtype", "bBhHiIlLqQ")
def test_indices_of_every_integer_type(dtype):
    def both(i):
        return VECTOR[i], TUPLE[i], MATRIX[1, i]

    check(both, np.array([0, 1, 3, 2], dtype))


LAYOUTS = {
    "C": np.arange(24.0).reshape(2, 3, 4),
    "F": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    "strided": np.arange(96.0).reshape(4, 6, 4)[::-2, ::2],
    "transposed": np.arange(24.0).reshape(4, 3, 2).T,
    "swapped bytes": np.arange(24).reshape(2, 3, 4).astype(">i2"),
    "broadcast": np.broadcast_to(np.float32(2.5), (2, 3, 4)),
    "unaligned": np.frombuffer(b"x" + np.arange(24.0).tobytes(), "f8", offset=1).reshape(2, 3, 4),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_of_every_layout(layout):
    table = LAYOUTS[layout]

    def elements(i, j, k):
        return table[i, j, k], table[i][j][k], table[i, j][k], table[-1, 1, 2], table[..., k][i, j]

    check(elements, *zip(*itertools.product((0, -1), (2, -3), (0, 3)), strict=True))


def test_attributes_of_tables():
    def attributes(x):
        return (
            x * MATRIX.shape[1] + len(MATRIX) + MATRIX.size + MATRIX.ndim + MATRIX.itemsize,
            x.dtype == MATRIX.dtype,
            MATRIX.T[1, 2],
        )

    check(attributes, np.array([2, 3], np.int16))


def test_loops_over_tables():
    def loops(x, n):
        total = x * 0
        for v in VECTOR[:3]:
            total += v * x
        for row in MATRIX:
            for v in row[1:n]:
                total += v
        for i, v in enumerate(VECTOR[::2]):
            total += i - v
        for v, w in zip(VECTOR, MATRIX[0]):
            total = max(total, v) + w
        for v in reversed(MODULE.table):
            total = total * 2 + v
        for i, (v, w) in enumerate(zip(VECTOR, range(n))):
            total += w * i + v
        return total

    check(loops, np.array([0.5, -3.0]), np.array([1, 3]))


def test_what_is_computed_of_tables():
    def folded(x):
        return (
            x + VECTOR[:3].sum() + MATRIX.max() + np.mean(MATRIX) + sum(MODULE.table),
            (VECTOR * 2)[0] + np.sqrt(np.abs(VECTOR))[1] + (VECTOR > 0)[2],
            MATRIX.astype(np.float32)[0, 1] + MATRIX.ravel()[5] + MATRIX.argmax(axis=0)[1],
            min(VECTOR) + max(MODULE.table) + np.sort(VECTOR)[0] + MATRIX.sum(axis=1)[2],
        )

    check(folded, np.array([0.5, 1.5]))


def test_a_view_has_bounds_that_are_computed():
    def part(n, m):
        total = 0
        for v in MATRIX[n, ::m]:
            total += v
        return total, len(VECTOR[n:m]), MATRIX[n:].shape[0], MATRIX[:, n][m]

    check(part, [0, 1, 2], [1, 2, 1])


def test_membership_in_a_table():
    def member(x):
        return x in MATRIX, x in VECTOR, x not in MODULE.table

    check(member, np.array([1, 2, 7, 100]))


def test_tables_unpack():
    def unpacked(x):
        a, b, c = MODULE.table
        first, *rest = VECTOR
        return x * a + b - c + first + rest[1], max(*MODULE.table, 7)

    check(unpacked, np.array([1, 2]))


def helper(i, table=VECTOR):
    return table[i]


def test_tables_come_from_defaults_cells_and_arguments_of_helpers():
    local = np.array([7, 8, 9])

    def found(i):
        def inner(k):
            return local[k]

        return helper(i) + helper(i, local) + helper(i, table=TUPLE) + inner(i)

    check(found, np.array([0, 1, 2]))


def test_a_recursive_helper_has_tables():
    def walk(i, depth):
        return VECTOR[i] if depth == 0 else MATRIX[i, depth] + walk(MODULE.table[i] % 3, depth - 1)

    def kernel(i):
        return walk(i, 3)

    check(kernel, np.array([0, 1, 2]))


# --------------------------------------------------------------------------- indices of tuples


def test_elements_of_tuples():
    def elements(i, j):
        return TUPLE[i], ROWS[i][j], ROWS[-1][i], len(ROWS[i]), ((0.5, 1), (2, 3))[i][j]

    check(elements, *np.array(list(itertools.product((0, 1, -1, -2), (0, 1, -1)))).T)


def test_tuples_of_more_depth():
    def elements(i, j, k):
        return CUBE[i][j][k], CUBE[i][1][k], CUBE[0][j][k]

    indices = np.array(list(itertools.product((0, -1), (0, 1, 2, -3), (0, 1, -2))))
    check(elements, *indices.T)


def test_elements_of_tuples_that_the_kernel_makes():
    def chosen(i, x, y):
        rows = ((x, y), (y, 1.0), (x + y, x))
        a, b = rows[i]
        return (x, y, x - y)[i], rows[i][i - 1], a * b, sum(rows[i])

    check(chosen, [0, 1, 2], [0.5, 1.5, 2.5], np.array([1, 2, 3], np.float32))


@pytest.mark.parametrize("dtype", [*DTYPES, *COMPLEX], ids=str)
def test_chosen_elements_of_every_type(dtype):
    def chosen(i, x, y):
        return (x, y, x)[i]

    values = edges(dtype)[:6]
    count = len(values)
    check(chosen, np.arange(count) % 3, values, values[::-1])


Point = namedtuple("Point", "x y")
POINTS = (Point(1, 2.5), Point(3, 4.5))


def test_named_tuples_are_chosen():
    def chosen(i, x):
        made = (Point(x, 1), Point(2, x))
        return POINTS[i].x, POINTS[i].y + made[i].x

    check(chosen, [0, 1, -1], [0.5, 1.5, 2.5])


def test_the_index_may_be_a_comparison():
    def chosen(x, y):
        return (x, y)[x > y], (10, 20)[bool(x)]

    def python(x, y):
        return (x, y)[bool(x > y)], (10, 20)[bool(x)]

    check(python, [0, 2, 3], [1, 2, 1])
    with pytest.raises(TypingError, match="a tuple cannot be indexed by bool"):
        vectorize(chosen)(1, 2)


def test_arrays_are_chosen():
    def chosen(a, b, i, j):
        return (a, b)[i][j] + (a, b, VECTOR)[i + 1][j]

    check_function(chosen, np.arange(3.0), np.array([4.5, 5.5, 6.5]), 1, 2)


# ---------------------------------------------------------------------------------- exceptions


def test_what_is_out_of_range_raises_as_python_does():
    def vector(i):
        return VECTOR[i]

    def matrix(i):
        return MATRIX[i, 1]

    def column(i):
        return MATRIX[1, i]

    def row(i):
        return MATRIX[1][i]

    def part(i):
        return VECTOR[1:4][i]

    def values(i):
        return TUPLE[i]

    def nested(i):
        return ROWS[1][i]

    def outer(i):
        return ROWS[i][0]

    def made(i):
        return (i, i + 1)[i]

    def iterated(i):
        total = 0
        for each in MATRIX:
            total += each[i]
        return total

    for kernel in (
        vector, matrix, column, row, part, values, nested, outer, made, iterated
    ):  # fmt: skip
        check(kernel, WRONG)
        check(kernel, np.array([2**64 - 1, 2**63, 1], np.uint64))


def test_constant_indices_raise_where_they_are_used():
    def kernel(i):
        return VECTOR[5] if i < 0 else MATRIX[2][3] if i < 1 else MATRIX[0, -5]

    check(kernel, [-1, 0, 1], dtype="f8")


def test_an_exception_names_the_line():
    @jit
    def element(i):
        return VECTOR[i]

    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5") as info:
        element(5)
    last = info.traceback[-1]
    assert last.name == "element" and "VECTOR[i]" in str(last.statement)


# ------------------------------------------------------------------------------------- capture


def test_contents_are_those_of_the_time_of_compilation():
    table = np.array([1.0, 2.0, 3.0])

    def kernel(i):
        return table[i] + table[0] + table.sum()

    ufunc = vectorize(["f8(i8)"])(kernel)
    table[:] = 0
    assert ufunc(1) == 2 + 1 + 6
    assert vectorize(kernel)(1) == 0


def test_types_that_are_known_early_have_the_same_contents():
    table = np.array([1.0, 2.0])

    @vectorize
    def kernel(i):
        return table[i]

    kernel.resolve_dtypes((np.dtype("i8"), None))
    table[1] = 5.0
    assert kernel(1) == 2.0


def test_generalized_ufuncs_and_functions_have_tables():
    @guvectorize("(n)->()")
    def weighted(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i] * VECTOR[i % 3]
        return total

    @jit
    def gathered(x, i):
        x[0] = VECTOR[i]
        for k, v in enumerate(MATRIX[0, 1:3]):
            x[k + 1] = v
        return x

    assert weighted(np.ones((2, 4))).tolist() == [0.5, 0.5]
    assert gathered(np.zeros(3), 1).tolist() == [-2.5, 1.0, 2.0]


def test_large_tables():
    table = np.random.default_rng(1).normal(size=100_000)

    @vectorize
    def element(i):
        return table[i]

    indices = np.random.default_rng(2).integers(-100_000, 100_000, 5000)
    assert np.array_equal(element(indices), table[indices])


def test_empty_tables():
    empty = np.zeros((0, 3))

    def kernel(i):
        total = 0.0
        for row in empty:
            total += row[i]
        return total + len(empty)

    check(kernel, [0, 1])

    def element(i):
        return np.float64(0) if i < 0 else empty[i, 0]

    check(element, [-1, 0])


def test_functions_return_copies_of_tables_and_change_copies():
    table = np.arange(5.0)
    matrix = np.arange(6).reshape(2, 3)

    @jit
    def copies(n):
        a, b = table.copy(), np.array(table)
        a[0] = b[1] = n
        return a, b, table * 2, (matrix.T, n), table[n:]

    for _ in range(2):
        a, b, doubled, (turned, n), rest = copies(2)
        assert (a.tolist(), b.tolist()) == ([2, 1, 2, 3, 4], [0, 2, 2, 3, 4])
        assert doubled.tolist() == [0, 2, 4, 6, 8]
        np.testing.assert_array_equal(turned, matrix.T)
        assert (n, rest.tolist()) == (2, [2, 3, 4])
        doubled[0] = rest[0] = turned[0, 0] = 9  # they are the caller's own
    assert table.tolist() == [0, 1, 2, 3, 4]

    one_of_two = jit(lambda a, x: a if x else table)
    given = np.ones(3)
    assert one_of_two(given, True) is not table
    assert one_of_two(given, False).tolist() == table.tolist()


def test_an_item_that_is_not_used_is_checked():
    table = np.arange(5.0)

    def kernel(i):
        x = table[i] + i
        if i < 0:
            raise ValueError(f"negative: {i}")
        x = i
        return x

    ufunc = vectorize(kernel)
    assert ufunc(4) == 4
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        ufunc(5)
