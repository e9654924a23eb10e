"""Random kernels mean the same on every back end. For a long run:

    pytest tests/semantics/test_random_kernels.py --hypothesis-profile=long
"""

from __future__ import annotations

import joined
import numpy as np
from backends import (
    Failure, as_tuple, attempt, expect, request, rows, run_interpreter, run_machine, strided, untyped,
)  # fmt: skip
from hypothesis import given, note
from random_kernels import compile_source, kernels

import kernelgen
from kernelgen import pipeline
from kernelgen.errors import TypingError


@given(kernels())
def test_random_kernels(case):
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
        function = pipeline.typed(wanted)
    except TypingError:
        return
    want = [attempt(joined.run, function, row) for row in rows(arrays)]
    got = run_interpreter(pipeline.rewritten(wanted), arrays)
    for row, g, w in zip(rows(arrays), got, want, strict=True):
        expect("the typed interpreter", kernel, row, g, w, 0)
    compare_machine(kernelgen.vectorize(kernel), kernel, arrays, want)


def compare_machine(ufunc, kernel, arrays, want):
    fails = np.array([isinstance(w, Failure) for w in want])
    for i in np.flatnonzero(fails)[:2]:
        row = tuple(a[i] for a in arrays)
        expect("machine code", kernel, row, attempt(ufunc, *row), want[i], 0)
    kept = tuple(a[~fails] for a in arrays)
    right = [as_tuple(w) for w in want if not isinstance(w, Failure)]
    for change in (np.ascontiguousarray, strided):
        results = run_machine(ufunc, [change(a) for a in kept])
        for row, g, w in zip(rows(kept), results, right, strict=True):
            expect(f"machine code, {change.__name__}", kernel, row, g, w, 0)
