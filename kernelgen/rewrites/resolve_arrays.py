"""Reduce what users write on arrays to few ops.

Before: typed SSA with conversions. After: of arrays, no ``attr``, ``call``, ``item`` or ``unpack``
is left, an item is assigned by ``put``, or to all of a view by ``assign``, and a loop over an array
loads its element where there is one.
"""

from __future__ import annotations

from typing import Any

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.arrays import CONSTANT_ATTRIBUTES
from kernelgen.ops.exceptions import fill
from kernelgen.ops.indexing import indexed_type
from kernelgen.rewrites.move_behind_branch import move_behind_branch
from kernelgen.types.compound import NONE, Array, ArrayIterator, Tuple, Type
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar


def resolve_arrays(function: Function) -> None:
    """Apply the pass."""
    for block in list(function.blocks):
        for op in list(block.ops):
            if op.name == "iter_value" and _loads(op) and block.terminator.name == "branch":
                _load_behind_branch(function, block, op)
            if op.name in _RESOLVERS:
                array = op.operands[1 if op.name == "call" else 0]
                if isinstance(array.type, Array):
                    _RESOLVERS[op.name](_Place(block, op), array, array.type)


class _Place:
    """An op and its block: where new ops go."""

    def __init__(self, block: Block, op: Op) -> None:
        self.block = block
        self.op = op

    def put(self, name: str, t: Type, *operands: Value, **attrs: Any) -> Value:
        """Insert an op in front of this one; its result."""
        new = Op(name, operands, attrs, self.op.loc)
        new.value.type = t
        self.block.ops.insert(self.block.ops.index(self.op), new)
        return new.value

    def become(self, name: str, *operands: Value, **attrs: Any) -> None:
        """Let this op be another one, with a result of the same type."""
        self.op.name, self.op.operands, self.op.attrs = name, list(operands), attrs

    def integer(self, value: int) -> Value:
        return self.put("const", WEAK_INT, value=value)


def _loads(op: Op) -> bool:
    """Whether an iterator's value is an element of an array, which at its end does not exist."""
    t = op.operands[0].type
    return isinstance(t, ArrayIterator) and isinstance(op.value.type, Scalar)


def _load_behind_branch(function: Function, block: Block, op: Op) -> None:
    unused = Op("default", (), {"type": op.value.type}, op.loc)
    unused.value.type = op.value.type
    move_behind_branch(function, block, [op], unused)


def _attribute(p: _Place, array: Value, t: Array) -> None:
    name = p.op.attrs["name"]
    if name in CONSTANT_ATTRIBUTES:
        p.become("const", value=CONSTANT_ATTRIBUTES[name](t))
    else:
        p.become(f"array_{name}", array)


def _length(p: _Place, array: Value, t: Array) -> None:
    p.become("dim", array, axis=0)


def _item(p: _Place, array: Value, t: Array) -> None:
    checked = p.op.attrs.get("checked", False)
    p.become("subscript", array, p.integer(p.op.attrs["index"]), checked=checked)


_TOO_FEW = "not enough values to unpack (expected {}, got {})"
_TOO_MANY = "too many values to unpack (expected {})"


def _unpack(p: _Place, array: Value, t: Array) -> None:
    """The first name's op checks the length as well."""
    count, index = p.op.attrs["count"], p.op.attrs["index"]
    length = p.put("dim", WEAK_INT, array, axis=0)
    enough = p.put("ge", WEAK_BOOL, length, p.integer(count))
    text = Made(fill, (_TOO_FEW, count, Slot(WEAK_INT)))
    p.put("require", NONE, enough, length, error=Raised(ValueError, (text,)))
    fits = p.put("le", WEAK_BOOL, length, p.integer(count))
    p.put("require", NONE, fits, error=Raised(ValueError, (_TOO_MANY.format(count),)))
    p.become("subscript", array, p.integer(index))


def _store(p: _Place, array: Value, t: Array) -> None:
    """An element is put where it belongs; all else is assigned to the elements of a view."""
    _, index, value = p.op.operands
    assert index.type is not None
    target = indexed_type(t, index.type)
    if isinstance(target, Scalar):
        indices = [index]
        if isinstance(index.type, Tuple):
            types = index.type.elements
            indices = [p.put("item", each, index, index=i) for i, each in enumerate(types)]
        checked = p.op.attrs.get("checked", False)
        p.become("put", array, value, *indices, checked=checked)
    else:
        checked = p.op.attrs.get("checked", False)
        view = p.put("subscript", target, array, index, checked=checked)
        p.become("assign", view, value)


_RESOLVERS = {
    "attr": _attribute,
    "call": _length,
    "item": _item,
    "unpack": _unpack,
    "store_subscript": _store,
}
