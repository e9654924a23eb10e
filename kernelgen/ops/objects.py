"""Ops on values that exist only while compiling: attributes, calls, items by a computed index.

Those whose operands are constants are resolved before inference. One that is left has no
type, and its rule says why.
"""

from __future__ import annotations

import operator
from typing import Any

from kernelgen.ir.core import Op
from kernelgen.ops.arrays import attribute_type, subscript_rule
from kernelgen.ops.control import constant_type
from kernelgen.ops.fields import attribute_field, field_type, named_by
from kernelgen.ops.indexing import window_type
from kernelgen.ops.methods import COMPUTED, attribute_rule, check_member
from kernelgen.ops.refused import DICT, refusal
from kernelgen.ops.registry import NoRule, OpDef, Typed, Unsupported, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.ops.tuples import subscript_rule as tuple_rule
from kernelgen.ops.windows import attribute_of
from kernelgen.types.compound import (
    GENERATOR,
    Array,
    Element,
    Object,
    Tuple,
    Type,
    Window,
    describe,
)
from kernelgen.types.table import WEAK_INT, Scalar


def _attr_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    name = op.attrs["name"]
    if isinstance(types[0], (Array, Element)):
        named = attribute_field(types[0], name)
        if named is not None:
            return Typed(types, field_type(types[0], named[1]))
    if isinstance(types[0], Array):
        return Typed(types, attribute_type(types[0], name))
    if isinstance(types[0], Window):
        return Typed(types, attribute_of(types[0], name))
    if isinstance(types[0], Scalar):
        return attribute_rule(op, types[0])
    if isinstance(types[0], Tuple):
        raise NoRule(f"the attribute {name!r} of {describe(types[0])} cannot be used in a kernel")
    if types[0] == constant_type(""):
        raise NoRule(
            f"the attribute {name!r} of a string cannot be used in a kernel",
            "a string is only the text of an exception: use an f-string",
        )
    if types[0] == GENERATOR:
        check_member(types[0], name)
        raise NoRule(
            f"the method {name!r} of a Generator can be called in a kernel, but not handed on"
        )
    raise NoRule(f"{describe(types[0])} has no attribute {name!r}")


def _attr(value: Any, name: str) -> Any:
    return getattr(value, name)


def _computed(op: Op) -> str:
    return COMPUTED[op.attrs["name"]]


def _call_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    callee, constant = types[0], op.operands[0].constant
    if constant is not None and constant.attrs["value"] is len and is_array_call(types):
        return Typed((None, None), WEAK_INT)
    refused = None if constant is None else refusal(constant.attrs["value"])
    if refused is not None:
        raise NoRule(*refused)
    if constant is not None and any(constant.attrs["value"] is f for f in (min, max)):
        raise NoRule(
            f"{constant.attrs['value'].__name__}() needs two or more numbers in a kernel, "
            "or a sequence that it can go over",
            "of keywords, there is `default=` for a generator or range",
        )
    if constant is not None and any(constant.attrs["value"] is f for f in _ON_SEQUENCES):
        name = constant.attrs["value"].__name__
        raise NoRule(
            f"{name}() needs tuples of known length or ranges in a kernel",
            "a tuple and a range go together if the range is between constants",
        )
    if isinstance(callee, Object) and constant is None:
        raise NoRule(
            "the function that is called here is chosen while the kernel runs",
            "call each of the functions in a branch of its own",
        )
    if isinstance(callee, Object):
        raise NoRule(
            f"{describe(callee)} cannot be called in a kernel",
            "call functions of `math`, ufuncs of NumPy, abs, min, max, round, int, float, bool, "
            "range, or plain Python functions",
        )
    raise NoRule(f"{describe(callee)} cannot be called")


def is_array_call(types: tuple[Type, ...]) -> bool:
    """Whether a function is called with one array that has a length, or with a record."""
    if len(types) == 2 and isinstance(types[1], Array):
        return types[1].ndim > 0
    return len(types) == 2 and isinstance(types[1], (Element, Window))


_ON_SEQUENCES = (len, tuple, reversed, enumerate, zip)


def call_with_keywords(function: Any, *args: Any, keywords: tuple[str, ...]) -> Any:
    split = len(args) - len(keywords)
    return function(*args[:split], **dict(zip(keywords, args[split:], strict=True)))


def _starred_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if len(types) > 2:
        raise Unsupported(*DICT)
    raise NoRule(f"`*` in a call needs a tuple of known length, not {describe(types[1])}")


def _call_starred(function: Any, values: Any, by_name: Any = None) -> Any:
    return function(*values, **(by_name or {}))


def _subscript_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if isinstance(types[0], (Array, Element)):
        named = named_by(types[0], op.operands[1])
        if named is not None:
            return Typed((None, None), field_type(types[0], named[1]))
    if isinstance(types[0], Array):
        return subscript_rule(types[0], types[1])
    if isinstance(types[0], Window):
        return Typed((None, None), window_type(types[0], types[1]))
    if isinstance(types[0], Tuple):
        return tuple_rule(types[0].elements, types[1])
    raise NoRule(f"{describe(types[0])} cannot be indexed in a scalar kernel", _no_items(types[0]))


def _no_items(t: Type) -> str:
    if isinstance(t, Scalar):
        return "the kernel is called for each element: its arguments are numbers, not arrays"
    if t == constant_type(""):
        return "a string is only the text of an exception"
    return "a constant table is a tuple of numbers, or a NumPy array of them"


def _class_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    raise NoRule(f"the class of {describe(types[0])} is not known when the kernel is compiled")


define(OpDef("class_of", _class_rule, type, never_lowered))
define(OpDef("attr", _attr_rule, _attr, never_lowered, expand=_computed))
define(OpDef("call", _call_rule, call_with_keywords, never_lowered))
define(OpDef("call_starred", _starred_rule, _call_starred, never_lowered))
define(OpDef("subscript", _subscript_rule, operator.getitem, never_lowered))
