"""How arrays are taken apart: what becomes of each op on them (see ``split_tuples``).

An array is its address, its shape, its strides in bytes, and the address of what owns its memory.
Of a dense array the elements are found by its shape alone, so that LLVM sees them side by side;
its strides are right as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernelgen import heap
from kernelgen.errors import TypingError
from kernelgen.ir.core import Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.ops.indexing import items_of, plan
from kernelgen.types.compound import (
    NONE,
    Array,
    ArrayIterator,
    Element,
    Slice,
    Tuple,
    Type,
    components,
    leaves,
)
from kernelgen.types.records import Record
from kernelgen.types.table import ADDRESS, WEAK_BOOL, WEAK_INT

if TYPE_CHECKING:
    from kernelgen.rewrites.split_tuples import Splitter


class Parts(NamedTuple):
    """The parts of an array."""

    data: Value
    shape: list[Value]
    strides: list[Value]
    owner: Value

    @classmethod
    def of(cls, values: list[Value]) -> Parts:
        """The parts from their list, as ``components`` orders them."""
        ndim = (len(values) - 2) // 2
        return cls(values[0], values[1 : 1 + ndim], values[1 + ndim : -1], values[-1])

    @property
    def list(self) -> list[Value]:
        return [self.data, *self.shape, *self.strides, self.owner]


def _array(s: Splitter) -> Array:
    """The type of the array that the visited op is on."""
    t = s.op.operands[0].type
    assert isinstance(t, Array)
    return t


def times(s: Splitter, a: Value, b: Value) -> Value:
    return s.emit("mul", WEAK_INT, a, b)


def plus(s: Splitter, a: Value, b: Value) -> Value:
    return s.emit("add", WEAK_INT, a, b)


def sum_of(s: Splitter, terms: list[Value]) -> Value:
    total = terms[0]
    for term in terms[1:]:
        total = plus(s, total, term)
    return total


def product(s: Splitter, factors: list[Value]) -> Value:
    total = factors[0] if factors else s.integer(1)
    for factor in factors[1:]:
        total = times(s, total, factor)
    return total


def constant(s: Splitter, values: np.ndarray[Any, Any]) -> list[Value]:
    """The parts of a constant array, whose elements lie in the module that is compiled."""
    data = s.emit("table", ADDRESS, value=values.ravel("K"))
    shape = [s.integer(n) for n in values.shape]
    strides = [s.integer(n) for n in values.strides]
    return Parts(data, shape, strides, s.emit("default", ADDRESS, type=ADDRESS)).list


# -------------------------------------------------------------------------------- allocation

_NEGATIVE = Raised(ValueError, ("negative dimensions are not allowed",))
_TOO_BIG = Raised(
    ValueError,
    (
        "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible "
        "size.",
    ),
)


def allocated(s: Splitter, first: list[Value]) -> list[Value]:
    """A new array of some shape, in a block of its own."""
    t = s.op.value.type
    assert isinstance(t, Array)
    check_copied(s, t)
    shape = s.finals(s.op.operands)
    zero = s.integer(0)
    for length in shape:
        s.emit("require", NONE, s.emit("ge", WEAK_BOOL, length, zero), error=_NEGATIVE)
    size = s.emit("array_bytes", WEAK_INT, *shape, itemsize=t.dtype.size)
    s.emit("require", NONE, s.emit("ge", WEAK_BOOL, size, zero), error=_TOO_BIG)
    owner = s.emit("allocate", ADDRESS, size)
    missing = s.emit("is_null", WEAK_BOOL, owner)
    s.emit("require", NONE, s.emit("not", WEAK_BOOL, missing), error=Raised(MemoryError))
    data = s.emit("offset", ADDRESS, owner, s.integer(heap.SIZE))
    return Parts(data, shape, dense_strides(s, t, shape), owner).list


def dense_strides(s: Splitter, t: Array, shape: list[Value]) -> list[Value]:
    """The strides of an array without gaps."""
    strides = list(shape)
    stride = s.integer(t.dtype.size)
    for axis in range(t.ndim) if t.layout == "F" else reversed(range(t.ndim)):
        strides[axis] = stride
        stride = times(s, stride, shape[axis])
    return strides


REFERENCES = {"retain": "retain_owner", "release": "release_owner", "keep": "keep_owner"}


def change_references(s: Splitter) -> None:
    """Do to the owner of each array in a value what the op says."""
    op = s.op
    (value,) = op.operands
    assert value.type is not None
    parts = s.leaves([value])
    for place in owners(value.type):
        s.emit(REFERENCES[op.name], NONE, parts[place])


def owners(t: Type) -> list[int]:
    """Which of the leaves of a value are owners of arrays' memory."""
    if isinstance(t, (Array, Element)):
        return [2 * t.ndim + 1 if isinstance(t, Array) else 1]
    places, before = [], 0
    for part in components(t) or ():
        places += [before + place for place in owners(part)]
        before += len(leaves(part))
    return places


def without_owners(s: Splitter, values: list[Value]) -> list[Value]:
    """The scalars that values consist of; no arrays among them have an owner.

    So threads that share arrays do not count references to them. Who has the threads run does.
    """
    found = []
    for value in values:
        parts = s.leaves([value])
        for place in owners(value.type) if value.type is not None else ():
            parts[place] = s.emit("default", ADDRESS, type=ADDRESS)
        found += parts
    return found


# ---------------------------------------------------------------------------------- elements


def _address(s: Splitter, t: Array, parts: Parts, indices: list[Value]) -> Value:
    """Where the element at ``indices``, none of them negative, stands."""
    if not indices:
        return parts.data
    if not t.dense:
        terms = [times(s, i, stride) for i, stride in zip(indices, parts.strides, strict=True)]
        return s.emit("offset", ADDRESS, parts.data, sum_of(s, terms))
    axes = range(t.ndim) if t.layout == "C" else range(t.ndim)[::-1]
    place = indices[axes[0]]
    for axis in axes[1:]:
        place = plus(s, times(s, place, parts.shape[axis]), indices[axis])
    return s.emit("element", ADDRESS, parts.data, place, type=t.dtype)


def get(s: Splitter, first: list[Value]) -> Value:
    """An element, by indices that are right."""
    t = _array(s)
    return _load(s, t, _address(s, t, Parts.of(first), s.finals(s.op.operands[1:])))


def _load(s: Splitter, t: Array, address: Value) -> Value:
    return s.emit("load", t.dtype, address, type=t.dtype, **unless_aligned(t), **scope(s))


def unless_aligned(t: Array) -> dict[str, Any]:
    """The attribute of an access to elements that says that they are not aligned."""
    return {} if t.aligned else {"aligned": False}


def scope(s: Splitter) -> dict[str, Any]:
    """The attribute of an access that tells what it is known to be apart from."""
    return {"scope": s.op.attrs["scope"]} if "scope" in s.op.attrs else {}


def record_at(s: Splitter, first: list[Value]) -> list[Value]:
    """A record, by indices that are right."""
    t, parts = _array(s), Parts.of(first)
    return [_address(s, t, parts, s.finals(s.op.operands[1:])), parts.owner]


def put(s: Splitter, first: list[Value]) -> Value:
    """Assign an element. What users write may be negative, and may be checked."""
    t, parts = _array(s), Parts.of(first)
    value, *indices = s.finals(s.op.operands[1:])
    if "checked" in s.op.attrs:
        indices = [_right_index(s, parts, axis, i) for axis, i in enumerate(indices)]
    address = _address(s, t, parts, indices)
    if isinstance(value.type, Element):
        return copy_record(s, address, value, t)
    attrs = unless_aligned(t) | scope(s)
    return s.emit("store", NONE, address, value, type=t.dtype, **attrs)


def copy_record(s: Splitter, target: Value, value: Value, t: Array) -> Value:
    """Copy a record to the address of an element of a ``t``."""
    check_copied(s, t)
    source = value.type
    assert isinstance(source, Element)
    attrs = unless_aligned(t._replace(aligned=t.aligned and source.aligned))
    return s.emit("copy_record", NONE, target, s.parts[value][0], type=t.dtype, **attrs)


def check_copied(s: Splitter, t: Array) -> None:
    """Raise TypingError if elements refer to Python's objects, which nobody here would count."""
    if isinstance(t.dtype, Record) and t.dtype.has_objects:
        raise TypingError(
            f"{t.dtype.long_name} with fields of Python objects cannot be copied in a kernel",
            s.op.loc,
            "assign the other fields one by one",
        )


_TOO_LARGE = Raised(OverflowError, ("Python int too large to convert to C long",))
_OUT_OF_BOUNDS = "index {} is out of bounds for axis {} with size {}"


def _right_index(s: Splitter, parts: Parts, axis: int, index: Value) -> Value:
    """An index that a user writes: from the end if it is negative, in bounds if that is asked."""
    length, checked = parts.shape[axis], s.op.attrs.get("checked")
    index = count_of(s, index, _TOO_LARGE if checked else None)
    place = s.emit("wrapped_index", WEAK_INT, index, length)
    if checked:
        right = s.emit("in_bounds", WEAK_BOOL, place, length)
        text = Made(fill, (_OUT_OF_BOUNDS, Slot(WEAK_INT), axis, Slot(WEAK_INT)))
        error = Raised(IndexError, (text,))
        s.emit("require", NONE, right, index, length, error=error)
    return place


def count_of(s: Splitter, index: Value, error: Raised | None) -> Value:
    """An index as an int64; raise ``error`` for one of uint64 that is none."""
    if index.type == WEAK_INT:
        return index
    count = s.emit("convert", WEAK_INT, index, to=WEAK_INT)
    if error is not None:
        fits = s.emit("ge", WEAK_BOOL, count, s.integer(0))
        s.emit("require", NONE, fits, error=error)
    return count


# ------------------------------------------------------------------------------------- views


def subscript(s: Splitter, first: list[Value]) -> Value:
    """``array[index]`` that is an element."""
    t = _array(s)
    return _load(s, t, _element_address(s, t, Parts.of(first)))


def _element_address(s: Splitter, t: Array, parts: Parts) -> Value:
    """Where the element stands whose indices a user writes."""
    indices = [_right_index(s, parts, axis, i) for axis, i in enumerate(_index_values(s))]
    return _address(s, t, parts, indices)


def atomic(s: Splitter, first: list[Value]) -> Value:
    """An atomic operation on the element whose indices a user writes."""
    op, t = s.op, _array(s)
    address = _element_address(s, t, Parts.of(first))
    kind = {"kind": op.attrs["kind"]} if "kind" in op.attrs else {}
    values = s.finals(op.operands[2:])
    return s.emit(f"{op.name}_at", t.dtype, address, *values, type=t.dtype, **kind)


def view(s: Splitter, first: list[Value]) -> list[Value]:
    """``array[index]`` that is a view, or refers to a record."""
    t, parts = _array(s), Parts.of(first)
    if isinstance(s.op.value.type, Element):
        return [_element_address(s, t, parts), parts.owner]
    index = s.op.operands[1].type
    assert index is not None
    values = _index_values(s)
    shape: list[Value] = []
    strides: list[Value] = []
    moves: list[Value] = []
    axis = 0
    for item in plan(t, index):
        if item.kind == "new":
            shape.append(s.integer(1))
            strides.append(s.integer(0))
            continue
        length, stride = parts.shape[axis], parts.strides[axis]
        if item.kind == "integer":
            moves.append(times(s, _right_index(s, parts, axis, values[item.place]), stride))
        elif item.kind == "slice":
            start, count, step = _slice(s, values[item.place], items_of(index)[item.place], length)
            moves.append(times(s, start, stride))
            shape.append(count)
            strides.append(times(s, stride, step))
        else:
            shape.append(length)
            strides.append(stride)
        axis += 1
    data = s.emit("offset", ADDRESS, parts.data, sum_of(s, moves)) if moves else parts.data
    return Parts(data, shape, strides, parts.owner).list


def _index_values(s: Splitter) -> list[Value]:
    """The parts of an index, as many as its type has."""
    index = s.final(s.op.operands[1])
    return s.finals(s.parts[index]) if isinstance(index.type, Tuple) else [index]


_ZERO_STEP = Raised(ValueError, ("slice step cannot be zero",))


def _slice(s: Splitter, value: Value, t: object, length: Value) -> tuple[Value, Value, Value]:
    """Where a slice of an axis begins, how many elements it has, and its step."""
    assert isinstance(t, Slice)
    start, stop, step = s.finals(s.parts[value])
    if t.step == NONE:
        step = s.integer(1)
    else:
        zero = s.emit("ne", WEAK_BOOL, step, s.integer(0))
        s.emit("require", NONE, zero, error=_ZERO_STEP)
    if t.start == NONE:
        start = s.emit("slice_first", WEAK_INT, length, step)
    else:
        start = s.emit("slice_bound", WEAK_INT, start, length, step)
    if t.stop == NONE:
        stop = s.emit("slice_last", WEAK_INT, length, step)
    else:
        stop = s.emit("slice_bound", WEAK_INT, stop, length, step)
    return start, s.emit("range_count", WEAK_INT, start, stop, step), step


def real(s: Splitter, first: list[Value]) -> list[Value]:
    """The real parts stand where the numbers do."""
    return first


def imag(s: Splitter, first: list[Value]) -> list[Value]:
    """The imaginary parts of complex numbers stand behind the real ones."""
    parts, behind = Parts.of(first), s.integer(_array(s).dtype.component.size)
    return parts._replace(data=s.emit("offset", ADDRESS, parts.data, behind)).list


def transposed(s: Splitter, first: list[Value]) -> list[Value]:
    parts = Parts.of(first)
    return parts._replace(shape=parts.shape[::-1], strides=parts.strides[::-1]).list


# -------------------------------------------------------------------------------- attributes


def dim(s: Splitter, first: list[Value]) -> Value:
    axis: int = s.op.attrs["axis"]
    return Parts.of(first).shape[axis]


def shape(s: Splitter, first: list[Value]) -> list[Value]:
    return Parts.of(first).shape


def strides(s: Splitter, first: list[Value]) -> list[Value]:
    return Parts.of(first).strides


def size(s: Splitter, first: list[Value]) -> Value:
    return product(s, Parts.of(first).shape)


def nbytes(s: Splitter, first: list[Value]) -> Value:
    return times(s, size(s, first), s.integer(_array(s).dtype.size))


# --------------------------------------------------------------------------------- iteration


def iterator(s: Splitter, array: Value) -> list[Value]:
    """An array, and how many of its rows have been taken."""
    return [array, s.integer(0)]


def more_rows(s: Splitter, first: list[Value]) -> Value:
    array, position = first
    length = Parts.of(s.parts[array]).shape[0]
    return s.emit("lt", WEAK_BOOL, position, length)


def next_row(s: Splitter, first: list[Value]) -> list[Value]:
    array, position = first
    return [array, plus(s, position, s.integer(1))]


def row(s: Splitter, first: list[Value]) -> Value:
    """The element or row at which an iterator stands."""
    t = s.op.operands[0].type
    assert isinstance(t, ArrayIterator) and s.op.value.type is not None
    array, position = first
    if t.array.ndim == 1:
        return s.emit("get", t.array.element, array, position)
    return s.emit("subscript", s.op.value.type, array, position, checked=False)
