"""Writing LLVM IR for one thread of a grid: what GPUs have and processors have not."""

from __future__ import annotations

from abc import abstractmethod

from kernelgen.llvm_text import Emitter
from kernelgen.source import Loc
from kernelgen.types.table import Scalar


class GridEmitter(Emitter):
    """An emitter for a thread of a grid.

    ``scope`` is what atomic instructions are marked with.
    """

    scope = ""

    @abstractmethod
    def register(self, name: str) -> str:
        """An i32: a register by PTX's name."""

    @abstractmethod
    def barrier(self, loc: Loc | None) -> None:
        """Wait for all threads of the block."""

    @abstractmethod
    def warp_barrier(self, mask: str, loc: Loc | None) -> None:
        """Wait for the threads of the warp in an i32 of bits."""

    @abstractmethod
    def shared(self, t: Scalar, count: int) -> str:
        """The address of memory for so many values, which the block shares."""

    @abstractmethod
    def dynamic_shared(self) -> tuple[str, str]:
        """The address of the memory that a launch asks for, and its bytes, an i64."""

    @abstractmethod
    def shuffle(self, kind: str, mask: str, value: str, lane: str, loc: Loc | None) -> str:
        """The i32 of another thread of the warp."""

    @abstractmethod
    def vote(self, kind: str, mask: str, predicate: str, loc: Loc | None) -> str:
        """Of an i1 in all threads of the warp: an i32 of bits, or an i1."""


def signed_word(word: int) -> int:
    """The integer of 32 bits with a sign that has the bits of one without."""
    return word - (1 << 32) if word >> 31 else word
