"""What is known of tuples and ranges before inference: their lengths and their elements."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Block, Op, Value
from kernelgen.types.constants import type_of_array

DISPLAYS = ("tuple", "list")
"""The ops that put values together. Nothing in a kernel changes a list."""


def put(block: Block, before: Op, name: str, *operands: Value, **attrs: Any) -> Value:
    """Insert an op in front of another, at the same place of the source; its result."""
    new = Op(name, operands, attrs, before.loc)
    block.ops.insert(block.ops.index(before), new)
    return new.value


def defining(value: Value, *names: str) -> Op | None:
    """The op that defines ``value``, if it is one of those called ``names``."""
    op = value.definition
    return op if isinstance(op, Op) and op.name in names else None


def length(value: Value) -> int | None:
    """The length of a tuple or list, None if ``value`` is not known to be one."""
    made = defining(value, *DISPLAYS)
    if made is not None:
        return len(made.operands)
    constant = _constant_elements(value)
    return _row_length(value) if constant is None else len(constant)


def elements(value: Value, block: Block, before: Op) -> list[Value] | None:
    """The elements of a tuple or list; those of a constant are made in front of ``before``."""
    made = defining(value, *DISPLAYS)
    if made is not None:
        return list(made.operands)
    constant = _constant_elements(value)
    if constant is not None:
        return [put(block, before, "const", value=each) for each in constant]
    count = _row_length(value)
    if count is None:
        return None
    return [put(block, before, "item", value, index=i) for i in range(count)]


def length_of_any(value: Value) -> int | None:
    """The length of a tuple, of a constant array, or of a range between constants."""
    values = _constant_sequence(value)
    return length(value) if values is None else len(values)


def elements_of_any(value: Value, block: Block, before: Op) -> list[Value] | None:
    """The elements of a tuple, of a constant array, or of a range between constants."""
    values = _constant_sequence(value)
    if values is None:
        return elements(value, block, before)
    return [put(block, before, "const", value=each) for each in values]


def constant_array(value: Value) -> Any:
    """An array that is a constant of the kernel and can be iterated over, else None."""
    found = None if value.constant is None else value.constant.attrs["value"]
    if not isinstance(found, np.ndarray) or found.ndim == 0 or type_of_array(found) is None:
        return None
    return found


def named_tuple_class(value: Value) -> Any:
    """The class of a named tuple that the kernel makes, or chooses by an index, else None."""
    made = defining(value, "tuple")
    if made is not None:
        return made.attrs.get("cls")
    return _common([row.cls for row in _rows(value)])


class _Row(NamedTuple):
    """What is known of one of the tuples of which an index chooses one."""

    length: int | None
    cls: Any


def _rows(value: Value) -> list[_Row]:
    """The tuples of which ``value`` is one, by an index that is computed."""
    chosen = defining(value, "subscript")
    if chosen is None or chosen.operands[1].constant is not None:
        return []
    values = chosen.operands[0]
    made = defining(values, "tuple")
    if made is not None:
        return [_Row(length(v), named_tuple_class(v)) for v in made.operands]
    constant = _constant_elements(values)
    if constant is not None:
        return [_row_of_constant(each) for each in constant]
    return []


def _row_of_constant(value: Any) -> _Row:
    if not isinstance(value, tuple):
        return _Row(None, None)
    return _Row(len(value), type(value) if hasattr(value, "_fields") else None)


def _row_length(value: Value) -> int | None:
    """The length of a tuple that is one of several of that length."""
    found: int | None = _common([row.length for row in _rows(value)])
    return found


def _common(values: list[Any]) -> Any:
    """What all values are, None if they differ."""
    return values[0] if values and all(value == values[0] for value in values) else None


def _constant_elements(value: Value) -> tuple[Any, ...] | None:
    found = None if value.constant is None else value.constant.attrs["value"]
    return tuple(found) if isinstance(found, (tuple, frozenset)) else None


def _constant_sequence(value: Value) -> Any:
    bounds = _constant_range(value)
    return constant_array(value) if bounds is None else bounds


def _constant_range(value: Value) -> range | None:
    made = defining(value, "range")
    if made is None or any(v.constant is None for v in made.operands):
        return None
    bounds = [v.constant.attrs["value"] for v in made.operands if v.constant is not None]
    return range(*bounds) if all(type(b) is int for b in bounds) else None
