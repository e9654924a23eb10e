"""The elementwise shell on a grid: the entries of a CUDA kernel around a scalar one.

The scalar kernel is the same function as in NumPy's loops (``shells/elementwise.py``).
"""

from __future__ import annotations

from kernelgen.errors import UnsupportedError
from kernelgen.lower import Lowered
from kernelgen.space import dense, operands, strided
from kernelgen.targets import cuda

_METADATA = (
    "!llvm.module.flags = !{!0}",
    '!0 = !{i32 4, !"nvvm-reflect-ftz", i32 0}',
)
"""Libdevice asks whether to flush subnormal numbers to zero. NumPy does not."""


def grid_module(kernel: Lowered) -> str:
    """The text of a module with both entries of a kernel, libdevice's functions declared only.

    Raises
    ------
    UnsupportedError
        There are more operands than a GPU's kernel can have.
    """
    count = len(kernel.inputs) + len(kernel.outputs)
    if cuda.parameter_bytes(count) > cuda.PARAMETERS:
        raise UnsupportedError(f"{count} operands are too many for a kernel on a GPU")
    lines = [
        *kernel.declarations,
        *cuda.declarations(count),
        kernel.text,
        *cuda.contiguous_entry(kernel, operands(kernel.inputs, kernel.outputs, dense(count))),
        *cuda.strided_entry(kernel, operands(kernel.inputs, kernel.outputs, strided(count))),
        *_METADATA,
        "",
    ]
    return "\n".join(lines)
