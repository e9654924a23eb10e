"""Let a function store what it returns in arrays that it is given.

Before: untyped SSA. After: it has a parameter more for each output, and returns None. An array that
it returned is no part of an output: the function has not known them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelgen.ir.core import Block, Function, Op
from kernelgen.ir.sequences import put


def store_results(function: Function, ndims: Sequence[int]) -> None:
    """Apply the pass; ``ndims`` has the number of dimensions of each output."""
    outputs = [function.entry.add_arg(hint=f"output {i}") for i in range(len(ndims))]
    for block in function.blocks:
        if block.terminator.name == "return":
            _store(block, block.terminator, list(zip(outputs, ndims, strict=True)))


def _store(block: Block, returned: Op, outputs: list[Any]) -> None:
    (value,) = returned.operands
    for i, (output, ndim) in enumerate(outputs):
        part = value if len(outputs) == 1 else put(block, returned, "item", value, index=i)
        index = put(block, returned, "const", value=... if ndim else ())
        put(block, returned, "store_subscript", output, index, part, apart=True)
    returned.operands = [put(block, returned, "const", value=None)]
