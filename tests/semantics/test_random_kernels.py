"""Random kernels mean the same on every back end. For a long run:

python -m tests.fuzz --minutes 30
"""

from __future__ import annotations

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
from kernelgen.errors import TypingError


@given(kernels())
def test_random_kernels(case):
    check_kernel(case)


def check_kernel(case):
    """Run a kernel and its arguments on all back ends, and compare."""
    source, arrays = case
    note(source)
    kernel = compile_source(source)
    wanted = request(kernel, *arrays)
    python = [attempt(kernel, *row) for row in rows(arrays)]
    for row, got, want in zip(
        rows(arrays), run_interpreter(untyped(wanted), arrays), python, strict=True
    ):
        assert repr(got) == repr(want), f"untyped SSA of {row}: {got!r}, Python {want!r}"
    try:
        function, rewritten = pipeline.typed(wanted), pipeline.rewritten(wanted)
    except TypingError:
        return
    want = [attempt(joined.run, function, row) for row in rows(arrays)]
    got = run_interpreter(rewritten, arrays)
    for row, g, w in zip(rows(arrays), got, want, strict=True):
        expect("the typed interpreter", kernel, row, g, w, 0)
    compare_machine(kernelgen.vectorize(kernel), kernel, arrays, want)


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
