"""``guvectorize(target="parallel")`` is the generalized ufunc of the cpu target, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen import guvectorize

pytestmark = pytest.mark.usefixtures("shares_all")


def softmax(x, out):
    total = 0.0
    for i in range(len(x)):
        out[i] = np.exp(x[i] - x.max())
        total += out[i]
    for i in range(len(x)):
        out[i] /= total


def product(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = 0
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def convolution(x, y, out):
    out[:] = 0
    for i in range(len(x)):
        for j in range(len(y)):
            out[i + j] += x[i] * y[j]


def moments(x, mean, variance):
    mean[()] = x.mean()
    variance[()] = ((x - x.mean()) ** 2).mean()


def pair(dims, function, **options):
    return (
        guvectorize(dims, **options)(function),
        guvectorize(dims, target="parallel", **options)(function),
    )


RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (2, 5), (37, 5), (4, 6, 5), (100, 1)])
@pytest.mark.parametrize(
    ("dims", "function", "operands"),
    [
        ("(n)->(n)", softmax, lambda s: (RANDOM.normal(size=s),)),
        ("(n)->(n)", softmax, lambda s: (RANDOM.normal(size=(*s, 2))[..., 0],)),
        ("(n)->(),()", moments, lambda s: (RANDOM.normal(size=s).astype("f4"),)),
        (
            "(m,n),(n,p)->(m,p)",
            product,
            lambda s: (RANDOM.normal(size=(*s[:-1], 3, s[-1])), RANDOM.normal(size=(s[-1], 2))),
        ),
        (
            "(n),(m)->(n+m-1)",
            convolution,
            lambda s: (RANDOM.normal(size=s)[::-1], RANDOM.integers(0, 9, 3)),
        ),
    ],
    ids=["softmax", "strided", "two outputs", "matmul", "computed dimension"],
)
def test_results_are_those_of_one_thread(shape, dims, function, operands):
    alone, parallel = pair(dims, function)
    given = operands(shape)
    found, expected = parallel(*given), alone(*given)
    for one, other in zip(np.atleast_1d(found), np.atleast_1d(expected), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_options_of_the_call():
    alone, parallel = pair("(n)->(n)", softmax)
    a = RANDOM.normal(size=(8, 9, 10))
    np.testing.assert_array_equal(parallel(a, axis=0), alone(a, axis=0))
    expected = alone(a[:, ::-1])
    parallel(a[:, ::-1], out=a)
    np.testing.assert_array_equal(a, expected)
    out = np.zeros((9, 8, 10)).transpose(1, 0, 2)
    parallel(a, out=out)
    np.testing.assert_array_equal(out, alone(a))


def reverse(x, y):
    for i in range(len(x)):
        y[i] = x[len(x) - 1 - i]


def test_kernels_that_write_to_inputs():
    parallel = guvectorize("(n),(n)", target="parallel")(reverse)
    a = np.arange(400.0).reshape(20, 20)
    parallel(a, a)
    np.testing.assert_array_equal(a, np.arange(400.0).reshape(20, 20)[:, ::-1])


def test_an_index_out_of_range_is_found_by_any_thread():
    @guvectorize("(n),()->()", target="parallel", boundscheck=True)
    def element(x, k, out):
        out[()] = x[k]

    x, k = np.arange(50.0).reshape(10, 5), np.arange(10) % 5
    np.testing.assert_array_equal(element(x, k), x[np.arange(10), k])
    k[7] = 5
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5"):
        element(x, k)


def test_signatures():
    @guvectorize([("f4[:]", "f4[:]"), ("f8[:]", "f8[:]")], "(n)->(n)", target="parallel")
    def doubled(x, out):
        out[:] = 2 * x

    for dtype in ("i2", "f4", "i8"):
        a = np.arange(60, dtype=dtype).reshape(20, 3)
        np.testing.assert_array_equal(doubled(a), 2 * a)
    assert doubled(np.ones((4, 3), "f4")).dtype == np.float32
