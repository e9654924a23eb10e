"""The ops: importing this package enters all of them into the table."""

from kernelgen.ops import (
    arith,
    casts,
    compare,
    complex,
    control,
    convert,
    exceptions,
    floats,
    functions,
    math,
    objects,
    tuples,
    ufuncs,
)

__all__ = [
    "arith",
    "casts",
    "compare",
    "complex",
    "control",
    "convert",
    "exceptions",
    "floats",
    "functions",
    "math",
    "objects",
    "tuples",
    "ufuncs",
]
