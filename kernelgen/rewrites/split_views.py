"""How the views that the compiler makes are taken apart: what becomes of each op."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kernelgen.ir.core import Value
from kernelgen.rewrites.split_arrays import Parts, dense_strides, plus, product, sum_of, times
from kernelgen.types.compound import Array
from kernelgen.types.table import ADDRESS, WEAK_BOOL, WEAK_INT

if TYPE_CHECKING:
    from kernelgen.rewrites.split_tuples import Splitter


def stretched(s: Splitter, first: list[Value]) -> list[Value]:
    """An array broadcast to a shape: axes of one element do not move.

    That the elements of rows lie side by side, if they do, is a constant that LLVM sees.
    """
    parts, t = Parts.of(first), s.op.operands[0].type
    assert isinstance(t, Array)
    if t.layout == "C" and t.ndim:
        parts = parts._replace(strides=[*parts.strides[:-1], s.integer(t.dtype.size)])
    shape = s.finals(s.op.operands[1:])
    missing = len(shape) - len(parts.shape)
    zero = s.integer(0)
    strides = [zero] * missing
    for length, stride, whole in zip(parts.shape, parts.strides, shape[missing:], strict=True):
        if length is whole:
            strides.append(stride)
        else:
            single = s.emit("eq", WEAK_BOOL, length, s.integer(1))
            strides.append(s.emit("where", WEAK_INT, single, zero, stride))
    return Parts(parts.data, shape, strides, parts.owner).list


def flattened(s: Splitter, first: list[Value]) -> list[Value]:
    """All elements of an array without gaps."""
    t, parts = s.op.value.type, Parts.of(first)
    assert isinstance(t, Array)
    size = product(s, parts.shape)
    return Parts(parts.data, [size], [s.integer(t.dtype.size)], parts.owner).list


def merged(s: Splitter, first: list[Value]) -> list[Value]:
    """An array without gaps whose last axes, from some on, are one."""
    t, parts, at = s.op.value.type, Parts.of(first), s.op.attrs["first"]
    assert isinstance(t, Array)
    shape = [*parts.shape[:at], product(s, parts.shape[at:])]
    strides = [*parts.strides[:at], s.integer(t.dtype.size)]
    return Parts(parts.data, shape, strides, parts.owner).list


def row(s: Splitter, first: list[Value]) -> list[Value]:
    """A row, by indices that are right."""
    parts, indices = Parts.of(first), s.finals(s.op.operands[1:])
    strides = parts.strides[: len(indices)]
    moves = [times(s, i, stride) for i, stride in zip(indices, strides, strict=True)]
    data = s.emit("offset", ADDRESS, parts.data, sum_of(s, moves)) if moves else parts.data
    rest = slice(len(indices), None)
    return Parts(data, parts.shape[rest], parts.strides[rest], parts.owner).list


def overlaps(s: Splitter, first: list[Value]) -> Value:
    """Whether there may be memory that two arrays have in common."""
    types = [v.type for v in s.op.operands]
    assert isinstance(types[0], Array) and isinstance(types[1], Array)
    low, high = _extent(s, types[0], Parts.of(first))
    other = Parts.of(s.parts[s.final(s.op.operands[1])])
    other_low, other_high = _extent(s, types[1], other)
    return _and(
        s, s.emit("lt", WEAK_BOOL, low, other_high), s.emit("lt", WEAK_BOOL, other_low, high)
    )


def disturbs(s: Splitter, first: list[Value]) -> Value:
    """Whether two arrays overlap, and are not the same elements in the same order."""
    target, source = Parts.of(first), Parts.of(s.parts[s.final(s.op.operands[1])])
    overlap = overlaps(s, first)
    if len(target.shape) != len(source.shape):
        return overlap
    starts = [s.emit("address_number", WEAK_INT, parts.data) for parts in (target, source)]
    same = s.emit("eq", WEAK_BOOL, *starts)
    pairs = zip(target.list[1:-1], source.list[1:-1], strict=True)
    for a, b in pairs:
        same = _and(s, same, s.emit("eq", WEAK_BOOL, a, b))
    disturbed = _and(s, overlap, s.emit("not", WEAK_BOOL, same))
    if s.op.attrs.get("interleaved") and target.strides and source.strides:
        apart = _are_interleaved(s, starts, target, source)
        disturbed = _and(s, disturbed, s.emit("not", WEAK_BOOL, apart))
    return disturbed


def _are_interleaved(s: Splitter, starts: list[Value], target: Parts, source: Parts) -> Value:
    """Whether all elements are in lanes of their own, seen from step to step of the last axis."""
    types = [v.type for v in s.op.operands]
    assert isinstance(types[0], Array) and isinstance(types[1], Array)
    last, zero, one = target.strides[-1], s.integer(0), s.integer(1)
    back = s.emit("lt", WEAK_BOOL, last, zero)
    step = s.emit("where", WEAK_INT, back, s.emit("neg", WEAK_INT, last), last)
    step = s.emit("max", WEAK_INT, step, one)
    distance = s.emit("sub", WEAK_INT, starts[1], starts[0])
    before = times(s, s.emit("floordiv", WEAK_INT, distance, step), step)
    place = s.emit("sub", WEAK_INT, distance, before)
    behind = plus(s, place, s.integer(types[1].dtype.size))
    apart = _and(
        s,
        s.emit("ge", WEAK_BOOL, place, s.integer(types[0].dtype.size)),
        s.emit("le", WEAK_BOOL, behind, step),
    )
    for stride in (*target.strides, *source.strides):
        whole = times(s, s.emit("floordiv", WEAK_INT, stride, step), step)
        apart = _and(s, apart, s.emit("eq", WEAK_BOOL, whole, stride))
    return apart


def _and(s: Splitter, a: Value, b: Value) -> Value:
    return s.emit("and", WEAK_BOOL, a, b)


def _extent(s: Splitter, t: Array, parts: Parts) -> tuple[Value, Value]:
    """The addresses between which the elements of an array lie."""
    low = s.emit("address_number", WEAK_INT, parts.data)
    size = s.integer(t.dtype.size)
    if t.dense:
        return low, plus(s, low, times(s, product(s, parts.shape), size))
    high, zero, one = plus(s, low, size), s.integer(0), s.integer(1)
    for length, stride in zip(parts.shape, parts.strides, strict=True):
        span = times(s, s.emit("sub", WEAK_INT, length, one), stride)
        back = s.emit("lt", WEAK_BOOL, span, zero)
        low = plus(s, low, s.emit("where", WEAK_INT, back, span, zero))
        high = plus(s, high, s.emit("where", WEAK_INT, back, zero, span))
    return low, high


def either(s: Splitter, first: list[Value]) -> list[Value]:
    """One of two arrays, which are laid out alike."""
    condition, *arrays = s.finals(s.op.operands)
    pairs = zip(*(s.finals(Parts.of(s.parts[v]).list) for v in arrays), strict=True)
    return [a if a is b else s.emit("where", a.type, condition, a, b) for a, b in pairs]


def frame_array(s: Splitter, first: list[Value]) -> list[Value]:
    """Room in the frame of the function, which nobody owns."""
    t = s.op.value.type
    assert isinstance(t, Array)
    count = s.op.attrs["count"]
    data = s.emit("reserve", ADDRESS, type=t.dtype, count=count)
    shape = [s.integer(n) for n in s.op.attrs.get("shape", (count,) * t.ndim)]
    strides = dense_strides(s, t, shape)
    return Parts(data, shape, strides, s.emit("default", ADDRESS, type=ADDRESS)).list


def grid_array(s: Splitter, first: list[Value]) -> list[Value]:
    """Memory of a thread, or memory that the threads of a block share; nobody owns it."""
    op, t = s.op, s.op.value.type
    assert isinstance(t, Array)
    shape: tuple[int, ...] = op.attrs["shape"]
    if op.attrs["space"] == "shared" and shape == (0,):
        data = s.emit("dynamic_shared_memory", ADDRESS)
        lengths = [s.emit("dynamic_shared_length", WEAK_INT, itemsize=t.dtype.size)]
    else:
        maker = "shared_memory" if op.attrs["space"] == "shared" else "reserve"
        data = s.emit(maker, ADDRESS, type=t.dtype, count=math.prod(shape))
        lengths = [s.integer(n) for n in shape]
    owner = s.emit("default", ADDRESS, type=ADDRESS)
    return Parts(data, lengths, dense_strides(s, t, lengths), owner).list


def gemm(s: Splitter, first: list[Value]) -> Value:
    """The product of two matrices by BLAS, which is handed addresses, steps and lengths."""
    out, operands = Parts.of(first), s.finals(s.op.operands[1:])
    given: list[Value] = []
    for matrix in operands:
        given += [Parts.of(s.parts[matrix]).data, _step(s, matrix)]
    t, columns = s.op.operands[0].type, Parts.of(s.parts[operands[0]]).shape[1]
    assert isinstance(t, Array)
    return s.emit("blas_gemm", WEAK_BOOL, *given, out.data, *out.shape, columns, type=t.dtype)


def _step(s: Splitter, matrix: Value) -> Value:
    """The elements from row to row; from column to column, negative, if columns are contiguous.

    The strides do not tell: that of an axis of one element may be anything.
    """
    assert isinstance(matrix.type, Array)
    rows, columns = Parts.of(s.parts[matrix]).shape
    return columns if matrix.type.layout == "C" else s.emit("neg", WEAK_INT, rows)
