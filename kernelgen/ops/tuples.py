"""Tuples of known length. ``split_tuples`` removes them all before lowering, but the result."""

from __future__ import annotations

from typing import Any

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.types.compound import Tuple, Type, describe
from kernelgen.types.table import Scalar


def make_tuple(*values: Any) -> tuple[Any, ...]:
    """The tuple of its arguments."""
    return values


def item(values: Any, index: int) -> Any:
    """One element of a tuple, by a constant index."""
    return values[index]


def unpack(values: Any, count: int, index: int) -> Any:
    """Element ``index`` of a tuple that must have ``count`` elements."""
    if len(values) != count:
        raise ValueError(f"cannot unpack {len(values)} values into {count} names")
    return values[index]


def never_lowered(e: Emitter, op: Op, args: list[str]) -> str:
    """The lowering of an op that no typed function has any more when it is lowered."""
    raise AssertionError(f"the op {op.name} reached lowering")


_ONE_BY_ONE = "the kernel is called for each element: its arguments are numbers, not arrays"


def _elements(what: str, t: Type) -> tuple[Type, ...]:
    if not isinstance(t, Tuple):
        raise NoRule(f"{describe(t)} {what}", _ONE_BY_ONE if isinstance(t, Scalar) else None)
    return t.elements


def _make_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, Tuple(types))


def _item_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    elements = _elements("cannot be indexed in a scalar kernel", types[0])
    index = op.attrs["index"]
    if not -len(elements) <= index < len(elements):
        raise NoRule(f"a tuple of {len(elements)} elements has none at index {index}")
    return Typed(types, elements[index])


def _unpack_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    elements = _elements("cannot be unpacked", types[0])
    count = op.attrs["count"]
    if len(elements) != count:
        raise NoRule(f"cannot unpack {len(elements)} values into {count} names")
    return Typed(types, elements[op.attrs["index"]])


define(OpDef("tuple", _make_rule, make_tuple, never_lowered, halves=True))
define(OpDef("item", _item_rule, item, never_lowered))
define(OpDef("unpack", _unpack_rule, unpack, never_lowered))
