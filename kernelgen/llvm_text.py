"""Writing LLVM IR as text: temporaries, declarations, literals, external calls.

Text parses in well under a millisecond, needs no builder library, and lets every attribute
of the language be used.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from kernelgen.errors import InternalError
from kernelgen.source import Loc
from kernelgen.types.table import Scalar, bits_of, ticks_of

PURE = "nounwind willreturn memory(none)"
"""Attributes of functions that only compute: they may be hoisted, dropped, vectorised."""

FAST = "reassoc nsz arcp contract afn"
"""What ``fastmath=True`` means: everything but the promise that nan and inf do not occur."""


class VectorVersion(Protocol):
    """A vector version of a scalar function."""

    @property
    def symbol(self) -> str: ...
    @property
    def lanes(self) -> int: ...


VectorVersions = Callable[[str, Scalar, int], Sequence[VectorVersion]]
"""``versions(function, type, arity)``: what a vector library has of a libm function."""


def no_versions(function: str, t: Scalar, arity: int) -> Sequence[VectorVersion]:
    """The vector versions of a machine without a vector library."""
    return ()


def _never(resumed: str) -> None:
    """What pauses a function is where the function is lowered."""
    raise InternalError("nothing is being lowered")


def libm_symbol(function: str, t: Scalar) -> str:
    """The name of a function of libm for values of type ``t``: that of doubles, with C's letter."""
    return function + {32: "f", 64: ""}.get(t.bits, "l")


_TABLE = "table "
"""How the keys of constant memory begin, among the declarations."""

_LINE = 16
"""Constant memory begins where a vector may."""


_MISTAKEN = frozenset(("fmod", "fmodf", "fmodl"))
"""What LLVM must not know by name: of a finite x it takes fmod(x, nan) for undefined behaviour."""


class Emitter:
    """Collects the instructions of one LLVM function, and what they declare.

    ``frame`` reserves memory where the function begins. ``kept`` are functions that are declared
    for the loop vectoriser to call, ``attribute`` is what functions with these instructions are
    marked with. ``hidden`` are parameters that kernels have behind their own, ``places`` are those
    of the source that instructions refer to by their numbers, from 1 on. ``objects`` are those
    whose addresses are linked in, by symbol.
    """

    attribute = ""
    hidden: tuple[str, ...] = ()

    def __init__(self, math_flags: str = "", versions: VectorVersions = no_versions) -> None:
        self.lines: list[str] = []
        self.frame: list[str] = []
        self.declarations: dict[str, str] = {}
        self.kept: list[str] = []
        self.places: list[Loc | None] = []
        self.pause: Callable[[str], None] = _never
        self.objects: dict[str, Any] = {}
        self.versions = versions
        self.math_flags = f"{math_flags} " if math_flags else ""
        self._count = 0

    def __call__(self, instruction: str) -> str:
        """Append an instruction that has a result; its name is returned."""
        self._count += 1
        name = f"%t{self._count}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def reserve(self, t: Scalar, count: int) -> str:
        """The address of memory for so many values, which is there while the function runs."""
        self._count += 1
        name = f"%t{self._count}"
        size = f"[{count * t.size} x i8]"
        self.frame.append(f"  {name} = alloca {size}, align {max(t.alignment, _LINE)}")
        return name

    def place(self, loc: Loc | None) -> int:
        """The number of a place of the source."""
        if loc not in self.places:
            self.places.append(loc)
        return self.places.index(loc) + 1

    def float_op(self, opcode: str, t: Scalar, *args: str) -> str:
        """A floating point instruction, under the function's fast-math flags."""
        return self(f"{opcode} {self.math_flags}{t.llvm} {', '.join(args)}")

    def call(self, function: str, result: Scalar, *args: tuple[Scalar, str]) -> str:
        """A call of a pure external function or intrinsic, which is declared as well."""
        types = ", ".join(t.llvm for t, _ in args)
        self.declarations[function] = f"declare {result.llvm} @{function}({types}) {PURE}"
        flags = self.math_flags if result.is_float else ""
        values = ", ".join(f"{t.llvm} {value}" for t, value in args)
        return self(f"call {flags}{result.llvm} @{function}({values}) {PURE}")

    def library_call(self, function: str, t: Scalar, *args: str) -> str:
        """A call of a function of libm, which the loop vectoriser may make a vector call.

        The attribute is the one that compilers put on functions declared ``simd``.
        """
        types = ", ".join(t.llvm for _ in args)
        self.declarations[function] = f"declare {t.llvm} @{function}({types}) {PURE}"
        variants = []
        for version in self.versions(function, t, len(args)):
            vector = f"<{version.lanes} x {t.llvm}>"
            vectors = ", ".join(vector for _ in args)
            self.declarations[version.symbol] = (
                f"declare {vector} @{version.symbol}({vectors}) {PURE}"
            )
            self.kept.append(version.symbol)
            shape = f"_ZGV_LLVM_N{version.lanes}{'v' * len(args)}_{function}"
            variants.append(f"{shape}({version.symbol})")
        known = " nobuiltin" if function in _MISTAKEN else ""
        mark = f' "vector-function-abi-variant"="{",".join(variants)}"' if variants else ""
        values = ", ".join(f"{t.llvm} {arg}" for arg in args)
        return self(f"call {self.math_flags}{t.llvm} @{function}({values}) {PURE}{known}{mark}")

    def table(self, t: Scalar, values: Sequence[Any]) -> str:
        """The address of constant memory that holds ``values``; equal ones are there once."""
        texts = [f"{t.memory} {int(v) if t.is_bool else literal(t, v)}" for v in values]
        text = f"[{len(texts)} x {t.memory}] [{', '.join(texts)}]"
        number = sum(key.startswith(_TABLE) for key in self.declarations)
        start = f"@kernelgen_table{number} = private unnamed_addr constant"
        declared = f"{start} {text}, align {max(t.alignment, _LINE)}"
        found = self.declarations.setdefault(_TABLE + text, declared)
        return found.partition(" ")[0]

    def object(self, value: Any) -> str:
        """The symbol of an object of Python, which the linker finds in ``objects``."""
        known = (symbol for symbol, other in self.objects.items() if other is value)
        found = next(known, f"kernelgen_constant_{len(self.objects)}")
        self.objects[found] = value
        self.declarations[found] = f"@{found} = external global i8"
        return found

    def signal_division_by_zero(self, condition: str) -> None:
        """Where floating point exceptions count, raise that of a division of integers."""

    def signal_overflow(self, condition: str) -> None:
        """Where floating point exceptions count, raise that of an overflow of integers."""

    def touched(self, t: Scalar, address: str, access: str, loc: Loc | None) -> None:
        """Where accesses to memory are watched, look at this one: "read", "write", "atomic"."""

    def complex(self, t: Scalar, real: str, imag: str) -> str:
        """A complex number of its parts."""
        part = t.component.llvm
        half = self(f"insertvalue {t.llvm} undef, {part} {real}, 0")
        return self(f"insertvalue {t.llvm} {half}, {part} {imag}, 1")

    def select(self, condition: str, t: Scalar, yes: str, no: str) -> str:
        """``yes if condition else no``."""
        return self(f"select i1 {condition}, {t.llvm} {yes}, {t.llvm} {no}")


_HEXADECIMAL: dict[str, Callable[[int], str]] = {
    "x86_fp80": lambda bits: f"0xK{bits:020X}",
    "fp128": lambda bits: f"0xL{bits & (1 << 64) - 1:016X}{bits >> 64:016X}",
}
"""How LLVM writes the bits of its wide floats."""


def literal(t: Scalar, value: Any) -> str:
    """A constant of type ``t`` as LLVM writes it; floats exactly, by their bits."""
    if t.kind == "V":
        return 'c"' + "".join(rf"\{byte:02X}" for byte in value.tobytes()) + '"'
    if t.is_bool:
        return "true" if value else "false"
    if t.is_integer:
        return str(int(value))
    if t.is_time:
        return str(ticks_of(value))
    if t.is_complex:
        parts = (literal(t.component, part) for part in (value.real, value.imag))
        return "{ " + ", ".join(f"{t.component.llvm} {part}" for part in parts) + " }"
    if t.bits == 16:
        return f"0xH{struct.unpack('<H', struct.pack('<e', float(value)))[0]:04X}"
    if t.llvm in _HEXADECIMAL:
        return _HEXADECIMAL[t.llvm](bits_of(t.dtype.type(value), t))
    bits = struct.unpack("<Q", struct.pack("<d", float(value)))[0]
    return f"0x{bits:016X}"


def zero(t: Scalar) -> str:
    """The zero of type ``t``."""
    if t.kind == "p":
        return "null"
    return "0" if t.is_time else literal(t, 0)
