"""Exceptions of compiled code show the line of the user's source that raises them."""

from __future__ import annotations

import gc
import sys
import traceback
import weakref

import numpy as np
import pytest

from kernelgen import njit, vectorize
from kernelgen.source import Loc
from kernelgen.tracebacks import traceback_to


def divided(x, y):
    return (
        x
        // y
    )  # fmt: skip


def checked(x):
    z = divided(x + 1, x)
    if z > 5:
        raise ValueError(f"too large: {z}")
    return z


def factorial(n):
    if n < 0:
        raise ValueError("negative", n)
    return 1 if n == 0 else n * factorial(n - 1)


def entries(function, *args):
    """Where the exception of a call was raised, as Python shows it: of files, names and lines."""
    try:
        function(*args)
    except Exception as error:
        found = traceback.extract_tb(error.__traceback__)
        own = [e for e in found if e.filename == __file__ and e.name != "entries"]
        return type(error), [
            (e.name, e.lineno, e.end_lineno, e.colno, e.end_colno, e.line) for e in own
        ]
    return None


@pytest.mark.parametrize(
    ("function", "argument"), [(checked, 0), (checked, np.float32(0.125)), (factorial, -1)]
)
def test_jitted_functions_show_what_python_shows(function, argument):
    compiled = njit(function)
    with np.errstate(all="ignore"):
        want = entries(function, argument if argument else int(argument))
    for _ in range(2):  # by way of Python, and natively
        assert entries(compiled, argument) == want


def test_ufuncs_show_it_as_well():
    ufunc = vectorize(error_model="python")(checked)
    want = entries(checked, 0)
    for argument in (0, np.arange(3), np.zeros((2, 3), np.int64)[:, ::2]):
        assert entries(ufunc, argument) == want


def test_the_outermost_call_comes_first():
    outer = njit(lambda x: checked(x))
    _, found = entries(outer, 0)
    assert [name for name, *_ in found] == ["<lambda>", "checked", "divided"]


def test_functions_of_ours_are_not_shown():
    compiled = njit(lambda x: divmod(1, x))
    assert [name for name, *_ in entries(compiled, 0)[1]] == ["<lambda>"]


def test_two_raises_of_one_exception_are_told_apart():
    def f(x):
        if x < 0:
            raise KeyError("odd")
        if x > 5:
            raise KeyError("odd")
        return x

    compiled = njit(f)
    for x in (-1, 6):
        assert entries(compiled, x) == entries(f, x)


def test_a_traceback_keeps_no_variables_alive():
    class Witness:
        pass

    compiled = njit(checked)
    compiled(1)
    witness = Witness()
    reference = weakref.ref(witness)
    try:
        compiled(0)
    except ZeroDivisionError as error:
        last = error.__traceback__
        while last.tb_next is not None:
            last = last.tb_next
        assert last.tb_frame.f_locals == {}
        assert last.tb_frame.f_back is None
        frame = last.tb_frame
    del witness, last
    gc.collect()
    assert reference() is None
    assert frame.f_code.co_name == "divided"


def test_each_raise_has_a_traceback_of_its_own():
    compiled = njit(checked)
    lengths = []
    for _ in range(3):
        try:
            compiled(0)
        except ZeroDivisionError as error:
            lengths.append(len(traceback.extract_tb(error.__traceback__)))
    assert lengths[1] == lengths[2]


@pytest.mark.parametrize(
    "loc",
    [
        Loc("no file", "f.<locals>.g", 7),
        Loc("no file", "g", 1, 0, 1, 1),
        Loc("no file", "g", 123456, 300, 123999, 70000),
    ],
)
def test_all_places_can_be_shown(loc):
    found = traceback_to(loc)
    assert found is not None
    assert found.tb_lineno == loc.line
    code = found.tb_frame.f_code
    assert (code.co_filename, code.co_name) == (loc.filename, "g")
    unknown = (loc.line, loc.line, None, None)
    known = (loc.line, loc.end_line, loc.column, loc.end_column)
    wanted = known if loc.column >= 0 else unknown
    assert set(code.co_positions()) == {wanted}


def test_a_debugger_may_look_at_the_frame():
    try:
        njit(checked)(0)
    except ZeroDivisionError:
        *_, (frame, line) = traceback.walk_tb(sys.exc_info()[2])
    assert frame.f_globals is not None
    assert line == divided.__code__.co_firstlineno + 2
