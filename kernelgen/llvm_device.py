"""Writing LLVM IR for a GPU: what has no library of C calls libdevice.

Libdevice is NVIDIA's library of mathematical functions, as LLVM bitcode. It has every function of
libm that kernels call, under C's name with ``__nv_`` in front, for doubles and, with C's ``f``
behind, for floats.
"""

from __future__ import annotations

from kernelgen.llvm_text import PURE, Emitter
from kernelgen.types.table import Scalar

PREFIX = "__nv_"
"""How the names of libdevice's functions begin."""


class DeviceEmitter(Emitter):
    """An emitter whose calls of libm are calls of libdevice."""

    def library_call(self, function: str, t: Scalar, *args: str) -> str:
        """A call of a function of libdevice, which is declared: the linker defines it."""
        symbol = PREFIX + function
        types = ", ".join(t.llvm for _ in args)
        self.declarations[symbol] = f"declare {t.llvm} @{symbol}({types}) {PURE}"
        values = ", ".join(f"{t.llvm} {arg}" for arg in args)
        return self(f"call {self.math_flags}{t.llvm} @{symbol}({values}) {PURE}")
