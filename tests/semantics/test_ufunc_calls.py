"""Calls of ufuncs with ``out=``, ``where=``, ``dtype=``, ``casting=``, and of kernels' own ufuncs."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request

import kernelgen
from kernelgen import njit, pipeline
from kernelgen.errors import TypingError, UnsupportedError

A = np.arange(12.0).reshape(3, 4) - 5
B = (A[::-1] * 2 + 1).copy()
LAYOUTS = {"C": A.copy(), "F": np.asfortranarray(A), "strided": np.repeat(A, 2, 1)[:, ::-2]}


@pytest.fixture(params=LAYOUTS)
def matrix(request):
    """A matrix that lies in memory in one of several ways."""
    return LAYOUTS[request.param]


def test_out(matrix):
    def calls(a, b, c):
        d = np.add(a * 2, b, out=c)
        d[0, 0] = 7
        np.floor(a, d)
        np.negative(a, out=(a,))
        return d, np.sqrt(b, None), np.multiply(a, 2, out=None)

    check(calls, matrix, B, np.zeros((3, 4)))
    check(calls, B, matrix, np.asfortranarray(np.zeros((3, 4))))


def test_out_is_the_array_itself():
    @njit
    def call(a, c):
        return np.add(a, 1, out=c)

    out = np.zeros(3)
    assert call(np.ones(3), out) is out


def test_out_is_written_once():
    def call(a, b, c):
        np.add(a * b, a, out=c)

    wanted = request(call, (A[0], B[0], np.zeros(4)))
    assert (
        sum(op.name == "allocate" for op in pipeline.rewritten(wanted).ops()) == 1
    )  # if it overlaps


def test_out_that_overlaps_inputs():
    def shift(a):
        np.add(a[:-1], 1, out=a[1:])
        np.subtract(a[::-1], a, out=a)
        return np.multiply(a, a, a)

    check(shift, np.arange(9.0))
    check(shift, np.arange(18.0)[::2])


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [((3,), (4,), (5,)), ((3,), (), (5,)), ((3,), (1,), (1,)), ((3,), (3,), (2, 3)),
     ((2, 3), (3,), (1, 3)), ((0,), (1,), (0,)), ((), (), (4,)), ((2, 1), (1, 3), (2, 3))],
)  # fmt: skip
def test_shapes_of_out(a, b, c):
    def call(a, b, c):
        return np.add(a, b, out=c)

    def masked(a, b, c, mask):
        return np.subtract(a, b, out=c, where=mask)

    arrays = np.ones(a), np.full(b, 2.0), np.zeros(c)
    check(call, *arrays)
    check(masked, *arrays, np.arange(np.prod(c)).reshape(c) % 2 == 0)
    check(masked, *arrays, np.ones(1, bool))
    check(masked, *arrays, np.ones(3, bool))


def test_shapes_in_place_are_told_as_those_of_a_ufunc():
    def add(a, b):
        a += b

    check(add, np.ones(3), np.ones(4))
    check(add, np.ones(1), np.ones(3))
    check(add, np.ones((2, 3)), np.ones((3, 3)))


@pytest.mark.parametrize(("dtype", "out"), [("f8", "f4"), ("i4", "f4"), ("i8", "c8"), ("?", "i1")])
def test_results_are_cast_to_out(dtype, out):
    def call(a, c):
        return np.add(a, a, out=c), np.logical_not(a, out=c, where=a != 0)

    check(call, np.array([0, 1, 2], dtype), np.zeros(3, out))


def test_what_cannot_be_cast_to_out():
    def call(a, c):
        return np.add(a, 1, out=c)

    def parts(a, c, d):
        return np.divmod(a, 2, out=(c, d))

    message = r"^Cannot cast ufunc 'add' output from dtype\('float64'\) to dtype\('int64'\) with casting rule 'same_kind'"
    with pytest.raises(TypingError, match=message):
        njit(call)(np.ones(3), np.zeros(3, int))
    with pytest.raises(TypingError, match="Cannot cast ufunc 'divmod' output 3 from"):
        njit(parts)(np.ones(3), np.zeros(3), np.zeros(3, bool))
    check(lambda a, c: np.add(a, 1.5, out=c, casting="unsafe"), np.ones(3), np.zeros(3, int))
    with pytest.raises(TypingError, match="input 0 from .* with casting rule 'no'"):
        njit(lambda a, c: np.add(a, 1.5, out=c, casting="no"))(np.ones(3, int), np.zeros(3))


def test_where(matrix):
    def divide(a, b, c):
        np.divide(a, b, out=c, where=b != 3)
        return np.sqrt(a, out=a, where=(a > 0) & (b > 0)), c

    check(divide, matrix, B, np.full((3, 4), 9.0))
    check(divide, B, matrix, np.full((3, 4), 9, np.float32))

    def constant(a, c):
        return np.add(a, 1, out=c, where=True), np.add(a, 5, out=a, where=False)

    check(constant, matrix, np.zeros((3, 4)))


def test_where_without_out_has_its_shape():
    def call(a, mask):
        return np.add(a, 1, where=mask).shape

    @njit
    def values(a, mask):
        return np.add(a, 1, where=mask)

    assert njit(call)(np.ones(3), np.ones((2, 1), bool)) == (2, 3)
    assert values(np.ones(3), np.array([[True], [False]]))[0].tolist() == [2, 2, 2]


def test_dtype(matrix):
    def call(a, b, c):
        d = np.add(a, b, dtype=np.float32)
        return (
            d,
            np.multiply(a, 3, dtype="c16"),
            np.add(a, b, c, dtype="f4"),
            np.add(1, 2, dtype="i1"),
        )

    check(call, matrix, B, np.zeros((3, 4)))

    def of_another(a, b):
        return np.add(a, a, dtype=b.dtype), np.equal(a, b, dtype=bool), np.sqrt(a, dtype=None)

    check(of_another, np.arange(4), np.arange(4, dtype=np.float32))
    message = r"^Cannot cast ufunc 'add' input 0 from dtype\('float64'\) to dtype\('int64'\)"
    with pytest.raises(TypingError, match=message):
        njit(lambda a: np.add(a, 1, dtype=int))(A)
    with pytest.raises(TypingError, match="^No loop matching the specified signature"):
        njit(lambda a: np.exp(a, dtype=int))(A)


def test_several_outputs(matrix):
    def call(a, q, r):
        np.divmod(a, 2.5, out=(q, r))
        whole, rest = np.divmod(a, 3, out=(None, r))
        np.modf(a, q, None, where=q > 0)
        return whole, rest, q

    check(call, matrix, np.zeros((3, 4)), np.zeros((3, 4)))
    check(call, matrix, np.zeros((3, 4)), np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: np.add(a, a, a, out=a), "cannot specify 'out' as both a positional and"),
        (lambda a: np.add(a, a, out=3), "return arrays must be of ArrayType"),
        (lambda a: np.divmod(a, a, out=a), "'out' must be a tuple of arrays"),
        (lambda a: np.add(a, a, out=(a, a)), "must have exactly one entry per ufunc output"),
        (lambda a: np.add(a, out=a), "is called with its 2 inputs"),
        (lambda a: np.add(a, a, subok=False), r"add\(\) takes no subok= in a kernel"),
        (lambda a: np.add(a, a, casting="any"), "casting must be one of 'no', 'equiv', 'safe'"),
        (
            lambda a: np.add(a, a, where=a),
            r"Cannot cast array data from dtype\('float64'\) to dtype",
        ),
        (lambda a: np.add(a, a, out=a[0]), "does not fit into a 1-dimensional array"),
    ],
)
def test_wrong_arguments(function, message):
    with pytest.raises((TypingError, UnsupportedError), match=message):
        njit(function)(A.copy())


def test_out_that_is_read_only():
    fixed = np.ones(3)
    fixed.flags.writeable = False
    with pytest.raises(TypingError, match="the array is read-only"):
        njit(lambda a: np.add(a, a, out=a))(fixed)


# ---------------------------------------------------------------------- kernels' own ufuncs


@kernelgen.vectorize
def greater(x, y):
    return x if x > y else y * 2


@kernelgen.vectorize(["f4(f4,f4)"])
def declared(x, y):
    while x < y:
        x = x * 2 + 1
    return x


@kernelgen.vectorize
def both(x):
    return x + 1, x > 0


@kernelgen.vectorize
def root(x):
    if x < 0:
        raise ValueError("no root")
    return np.sqrt(x)


@kernelgen.vectorize
def nested(x, y):
    return greater(x, y) - 1


def test_a_kernels_ufunc_takes_arrays(matrix):
    def calls(a, b, c):
        first = greater(a, b[0]) * 2 + a
        greater(a, 2, out=c)
        greater(b, a, c, where=a > 0)
        return first, c, greater(3, 2.5), nested(a, b) + nested(a[:, :1], 1)

    check(calls, matrix, B, np.zeros((3, 4)))


def test_a_kernels_ufunc_is_fused():
    def call(a, b):
        return greater(a * 2, b) + 1

    wanted = request(call, (A[0], B[0]))
    assert sum(op.name == "allocate" for op in pipeline.rewritten(wanted).ops()) == 1


@pytest.mark.parametrize("dtypes", [("i1", "f4"), ("?", "u2"), ("f2", "f2"), ("i4", "i8")])
def test_dtypes_of_a_kernels_ufunc(dtypes):
    def call(a, b):
        return greater(a, b), greater(a, 1), nested(a, b)

    check(call, *(np.array([0, 1, 1], t) for t in dtypes))


def test_a_kernels_ufunc_with_a_signature():
    def call(a, b):
        return declared(a, b), declared(a, 2) + 1

    check(call, np.ones(3, np.float32), np.arange(3, dtype=np.float32))
    check(call, np.ones(3, np.int16), np.arange(3, dtype=np.int8))
    with pytest.raises(TypingError, match="cannot be cast safely to float32"):
        njit(call)(np.ones(3), np.ones(3))


def test_several_outputs_of_a_kernels_ufunc(matrix):
    def call(a, c):
        more, positive = both(a)
        both(a, out=(c, None))
        return more, positive, c

    check(call, matrix, np.zeros((3, 4)))


def test_an_exception_in_a_kernels_ufunc():
    def call(a, c):
        c[...] = root(a) + 1
        return c

    check(call, abs(A), np.zeros((3, 4)))
    check(call, -A, np.zeros((3, 4)))


def test_a_kernels_ufunc_in_a_generalized_one():
    @kernelgen.guvectorize("(n),(n)->(n)")
    def largest(x, y, out):
        out[:] = greater(x, y) + 0.5
        greater(out, x, out=out)

    want = greater(greater(A, B) + 0.5, A)
    np.testing.assert_array_equal(largest(A, B), want)


def test_a_kernels_ufunc_takes_no_dtype():
    with pytest.raises(TypingError, match=r"greater\(\) takes no dtype= and casting="):
        njit(lambda a: greater(a, a, dtype="f4"))(A)


@kernelgen.vectorize
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


@kernelgen.vectorize(["f4(i4)", "f8(f8)"])
def halvings(x):
    return 0 if x < 1 else 1 + halvings(x / 2)


def _even(n):
    return n == 0 or _odd(n - 1)


def _odd(n):
    return n != 0 and _even(n - 1)


@kernelgen.vectorize
def parity(n):
    return 1 if _odd(n) else 0


def test_a_kernel_does_not_call_its_own_ufunc_on_arrays():
    @kernelgen.vectorize
    def endless(x):
        return endless(np.full(2, x)).sum()

    with pytest.raises(UnsupportedError, match="the kernel of endless calls its own ufunc on arr"):
        njit(lambda a: endless(a))(A)
    with pytest.raises(UnsupportedError, match="the kernel of endless calls its own ufunc on arr"):
        endless(1.0)


def test_kernels_that_call_themselves():
    def calls(a, b):
        both = factorial(a) + factorial(b)
        return both, halvings(a), parity(b), factorial(a[0, 1]), factorial(factorial(b) % 5)

    def out(a, c):
        return factorial(a, out=c), parity(a, where=a > 1)[3], factorial(a - 1).sum()

    a = np.arange(6).reshape(2, 3)
    check(calls, a, np.array([3, 2, 7]))
    check(calls, a.astype(np.int32), np.array([1, 2, 4], np.int8))
    check(out, np.arange(5), np.zeros(5))
    check(lambda a: factorial(a), np.array([1, 10**6]))


@kernelgen.vectorize(["i4(i4,i4)", "f4(f4,f4)", "f8(f8,f8)"])
def among_several(x, y):
    return x / y if y > 1 else x


@pytest.mark.parametrize(
    "dtypes", [("i4", "i4"), ("f4", "i2"), ("i4", "f4"), ("f8", "i8"), ("?", "?")]
)
def test_a_kernels_ufunc_with_several_signatures(dtypes):
    def call(a, b):
        return among_several(a, b), among_several(a, 2), among_several(a[0], b[1])

    check(call, *(np.array([1, 0, 5], t) for t in dtypes))
