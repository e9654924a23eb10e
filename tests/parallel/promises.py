"""What the parallel target promises, for any library that has Numba's decorators.

Run as ``python tests/parallel/promises.py [LIBRARY]``: each promise in a process of its own, on
four threads, with a limit of time. It prints a table of which are kept and how others are broken;
``--only NAME`` tries one in this process. Kernels have signatures, but for those that are lazy.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import importlib
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import numpy.testing  # a child cannot import what another thread is importing when it is made

SECONDS = 60
SHAPE = (1000, 100)
CALLS = 50
FORKS = 20


class OutOfRangeError(Exception):
    """An exception that is not Python's own."""


def checked(x):
    """Give x back, and take long enough for it that other threads take part."""
    turned = x
    for _ in range(20):
        turned = math.cos(turned)
    if x == 1:
        raise ValueError("one is raised")
    if x == 2:
        raise ZeroDivisionError("two is raised")
    if x == 3:
        raise IndexError("three is raised")
    if x == 4:
        raise OutOfRangeError("four is raised")
    assert x != 5, "five is raised"
    return x if turned > 0 else -1.0


RAISED = {
    1: (ValueError, "one is raised"),
    2: (ZeroDivisionError, "two is raised"),
    3: (IndexError, "three is raised"),
    4: (OutOfRangeError, "four is raised"),
    5: (AssertionError, "five is raised"),
}


def twice(x):
    return x + x


def add(x, y):
    return x + y


def add_to_rows(x, y, out):
    for i in range(len(x)):
        out[i] = x[i] + y


def elementwise(library, function):
    return library.vectorize(["f8(f8)"], target="parallel")(function)


def by_rows(library, function):
    """The same as a generalized ufunc."""
    compiled = library.njit(function)

    def kernel(x, out):
        for i in range(len(x)):
            out[i] = compiled(x[i])

    return library.guvectorize(["void(f8[:],f8[:])"], "(n)->(n)", target="parallel")(kernel)


def assert_raises(error, message, kernel, x):
    try:
        found = kernel(x)
    except error as raised:
        assert str(raised) == message, f"the message is {raised}"
    else:
        wrong = np.count_nonzero(found != x)
        raise AssertionError(f"nothing is raised, {wrong} of {x.size} results are wrong")


# ------------------------------------------------------------------------------- exceptions


def raises_from_every_chunk(make, library):
    kernel = make(library, checked)
    for place in np.linspace(0, np.prod(SHAPE) - 1, 9).astype(int):
        x = np.zeros(SHAPE)
        x.flat[place] = 1
        assert_raises(*RAISED[1], kernel, x)


def raises_each_type_with_its_message(make, library):
    kernel = make(library, checked)
    for number, (error, message) in RAISED.items():
        x = np.zeros(SHAPE)
        x[-1, -1] = number
        assert_raises(error, message, kernel, x)


def raises_where_all_chunks_raise_and_works_on(make, library):
    kernel = make(library, checked)
    assert_raises(*RAISED[1], kernel, np.ones(SHAPE))
    np.testing.assert_array_equal(kernel(np.zeros(SHAPE)), 0)


def raises_in_the_thread_that_called(make, library):
    kernel = make(library, checked)
    good, bad = np.zeros(SHAPE), np.zeros(SHAPE)
    bad[-1, -1] = 1

    def call(number):
        if number:
            assert_raises(*RAISED[1], kernel, bad)
        else:
            np.testing.assert_array_equal(kernel(good), 0)

    call_from_two_threads(call)


# -------------------------------------------------------------------------- threads and forks


def two_threads_call_one_kernel(library):
    kernel, x = elementwise(library, twice), np.arange(1e5)
    call_from_two_threads(lambda number: np.testing.assert_array_equal(kernel(x), 2 * x))


def two_threads_call_two_kernels(library):
    kernels = elementwise(library, twice), by_rows(library, twice)
    x = np.arange(1e5).reshape(SHAPE)
    call_from_two_threads(lambda number: np.testing.assert_array_equal(kernels[number](x), 2 * x))


def call_from_two_threads(call):
    """Do ``call(0)`` in one and ``call(1)`` in the other, many times at once."""
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        together = threading.Barrier(2)

        def drive(number):
            together.wait()
            for _ in range(CALLS):
                call(number)

        for done in [executor.submit(drive, number) for number in (0, 1)]:
            done.result()


def child_of_a_fork_calls_a_kernel(library):
    KERNELS.append(elementwise(library, twice))
    for _ in range(FORKS):
        work()
        fork()


def fork_while_another_thread_calls(library):
    KERNELS.append(elementwise(library, twice))
    done = threading.Event()

    def busy():
        while not done.is_set():
            work()

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        other = executor.submit(busy)
        try:
            for _ in range(FORKS):
                fork()
        finally:
            done.set()
        other.result()


def processes_of_an_executor_call_a_kernel(library):
    KERNELS.append(elementwise(library, twice))
    work()
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
        for done in [executor.submit(work) for _ in range(FORKS)]:
            done.result()


def processes_of_a_pool_call_a_kernel(library):
    KERNELS.append(elementwise(library, twice))
    work()
    with multiprocessing.get_context("fork").Pool(2) as processes:
        for _ in range(FORKS):
            processes.apply(work)


KERNELS = []
"""The kernel that the children of forks find here, as what they are to do is sent by name."""


def work():
    x = np.arange(1e5)
    np.testing.assert_array_equal(KERNELS[0](x), 2 * x)


def fork():
    """Have the child of a fork work."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not status, f"the child ended with {status}"


# ------------------------------------------------------------------- methods and options of ufuncs


def lazy(library):
    return library.vectorize(target="parallel")(add)


def eager(library):
    return library.vectorize(["f8(f8,f8)"], target="parallel")(add)


def reduces(make, library):
    x = np.arange(1e5).reshape(SHAPE)
    np.testing.assert_array_equal(make(library).reduce(x, axis=1), x.sum(axis=1))


def accumulates(make, library):
    x = np.arange(1e5).reshape(SHAPE)
    np.testing.assert_array_equal(make(library).accumulate(x, axis=1), x.cumsum(axis=1))


def has_outer(make, library):
    x = np.arange(300.0)
    np.testing.assert_array_equal(make(library).outer(x, x), np.add.outer(x, x))


def takes_where(make, library):
    x, out = np.arange(1e5), np.zeros(100_000)
    make(library)(x, x, out=out, where=x % 3 == 0)
    np.testing.assert_array_equal(out, np.where(x % 3 == 0, 2 * x, 0))


def takes_dtype(make, library):
    x = np.arange(100_000)
    np.testing.assert_array_equal(make(library)(x, x, dtype="f8"), 2.0 * x, strict=True)


def lazy_vectorize_takes_any_dtype(library):
    kernel = lazy(library)
    for dtype in ("i8", "f4", "f8"):
        x = np.arange(1e6).astype(dtype)
        np.testing.assert_array_equal(kernel(x, x), x + x, strict=True)


def lazy_guvectorize_takes_any_dtype(library):
    kernel = library.guvectorize("(n),()->(n)", target="parallel")(add_to_rows)
    for dtype in ("i8", "f4", "f8"):
        x = np.arange(1e5).reshape(SHAPE).astype(dtype)
        np.testing.assert_array_equal(kernel(x, x[:, 0]), x + x[:, :1], strict=True)


# -------------------------------------------------------------------------------- all of them


def of_each(makers, promises):
    """Each promise for each way of making the kernel, by name."""
    return {
        f"{kind}_{promise.__name__}": functools.partial(promise, make)
        for kind, make in makers.items()
        for promise in promises
    }


RAISING = (
    raises_from_every_chunk,
    raises_each_type_with_its_message,
    raises_where_all_chunks_raise_and_works_on,
    raises_in_the_thread_that_called,
)
THREADS = (two_threads_call_one_kernel, two_threads_call_two_kernels)
FORKING = (
    child_of_a_fork_calls_a_kernel,
    fork_while_another_thread_calls,
    processes_of_an_executor_call_a_kernel,
    processes_of_a_pool_call_a_kernel,
)
LAZY = (lazy_vectorize_takes_any_dtype, lazy_guvectorize_takes_any_dtype)
METHODS = (reduces, accumulates, has_outer, takes_where, takes_dtype)

PROMISES = of_each({"vectorize": elementwise, "guvectorize": by_rows}, RAISING)
PROMISES |= {f.__name__: f for f in (*THREADS, *FORKING * hasattr(os, "fork"), *LAZY)}
PROMISES |= of_each({"lazy": lazy, "eager": eager}, METHODS)


def broken(library, name):
    """How a library breaks a promise, or what it complains of; nothing where it is kept."""
    command = [sys.executable, "-W", "ignore", __file__, library, "--only", name]
    environment = {**os.environ, f"{library.upper()}_NUM_THREADS": "4"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            said = process.communicate(timeout=SECONDS)[1]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"hangs for {SECONDS} s"
    return said if not process.returncode else f"{said}ends with {process.returncode}"


def shortened(text):
    """The first and the last line, without those of tracebacks."""
    lines = [x for x in text.splitlines() if x and x[0] != " " and not x.startswith("Traceback")]
    return " ... ".join(dict.fromkeys([lines[0], lines[-1]]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", nargs="?", default="kernelgen")
    parser.add_argument("--only", choices=PROMISES, metavar="NAME")
    options = parser.parse_args()
    if options.only:
        PROMISES[options.only](importlib.import_module(options.library))
        return
    print(f"| promise | {options.library} |\n| --- | --- |")
    for name in PROMISES:
        found = broken(options.library, name)
        print(f"| {name} | {shortened(found) if found else 'kept'} |", flush=True)


if __name__ == "__main__":
    main()
