"""Random functions on arrays mean the same on every back end. For a long run:

python -m tests.fuzz --minutes 30
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from array_backends import check, request
from hypothesis import given, note
from random_array_kernels import array_kernels
from random_kernels import compile_source

from kernelgen import pipeline
from kernelgen.errors import TypingError, UnsupportedError

COUNTED: Counter[str] = Counter()
"""How many functions were tried, how many of them compiled, and how many values were compared."""


@given(array_kernels())
def test_random_array_kernels(case):
    with np.errstate(all="ignore"):
        check_array_kernel(case)


def check_array_kernel(case):
    """Run a function with its arguments on all back ends, and compare."""
    source, arguments = case
    note(source)
    COUNTED["kernels"] += 1
    kernel = compile_source(source)
    try:
        pipeline.typed(request(kernel, arguments))
    except (TypingError, UnsupportedError):
        return
    COUNTED["compiled"] += 1
    COUNTED["values"] += sum(np.size(a) for a in arguments)
    check(kernel, *arguments, boundscheck=True, error_model="numpy")
