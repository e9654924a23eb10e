"""First calls from many threads at once, and in children of a fork."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from uses import run_in_new_process

from kernelgen import TypingError, vectorize

THREADS = 12


def at_once(tasks: list[Callable[[], Any]]) -> list[Any]:
    """Run the tasks in threads that start together; their results or exceptions, in order."""
    barrier = threading.Barrier(len(tasks))
    results: list[Any] = [None] * len(tasks)

    def run(index):
        barrier.wait()
        try:
            results[index] = tasks[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_one_ufunc_and_one_type():
    ufunc = vectorize(lambda x, y: x * y + 1.0)
    results = at_once([lambda i=i: ufunc(np.arange(5.0), i) for i in range(THREADS)])
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, np.arange(5.0) * i + 1)
    assert ufunc.signatures == ["f8(f8,f8)"]


def test_one_ufunc_and_many_types():
    ufunc = vectorize(lambda x, y: x * y)
    results = at_once([lambda c=c: ufunc(np.arange(5, dtype=c), 2) for c in "bhilBHILfd" * 2])
    for char, result in zip("bhilBHILfd" * 2, results, strict=True):
        np.testing.assert_array_equal(result, np.arange(5, dtype=char) * 2, strict=True)
    assert len(set(ufunc.signatures)) == len(ufunc.signatures)


def test_many_ufuncs():
    ufuncs = [vectorize(eval(f"lambda x: x + {i}")) for i in range(THREADS)]
    results = at_once([lambda f=f: f(np.arange(5)) for f in ufuncs])
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, np.arange(5) + i)


def test_different_first_uses_of_one_ufunc():
    ufunc = vectorize(lambda x, y: x + y, identity=0)
    values = np.arange(5.0)
    uses = [
        lambda: ufunc(values, 1),
        lambda: ufunc.reduce(values),
        lambda: ufunc.accumulate(values),
        lambda: ufunc.outer(values, values),
        lambda: ufunc(values, values, dtype="f4"),
        lambda: ufunc.reduce(values, dtype="f4"),
        lambda: ufunc.compile("f8,f8"),
        lambda: ufunc.inspect_ir("f8,f8"),
    ]
    results = at_once(uses)
    np.testing.assert_array_equal(results[0], values + 1)
    assert results[1] == results[5] == 10
    np.testing.assert_array_equal(results[2], values.cumsum())
    np.testing.assert_array_equal(results[3], np.add.outer(values, values))
    assert results[4].dtype == np.float32
    assert results[6] is None
    assert "add" in results[7]


def test_decorating_with_signatures_in_threads():
    make = [
        lambda i=i: vectorize(["f8(f8)", "i8(i8)"])(eval(f"lambda x: x + {i}"))(1) for i in range(8)
    ]
    assert at_once(make) == [1 + i for i in range(8)]


def test_errors_reach_the_thread_that_asked():
    ufunc = vectorize(lambda x: x << 1)
    results = at_once([lambda i=i: ufunc(5 if i % 2 else 5.0) for i in range(THREADS)])
    for i, result in enumerate(results):
        assert result == 10 if i % 2 else isinstance(result, TypingError)


def test_exceptions_of_kernels_in_threads():
    @vectorize
    def checked(x):
        if x > 5:
            raise ValueError("too large")
        return x

    arrays = [np.full(50_000, float(i)) for i in range(THREADS)]
    for i, result in enumerate(at_once([lambda a=a: checked(a).sum() for a in arrays])):
        assert isinstance(result, ValueError) if i > 5 else result == 50_000 * i


def test_loops_run_without_the_gil():
    """While one thread is in a long loop, another one goes on."""

    @vectorize
    def wait(n):
        x = n
        for i in range(n):
            x = (x * 6364136223846793005 + i) ^ (x >> 7)
        return x

    wait(np.arange(600))
    counted = []
    done = threading.Event()

    def count():
        while not done.is_set():
            counted.append(None)
            done.wait(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    wait(np.full(600, 200_000))
    seen = len(counted)
    done.set()
    thread.join()
    assert seen > 10


FIRST_CALLS = """
import threading
import numpy as np
from kernelgen import vectorize
barrier, results = threading.Barrier({count}), []
def call(i):
    f = vectorize(lambda x: x + 1)
    barrier.wait()
    results.append(float(f(np.float32(i))) == i + 1)
threads = [threading.Thread(target=call, args=(i,)) for i in range({count})]
[t.start() for t in threads]
[t.join() for t in threads]
print(results == [True] * {count})
"""


def test_first_calls_of_the_process():
    run = run_in_new_process(FIRST_CALLS.format(count=8))
    assert (run.stderr, run.stdout) == ("", "True\n")


# --------------------------------------------------------------------------------------------- fork

can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

FORK = """
import os, signal, sys, threading
import numpy as np
from kernelgen import vectorize

f = vectorize(lambda x, y: x + y)
{before}
child = os.fork()
if child == 0:
    signal.alarm(60)  # a deadlock ends the child
    good = f(1.5, 2) == 3.5 and f(np.float32(1), 2) == 3 and f.reduce(np.arange(5)) == 10
    good = good and vectorize(lambda x: x * 2)(4) == 8
    os._exit(0 if good else 1)
{after}
print(os.waitpid(child, 0)[1], f(1, 2), f(np.int8(1), np.int16(1)))
"""


@can_fork
@pytest.mark.parametrize("before", ["", "f(1.5, 2.5)", "f(1, 2); f.reduce(np.arange(3))"])
def test_fork_before_and_after_first_use(before):
    run = run_in_new_process(FORK.format(before=before, after=""))
    assert (run.stderr, run.stdout) == ("", "0 3 2\n")


COMPILING = """
def compile_on():
    i = 0
    while not done.is_set():
        i += 1
        vectorize(eval(f"lambda x: x + {i}"))(1.0)
        f(np.zeros(1, "bhilBHILfd"[i % 10]), 1)
done = threading.Event()
threads = [threading.Thread(target=compile_on) for _ in range(3)]
for thread in threads:
    thread.start()
import warnings, time
warnings.simplefilter("ignore")  # Python warns of a fork while threads run
time.sleep(0.2)
"""
STOP = """
done.set()
for thread in threads:
    thread.join()
"""


@can_fork
def test_fork_while_other_threads_compile():
    for _ in range(3):
        run = run_in_new_process(FORK.format(before=COMPILING, after=STOP))
        assert (run.stderr, run.stdout) == ("", "0 3 2\n")


pool_kernel = vectorize(lambda x: x * 2 + 1)


def use_in_pool(value):
    return pool_kernel(value), str(np.float32(value) + pool_kernel(np.float32(value)))


@can_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork while threads run
def test_pool_of_forked_processes_after_first_use():
    assert pool_kernel(1.5) == 4.0
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map_async(use_in_pool, range(6)).get(60)
    assert results == [(2 * i + 1, str(3.0 * i + 1)) for i in range(6)]
