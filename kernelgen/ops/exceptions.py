"""Exceptions and their text. They exist while compiling only: a raise keeps a template of them.

All that is left of them at run time are the numbers in them; what is made of these is made when
the exception is raised.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from kernelgen.ir.core import Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ir.sequences import defining
from kernelgen.ops.control import constant_type
from kernelgen.ops.objects import call_with_keywords
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Object, Tuple, Type, describe
from kernelgen.types.table import Scalar

TEXT = constant_type("")


def join(*parts: str) -> str:
    """The parts of an f-string, one after the other."""
    return "".join(parts)


def fill(template: str, *args: Any, **named: Any) -> str:
    """``template.format(...)``"""
    return template.format(*args, **named)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "format": format,
    "join_text": join,
    "fill_text": fill,
    "percent_text": operator.mod,
}
"""The ops that make text, and what they call."""

TEXT_OPS = tuple(_FUNCTIONS)

CALLS = (str, repr, ascii, format)
"""Those that users call by name."""


def is_exception_class(value: Any) -> bool:
    """Whether ``value`` is a class whose instances can be raised."""
    return isinstance(value, type) and issubclass(value, BaseException)


def is_text(value: Value) -> bool:
    """Whether ``value`` is known to be a string."""
    definition, constant = value.definition, value.constant
    if constant is not None:
        return isinstance(constant.attrs["value"], str)
    return isinstance(definition, Op) and definition.name in _FUNCTIONS


def template_of(value: Value) -> tuple[Any, list[Value]]:
    """What an exception, or a part of one, is made of, and the values for its slots."""
    definition, t = value.definition, value.type
    if isinstance(definition, Op) and definition.name == "const":
        return _constant(definition.attrs["value"], t), []
    if not isinstance(definition, Op) or definition.name not in _MAKERS:
        assert t is not None
        return Slot(t), [value]
    parts = [template_of(operand) for operand in definition.operands]
    values = [v for _, needed in parts for v in needed]
    return _MAKERS[definition.name](definition, tuple(part for part, _ in parts)), values


def _constant(value: Any, t: Type | None) -> Any:
    """A constant as Python has it: conversions leave weak ones as NumPy's."""
    weak = isinstance(t, Scalar) and t.weak and hasattr(value, "item")
    return value.item() if weak else value


def _made_tuple(op: Op, parts: tuple[Any, ...]) -> Any:
    cls = op.attrs.get("cls")
    return parts if cls is None else Made(cls, parts)


def _made_text(op: Op, parts: tuple[Any, ...]) -> Any:
    return Made(_FUNCTIONS[op.name], parts, op.attrs.get("keywords", ()))


def _made_exception(op: Op, parts: tuple[Any, ...]) -> Any:
    return Raised(op.attrs["cls"], parts, op.attrs["keywords"])


_MAKERS: dict[str, Callable[[Op, tuple[Any, ...]], Any]] = {
    "tuple": _made_tuple,
    "exception": _made_exception,
    **dict.fromkeys(_FUNCTIONS, _made_text),
}

# ------------------------------------------------------------------------------------ rules


def raised_by(value: Value) -> Raised:
    """The exception that ``raise value`` raises, as a template.

    Raises
    ------
    NoRule
        Which one it is, is not known when compiling.
    """
    template, _ = template_of(value)
    if is_exception_class(template):
        return Raised(template)
    if isinstance(template, Raised):
        return template
    if isinstance(value.type, Object) and value.constant is None:
        raise NoRule(
            "which exception is raised here depends on the way taken",
            "raise it on each way by itself",
        )
    raise NoRule("exceptions must derive from BaseException", 'write `raise SomeError("text")`')


def _check_part(value: Value, t: Type) -> None:
    """Raise NoRule if a value cannot be part of an exception."""
    made = defining(value, "tuple")
    if made is not None and isinstance(t, Tuple):
        for operand, element in zip(made.operands, t.elements, strict=True):
            _check_part(operand, element)
    elif isinstance(t, Object) and isinstance(template_of(value)[0], Slot):
        raise NoRule(
            f"this is one of several {'strings' if t == TEXT else 'objects'}, "
            "depending on the way taken",
            "raise the exception on each way by itself",
        )
    elif value.constant is None and not _can_be_filled(t):
        raise NoRule(
            f"an exception cannot be made of {describe(t)}",
            "use numbers, strings, and tuples of them",
        )


def _can_be_filled(t: Type) -> bool:
    if isinstance(t, Tuple):
        return all(map(_can_be_filled, t.elements))
    return isinstance(t, (Scalar, Object)) or t == NONE


def _rule(result: Type) -> Callable[[Op, tuple[Type, ...]], Typed]:
    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        for value, t in zip(op.operands, types, strict=True):
            _check_part(value, t)
        return Typed(types, result)

    return rule


def _exception_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    what = f"the exception {op.attrs['cls'].__name__!r}"
    return _rule(Object(what))(op, types)


def _exception(*args: Any, cls: type, keywords: tuple[str, ...]) -> Any:
    return call_with_keywords(cls, *args, keywords=keywords)


def _fill(*args: Any, keywords: tuple[str, ...]) -> Any:
    return call_with_keywords(fill, *args, keywords=keywords)


define(OpDef("exception", _exception_rule, _exception, never_lowered, halves=True))

for _name, _function in _FUNCTIONS.items():
    _python = _fill if _name == "fill_text" else _function
    define(OpDef(_name, _rule(TEXT), _python, never_lowered, halves=True))
