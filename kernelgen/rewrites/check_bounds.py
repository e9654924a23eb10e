"""Have indices that users write checked.

Before: typed SSA with conversions. After: each use and assignment of an array's item is marked to
be checked, which raises IndexError when the array is taken apart.
"""

from __future__ import annotations

from kernelgen.ir.core import Function


def check_bounds(function: Function) -> None:
    """Apply the pass."""
    for op in function.ops():
        if op.name in ("subscript", "store_subscript", "item"):
            op.attrs = {**op.attrs, "checked": True}
