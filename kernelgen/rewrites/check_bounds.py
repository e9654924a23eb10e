"""Have indices that users write checked.

Before: typed SSA with conversions. After: uses and assignments of arrays' items are marked to be
checked, which raises IndexError when the array is taken apart.
"""

from __future__ import annotations

from kernelgen.ir.core import Function, Op
from kernelgen.ir.origins import constant_arrays

_INDEXED = ("subscript", "store_subscript", "item", "atomic", "atomic_cas")


def check_bounds(function: Function) -> None:
    """Apply the pass to all arrays."""
    for op in function.ops():
        if op.name in _INDEXED:
            _mark(op)


def check_tables(root: Function) -> None:
    """Apply the pass to the items of constant arrays, in a function and all that it invokes."""
    tables = constant_arrays(root)
    for function in (root, *root.callees()) if tables else ():
        for op in function.ops():
            if op.name in _INDEXED and op.operands[0] in tables:
                _mark(op)


def _mark(op: Op) -> None:
    op.attrs = {**op.attrs, "checked": True}
