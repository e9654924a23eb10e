"""Products of vectors and matrices. Sums are added in another order than NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request

from kernelgen import guvectorize, njit, pipeline
from kernelgen.errors import KernelgenError
from kernelgen.ops.product_library import SMALL
from kernelgen.rewrites import TYPED_PASSES
from kernelgen.rewrites.array_passes import fuse_products

RANDOM = np.random.default_rng(0)


def whole(*shape: int) -> np.ndarray:
    """Whole numbers, whose sums are exact in any order."""
    return RANDOM.integers(-3, 4, shape).astype(float)


A, B = whole(4, 6), whole(6, 5)
LARGE = whole(13, 11)
assert LARGE.size * len(LARGE) > SMALL


def multiply(a, b):
    return a @ b


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i8", "f2", "f4", "f8", "c8", "c16", "g"])
def test_types(dtype):
    a, b = abs(A).astype(dtype), abs(B).astype(dtype)
    check(multiply, a, b)
    check(multiply, a, b[:, 0].copy())
    check(multiply, a[0], b)
    check(multiply, a[0], a[1])


@pytest.mark.parametrize("pair", [("f4", "f8"), ("i4", "f4"), ("i1", "u1"), ("f8", "c8")])
def test_types_that_meet(pair):
    check(multiply, A.astype(pair[0]), B.astype(pair[1]))
    check(multiply, A.astype(pair[0]), B[:, 1].astype(pair[1]))


WAYS = {
    "C": lambda a: a.copy(),
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, 1)[:, ::2],
    "reversed": lambda a: a[::-1, ::-1],
}


@pytest.mark.parametrize("right", WAYS)
@pytest.mark.parametrize("left", WAYS)
def test_layouts(left, right):
    check(multiply, WAYS[left](A), WAYS[right](B))
    check(multiply, WAYS[left](LARGE), WAYS[right](LARGE.T))


@pytest.mark.parametrize("way", WAYS)
def test_a_matrix_and_a_vector(way):
    for matrix in (A, LARGE, whole(9, 3), whole(3, 9)):
        check(lambda a, v: (a @ v, v @ a.T), WAYS[way](matrix), matrix[0])


@pytest.mark.parametrize("dtype", ["f4", "c8", "c16", "i8"])
def test_large_matrices(dtype):
    check(lambda a: (a @ a.T, a.T @ a), LARGE.astype(dtype))


def test_strides_of_axes_of_one_element():
    def turned(a, v):
        return v[None, :] @ a, a.T @ v[:, None], v[:, None] @ v[None, :]

    check(turned, whole(30, 40), whole(30))
    check(multiply, whole(30, 30)[::7][:1], whole(30, 40))
    check(multiply, whole(40, 30), np.asfortranarray(whole(30, 90)[:, ::3][:, :1]))
    check(multiply, whole(30, 40)[:, :1], whole(1, 40))


def test_matrices_without_elements():
    check(multiply, np.ones((0, 3)), np.ones((3, 2)))
    check(multiply, np.ones((2, 0)), np.ones((0, 3)))
    check(multiply, np.ones((2, 0)), np.ones(0))
    check(multiply, np.ones(0), np.ones(0))


def test_stacks():
    check(multiply, whole(3, 2, 4), whole(3, 4, 5))
    check(multiply, whole(1, 2, 4), whole(3, 4, 5))
    check(multiply, whole(3, 2, 4), whole(1, 4, 5))
    check(multiply, whole(2, 4), whole(3, 4, 5))
    check(multiply, whole(3, 2, 4), whole(4, 5))
    check(multiply, whole(3, 2, 4), whole(4))
    check(multiply, whole(4), whole(3, 4, 5))
    check(multiply, whole(2, 2, 4), whole(3, 4, 5))


@pytest.mark.parametrize("pair", [((4, 6), (4, 6)), ((4, 6), (4,)), ((4,), (6, 4)), ((3,), (4,))])
def test_shapes_that_do_not_go_together(pair):
    a, b = (np.ones(shape) for shape in pair)
    check(multiply, a, b)
    check(lambda a, b: np.dot(a, b), a, b)


def test_dot():
    def products(a, b):
        return np.dot(a, b), a.dot(b), np.matmul(a, b)

    check(products, A, B)
    check(products, A, A[0])
    check(products, A[0], A[1])
    check(lambda a, x: (np.dot(a, x), np.dot(x, a)), A, 2.5)


def test_dot_into_an_array():
    def into(a, b, out):
        return np.dot(a, b, out), a.dot(b, out=out)

    check(into, A, B, np.ones((4, 5)))
    check(into, A, B, np.ones((4, 4)))
    check(into, A, B, np.ones((5, 4)).T)
    check(into, A, A[0], np.ones(4))
    check(lambda a, b, out: np.matmul(a, b, out=out), A, B, np.ones((5, 4)).T)


def test_other_products():
    def products(a, b):
        return np.inner(a, b), np.vdot(a, b), np.outer(a, b)

    check(products, A, A + 1)
    check(products, A[0] * 1j, A[1] + 1j)
    check(lambda a, b: np.vdot(a, b), A[0], B[:, 0])


def test_in_place():
    def multiply(a, b):
        a @= b
        return a

    check(multiply, A, whole(6, 6))
    check(multiply, A.astype(np.float32), whole(6, 6))


def test_sums_of_many_numbers():
    a, b = RANDOM.normal(size=(2, 40, 30, 50))
    for dtype, tolerance in (("f4", 1e-5), ("f8", 1e-14)):
        x, y = a[0].astype(dtype), b[0].T.astype(dtype)
        got = njit(multiply)(x, y)
        np.testing.assert_allclose(got, x @ y, rtol=tolerance, atol=20 * tolerance)
        np.testing.assert_allclose(
            njit(multiply)(x, y[:, 0].copy()), x @ y[:, 0], rtol=tolerance, atol=20 * tolerance
        )


def test_a_generalized_ufunc_multiplies():
    @guvectorize("(m,k),(k,n)->(m,n)")
    def product(a, b):
        return a @ b

    a, b = whole(3, 16, 16), whole(16, 16)
    np.testing.assert_array_equal(product(a, b), a @ b)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a: a @ 2, "multiplies arrays, and here is Python int"),
        (lambda a: a.sum @ a, "multiplies arrays"),
        (lambda a: a[None, None] @ a, "up to 3 dimensions"),
        (lambda a: np.dot(a[None], a), "write `a @ b`"),
        (lambda a: np.dot(a, a, np.ones((2, 2), np.float32)), "out= is a"),
    ],
)
def test_what_is_refused(function, words):
    with pytest.raises(KernelgenError, match=words):
        pipeline.typed(request(function, (A,)))


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("m", [1, 3, 8])
def test_convolve(n, m):
    def all_modes(a, v):
        return np.convolve(a, v), np.convolve(a, v, "same"), np.convolve(v, a, mode="valid")

    check(all_modes, np.arange(n) - 2, np.arange(m) + 0.5)


def test_vectors_without_elements_are_not_convolved():
    check(lambda a, v: np.convolve(a, v), np.ones(0), np.ones(2))
    check(lambda a, v: np.convolve(a, v), np.ones(2), np.ones(0))


# ------------------------------------------------------- a matrix and its transpose, read once


RESIDUALS = {
    "matmul": lambda x, w, y: x.T @ (x @ w - y),
    "dot": lambda x, w, y: np.dot(x.T, y - np.dot(x, w)),
    "from the left": lambda x, w, y: (2 * (x @ w) - y) @ x,
    "dot from the left": lambda x, w, y: (-x.dot(w)).dot(x),
    "alone": lambda x, w, y: x.T @ (x @ w),
    "of another vector": lambda x, w, y: x.T @ ((x @ w - y) * (y + 1)),
}


def is_fused(function, *args):
    """Whether two products have become one."""
    typed = pipeline.typed(request(function, args))
    for rewrite, _ in TYPED_PASSES:
        rewrite(typed)
        if rewrite is fuse_products:
            break
    return any(op.name == "normal_product" for op in typed.ops())


@pytest.mark.parametrize("name", RESIDUALS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 4), (4, 1), (7, 3), (8, 9), (3, 0)])
def test_normal_products(name, shape):
    x = whole(*shape)
    args = x, whole(shape[1]), whole(shape[0])
    assert is_fused(RESIDUALS[name], *args)
    check(RESIDUALS[name], *args)


@pytest.mark.parametrize("dtype", ["i4", "f4", "c8", "c16", "g", "f2", "?"])
def test_normal_products_of_types(dtype):
    x, w, y = (abs(a).astype(dtype) for a in (whole(6, 5), whole(5), whole(6)))
    check(lambda x, w, y: x.T @ ((x @ w) * y), x, w, y)


@pytest.mark.parametrize("name", RESIDUALS)
def test_normal_products_of_shapes_that_do_not_go_together(name):
    for shapes in (((5, 3), 2, 5), ((5, 3), 3, 4), ((1, 3), 3, 4), ((5, 3), 3, 1), ((5, 3), 3, 0)):
        check(RESIDUALS[name], *(whole(*np.atleast_1d(shape)) for shape in shapes))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, y: (x.T @ (p := x @ w - y), p),
        lambda x, w, y: x.T @ ((p := x @ w) - p / (p + 9.5)),
        lambda x, w, y: x.T @ np.sqrt(abs(x @ w)),
        lambda x, w, y: x.T @ (x[::-1] @ w),
        lambda x, w, y: x.T @ (x @ w - x @ (w + 1)),
    ],
)
def test_what_stays_two_products(function):
    args = whole(6, 4), whole(4), whole(6)
    assert not is_fused(function, *args)
    got, want = njit(function)(*args), function(*args)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-14)


def test_what_is_assigned_between_two_products():
    def assigned(x, w, y):
        products = x @ w
        x[0] = 1
        w[:] = y[0]
        return x.T @ products

    check(assigned, whole(6, 4), whole(4), whole(6))


def test_products_there_and_back_of_other_layouts():
    for way in WAYS.values():
        check(RESIDUALS["matmul"], way(LARGE), way(LARGE)[1], way(LARGE)[:, 1])


def test_gradient_descent():
    def descend(x, y, steps):
        w = np.zeros(x.shape[1])
        for _ in range(steps):
            w -= 0.001 * (x.T @ (x @ w - y))
        return w

    x, y = RANDOM.normal(size=(203, 7)), RANDOM.normal(size=203)
    np.testing.assert_allclose(njit(descend)(x, y, 20), descend(x, y, 20), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["?", "i1", "f2", "f8", "c16"])
def test_generalized_ufuncs(dtype):
    def calls(a, b, x, out):
        np.vecdot(a, x, out)
        return np.vecdot(a, b), np.vecdot(x, x), np.matvec(a, x), np.vecmat(x, b.swapaxes(1, 2))

    rng = np.random.default_rng(7)
    a, b = (rng.integers(-3, 4, (2, 3, 4)).astype(dtype) for _ in range(2))
    if dtype == "c16":
        a, b = a * (1 + 2j), b * (2 - 1j)
    check(calls, a, b, a[1, 0], np.zeros((2, 3), np.promote_types(dtype, "f4")))
    check(calls, a[:, ::-1], b, b[0, 2], np.zeros((2, 3), np.promote_types(dtype, "f8")))


def test_generalized_ufuncs_of_unlike_operands():
    def call(a, b):
        return np.vecdot(a, b), np.matvec(b, a), np.vecdot(b, b, axis=0)

    check(call, np.arange(3, dtype=np.int32), np.ones((2, 3), np.float32))
    check(call, np.arange(4), np.ones((2, 3)))
