"""The shells on a grid: the entries of a CUDA kernel around a scalar kernel, and around a function.

The scalar kernel is the same function as in NumPy's loops (``shells/elementwise.py``).
"""

from __future__ import annotations

from kernelgen.errors import UnsupportedError
from kernelgen.lower import Lowered
from kernelgen.targets import cuda
from kernelgen.targets.cuda import Elements, Machine

CONTIGUOUS, STRIDED = cuda.CONTIGUOUS, cuda.STRIDED

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
    types = cuda.declarations(count)
    declared = tuple(elements.emitter.declarations.values())  # conversions have added some
    return _module(declared, machine, [*types, elements.kernel.text, *entries])


def function_module(kernel: Lowered, machine: Machine) -> str:
    """The text of a module with the entry of a function that each thread calls."""
    entry = cuda.function_entry(FUNCTION, kernel, machine)
    return _module(kernel.declarations, machine, [kernel.text, *entry])


def _module(declared: tuple[str, ...], machine: Machine, lines: list[str]) -> str:
    each = {**dict.fromkeys(machine.declarations), **dict.fromkeys(declared)}
    return "\n".join([*each, *lines, *machine.metadata, ""])
