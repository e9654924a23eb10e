"""What shells and targets talk about: the operands of an iteration space, and its variants."""

from __future__ import annotations

from typing import NamedTuple

from kernelgen.types.table import Scalar


class Operand(NamedTuple):
    """One array of an elementwise iteration: its place, its type, whether it is written."""

    number: int
    type: Scalar
    output: bool

    @property
    def pointer(self) -> str:
        """LLVM's name for the address of its first element."""
        return f"%p{self.number}"

    @property
    def stride(self) -> str:
        """LLVM's name for the bytes from one element to the next."""
        return f"%s{self.number}"


class Access(NamedTuple):
    """How an iteration reaches its elements, and what the optimiser may assume of that.

    Contiguous elements stand side by side, and no output overlaps another operand, except an
    input of the same address and size: iterations are independent of each other.
    """

    contiguous: bool


def operands(inputs: tuple[Scalar, ...], outputs: tuple[Scalar, ...]) -> tuple[Operand, ...]:
    """The operands of a kernel, inputs first, as NumPy numbers them."""
    types = [(t, False) for t in inputs] + [(t, True) for t in outputs]
    return tuple(Operand(i, t, output) for i, (t, output) in enumerate(types))
