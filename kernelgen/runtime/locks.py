"""The lock around all compiling, LLVM's work included: there is one, so no order to get wrong."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterator

compiling = threading.RLock()
"""Whoever holds it may take it again."""

if hasattr(os, "register_at_fork"):
    # A child must not inherit a compilation that another thread will never finish.
    os.register_at_fork(
        before=compiling.acquire,
        after_in_parent=compiling.release,
        after_in_child=compiling.release,
    )


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Compile with the lock held, and without Python looking for garbage meanwhile.

    Loading the compiler makes some ten thousand objects, which stay. Python would search these,
    and all others of the process, again and again.
    """
    with compiling:
        collects = gc.isenabled()
        try:
            gc.disable()
            yield
        finally:
            if collects:
                gc.enable()
