"""Records: what can be assigned to them, and the ops on them.

A field is a view: of an array of records an array, of one record an array without dimensions or of
those of a subarray, or a record. ``rewrites/resolve_records.py`` makes the op ``field`` of what
users write; splitting arrays leaves an address of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.ops import array_library
from kernelgen.ops.fields import field_of, holds_records, record_in
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import nested_depth
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Object, Tuple, Type, describe
from kernelgen.types.records import Record
from kernelgen.types.table import Scalar


def check_record(record: Record, value: Type) -> None:
    """Raise NoRule unless a value can be assigned to a record, or to each of an array of such."""
    other = record_in(value)
    if other is not None:
        if other is not record:
            raise NoRule(
                f"a {describe(value)} cannot be assigned to {record.long_name} of another dtype",
                "assign the fields one by one",
            )
    elif isinstance(value, Tuple):
        if len(value.elements) != len(record.fields):
            raise NoRule(
                f"could not assign tuple of length {len(value.elements)} to structure with "
                f"{len(record.fields)} fields."
            )
        for name, part in zip(record.fields, value.elements, strict=True):
            _check_field(record, name, part)
    elif isinstance(value, Scalar):
        for name in record.fields:
            _check_field(record, name, value)
    else:
        raise NoRule(f"{_one(value)} cannot be assigned to {record.long_name}")


def _check_field(record: Record, name: str, value: Type) -> None:
    _, field = field_of(record, name)
    assert field.type is not None
    if field.shape:
        check_assigned(Array(field.type, len(field.shape), "C"), value)
    else:
        check_assigned(Array(field.type, 0, "C").element, value)


def check_assigned(target: Type, value: Type) -> Type | None:
    """The type to convert a value to that is assigned to an element or to a view.

    Raises
    ------
    NoRule
        It does not go there.
    """
    record = record_in(target)
    if record is not None and not isinstance(value, Array):
        check_record(record, value)
        return None
    if isinstance(value, Scalar):
        return target.dtype if isinstance(target, Array) else target
    if not isinstance(value, (Array, Tuple)) or not isinstance(target, Array):
        raise NoRule(f"an element of an array cannot be {_one(value)}")
    ndim = value.ndim if isinstance(value, Array) else nested_depth(value)
    if ndim > target.ndim:
        raise NoRule(f"a {describe(value)} does not fit into a {describe(target)}")
    if record is not None:
        check_record(record, value)
    elif record_in(value) is not None:
        raise NoRule(
            f"a {describe(value)} cannot be assigned to a {describe(target)}", "name a field of it"
        )
    return None


def _one(t: Type) -> str:
    """A value of a type in the user's words; those of objects and None have their article."""
    return describe(t) if isinstance(t, Object) or t == NONE else f"a {describe(t)}"


# ------------------------------------------------------------------------------------ the ops

_TAKEN = frozenset({
    "all_elements", "arranged", "array_T", "array_nbytes", "array_of_shape", "array_shape",
    "array_size", "array_strides", "as_array", "as_dense", "assign", "attr", "call",
    "check_places", "choose", "clear", "const", "convert", "copied", "deepened", "default",
    "dense", "dense_view", "diagonal_of", "dim", "disturbs", "dtype_for", "either", "expanded",
    "field", "fill_masked", "fitted", "flattened", "flipped", "frame_array", "gather", "get",
    "invoke", "is", "is_dense", "item", "iter", "iter_more", "iter_next", "iter_value", "keep",
    "member", "merged", "method_of", "moved", "new_like", "overlaps", "permuted", "pick", "put",
    "raveled", "release", "reshaped", "retain", "row", "same_array", "scatter", "section",
    "spread", "squeezed", "stencil", "stencil_steps", "store_attr", "store_subscript",
    "stretched", "stretched_to", "strided_view", "subscript", "swapped", "tuple", "undisturbed",
    "unpack", "unpack_starred",
})  # fmt: skip
"""The ops that records, and arrays of them, may be given to: those that only move values about."""


def refuse_records(op: Op, types: tuple[Type, ...]) -> None:
    """Raise NoRule if an op computes with what are records."""
    record = next((t for t in types if holds_records(t)), None)
    if record is not None and op.name not in _TAKEN:
        raise NoRule(f"a {describe(record)} cannot be computed with", "name a field of it: a['x']")


def _field(owner: Any, field: str) -> Any:
    return owner[field]


def _as_it_is(op: Op, types: tuple[Type, ...]) -> Typed:
    assert op.value.type is not None
    return Typed((None,) * len(types), op.value.type)


define(OpDef("field", _as_it_is, _field, never_lowered, carries=True))

# A record as an array without dimensions.
define(OpDef("as_array", _as_it_is, np.asarray, never_lowered, carries=True))


def _cleared_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,), NONE)


# All bytes of an array without gaps are zero.
define(
    OpDef(
        "clear",
        _cleared_rule,
        array_library.clear,
        never_lowered,
        calls=((array_library.clear, 1),),
        carries=True,
        effects=True,
    )
)
