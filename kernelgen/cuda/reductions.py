"""Reductions on a device: a tree in shared memory, or one element after the other.

The kernels are written in the kernel language, and compiled as any of `cuda.jit`. What differs with
the number of dimensions is written as source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernelgen.cuda import operands
from kernelgen.cuda.arrays import DeviceArray, device_array
from kernelgen.cuda.copies import converted, copy_elements
from kernelgen.cuda.generating import defined, unravelled
from kernelgen.cuda.kernels import Kernel, generated
from kernelgen.cuda.language import (
    blockIdx,
    grid,
    gridDim,
    gridsize,
    shared,
    syncthreads,
    threadIdx,
)
from kernelgen.cuda.operands import Taken, take
from kernelgen.load import held_identity
from kernelgen.runtime import device
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

if TYPE_CHECKING:
    from kernelgen.cuda.ufuncs import DeviceUfunc

_THREADS = 256
"""Of a block that reduces a part: a power of two."""

_PART = 4096
"""How many elements a block reduces at least, where there are few results."""


class Reduction(NamedTuple):
    """What a kernel that reduces is written for.

    Attributes
    ----------
    total : Scalar
        The type of what is made.
    kept, reduced : int
        How many axes stay, and how many do not.
    starts : bool
        Whether there is something to start with.
    masked : bool
        Whether a mask says which elements count.
    """

    total: Scalar
    kept: int
    reduced: int
    starts: bool
    masked: bool

    @property
    def cast(self) -> Callable[[Any], Any]:
        """What makes a total of a value."""
        dtype = self.total.dtype
        return (lambda x: x.astype(dtype)) if self.total.is_time else dtype.type


def reduce(
    ufunc: DeviceUfunc,
    array: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    keepdims: bool,
    initial: Any,
    where: Any,
    stream: Any,
) -> Any:
    """``ufunc.reduce``; see there."""
    if ufunc.nin != 2:
        raise ValueError("reduce only supported for binary functions")
    if ufunc.nout != 1:
        raise ValueError("reduce only supported for functions returning a single value")
    given = take(array)
    outs = operands.listed(out, 1) or (None,)
    target, mask = operands.take_target(outs[0]), operands.take_mask(where)
    axes = _axes(axis, len(given.shape))
    reorderable = ufunc.kernel.choices.identity is not None
    if len(axes) > 1 and not reorderable:
        raise ValueError(
            f"reduction operation '{ufunc.__name__}' is not reorderable, so at most one axis may "
            "be specified"
        )
    types = _types(ufunc, given, target, dtype)
    start = _start(ufunc, initial, types.outputs[0])
    _check(ufunc.__name__, given.shape, axes, mask, has_start=start is not None)
    kept = [n for k, n in enumerate(given.shape) if k not in axes]
    shape = [1 if k in axes else n for k, n in enumerate(given.shape)] if keepdims else kept
    if target is not None:
        _check_out(ufunc.__name__, target.shape, tuple(shape), keepdims=keepdims)
    source = operands.upload(Taken(given.strong), types.inputs[1].dtype, stream)
    source = converted(source, types.inputs[1].dtype, stream)
    result = device_array(kept, types.outputs[0].dtype)
    if result.size:
        masks = None if mask is None else operands.upload(mask, np.dtype(bool), stream)
        is_tree = reorderable and types.inputs[0] == types.inputs[1]
        run = _reduce_as_tree if is_tree else _reduce_in_order
        run(ufunc, *_moved(source, masks, axes), len(axes), result, start, stream)
    made = result.reshape(tuple(shape))
    if target is not None and target.on_device:
        copy_elements(converted(made, target.dtype, stream), target.value, stream)
    return operands.hand_back(made, outs[0], target, on_device=given.on_device, stream=stream)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes, counted from the front, each once."""
    from numpy.lib.array_utils import normalize_axis_tuple

    if axis is None or (ndim == 0 and axis in (0, -1)):
        return tuple(range(ndim))
    axes: tuple[int, ...] = normalize_axis_tuple(axis, ndim, allow_duplicate=True)
    if len(set(axes)) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes


def _types(ufunc: DeviceUfunc, given: Taken, target: Taken | None, dtype: Any) -> Signature:
    """The types of the loop, which goes on with what it makes."""
    kernel = ufunc.kernel
    row = kernel.row_of(given.strong.dtype)
    wanted = None if dtype is None else operands.pinned(kernel, dtype)
    first = wanted if wanted or target is None else kernel.row_of(target.dtype)
    types = kernel.resolve((first, row), (wanted,))
    if types.inputs[0] != types.outputs[0]:
        types = kernel.resolve((types.outputs[0], row), (wanted,))
    if types.inputs[0] != types.outputs[0]:
        raise TypeError(
            f"the resolved dtypes are not compatible with {ufunc.__name__}.reduce: it makes "
            f"{types.outputs[0].dtype} of {types.inputs[0].dtype}"
        )
    return types


def _start(ufunc: DeviceUfunc, initial: Any, t: Scalar) -> Any:
    """What a reduction starts with: a NumPy scalar, or None."""
    if initial is np._NoValue:
        return held_identity(ufunc.kernel.choices.identity, t)
    if initial is None:
        return None
    made = np.asarray(initial, t.dtype)
    if made.ndim:
        raise ValueError("setting an array element with a sequence.")
    return made[()]


def _check(
    name: str,
    shape: tuple[int, ...],
    axes: Sequence[int],
    mask: Taken | None,
    *,
    has_start: bool,
) -> None:
    """Raise ValueError, in NumPy's words, if something has to be known to start with, or if the
    mask does not fit the array."""
    if not has_start and mask is not None:
        raise ValueError(
            f"reduction operation '{name}' does not have an identity, so to use a where mask one "
            "has to specify 'initial'"
        )
    if not has_start and 0 in [shape[k] for k in axes]:
        raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
    if mask is None:
        return
    if len(mask.shape) > len(shape):
        raise ValueError("input operand has more dimensions than allowed by the axis remapping")
    both = operands.broadcast_shape(name, [shape, mask.shape])
    if both != shape:
        raise ValueError(
            f"non-broadcastable operand with shape {str(shape).replace(' ', '')} doesn't match "
            f"the broadcast shape {str(both).replace(' ', '')}"
        )


def _check_out(
    name: str, found: tuple[int, ...], expected: tuple[int, ...], *, keepdims: bool
) -> None:
    """Raise ValueError if what is given as ``out=`` has another shape than the result."""
    what = f"output parameter for reduction operation {name} has the wrong"
    if len(found) != len(expected):
        why = " (must match the operand's when keepdims=True)" if keepdims else ""
        raise ValueError(
            f"{what} number of dimensions: Found {len(found)} but expected {len(expected)}{why}"
        )
    if found != expected:
        raise ValueError(f"{what} shape {found}, it is {expected}")


def _moved(
    source: DeviceArray, mask: DeviceArray | None, axes: Sequence[int]
) -> tuple[DeviceArray, DeviceArray | None]:
    """An array and its mask, with the axes that are reduced behind the others."""
    order = [*(k for k in range(source.ndim) if k not in axes), *axes]
    if mask is None:
        return source.transpose(*order), None
    view = np.broadcast_to(mask.view_of_host, source.shape)
    return source.transpose(*order), DeviceArray(view.transpose(order), mask, mask.driver)


# ----------------------------------------------------------------------------- the launches


def _reduce_in_order(
    ufunc: DeviceUfunc,
    source: DeviceArray,
    mask: DeviceArray | None,
    reduced: int,
    result: DeviceArray,
    start: Any,
    stream: Any,
) -> None:
    kernel = _kernel(ufunc, in_order, source, mask, reduced, result, start)
    blocks, threads = operands.grid_for(result.size, _THREADS)
    masks = source if mask is None else mask
    kernel[blocks, threads, stream](source, masks, result.reshape(-1), _first(start, result.dtype))


def _reduce_as_tree(
    ufunc: DeviceUfunc,
    source: DeviceArray,
    mask: DeviceArray | None,
    reduced: int,
    result: DeviceArray,
    start: Any,
    stream: Any,
) -> None:
    """In one launch or two: where there are few results, blocks share the elements of each."""
    length = math.prod(source.shape[source.ndim - reduced :])
    many = device.current().properties.multiprocessors * 8
    parts = max(1, min(length // _PART, many // result.size))
    if parts > 1:
        between = device_array((*result.shape, parts), result.dtype)
        some = None if mask is None else device_array(between.shape, bool)
        _launch_tree(ufunc, source, mask, reduced, between, some, None, parts, stream)
        source, mask, reduced = between, some, 1
    _launch_tree(ufunc, source, mask, reduced, result, None, start, 1, stream)


def _launch_tree(
    ufunc: DeviceUfunc,
    source: DeviceArray,
    mask: DeviceArray | None,
    reduced: int,
    result: DeviceArray,
    some: DeviceArray | None,
    start: Any,
    parts: int,
    stream: Any,
) -> None:
    """``result`` has a place for each of so many parts of the elements behind a result, ``some``
    one for whether any of these counts."""
    kernel = _kernel(ufunc, tree, source, mask, reduced, result, start)
    blocks = min(result.size, device.current().most_blocks)
    masks, flags = source if mask is None else mask, result if some is None else some
    kernel[blocks, _THREADS, stream](
        source, masks, result.reshape(-1), flags.reshape(-1), _first(start, result.dtype), parts
    )


def _first(start: Any, dtype: np.dtype[Any]) -> Any:
    return np.zeros((), dtype)[()] if start is None else start


def _kernel(
    ufunc: DeviceUfunc,
    make: Callable[[Any, Reduction], Any],
    source: DeviceArray,
    mask: DeviceArray | None,
    reduced: int,
    result: DeviceArray,
    start: Any,
) -> Kernel:
    """The kernel that is launched, which the ufunc keeps."""
    t = ufunc.kernel.row_of(result.dtype)
    reduction = Reduction(t, source.ndim - reduced, reduced, start is not None, mask is not None)
    key = make, reduction
    if key not in ufunc.reductions:
        function = make(ufunc.py_func, reduction)
        ufunc.reductions[key] = generated(function, ufunc.kernel.choices.options, boundscheck=False)
    return ufunc.reductions[key]


# ------------------------------------------------------------------------------- the kernels


def in_order(function: Any, reduction: Reduction) -> Any:
    """A thread for each result: it takes the elements one after the other."""
    element, cast = _element(reduction.kept, reduction.reduced), reduction.cast
    starts, masked = reduction.starts, reduction.masked

    def in_order(x: Any, mask: Any, out: Any, start: Any) -> None:
        length = x.size // len(out)
        for number in range(grid(1), len(out), gridsize(1)):
            if starts:
                total, taken = cast(start), 0
            else:
                total, taken = cast(element(x, number, 0)), 1
            for k in range(taken, length):
                if not masked or element(mask, number, k):
                    total = cast(function(total, element(x, number, k)))
            out[number] = total

    return in_order


def tree(function: Any, reduction: Reduction) -> Any:
    """A block for each part of the elements behind a result. Its threads take every so manyth
    element; what they have is put together in shared memory, by half of them at a time.

    Where a mask leaves out elements, threads may have nothing, and ``some`` says who has something.
    """
    element, cast = _element(reduction.kept, reduction.reduced), reduction.cast
    starts, masked, dtype = reduction.starts, reduction.masked, reduction.total.dtype
    threads, half = _THREADS, _THREADS // 2

    def tree(x: Any, mask: Any, out: Any, some: Any, start: Any, parts: int) -> None:
        values = shared.array(threads, dtype)
        has = shared.array(threads, np.bool_)
        length = x.size // (len(out) // parts)
        own = threadIdx.x
        for number in range(blockIdx.x, len(out), gridDim.x):
            result, part = number // parts, number % parts
            first = length * part // parts
            count = length * (part + 1) // parts - first
            taken, total = own, cast(start)
            while masked and taken < count and not element(mask, result, first + taken):
                taken += threads
            if taken < count:
                total = cast(element(x, result, first + taken))
                for k in range(taken + threads, count, threads):
                    if not masked or element(mask, result, first + k):
                        total = cast(function(total, element(x, result, first + k)))
            values[own], has[own] = total, taken < count
            syncthreads()
            step = half
            while step > 0:
                if own < step and has[own + step]:
                    other = values[own + step]
                    values[own] = cast(function(values[own], other)) if has[own] else other
                    has[own] = True
                syncthreads()
                step //= 2
            if own == 0:
                if starts:
                    total = cast(start)
                    if has[0]:
                        total = cast(function(total, values[0]))
                    out[number] = total
                else:
                    out[number] = values[0]
                    if masked:
                        some[number] = has[0]
            syncthreads()

    return tree


@cache
def _element(kept: int, reduced: int) -> Callable[..., Any]:
    """A function of an array, the number of a result and that of an element behind it."""
    lines = ["def element(x, result, number):"]
    for name, axes in (("number", range(kept, kept + reduced)), ("result", range(kept))):
        lines += unravelled(name, list(axes))
    places = ", ".join(f"i{k}" for k in range(kept + reduced))
    lines.append(f"    return x[{places or '()'}]")
    element: Callable[..., Any] = defined("element", lines)
    return element
