"""Exceptions that a kernel raises, as templates: what they are made of, and where numbers go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kernelgen.structural import Structural
from kernelgen.types.compound import Tuple, Type, leaves
from kernelgen.types.table import Scalar


class Slot(Structural):
    """The place of a value that is known when the exception is raised."""

    def __init__(self, type: Type) -> None:
        self.type = type

    def _parts(self) -> Any:
        return (self.type,)


class Made(Structural):
    """A call that is made when the exception is raised.

    Its arguments are constants, slots, other calls, and tuples of these; the last ones go by
    the names in ``keywords``.
    """

    def __init__(
        self, function: Any, args: tuple[Any, ...] = (), keywords: tuple[str, ...] = ()
    ) -> None:
        self.function = function
        self.args = args
        self.keywords = keywords

    def _parts(self) -> Any:
        return self.function, self.args, self.keywords


class Raised(Made):
    """An exception: the call of its class."""

    @property
    def cls(self) -> type[BaseException]:
        """The exception's class."""
        found: type[BaseException] = self.function
        return found

    @property
    def slots(self) -> tuple[Type, ...]:
        """The types of the values that it needs, those of a tuple one by one."""
        return tuple(_slots(self))

    def make(self, values: Iterable[Any] = ()) -> BaseException:
        """A fresh instance, with NumPy scalars (or Nones) for its slots."""
        error: BaseException = _evaluate(self, iter(values))
        return error


def _slots(part: Any) -> Iterator[Type]:
    if isinstance(part, Slot):
        yield from leaves(part.type)
    elif isinstance(part, Made) or type(part) is tuple:
        for arg in part.args if isinstance(part, Made) else part:
            yield from _slots(arg)


def _evaluate(part: Any, values: Iterator[Any]) -> Any:
    if isinstance(part, Slot):
        return _fill(part.type, values)
    if isinstance(part, Made):
        args = [_evaluate(arg, values) for arg in part.args]
        split = len(args) - len(part.keywords)
        return part.function(*args[:split], **dict(zip(part.keywords, args[split:], strict=True)))
    return tuple(_evaluate(each, values) for each in part) if type(part) is tuple else part


def _fill(t: Type, values: Iterator[Any]) -> Any:
    """The value of a slot: a weak one is a number of Python's."""
    if isinstance(t, Tuple):
        return tuple(_fill(element, values) for element in t.elements)
    value = next(values)
    weak = isinstance(t, Scalar) and t.weak
    return value.item() if weak and isinstance(value, np.generic) else value
