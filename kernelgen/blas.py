"""The native functions that multiply matrices; ``runtime/matrix_products.py`` has them."""

from __future__ import annotations

from kernelgen.types.table import COMPLEX64, COMPLEX128, FLOAT32, FLOAT64, Scalar

LETTERS = {FLOAT32: "s", FLOAT64: "d", COMPLEX64: "c", COMPLEX128: "z"}
"""The types that BLAS computes with, and what its names begin with."""


def symbol(t: Scalar) -> str:
    """The name of the function for matrices of ``t``."""
    return f"kernelgen_{LETTERS[t]}gemm"


DECLARED = {
    symbol(t): f"declare i1 @{symbol(t)}(ptr, i64, ptr, i64, ptr, i64, i64, i64) "
    "nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)"
    for t in LETTERS
}
"""Their declarations, by symbol."""
