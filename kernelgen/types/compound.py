"""Types made of other types, and of values that exist only while compiling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kernelgen.types.table import Scalar


@dataclass(frozen=True)
class Tuple:
    """A tuple of known length."""

    elements: tuple[Any, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.elements))})"


@dataclass(frozen=True)
class Range:
    """A ``range`` object: start, stop and step are weak integers."""

    def __str__(self) -> str:
        return "range"


@dataclass(frozen=True)
class RangeIterator:
    """A position in a ``range``: the next value, how many are left, the step."""

    def __str__(self) -> str:
        return "range_iterator"


@dataclass(frozen=True)
class NoneType:
    """The type of None."""

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True)
class Undefined:
    """The type of a variable on a path that has not assigned it; joins with any type."""

    def __str__(self) -> str:
        return "undefined"


@dataclass(frozen=True)
class Object:
    """The type of a value that exists only while compiling: a function, a module, a string.

    ``what`` names it in messages.
    """

    what: str = field(default="an object", compare=False)

    def __str__(self) -> str:
        return "object"


Type = Scalar | Tuple | Range | RangeIterator | NoneType | Undefined | Object

RANGE = Range()
RANGE_ITERATOR = RangeIterator()
NONE = NoneType()
UNDEFINED = Undefined()
OBJECT = Object()

BY_NAME: dict[str, Type] = {
    str(t): t for t in (RANGE, RANGE_ITERATOR, NONE, UNDEFINED, OBJECT)
}  # fmt: skip


def describe(t: Type) -> str:
    """The type in the user's words."""
    if isinstance(t, Scalar):
        python = {"b": "bool", "i": "int", "f": "float"}
        return f"Python {python[t.kind]}" if t.weak else t.long_name
    if isinstance(t, Tuple):
        return f"tuple ({', '.join(map(describe, t.elements))})"
    return t.what if isinstance(t, Object) else str(t).replace("none", "None")
