"""Calls of kernels' generalized ufuncs inside functions, as NumPy calls them from Python."""

from __future__ import annotations

import traceback

import numpy as np
import pytest
from array_backends import check

from kernelgen import float32, float64, guvectorize, int64, njit, vectorize
from kernelgen.errors import TypingError, UnsupportedError

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("target")]

A = np.arange(24.0).reshape(2, 3, 4) - 7
LAYOUTS = {"C": A.copy(), "F": np.asfortranarray(A), "strided": np.repeat(A, 2, 2)[:, ::-1, ::-2]}


@pytest.fixture(params=["C", "strided"])
def stack(request):
    """A stack of matrices that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


@guvectorize("(n),(n)->()")
def distance(x, y, out):
    total = 0.0
    for i in range(len(x)):
        total += (x[i] - y[i]) ** 2
    out[0] = total


@guvectorize("(n)->(n),()")
def doubled_and_sum(x, doubled, total):
    total[0] = 0
    for i in range(len(x)):
        doubled[i] = x[i] * 2
        total[0] += x[i]


@guvectorize("(n)->(),()")
def extremes(x):
    low = high = x[0]
    for v in x:
        low, high = min(low, v), max(high, v)
    return low, high


@guvectorize("(n),(w)->(n-w+1)")
def moving(x, weights, out):
    for i in range(len(out)):
        out[i] = 0
        for j in range(len(weights)):
            out[i] += x[i + j] * weights[j]


@guvectorize("(n)->(n)")
def reversed_row(x, out):
    for i in range(len(x)):
        out[len(x) - 1 - i] = x[i]


@guvectorize("(m?,n),(n,p?)->(m?,p?)")
def product(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = 0
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]


@guvectorize("(n),()->(n)")
def rolled(x, shift, out):
    for i in range(len(x)):
        out[(i + shift) % len(x)] = x[i]


@guvectorize([(float64[:], int64, float64[:])], "(n),()->(n)")
def moving_mean(a, window, out):
    total = 0.0
    for i in range(len(a)):
        total += a[i]
        if i >= window:
            total -= a[i - window]
        out[i] = total / min(i + 1, window)


@guvectorize([(float64[:], float64[:])], "(n)->(n)", writable_args=["x"])
def clear(x, out):
    for i in range(len(x)):
        out[i] = x[i]
        x[i] = 0


# --------------------------------------------------------------------------------- loops


def test_loop_dimensions_broadcast(stack):
    def calls(a, b, row):
        return distance(a, b), distance(a, row), distance(a[0], a[:, :1]), distance(row, row)

    check(calls, stack, stack[::-1] * 2, stack[0, 1].copy())
    check(calls, stack, np.ones((1, 3, 4)), np.ones(4, np.float32))
    check(calls, LAYOUTS["F"], np.ones((1, 3, 1, 4)), np.ones(4))


def test_results_are_numbers_without_loop_dimensions():
    def calls(x):
        s = distance(x, x + 1)
        doubled, total = doubled_and_sum(x)
        return s * 2, doubled, total, extremes(x)

    check(calls, np.arange(5.0))
    check(calls, np.arange(5, dtype=np.int16))


def test_several_outputs(stack):
    def calls(a):
        doubled, sums = doubled_and_sum(a)
        low, high = extremes(a)
        return doubled + 1, sums, low, high

    check(calls, stack)


def test_outputs_of_computed_size(stack):
    def calls(a, weights):
        return moving(a, weights), moving(a[0, 0], weights)

    check(calls, stack, np.array([1.0, -1.0]))
    check(calls, stack, np.ones(4))
    check(calls, stack, np.ones(5))
    check(calls, stack, np.ones((3, 2)))
    check(calls, stack, np.ones(6))


@guvectorize("(n),(m)->(min(n,m)//2),(-(-n-m)*1)")
def sized(a, b, c, d):
    c[:] = len(a)
    d[:] = len(b)


@guvectorize("(n),(m)->(n//m)")
def divided(a, b, c):
    c[:] = 1.0


def test_sizes_are_any_expressions():
    def calls(a, b):
        return sized(a, b), divided(a, b)

    check(calls, np.ones(5), np.ones(3))
    check(calls, np.ones((2, 5)), np.ones(6))
    check(calls, np.ones(5), np.ones(0))


@guvectorize("(3),(3)->(3)")
def cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


def test_fixed_sizes():
    def call(a, b):
        return cross(a, b)

    check(call, np.arange(6.0).reshape(2, 3), np.array([1, 0, 2]))
    check(call, np.arange(4.0), np.arange(3.0))
    check(call, np.arange(3.0), np.arange(6.0).reshape(3, 2))


def test_optional_dimensions():
    def calls(a, b, x, y):
        return product(a, b), product(x, b), product(a, y), product(x, y), product(a[0], y)

    check(calls, A, A[0].T.copy(), A[0, 0], A[1, 1])
    check(calls, A, A.swapaxes(1, 2), A[0, 0], A[1, 1])
    check(calls, A, A, A[0, 0], A[1, 1])


def test_stacks_that_do_not_meet():
    def calls(a, b):
        return product(a, b)

    check(calls, np.ones((2, 2, 3)), np.ones((3, 3, 4)))
    check(calls, np.ones((2, 2, 3)), np.ones((4, 3, 3, 4)))
    check(lambda a, b: doubled_and_sum(a, out=(b, None)), np.ones((3, 2)), np.ones((4, 2)))
    check(lambda a, b: doubled_and_sum(a, out=(b, None)), np.ones((3, 2)), np.ones((3, 3)))


def test_core_dimensions_that_differ():
    def call(a, b):
        return distance(a, b)

    check(call, A, np.ones(3))
    check(call, np.ones(0), np.ones(1))
    check(call, np.ones((0, 4)), np.ones(4))


def test_axis_and_keepdims(stack):
    def calls(a, b, out):
        doubled, sums = doubled_and_sum(a, axis=1)
        reversed_row(a, axis=0, out=out)
        return (
            distance(a, b, axis=0), distance(a, a[0], axis=-1, keepdims=True), doubled, sums,
            extremes(a, axis=1, keepdims=True), extremes(a, keepdims=True)[0],
            distance(a[0, 0], b, axis=0, keepdims=True), distance(a, a, axis=-2, keepdims=False),
        )  # fmt: skip

    check(calls, stack, np.ones(4), np.zeros((2, 3, 4)))
    with pytest.raises(TypingError, match="^axis 3 is out of bounds for array of dimension 3"):
        njit(lambda a: distance(a, a, axis=3))(stack)


# --------------------------------------------------------------------------------- types


@pytest.mark.parametrize("dtype", ["?", "i1", "f2", "c8"])
def test_dtypes_are_those_of_the_call(dtype):
    def calls(a, b):
        return distance(a, b), doubled_and_sum(a), reversed_row(b)

    a = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    check(calls, a, np.array([1, 0, 1], np.float32))
    if dtype != "?":
        check(calls, a, a)


def test_numbers_of_python_adapt_to_arrays():
    def calls(x, n):
        return rolled(x, 1), rolled(x, len(x)), rolled(x, n), rolled(x, True)

    check(calls, np.arange(5.0), np.int8(2))
    check(calls, np.arange(5, dtype=np.int8), np.int8(-1))


def test_counts_and_signatures():
    def calls(a, n):
        whole = moving_mean(a, 2)
        for i in range(1, 3):
            whole = whole + moving_mean(a, i)
        return whole, moving_mean(a[0], n)

    check(calls, A[0], np.int32(3))
    check(calls, A[0].astype(np.float32), np.int16(3))
    check(calls, np.arange(6, dtype=np.int8).reshape(2, 3), np.uint8(3))


@guvectorize([(float32[:], float32[:]), (float64[:], float64[:])], "(n)->()")
def mean_of_squares(x, out):
    total = 0.0
    for v in x:
        total += v * v
    out[0] = total / len(x)


def test_the_first_signature_that_fits_is_taken():
    def call(a, out):
        mean_of_squares(a, out)
        return mean_of_squares(a).dtype == np.float32

    for dtype in ("f2", "f4", "i2", "i4", "f8"):
        check(call, np.ones((2, 3), dtype), np.zeros(2, "f4"))
    with pytest.raises(TypingError, match=r"^no signature of mean_of_squares takes \(complex64\)"):
        njit(lambda a: mean_of_squares(a))(np.ones(3, np.complex64))


@guvectorize([(float64[:], float64[:], float64[:])], "(n),()->(n)")
def plus(x, boxed, out):
    for i in range(len(x)):
        out[i] = x[i] + boxed[0]


def test_inputs_that_are_arrays_of_one_element():
    stack = LAYOUTS["strided"]

    def calls(a, b):
        return plus(a, 2), plus(a, 2.5), plus(a[0], b)

    check(calls, stack, np.arange(3.0))
    check(calls, stack, np.float32(3))
    check(calls, stack, np.array(5))


# ------------------------------------------------------------------------------------ out


@pytest.mark.parametrize("layout", ["C", "strided"])
def test_out(layout):
    stack = LAYOUTS[layout]

    def calls(a, b, c, d):
        doubled_and_sum(a, b, c)
        distance(a, b, out=d)
        got = doubled_and_sum(a[0], out=(None, c[1]))
        return got[0], reversed_row(a[0, 0], b[1, 1]), moving(a, a[0, 0], out=None)

    check(calls, stack, np.zeros((2, 3, 4)), np.zeros((2, 3)), np.zeros((2, 3), np.float32))
    check(calls, stack, np.zeros((4, 3, 2)).T, np.zeros((3, 2)).T, np.zeros((2, 3), complex))


def test_out_is_the_array_itself():
    out = np.zeros(3)
    assert njit(lambda x, out: reversed_row(x, out=out))(np.ones(3), out) is out


def test_out_that_overlaps_inputs():
    def calls(a):
        reversed_row(a, a)
        reversed_row(a[:, :-1], out=a[:, 1:])
        distance(a, a[0], out=a[:, 1])
        doubled_and_sum(a, out=(a, a[0]))

    check(calls, np.arange(9.0).reshape(3, 3))
    check(calls, np.arange(9.0).reshape(3, 3).T)


@pytest.mark.parametrize(
    ("a", "out"),
    [((3, 4), (1,)), ((3, 4), (2,)), ((3, 4), ()), ((4,), (3,)), ((1, 4), ()), ((3, 4), (2, 3)),
     ((2, 3, 4), (3,)), ((2, 3, 4), (1, 3)), ((2, 5, 3, 4), (1, 3)), ((1, 5, 3, 4), (5, 1)),
     ((2, 5, 3, 4), (2, 1, 3))],
)  # fmt: skip
def test_shapes_of_out(a, out):
    check(lambda a, out: distance(a, a, out=out), np.ones(a), np.zeros(out))


def test_shapes_of_one_of_several_outs():
    check(lambda a, b: doubled_and_sum(a, b), np.ones((2, 3, 4)), np.ones((2, 1, 4)))
    check(lambda a, b: doubled_and_sum(a, None, b), np.ones((2, 3, 4)), np.ones((2, 1)))
    check(lambda a, b: doubled_and_sum(a, None, b), np.ones((1, 3, 4)), np.ones(1))


def test_out_of_another_size():
    check(lambda a, out: reversed_row(a, out=out), np.ones((2, 3)), np.zeros((2, 4)))
    check(lambda a, out: doubled_and_sum(a, None, out), np.ones((2, 3)), np.zeros((1,)))
    check(lambda a, out: moving(a, a, out=out), np.ones(3), np.zeros(2))


def test_what_cannot_be_cast_to_out():
    def call(a, out):
        return distance(a, a, out=out)

    message = r"^Cannot cast ufunc 'distance' output from dtype\('float64'\) to dtype\('int64'\)"
    with pytest.raises(TypingError, match=message):
        njit(call)(np.ones(3), np.zeros((), int))
    with pytest.raises(TypingError, match="^Cannot cast ufunc 'doubled_and_sum' output 2 from"):
        njit(lambda a, out: doubled_and_sum(a, None, out))(np.ones(3, complex), np.zeros(()))
    with pytest.raises(TypingError, match="^the array is read-only"):
        njit(call)(np.ones(3), np.broadcast_to(0.0, (2,)))


def test_inputs_that_are_written_to():
    def calls(a, b):
        return clear(a), clear(b)

    check(calls, A.copy(), np.arange(4.0)[::2])
    check(calls, A.astype(np.float32), A[0].T)
    check(lambda a, out: clear(a, out), np.ones(3), np.zeros((2, 3)))
    check(lambda a, out: clear(a, out), np.ones((1, 3)), np.zeros((2, 3)))
    with pytest.raises(TypingError, match="^operand array with iterator write flag set is read-on"):
        njit(lambda a: clear(a))(np.broadcast_to(1.0, (3,)))


# -------------------------------------------------------------------------------- kernels


@guvectorize("(n)->(n)")
def normalized(x, out):
    centered = x - x.mean()
    out[:] = centered / np.sqrt((centered * centered).sum())


@guvectorize("(n),(n)->()")
def correlation(x, y, out):
    out[0] = (normalized(x) * normalized(y)).sum()


@guvectorize("(m,n)->(m,n)")
def rows_reversed(x, out):
    reversed_row(x, out=out)


@vectorize
def spread(x, y):
    pair = np.empty(2, np.float64)
    pair[0], pair[1] = x, y
    low, high = extremes(pair)
    return high - low


def test_kernels_that_use_arrays_and_each_other():
    def calls(a):
        return normalized(a * 2), correlation(a, a[0]), rows_reversed(a), spread(a, 2.0)

    check(calls, LAYOUTS["strided"])


def _sum_by_halves(x, start, stop):
    if stop - start < 2:
        return x[start]
    middle = (start + stop) // 2
    return _sum_by_halves(x, start, middle) + _sum_by_halves(x, middle, stop)


@guvectorize("(n)->()")
def sum_by_halves(x):
    return _sum_by_halves(x, 0, len(x))


def test_a_kernel_whose_helper_calls_itself():
    def calls(a):
        return sum_by_halves(a), sum_by_halves(a[0] + 1), sum_by_halves(a.astype(np.int16))

    check(calls, A)


def test_a_kernel_called_in_a_loop(stack):
    def calls(a):
        total = 0.0
        for matrix in a:
            for row in matrix:
                total += moving_mean(row, 2)[-1] + distance(row, matrix[0])
        return total

    check(calls, stack)


@guvectorize("(n)->()")
def checked(x, out):
    total = 0.0
    for v in x:
        if v < 0:
            raise ValueError(f"{v} is negative")
        total += v
    out[0] = total


@guvectorize("(n)->()", boundscheck=True)
def beyond(x, out):
    out[0] = x[len(x)]


@guvectorize("(n)->()", error_model="python")
def inverse(x, out):
    out[0] = 1.0 / x[0]


@guvectorize("(n)->()")
def inverse_of_numpy(x, out):
    out[0] = 1.0 / x[0]


def test_exceptions_and_options_of_kernels():
    stack = LAYOUTS["F"]
    check(lambda a: checked(a), stack)
    check(lambda a: checked(a), np.abs(stack))
    check(lambda a: beyond(a), stack)
    check(lambda a: inverse(a), np.zeros((2, 3)))
    check(lambda a: inverse_of_numpy(a), np.zeros((2, 3)))


def test_a_traceback_has_the_kernels_line():
    with pytest.raises(ValueError, match="negative") as raised:
        njit(lambda a: checked(a))(-np.ones(3))
    frames = traceback.extract_tb(raised.value.__traceback__)
    assert frames[-1].name == "checked"
    assert "raise ValueError" in frames[-1].line


@pytest.mark.cpu_only
def test_what_is_refused():
    @guvectorize("(n)->()")
    def endless(x, out):
        out[0] = endless(x)

    with pytest.raises(UnsupportedError, match="kernel of endless calls its own ufunc"):
        njit(lambda a: endless(a))(np.ones(3))
    with pytest.raises(UnsupportedError, match=r"distance\(\) takes no axes= in a kernel"):
        njit(lambda a: distance(a, a, axes=[0, 0]))(A)
    with pytest.raises(UnsupportedError, match="^moving: axis can only be used with a single shar"):
        njit(lambda a: moving(a, a, axis=0))(A)
    with pytest.raises(UnsupportedError, match="takes keepdims= in a kernel if it reduces one dim"):
        njit(lambda a: doubled_and_sum(a, keepdims=True))(A)
    with pytest.raises(TypingError, match=r"^distance\(\) takes arrays and numbers, not tuple"):
        njit(lambda a: distance(a, (1.0, 2.0)))(A)
    message = "distance: Input operand 1 does not have enough dimensions .has 0, gufunc core with"
    with pytest.raises(TypingError, match=message):
        njit(lambda a: distance(a, 1.0))(A)
