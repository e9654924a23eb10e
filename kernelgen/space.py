"""What shells and targets talk about: operands, how they lie in memory, and patterns of that."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from kernelgen.types.table import Scalar


class Layout(Enum):
    """How an operand's elements follow each other."""

    DENSE = "d"
    """Side by side."""
    SCALAR = "s"
    """One element for all iterations: a stride of zero."""
    STRIDED = "x"
    """By a stride that is known only when the loop runs."""


Pattern = tuple[Layout, ...]
"""The layouts of a call's operands, inputs first."""


class Operand(NamedTuple):
    """One array of an iteration: its place among the operands, its type, its layout."""

    number: int
    type: Scalar
    output: bool
    layout: Layout

    @property
    def pointer(self) -> str:
        """LLVM's name for the address of its first element."""
        return f"%p{self.number}"

    @property
    def stride(self) -> str:
        """LLVM's name for the bytes from one element to the next."""
        return f"%s{self.number}"


def operands(
    inputs: tuple[Scalar, ...], outputs: tuple[Scalar, ...], pattern: Pattern
) -> tuple[Operand, ...]:
    """The operands of a kernel, inputs first, as NumPy numbers them."""
    types = inputs + outputs
    return tuple(
        Operand(i, t, i >= len(inputs), layout)
        for i, (t, layout) in enumerate(zip(types, pattern, strict=True))
    )


def strided(count: int) -> Pattern:
    """The pattern that any call fits."""
    return (Layout.STRIDED,) * count


def dense(count: int) -> Pattern:
    """The pattern of contiguous operands."""
    return (Layout.DENSE,) * count
