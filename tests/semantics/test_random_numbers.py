"""np.random in compiled code draws what NumPy draws, in one sequence with Python's own calls."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check

import kernelgen
from kernelgen import njit
from kernelgen.errors import TypingError, UnsupportedError


@pytest.fixture(autouse=True)
def state():
    """The generator is as before afterwards."""
    before = np.random.get_state()
    yield
    np.random.set_state(before)


def uniforms(n):
    np.random.seed(n)
    first = np.random.random(), np.random.uniform(), np.random.uniform(1, 5)
    made = np.random.rand(2, 3), np.random.random(4), np.random.uniform(-1, 1, (2, 2))
    return first, made, np.random.sample((2, 1)), np.random.rand(), np.random.ranf(size=3)


def normals(n):
    np.random.seed(n)
    first = np.random.normal(), np.random.standard_normal(), np.random.randn()
    return (
        first,
        np.random.randn(3),
        np.random.normal(2, scale=3, size=(2, 3)),
        np.random.randn(1, 2),
    )


def exponentials(n):
    np.random.seed(n)
    first = np.random.exponential(), np.random.exponential(2.5), np.random.standard_exponential()
    return first, np.random.exponential(2, 3000), np.random.standard_exponential((2, 2))


def integers(n):
    np.random.seed(n)
    first = np.random.randint(5), np.random.randint(-3, 1 << 40), np.random.randint(3, 4)
    wide = np.random.randint(0, 1 << 32), np.random.randint(-(1 << 63), (1 << 63) - 1)
    return first, wide, np.random.randint(3, 100, (2, 3)), np.random.randint(7, size=4)


def orders(n):
    np.random.seed(n)
    a = np.arange(9)
    np.random.shuffle(a)
    first = np.random.permutation(10), np.random.permutation(np.arange(5.0))
    return a, first, np.random.choice(7), np.random.choice(7, (2, 3)), np.random.choice(a, 4)


@pytest.mark.parametrize("function", [uniforms, normals, exponentials, integers, orders])
@pytest.mark.parametrize("seed", [0, 5, (1 << 32) - 1])
def test_numbers_are_those_of_numpy(function, seed):
    check(function, seed)


def test_one_sequence_with_python():
    @njit
    def compiled(n):
        total = 0.0
        for _ in range(n):
            total += np.random.normal() + np.random.random()
        return total

    def interleaved(function):
        np.random.seed(3)
        first = np.random.standard_normal(), function(3), np.random.standard_normal()
        return first, function(2), np.random.random(), np.random.get_state()[3]

    assert interleaved(compiled) == interleaved(compiled.py_func)


def test_restored_states_and_seeds():
    draw = njit(lambda: np.random.normal())
    np.random.seed(7)
    draw()
    saved = np.random.get_state()
    want = np.random.normal(), np.random.normal()
    np.random.set_state(saved)
    assert (draw(), draw()) == want
    njit(lambda: np.random.seed(9))()
    got = np.random.random(1000)
    np.random.seed(9)
    assert got.tolist() == np.random.random(1000).tolist()


@pytest.mark.parametrize(
    "function",
    [
        lambda n: np.random.seed(-n),
        lambda n: np.random.seed(n << 33),
        lambda n: np.random.normal(0, -n),
        lambda n: np.random.exponential(-0.0 * n, 3),
        lambda n: np.random.uniform(-n * 1e308, 1e308),
        lambda n: np.random.randint(n, n),
        lambda n: np.random.randint(-n),
        lambda n: np.random.rand(n, -n),
    ],
)
def test_errors_are_those_of_numpy(function):
    check(function, 1)


def test_what_is_not_drawn():
    with pytest.raises(TypingError, match=r"np.random.\w+\(\) is not compiled"):
        njit(lambda: np.random.poisson(2.0))()
    with pytest.raises(UnsupportedError, match="cannot be called with these arguments"):
        njit(lambda: np.random.randint(3, dtype=np.int8))()


def test_a_ufunc_draws_for_each_element():
    noisy = kernelgen.vectorize(lambda x: x + np.random.random())
    np.random.seed(1)
    got = noisy(np.zeros(2000))
    np.random.seed(1)
    assert got.tolist() == np.random.random(2000).tolist()

    @kernelgen.guvectorize("(n)->(n)")
    def noise(x, out):
        for i in range(len(x)):
            out[i] = x[i] + np.random.normal()

    np.random.seed(2)
    got = noise(np.ones((3, 4)))
    np.random.seed(2)
    np.testing.assert_array_equal(got, 1 + np.random.standard_normal((3, 4)))


def test_a_constant_range_draws_anew_each_time():
    @njit
    def throws():
        return np.random.randint(1, 7), np.random.randint(1, 7), np.random.randint(1, 7)

    np.random.seed(4)
    got = [throws() for _ in range(5)]
    np.random.seed(4)
    assert np.ravel(got).tolist() == np.random.randint(1, 7, 15).tolist()


def test_other_threads_wait():
    draw = njit(lambda n: np.random.random(n), nogil=True)
    np.random.seed(6)
    want = np.random.random(10)
    np.random.seed(6)
    assert draw(10).tolist() == want.tolist()


def test_rows_of_matrices_are_shuffled_as_numpy_shuffles_them():
    def rows(a, n):
        np.random.seed(n)
        b = np.random.permutation(a)
        np.random.shuffle(a)
        return b, a

    check(rows, np.arange(12.0).reshape(6, 2), 3)
    check(rows, np.arange(24).reshape(4, 3, 2)[:, ::-1], 1)
