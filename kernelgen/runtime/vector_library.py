"""The C library's vector versions of mathematical functions, if this machine has them.

glibc's libmvec names them by the vector function ABI: ``_ZGVdN4v_exp`` is ``exp`` of four
doubles (``v``: one vector argument) for AVX2 (``d``), without a mask (``N``).
"""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import cache
from typing import NamedTuple

from kernelgen.runtime import engine
from kernelgen.types.table import Scalar

_LIBRARY = "libmvec.so.1"

# For each architecture: the ABI's letter of an instruction set, the bytes of its vectors, and
# the processor feature that it needs.
_INSTRUCTION_SETS = {
    "x86_64": (("b", 16, "sse2"), ("d", 32, "avx2"), ("e", 64, "avx512f")),
    "aarch64": (("n", 16, "neon"),),
}


class VectorFunction(NamedTuple):
    """A vector version of a scalar function: its symbol, and how many elements it takes."""

    symbol: str
    lanes: int


class VectorLibrary(NamedTuple):
    """The library, and the instruction sets whose versions this processor can run."""

    library: ctypes.CDLL
    instruction_sets: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        widths = ", ".join(str(8 * size) for _, size in self.instruction_sets)
        return f"{_LIBRARY}, vectors of {widths} bits"

    def versions(self, function: str, t: Scalar, arity: int) -> tuple[VectorFunction, ...]:
        """The vector versions of a libm function on values of type ``t``, narrow ones first."""
        found = []
        for letter, size in self.instruction_sets:
            lanes = size // t.size
            symbol = f"_ZGV{letter}N{lanes}{'v' * arity}_{function}"
            if hasattr(self.library, symbol):
                found.append(VectorFunction(symbol, lanes))
        return tuple(found)


@cache
def find() -> VectorLibrary | None:
    """The vector library of this machine; None on musl, macOS, Windows and older systems."""
    known = _INSTRUCTION_SETS.get(platform.machine(), ())
    if not sys.platform.startswith("linux") or not known or not engine.load_library(_LIBRARY):
        return None
    features = set(engine.host().features.split(","))
    usable = tuple((letter, size) for letter, size, need in known if f"+{need}" in features)
    return VectorLibrary(ctypes.CDLL(_LIBRARY), usable) if usable else None
