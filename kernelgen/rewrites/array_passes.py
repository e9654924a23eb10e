"""The passes that only functions with arrays, tuples or records need, loaded when there is one.

They are named here as the others are; what applies one of them has its module loaded first.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from kernelgen.ir.core import Function, Value
from kernelgen.ops.shapes import ARRANGED
from kernelgen.types.compound import RANGE, RANGE_ITERATOR, components


def _later(name: str, ranges: bool = False) -> Callable[[Function], None]:
    """The pass of the module ``name``, which is loaded when a function needs it."""

    def apply(function: Function) -> None:
        found = any(_is_compound(v, ranges) for v in function.values())
        if found or any(op.name in _NEED for op in function.ops()):
            getattr(import_module(f"kernelgen.rewrites.{name}"), name)(function)

    apply.__name__ = name
    return apply


_NEED = frozenset(("call_ufunc", "keep", *ARRANGED))
"""Ops on numbers that these passes replace or remove as well."""


def _is_compound(value: Value, ranges: bool) -> bool:
    """Whether a value has parts. Ranges, which loops over numbers have, are asked for or not."""
    if value.type in (RANGE, RANGE_ITERATOR):
        return ranges
    return components(value.type) is not None


resolve_arrays = _later("resolve_arrays")
loop_cores = _later("loop_cores")
fuse_products = _later("fuse_products")
fuse_arrays = _later("fuse_arrays")
count_references = _later("count_references")
split_tuples = _later("split_tuples", ranges=True)
