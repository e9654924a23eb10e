"""Tell a function what is known of its arguments beyond their types.

Before: untyped SSA as built. After: a parameter that is a function or a string is a constant, one
that is a tuple is made of its elements in the entry, so that those of them are, and its fields have
names. The parameters stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelgen.ir.core import Function, Op, Value, const
from kernelgen.ir.sequences import defining
from kernelgen.ops.control import constant_type
from kernelgen.types.arguments import Argument, Constant, Group
from kernelgen.types.compound import Object, Tuple, Type

One = Constant | Group | None
Known = tuple[One, ...]
"""For each argument what is known of it: the constant, or of a tuple the same of its elements."""


def known_of(values: Sequence[Value]) -> Known:
    """What is known of values of untyped SSA."""
    return tuple(map(_known, values))


def _known(value: Value) -> One:
    if value.constant is not None:
        found = value.constant.attrs["value"]
        return Constant(found) if isinstance(constant_type(found), Object) else None
    made = defining(value, "tuple")
    if made is None:
        return None
    return Group(known_of(made.operands), made.attrs.get("cls", tuple))


def known_of_arguments(arguments: Sequence[Argument]) -> Known:
    """What is known of the arguments of a call."""
    return tuple(
        Group(known_of_arguments(each.elements), each.cls)
        if isinstance(each, Group)
        else each
        if isinstance(each, Constant) and each.value is not None
        else None
        for each in arguments
    )


def type_of_argument(argument: Argument) -> Type:
    """The type in the IR of what a call is given."""
    if isinstance(argument, Group):
        return Tuple(tuple(map(type_of_argument, argument.elements)))
    return constant_type(argument.value) if isinstance(argument, Constant) else argument


def know_arguments(function: Function, known: Known) -> None:
    """Apply the pass to a function of whose parameters this is known."""
    made: list[Op] = []
    replaced = {
        param: _made(function, param, each, made)
        for param, each in zip(function.params, known, strict=True)
        if each is not None
    }
    function.substitute(replaced)
    function.entry.ops[:0] = made


def _made(function: Function, value: Value, known: One, made: list[Op]) -> Value:
    """What stands for ``value``; the ops that it takes are appended to ``made``."""
    if known is None:
        return value
    if isinstance(known, Constant):
        op = const(known.value, function.loc)
    else:
        parts = []
        for i, each in enumerate(known.elements):
            if isinstance(each, Constant):
                parts.append(_made(function, value, each, made))
                continue
            made.append(Op("item", [value], {"index": i}, function.loc))
            parts.append(_made(function, made[-1].value, each, made))
        attrs = {} if known.cls is tuple else {"cls": known.cls}
        op = Op("tuple", parts, attrs, function.loc)
    op.value.hint = value.hint
    made.append(op)
    return op.value
