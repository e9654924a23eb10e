"""Refuses what would have no end: kernels that are typed as a part of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kernelgen.errors import UnsupportedError
from kernelgen.source import Loc

_typed_now: ContextVar[tuple[Any, ...]] = ContextVar("_typed_now", default=())
"""The ufuncs whose kernels are being typed, each called by the one before it."""


@contextmanager
def typing_kernel(ufunc: Any, loc: Loc | None) -> Iterator[None]:
    """Type the kernel of a ufunc that is called at ``loc``.

    Raises
    ------
    UnsupportedError
        This is done already.
    """
    outer = _typed_now.get()
    if ufunc in outer:
        raise UnsupportedError(
            f"the kernel of {ufunc.__name__} calls its own ufunc on arrays",
            loc,
            "let a function without decorator call itself, and the kernel call that",
        )
    token = _typed_now.set((*outer, ufunc))
    try:
        yield
    finally:
        _typed_now.reset(token)
