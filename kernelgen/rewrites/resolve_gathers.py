"""What ``a[index]`` becomes if there are arrays in the index (see ``resolve_arrays``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelgen.ir.core import Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.ops.gathering import Gather, basic_index, gather_of, gathered_type, index_dims
from kernelgen.ops.indexing import indexed_type
from kernelgen.rewrites.split_shapes import shape_text
from kernelgen.types.compound import NONE, Array, Element, Tuple, Type
from kernelgen.types.table import INT64, WEAK_BOOL, WEAK_INT, Scalar

if TYPE_CHECKING:
    from kernelgen.rewrites.place import Place


def gather(p: Place, array: Value, index: Value) -> None:
    """Read: the op becomes a new array."""
    made = p.op.value.type
    assert isinstance(made, Array)
    mask = _sole_mask(array, index)
    if mask is not None:
        _check_mask(p, array, mask, 0)
        count = p.put("count_true", WEAK_INT, mask)
        result = p.put("array_of_shape", made, count)
        p.put("pick", WEAK_INT, result, p.integer(0), array, mask)
        p.become("same_array", result)
        return
    parts = _Parts(p, array, index)
    result = p.put("array_of_shape", parts.dense_type, *parts.dense_lengths)
    p.put("gather", NONE, result, parts.front, *parts.indices)
    if parts.order == tuple(range(parts.dense_type.ndim)):
        p.become("same_array", result)
    else:
        p.become("arranged", result, axes=parts.order)


def scatter(p: Place, array: Value, index: Value, value: Value) -> None:
    """Write, after all indices have been checked."""
    if isinstance(value.type, Array) and value.type.ndim == 0:
        value = p.put("get", value.type.element, value)
    mask = _sole_mask(array, index)
    if mask is not None:
        _write_masked(p, array, mask, value)
        return
    parts = _Parts(p, array, index)
    given = isinstance(value.type, Array)
    value = _undisturbed(p, array, value) if given else _as_array(p, value)
    whole = _broadcast_value(p, value, parts.lengths)
    axes = tuple(parts.order.index(axis) for axis in range(len(parts.order)))
    t = whole.type
    assert isinstance(t, Array)
    moved = p.put("arranged", t, whole, axes=axes)
    p.become("scatter", parts.front, moved, *parts.indices)


def _as_array(p: Place, value: Value) -> Value:
    """A number or a record as an array without dimensions."""
    if isinstance(value.type, Element):
        return p.put("as_array", Array(value.type.record, 0, "C", True, value.type.aligned), value)
    assert isinstance(value.type, Scalar)
    made = p.put("array_of_shape", Array(value.type, 0, "C"))
    p.put("put", NONE, made, value)
    return made


def _undisturbed(p: Place, array: Value, value: Value) -> Value:
    t = value.type
    assert isinstance(t, Array)
    return p.put("undisturbed", t._replace(layout="C" if t.layout == "C" else "A"), array, value)


def _sole_mask(array: Value, index: Value) -> Value | None:
    """A mask for all axes, if there is nothing else in an index."""
    t, made = index.type, array.type
    assert isinstance(made, Array)
    alone = isinstance(t, Array) and t.dtype.is_bool and t.ndim == made.ndim
    return index if alone else None


_WRONG_MASK = (
    "boolean index did not match indexed array along axis {}; size of axis is {} but size of "
    "corresponding boolean axis is {}"
)
_WRONG_COUNT = (
    "NumPy boolean array indexing assignment cannot assign {} input values to the {} output "
    "values where the mask is true"
)


def _check_mask(p: Place, array: Value, mask: Value, first: int) -> None:
    """A mask is as long as the axes that it is for."""
    t = mask.type
    assert isinstance(t, Array)
    for axis in range(t.ndim):
        length = p.put("dim", WEAK_INT, array, axis=first + axis)
        own = p.put("dim", WEAK_INT, mask, axis=axis)
        same = p.put("eq", WEAK_BOOL, length, own)
        text = Made(fill, (_WRONG_MASK, first + axis, Slot(WEAK_INT), Slot(WEAK_INT)))
        p.put("require", NONE, same, length, own, error=Raised(IndexError, (text,)))


def _write_masked(p: Place, array: Value, mask: Value, value: Value) -> None:
    _check_mask(p, array, mask, 0)
    if not isinstance(value.type, Array):
        p.become("fill_masked", array, mask, value)
        return
    value = _undisturbed(p, array, value)
    t = value.type
    assert isinstance(t, Array)
    count = p.put("count_true", WEAK_INT, mask)
    length = p.put("dim", WEAK_INT, value, axis=0)
    same = p.put("eq", WEAK_BOOL, length, count)
    single = p.put("eq", WEAK_BOOL, length, p.integer(1))
    text = Made(fill, (_WRONG_COUNT, Slot(WEAK_INT), Slot(WEAK_INT)))
    error = Raised(ValueError, (text,))
    fits = p.put("or", WEAK_BOOL, same, single)
    p.put("require", NONE, fits, length, count, error=error)
    whole = p.put("stretched", t._replace(ndim=1, layout="A", readonly=True), value, count)
    p.put("spread", WEAK_INT, array, mask, whole, p.integer(0))
    p.become("const", value=None)


class _Parts:
    """The view that is indexed, its index arrays, and the shape of the result.

    Attributes
    ----------
    front : Value
        The view, the axes that are indexed first.
    indices : list of Value
        An index array for each of them, broadcast.
    lengths : list of Value
        The shape of the result.
    dense_type, dense_lengths : Array, list of Value
        The result with the axes of the arrays first.
    order : tuple of int
        Where the axes of the result are among those.
    """

    def __init__(self, p: Place, array: Value, index: Value) -> None:
        self.p = p
        assert isinstance(array.type, Array) and index.type is not None
        meaning = gather_of(array.type, index.type)
        items = [index]
        if isinstance(index.type, Tuple):
            types = index.type.elements
            items = [p.put("item", t, index, index=i) for i, t in enumerate(types)]
        view = self._view(array, index.type, meaning.basic, items)
        t = view.type
        assert isinstance(t, Array)
        self.indices = self._broadcast(self._index_arrays(array, meaning, items))
        axes = [axis for axis, _ in meaning.axes]
        rest = [axis for axis in range(t.ndim) if axis not in axes]
        order = (*axes, *rest)
        self.front = view
        if order != tuple(range(t.ndim)):
            self.front = p.put("arranged", t._replace(layout="A"), view, axes=order)
        dims = index_dims(index.type)
        shape = [p.put("dim", WEAK_INT, view, axis=axis) for axis in rest]
        self.dense_lengths = [*self.met, *shape]
        self.dense_type = gathered_type(array.type, index.type)._replace(layout="C")
        first = meaning.place
        self.order = (
            *range(dims, dims + first),
            *range(dims),
            *range(dims + first, dims + len(rest)),
        )
        self.lengths = [self.dense_lengths[axis] for axis in self.order]

    def _view(self, array: Value, index: Type, basic: tuple[int, ...], items: list[Value]) -> Value:
        """The array with only numbers and slices of the index applied."""
        assert isinstance(array.type, Array)
        if set(basic) == {-1}:
            return array
        p = self.p
        types = basic_index(index, gather_of(array.type, index))
        none = [p.put("const", NONE, value=None) for _ in range(3)]
        parts = [
            p.put("slice", t, *none) if place < 0 else items[place]
            for place, t in zip(basic, types.elements, strict=True)
        ]
        whole = p.put("tuple", types, *parts)
        checked = p.op.attrs.get("checked", False)
        return p.put("subscript", indexed_type(array.type, types), array, whole, checked=checked)

    def _index_arrays(self, array: Value, meaning: Gather, items: list[Value]) -> list[Value]:
        """An array of right integers for each axis; of a mask the places where it is true."""
        p = self.p
        found: list[Value] = []
        for place in meaning.arrays:
            value = items[place]
            t = value.type
            assert isinstance(t, Array)
            axis = meaning.axes[len(found)][1]
            if t.dtype.is_bool:
                _check_mask(p, array, value, axis)
                made = Array(INT64, 1, "C")
                places = p.put("places_of", Tuple((made,) * t.ndim), value)
                found += [p.put("item", made, places, index=i) for i in range(t.ndim)]
                continue
            length = p.put("dim", WEAK_INT, array, axis=axis)
            p.put("check_places", NONE, value, length, p.integer(axis))
            found.append(value)
        return found

    def _broadcast(self, arrays: list[Value]) -> list[Value]:
        """Index arrays in the shape in which they meet."""
        p = self.p
        shapes = []
        for value in arrays:
            t = value.type
            assert isinstance(t, Array)
            shapes.append([p.put("dim", WEAK_INT, value, axis=axis) for axis in range(t.ndim)])
        dims = max(map(len, shapes))
        one = p.integer(1)
        self.met: list[Value] = []
        for axis in range(-dims, 0):
            lengths = [shape[axis] for shape in shapes if len(shape) >= -axis]
            longest = lengths[0]
            for length in lengths[1:]:
                single = p.put("eq", WEAK_BOOL, longest, one)
                longest = p.put("where", WEAK_INT, single, length, longest)
            self.met.append(longest)
        given = [length for shape in shapes for length in shape]
        error = _no_common_shape([len(shape) for shape in shapes])
        for shape in shapes:
            for length, whole in zip(shape, self.met[dims - len(shape) :], strict=True):
                if length is not whole:
                    _require_fit(p, length, whole, error, given)
        return arrays if len(arrays) == 1 else list(map(self._stretch, arrays))

    def _stretch(self, value: Value) -> Value:
        assert isinstance(value.type, Array)
        t = value.type._replace(ndim=len(self.met), layout="A", readonly=True)
        return self.p.put("stretched", t, value, *self.met)


def _require_fit(p: Place, length: Value, whole: Value, error: Raised, slots: list[Value]) -> None:
    same = p.put("eq", WEAK_BOOL, length, whole)
    single = p.put("eq", WEAK_BOOL, length, p.integer(1))
    p.put("require", NONE, p.put("or", WEAK_BOOL, same, single), *slots, error=error)


def _no_common_shape(dims: list[int]) -> Raised:
    template = "shape mismatch: indexing arrays could not be broadcast together with shapes "
    template += "".join(f"{shape_text(ndim)} " for ndim in dims)
    return Raised(IndexError, (Made(fill, (template, *(Slot(WEAK_INT),) * sum(dims))),))


def _broadcast_value(p: Place, value: Value, lengths: list[Value]) -> Value:
    """What is assigned, in the shape of what it is assigned to."""
    t = value.type
    assert isinstance(t, Array)
    shape = [p.put("dim", WEAK_INT, value, axis=axis) for axis in range(t.ndim)]
    template = (
        f"shape mismatch: value array of shape {shape_text(t.ndim)} could not be broadcast to "
        f"indexing result of shape {shape_text(len(lengths))}"
    )
    slots = (Slot(WEAK_INT),) * (len(shape) + len(lengths))
    error = Raised(ValueError, (Made(fill, (template, *slots)),))
    for length, whole in zip(shape, lengths[len(lengths) - len(shape) :], strict=True):
        _require_fit(p, length, whole, error, [*shape, *lengths])
    return p.put(
        "stretched", t._replace(ndim=len(lengths), layout="A", readonly=True), value, *lengths
    )
