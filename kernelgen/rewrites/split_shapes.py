"""How views of another shape are taken apart: what becomes of each op of ``ops/shapes.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelgen.ir.core import Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.rewrites.split_arrays import Parts, dense_strides, plus, product, times
from kernelgen.types.compound import NONE, Array, Tuple
from kernelgen.types.table import ADDRESS, WEAK_BOOL, WEAK_INT

if TYPE_CHECKING:
    from kernelgen.rewrites.split_tuples import Splitter


def arranged(s: Splitter, first: list[Value]) -> list[Value]:
    """The axes in another order; those that are left out have one element."""
    parts, axes = Parts.of(first), s.op.attrs["axes"]
    one = s.integer(1)
    for axis, length in enumerate(parts.shape):
        if axis not in axes:
            s.emit("require", NONE, s.emit("eq", WEAK_BOOL, length, one), error=_NOT_ONE)
    zero = s.integer(0)
    shape = [one if axis is None else parts.shape[axis] for axis in axes]
    strides = [zero if axis is None else parts.strides[axis] for axis in axes]
    return Parts(parts.data, shape, strides, parts.owner).list


_NOT_ONE = Raised(
    ValueError, ("cannot select an axis to squeeze out which has size not equal to one",)
)


def flipped(s: Splitter, first: list[Value]) -> list[Value]:
    """Some axes from their last element to the first. An axis without elements stays."""
    parts, one = Parts.of(first), s.integer(1)
    data, strides = parts.data, list(parts.strides)
    for axis in s.op.attrs["axes"]:
        back = s.emit("sub", WEAK_INT, parts.shape[axis], one)
        data = s.emit("offset", ADDRESS, data, times(s, back, strides[axis]))
        strides[axis] = s.emit("neg", WEAK_INT, strides[axis])
    return Parts(data, parts.shape, strides, parts.owner).list


def section(s: Splitter, first: list[Value]) -> list[Value]:
    """A part along one axis; the operands behind the array are where it begins, and its length."""
    parts, axis = Parts.of(first), s.op.attrs["axis"]
    start, length = s.finals(s.op.operands[1:])
    data = s.emit("offset", ADDRESS, parts.data, times(s, start, parts.strides[axis]))
    shape = [*parts.shape[:axis], length, *parts.shape[axis + 1 :]]
    return Parts(data, shape, parts.strides, parts.owner).list


def diagonal(s: Splitter, first: list[Value]) -> list[Value]:
    """The elements whose column is their row plus an offset."""
    parts, offset = Parts.of(first), s.final(s.op.operands[1])
    zero = s.integer(0)
    right = s.emit("max", WEAK_INT, offset, zero)
    down = s.emit("max", WEAK_INT, s.emit("neg", WEAK_INT, offset), zero)
    rows = s.emit("sub", WEAK_INT, parts.shape[0], down)
    columns = s.emit("sub", WEAK_INT, parts.shape[1], right)
    count = s.emit("max", WEAK_INT, s.emit("min", WEAK_INT, rows, columns), zero)
    moved = plus(s, times(s, down, parts.strides[0]), times(s, right, parts.strides[1]))
    start = s.emit("where", WEAK_INT, s.emit("gt", WEAK_BOOL, count, zero), moved, zero)
    data = s.emit("offset", ADDRESS, parts.data, start)
    stride = plus(s, parts.strides[0], parts.strides[1])
    return Parts(data, [count], [stride], parts.owner).list


def stretched(s: Splitter, first: list[Value]) -> list[Value]:
    """An array broadcast to a shape, which is checked."""
    parts, shape = Parts.of(first), _lengths(s)
    missing, zero, one = len(shape) - len(parts.shape), s.integer(0), s.integer(1)
    for length in shape:
        s.emit("require", NONE, s.emit("ge", WEAK_BOOL, length, zero), error=_NEGATIVE)
    error = _no_broadcast(len(parts.shape), len(shape))
    strides = [zero] * missing
    for length, stride, whole in zip(parts.shape, parts.strides, shape[missing:], strict=True):
        single = s.emit("eq", WEAK_BOOL, length, one)
        fits = s.emit("or", WEAK_BOOL, single, s.emit("eq", WEAK_BOOL, length, whole))
        s.emit("require", NONE, fits, *parts.shape, *shape, error=error)
        strides.append(s.emit("where", WEAK_INT, single, zero, stride))
    return Parts(parts.data, shape, strides, parts.owner).list


_NEGATIVE = Raised(ValueError, ("all elements of broadcast shape must be non-negative",))


def shape_text(ndim: int) -> str:
    """A shape in the template of a message."""
    return f"({','.join(['{}'] * ndim)}{',' * (ndim == 1)})"


def _no_broadcast(ndim: int, wanted: int) -> Raised:
    template = (
        "operands could not be broadcast together with remapped shapes "
        f"[original->remapped]: {shape_text(ndim)}  and requested shape {shape_text(wanted)}"
    )
    return Raised(ValueError, (Made(fill, (template, *(Slot(WEAK_INT),) * (ndim + wanted))),))


def _lengths(s: Splitter) -> list[Value]:
    """The shape that is the second operand."""
    shape = s.final(s.op.operands[1])
    return s.finals(s.parts[shape]) if isinstance(shape.type, Tuple) else [shape]


# ----------------------------------------------------------------------------------- reshape


def fitted(s: Splitter, first: list[Value]) -> list[Value]:
    """A shape for as many elements as an array has; one length may be unknown, which is -1."""
    size, shape = product(s, Parts.of(first).shape), _lengths(s)
    zero, one = s.integer(0), s.integer(1)
    unknown = [s.emit("lt", WEAK_BOOL, length, zero) for length in shape]
    count = zero
    for each in unknown:
        count = plus(s, count, s.emit("where", WEAK_INT, each, one, zero))
    s.emit("require", NONE, s.emit("le", WEAK_BOOL, count, one), error=_TWO_UNKNOWN)
    lengths = [
        s.emit("where", WEAK_INT, each, one, length)
        for each, length in zip(unknown, shape, strict=True)
    ]
    known = product(s, lengths)
    some = s.emit("ne", WEAK_BOOL, known, zero)
    divisor = s.emit("where", WEAK_INT, some, known, one)
    rest = s.emit("floordiv", WEAK_INT, size, divisor)
    whole = s.emit("eq", WEAK_BOOL, times(s, rest, known), size)
    open_ = s.emit("ne", WEAK_BOOL, count, zero)
    same = s.emit("eq", WEAK_BOOL, known, size)
    divides = s.emit("and", WEAK_BOOL, s.emit("and", WEAK_BOOL, open_, some), whole)
    fits = s.emit(
        "or", WEAK_BOOL, divides, s.emit("and", WEAK_BOOL, s.emit("not", WEAK_BOOL, open_), same)
    )
    s.emit("require", NONE, fits, size, *shape, error=_does_not_fit(len(shape)))
    return [
        s.emit("where", WEAK_INT, each, rest, length)
        for each, length in zip(unknown, shape, strict=True)
    ]


_TWO_UNKNOWN = Raised(ValueError, ("can only specify one unknown dimension",))


def fill_shape(template: str, size: int, *shape: int) -> str:
    """A message about a shape, in which NumPy writes an unknown length as a new axis."""
    return template.format(size, *("newaxis" if length < 0 else length for length in shape))


def _does_not_fit(ndim: int) -> Raised:
    template = f"cannot reshape array of size {{}} into shape {shape_text(ndim)}"
    slots = (Slot(WEAK_INT),) * (ndim + 1)
    return Raised(ValueError, (Made(fill_shape, (template, *slots)),))


def dense_view(s: Splitter, first: list[Value]) -> list[Value]:
    """The elements of an array without gaps, in another shape."""
    parts, shape, t = Parts.of(first), _lengths(s), s.op.value.type
    assert isinstance(t, Array)
    return Parts(parts.data, shape, dense_strides(s, t, shape), parts.owner).list


def strided_view(s: Splitter, first: list[Value]) -> list[Value]:
    """The same at any strides, which are the operands behind the shape."""
    parts, strides = Parts.of(first), s.finals(s.op.operands[2:])
    return Parts(parts.data, _lengths(s), strides, parts.owner).list


def is_dense(s: Splitter, first: list[Value]) -> Value:
    """Whether the strides are those of an array without gaps, but of axes of one element."""
    parts, t = Parts.of(first), s.op.operands[0].type
    assert isinstance(t, Array)
    zero, one = s.integer(0), s.integer(1)
    dense = s.emit("eq", WEAK_BOOL, product(s, parts.shape), zero)
    wanted = dense_strides(s, t._replace(layout="C"), parts.shape)
    right = s.emit("const", WEAK_BOOL, value=True)
    for length, stride, step in zip(parts.shape, parts.strides, wanted, strict=True):
        same = s.emit("eq", WEAK_BOOL, stride, step)
        single = s.emit("eq", WEAK_BOOL, length, one)
        right = s.emit("and", WEAK_BOOL, right, s.emit("or", WEAK_BOOL, same, single))
    return s.emit("or", WEAK_BOOL, dense, right)


def viewed(s: Splitter, first: list[Value]) -> list[Value]:
    """The same memory as values of another type: there are more or fewer in the last axis."""
    parts, t, to = Parts.of(first), s.op.operands[0].type, s.op.value.type
    assert isinstance(t, Array) and isinstance(to, Array)
    if t.dtype.size == to.dtype.size:
        return first
    size, wide = s.integer(t.dtype.size), s.integer(to.dtype.size)
    dense = s.emit("eq", WEAK_BOOL, parts.strides[-1], size)
    single = s.emit("eq", WEAK_BOOL, parts.shape[-1], s.integer(1))
    s.emit("require", NONE, s.emit("or", WEAK_BOOL, dense, single), error=_NOT_CONTIGUOUS)
    count = times(s, parts.shape[-1], size)
    length = s.emit("floordiv", WEAK_INT, count, wide)
    whole = s.emit("eq", WEAK_BOOL, times(s, length, wide), count)
    s.emit("require", NONE, whole, error=_NOT_DIVISIBLE)
    shape, strides = [*parts.shape[:-1], length], [*parts.strides[:-1], wide]
    return Parts(parts.data, shape, strides, parts.owner).list


_NOT_CONTIGUOUS = Raised(
    ValueError, ("To change to a dtype of a different size, the last axis must be contiguous",)
)
_NOT_DIVISIBLE = Raised(
    ValueError,
    (
        "When changing to a larger dtype, its size must be a divisor of the total size in bytes "
        "of the last axis of the array.",
    ),
)
