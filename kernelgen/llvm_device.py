"""Writing LLVM IR for a GPU: what has no library of C calls libdevice, and threads work together.

Libdevice is NVIDIA's library of mathematical functions, as LLVM bitcode. It has every function of
libm that kernels call, under C's name with ``__nv_`` in front, for doubles and, with C's ``f``
behind, for floats.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelgen.llvm_grid import GridEmitter, signed_word
from kernelgen.llvm_text import PURE
from kernelgen.source import Loc
from kernelgen.types.table import Scalar

PREFIX = "__nv_"
"""How the names of libdevice's functions begin."""

_DYNAMIC = "kernelgen_dynamic_shared"
_SHUFFLES = {"idx": ("idx", 31), "up": ("up", 0), "down": ("down", 31), "xor": ("bfly", 31)}
"""LLVM's names, and the lane that bounds what is read."""


_BLOCK = {"x": 1024, "y": 1024, "z": 64}
_GRID = {"x": (1 << 31) - 1, "y": (1 << 16) - 1, "z": (1 << 16) - 1}

_BOUNDS: dict[str, Callable[[str], tuple[int, int]]] = {
    "tid": lambda axis: (0, _BLOCK[axis]),
    "ntid": lambda axis: (1, _BLOCK[axis] + 1),
    "ctaid": lambda axis: (0, _GRID[axis]),
    "nctaid": lambda axis: (1, _GRID[axis] + 1),
    "laneid": lambda axis: (0, 32),
}
"""The least value of registers, and the first that they never have, on every architecture. (NVIDIA,
"CUDA C++ Programming Guide", Compute Capabilities.)"""


class DeviceEmitter(GridEmitter):
    """An emitter whose calls of libm are calls of libdevice."""

    scope = 'syncscope("device") '

    def library_call(self, function: str, t: Scalar, *args: str) -> str:
        """A call of a function of libdevice, which is declared: the linker defines it."""
        symbol = PREFIX + function
        types = ", ".join(t.llvm for _ in args)
        self.declarations[symbol] = f"declare {t.llvm} @{symbol}({types}) {PURE}"
        values = ", ".join(f"{t.llvm} {arg}" for arg in args)
        return self(f"call {self.math_flags}{t.llvm} @{symbol}({values}) {PURE}")

    def register(self, name: str) -> str:
        """Read a special register, of which is said between which numbers it is."""
        kind, _, axis = name.partition(".")
        low, high = _BOUNDS[kind](axis) if kind in _BOUNDS else (0, 1 << 31)
        call = self._intrinsic("i32", f"read.ptx.sreg.{name}")
        return self(call.replace("call ", f"call range(i32 {low}, {signed_word(high)}) ", 1))

    def barrier(self, loc: Loc | None) -> None:
        """Wait at the block's barrier."""
        self.lines.append(f"  {self._intrinsic('void', 'barrier0')}")

    def warp_barrier(self, mask: str, loc: Loc | None) -> None:
        """Wait for threads of the warp."""
        self.lines.append(f"  {self._intrinsic('void', 'bar.warp.sync', f'i32 {mask}')}")

    def shared(self, t: Scalar, count: int) -> str:
        """A variable in the address space of blocks."""
        name = f"@kernelgen_shared{len(self.declarations)}"
        memory = f"internal addrspace(3) global [{max(count, 1) * t.size} x i8] undef"
        self.declarations[name] = f"{name} = {memory}, align 16"
        return self(f"addrspacecast ptr addrspace(3) {name} to ptr")

    def dynamic_shared(self) -> tuple[str, str]:
        """The array of unknown length that all such variables are, and the register of its size."""
        memory = "external addrspace(3) global [0 x i8], align 16"
        self.declarations[_DYNAMIC] = f"@{_DYNAMIC} = {memory}"
        address = self(f"addrspacecast ptr addrspace(3) @{_DYNAMIC} to ptr")
        return address, self(f"zext i32 {self.register('dynamic_smem_size')} to i64")

    def shuffle(self, kind: str, mask: str, value: str, lane: str, loc: Loc | None) -> str:
        """Exchange a word."""
        name, bound = _SHUFFLES[kind]
        words = (f"i32 {word}" for word in (mask, value, lane, str(bound)))
        return self(self._intrinsic("i32", f"shfl.sync.{name}.i32", *words))

    def vote(self, kind: str, mask: str, predicate: str, loc: Loc | None) -> str:
        """Ask the warp."""
        result = "i32" if kind == "ballot" else "i1"
        return self(self._intrinsic(result, f"vote.{kind}.sync", f"i32 {mask}", f"i1 {predicate}"))

    def _intrinsic(self, result: str, name: str, *args: str) -> str:
        """The call of one of LLVM's intrinsics for NVIDIA's GPUs, which is declared."""
        symbol = f"llvm.nvvm.{name}"
        types = ", ".join(arg.split()[0] for arg in args)
        self.declarations[symbol] = f"declare {result} @{symbol}({types})"
        return f"call {result} @{symbol}({', '.join(args)})"
