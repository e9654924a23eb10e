"""What NumPy's generalized ufuncs do at one place of their loops, in the kernel language."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.product_library import product


def vecdot(a: Any, b: Any) -> Any:
    return product(conjugated(a), b)


def matvec(a: Any, b: Any) -> Any:
    return product(a, b)


def vecmat(a: Any, b: Any) -> Any:
    return product(conjugated(a), b)


def conjugated(a: Any) -> Any:
    return np.conjugate(a) if a.dtype.kind == "c" else a
