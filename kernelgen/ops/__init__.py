"""The ops: importing this package enters all of them into the table."""

from kernelgen.ops import (
    arith,
    calls,
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
    times,
    tuples,
    ufuncs,
)

__all__ = [
    "arith",
    "calls",
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
    "times",
    "tuples",
    "ufuncs",
]
