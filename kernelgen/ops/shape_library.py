"""NumPy's functions that give an array another shape, written in the kernel language."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.array_library import array_from, converted, dtype_for, new_array
from kernelgen.ops.library import replaces

# ------------------------------------------------------------------- what ops stand for these


def permuted(a: Any, axes: Any) -> Any:
    """The op of that name: axes in another order; in reverse if none is given."""
    return a.transpose(*axes)


def swapped(a: Any, first: Any, second: Any) -> Any:
    """The op of that name: two axes change places."""
    return np.swapaxes(a, first, second)


def moved(a: Any, source: Any, destination: Any) -> Any:
    """The op of that name: an axis goes to another place."""
    return np.moveaxis(a, source, destination)


def squeezed(a: Any, axis: Any) -> Any:
    """The op of that name: without an axis of one element."""
    return np.squeeze(a, axis)


def expanded(a: Any, axis: Any) -> Any:
    """The op of that name: with axes of one element more."""
    return np.expand_dims(a, axis)


def before_axes_of(a: Any, b: Any) -> Any:
    """The op of that name: with an axis of one element more for each axis of ``b``."""
    return a.reshape(a.shape + (1,) * b.ndim)


def deepened(a: Any, ndim: Any) -> Any:
    """The op of that name: with as many axes in front as it takes to have ``ndim``."""
    return (np.atleast_1d, np.atleast_2d, np.atleast_3d)[ndim - 1](a)


def as_column(a: Any) -> Any:
    """The op of that name: a vector as a matrix of one column, a matrix as it is."""
    return a[:, np.newaxis] if a.ndim == 1 else a


def flipped(a: Any, axis: Any) -> Any:
    """The op of that name: some axes backwards, all of them if it is None."""
    return np.flip(a, axis)


def diagonal_of(a: Any, offset: Any) -> Any:
    """The op of that name: a view of a matrix's diagonal."""
    return np.diagonal(a, offset)


def stretched_to(a: Any, shape: Any) -> Any:
    """The op of that name: a read-only view, broadcast."""
    return np.broadcast_to(a, shape)


def reshaped(a: Any, shape: Any) -> Any:
    """The op of that name: the same elements in another shape, which may be in a tuple."""
    return a.reshape(*shape) if isinstance(shape, tuple) else a.reshape(shape)


def fitted(a: Any, shape: Any) -> Any:
    """The op of that name: a shape for all elements of ``a``, with the length for a -1."""
    return np.reshape(a, shape).shape


def dense_view(a: Any, shape: Any) -> Any:
    """The op of that name: the elements of an array without gaps in another shape."""
    return np.reshape(a, shape)


def strided_view(a: Any, shape: Any, strides: Any) -> Any:
    """The op of that name: elements at strides that have been found."""
    return np.lib.stride_tricks.as_strided(a, shape, strides)


def raveled(a: Any) -> Any:
    """The op of that name: all elements in a row, as a view if they lie so."""
    return np.ravel(a)


def all_elements(a: Any) -> Any:
    """The op ``flattened``: those of an array without gaps, as they lie in memory."""
    return a.ravel("K")


def is_dense(a: Any) -> Any:
    """The op of that name: whether elements lie without gaps, the last index running fastest."""
    return a.flags.c_contiguous


def as_dense(a: Any) -> Any:
    """The op of that name: an array of which this is known."""
    return a


def dense(a: Any) -> Any:
    """The op of that name: the array itself if it is so, or a copy that is."""
    return np.ascontiguousarray(a)


# ------------------------------------------------------------------------- their definitions


def dense_copy(a: Any) -> Any:
    made = new_array(a.shape, dtype_for(None, a), "C")
    made[...] = a
    return made


def itself(a: Any) -> Any:
    return a


def dense_of_any(a: Any) -> Any:
    return as_dense(a) if is_dense(a) else dense_copy(a)


def ravel_of_dense(a: Any) -> Any:
    return all_elements(a)


def ravel_of_any(a: Any) -> Any:
    return all_elements(dense(a))


def reshape_to_one(a: Any, shape: Any) -> Any:
    """A method was given one tuple."""
    (lengths,) = shape
    return reshaped(a, lengths)


def reshape_of_dense(a: Any, shape: Any) -> Any:
    return dense_view(a, fitted(a, shape))


def reshape_of_any(a: Any, shape: Any) -> Any:
    lengths = fitted(a, shape)
    strides = array_from(lengths, np.int64)
    if find_strides(a, array_from(lengths, np.int64), strides):
        return strided_view(a, lengths, strides)
    return dense_view(dense_copy(a), lengths)


def find_strides(a: Any, shape: Any, strides: Any) -> Any:
    """Fill in the strides that a view has to have, if it can have them; whether it can.

    Runs of axes, old and new, that hold equally many elements go together. Within a run of old
    ones there must be no gaps.
    """
    old, steps = array_from(a.shape, np.int64), array_from(a.strides, np.int64)
    kept = 0
    for axis in range(len(old)):
        if old[axis] == 0:
            return False
        if old[axis] != 1:
            old[kept], steps[kept] = old[axis], steps[axis]
            kept += 1
    first = start = 0
    step = a.itemsize
    while start < len(shape) and first < kept:
        last, end = first + 1, start + 1
        count, wanted = old[first], shape[start]
        while count != wanted:
            if wanted < count:
                wanted *= shape[end]
                end += 1
            else:
                count *= old[last]
                last += 1
        for axis in range(first, last - 1):
            if steps[axis] != old[axis + 1] * steps[axis + 1]:
                return False
        step = steps[last - 1]
        for axis in range(end - 1, start - 1, -1):
            strides[axis] = step
            step *= shape[axis]
        step = strides[end - 1]
        first, start = last, end
    for axis in range(start, len(shape)):
        strides[axis] = step
    return True


# ------------------------------------------------------------------------ what users write


@replaces(np.shape)
def shape(a: Any) -> Any:
    return np.asarray(a).shape if isinstance(a, (tuple, list)) else a.shape


@replaces(np.ndim)
def ndim(a: Any) -> Any:
    return np.asarray(a).ndim if isinstance(a, (tuple, list)) else a.ndim


@replaces(np.size)
def size(a: Any, axis: Any = None) -> Any:
    lengths = shape(a)
    if axis is not None:
        return lengths[axis]
    count = 1
    for length in lengths:
        count *= length
    return count


@replaces(np.reshape)
def reshape(a: Any, shape: Any) -> Any:
    return reshaped(a, shape)


@replaces(np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    return raveled(a.T) if order == "F" else raveled(a)


@replaces(np.transpose)
def transpose(a: Any, axes: Any = None) -> Any:
    return a.T if axes is None else permuted(a, axes)


@replaces(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    return swapped(a, axis1, axis2)


@replaces(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    return moved(a, source, destination)


@replaces(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    return squeezed(a, axis)


@replaces(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    return expanded(a, axis)


@replaces(np.atleast_1d)
def atleast_1d(a: Any) -> Any:
    return deepened(np.asarray(a), 1)


@replaces(np.atleast_2d)
def atleast_2d(a: Any) -> Any:
    return deepened(np.asarray(a), 2)


@replaces(np.broadcast_to)
def broadcast_to(array: Any, shape: Any) -> Any:
    return stretched_to(np.asarray(array), shape)


@replaces(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    return flipped(m, axis)


@replaces(np.flipud)
def flipud(m: Any) -> Any:
    return flipped(m, 0)


@replaces(np.fliplr)
def fliplr(m: Any) -> Any:
    return flipped(m, 1)


@replaces(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    return deepened(dense(np.asarray(a) if dtype is None else converted(a, dtype)), 1)


@replaces(np.diagonal)
def diagonal(a: Any, offset: Any = 0) -> Any:
    return diagonal_of(a, offset)
