"""Generators of np.random in compiled code: the numbers that NumPy draws, and the states it leaves."""

from __future__ import annotations

import threading
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
from array_backends import check, same
from backends import attempt
from hypothesis import given
from hypothesis import strategies as st

import kernelgen
from kernelgen import njit, types
from kernelgen.errors import TypingError, UnsupportedError

BITS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def generator(seed=5, bits="PCG64"):
    return np.random.Generator(getattr(np.random, bits)(seed))


# ------------------------------------------------------------------------ what draws numbers


def standard(rng, n):
    first = rng.random(), rng.standard_normal(), rng.standard_exponential(), rng.standard_cauchy()
    more = rng.random(n), rng.standard_normal((n, 2)), rng.standard_cauchy(size=n)
    other = rng.standard_exponential(n, method="inv"), rng.standard_exponential(method="inv")
    return first, more, other, rng.standard_gamma(0.5), rng.standard_gamma(2, n)


def singles(rng, n):
    first = rng.random(dtype="f4"), rng.standard_normal(dtype=np.float32)
    more = rng.random(n, np.float32), rng.standard_normal((2, n), dtype="f4")
    other = rng.standard_exponential(n, np.float32), rng.standard_gamma(1.5, n, "f4")
    last = rng.standard_exponential(dtype="f4", method="inv"), rng.standard_gamma(3, dtype="f4")
    return first, more, other, last, rng.random(), rng.random(dtype="f4")


def into_arrays(rng, n):
    a, b, c = np.zeros(n), np.zeros((2, n)), np.zeros((n, 3), np.float32)
    rng.random(out=a)
    rng.standard_normal(out=b.T)
    rng.standard_exponential((n, 3), np.float32, out=c)
    return a, b, c, rng.standard_gamma(2.0, out=np.zeros(n))


def of_one(rng, n):
    first = rng.exponential(), rng.exponential(3, n), rng.chisquare(2.5), rng.standard_t(3, n)
    second = rng.pareto(3), rng.weibull(2, n), rng.weibull(0), rng.power(1.5), rng.rayleigh(scale=2)
    counts = rng.poisson(), rng.poisson(300.5, n), rng.geometric(0.01), rng.geometric(0.6, n)
    return first, second, counts, rng.zipf(2.5, n), rng.logseries(0.3), rng.logseries(0.99, n)


def of_two(rng, n):
    first = rng.uniform(), rng.uniform(-1, 3, n), rng.normal(), rng.normal(2, size=n)
    second = rng.lognormal(0, 0.3), rng.gamma(0.5, 2, n), rng.beta(0.5, 0.7), rng.beta(3, 2, n)
    third = rng.noncentral_chisquare(3, 0.5), rng.noncentral_chisquare(0.5, 2, n), rng.f(3, 4)
    fourth = rng.laplace(), rng.gumbel(1, 2, n), rng.logistic(loc=1), rng.wald(3, 2, n)
    return first, second, third, fourth, rng.vonmises(0, 4, n), rng.vonmises(1, 0.0)


def of_more(rng, n):
    floats = rng.noncentral_f(3, 4, 1.5), rng.triangular(0, 0.3, 1, n), rng.triangular(1, 1, 2)
    counts = rng.binomial(10, 0.3), rng.binomial(1000, 0.6, n), rng.binomial(n, 0.5)
    other = rng.negative_binomial(3, 0.4), rng.negative_binomial(2.5, 0.1, n)
    return floats, counts, other, rng.hypergeometric(10, 20, 5), rng.hypergeometric(99, 50, 70, n)


def of_arrays(rng, n):
    row, column = np.arange(1.0, n + 2), np.array([[0.5], [2.0]])
    first = rng.normal(row, column), rng.uniform(0, column, (2, n + 1))
    second = rng.gamma(2.0, column, (3, 2, 1)), rng.poisson(row), rng.binomial(n + 9, column / 3)
    return first, second, rng.hypergeometric(np.arange(3), 5, 2), rng.negative_binomial(row, 0.5)


def integers(rng, n):
    first = (
        rng.integers(5),
        rng.integers(-3, 10, n),
        rng.integers(0, 1 << 40, n),
        rng.integers(3, 4),
    )
    bound = rng.integers(0, 1 << 32, n), rng.integers((1 << 32) - 1, size=n), rng.integers(n + 1)
    wide = rng.integers(-(1 << 63), (1 << 63) - 1, n, endpoint=True), rng.integers(3 << 61, size=n)
    other = rng.integers(1 << 64, size=n, dtype="u8"), rng.integers(9, dtype=int), rng.random()
    return first, bound, wide, other, rng.integers(-5, 5, endpoint=True, dtype=np.int64)


def small_integers(rng, n):
    bytes_ = rng.integers(256, size=n, dtype="u1"), rng.integers(-100, 90, n, np.int8)
    shorts = rng.integers(9, size=(n, 3), dtype="u2"), rng.integers(-(1 << 15), 1 << 15, n, "i2")
    words = rng.integers(1 << 32, size=n, dtype="u4"), rng.integers(-7, 7, dtype=np.int32)
    bools = rng.integers(2, size=3 * n, dtype=bool), rng.integers(2, dtype=bool)
    return bytes_, shorts, words, bools, rng.integers(1, size=n, dtype="?"), rng.integers(200, 201)


def orders(rng, n):
    row, matrix, deep = np.arange(n), np.arange(3 * n).reshape(n, 3), np.zeros((4, 0))
    rng.shuffle(row)
    rng.shuffle(matrix)
    rng.shuffle(matrix, axis=1)
    rng.shuffle(deep)
    more = rng.permutation(n), rng.permutation(row), rng.permutation(matrix), rng.choice((-1, 1), n)
    return row, matrix, more, rng.permutation(matrix, axis=1)


def choices(rng, n):
    row, matrix = np.arange(5.0, 15), np.arange(12).reshape(4, 3)
    first = rng.choice(7), rng.choice(row), rng.choice(row, (2, n)), rng.choice(0, 0)
    second = rng.choice(matrix), rng.choice(matrix, 3, axis=1)
    third = rng.choice(30, (2, 3), replace=False, shuffle=False), rng.choice(12000, 700, False)
    return first, second, third, rng.choice(row, n, False)


def weighted_choices(rng, n):
    p = np.array([0.1, 0.2, 0.0, 0.3, 0.4])
    first = rng.choice(5, p=p), rng.choice(5, (n, 2), p=p), rng.choice(5, p=p.astype(np.float32))
    return first, rng.choice(5, 4, replace=False, p=p), rng.choice(np.arange(5) * 2, 2, False, p)


GROUPS = [
    standard, singles, into_arrays, of_one, of_two, of_more, of_arrays, integers, small_integers,
    orders, choices, weighted_choices,
]  # fmt: skip


def some_arrays(rng, n):
    row, column = np.arange(1.0, n + 2), np.array([[0.5], [2.0]])
    return rng.normal(row, column), rng.binomial(n, column / 3, (2, 1)), rng.standard_gamma(row)


def some_integers(rng, n):
    wide = rng.integers(-3, 10, n), rng.integers(3 << 61), rng.integers(1 << 64, dtype="u8")
    return wide, rng.integers(-100, 90, n, np.int8), rng.integers(2, size=9 * n, dtype=bool)


def some_orders(rng, n):
    row = np.arange(n)
    rng.shuffle(row)
    return row, rng.permutation(n), rng.permutation(np.arange(3 * n).reshape(n, 3))


def some_choices(rng, n):
    row, p = np.arange(5.0, 9), np.array([0.1, 0.2, 0.3, 0.4])
    return rng.choice(row, 2, replace=False), rng.choice(4, n, p=p), rng.choice(n)


BACK_ENDS = [
    standard, singles, into_arrays, of_one, of_more, some_arrays, some_integers, some_orders,
    some_choices,
]  # fmt: skip


@pytest.mark.any_python
@pytest.mark.parametrize("function", BACK_ENDS)
def test_on_every_back_end(function):
    check(function, generator(), 3)


def kinds_of(value):
    if isinstance(value, tuple):
        return tuple(map(kinds_of, value))
    return (type(value), getattr(value, "dtype", None), getattr(value, "shape", None))


compiled = cache(njit)


@pytest.mark.any_python
@pytest.mark.parametrize("function", GROUPS)
@given(st.integers(0, (1 << 64) - 1), st.integers(0, 9), st.sampled_from(BITS))
def test_numbers_types_and_states(function, seed, n, bits):
    ours, theirs = generator(seed, bits), generator(seed, bits)
    want, got = function(ours, n), compiled(function)(theirs, n)
    assert same(got, want), f"{got} instead of {want}"
    assert kinds_of(got) == kinds_of(want)
    assert same(theirs, ours)
    assert theirs.random() == ours.random()


DTYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")


@cache
def between(dtype, endpoint):
    def drawn(rng, low, high, n):
        one = rng.integers(low, high, dtype=dtype, endpoint=endpoint)
        return one, rng.integers(low, high, n, dtype, endpoint)

    return drawn, njit(drawn)


@st.composite
def bounds(draw):
    dtype = draw(st.sampled_from(DTYPES))
    info = np.iinfo(dtype) if dtype != "?" else None
    least, most = (0, 1) if info is None else (int(info.min), int(info.max))
    near = [least - 1, least, least + 1, -1, 0, 1, most - 1, most, most + 1]
    near += [sign * ((1 << k) + d) for k in (7, 8, 16, 32) for d in (-1, 0, 1) for sign in (1, -1)]
    numbers = st.sampled_from(near) | st.integers(least, most)
    limits = [x if -(1 << 63) <= x < 1 << 63 else np.uint64(x % (1 << 64)) for x in
              (draw(numbers), draw(numbers))]  # fmt: skip
    return dtype, limits, draw(st.booleans())


@pytest.mark.any_python
@given(bounds(), st.integers(0, 9), st.sampled_from(("PCG64", "MT19937")))
def test_integers_between_any_bounds(chosen, n, bits):
    dtype, (low, high), endpoint = chosen
    plain, fast = between(dtype, endpoint)
    ours, theirs = generator(n, bits), generator(n, bits)
    want, got = attempt(plain, ours, low, high, n), attempt(fast, theirs, low, high, n)
    assert same(got, want), f"{got} instead of {want}"
    assert same(theirs, ours)


# ----------------------------------------------------------------------------------- errors


@pytest.mark.any_python
@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize(
    "function",
    [
        lambda rng, x: rng.normal(0, -x),
        lambda rng, x: rng.normal(0, np.array([1, -x])),
        lambda rng, x: rng.normal(np.zeros(3), np.ones(2)),
        lambda rng, x: rng.normal(np.zeros((1, 3)), 1, (2, 2)),
        lambda rng, x: rng.normal(np.zeros(3), 1, 1),
        lambda rng, x: rng.normal(np.zeros((2, 1)), 1, 2),
        lambda rng, x: rng.uniform(2, x),
        lambda rng, x: rng.uniform(-x * 1e308, 1e308),
        lambda rng, x: rng.uniform(-x * 1e308, np.array([1e308])),
        lambda rng, x: rng.exponential(-0.0 * x),
        lambda rng, x: rng.standard_gamma(-x, dtype="f4"),
        lambda rng, x: rng.chisquare(x - 1),
        lambda rng, x: rng.poisson(-x),
        lambda rng, x: rng.poisson(x * 1e300),
        lambda rng, x: rng.poisson(np.array([-x, 1e300])),
        lambda rng, x: rng.poisson(np.array([np.nan, 1.0])),
        lambda rng, x: rng.geometric(x * 1.5),
        lambda rng, x: rng.logseries(x),
        lambda rng, x: rng.logseries(np.array([0.5, x])),
        lambda rng, x: rng.zipf(x),
        lambda rng, x: rng.binomial(-x, 0.5),
        lambda rng, x: rng.binomial(x, np.nan),
        lambda rng, x: rng.binomial(x, np.array([0.5, np.nan])),
        lambda rng, x: rng.negative_binomial(x * np.nan, 0.5),
        lambda rng, x: rng.negative_binomial(x * 1e300, 0.5),
        lambda rng, x: rng.triangular(2, x, 3),
        lambda rng, x: rng.triangular(x, x, x),
        lambda rng, x: rng.hypergeometric(x, x, 5),
        lambda rng, x: rng.hypergeometric(10**9, x, 5),
        lambda rng, x: rng.hypergeometric(-x, x, 0),
        lambda rng, x: rng.noncentral_f(1, 2, -x),
        lambda rng, x: rng.random(-x),
        lambda rng, x: rng.random(3, out=np.zeros(x)),
        lambda rng, x: rng.random(out=np.zeros((4, 4))[:, ::2]),
        lambda rng, x: rng.random(out=np.zeros(3, np.float32)),
        lambda rng, x: rng.random(dtype=np.int64),
        lambda rng, x: rng.integers(x, x),
        lambda rng, x: rng.integers(-x),
        lambda rng, x: rng.integers(x, 0, endpoint=True),
        lambda rng, x: rng.integers(0, -x, endpoint=True),
        lambda rng, x: rng.integers(-x, 5, dtype=np.uint8),
        lambda rng, x: rng.integers(x, 257, dtype=np.uint8),
        lambda rng, x: rng.integers(x, 256, dtype=np.uint8, endpoint=True),
        lambda rng, x: rng.integers(x, 3, dtype=bool),
        lambda rng, x: rng.integers(x, dtype=np.float32),
        lambda rng, x: rng.integers(5, 3, size=0),
        lambda rng, x: rng.choice(x - 1),
        lambda rng, x: rng.choice(np.zeros(0)),
        lambda rng, x: rng.choice(x, 2, replace=False),
        lambda rng, x: rng.choice(x, -1, replace=False),
        lambda rng, x: rng.choice(2, p=np.array([0.5, 0.6])),
        lambda rng, x: rng.choice(2, p=np.array([-0.5, 1.5])),
        lambda rng, x: rng.choice(2, p=np.array([np.nan, 1.0])),
        lambda rng, x: rng.choice(x, p=np.array([0.5, 0.5])),
        lambda rng, x: rng.choice(2, 2, replace=False, p=np.array([0.0, 1.0])),
    ],
)
def test_errors_are_those_of_numpy(function):
    ours, theirs = generator(), generator()
    with np.errstate(all="ignore"):
        want = attempt(function, ours, 1)
    got = attempt(njit(function), theirs, 1)
    assert same(got, want), f"{got!r} instead of {want!r}"
    assert same(theirs, ours)


@pytest.mark.any_python
@pytest.mark.parametrize(
    "function, message",
    [
        (lambda rng: np.random.default_rng(2), r"default_rng\(\) makes and seeds an object.*\n.*"),
        (lambda rng: np.random.PCG64(2), r"PCG64\(\) makes and seeds an object"),
        (lambda rng: rng.spawn(2), "spawn of a Generator is not compiled"),
        (lambda rng: rng.multivariate_normal(1, 2), "multivariate_normal of a Generator is not"),
        (lambda rng: rng.bit_generator, "bit_generator of a Generator is not compiled"),
        (lambda rng: rng.gauss(), "a Generator has no attribute 'gauss'"),
        (lambda rng: rng.normal, "'normal' of a Generator can be called in a kernel, but not"),
        (lambda rng: rng.normal(1j), "cannot be drawn with Python complex as a parameter"),
        (lambda rng: rng.integers(np.arange(3)), "bounds of random integers are numbers"),
        (lambda rng: rng.integers(rng.random()), "are between integers, not Python float"),
        (lambda rng: rng.poisson(np.array(2.0)), "a parameter is an array without dimensions"),
        (
            lambda rng: rng.binomial(np.ones(3), 0.5),
            "this parameter counts, and float64 does not",
        ),
        (lambda rng: rng + 1, "needs numbers, not Generator"),
    ],
)
def test_what_is_refused(function, message):
    with pytest.raises(TypingError, match=message):
        njit(function)(generator())


@pytest.mark.any_python
def test_arguments_of_methods_are_named():
    with pytest.raises(UnsupportedError, match="normal.. of a Generator takes loc, scale, size"):
        njit(lambda rng: rng.normal(mean=2))(generator())


# ------------------------------------------------------------------ how they are handed over


def test_the_same_object_comes_back():
    @njit
    def swapped(pair, n):
        first, second = pair
        return second, first, first.random(n)

    one, two = generator(1), generator(2)
    second, first, drawn = swapped((one, two), 3)
    assert first is one
    assert second is two
    np.testing.assert_array_equal(drawn, generator(1).random(3))


def test_signatures_and_classes():
    @njit("Tuple((f8, Generator, b1))(Generator, i8)")
    def drawn(rng, n):
        return np.sum(rng.random(n)), rng, isinstance(rng, np.random.Generator)

    one = generator(1)
    total, same_one, is_one = drawn(one, 3)
    assert same_one is one
    assert is_one
    assert total == np.sum(generator(1).random(3))
    with pytest.raises(TypingError, match="no signature of drawn takes"):
        drawn(1.0, 3)
    plain = njit(lambda rng: rng.random())
    plain.compile((types.Generator,))
    assert plain.signatures == [(types.Generator,)]
    assert "call" in plain.inspect_llvm(plain.signatures[0])
    assert plain(generator()) == generator().random()


def test_functions_hand_them_on():
    @njit
    def walk(rng, n):
        return 0.0 if n == 0 else rng.normal() + walk(rng, n - 1)

    @njit
    def both(one, two, first):
        rng = one if first else two
        return walk(rng, 3)

    one, two = generator(1), generator(2)
    want = sum(generator(1).normal(size=3)[::-1]), sum(generator(2).normal(size=3)[::-1])
    assert (both(one, two, True), both(one, two, False)) == pytest.approx(want, rel=1e-15)


KNOWN = generator(3)


def test_globals_and_cells():
    own = generator(4)
    draw = own.random

    @njit
    def drawn():
        return KNOWN.random(), own.integers(9), draw(), np.sum(own.normal(size=2))

    known, other = deepcopy(KNOWN), deepcopy(own)
    want = known.random(), other.integers(9), other.random(), np.sum(other.normal(size=2))
    assert drawn() == want
    assert same(KNOWN, known)
    assert same(own, other)


def test_the_same_one_twice_and_one_interface_in_two():
    @njit
    def drawn(one, two):
        return one.random(), two.random(), one.random()

    rng, twin = generator(), generator()
    other = np.random.Generator(rng.bit_generator)
    assert drawn(rng, rng) + drawn(rng, other) == tuple(twin.random(6))


@pytest.mark.any_python
def test_what_is_no_generator():
    class Own(np.random.Generator):
        pass

    draw = njit(lambda rng: rng.random())
    with pytest.raises(TypingError, match=r"'rng' is a Own, which .*\n.*np.random.Generator"):
        draw(Own(np.random.PCG64(1)))
    with pytest.raises(TypingError, match=r"'rng' is a RandomState, which"):
        draw(np.random.RandomState(1))
    assert draw(generator()) == generator().random()
    with pytest.raises(TypingError, match="has no attribute 'random'"):
        draw(2.5)


@pytest.mark.any_python
def test_ufuncs_do_not_draw_from_generators():
    own = generator()
    with pytest.raises(UnsupportedError, match="a ufunc's kernel cannot draw from a Generator"):
        kernelgen.vectorize(lambda x: x + own.random())(np.zeros(3))
    with pytest.raises(UnsupportedError, match="a ufunc's kernel cannot draw from a Generator"):
        kernelgen.guvectorize("(n)->()")(lambda x: x[0] + own.random())(np.zeros(3))
    with pytest.raises(TypingError, match="random generators are for njit"):
        kernelgen.vectorize(lambda x, rng: x + rng.random())(np.zeros(3), own)


# ------------------------------------------------------------------------------------ locks


@pytest.mark.parametrize("nogil", [False, True])
def test_other_threads_wait(nogil):
    draw = njit(lambda rng, n: rng.random(n), nogil=nogil)
    rng, done = generator(), []
    draw(rng, 0)
    with rng.bit_generator.lock:  # this thread may take it again
        own = draw(rng, 3)
        thread = threading.Thread(target=lambda: done.append(draw(rng, 3)))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        more = rng.random(3)
    thread.join()
    np.testing.assert_array_equal(np.concatenate([own, more, *done]), generator().random(9))


@pytest.mark.any_python
def test_threads_draw_what_one_would():
    """Whatever order they come in, no number is drawn twice, and none is left out."""
    draw = njit(lambda one, two, n: (one.random(n), two.random(n)), nogil=True)
    one, two, drawn = generator(1), generator(2), []
    draw(one, two, 0)

    def run(first, second, order):
        for _ in range(40):
            pair = draw(first, second, 500)
            drawn.append(pair[::order])

    threads = [threading.Thread(target=run, args=(one, two, 1)) for _ in range(2)]
    threads += [threading.Thread(target=run, args=(two, one, -1)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for k, rng in enumerate((generator(1), generator(2))):
        found = np.sort(np.concatenate([pair[k] for pair in drawn]))
        np.testing.assert_array_equal(found, np.sort(rng.random(len(found))))


def test_a_lock_that_cannot_be_had():
    """As when the user interrupts what waits for it: those that have been taken are free again."""

    class Refusing:
        def acquire(self):
            raise InterruptedError("no")

    class Bits:
        capsule = np.random.PCG64(1).capsule
        lock = Refusing()

    draw = njit(lambda one, two, three: one.random() + two.random() + three.random())
    one, three = generator(), generator()
    draw(one, generator(), three)
    with pytest.raises(InterruptedError, match="no"):
        draw(one, np.random.Generator(Bits), three)
    for rng in (one, three):
        taken = []
        lock = rng.bit_generator.lock
        thread = threading.Thread(target=lambda lock=lock: taken.append(lock.acquire(False)))
        thread.start()
        thread.join()
        assert taken == [True]


@pytest.mark.any_python
def test_locks_are_free_behind_an_error():
    @njit
    def failing(rng, x):
        rng.random()
        return rng.normal(0, x)

    rng, taken = generator(), []
    with pytest.raises(ValueError, match="scale < 0"):
        failing(rng, -1)
    thread = threading.Thread(target=lambda: taken.append(rng.bit_generator.lock.acquire(False)))
    thread.start()
    thread.join()
    assert taken == [True]
