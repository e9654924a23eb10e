"""Expressions of whole arrays: broadcasting, fusion, assignment in place, overlap, new arrays."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from array_backends import check, request
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelgen import njit, pipeline
from kernelgen.errors import TypingError

pytestmark = pytest.mark.any_python

A = np.arange(24.0).reshape(4, 6) - 11.5
LAYOUTS = {
    "C": A.copy(),
    "F": np.asfortranarray(A),
    "strided": np.repeat(A, 2, 0)[::-2],
    "reversed": A[:, ::-1],
}


@pytest.fixture(params=LAYOUTS)
def matrix(request):
    """A matrix that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


def test_an_expression(matrix):
    def expression(a, x):
        return (a - x) ** 2 / (1 + abs(a)) - np.sqrt(np.abs(a)) * -a

    check(expression, matrix, 1.5)


@pytest.mark.parametrize("other", ["C", "F", "strided", "row", "column", "single", "vector"])
def test_operands_are_broadcast(matrix, other):
    b = {
        "row": A[:1] + 0.5,
        "column": A[:, 2:3],
        "single": A[1:2, 1:2].copy(),
        "vector": A[2].copy(),
    }.get(other, LAYOUTS.get(other))

    def both(a, b):
        return a * b + 1, b - a, b < a, np.maximum(a, b)

    check(both, matrix, b)


def test_shapes_that_do_not_fit():
    def both(a, b):
        return a + b

    check(both, np.ones(3), np.ones(4))
    check(both, np.ones((2, 3)), np.ones((3, 2)))
    check(both, np.ones((2, 3)), np.ones(2))
    check(both, np.ones(0), np.ones(1))
    check(both, np.ones(0), np.ones(2))


@pytest.mark.parametrize("dtype", ["?", "i1", "u4", "i8", "f2", "f4", "f8", "c8", "c16"])
def test_dtypes_are_those_of_numpy(dtype):
    a = np.array([0, 1, 3, 7, 100]).astype(dtype)

    def arithmetic(a):
        return a + a, a * 2, a / 3, a == 1, a.astype(np.complex64)

    check(arithmetic, a)


@pytest.mark.parametrize("pair", [("i1", "u1"), ("i4", "f4"), ("u8", "i8"), ("f4", "c8")])
def test_dtypes_that_meet(pair):
    a, b = (np.array([1, 2, 5]).astype(t) for t in pair)

    def meet(a, b):
        return a + b, a * b, b - a

    check(meet, a, b)


def test_operators_on_integers():
    a, b = np.array([5, -7, 12, 0]), np.array([3, 2, -5, 4])

    def integers(a, b):
        return a // b, a % b, a & b, a | 3, a ^ b, ~a, a << 2, b >> 1, -a, a**2

    check(integers, a, b)


def test_dividing_arrays_by_zero_is_no_error():
    def divide(a, b):
        return a / b, a // b

    with np.errstate(all="ignore"):
        check(divide, np.array([1.0, 0.0, -1.0]), np.zeros(3), error_model="python")


def test_an_array_without_dimensions_is_a_number():
    def numbers(a, b):
        return a + 1, a * b, a < 2, -a

    check(numbers, np.array(1.5), np.array(2.0))
    check(numbers, np.array(1.5), A[0])


def test_several_results():
    def parts(a, b):
        whole, rest = np.divmod(a, b)
        fraction, integral = np.modf(a)
        return whole, rest, fraction + integral

    check(parts, A, A + 20)


def test_in_place(matrix):
    def change(a, b):
        c = a
        a += b
        a *= 2
        a[1] -= a[0]
        a[::2, 1:] /= b[1:]
        return c

    check(change, matrix, A[1].copy())


def test_in_place_keeps_the_dtype():
    def change(a):
        a += 2
        a //= 3
        return a

    check(change, np.arange(5, dtype=np.int8))

    def widen(a):
        a += 0.5

    with pytest.raises(TypingError, match="cannot be changed in place to"):
        pipeline.typed(request(widen, (np.arange(3),)))


def test_a_number_in_place_is_a_new_number():
    def number(a, x):
        y = x
        x += a
        return x, y

    check(number, A[0], 2.0)


@pytest.mark.parametrize(
    ("to", "source"),
    [(slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None)),
     (slice(None, None, -1), slice(None)), (slice(2, 4), slice(0, 2)), (slice(None), slice(None))],
)  # fmt: skip
def test_arrays_that_overlap(to, source):
    first, last, step = to.start, to.stop, to.step
    begin, end = source.start, source.stop

    def shift(a):
        a[first:last:step] = a[begin:end]

    def add(a):
        a[first:last:step] += a[begin:end] * 2

    for a in (np.arange(6.0), np.arange(12.0).reshape(6, 2), np.arange(12.0)[::2]):
        check(shift, a)
        check(add, a)


def test_transposing_in_place():
    def transpose(a):
        a[...] = a.T
        a += a.T

    check(transpose, np.arange(9.0).reshape(3, 3))


def test_assigning_arrays_broadcasts(matrix):
    def assign(a, row, column):
        a[:2] = row
        a[2:] = column
        a[:, 1] = 7

    check(assign, matrix, np.arange(6), np.arange(2.0).reshape(2, 1))
    check(assign, matrix, np.arange(5), np.arange(2.0).reshape(2, 1))


def test_new_arrays():
    def make(n, like):
        a, b = np.zeros((n, 2), np.int16), np.ones(n)
        c, d = np.full((2, n), 2.5), np.full(n, True)
        e, f = np.zeros_like(like), np.ones_like(like, dtype=np.uint8)
        return a, b, c, d, e, f, np.full_like(like, 3), np.eye(n), np.identity(2), np.eye(2, n, k=1)

    check(make, 3, A)
    check(make, 0, np.asfortranarray(A))


@pytest.mark.parametrize(
    "args",
    [(5,), (2, 9), (0, 10, 3), (10, 0, -3), (0.5, 3.2), (0, 1, 0.1), (3, 1), (np.float32(3),)],
)
def test_arange(args):
    def spaced(*args):
        return np.arange(*args)

    if len(args) == 1:
        check(lambda a: np.arange(a), *args)
    elif len(args) == 2:
        check(lambda a, b: np.arange(a, b), *args)
    else:
        check(lambda a, b, c: np.arange(a, b, c), *args)


def test_arange_with_a_dtype():
    check(lambda n: (np.arange(n, dtype=np.float32), np.arange(1, n, dtype="i2")), 4)


@pytest.mark.parametrize("args", [(0, 1, 5), (2.5, -1, 4), (1, 1, 3), (0, 1, 1), (3, 4, 0)])
@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace(args, endpoint):
    check(lambda a, b, n: np.linspace(a, b, n, endpoint=endpoint), *args)


def test_shapes_that_cannot_be():
    def make(n):
        return np.empty((2, n)).shape[0]

    check(make, -1)
    check(make, 1 << 61)


def test_order_of_new_arrays():
    def make(n):
        a = np.zeros((n, 3), order="F")
        a[0] = 1
        return a, a.strides[0]

    check(make, 4)


def test_references_through_branches_and_loops():
    def steps(a, n):
        b = a
        c = a[1:] * 2
        for i in range(n):
            d = b * i
            if i % 3 == 1:
                c = d[1:]
            elif i % 3 == 2:
                b, c = d, b[:-1]
        return b, c[0], c, (c, b[0])

    for n in range(5):
        check(steps, np.arange(3.0), n)


def test_references_of_what_is_not_used():
    def nothing(n):
        a = np.zeros(n)
        b = np.ones(n)
        if n > 2:
            a = b
        for row in np.zeros((n, 2)) + 1:
            row[0] = n
        return n

    check(nothing, 2)
    check(nothing, 3)


def test_an_exception_frees_what_is_there():
    @njit
    def fail(n, bad):
        a = np.ones(n)
        b = a + 1
        if bad:
            raise ValueError("bad")
        return b / a

    before = resident()
    for _ in range(300):
        with pytest.raises(ValueError, match="bad"):
            fail(100_000, True)
    assert resident() - before < 50 << 20  # of the 480 MB that they allocate
    assert fail(3, False).tolist() == [2, 2, 2]


def resident():
    """The bytes of memory that the process has in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_loop_that_allocates_leaves_memory_as_it_was():
    @njit
    def total(n):
        s = 0.0
        for i in range(n):
            a = np.full(1000, i * 1.0)
            b = a[1:] + 1
            s += b[-1]
        return s

    total(10)
    before = resident()
    assert total(100_000) == 100_000 * 99_999 / 2 + 100_000
    for _ in range(1000):
        total(2)
    assert resident() - before < 10 << 20  # of the 1.6 GB that they allocate


def test_arrays_through_recursion():
    def halves(a):
        if len(a) < 2:
            return a * 2
        b = np.zeros(len(a))
        middle = len(a) // 2
        b[:middle] = halves(a[middle:])
        b[middle:] = halves(a[:middle])[0]
        return b

    check(halves, np.arange(7.0))


@settings(max_examples=40)
@given(data=st.data())
def test_any_expression(data):
    """Random trees of operators over arrays of random shapes and strides, assigned or returned."""
    ndim = data.draw(st.integers(1, 3))
    shape = tuple(data.draw(st.integers(0, 4)) for _ in range(ndim))

    def array():
        own = [1 if data.draw(st.booleans()) and n else n for n in shape]
        own = own[data.draw(st.integers(0, ndim - 1)) :]
        dtype = data.draw(st.sampled_from(["f8", "f4", "i4", "i8"]))
        made = np.arange(np.prod(own, dtype=int)).reshape(own).astype(dtype) + 1
        change = data.draw(st.sampled_from(["none", "F", "reversed", "sparse"]))
        if change == "F":
            return np.asfortranarray(made)
        if change == "reversed":
            return made[::-1]
        return np.repeat(made, 2, -1)[..., ::2] if change == "sparse" else made

    def tree(depth):
        if depth == 0 or data.draw(st.integers(0, 3)) == 0:
            return data.draw(st.sampled_from(["a", "b", "c", "2", "0.5"]))
        operator = data.draw(st.sampled_from(["+", "-", "*", "<", "max"]))
        left, right = tree(depth - 1), tree(depth - 1)
        if operator == "max":
            return f"np.maximum({left}, {right})"
        return f"({left} {operator} {right})"

    text = f"a * 1 + {tree(3)}"
    source = (
        f"def f(a, b, c, t):\n    x = {text}\n    t[...] = x\n    t -= {tree(2)}\n    return x, t"
    )
    scope: dict = {"np": np}
    exec(source, scope)
    target = (
        np.zeros(shape)
        if data.draw(st.booleans())
        else np.zeros((*shape[:-1], 9))[..., : shape[-1]]
    )
    arrays = [array() for _ in range(3)]
    try:
        with np.errstate(all="ignore"):
            scope["f"](*arrays, target.copy())
    except TypeError:
        return  # NumPy has no `-` of bools
    with np.errstate(all="ignore"):
        check(scope["f"], *arrays, target)


def test_arrays_of_tuples():
    def make(x, n):
        return np.array((1, x, n)), np.asarray(((x, 2.0), (n, x))), np.array((x,), np.float32)

    check(make, 1.5, 3)
    check(make, np.float32(1.5), np.int8(3))


def test_copies(matrix):
    def copies(a):
        b, c, d, e = a.copy(), np.copy(a), np.array(a, dtype=np.float32), a.astype("i4")
        b[0] = 1
        c[0] = 2
        f = np.asarray(a)
        f[1] = 5
        return a, b, c, d, e

    check(copies, matrix)


def test_tuples_are_assigned_to_views(matrix):
    def assign(a, x):
        a[0, :2] = (x, 1)
        a[1:3, 2:4] = ((1, 2), (3, x))
        a[:, 5:] = (x,)
        a[3, ::3] = [x, 2]
        a[3] = (1, 2)

    check(assign, matrix, 0.5)


def test_what_the_type_of_an_array_tells_decides_branches(matrix):
    def typed(a):
        zero = a.dtype.type(0)
        if a.ndim == 2:
            return zero + a[0, 0]
        return zero + a[0]

    check(typed, matrix)
    check(typed, np.arange(3, dtype=np.int8))
