"""The scalar types, one row each; everything else about them is derived from the row.

Dates and times have a row each without a unit, of which a row is made for each unit.
"""

from __future__ import annotations

import re
import sys
from typing import Any, NamedTuple

import numpy as np


class Scalar:
    """A scalar type of the kernel language.

    A *weak* type is that of a Python literal, or of a value computed from literals alone:
    combined with a strong type it takes that type (NEP 50). It is held as its default type.

    Calling a type makes a signature, ``float64(float64, int32)``: this type is the result.
    ``datetime64["ns"]`` is the type with that unit, ``float64[:, ::1]`` that of arrays.

    Each row is made once, so a type is equal to itself alone. ``padding`` are bytes behind the
    bits in memory, which mean nothing.
    """

    def __init__(
        self,
        name: str,
        long_name: str,
        kind: str,
        bits: int,
        llvm: str,
        *,
        weak: bool = False,
        aliases: tuple[str, ...] = (),
        padding: int = 0,
    ) -> None:
        self.name = name
        self.long_name = long_name
        self.kind = kind
        self.bits = bits
        self.llvm = llvm
        self.weak = weak
        self.aliases = aliases
        self.padding = padding

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__

    def __call__(self, *inputs: Any) -> Any:
        from kernelgen.types.declared import as_argument, returning
        from kernelgen.types.signature import of_types

        records = any(getattr(t, "kind", "") == "V" for t in (self, *inputs))
        if not records and all(isinstance(t, (Scalar, str, np.dtype, type)) for t in inputs):
            return of_types(inputs, (self,))
        return returning(as_argument(self), inputs)

    def __getitem__(self, unit: Any) -> Any:
        from kernelgen.types.compound import array_of

        if not isinstance(unit, str):
            return array_of(self, unit)
        if not self.is_time:
            raise TypeError(f"{self.long_name} has no units")
        row = named(f"{self.unitless.long_name}[{unit}]")
        if row is None:
            raise TypeError(f"{self.unitless.long_name} has no unit {unit!r}; {UNITS}")
        return row

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _row_named, (self.name,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype that holds values of this type."""
        return np.dtype(self.long_name)

    @property
    def size(self) -> int:
        """Bytes of a value in memory."""
        return max(self.bits // 8, 1) + self.padding

    @property
    def memory(self) -> str:
        """The LLVM type in memory; only bool differs from the one in registers."""
        return "i8" if self.kind == "b" else self.llvm

    @property
    def strong(self) -> Scalar:
        """The type of a value that leaves the kernel: of a weak type, its default."""
        return _STRONG[self.kind] if self.weak else self

    @property
    def is_bool(self) -> bool:
        return self.kind == "b"

    @property
    def is_integer(self) -> bool:
        """Signed or unsigned, not bool."""
        return self.kind in "iu"

    @property
    def is_signed(self) -> bool:
        return self.kind == "i"

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.kind == "c"

    @property
    def is_time(self) -> bool:
        """A date or a duration: a 64-bit count of some unit."""
        return self.kind in "Mm"

    @property
    def unit(self) -> tuple[str, int]:
        """The name of a time's unit and how many of it make one; NumPy's ``generic`` is none."""
        return np.datetime_data(self.dtype)

    @property
    def unitless(self) -> Scalar:
        """What NumPy's DType tells of a type: of times all but the unit."""
        return _UNITLESS.get(self.kind, self)

    def with_unit_of(self, other: Scalar) -> Scalar:
        """This type; of a time without a unit, ``other`` if it is one of that kind."""
        return other if other.unitless is self else self

    @property
    def component(self) -> Scalar:
        """The type of the real part: another one of complex numbers only."""
        return _COMPONENTS.get(self, self)

    @property
    def alignment(self) -> int:
        """Bytes that the address of a value in memory is a multiple of."""
        return self.component.size

    @property
    def minimum(self) -> int:
        """Least integer of an integer type."""
        return -(1 << self.bits - 1) if self.kind == "i" else 0

    @property
    def maximum(self) -> int:
        """Greatest integer of an integer type."""
        return (1 << self.bits - (self.kind == "i")) - 1


def _row_named(name: str) -> Scalar:
    """The row called ``name``: what a pickled type becomes."""
    row = named(name)
    assert row is not None, f"no type is called {name}"
    return row


def _integer(kind: str, bits: int, *aliases: str) -> Scalar:
    long_name = ("int" if kind == "i" else "uint") + str(bits)
    return Scalar(f"{kind}{bits // 8}", long_name, kind, bits, f"i{bits}", aliases=aliases)


BOOL = Scalar("b1", "bool", "b", 1, "i1", aliases=("?", "bool_", "boolean"))
INT8 = _integer("i", 8, "b", "byte")
INT16 = _integer("i", 16, "h", "short")
INT32 = _integer("i", 32, "i", "intc")
INT64 = _integer("i", 64, "q", "longlong", "int_", "int", "intp")
UINT8 = _integer("u", 8, "B", "ubyte")
UINT16 = _integer("u", 16, "H", "ushort")
UINT32 = _integer("u", 32, "I", "uintc")
UINT64 = _integer("u", 64, "Q", "ulonglong", "uint", "uintp")
FLOAT16 = Scalar("f2", "float16", "f", 16, "half", aliases=("e", "half"))
FLOAT32 = Scalar("f4", "float32", "f", 32, "float", aliases=("f", "single"))
FLOAT64 = Scalar("f8", "float64", "f", 64, "double", aliases=("d", "double", "float"))
COMPLEX64 = Scalar("c8", "complex64", "c", 64, "{ float, float }", aliases=("F", "csingle"))
COMPLEX128 = Scalar(
    "c16", "complex128", "c", 128, "{ double, double }", aliases=("D", "cdouble", "complex")
)


def complex_of(real: Any, imag: Any) -> Any:
    """The complex NumPy scalar of two parts of one type, whatever they are."""
    made = np.empty((), np.result_type(real, imag, 1j))
    made.real, made.imag = real, imag
    return made[()]


def bits_of(value: Any, t: Any) -> int:
    """The bits of a NumPy scalar that is no complex number, as an integer.

    ``t`` is its type, or anything else that knows how many bits mean something.
    """
    bits: int = t.bits
    return int.from_bytes(value.tobytes(), sys.byteorder) & (1 << bits) - 1


class _Format(NamedTuple):
    """How C's ``long double`` lies in 16 bytes: LLVM's type, its bits, and those of 1."""

    llvm: str
    bits: int
    one: int


_FORMATS = (
    _Format("x86_fp80", 80, 0x3FFF << 64 | 1 << 63),
    _Format("fp128", 128, 0x3FFF << 112),
)


def _format_of(one: Any) -> _Format | None:
    """The format of ``one``, the number 1; None of those that kernels do not have."""
    return next((f for f in _FORMATS if one.itemsize == 16 and bits_of(one, f) == f.one), None)


def _longdoubles(one: Any) -> tuple[Scalar, Scalar]:
    """The rows of C's ``long double`` and of its complex numbers.

    ``one`` is the number 1. Where that is a double, they are the rows of float64.
    """
    if one.itemsize == FLOAT64.size:
        return FLOAT64, COMPLEX128
    llvm, bits, _ = _format_of(one) or _Format("ppc_fp128", 128, 0)
    size = one.itemsize
    names, of_complex = ("g", f"float{8 * size}"), ("G", f"complex{16 * size}")
    pad = size - bits // 8
    return (
        Scalar(f"f{size}", "longdouble", "f", bits, llvm, aliases=names, padding=pad),
        Scalar(
            f"c{2 * size}",
            "clongdouble",
            "c",
            2 * bits,
            f"{{ {llvm}, {llvm} }}",
            aliases=of_complex,
            padding=2 * pad,
        ),
    )


LONGDOUBLE, CLONGDOUBLE = _longdoubles(np.longdouble(1))

SCALARS = (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    COMPLEX64,
    COMPLEX128,
) + ((LONGDOUBLE, CLONGDOUBLE) if _format_of(np.longdouble(1)) else ())

REFUSED = () if LONGDOUBLE in SCALARS else (LONGDOUBLE, CLONGDOUBLE)
"""Rows of types that this machine has, but kernels have not."""

REFUSAL = "longdouble has 80 or 128 bits in kernels, those of IEEE 754, but others on this machine"

DATETIME = Scalar("M8", "datetime64", "M", 64, "i64", aliases=("M",))
TIMEDELTA = Scalar("m8", "timedelta64", "m", 64, "i64", aliases=("m",))

TIMES = (DATETIME, TIMEDELTA)
"""The rows without a unit. ``datetime64["ns"]`` and ``from_dtype`` make those with one."""

WEAK_BOOL = Scalar("~b1", "bool", "b", 1, "i1", weak=True)
WEAK_INT = Scalar("~i8", "int64", "i", 64, "i64", weak=True)
WEAK_FLOAT = Scalar("~f8", "float64", "f", 64, "double", weak=True)
WEAK_COMPLEX = Scalar("~c16", "complex128", "c", 128, "{ double, double }", weak=True)

WEAK = (WEAK_BOOL, WEAK_INT, WEAK_FLOAT, WEAK_COMPLEX)

ADDRESS = Scalar("address", "address", "p", 64, "ptr")
"""What an array is made of when it is taken apart; no array holds it, no user writes it."""

_STRONG = {"b": BOOL, "i": INT64, "f": FLOAT64, "c": COMPLEX128}
_UNITLESS = {row.kind: row for row in TIMES}
_WITH_UNIT: dict[str, Scalar] = {}
_COMPONENTS = {
    COMPLEX64: FLOAT32,
    COMPLEX128: FLOAT64,
    WEAK_COMPLEX: WEAK_FLOAT,
    CLONGDOUBLE: LONGDOUBLE,
}


def _platform_aliases() -> dict[str, Scalar]:
    """The C types whose widths differ by platform: ``long``, and a ``long double`` of 64 bits."""
    long = np.dtype("l").itemsize
    signed, unsigned = (INT64, UINT64) if long == 8 else (INT32, UINT32)
    names = {"l": signed, "long": signed, "L": unsigned, "ulong": unsigned}
    if LONGDOUBLE is FLOAT64:
        names |= {"g": FLOAT64, "longdouble": FLOAT64, "G": COMPLEX128, "clongdouble": COMPLEX128}
    return names


def _by_name() -> dict[str, Scalar]:
    """All spellings of all types; a spelling that two rows claim is a defect of the table."""
    names = _platform_aliases()
    for row in SCALARS + TIMES + WEAK:
        for name in (row.name, *(() if row.weak else (row.long_name, *row.aliases))):
            if names.setdefault(name, row) is not row:
                raise ValueError(f"types {row} and {names[name]} are both called {name!r}")
    return names


def _with_unit(dtype: np.dtype[Any]) -> Scalar:
    """The row of a time with the unit of ``dtype``, made once."""
    row, name = _UNITLESS[dtype.kind], dtype.str[1:]
    if name == row.name:
        return row
    made = _WITH_UNIT.get(name)
    if made is None:
        unit = name.removeprefix(row.name)
        made = Scalar(name, row.long_name + unit, row.kind, row.bits, row.llvm)
        made = _WITH_UNIT.setdefault(name, made)
    return made


BY_NAME = _by_name()
BY_DTYPE_CHAR = {row.dtype.char: row for row in SCALARS}


def time_of(row: Scalar, ticks: int) -> Any:
    """The NumPy scalar of a time's type that is so many of its units."""
    return np.array(ticks, np.int64).view(row.dtype)[()]


def ticks_of(value: Any) -> int:
    """How many of its units a NumPy scalar of a time's type is; NaT is the least integer."""
    return int(value.view(np.int64))


def value_of(row: Scalar, *parts: int) -> Any:
    """The NumPy scalar with these bits; of a complex type, with those of its two parts."""
    size = row.component.size
    data = b"".join(part.to_bytes(size, sys.byteorder) for part in parts)
    return np.frombuffer(data, row.dtype)[0]


_TIME = r"(?:M8|m8|datetime64|timedelta64)\[(\d*)(?:[YMWDhms]|ms|us|μs|ns|ps|fs|as)\]"
UNITS = "the units are Y, M, W, D, h, m, s, ms, us, ns, ps, fs, as, and multiples such as 25s"


def named(name: str) -> Scalar | None:
    """The row called ``name``, by whichever of its names; of a time with its unit.

    NumPy is asked only about units that it can read: others may end the process.
    """
    match = re.fullmatch(_TIME, name, re.ASCII) if "[" in name else None
    if match is None:
        return BY_NAME.get(name)
    return _with_unit(np.dtype(name)) if 0 < int(match[1] or 1) < 1 << 31 else None


def from_dtype(dtype: np.dtype[Any]) -> Scalar | None:
    """The row that holds values of ``dtype``, in whatever byte order, or None."""
    if dtype.kind in _UNITLESS:
        return _with_unit(dtype) if np.datetime_data(dtype)[1] else None
    row = BY_DTYPE_CHAR.get(dtype.char)
    if row is None and dtype.kind in "iufc":  # two C types of one width: long and long long
        row = BY_NAME.get(f"{dtype.kind}{dtype.itemsize}")
    return row
