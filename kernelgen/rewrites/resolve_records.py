"""What reading and assigning fields of records becomes (see ``resolve_arrays``)."""

from __future__ import annotations

from typing import Any

from kernelgen.ir.core import Op, Value
from kernelgen.ops.fields import field_type, record_in, view_of
from kernelgen.ops.rules import nested_depth
from kernelgen.rewrites.arrays_of_tuples import array_of, nested_lengths
from kernelgen.rewrites.insert_conversions import convert_constant
from kernelgen.rewrites.place import Place
from kernelgen.types.compound import NONE, Array, Element, Tuple, Type
from kernelgen.types.records import Field, Record
from kernelgen.types.table import Scalar

Named = tuple[str, Field]
"""The name of a field, and the field."""


def read_field(p: Place, owner: Value, named: Named) -> None:
    """The op becomes a number, or the view of a field."""
    name, field = named
    t = owner.type
    assert isinstance(t, (Array, Element))
    if isinstance(field_type(t, field), Scalar):
        p.become("get", field_view(p, owner, named))
    else:
        p.become("field", owner, field=name)


def field_view(p: Place, owner: Value, named: Named) -> Value:
    """The field as an array, or as a record."""
    name, field = named
    t = owner.type
    assert isinstance(t, (Array, Element))
    return p.put("field", view_of(t, field), owner, field=name)


def store_field(p: Place, owner: Value, named: Named, value: Value) -> None:
    """The op assigns a field. One that was changed in place is that already."""
    read = value.definition
    known = isinstance(read, Op) and read.name == "field" and read.operands[0] is owner
    if not (known and isinstance(read, Op) and read.attrs["field"] == named[0]):
        store(p, field_view(p, owner, named), value)
    p.become("const", value=None)


def store(p: Place, view: Value, value: Value) -> None:
    """Assign a value to an array, or to a record."""
    if isinstance(view.type, Element):
        view = p.put("as_array", Array(view.type.record, 0, "C", False, view.type.aligned), view)
    t = view.type
    assert isinstance(t, Array)
    if t.ndim and _lengths(view) == _nested_lengths(value.type):
        _put_all(p, view, value, ())
    elif t.ndim:
        p.put("assign", NONE, view, array_value(p, t, value))
    elif isinstance(value.type, Array):
        p.put("put", NONE, view, p.put("get", value.type.element, value))
    elif isinstance(t.dtype, Record) and not isinstance(value.type, Element):
        _fill(p, view, t.dtype, value)
    else:
        p.put("put", NONE, view, _converted(p, value, t))


def _lengths(view: Value) -> tuple[int, ...] | None:
    """The shape of a subarray of one record, None of what is something else."""
    made, t = view.definition, view.type
    record = record_in(made.operands[0].type) if isinstance(made, Op) else None
    if record is None or not isinstance(made, Op) or made.name != "field":
        return None
    shape = record.fields[made.attrs["field"]].shape
    numbers = isinstance(t, Array) and len(shape) == t.ndim and record_in(t) is None
    return shape if numbers else None


def _nested_lengths(t: Type | None) -> tuple[int, ...]:
    """The shape of nested tuples of numbers; empty of what is something else."""
    if not isinstance(t, Tuple) or not t.elements:
        return ()
    if any(isinstance(each, Array) for each in t.elements):
        return ()
    return (len(t.elements), *_nested_lengths(t.elements[0]))


def _put_all(p: Place, view: Value, value: Value, indices: tuple[int, ...]) -> None:
    """Assign what is in nested tuples element by element."""
    if isinstance(value.type, Tuple):
        for i in range(len(value.type.elements)):
            _put_all(p, view, _part(p, value, i), (*indices, i))
        return
    t = view.type
    assert isinstance(t, Array)
    p.put("put", NONE, view, _converted(p, value, t), *map(p.integer, indices))


def array_value(p: Place, t: Array, value: Value) -> Value:
    """What is assigned to arrays of type ``t``: an array, or one element for all."""
    record = record_in(t)
    if record is not None:
        return record_value(p, record, value)
    if isinstance(value.type, Tuple):
        return array_of(p, Array(t.dtype, nested_depth(value.type), "C"), value)
    return value if isinstance(value.type, Array) else _converted(p, value, t)


def record_value(p: Place, record: Record, value: Value) -> Value:
    """A value as a record: a tuple has its fields, a number is in all of them."""
    if isinstance(value.type, (Array, Element)):
        return value
    made = p.put("frame_array", Array(record, 0, "C"), count=1)
    p.put("clear", NONE, made)
    _fill(p, made, record, value)
    return p.put("get", Element(record), made)


def copy_records(p: Place, value: Value) -> None:
    """The op becomes a new array, or a record in a block of its own."""
    t = value.type
    if isinstance(t, Element):
        made = p.put("array_of_shape", Array(t.record, 0, "C"))
        p.put("put", NONE, made, value)
        p.become("get", made)
    else:
        made = p.put("array_of_shape", p.op.value.type or NONE, *nested_lengths(p, value))
        p.put("assign", NONE, made, value, apart=True)
        p.become("same_array", made)


def _fill(p: Place, target: Value, record: Record, value: Value) -> None:
    """Assign all fields of a record, which is an array without dimensions."""
    for i, (name, field) in enumerate(record.fields.items()):
        part = _part(p, value, i) if isinstance(value.type, Tuple) else value
        store(p, field_view(p, target, (name, field)), part)


def _part(p: Place, values: Value, index: int) -> Value:
    """An element of a tuple; that of a constant one is a constant."""
    assert isinstance(values.type, Tuple)
    t, constant = values.type.elements[index], values.constant
    if constant is not None:
        return p.put("const", t, value=constant.attrs["value"][index])
    return p.put("item", t, values, index=index)


def _converted(p: Place, value: Value, t: Array) -> Value:
    """A number as an element of an array; a literal has to fit."""
    if value.type == t.dtype or isinstance(value.type, Element):
        return value
    literal: Any = value.constant
    if literal is not None:
        made = convert_constant(literal.attrs["value"], t.dtype, p.op.loc)
        return p.put("const", t.dtype, value=made)
    return p.put("convert", t.dtype, value, to=t.dtype)
