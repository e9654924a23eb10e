"""Random kernels mean the same on every back end. For a long run:

python -m tests.fuzz --minutes 30
"""

from __future__ import annotations

import functools
from collections import Counter

import joined
import numpy as np
from backends import (
    Failure,
    as_tuple,
    attempt,
    expect,
    layouts,
    request,
    rows,
    run_interpreter,
    run_machine,
    untyped,
)  # fmt: skip
from hypothesis import given, note
from random_kernels import compile_source, kernels

import kernelgen
from kernelgen import pipeline
from kernelgen.errors import TypingError, UnsupportedError
from kernelgen.ir.interp import interpret

COUNTED: Counter[str] = Counter()
"""How many kernels were tried, how many of them compiled, and how many values were compared."""


@given(kernels())
def test_random_kernels(case):
    check_kernel(case)


def check_kernel(case):
    """Run a kernel and its arguments on all back ends, and compare."""
    source, arrays = case
    note(source)
    COUNTED["kernels"] += 1
    kernel = compile_source(source)
    wanted = request(kernel, *arrays)
    python = [attempt(kernel, *row) for row in rows(arrays)]
    for row, got, want in zip(
        rows(arrays), run_interpreter(untyped(wanted), arrays), python, strict=True
    ):
        if not _is_refused(want):
            assert _alike(got, want), f"untyped SSA of {row}: {got!r}, Python {want!r}"
    try:
        function, rewritten = pipeline.typed(wanted), pipeline.rewritten(wanted)
    except (TypingError, UnsupportedError):
        return
    COUNTED["compiled"] += 1
    want = [attempt(joined.run, function, row) for row in rows(arrays)]
    got = run_interpreter(rewritten, arrays)
    for row, g, w in zip(rows(arrays), got, want, strict=True):
        expect("the typed interpreter", kernel, row, g, w, 0)
    ufunc = kernelgen.vectorize(precise=True)(kernel)
    compare_machine(ufunc, kernel, arrays, want)
    compare_reduction(ufunc, rewritten, arrays)


def _alike(got, want):
    """Whether two values look the same; the digits of a long int take longer than comparing it."""
    if type(got) is int and type(want) is int:
        return got == want
    return repr(got) == repr(want)


def _is_refused(result):
    """Whether a kernel that another one calls was given an int of more than 64 bits by Python."""
    return isinstance(result, Failure) and issubclass(result.cls, TypingError)


def compare_machine(ufunc, kernel, arrays, want):
    """Rows that raise one by one, all others at once in each layout."""
    fails = np.array([isinstance(w, Failure) for w in want])
    for i in np.flatnonzero(fails)[:2]:
        row = tuple(a[i] for a in arrays)
        expect("machine code", kernel, row, attempt(ufunc, *row), want[i], 0)
    kept = tuple(a[~fails] for a in arrays)
    right = [as_tuple(w) for w in want if not isinstance(w, Failure)]
    for layout, operands, taken in layouts(kept) if right else ():
        results = run_machine(ufunc, operands)
        chosen = rows(tuple(a[taken] for a in kept))
        for row, g, i in zip(chosen, results, np.arange(len(right))[taken], strict=True):
            expect(f"{layout} machine code", kernel, row, g, right[i], 0)
        COUNTED["values"] += len(chosen)


def compare_reduction(ufunc, rewritten, arrays):
    """Where one type goes in and comes out, a reduction is call after call."""
    types = {*(a.dtype for a in arrays), getattr(rewritten.result, "dtype", None)}
    if len(arrays) != 2 or len(types) != 1:
        return
    steps = functools.partial(attempt, interpret, rewritten)
    for values in (arrays[0], arrays[1][::-1]):
        total, *others = values
        for value in others:
            total = total if isinstance(total, Failure) else steps((total, value))
        expect("a reduction", ufunc, (values,), attempt(ufunc.reduce, values), total, 0)
        COUNTED["values"] += len(values)
