"""Loops whose elements threads share: the loop of the parallel target around one of one thread."""

from __future__ import annotations

import ctypes
from functools import cache

from kernelgen.runtime import engine, pool, pool_code
from kernelgen.targets import parallel
from kernelgen.targets.parallel import Sharing


@cache
def _module() -> engine.Module:
    """The code is the same for all loops but for the words that it is linked with."""
    symbols = parallel.Symbols(
        pool_code.LAUNCH, pool_code.NOW, pool_code.WORTH, pool_code.NOTE, pool_code.ROOM
    )
    return engine.compile_module(parallel.module(symbols), opt_level=1)


class SharedLoop:
    """A loop as NumPy takes it.

    Parameters
    ----------
    loop : int
        The address of the loop that runs a chunk, or the whole call if it is small.
    sharing : Sharing
        What is known of its operands, and how long it takes.

    Attributes
    ----------
    address : int
        It holds while this object lives.
    """

    def __init__(self, loop: int, sharing: Sharing) -> None:
        launcher = pool.launcher()
        self._words = parallel.words(launcher.pool, loop, sharing)
        symbols = {
            **launcher.symbols,
            parallel.DESCRIPTOR: ctypes.addressof(self._words),
        }
        self._library = engine.link(_module().object_code, [parallel.SYMBOL], symbols)
        self.address = self._library.address(parallel.SYMBOL)
