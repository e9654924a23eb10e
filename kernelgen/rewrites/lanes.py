"""Which bytes of its records a view of a field lies in: views in others are apart from it."""

from __future__ import annotations

from typing import NamedTuple

from kernelgen.ir.core import Op, Value
from kernelgen.ops.fields import record_in
from kernelgen.types.compound import Array, Element

_VIEWS = frozenset({
    "subscript", "row", "arranged", "flipped", "same_array", "as_array", "as_dense", "array_T",
    "convert", "stretched", "section", "dense_view", "flattened", "merged", "get",
})  # fmt: skip
"""Ops whose result has some of the elements of its first operand, and no others."""


class Lane(NamedTuple):
    """Bytes from ``start`` to ``stop`` of each record of an array."""

    records: Value
    start: int
    stop: int


def lane_of(value: Value) -> Lane | None:
    """Where the elements of an array lie, None of what is not known to be of a field."""
    made = value.definition
    if not isinstance(made, Op):
        return None
    if made.name in _VIEWS:
        return lane_of(made.operands[0])
    if made.name != "field":
        return None
    owner = made.operands[0]
    record = record_in(owner.type)
    assert record is not None
    field = record.fields[made.attrs["field"]]
    outer = lane_of(owner)
    if outer is None:
        outer = Lane(_whole(owner), 0, record.size)
    if outer.stop - outer.start > record.size:  # it is one of several in a subarray
        return outer
    start = outer.start + field.offset
    return Lane(outer.records, start, start + field.size)


def _whole(value: Value) -> Value:
    """The array of which an array or a record is a view."""
    made = value.definition
    while isinstance(made, Op) and made.name in _VIEWS:
        value = made.operands[0]
        made = value.definition
    return value


def are_apart(target: Value, source: Value) -> bool:
    """Whether it is known that two arrays have no memory in common.

    Records of an array with gaps may lie in each other, if its strides are less than its records.
    """
    first, second = lane_of(target), lane_of(source)
    if first is None or second is None or first.records is not second.records:
        return False
    t = first.records.type
    known = isinstance(t, Element) or (isinstance(t, Array) and t.dense)
    return known and (first.stop <= second.start or second.stop <= first.start)


def are_same(target: Value, source: Value) -> bool:
    """Whether two values are the same field of the same array."""
    made, other = target.definition, source.definition
    if not (isinstance(made, Op) and isinstance(other, Op)):
        return False
    fields = made.name == other.name == "field"
    return fields and made.operands == other.operands and made.attrs == other.attrs


def are_interleaved(target: Value, source: Value) -> bool:
    """Whether two arrays may well lie between each other's elements, as fields do."""
    return lane_of(target) is not None and lane_of(source) is not None
