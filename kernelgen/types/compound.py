"""Types made of other types, and of values that exist only while compiling."""

from __future__ import annotations

from typing import Any, NamedTuple

from kernelgen.types.table import Scalar


class Tuple(NamedTuple):
    """A tuple of known length."""

    elements: tuple[Any, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.elements))})"


class Object(NamedTuple):
    """The type of a value that exists only while compiling: a function, a module, a string.

    ``what`` names it in messages.
    """

    what: str = "an object"

    def __str__(self) -> str:
        return "object"


class Special:
    """A type that has one form only, known by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


Type = Scalar | Tuple | Object | Special

RANGE = Special("range")
"""A ``range`` object: start, stop and step are weak integers."""

RANGE_ITERATOR = Special("range_iterator")
"""A position in a range: the next value, how many are left, the step."""

NONE = Special("none")
"""The type of None."""

UNDEFINED = Special("undefined")
"""The type of a variable on a path that has not assigned it; it joins with any type."""

OBJECT = Object()

BY_NAME: dict[str, Type] = {str(t): t for t in (RANGE, RANGE_ITERATOR, NONE, UNDEFINED, OBJECT)}


def describe(t: Type) -> str:
    """The type in the user's words."""
    if isinstance(t, Scalar):
        python = {"b": "bool", "i": "int", "f": "float", "c": "complex"}
        return f"Python {python[t.kind]}" if t.weak else t.long_name
    if isinstance(t, Tuple):
        return f"tuple ({', '.join(map(describe, t.elements))})"
    return t.what if isinstance(t, Object) else str(t).replace("none", "None")
