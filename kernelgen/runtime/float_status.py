"""The processor's floating point exceptions, in the code of loops.

A kernel reports none unless it is asked to. A loop may tell NumPy not to look, but NumPy looks all
the same where it casts operands, and always behind a generalized ufunc. So a loop clears those that
it has raised itself, and leaves what NumPy's casts have raised before.
"""

from __future__ import annotations

import platform

INTEL = platform.machine() in ("x86_64", "AMD64")

ALL = 0x3D if INTEL else 0x1F
"""C's ``FE_ALL_EXCEPT``."""

REPORTED = 0x1D if INTEL else 0xF
"""Those that NumPy reports: invalid, divide by zero, overflow, underflow."""

DECLARATIONS = [
    "declare i32 @fetestexcept(i32) nounwind",
    "declare i32 @feclearexcept(i32) nounwind",
]

BEFORE = [f"  %fp.before = call i32 @fetestexcept(i32 {REPORTED})"]
"""What stands in front of a loop."""

AFTER = [
    f"  %fp.after = call i32 @fetestexcept(i32 {REPORTED})",
    "  %fp.new = xor i32 %fp.after, %fp.before",
    "  %fp.any = icmp ne i32 %fp.new, 0",
    "  br i1 %fp.any, label %fp.clear, label %fp.done",
    "fp.clear:",
    "  %fp.cleared = call i32 @feclearexcept(i32 %fp.new)",
    "  br label %fp.done",
    "fp.done:",
]
"""What stands behind it, and ends with a block of its own."""
