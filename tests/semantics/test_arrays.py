"""Arrays in functions: elements, views, attributes, loops over them."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request

from kernelgen import pipeline
from kernelgen.errors import TypingError

A = np.arange(24.0).reshape(4, 6)
LAYOUTS = {
    "C": A.copy(),
    "F": np.asfortranarray(A),
    "strided": np.repeat(A, 2, 0)[::-2],
    "transposed": A.copy().T,
    "reversed": A[:, ::-1],
}


@pytest.fixture(params=LAYOUTS)
def matrix(request):
    """A matrix that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


def test_elements_of_a_matrix(matrix):
    def total(a):
        s = 0.0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                s += a[i, j] * (i - j)
        return s

    check(total, matrix)


def test_indices_count_from_the_end(matrix):
    def corner(a, i):
        return a[-1, -2] + a[i, 0] + a[i][i] + a[-1][-i - 1]

    check(corner, matrix, 2)


def test_elements_are_assigned(matrix):
    def fill(a, v):
        for i in range(len(a)):
            for j in range(a.shape[1]):
                a[i, j] = v * i + j
        a[-1, -1] += 100
        a[0][1] = -1

    check(fill, matrix, np.float32(0.5))


def test_rows_and_elements_in_loops(matrix):
    def total(a):
        s = 0.0
        for row in a:
            t = 1.0
            for v in row[1:]:
                t = t / 2 + v
            s += t
        return s

    check(total, matrix)


def test_attributes(matrix):
    def attributes(a):
        rows, columns = a.shape
        return (
            rows, columns, a.ndim, a.size, a.nbytes, a.itemsize, len(a), a.strides[0], a.strides[-1],
            a.T.shape[0], a.T[1, 2], len(a[1:]), a.T.T[2, 1],
        )  # fmt: skip

    check(attributes, matrix)


SLICES = [
    slice(None), slice(1, 3), slice(-3, None), slice(None, -1), slice(None, None, 2),
    slice(None, None, -1), slice(-1, 0, -2), slice(5, 1), slice(100, None), slice(None, -100, -1),
    slice(-100, 100, 3), slice(2, None, -3), slice(0, 0), slice(100, -100, -1),
]  # fmt: skip


@pytest.mark.parametrize("s", SLICES, ids=str)
def test_slices(matrix, s):
    start, stop, step = s.start, s.stop, s.step

    def sliced(a):
        v = a[start:stop:step, ::-1]
        w = a[..., start:stop:step]
        t = 0.0
        for row in v:
            for x in row:
                t = t * 1.5 + x
        for row in w:
            for x in row:
                t = t * 0.75 - x
        return t, len(v), w.shape[1]

    check(sliced, matrix)


@pytest.mark.parametrize("start", [-9, -4, -1, 0, 2, 4, 9])
@pytest.mark.parametrize("step", [-9, -2, -1, 1, 3])
def test_slices_by_what_is_known_when_it_runs(start, step):
    def sliced(a, start, stop, step):
        t = 0.0
        for x in a[start:stop:step]:
            t = t * 1.5 + x
        return t, a[start:].size, a[:stop].size, a[::step].shape[0], a[stop::step].size

    for stop in (-9, -2, 0, 1, 3, 9):
        check(sliced, np.arange(1.0, 5), start, stop, step)


def test_a_step_of_zero():
    def sliced(a, step):
        return a[::step].size

    check(sliced, np.arange(4.0), 0)


def test_new_axes():
    def sliced(a):
        b = a[np.newaxis, :, None]
        return b.shape[0], b.shape[1], b.shape[2], b[0, 2, 0], b.ndim

    check(sliced, np.arange(4.0))


def test_unpacking():
    def unpacked(a):
        (x, y), (z, w) = a
        u, v = a[1]
        return x - y * z + w, u, v

    check(unpacked, np.array([[1.0, 2.0], [3.0, 4.0]]))
    check(unpacked, np.arange(6.0).reshape(2, 3))


def test_zero_dimensions():
    def value(a):
        a[()] = a[()] + 1
        return a[...].ndim, a[()], a.size

    check(value, np.array(2.5))


@pytest.mark.parametrize("dtype", "?bhilqBHILQefdFD")
def test_all_types_of_elements(dtype):
    def double(a, b):
        for i in range(len(a)):
            b[i] = a[i] + a[i]
        return a[0]

    values = np.array([0, 1, 2, 100, 255]).astype(dtype)
    check(double, values, np.zeros(5, dtype))
    check(double, values[::-1], np.zeros((5, 2), dtype)[:, 1])


def test_stored_values_are_converted():
    def store(a, b, x):
        a[0] = x
        b[0] = 2
        b[1] = True
        b[2] = x

    check(store, np.zeros(2, np.int32), np.zeros(3, np.float32), np.float64(2.75))


def test_bounds_are_checked():
    def read(a, i, j):
        return a[i, j]

    def write(a, i, j):
        a[i, j] = 0.0

    for f in (read, write):
        for i, j in ((0, 0), (3, 5), (-4, -6), (4, 0), (0, 6), (-5, 0), (1, -7)):
            check(f, A.copy(), i, j, boundscheck=True)


def test_a_variable_may_be_one_of_two_arrays():
    def chosen(a, b, n):
        c = a
        for i in range(n):
            c = b if i % 2 else a.T
        return c[1, 0] + c.shape[0]

    for n in range(3):
        check(chosen, A[:4, :4], np.asfortranarray(A[:4, :4]) + 100, n)


def test_arrays_in_tuples_and_helpers():
    def helper(pair, k):
        a, b = pair
        return a[k] * b[k], b

    def outer(a, b):
        s = 0.0
        for k in range(len(a)):
            p, c = helper((a, b), k)
            s += p + c[0]
        return s

    check(outer, np.arange(5.0), np.arange(5.0)[::-1])


def test_recursion_over_arrays():
    def total(a, low, high):
        if high - low == 0:
            return 0.0
        if high - low == 1:
            return a[low]
        middle = (low + high) // 2
        return total(a, low, middle) + total(a, middle, high)

    def halves(a):
        if len(a) == 1:
            return a[0]
        return halves(a[: len(a) // 2]) - halves(a[len(a) // 2 :])

    check(lambda a: total(a, 0, len(a)), np.arange(9.0))
    check(lambda a: halves(a), np.arange(9.0)[::-1])


def test_all_elements_of_a_view_are_assigned(matrix):
    def fill(a, x):
        a[1:3, ::-2] = x
        a[0] = 7
        a[-1, :2] = True
        return a[..., 0].size

    check(fill, matrix, np.float32(0.1))


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0), (2, 3, 2)])
@pytest.mark.parametrize("dtype", "?bfeDM")
def test_whole_arrays_are_assigned(shape, dtype):
    def fill(a, x):
        a[...] = x

    dtype = "M8[s]" if dtype == "M" else dtype
    check(fill, np.zeros(shape, dtype), np.ones((), dtype)[()])


def test_an_index_of_a_view_that_is_assigned_is_checked():
    def fill(a, i):
        a[i, :2] = 1

    for i in (3, 4, -4, -5):
        check(fill, A.copy(), i, boundscheck=True)


def test_loops_over_several_arrays(matrix):
    def total(a, b, n):
        s = 0.0
        for i, v in enumerate(b):
            s += i * v
        for i, row in enumerate(a, 2):
            for j, v in enumerate(row):
                s += (i - j) * v
        for u, v in zip(b, a[0]):
            s = s / 2 + u * v
        for i, (row, w) in enumerate(zip(a, b)):
            s += row[0] * w - i
        for i, v in zip(range(n), b):
            s -= i * v
        for v in reversed(b):
            s = s / 2 + v
        return s

    check(total, matrix, np.arange(5.0), 3)
    check(total, matrix, np.arange(9.0)[::2], 30)
    check(total, matrix, np.arange(0.0), 3)


def test_elements_in_arrays(matrix):
    def contained(a, x):
        return x in a, x in a[0], 2.5 not in a

    for x in (0.0, 7.0, -1.0):
        check(contained, matrix, x)


def test_all_elements_in_a_row(matrix):
    def flat(a):
        s = 0.0
        for v in a.flat:
            s = s / 2 + v
        for i, v in enumerate(a.flat):
            s += i * v
        return s, a.flat[3], len(a.flat)

    check(flat, matrix)

    def fill(a):
        a.flat[2] = 7

    check(fill, np.zeros((2, 3)))
    with pytest.raises(TypingError, match="read-only"):
        pipeline.typed(request(fill, (np.zeros((2, 3), order="F"),)))


def chosen_by_the_class_of_another(x, y):
    """What ``z`` is depends on a branch that the class of ``x`` decides."""
    z = y if isinstance(x, np.ndarray) else x
    first = z.sum() if isinstance(z, np.ndarray) else z + 1
    w = first if isinstance(x, np.ndarray) else y
    return first, 2 if isinstance(w, np.ndarray) else 5


@pytest.mark.parametrize("x, y", [(1.5, 2.5), (2, np.arange(4)), (np.ones(3), np.arange(4))])
def test_classes_that_depend_on_classes(x, y):
    check(chosen_by_the_class_of_another, x, y)


def epsilons_of(x):
    """The classes of what is in branches that are dead are not asked for their limits."""
    if isinstance(x, np.ndarray):
        return x.sum()
    return np.finfo(x).eps if isinstance(x, float) else np.iinfo(type(x + np.int8(1))).max


@pytest.mark.parametrize("x", [1.5, np.int8(2), np.ones(3)])
def test_classes_in_dead_branches(x):
    check(epsilons_of, x)
