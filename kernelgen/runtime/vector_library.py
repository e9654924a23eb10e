"""The C library's vector versions of mathematical functions, if this machine has them.

glibc's libmvec names them by the vector function ABI: ``_ZGVdN4v_exp`` is ``exp`` of four
doubles (``v``: one vector argument) for AVX2 (``d``), without a mask (``N``).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
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
    """What the library exports, and the vectors of a processor: letters and sizes in bytes."""

    exports: Callable[[str], bool]
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
            if self.exports(symbol):
                found.append(VectorFunction(symbol, lanes))
        return tuple(found)


def of_machine(machine: engine.Host, exports: Callable[[str], bool]) -> VectorLibrary | None:
    """A library with these exports, on a machine whose vectors its functions take."""
    features = set(machine.features.split(","))
    known = _INSTRUCTION_SETS.get(machine.triple.partition("-")[0], ())
    usable = tuple((letter, size) for letter, size, need in known if f"+{need}" in features)
    return VectorLibrary(exports, usable) if usable and "-linux-" in machine.triple else None


def find() -> VectorLibrary | None:
    """The vector library of this machine; None on musl, macOS, Windows and older systems."""
    return _find(engine.host())


@cache
def _find(machine: engine.Host) -> VectorLibrary | None:
    if not engine.load_library(_LIBRARY):
        return None
    library = ctypes.CDLL(_LIBRARY)
    return of_machine(machine, lambda symbol: hasattr(library, symbol))
