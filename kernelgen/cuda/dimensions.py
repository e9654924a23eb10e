"""Where the dimensions of a generalized ufunc's operands are, and how long they are."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from kernelgen.cuda.arrays import DeviceArray
from kernelgen.types.core_dims import CoreSignature, Dimension, why_impossible

Axes = tuple[int, ...]
Lengths = tuple[int, ...]


def spelled(shapes: Iterable[Lengths]) -> str:
    """Shapes as they stand in NumPy's messages."""
    return " ".join(str(shape).replace(" ", "") for shape in shapes)


class Places(NamedTuple):
    """Where the loop dimensions and the core dimensions of a call's operands are.

    Attributes
    ----------
    loop : tuple of int
        The lengths of the loop dimensions.
    results : list of tuple of int
        The shapes of the results.
    axes : list of tuple of int
        For each operand the axes that are its core dimensions.
    missing : list of tuple of int
        For each operand which of its core dimensions are missing.
    keepdims : bool
        Whether the results have axes of length 1 for core dimensions.
    """

    loop: Lengths
    results: list[Lengths]
    axes: list[Axes]
    missing: list[tuple[int, ...]]
    keepdims: bool

    def input(self, i: int, array: DeviceArray, *, one: bool, writable: bool) -> DeviceArray:
        """An input, with the loop dimensions in front and all its core dimensions behind.

        ``one`` is whether one without core dimensions is an array of one element.
        """
        view = self._core_last(array.view_of_host, i)
        core = len(self.axes[i]) + len(self.missing[i])
        shape = (*self.loop, *view.shape[view.ndim - core :])
        strides = _broadcast_strides(view, self.loop, core)
        view = np.lib.stride_tricks.as_strided(view, shape, strides, writeable=writable)
        return _viewed(array, view[..., None] if one and not core else view)

    def output(self, k: int, array: DeviceArray, *, one: bool) -> DeviceArray:
        """The same of an output."""
        i = len(self.axes) - len(self.results) + k
        view = array.view_of_host
        if self.keepdims:
            kept = [0 if a in self.axes[i] else slice(None) for a in range(view.ndim)]
            view = view[(*kept, ...)]
        else:
            view = self._core_last(view, i)
        return _viewed(array, view[..., None] if one and view.ndim == len(self.loop) else view)

    def _core_last(self, view: Any, i: int) -> Any:
        axes = self.axes[i]
        loop = view.ndim - len(axes)
        view = np.moveaxis(view, axes, range(loop, view.ndim))
        for place in self.missing[i]:
            view = np.expand_dims(view, loop + place)
        return view


def _viewed(array: DeviceArray, view: Any) -> DeviceArray:
    return DeviceArray(view, array, array.driver)


def _broadcast_strides(view: Any, loop: Lengths, core: int) -> list[int]:
    """The strides of a view whose loop dimensions are broadcast."""
    own = view.ndim - core
    strides = [0] * (len(loop) - own)
    strides += [0 if view.shape[axis] == 1 else view.strides[axis] for axis in range(own)]
    return [*strides, *view.strides[own:]]


def _check_written(own: Lengths, loop: Lengths) -> None:
    """Raise ValueError if an input that is written to would be broadcast."""
    for axis in range(-1, -len(loop) - 1, -1):
        size = own[axis] if -axis <= len(own) else 1
        if size != loop[axis]:
            raise ValueError(
                f"output operand requires a reduction along dimension {axis}, but the reduction is "
                f"not enabled. The dimension size of {size} does not match the expected output "
                "shape."
            )


class Layout:
    """What a call says of the axes, and what follows for the dimensions. Errors are in NumPy's
    words."""

    def __init__(
        self, name: str, core: CoreSignature, axes: Any, axis: Any, keepdims: bool
    ) -> None:
        self._name, self._core, self._keepdims = name, core, keepdims
        self._nin = len(core.inputs)
        if axes is not None and axis is not None:
            raise TypeError("cannot specify both 'axis' and 'axes'")
        if keepdims:
            self._check_keepdims()
        self._given: Sequence[Any] = [None] * len(core.shapes)
        if axis is not None:
            self._given = self._same_axis(axis)
        elif axes is not None:
            self._given = self._listed_axes(axes)

    def _check_keepdims(self) -> None:
        for i, shape in enumerate(self._core.shapes):
            right = len(self._core.inputs[0]) if i < self._nin else 0
            if len(shape) != right:
                what = f"input {i}" if i < self._nin else f"output {i - self._nin}"
                raise TypeError(
                    f"{self._name} does not support keepdims: its signature {self._core.numpys} "
                    f"requires {what} to have {len(shape)} core dimensions, but keepdims can only "
                    "be used when all inputs have the same number of core dimensions and all "
                    "outputs have no core dimensions."
                )

    def _same_axis(self, axis: Any) -> list[Any]:
        """The only core dimension of all operands that have one."""
        core = self._core
        if len(core.names) != 1 or any(len(shape) > 1 for shape in core.shapes):
            raise TypeError(
                f"{self._name}: axis can only be used with a single shared core dimension, not "
                f"with the {len(core.names)} distinct ones implied by signature {core.numpys}."
            )
        found = operator.index(axis)
        return [(found,) if shape or self._keepdims else () for shape in core.shapes]

    def _listed_axes(self, axes: Any) -> list[Any]:
        """What ``axes=`` has for each operand; None where it leaves an output out."""
        if not isinstance(axes, list):
            raise TypeError("axes should be a list.")
        outputs = self._core.outputs
        if len(axes) == self._nin and not any(outputs):
            return [*axes, *[None] * len(outputs)]
        if len(axes) != len(self._core.shapes):
            raise ValueError(
                f"axes should be a list with an entry for all {len(self._core.shapes)} inputs and "
                "outputs; entries for outputs can only be omitted if none of them has core axes."
            )
        return axes

    def of(self, inputs: Sequence[Any], outs: Sequence[Any], writable: Collection[int]) -> Places:
        """The places of all dimensions of arrays; an output that is to be made is None, inputs that
        are ``writable`` are not broadcast.

        Raises
        ------
        ValueError
            Shapes do not fit each other.
        """
        arrays, gone = [*inputs, *outs], self._missing([*inputs, *outs])
        sizes: dict[str, int] = {}
        axes: list[Axes] = []
        loops: list[Lengths] = []
        for i, array in enumerate(arrays):
            there = [d for d in self._core.shapes[i] if self._core.name(d) not in gone]
            if array is None:
                axes.append(())
                continue
            own = self._axes_of(i, self._count(i, there), array.ndim)
            axes.append(own)
            loops.append(tuple(n for a, n in enumerate(array.shape) if a not in own))
            if there:
                self._note(sizes, i, there, [array.shape[a] for a in own])
        loop = self._loop(loops)
        for i in writable:
            _check_written(loops[i], loop)
        self._compute(sizes, gone)
        results = []
        for i in range(self._nin, len(arrays)):
            there = [d for d in self._core.shapes[i] if self._core.name(d) not in gone]
            lengths = [self._size(i, there, d, sizes) for d in there]
            lengths = lengths or [1] * self._count(i, there)
            axes[i] = self._axes_of(i, len(lengths), len(loop) + len(lengths))
            results.append(self._result(arrays[i], loop, axes[i], lengths))
        missing = [
            tuple(k for k, d in enumerate(shape) if self._core.name(d) in gone)
            for shape in self._core.shapes
        ]
        return Places(loop, results, axes, missing, self._keepdims)

    def _count(self, i: int, there: Sequence[Dimension]) -> int:
        """How many core axes an operand has."""
        kept = self._keepdims and i >= self._nin
        return len(self._core.inputs[0]) if kept else len(there)

    def _missing(self, arrays: Sequence[Any]) -> set[str]:
        """The dimensions that may be missing, and are: as many as have to be, the first ones."""
        core, gone = self._core, set[str]()
        for i, (array, shape) in enumerate(zip(arrays, core.shapes, strict=True)):
            if array is None:
                continue
            for dimension in shape:
                left = self._count(i, [d for d in shape if core.name(d) not in gone])
                if dimension.optional and array.ndim < left:
                    gone.add(core.name(dimension))
            left = self._count(i, [d for d in shape if core.name(d) not in gone])
            if array.ndim < left:
                raise ValueError(
                    f"{self._name}: {self._operand(i)} does not have enough dimensions (has "
                    f"{array.ndim}, gufunc core with signature {core.numpys} requires {left})"
                )
        return gone

    def _operand(self, i: int) -> str:
        return f"Input operand {i}" if i < self._nin else f"Output operand {i - self._nin}"

    def _axes_of(self, i: int, count: int, ndim: int) -> Axes:
        given = self._given[i]
        if given is None:
            return tuple(range(ndim - count, ndim))
        if not isinstance(given, tuple):
            if count != 1:
                raise np.exceptions.AxisError(
                    f"{self._name}: operand {i} has {count} core dimensions; axes should be a "
                    "tuple of as many"
                )
            given = (given,)
        if len(given) != count:
            raise np.exceptions.AxisError(
                f"{self._name}: operand {i} has {count} core dimensions, but {len(given)} "
                "dimensions are specified by axes tuple."
            )
        found = tuple(normalize_axis_index(operator.index(a), ndim) for a in given)
        if len(set(found)) < len(found):
            raise ValueError(f"axes tuple {given} of operand {i} has a value repeated")
        return found

    def _note(
        self,
        sizes: dict[str, int],
        i: int,
        dimensions: Sequence[Dimension],
        lengths: Sequence[int],
    ) -> None:
        """Note how long the core dimensions of an operand are; they are alike everywhere."""
        for k, (dimension, size) in enumerate(zip(dimensions, lengths, strict=True)):
            name = self._core.name(dimension)
            known = int(name) if name.isdigit() else sizes.setdefault(name, size)
            if known != size:
                raise ValueError(
                    f"{self._name}: {self._operand(i)} has a mismatch in its core dimension {k}, "
                    f"with gufunc signature {self._core.numpys} (size {size} is different from "
                    f"{known})"
                )

    def _loop(self, shapes: Sequence[Lengths]) -> Lengths:
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(
                f"{self._name}: loop dimensions could not be broadcast together with shapes "
                f"{spelled(shapes)}"
            ) from None

    def _compute(self, sizes: dict[str, int], gone: set[str]) -> None:
        """Add the sizes of dimensions that are computed."""
        found = {name: sizes.get(name, -1) for name in self._core.names}
        for name, size in self._core.computed.items():
            try:
                value = size.evaluate({**sizes, **dict.fromkeys(gone, 1)})
            except ZeroDivisionError:
                value = -1
            if not 0 <= value < 1 << 63 or found[name] not in (-1, value):
                raise ValueError(why_impossible(self._core, found, self._name))
            sizes[name] = value

    def _size(
        self, i: int, dimensions: Sequence[Dimension], d: Dimension, sizes: dict[str, int]
    ) -> int:
        name = self._core.name(d)
        if name.isdigit():
            return int(name)
        if name not in sizes:
            raise ValueError(
                f"{self._name}: {self._operand(i)} has core dimension {dimensions.index(d)} "
                f"unspecified, with gufunc signature {self._core.numpys}"
            )
        return sizes[name]

    def _result(self, out: Any, loop: Lengths, axes: Axes, lengths: Sequence[int]) -> Lengths:
        """The shape of a result, whose core dimensions are at some axes."""
        placed = dict(zip(axes, lengths, strict=True))
        rest = iter(loop)
        ndim = len(loop) + len(lengths)
        shape = tuple(placed[a] if a in placed else next(rest) for a in range(ndim))
        if out is not None and out.shape != shape:
            raise ValueError(
                f"{self._name}: non-broadcastable output operand with shape {out.shape} doesn't "
                f"match the shape of the result {shape}"
            )
        return shape
