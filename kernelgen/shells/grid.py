"""The shells on a grid: the entries of a CUDA kernel around a scalar kernel, and around a function.

The scalar kernel is the same function as in NumPy's loops (``shells/elementwise.py``).
"""

from __future__ import annotations

from kernelgen.errors import UnsupportedError
from kernelgen.llvm_grid import GridEmitter
from kernelgen.lower import Lowered
from kernelgen.targets import cuda
from kernelgen.targets.cuda import Elements, Machine

FUNCTION = "kernelgen_function"


def grid_module(elements: Elements, machine: Machine) -> str:
    """The text of a module with both entries of a kernel, libdevice's functions declared only.

    Raises
    ------
    UnsupportedError
        There are more operands than a GPU's kernel can have.
    """
    count = len(elements.types)
    if cuda.parameter_bytes(count) > cuda.PARAMETERS:
        raise UnsupportedError(f"{count} operands are too many for a kernel on a GPU")
    entries = [
        *cuda.contiguous_entry(elements, machine),
        *cuda.strided_entry(elements, machine),
    ]
    lines = [*cuda.declarations(count), elements.kernel.text, *entries]
    return _module(elements.emitter, machine, lines)


def function_module(kernel: Lowered, emitter: GridEmitter, machine: Machine) -> str:
    """The text of a module with the entry of a function that each thread calls."""
    entry = cuda.function_entry(FUNCTION, kernel, emitter, machine)
    return _module(emitter, machine, [kernel.text, *entry])


def _module(emitter: GridEmitter, machine: Machine, lines: list[str]) -> str:
    declared = emitter.declarations.values()  # by now those of the entries too
    return "\n".join([*machine.declarations, *declared, *lines, *machine.metadata, ""])
