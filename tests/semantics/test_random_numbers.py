"""np.random in compiled code draws what NumPy draws, in one sequence with Python's own calls."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from array_backends import check, same

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
    last = np.random.choice((1, -1)), np.random.permutation((3, 5, 7))
    return a, first, np.random.choice(7), np.random.choice(7, (2, 3)), np.random.choice(a, 4), last


def integers_of_types(n):
    np.random.seed(n)
    small = np.random.randint(200, size=9, dtype="u1"), np.random.randint(-99, 9, 3, np.int16)
    words = np.random.randint(1 << 32, size=3, dtype="u4"), np.random.randint(9, dtype="i4")
    wide = np.random.randint(1 << 64, size=3, dtype="u8"), np.random.randint(9, dtype=np.int64)
    return small, words, wide, np.random.randint(2, size=(9, 5), dtype=bool), np.random.random()


def choices(n):
    np.random.seed(n)
    a, p = np.arange(5.0, 9), np.array([0.1, 0.2, 0.3, 0.4])
    first = np.random.choice(a, (2, 3), p=p), np.random.choice(4, 3, False, p)
    return first, np.random.choice(30, (2, 3), False)


def of_arrays(n):
    np.random.seed(n)
    row, column = np.arange(1.0, 4), np.array([[0.5], [2.0]])
    first = np.random.normal(row, column), np.random.uniform(0, column, (2, 3))
    return first, np.random.exponential(row), np.random.normal()


@pytest.mark.parametrize("function", [uniforms, normals, exponentials, integers, orders])
@pytest.mark.parametrize("seed", [0, 5, (1 << 32) - 1])
def test_numbers_are_those_of_numpy(function, seed):
    check(function, seed)


@pytest.mark.any_python
@pytest.mark.parametrize("function", [integers_of_types, choices, of_arrays])
def test_more_numbers_are_those_of_numpy(function):
    check(function, 5)
    compiled = njit(function)
    for seed in range(100):
        assert same(compiled(seed), function(seed))


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
        lambda n: np.random.randint(0, -n),
        lambda n: np.random.randint(n, 300, dtype=np.uint8),
        lambda n: np.random.choice(n - 1),
        lambda n: np.random.choice(np.zeros((2, n))),
        lambda n: np.random.choice(n, 2, replace=False),
        lambda n: np.random.choice(3, p=np.array([0.5, 0.5 * n])),
        lambda n: np.random.choice(2, p=np.array([0.5, 0.6 * n])),
        lambda n: np.random.normal(np.zeros(2), np.array([n, -1.0])),
        lambda n: np.random.normal(np.zeros(2), n, 3),
    ],
)
def test_errors_are_those_of_numpy(function):
    check(function, 1)


def test_what_is_not_drawn():
    with pytest.raises(TypingError, match=r"np.random.\w+\(\) is not compiled"):
        njit(lambda: np.random.poisson(2.0))()
    with pytest.raises(UnsupportedError, match="choice.. takes 1 or 2 or 3 or 4 arguments"):
        njit(lambda: np.random.choice(3, 1, True, None, 0))()


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


@pytest.mark.parametrize("nogil", [False, True])
def test_other_threads_wait(nogil):
    draw = njit(lambda n: np.random.random(n), nogil=nogil)
    np.random.seed(6)
    want = np.random.random(10)
    np.random.seed(6)
    drawn = []
    with np.random.mtrand._rand._bit_generator.lock:  # this thread may take it again
        drawn.append(draw(4))
        thread = threading.Thread(target=lambda: drawn.append(draw(4)))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        drawn.append(np.random.random(2))
    thread.join()
    assert np.concatenate(drawn).tolist() == want.tolist()


def test_rows_of_matrices_are_shuffled_as_numpy_shuffles_them():
    def rows(a, n):
        np.random.seed(n)
        b = np.random.permutation(a)
        np.random.shuffle(a)
        return b, a

    check(rows, np.arange(12.0).reshape(6, 2), 3)
    check(rows, np.arange(24).reshape(4, 3, 2)[:, ::-1], 1)
