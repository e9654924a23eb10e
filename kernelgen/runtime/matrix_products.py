"""Products of large matrices, by the BLAS that NumPy has loaded: native functions.

NumPy's own calls go to the same library, so that there is one pool of threads. If none is found, as
with a NumPy that was built without one, the functions answer false, and code does without.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import NamedTuple

from kernelgen import blas
from kernelgen.types.table import Scalar

_NAMES = (
    ("scipy_cblas_{}gemm64_", 64),
    ("scipy_cblas_{}gemm", 32),
    ("cblas_{}gemm64_", 64),
    ("cblas_{}gemm$NEWLAPACK$ILP64", 64),
    ("cblas_{}gemm", 32),
)
"""How builds of BLAS call the function, and the width of their integers."""

_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112


class _Found(NamedTuple):
    """A function of BLAS."""

    address: int
    width: int


@cache
def _find(letter: str) -> _Found | None:
    """The function for one type, among what NumPy is linked with."""
    library = ctypes.CDLL(import_module("numpy._core._multiarray_umath").__file__)
    for name, width in _NAMES:
        function = getattr(library, name.format(letter), None)
        if function is not None:
            address = ctypes.cast(function, ctypes.c_void_p).value
            return None if address is None else _Found(address, width)
    return None


def _foreign(t: Scalar) -> str:
    return f"kernelgen_foreign_{blas.LETTERS[t]}gemm"


def _definition(t: Scalar) -> str:
    """``c = a @ b``; whether it has been computed.

    The distance between the rows of an operand is that of its columns, negative, if these are
    contiguous.
    """
    head = (
        f"define i1 @{blas.symbol(t)}(ptr %a, i64 %lda, ptr %b, i64 %ldb, ptr %c, "
        "i64 %m, i64 %n, i64 %k) {"
    )
    found = _find(blas.LETTERS[t])
    if found is None:
        return f"{head}\n  ret i1 false\n}}\n"
    integer = f"i{found.width}"
    lines = [head, "  %columns = call i64 @llvm.smax.i64(i64 %n, i64 1)"]
    for name in "ab":
        lines += [
            f"  %back.{name} = icmp slt i64 %ld{name}, 0",
            f"  %how.{name} = select i1 %back.{name}, i32 {_TRANSPOSED}, i32 {_AS_IT_IS}",
            f"  %step.{name} = call i64 @llvm.abs.i64(i64 %ld{name}, i1 false)",
        ]
    sizes = {"m": "%m", "n": "%n", "k": "%k", "a": "%step.a", "b": "%step.b", "c": "%columns"}
    if found.width < 64:
        lines.append("  %all.0 = or i64 0, 0")
        for i, value in enumerate(sizes.values()):
            lines.append(f"  %all.{i + 1} = or i64 %all.{i}, {value}")
        lines += [
            f"  %small = icmp ult i64 %all.{len(sizes)}, {1 << (found.width - 1)}",
            "  br i1 %small, label %compute, label %refuse",
            "refuse:",
            "  ret i1 false",
            "compute:",
        ]
        for name, value in sizes.items():
            lines.append(f"  %narrow.{name} = trunc i64 {value} to {integer}")
            sizes[name] = f"%narrow.{name}"
    one, zero = (_scalar(t, value) for value in (1, 0))
    m, n, k, a, b, c = (f"{integer} {value}" for value in sizes.values())
    lines += [
        f"  call void @{_foreign(t)}(i32 {_ROW_MAJOR}, i32 %how.a, i32 %how.b, {m}, {n}, {k}, "
        f"{one}, ptr %a, {a}, ptr %b, {b}, {zero}, ptr %c, {c})",
        "  ret i1 true",
        "}",
        "",
    ]
    kind = "ptr" if t.is_complex else t.llvm
    declared = (
        f"declare void @{_foreign(t)}(i32, i32, i32, {integer}, {integer}, {integer}, {kind}, "
        f"ptr, {integer}, ptr, {integer}, {kind}, ptr, {integer})\n"
    )
    return declared + _constants(t) + "\n".join(lines)


def _constants(t: Scalar) -> str:
    """Factors of complex numbers are handed over by their addresses."""
    if not t.is_complex:
        return ""
    part = t.component.llvm
    return "".join(
        f"@{_foreign(t)}.{value} = private constant [2 x {part}] [{part} {value}.0, {part} 0.0]\n"
        for value in (1, 0)
    )


def _scalar(t: Scalar, value: int) -> str:
    return f"ptr @{_foreign(t)}.{value}" if t.is_complex else f"{t.llvm} {value}.0"


def source() -> str:
    """The functions for all types."""
    intrinsics = "declare i64 @llvm.smax.i64(i64, i64)\ndeclare i64 @llvm.abs.i64(i64, i1)\n"
    return intrinsics + "".join(map(_definition, blas.LETTERS))


def symbols() -> dict[str, int]:
    """What to link the source with."""
    found = {_foreign(t): _find(letter) for t, letter in blas.LETTERS.items()}
    return {name: each.address for name, each in found.items() if each is not None}
