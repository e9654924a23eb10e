"""Which function of the kernel language stands for a call of Python's or NumPy's.

Libraries that few kernels need are loaded when a function of NumPy is called that no other has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from kernelgen.ops import library
from kernelgen.ops.registry import by_call

_LATER = ("nan_library", "statistics_library")


def definition(callee: Any, count: int) -> FunctionType | None:
    """What is inlined for a call of ``callee`` with ``count`` arguments, if anything is."""
    try:
        found = definitions(callee).get((callee, count))
    except TypeError:  # an unhashable object is nobody's key
        return None
    assert found is None or isinstance(found, FunctionType)
    return found


def counts(callee: Any) -> set[int]:
    """The numbers of arguments for which there is a definition."""
    return {count for original, count in definitions(callee) if original is callee}


def definitions(callee: Any) -> dict[tuple[Any, int], Callable[..., Any]]:
    """The functions of the kernel language by what they replace, ``callee`` among them or not."""
    if str(getattr(callee, "__module__", None)).startswith("numpy.random"):
        from kernelgen.ops import random_library

        return random_library.by_call()
    if _may_come_later(callee):
        _load()
    return library.BY_CALL


def _may_come_later(callee: Any) -> bool:
    """Whether ``callee`` is a function of NumPy of which nothing is known so far."""
    if isinstance(callee, np.ufunc) or not str(getattr(callee, "__module__", "")).startswith(
        "numpy"
    ):
        return False
    known = by_call(callee) or any(original is callee for original, _ in library.BY_CALL)
    return callable(callee) and not known


@cache
def _load() -> None:
    for name in _LATER:
        import_module(f"kernelgen.ops.{name}")
