"""The fields of records, by names that are constants: which there are, and of which types."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ir.core import Value
from kernelgen.ops.registry import NoRule
from kernelgen.types.compound import Array, Element, Type, describe
from kernelgen.types.records import Field, Record
from kernelgen.types.signature import known_types


def holds_records(t: Type | None) -> bool:
    """Whether a type is that of a record, or of an array of such."""
    return record_in(t) is not None


def record_in(t: Type | None) -> Record | None:
    """The type of a record, or of an array's elements if they are records."""
    if isinstance(t, Element):
        return t.record
    return t.dtype if isinstance(t, Array) and isinstance(t.dtype, Record) else None


def field_of(record: Record, key: Any) -> tuple[str, Field]:
    """The name of a field, and the field; ``key`` is its name or its number.

    Raises
    ------
    NoRule
        There is no such field, or kernels do not have its type.
    """
    names = list(record.fields)
    if isinstance(key, int) and not isinstance(key, bool) and -len(names) <= key < len(names):
        key = names[key]
    field = record.fields.get(key) if isinstance(key, str) else None
    if field is None:
        place = f"at index {key}" if isinstance(key, int) else f"of name {key}"
        raise NoRule(f"no field {place}", f"the fields are {', '.join(names)}")
    if field.type is None:
        swapped = not field.dtype.isnative
        raise NoRule(
            f"the field {key!r} holds bytes in the other order"
            if swapped
            else f"the field {key!r} is of {field.dtype}, a type that kernels do not have",
            "convert the array: a.astype(a.dtype.newbyteorder('='))" if swapped else known_types(),
        )
    return key, field


def view_of(owner: Array | Element, field: Field) -> Array | Element:
    """The type of the view that the op ``field`` makes."""
    t = owner if isinstance(owner, Array) else Array(owner.record, 0, "C")
    assert isinstance(t.dtype, Record) and field.type is not None
    ndim = t.ndim + len(field.shape)
    aligned = owner.aligned and t.dtype.is_aligned(field)
    whole = t.layout == "C" and field.size == t.dtype.size  # nothing is left out
    layout = "C" if whole or not t.ndim else "A"
    found = Array(field.type, ndim, layout, owner.readonly, aligned)
    if isinstance(owner, Element) and isinstance(field.type, Record) and not field.shape:
        return Element(field.type, owner.readonly, aligned)
    return found


def field_type(owner: Array | Element, field: Field) -> Type:
    """The type of what reading a field gives: of one record's a number, unless it is a view."""
    found = view_of(owner, field)
    if isinstance(owner, Element) and isinstance(found, Array) and not found.ndim:
        return found.element
    return found


def named_by(owner: Array | Element, index: Value) -> tuple[str, Field] | None:
    """The field that an index names, None if it is an index of elements.

    Raises
    ------
    NoRule
        There is none, or the index of a record is not known when the function is compiled.
    """
    constant = None if index.constant is None else index.constant.attrs["value"]
    if isinstance(owner, Array):
        if not isinstance(constant, str):
            return None
        if not isinstance(owner.dtype, Record):
            raise NoRule(f"only arrays of records have fields, and this is a {describe(owner)}")
        return field_of(owner.dtype, constant)
    if not isinstance(constant, (str, int)):
        raise NoRule("the name of a field is a constant in a kernel", "write record['name']")
    return field_of(owner.record, constant)


def attribute_field(owner: Type, name: str) -> tuple[str, Field] | None:
    """The field that an attribute means, None if it is no field's.

    Names that NumPy's class has already mean what they mean there.
    """
    record = record_in(owner)
    if record is None or name not in record.fields:
        return None
    known = np.recarray if isinstance(owner, Array) else np.record
    return None if hasattr(known, name) else field_of(record, name)


def fields_of(owner: Element) -> tuple[Type, ...]:
    """The types of all fields of a record, which is unpacked."""
    found = [field_of(owner.record, name)[1] for name in owner.record.fields]
    return tuple(field_type(owner, field) for field in found)
