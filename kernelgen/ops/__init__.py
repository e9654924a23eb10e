"""The ops: importing this package enters all of them into the table."""

from kernelgen.ops import arith, casts, compare, control, convert, math, objects, tuples

__all__ = ["arith", "casts", "compare", "control", "convert", "math", "objects", "tuples"]
