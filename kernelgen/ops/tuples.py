"""Tuples of known length. ``split_tuples`` removes them all before lowering, but the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.fields import field_of, field_type, fields_of
from kernelgen.ops.indexing import index_param, indexed_type, window_type
from kernelgen.ops.refused import DICT, LIST
from kernelgen.ops.registry import NoRule, OpDef, Typed, Unsupported, define
from kernelgen.types.compound import (
    UNDEFINED,
    Array,
    Element,
    Slice,
    Tuple,
    Type,
    Window,
    describe,
)
from kernelgen.types.join import join
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar


def make_tuple(*values: Any, cls: Any = None) -> Any:
    """The tuple of its arguments, a named one of the class ``cls`` if it is given."""
    return values if cls is None else cls._make(values)


def item(values: Any, index: int) -> Any:
    """One element of a tuple, by a constant index."""
    return values[index]


def unpack(values: Any, count: int, index: int) -> Any:
    """Element ``index`` of a tuple that must have ``count`` elements."""
    if len(values) < count:
        raise ValueError(f"not enough values to unpack (expected {count}, got {len(values)})")
    if len(values) > count:
        raise ValueError(f"too many values to unpack (expected {count})")
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
    if isinstance(types[0], Array):
        return Typed(types, indexed_type(types[0], WEAK_INT))
    if isinstance(types[0], Element):
        return Typed(types, field_type(types[0], field_of(types[0].record, op.attrs["index"])[1]))
    if isinstance(types[0], Window):
        return Typed(types, window_type(types[0], WEAK_INT))
    elements = _elements("cannot be indexed in a scalar kernel", types[0])
    index = op.attrs["index"]
    if not -len(elements) <= index < len(elements):
        raise NoRule(f"a tuple of {len(elements)} elements has none at index {index}")
    return Typed(types, elements[index])


def _unpack_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if isinstance(types[0], Array):
        return Typed(types, indexed_type(types[0], WEAK_INT))
    if isinstance(types[0], Element):
        elements = fields_of(types[0])
    else:
        elements = _elements("cannot be unpacked", types[0])
    count = op.attrs["count"]
    if len(elements) != count:
        raise NoRule(f"cannot unpack {len(elements)} values into {count} names")
    return Typed(types, elements[op.attrs["index"]])


define(OpDef("tuple", _make_rule, make_tuple, never_lowered, halves=True))
define(OpDef("item", _item_rule, item, never_lowered))
define(OpDef("unpack", _unpack_rule, unpack, never_lowered))


def _choose_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, types[1])


def _choose(condition: Any, value: Any, other: Any) -> Any:
    """One of two values of one type, of which an index means the first."""
    return value if condition else other


def _lower_choose(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.value.type
    return e.select(args[0], t, *args[1:]) if isinstance(t, Scalar) else args[1]


define(OpDef("choose", _choose_rule, _choose, _lower_choose, carries=True))


def subscript_rule(elements: tuple[Type, ...], index: Type) -> Typed:
    """The rule of ``values[index]`` of a tuple, whose elements have one type then.

    Raises
    ------
    NoRule
        The index is none, or the elements have no type in common.
    """
    if isinstance(index, Slice):
        raise NoRule("the bounds of a slice of a tuple must be constants", "loop over range(n)")
    if not isinstance(index, Scalar) or not (index.is_integer or index == WEAK_BOOL):
        raise NoRule(f"a tuple cannot be indexed by {describe(index)}", "write int(i)")
    if not elements:
        raise NoRule("an empty tuple has no elements")
    common = join(*elements)
    if common is None or common == UNDEFINED:
        kinds = " and ".join(dict.fromkeys(map(describe, elements)))
        raise NoRule(
            f"the index of a tuple of {kinds} must be a constant: its elements have no common type",
            "use `if` and `elif`",
        )
    return Typed((Tuple((common,) * len(elements)), index_param(index)), common)


# Of these none is left if the lengths of the tuples are known, which is before inference.


def unpack_starred(values: Any, before: int, after: int, index: int) -> Any:
    """Name ``index`` of ``a, *b, c = values``, with ``after`` names behind the starred one."""
    end = len(values) - after
    return [*values[:before], values[before:end], *values[end:]][index]


def contains(value: Any, values: Any) -> bool:
    """``value in values``"""
    return value in values


def _unknown(what: str) -> Callable[[Op, tuple[Type, ...]], Typed]:
    """The rule of an op for which no tuple of known length was found."""

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        other = next((t for t in types[::-1] if not isinstance(t, Scalar)), types[-1])
        raise NoRule(f"{what} needs a tuple of known length, not {describe(other)}")

    return rule


def _starred_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    names = op.attrs["before"] + op.attrs["after"]
    if isinstance(types[0], Tuple) and len(types[0].elements) < names:
        count = len(types[0].elements)
        raise NoRule(f"cannot unpack {count} values into {names} names and a starred one")
    return _unknown("`*` in an assignment")(op, types)


define(OpDef("unpack_starred", _starred_rule, unpack_starred, never_lowered))
define(OpDef("contains", _unknown("`in`"), contains, never_lowered))

# Displays with `*` and calls with it are made of lists, which have no other use.


def _list_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    raise Unsupported(*LIST)


def _dict_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    raise Unsupported(*DICT)


def _extended(values: list[Any], more: Any) -> list[Any]:
    return [*values, *more]


def _appended(values: list[Any], value: Any) -> list[Any]:
    return [*values, value]


def _dict(*values: Any, keys: tuple[Any, ...]) -> dict[Any, Any]:
    return dict(zip(keys, values, strict=True))


define(OpDef("list", _list_rule, lambda *values: list(values), never_lowered))
define(OpDef("list_append", _list_rule, _appended, never_lowered))
define(OpDef("list_extend", _unknown("`*`"), _extended, never_lowered))
define(OpDef("list_to_tuple", _unknown("`*`"), tuple, never_lowered))
define(OpDef("dict", _dict_rule, _dict, never_lowered))
define(OpDef("zip", _unknown("zip()"), zip, never_lowered))
