"""KERNELGEN_DISABLE_JIT=1: the same ufuncs, run as the Python that they are written in."""

from __future__ import annotations

import bdb
import math
import sys

import numpy as np
import pytest
from uses import USES, assert_same, make_plus, run_in_new_process

from kernelgen import TypingError, UnsupportedError, vectorize

V = np.arange(12.0)


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_every_use_gives_the_same(use):
    assert_same(use(make_plus()), use(np.add))


def scale(x, n):
    for _ in range(n):
        x = x * 2
    return x


def collatz(n):
    count = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        count += 1
    return count


def hypotenuse(x, y):
    return math.sqrt(x * x + y * y)


def parts(x):
    whole = int(x)
    return whole, x - whole


def helped(x):
    return scale(x, 3) + 1


def widened(x):
    return int(x) * 100


def truth(x):
    return x > 2 and x != 3


SMALL = np.array([1, 2, 3, 100])


@pytest.mark.parametrize(
    ("kernel", "args"),
    [
        (scale, (V, 3)),
        (scale, (SMALL.astype("i1"), 2)),
        (collatz, (SMALL,)),
        (collatz, (SMALL.astype("i4"),)),
        (hypotenuse, (V, V)),
        (hypotenuse, (V.astype("f4"), V.astype("f4"))),
        (parts, (V / 4,)),
        (helped, (V,)),
        (widened, (SMALL.astype("i1"),)),
        (truth, (V,)),
        (lambda x: 5, (V,)),
        (lambda x: x + 100, (SMALL.astype("i1"),)),
        (lambda x, y: x / y, (V, V[::-1])),
        (lambda x, y: x // y, (SMALL, SMALL - 1)),
        (lambda x, y: max(x, y, 3), (SMALL, SMALL[::-1])),
    ],
)
def test_kernels_give_the_same_values_and_dtypes(kernel, args, monkeypatch):
    interpreted = vectorize(kernel)(*args)
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "0")
    assert_same(interpreted, vectorize(kernel)(*args))


def test_results_are_cast_as_compiled_code_casts_them(monkeypatch):
    values = np.array([300.7, -1.5, np.nan, np.inf, 1e30])
    for signature in ("i1(f8)", "u1(f8)", "i8(f8)", "?(f8)", "f4(f8)"):
        interpreted = vectorize(signature)(lambda x: x)(values)
        with monkeypatch.context() as patch:
            patch.setenv("KERNELGEN_DISABLE_JIT", "0")
            assert_same(interpreted, vectorize(signature)(lambda x: x)(values))


def test_exceptions_come_with_the_kernels_own_frames():
    @vectorize
    def checked(x):
        if x > 5:
            raise ValueError([x])
        return x

    with pytest.raises(UnsupportedError):
        checked(V)  # what cannot be compiled cannot be switched off to be

    @vectorize
    def plain(x):
        if x > 5:
            raise ValueError(f"too large: {x!r}", x)
        return x

    with pytest.raises(ValueError, match="too large") as caught:
        plain(V)
    assert caught.traceback[-1].name == "plain"
    assert repr(caught.value.args) == "('too large: np.float64(6.0)', np.float64(6.0))"
    assert plain(3.0) == 3.0


def test_errors_of_typing_are_the_same():
    with pytest.raises(TypingError, match="`<<` needs integers"):
        vectorize(lambda x: x << 1)(V)


def test_python_model_raises_zero_division_error():
    """Where NumPy's scalars tell: 0.0 / 0.0 and x % 0.0 are as invalid as inf - inf to them."""
    for kernel in (lambda x, y: x / y, lambda x, y: x // y, lambda x, y: 1 // y + x % y):
        ufunc = vectorize(error_model="python")(kernel)
        assert ufunc(7.0, 2.0) == kernel(7.0, 2.0)
        for one, zero in ((1.0, 0.0), (1, 0)):
            with pytest.raises(ZeroDivisionError, match="division by zero"):
                ufunc(one, zero)


def test_numpy_model_gives_numpys_values_without_warnings():
    with np.errstate(all="raise"):
        result = vectorize(lambda x, y: x / y)(np.array([1.0, 0.0, -1.0]), 0.0)
    np.testing.assert_array_equal(result, [np.inf, np.nan, -np.inf])


def test_a_trace_function_sees_every_line():
    first = scale.__code__.co_firstlineno
    seen = []

    def trace(frame, event, argument):
        if frame.f_code is scale.__code__:
            seen.append((event, frame.f_lineno - first))
        return trace

    ufunc = vectorize(scale)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        ufunc(np.array([1.5, 2.5]), 1)
    finally:
        sys.settrace(before)
    lines = [line for event, line in seen if event == "line"]
    assert lines.count(2) == 2
    assert {1, 2, 3} == set(lines)
    assert [event for event, _ in seen].count("call") == 2


class StopAt(bdb.Bdb):
    """A debugger with one breakpoint, which notes the local variables there."""

    def __init__(self, line):
        super().__init__()
        self.stops = []
        assert self.set_break(__file__, line) is None

    def user_line(self, frame):
        if frame.f_code.co_name == "scale":
            self.stops.append(dict(frame.f_locals))
        self.set_continue()


def test_a_debugger_stops_in_the_kernel():
    ufunc = vectorize(scale)
    debugger = StopAt(scale.__code__.co_firstlineno + 3)
    before = sys.gettrace()
    debugger.runcall(ufunc, np.array([1.5, 2.5]), 2)
    sys.settrace(before)
    assert [(stop["x"], stop["n"]) for stop in debugger.stops] == [(6.0, 2), (10.0, 2)]


def test_the_kernel_gets_numpy_scalars_of_its_types():
    seen = []

    def spy(x, y):
        return x + y

    def note(frame, event, argument):
        if frame.f_code is spy.__code__ and event == "call":
            seen.append((type(frame.f_locals["x"]), type(frame.f_locals["y"])))

    ufunc = vectorize("f4(f4,i2)")(spy)
    before = sys.gettrace()
    sys.settrace(note)
    try:
        ufunc(np.float32(1), 2)
    finally:
        sys.settrace(before)
    assert seen == [(np.float32, np.int16)]


def test_the_switch_is_read_when_a_loop_is_made(monkeypatch):
    ufunc = vectorize(scale)
    ufunc(1.5, 1)
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "0")
    frames = []
    before = sys.gettrace()
    sys.settrace(lambda frame, *rest: frames.append(frame.f_code))
    try:
        ufunc(1.5, 1)
        interpreted = scale.__code__ in frames
        frames.clear()
        ufunc(np.float32(1.5), 1)
        compiled = scale.__code__ not in frames
    finally:
        sys.settrace(before)
    assert (interpreted, compiled) == (True, True)


@pytest.mark.parametrize("value", ["1", "true", "on", "0", "false", "", "no", "off"])
def test_values_of_the_switch(value, monkeypatch):
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", value)
    frames = []
    ufunc = vectorize(scale)
    before = sys.gettrace()
    sys.settrace(lambda frame, *rest: frames.append(frame.f_code))
    try:
        ufunc(1.5, 1)
    finally:
        sys.settrace(before)
    assert (scale.__code__ in frames) == (value in ("1", "true", "on"))


def test_an_interrupt_in_the_kernel_reaches_the_caller():
    text = """
import os, signal
import numpy as np
from kernelgen import vectorize

@vectorize
def endless(x):
    while x > 0:
        x = x + 1
    return x

signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 1.0)
try:
    endless(np.ones(3))
except KeyboardInterrupt:
    print("interrupted")
"""
    run = run_in_new_process(text)
    assert (run.stderr, run.stdout) == ("", "interrupted\n")
