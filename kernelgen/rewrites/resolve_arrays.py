"""Reduce what users write on arrays to few ops.

Before: typed SSA with conversions. After: of arrays, no ``attr``, ``call``, ``item`` or ``unpack``
is left, an item is assigned by ``put``, or to all of a view by ``assign``, and a loop over an array
loads its element where there is one.
"""

from __future__ import annotations

from kernelgen.infer import typed
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.allocation import array_from_type
from kernelgen.ops.arrays import CONSTANT_ATTRIBUTES, zeros_of
from kernelgen.ops.exceptions import fill
from kernelgen.ops.fields import attribute_field, field_of, holds_records, named_by, record_in
from kernelgen.ops.gathering import is_gather
from kernelgen.ops.indexing import indexed_type
from kernelgen.ops.shapes import ARRANGED, arrangement, flipped_axes
from kernelgen.rewrites.arrays_of_tuples import array_of, nested_lengths
from kernelgen.rewrites.compare_tuples import compare_tuples
from kernelgen.rewrites.join_arrays import join_arrays
from kernelgen.rewrites.move_behind_branch import move_behind_branch
from kernelgen.rewrites.place import Place
from kernelgen.rewrites.resolve_gathers import gather, scatter
from kernelgen.rewrites.resolve_records import (
    array_value,
    copy_records,
    read_field,
    record_value,
    store,
    store_field,
)
from kernelgen.rewrites.split_ufunc_calls import split_ufunc_call
from kernelgen.types.compound import NONE, Array, ArrayIterator, Element, Tuple
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar


def resolve_arrays(function: Function) -> None:
    """Apply the pass."""
    _drop_owners(function)
    for block in list(function.blocks):
        for op in list(block.ops):
            if op.name == "iter_value" and _loads(op) and block.terminator.name == "branch":
                _load_behind_branch(function, block, op)
            if "inplace" in op.attrs:
                _change_in_place(function, Place(block, op))
            if op.name == "call_ufunc":
                split_ufunc_call(function, Place(block, op))
            if op.name in ("eq", "ne") and isinstance(op.operands[0].type, Tuple):
                compare_tuples(Place(block, op))
            if op.name in _MAKERS:
                _MAKERS[op.name](Place(block, op))
            if op.name in _RESOLVERS:
                owner = op.operands[1 if op.name == "call" else 0]
                if isinstance(owner.type, (Array, Element)):
                    _RESOLVERS[op.name](Place(block, op), owner, owner.type)


def _drop_owners(function: Function) -> None:
    """That an array or record has a method has been checked: it is of that itself."""
    owners: dict[Value, Value] = {}
    for block in function.blocks:
        for op in [op for op in block.ops if op.name == "method_of"]:
            if isinstance(op.operands[0].type, (Array, Element)):
                owners[op.value] = op.operands[0]
                block.ops.remove(op)
    function.substitute(owners)


def _loads(op: Op) -> bool:
    """Whether an iterator's value is an element of an array, which at its end does not exist."""
    t = op.operands[0].type
    return isinstance(t, ArrayIterator) and isinstance(op.value.type, Scalar)


def _load_behind_branch(function: Function, block: Block, op: Op) -> None:
    unused = Op("default", (), {"type": op.value.type}, op.loc)
    unused.value.type = op.value.type
    move_behind_branch(function, block, [op], unused)


def _attribute(p: Place, array: Value, t: Array | Element) -> None:
    name = p.op.attrs["name"]
    named = attribute_field(t, name)
    if named is not None:
        read_field(p, array, named)
        return
    assert isinstance(t, Array)
    if name in CONSTANT_ATTRIBUTES:
        p.become("const", value=CONSTANT_ATTRIBUTES[name](t))
    elif name == "imag" and not t.dtype.is_complex:
        _zeros_for(p, array, t)
    elif name == "flat":
        p.become("raveled", array)
    else:
        p.become(f"array_{name}", array)


def _zeros_for(p: Place, array: Value, t: Array) -> None:
    """The imaginary parts of real numbers."""
    zeros = p.put("array_of_shape", zeros_of(t), *nested_lengths(p, array))
    p.put("assign", NONE, zeros, p.put("const", t.dtype, value=t.dtype.dtype.type(0)))
    p.become("same_array", zeros)


def _length(p: Place, array: Value, t: Array | Element) -> None:
    """That of a record is the number of its fields."""
    if isinstance(t, Element):
        p.become("const", value=len(t.record.fields))
        return
    p.become("dim", array, axis=0)


def _item(p: Place, array: Value, t: Array | Element) -> None:
    if isinstance(t, Element):
        read_field(p, array, field_of(t.record, p.op.attrs["index"]))
        return
    checked = p.op.attrs.get("checked", False)
    p.become("subscript", array, p.integer(p.op.attrs["index"]), checked=checked)


_TOO_FEW = "not enough values to unpack (expected {}, got {})"
_TOO_MANY = "too many values to unpack (expected {})"


def _unpack(p: Place, array: Value, t: Array | Element) -> None:
    """The first name's op checks the length as well."""
    if isinstance(t, Element):
        read_field(p, array, field_of(t.record, p.op.attrs["index"]))
        return
    count, index = p.op.attrs["count"], p.op.attrs["index"]
    length = p.put("dim", WEAK_INT, array, axis=0)
    enough = p.put("ge", WEAK_BOOL, length, p.integer(count))
    text = Made(fill, (_TOO_FEW, count, Slot(WEAK_INT)))
    p.put("require", NONE, enough, length, error=Raised(ValueError, (text,)))
    fits = p.put("le", WEAK_BOOL, length, p.integer(count))
    p.put("require", NONE, fits, error=Raised(ValueError, (_TOO_MANY.format(count),)))
    p.become("subscript", array, p.integer(index))


def _store(p: Place, owner: Value, t: Array | Element) -> None:
    """An element is put where it belongs; all else is assigned to the elements of a view."""
    _, index, value = p.op.operands
    named = named_by(t, index)
    if named is not None:
        store_field(p, owner, named, value)
        return
    assert isinstance(t, Array) and index.type is not None
    if is_gather(index.type):
        record = record_in(t)
        scatter(p, owner, index, value if record is None else record_value(p, record, value))
        return
    target = indexed_type(t, index.type)
    checked = p.op.attrs.get("checked", False)
    if isinstance(target, Scalar) or (target == t.element and isinstance(value.type, Element)):
        p.become("put", owner, value, *_parts(p, index), checked=checked)
        return
    view = p.put("subscript", target, owner, index, checked=checked)
    if isinstance(target, Element):
        store(p, view, value)
        p.become("const", value=None)
    else:
        apart = p.op.attrs.get("apart", False)
        p.become("assign", view, array_value(p, target, value), apart=apart)


def _store_attribute(p: Place, owner: Value, t: Array | Element) -> None:
    named = attribute_field(t, p.op.attrs["name"])
    assert named is not None
    store_field(p, owner, named, p.op.operands[1])


def _change_in_place(function: Function, p: Place) -> None:
    """``a += b`` assigns ``a + b`` to the elements of an array."""
    op, target = p.op, p.op.operands[0]
    op.attrs = {}
    function.substitute({op.value: target})
    op.value.type = typed(op).result
    at = p.block.ops.index(op) + 1
    ufunc = op.name != "matmul" and isinstance(op.value.type, Array)
    operands = (*op.operands, target) if ufunc else ()
    assign = Op("assign", (target, op.value, *operands), None, op.loc)
    assign.value.type = NONE
    p.block.ops.insert(at, assign)


def _of_shape(p: Place) -> None:
    p.become("array_of_shape", *_parts(p, p.op.operands[0]))


def _like(p: Place) -> None:
    p.become("array_of_shape", *nested_lengths(p, p.op.operands[0]))


def _of_elements(p: Place) -> None:
    """The array of what is in nested tuples, element by element."""
    elements, made = p.op.operands[0], p.op.value.type
    assert isinstance(made, Array)
    p.become("same_array", array_of(p, made, elements))


def _parts(p: Place, values: Value) -> list[Value]:
    """The parts of a shape or of an index, which is a tuple of them or one alone."""
    if not isinstance(values.type, Tuple):
        return [values]
    types = values.type.elements
    return [p.put("item", t, values, index=i) for i, t in enumerate(types)]


def _dtype(p: Place) -> None:
    """What has told the dtype of an array is of no use any more."""
    p.become("const", value=None)


def _scratch(p: Place) -> None:
    count = p.op.operands[0].constant
    assert count is not None
    p.become("frame_array", count=count.attrs["value"])


def _arrange(p: Place) -> None:
    """The axes are known now; what is no array has none."""
    array = p.op.operands[0]
    if isinstance(array.type, Array):
        p.become("arranged", array, axes=arrangement(p.op))
    else:
        p.become("method_of", array)


def _flip(p: Place) -> None:
    p.become("flipped", p.op.operands[0], axes=flipped_axes(p.op))


def _view_at_strides(p: Place) -> None:
    """Only the array itself is an operand of its view, so that the view refers to no other."""
    array, shape, strides = p.op.operands
    made, t = p.op.value.type, strides.type
    assert isinstance(made, Array) and isinstance(t, Array)
    steps = [p.put("get", t.dtype, strides, p.integer(i)) for i in range(made.ndim)]
    counts = [p.put("convert", WEAK_INT, step, to=WEAK_INT) for step in steps]
    p.become("strided_view", array, shape, *counts)


def _copied(p: Place) -> None:
    """Records are copied one by one; numbers are an expression of arrays."""
    value = p.op.operands[0]
    if holds_records(value.type):
        copy_records(p, value)


def _reduced(p: Place) -> None:
    """Tuples that are reduced are arrays first."""
    elements = p.op.operands[1]
    if isinstance(elements.type, Tuple):
        p.op.operands[1] = array_of(p, array_from_type(elements.type), elements)


_MAKERS = {
    "copied": _copied,
    "reduce": _reduced,
    "accumulate": _reduced,
    "joined": join_arrays,
    "scratch": _scratch,
    "strided_view": _view_at_strides,
    **dict.fromkeys(ARRANGED, _arrange),
    "flipped": _flip,
    "new_array": _of_shape,
    "new_like": _like,
    "dtype_for": _dtype,
    "array_from": _of_elements,
}


def _subscript(p: Place, array: Value, t: Array | Element) -> None:
    index = p.op.operands[1]
    named = named_by(t, index)
    if named is not None:
        read_field(p, array, named)
    elif index.type is not None and is_gather(index.type):
        gather(p, array, index)


_RESOLVERS = {
    "subscript": _subscript,
    "attr": _attribute,
    "call": _length,
    "item": _item,
    "unpack": _unpack,
    "store_subscript": _store,
    "store_attr": _store_attribute,
}
