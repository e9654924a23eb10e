"""The native functions that share loops; ``runtime/shared_code.py`` and ``pool_code.py`` have them.

A loop that may be shared has six words (see there): the nanoseconds that an iteration takes, or
``UNKNOWN``; whether they are certain, whether each thread gets one chunk, and three that begin at
0.
"""

from __future__ import annotations

SHARE = "kernelgen_share"
THREAD = "kernelgen_thread"

DECLARED = {
    SHARE: f"declare i32 @{SHARE}(ptr, ptr, ptr, i64)",
    THREAD: f"declare i64 @{THREAD}() nounwind willreturn memory(none)",
}
"""Their declarations, by symbol."""

UNKNOWN = 1e9
"""So long that a loop is shared as soon as it is first met."""
