"""What is known of tuples and ranges before inference: their lengths and their elements."""

from __future__ import annotations

from typing import Any

from kernelgen.ir.core import Block, Op, Value


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
    """The length of a tuple, None if ``value`` is not known to be one."""
    made = defining(value, "tuple")
    if made is not None:
        return len(made.operands)
    constant = _constant_elements(value)
    return None if constant is None else len(constant)


def elements(value: Value, block: Block, before: Op) -> list[Value] | None:
    """The elements of a tuple; those of a constant are made in front of the op ``before``."""
    made = defining(value, "tuple")
    if made is not None:
        return list(made.operands)
    constant = _constant_elements(value)
    if constant is None:
        return None
    return [put(block, before, "const", value=each) for each in constant]


def length_of_any(value: Value) -> int | None:
    """The length of a tuple, or of a range between constants."""
    bounds = _constant_range(value)
    return length(value) if bounds is None else len(bounds)


def elements_of_any(value: Value, block: Block, before: Op) -> list[Value] | None:
    """The elements of a tuple, or of a range between constants."""
    bounds = _constant_range(value)
    if bounds is None:
        return elements(value, block, before)
    return [put(block, before, "const", value=each) for each in bounds]


def named_tuple_class(value: Value) -> Any:
    """The class of a named tuple that the kernel makes, else None."""
    made = defining(value, "tuple")
    return None if made is None else made.attrs.get("cls")


def _constant_elements(value: Value) -> tuple[Any, ...] | None:
    found = None if value.constant is None else value.constant.attrs["value"]
    return tuple(found) if isinstance(found, (tuple, frozenset)) else None


def _constant_range(value: Value) -> range | None:
    made = defining(value, "range")
    if made is None or any(v.constant is None for v in made.operands):
        return None
    bounds = [v.constant.attrs["value"] for v in made.operands if v.constant is not None]
    return range(*bounds) if all(type(b) is int for b in bounds) else None
