"""What kernels cannot have, each with the reason that the user reads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

NOT_SCALAR = "cannot be compiled: a kernel computes with numbers and tuples of them"
LIST = (f"a list or comprehension {NOT_SCALAR}", "use a tuple, or a loop over range(n)")
DICT = (f"a dict {NOT_SCALAR}", "use local variables, or `if` and `elif`")

_ITERABLE = "takes a sequence, and a kernel has numbers"
_ARRAYS = "works on whole arrays, and a kernel is called for each element"

REFUSED: tuple[tuple[Any, str, str], ...] = (
    (math.fsum, _ITERABLE, "add the numbers with `+`"),
    (math.prod, _ITERABLE, "multiply the numbers with `*`"),
    (math.dist, _ITERABLE, "write math.hypot(a - c, b - d)"),
    (getattr(math, "sumprod", None), _ITERABLE, "write a * c + b * d"),
    (np.matmul, _ARRAYS, "call it outside of the kernel"),
    (np.vecdot, _ARRAYS, "call it outside of the kernel"),
    (np.matvec, _ARRAYS, "call it outside of the kernel"),
    (np.vecmat, _ARRAYS, "call it outside of the kernel"),
    (np.isnat, "takes dates, which kernels do not have", "call it outside of the kernel"),
)
"""The function, the reason, and what to do instead."""


def refusal(function: Any) -> tuple[str, str] | None:
    """Why ``function`` cannot be called, and what to do instead, if that is known."""
    for refused, reason, hint in REFUSED:
        if refused is function:
            return f"{function.__name__}() {reason}", hint
    return None
