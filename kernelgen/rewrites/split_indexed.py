"""How elements of tuples are found by an index that is computed (see ``split_tuples``).

Constants are loaded from constant memory; of other values the right one is chosen. What is chosen
may be a tuple again, a row, and then so may be its elements: of a constant tuple of tuples all rows
lie in one memory, so that two indices are one load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernelgen.ir.core import Value
from kernelgen.ir.raised import Raised
from kernelgen.ops.convert import convert_value
from kernelgen.rewrites.split_arrays import count_of
from kernelgen.types.compound import NONE, Tuple, components
from kernelgen.types.table import ADDRESS, WEAK_BOOL, WEAK_INT, Scalar

if TYPE_CHECKING:
    from kernelgen.rewrites.split_tuples import Splitter


class Row(NamedTuple):
    """A tuple that is one of several of a length: the elements of them all, and which it is."""

    elements: list[Value]
    place: Value


def chosen(s: Splitter, first: list[Value]) -> Value:
    """``values[index]``, which is a scalar."""
    return _choose(s, *_elements_and_place(s, first))


def chosen_parts(s: Splitter, first: list[Value]) -> list[Value]:
    """``values[index]``, which has parts."""
    elements, place = _elements_and_place(s, first)
    result = s.op.value
    if isinstance(result.type, Tuple):
        s.rows[result] = Row([part for each in elements for part in s.finals(s.parts[each])], place)
    return _choose_parts(s, elements, place)


_TOO_LARGE = Raised(IndexError, ("cannot fit 'numpy.uint64' into an index-sized integer",))
_OUT_OF_RANGE = Raised(IndexError, ("tuple index out of range",))


def _elements_and_place(s: Splitter, first: list[Value]) -> tuple[list[Value], Value]:
    """The elements of which one is chosen, and its place among them."""
    values, index = s.finals(s.op.operands)
    length = s.integer(len(first))
    index = count_of(s, index, _TOO_LARGE)
    place = s.emit("wrapped_index", WEAK_INT, index, length)
    right = s.emit("in_bounds", WEAK_BOOL, place, length)
    s.emit("require", NONE, right, error=_OUT_OF_RANGE)
    row = s.rows.get(values)
    if row is None:
        return s.finals(first), place
    before = s.emit("mul", WEAK_INT, row.place, length)
    return row.elements, s.emit("add", WEAK_INT, before, place)


def _choose(s: Splitter, values: list[Value], place: Value) -> Value:
    t = values[0].type
    constants = [v.constant for v in values]
    known = [c.attrs["value"] for c in constants if c is not None]
    if isinstance(t, Scalar) and t.kind != "p" and len(known) == len(values):
        table = np.array([convert_value(v, t) for v in known], t.dtype)
        memory = s.emit("table", ADDRESS, value=table)
        return s.emit("load", t, s.emit("element", ADDRESS, memory, place, type=t), type=t)
    assert t is not None
    result = values[-1]
    for number, value in reversed(list(enumerate(values[:-1]))):
        here = s.emit("eq", WEAK_BOOL, place, s.integer(number))
        result = s.emit("choose", t, here, value, result)
    return result


def _choose_parts(s: Splitter, values: list[Value], place: Value) -> list[Value]:
    """Choose each part of a value by itself."""
    made = []
    for column in zip(*(s.finals(s.parts[v]) for v in values), strict=True):
        t = column[0].type
        if components(t) is None:
            made.append(_choose(s, list(column), place))
        else:
            part = Value(t)
            s.parts[part] = _choose_parts(s, list(column), place)
            made.append(part)
    return made
