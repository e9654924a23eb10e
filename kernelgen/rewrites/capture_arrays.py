"""Copy the arrays that a kernel finds among its globals, cells and defaults.

Before: untyped SSA with its calls resolved. After: the same, and whoever changes such an array
does not change the kernel that is being compiled.
"""

from __future__ import annotations

from kernelgen.ir.core import Function
from kernelgen.types.constants import captured


def capture_arrays(function: Function) -> None:
    """Apply the pass."""
    for op in function.ops():
        if op.name == "const":
            op.attrs = {"value": captured(op.attrs["value"])}
