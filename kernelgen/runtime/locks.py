"""The lock around all compiling, LLVM's work included: there is one, so no order to get wrong."""

from __future__ import annotations

import os
import threading

compiling = threading.RLock()
"""Whoever holds it may take it again."""

if hasattr(os, "register_at_fork"):
    # A child must not inherit a compilation that another thread will never finish.
    os.register_at_fork(
        before=compiling.acquire,
        after_in_parent=compiling.release,
        after_in_child=compiling.release,
    )
