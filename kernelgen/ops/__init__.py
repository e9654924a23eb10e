"""The ops: importing this package enters all of them into the table."""

from kernelgen.ops import (
    arith,
    compare,
    complex,
    control,
    convert,
    floats,
    math,
    objects,
    tuples,
    ufuncs,
)

__all__ = [
    "arith",
    "compare",
    "complex",
    "control",
    "convert",
    "floats",
    "math",
    "objects",
    "tuples",
    "ufuncs",
]
