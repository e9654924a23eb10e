"""Sixteen Python threads call parallel kernels at random, some of which raise, with forks in between.

Run as ``python tests/parallel/stress.py [--seconds S] [--seed N]``. Each result is compared with
NumPy's, each error with what it must be; a child of a fork does the same for a moment. What takes
longer than a minute is taken to hang.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import threading
import time
import warnings

import numpy as np
import numpy.random  # a child cannot import what another thread is importing when it is made
import numpy.testing

import kernelgen
from kernelgen import guvectorize, jit, prange, stencil, vectorize

THREADS = 16
HANGS = 60


@vectorize(target="parallel")
def affine(x, y):
    return 3 * x + y


@vectorize(target="parallel")
def checked(x):
    if x < 0:
        raise ValueError("below zero")
    return x + 1


@vectorize(["i8(i8)"], target="parallel")
def steps(n):
    """Unequal elements."""
    total = 0
    for i in range(n):
        total += i
    return total


@guvectorize("(n)->()", target="parallel")
def total(x, out):
    s = 0.0
    for value in x:
        if value < 0:
            raise ValueError("below zero")
        s += value
    out[()] = s


@guvectorize("(n),(n)", target="parallel")
def turned(x, y):
    for i in range(len(x)):
        y[i] = x[len(x) - 1 - i]


@stencil("wrap", target="parallel")
def sums(a):
    return a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1]


@stencil("nearest", neighborhood=((-2, 2),), standard_indexing=("way",), target="parallel")
def moved(a, way):
    return a[way[0]]


@jit(parallel=True)
def counted(values, bins):
    counts = np.zeros(bins, np.int64)
    total, least = 0, 0
    for i in prange(len(values)):
        if values[i] < 0:
            raise ValueError(f"element {i} is {values[i]}")
        counts[values[i] % bins] += 1
        total += values[i]
        least = min(least, -values[i])
    return counts, total, least


@jit(parallel=True)
def expression(a, b):
    c = a * b + 1
    return c, c.sum()


def call_sums(random):
    a = random.integers(0, 99, random.integers(1, 300, 2))
    rolled = [np.roll(a, by, axis) for axis in (0, 1) for by in (1, -1)]
    np.testing.assert_array_equal(sums(a), sum(rolled))


def call_sums_again(random):
    a = random.integers(0, 2, random.integers(2, 300, 2))
    np.testing.assert_array_equal(sums.iterate(a, 3), sums(sums(sums(a))))


def call_moved(random):
    a, way = random.random(random.integers(1, 50_000)), random.integers(-2, 4, 1)
    try:
        found = moved(a, way)
    except IndexError:
        assert way[0] == 3
        return
    assert way[0] < 3, "an error was lost"
    np.testing.assert_array_equal(found, a[np.clip(np.arange(len(a)) + way, 0, len(a) - 1)])


def call_counted(random):
    values = random.integers(0, 1000, random.integers(1, 50_000))
    bad = np.sort(random.integers(len(values), size=3)) if random.random() < 0.3 else []
    values[bad] = -7
    try:
        counts, total, least = counted(values, 10)
    except ValueError as error:
        if not len(bad) or str(error) != f"element {bad[0]} is -7":
            raise
        return
    assert not len(bad), "an error was lost"
    np.testing.assert_array_equal(counts, np.bincount(values % 10, minlength=10))
    assert (total, least) == (values.sum(), -values.max())


def call_expression(random):
    a, b = random.integers(0, 99, (2, random.integers(1, 100_000)))
    c, total = expression(a, b)
    np.testing.assert_array_equal(c, a * b + 1)
    assert total == (a * b + 1).sum()


def call_affine(random):
    x, y = random.integers(0, 99, (2, random.integers(1, 100_000)))
    np.testing.assert_array_equal(affine(x, y), 3 * x + y)


def call_rows(random):
    a = random.integers(0, 99, (random.integers(2, 700), random.integers(2, 700)))
    np.testing.assert_array_equal(affine(a[:, 1:], a[0, 1:]), 3 * a[:, 1:] + a[0, 1:])


def call_checked(random):
    a = random.random(random.integers(1, 100_000))
    expect(checked, a, lambda: a + 1, random)


def call_total(random):
    a = random.integers(0, 99, (random.integers(1, 2000), random.integers(1, 50))).astype(float)
    expect(total, a, lambda: a.sum(axis=1), random)


def expect(ufunc, a, expected, random):
    """Call with an element below zero, or with none."""
    bad = random.random() < 0.3
    if bad:
        a.flat[random.integers(a.size)] = -1
    try:
        found = ufunc(a)
    except ValueError as error:
        if not bad or str(error) != "below zero":
            raise
        return
    assert not bad, "an error was lost"
    np.testing.assert_array_equal(found, expected())


def call_steps(random):
    n = random.integers(0, 300, random.integers(1, 5000))
    np.testing.assert_array_equal(steps(n), n * (n - 1) // 2)


def call_turned(random):
    a = random.random((random.integers(1, 500), random.integers(1, 30)))
    expected = a[:, ::-1].copy()
    turned(a, a)
    np.testing.assert_array_equal(a, expected)


def call_sum(random):
    a = random.integers(0, 9, 1000)
    assert affine.reduce(a) == vectorize(affine.py_func).reduce(a)


CALLS = (
    call_affine,
    call_rows,
    call_checked,
    call_total,
    call_steps,
    call_turned,
    call_sum,
    call_sums,
    call_sums_again,
    call_moved,
    call_counted,
    call_expression,
)


def fork(seed):
    """Have the child of a fork call kernels; whether all went well there."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        faulthandler.dump_traceback_later(HANGS, exit=True)
        random = np.random.default_rng(seed)
        for _ in range(20):
            CALLS[random.integers(len(CALLS))](random)
        status = 0
    finally:
        os._exit(status)


def stress(seconds, seed=0):
    """Drive the threads for so long; what went wrong, and how many calls there were."""
    wrong, counts, end = [], [0] * THREADS, time.monotonic() + seconds

    def drive(number):
        random = np.random.default_rng((seed, number))
        while time.monotonic() < end and not wrong:
            call = CALLS[random.integers(len(CALLS))]
            try:
                call(random)
            except BaseException as error:  # whatever it is, it is wrong
                wrong.append((call.__name__, error))
            counts[number] += 1

    threads = [threading.Thread(target=drive, args=(k,), daemon=True) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    forks = 0
    while hasattr(os, "fork") and time.monotonic() < end and not wrong:
        forks += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
            if not fork((seed, THREADS, forks)):
                wrong.append(("fork", forks))
    for thread in threads:
        thread.join(HANGS)
        if thread.is_alive():
            wrong.append((thread.name, "hangs"))
    return wrong, sum(counts), forks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kernelgen.set_num_threads(4)
    wrong, calls, forks = stress(options.seconds, options.seed)
    print(f"{calls} calls and {forks} forks: {wrong or 'all right'}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
