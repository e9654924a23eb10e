"""What kernels of stencils do with the arrays that they read at offsets, but for reading them."""

from __future__ import annotations

from kernelgen.ir.core import Op
from kernelgen.ops.arrays import attribute_type
from kernelgen.ops.registry import NoRule
from kernelgen.types.compound import Type, Window

ASKED = ("shape", "size", "ndim", "itemsize", "dtype")
"""The attributes that a window has, which are those of the array."""

_TAKEN = frozenset({"attr", "invoke", "is", "item", "return", "subscript"})


def attribute_of(window: Window, name: str) -> Type:
    """The type of an attribute.

    Raises
    ------
    NoRule
        There is none of that name.
    """
    if name not in ASKED:
        raise NoRule(f"an array that is read at offsets has no {name!r} in a stencil's kernel")
    return attribute_type(window.array, name)


def refuse_windows(op: Op, types: tuple[Type, ...]) -> None:
    """Raise NoRule if an op takes an array as a whole of which only the elements are read."""
    for i, t in enumerate(types):  # of ops that stand for others, whose operands are not there
        if isinstance(t, Window) and op.name not in _TAKEN and not _is_length(op):
            if op.name.startswith("store"):
                raise NoRule(
                    "a stencil's kernel does not assign to an array that it reads at offsets",
                    "return the cell's new value",
                )
            name, ndim = op.operands[i].hint or "a", t.array.ndim
            own, around = (", ".join([each] * ndim) for each in ("0", "-1:2"))
            raise NoRule(
                f"a stencil's kernel reads {name} at offsets, not as a whole",
                f"write {name}[{own}] for the cell's element, {name}[{around}] for an array of "
                f'those around it, or standard_indexing=("{name}",)',
            )


def _is_length(op: Op) -> bool:
    callee = op.operands[0].constant if op.name == "call" else None
    return callee is not None and callee.attrs["value"] is len
