"""Types made of other types, and of values that exist only while compiling."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kernelgen.types.records import Record
from kernelgen.types.table import ADDRESS, WEAK_INT, Scalar, named


class Tuple(NamedTuple):
    """A tuple of known length."""

    elements: tuple[Any, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.elements))})"


class Array(NamedTuple):
    """A NumPy array.

    Parameters
    ----------
    dtype : Scalar
        The type of its elements.
    ndim : int
        The number of its dimensions.
    layout : {"C", "F", "A"}
        Whether its elements are known to lie without gaps, the last index or the first one
        running fastest. "A" says nothing about its strides.
    readonly : bool
        Whether its elements cannot be assigned.
    aligned : bool
        Whether the addresses of its elements are multiples of what their type asks for, as those
        of a field in packed records are not.
    """

    dtype: Scalar
    ndim: int
    layout: str = "A"
    readonly: bool = False
    aligned: bool = True

    def __str__(self) -> str:
        """As in ``f8[:,::1]``; of a read-only one ``const.f8[:]``."""
        axes = [":"] * self.ndim
        if self.layout != "A" and axes:
            axes[-1 if self.layout == "C" else 0] = "::1"
        marks = f"{'const.' if self.readonly else ''}{'' if self.aligned else 'unaligned.'}"
        return f"{marks}{self.dtype}[{','.join(axes)}]"

    def __repr__(self) -> str:
        return str(self)

    def __call__(self, *arguments: Any) -> Any:
        """The signature of a function that returns such an array."""
        from kernelgen.types.declared import returning

        return returning(self, arguments)

    @property
    def dense(self) -> bool:
        """Whether it is known to have no gaps between its elements."""
        return self.layout != "A"

    @property
    def element(self) -> Scalar | Element:
        """The type of what is taken out of it: a number, or a reference to a record."""
        if not isinstance(self.dtype, Record):
            return self.dtype
        return Element(self.dtype, self.readonly, self.aligned)


class Element(NamedTuple):
    """A record that stands in an array, or that was one's element: what NumPy's void is.

    Assigning a field of it changes what it refers to.
    """

    record: Record
    readonly: bool = False
    aligned: bool = True

    def __str__(self) -> str:
        return f"element({Array(self.record, 0, 'C', self.readonly, self.aligned)})"

    def __repr__(self) -> str:
        return str(self)


class Window(NamedTuple):
    """What a stencil's kernel sees of an array: the elements around a cell, at offsets from it."""

    array: Array

    def __str__(self) -> str:
        return f"window({self.array})"


class Slice(NamedTuple):
    """A ``slice`` object: each of start, stop and step is an integer or None."""

    start: Any
    stop: Any
    step: Any

    def __str__(self) -> str:
        return f"slice({', '.join(map(str, self))})"


class ArrayIterator(NamedTuple):
    """A position in the first axis of an array."""

    array: Array
    position: Scalar

    def __str__(self) -> str:
        return f"iterator({self.array})"


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


Type = Scalar | Tuple | Array | Element | Window | ArrayIterator | Slice | Object | Special

RANGE = Special("range")
"""A ``range`` object: start, stop and step are weak integers."""

RANGE_ITERATOR = Special("range_iterator")
"""A position in a range: the next value, how many are left, the step."""

NONE = Special("none")
"""The type of None."""

UNDEFINED = Special("undefined")
"""The type of a variable on a path that has not assigned it; it joins with any type."""

OBJECT = Object()

ELLIPSIS = Special("ellipsis")
"""The type of ``...``."""

GENERATOR = Special("Generator")
"""The type of ``np.random.Generator``: the address of its interface (see ``generators.py``)."""

_SPECIAL = (RANGE, RANGE_ITERATOR, NONE, UNDEFINED, OBJECT, ELLIPSIS, GENERATOR)

BY_NAME: dict[str, Type] = {str(t): t for t in _SPECIAL}


def components(t: Type | None) -> tuple[Type, ...] | None:
    """The types of the parts that a value of a compound type consists of, None of other types.

    An array has the address of its first element, its shape, its strides in bytes, and the
    address of what owns the memory (see ``rewrites/split_arrays.py``). A record has two addresses.
    """
    if isinstance(t, Tuple):
        return t.elements
    if isinstance(t, Array):
        return (ADDRESS, *(WEAK_INT,) * (2 * t.ndim), ADDRESS)
    if isinstance(t, Element):
        return ADDRESS, ADDRESS
    if isinstance(t, (ArrayIterator, Slice)):
        return tuple(t)
    if t == GENERATOR:
        return (ADDRESS,)
    return (WEAK_INT,) * 3 if t in (RANGE, RANGE_ITERATOR) else None


def leaves(t: Type) -> tuple[Type, ...]:
    """The types of the values that a value of type ``t`` consists of, as machine code has it."""
    parts = components(t)
    return (t,) if parts is None else tuple(leaf for part in parts for leaf in leaves(part))


def dtype_of(t: Type | None) -> Scalar:
    """The type of a number, or of the elements of an array."""
    found = t.dtype if isinstance(t, Array) else t
    assert isinstance(found, Scalar)
    return found


def describe(t: Type) -> str:
    """The type in the user's words."""
    if isinstance(t, Scalar):
        python = {"b": "bool", "i": "int", "f": "float", "c": "complex"}
        return f"Python {python[t.kind]}" if t.weak else t.long_name
    if isinstance(t, Tuple):
        return f"tuple ({', '.join(map(describe, t.elements))})"
    if isinstance(t, Array):
        kind = f"{t.ndim}-dimensional array of {getattr(t.dtype, 'long_name', t.dtype)}"
        return f"read-only {kind}" if t.readonly else kind
    if isinstance(t, Element):
        return f"record {t.record.shown}"
    if isinstance(t, Slice):
        return "slice"
    if isinstance(t, Window):
        return f"{describe(t.array)} that is read at offsets"
    return t.what if isinstance(t, Object) else str(t).replace("none", "None")


def array_of(dtype: Scalar, axes: Any) -> Array:
    """The type ``dtype[axes]``, of slices ``:``, and ``::1`` for the axis that runs fastest.

    Raises
    ------
    TypeError
        The axes are something else.
    """
    axes = axes if isinstance(axes, tuple) else (axes,)
    texts = {(None, None, None): ":", (None, None, 1): "::1"}
    named = [
        texts.get((axis.start, axis.stop, axis.step)) if isinstance(axis, slice) else None
        for axis in axes
    ]
    layout = None if None in named else _layout_of([str(text) for text in named])
    if layout is None:
        raise TypeError("the axes of an array type are `:`, and `::1` for the first or last one")
    return Array(dtype, len(axes), layout)


_ARRAY = r"(const\.)?(unaligned\.)?(.+)\[((?::|::1)(?:,(?::|::1))*|)\]"


def array_named(name: str) -> Array | None:
    """The array type whose text is ``name``, as in ``f8[:,::1]``; None if it is no such text."""
    match = re.fullmatch(_ARRAY, name)
    dtype = None if match is None else named(match[3])
    if match is None or dtype is None:
        return None
    axes = match[4].split(",") if match[4] else []
    layout = _layout_of(axes)
    if layout is None:
        return None
    return Array(dtype, len(axes), layout, match[1] is not None, match[2] is None)


def _layout_of(axes: list[str]) -> str | None:
    """The layout that the texts of axes tell; None if they are none."""
    dense = [axis for axis, text in enumerate(axes) if text == "::1"]
    if len(dense) > 1 or any(axis not in (0, len(axes) - 1) for axis in dense):
        return None
    return "A" if dense == [] and axes else "C" if dense in ([], [len(axes) - 1]) else "F"


def record_array_named(record: Record, marks: str, axes: str) -> Array | None:
    """The same for a record, the marks in front of its text, and the axes behind it."""
    found = array_named(f"{marks}i1{axes}")
    return None if found is None else found._replace(dtype=record)
