"""What calls on arrays of a device have in common: operands, results, ways over their elements."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kernelgen.cuda.arrays import (
    DeviceArray,
    as_device,
    device_array,
    is_device_array,
    packed_strides,
    to_device,
)
from kernelgen.cuda.dimensions import spelled
from kernelgen.dispatch import Kernel
from kernelgen.errors import TypingError
from kernelgen.runtime import device
from kernelgen.runtime.device import Dims
from kernelgen.targets import cuda
from kernelgen.types.promote import common_type
from kernelgen.types.signature import Signature
from kernelgen.types.table import WEAK_COMPLEX, WEAK_FLOAT, WEAK_INT, Scalar

_WEAK = {int: WEAK_INT, float: WEAK_FLOAT, complex: WEAK_COMPLEX}


# ------------------------------------------------------------------------------- what is given


class Taken(NamedTuple):
    """An operand of a call: an array of the device or of the host, or a number of Python's.

    ``weak`` is the type of such a number.
    """

    value: Any
    weak: Scalar | None = None

    @property
    def on_device(self) -> bool:
        return isinstance(self.value, DeviceArray)

    @property
    def shape(self) -> tuple[int, ...]:
        return () if self.weak else self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.value.dtype
        return found

    @property
    def strong(self) -> Any:
        """The array, also of a number of Python's."""
        return np.asarray(self.value) if self.weak else self.value


def take(value: Any) -> Taken:
    """An operand, of whatever a user gives."""
    weak = _WEAK.get(type(value))
    if weak is not None:
        return Taken(value, weak)
    if is_device_array(value) or (hasattr(value, "__dlpack__") and not _is_numpys(value)):
        array = as_device(value)
        if not array.dtype.isnative:
            raise TypingError(f"the device has no numbers in the byte order of {array.dtype.str!r}")
        return Taken(array)
    if isinstance(value, np.ma.MaskedArray):
        raise TypingError("a kernel for GPUs was given a masked array", None, "give it where=")
    return Taken(np.asarray(value))


def _is_numpys(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic))


def take_mask(where: Any) -> Taken | None:
    """What a call is given as ``where=``: bools, or None if that is True."""
    if where is True:
        return None
    if not (isinstance(where, np.ndarray) or is_device_array(where)):
        return Taken(np.asarray(where, bool))
    mask = take(where)
    if not np.can_cast(mask.dtype, bool, "safe"):
        what = "array data" if mask.shape else "scalar"
        raise TypeError(
            f"Cannot cast {what} from {mask.dtype!r} to dtype('bool') according to the rule 'safe'"
        )
    return mask


class Call(NamedTuple):
    """What a ufunc is called with.

    Attributes
    ----------
    name : str
        Of the ufunc.
    inputs : list of Taken
        The inputs.
    outs : list
        What is given for each output; None for those that are made.
    targets : list of Taken or None
        The same as operands.
    """

    name: str
    inputs: list[Taken]
    outs: list[Any]
    targets: list[Taken | None]

    @property
    def on_device(self) -> bool:
        """Whether an operand is an array of the device: then the results are."""
        return any(t.on_device for t in [*self.inputs, *filter(None, self.targets)])

    def resolve(self, kernel: Kernel, dtype: Any, signature: Any) -> Signature:
        """The types of the loop that ``dtype=`` or ``signature=`` ask for, or the operands."""
        nin, nout = len(self.inputs), len(self.outs)
        wanted: list[Scalar | None] = [None] * (nin + nout)
        if dtype is not None and signature is not None:
            raise TypeError("cannot specify both 'signature' and 'dtype'")
        if dtype is not None:
            wanted[nin:] = [pinned(kernel, dtype)] * nout
        if signature is not None:
            parts = _parts_of(self.name, nin, nout, signature)
            wanted = [None if p is None else pinned(kernel, p) for p in parts]
        rows = [t.weak or kernel.row_of(t.dtype) for t in self.inputs]
        asked = [
            row if w is None else w.with_unit_of(row) for w, row in zip(wanted, rows, strict=False)
        ]
        return kernel.resolve(tuple(asked), tuple(wanted[nin:]))

    def check_casts(self, types: Signature, casting: str) -> None:
        """Raise TypeError, in NumPy's words, if an operand cannot be cast to its type, or a result
        to what it goes to. A number of Python's is cast to all types of its kind, and of higher.
        """
        nin = len(self.inputs)
        for i, (given, t) in enumerate(zip(self.inputs, types.inputs, strict=True)):
            if given.weak is None or common_type(given.weak, t) is not t:
                what = "input" if nin == 1 else f"input {i}"
                source = given.weak.strong.dtype if given.weak else given.dtype
                check_cast(self.name, what, source, t.dtype, casting)
        for k, (target, t) in enumerate(zip(self.targets, types.outputs, strict=True)):
            if target is not None:
                what = "output" if len(self.outs) == 1 else f"output {nin + k}"
                check_cast(self.name, what, t.dtype, target.dtype, casting)

    def upload(self, types: Signature, stream: Any) -> list[DeviceArray]:
        """The inputs in the device's memory."""
        pairs = zip(self.inputs, types.inputs, strict=True)
        return [upload(given, t.dtype, stream) for given, t in pairs]

    def hand_back(self, results: Sequence[DeviceArray], stream: Any) -> tuple[Any, ...]:
        """What the caller gets for the results."""
        each = zip(results, self.outs, self.targets, strict=True)
        return tuple(
            hand_back(result, out, target, on_device=self.on_device, stream=stream)
            for result, out, target in each
        )


def call_of(name: str, nin: int, nout: int, args: tuple[Any, ...], out: Any) -> Call:
    """The operands of a call.

    Raises
    ------
    TypeError
        There are too few or too many, or something else is given for an output than an array.
    ValueError
        ``out`` has another number of them.
    """
    if not nin <= len(args) <= nin + nout:
        raise TypeError(
            f"{name}() takes from {nin} to {nin + nout} positional arguments but {len(args)} "
            f"{'was' if len(args) == 1 else 'were'} given"
        )
    positional = args[nin:]
    if positional and out is not None:
        raise TypeError("cannot specify 'out' as both a positional and keyword argument")
    outs = [*positional, *listed(out, nout)]
    outs += [None] * (nout - len(outs))
    return Call(name, [take(each) for each in args[:nin]], outs, list(map(take_target, outs)))


def listed(out: Any, nout: int) -> tuple[Any, ...]:
    """What is given as ``out=``, one by one."""
    if out is None:
        return ()
    if not isinstance(out, tuple):
        if nout != 1:
            raise TypeError("'out' must be a tuple of arrays")
        return (out,)
    if len(out) != nout:
        raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
    return out


def take_target(out: Any) -> Taken | None:
    """Where a result goes; None if that is to be made.

    Raises
    ------
    TypeError
        It is no array.
    ValueError
        It is read-only.
    """
    if out is None:
        return None
    if not (isinstance(out, np.ndarray) or is_device_array(out) or hasattr(out, "__dlpack__")):
        raise TypeError("return arrays must be of ArrayType")
    target = take(out)
    if not target.value.flags.writeable:
        raise ValueError("output array is read-only")
    return target


def _parts_of(name: str, nin: int, nout: int, signature: Any) -> Sequence[Any]:
    """What ``signature=`` demands of each operand."""
    if isinstance(signature, str):
        parts = [part.strip() for part in signature.split("->")]
        if len(parts) != 2 or (len(parts[0]), len(parts[1])) != (nin, nout):
            raise ValueError(
                f"a type-string for {name}, {nin} typecode(s) before and {nout} after the -> sign"
            )
        return "".join(parts)
    if not isinstance(signature, tuple):
        raise TypeError("the signature object to ufunc must be a string or a tuple.")
    if len(signature) != nin + nout:
        raise ValueError(
            f"a type-tuple must be specified of length {nin + nout} for ufunc '{name}'"
        )
    return signature


def pinned(kernel: Kernel, spec: Any) -> Scalar:
    """The type that ``dtype=`` or a part of ``signature=`` demands."""
    dtype = np.dtype(spec)
    if not dtype.isnative or (dtype.kind in "mM" and np.datetime_data(dtype)[0] != "generic"):
        raise TypeError(
            "The `dtype` and `signature` arguments to ufuncs only select the general DType and not "
            "details such as the byte order or time unit."
        )
    return kernel.row_of(dtype)


def order_of(order: Any) -> str:
    """The value of ``order=``."""
    if order is None:
        return "K"
    if not isinstance(order, str):
        raise TypeError(f"order must be str, not {type(order).__name__}")
    if order.upper() not in ("C", "F", "A", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    return order.upper()


# ---------------------------------------------------------------------- to the device and back


def upload(taken: Taken, dtype: np.dtype[Any], stream: Any) -> DeviceArray:
    """An operand in the device's memory; a number of Python's becomes one of ``dtype``.

    What an array of the host repeats is copied once.
    """
    if taken.on_device:
        found: DeviceArray = taken.value
        return found
    array = np.asarray(taken.value, dtype) if taken.weak else taken.value
    once = tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)
    made = to_device(array[once], stream)
    if made.shape == array.shape:
        return made
    repeated = np.broadcast_to(made.view_of_host, array.shape)
    return DeviceArray(repeated, made._owner, made.driver)


def target_of(target: Taken, stream: Any, *, with_contents: bool = False) -> DeviceArray:
    """The array of the device that a result goes to; for one of the host, a new one."""
    if target.on_device:
        found: DeviceArray = target.value
        return found
    if with_contents:
        return upload(target, target.dtype, stream)
    return device_array(target.shape, target.dtype.newbyteorder("="))


def hand_back(
    result: DeviceArray, out: Any, target: Taken | None, *, on_device: bool, stream: Any
) -> Any:
    """What the caller gets for a result: ``out``, if that was given, else an array of the device or
    its elements on the host."""
    if target is None:
        if on_device:
            return result
        made = result.copy_to_host(stream=stream)
        return made if made.ndim else made[()]
    if not target.on_device:
        target.value[...] = result.copy_to_host(stream=stream)
    return out


def check_cast(name: str, what: str, source: Any, target: Any, casting: str) -> None:
    """Raise TypeError, in NumPy's words, if a cast is not allowed."""
    if not np.can_cast(source, target, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast ufunc '{name}' {what} from {source!r} to {target!r} with casting rule "
            f"'{casting}'"
        )


def broadcast_shape(name: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of all operands together; ValueError, in NumPy's words, if there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"operands could not be broadcast together with shapes {spelled(shapes)} "
        ) from None


def new_result(
    shape: tuple[int, ...], dtype: np.dtype[Any], inputs: Sequence[Taken], order: str
) -> DeviceArray:
    """An array for results, whose axes are ordered in memory as ``order`` asks, by default as those
    of the inputs are where the caller has them."""
    arrays = [t.value for t in inputs if not t.weak]
    if order == "K":
        axes = _axes_in_memory([_strides(a, shape) for a in arrays], len(shape))
        return device_array(shape, dtype, packed_strides(shape, dtype.itemsize, axes))
    fortran = order == "F" or (order == "A" and all(a.flags.f_contiguous for a in arrays))
    return device_array(shape, dtype, order="F" if fortran else "C")


def _strides(array: Any, shape: tuple[int, ...]) -> list[int]:
    """The strides of an array that is broadcast to a shape, 0 along axes of one element."""
    missing = len(shape) - array.ndim
    own = zip(array.shape, array.strides, strict=True)
    return [0] * missing + [0 if n == 1 else stride for n, stride in own]


def _axes_in_memory(strides: Sequence[Sequence[int]], ndim: int) -> list[int]:
    """The axes in the order in which they stand in memory, the slowest first.

    It is the order in which NumPy's iterator goes: an axis is moved inwards past others if the
    operands that do not repeat along both say so, and none of them the opposite.
    """
    axes = list(range(ndim))[::-1]
    for i in range(1, ndim):
        place = i
        for k in reversed(range(i)):
            inwards = _is_faster(strides, axes[i], axes[k])
            if inwards:
                place = k
            elif inwards is False:
                break
        axes.insert(place, axes.pop(i))
    return axes[::-1]


def _is_faster(strides: Sequence[Sequence[int]], axis: int, other: int) -> bool | None:
    """Whether an axis runs faster in memory than another; None if no operand tells."""
    pairs = [(abs(s[axis]), abs(s[other])) for s in strides if s[axis] and s[other]]
    return all(own < their for own, their in pairs) if pairs else None


def overlaps(a: DeviceArray, b: DeviceArray) -> bool:
    """Whether two arrays may share memory, and are not the same elements in the same order."""
    x, y = a.view_of_host, b.view_of_host
    same = a.address == b.address and x.strides == y.strides and x.shape == y.shape
    return not (same and x.dtype.itemsize == y.dtype.itemsize) and np.may_share_memory(x, y)


class Part(NamedTuple):
    """A part of the elements that one launch goes over."""

    contiguous: bool
    elements: int
    parameters: list[bytes]


def parts(arrays: Sequence[np.ndarray[Any, Any]], shape: tuple[int, ...]) -> Iterator[Part]:
    """The launches that go over all elements of operands.

    Axes are joined where all operands allow it. What is more than an entry takes is done in parts.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        The operands as NumPy describes them, broadcast to the shape.
    shape : tuple of int
        Without zeros.
    """
    addresses = [int(a.ctypes.data) for a in arrays]
    lengths, strides = _joined(arrays, shape)
    sizes = tuple(a.itemsize for a in arrays)
    if not lengths or (len(lengths) == 1 and strides[0] == sizes):
        count = lengths[0] if lengths else 1
        if all(
            address % a.dtype.alignment == 0 for address, a in zip(addresses, arrays, strict=True)
        ):
            yield Part(True, count, _addresses(count, addresses))
            return
    if not lengths:
        lengths, strides = [1], [(0,) * len(arrays)]
    yield from _strided_parts(addresses, lengths, strides)


def _addresses(count: int, addresses: Sequence[int]) -> list[bytes]:
    return [struct.pack("<q", count), *(struct.pack("<Q", a) for a in addresses)]


def _joined(
    arrays: Sequence[np.ndarray[Any, Any]], shape: tuple[int, ...]
) -> tuple[list[int], list[tuple[int, ...]]]:
    """The lengths of axes and the strides of all operands along each, the innermost first."""
    all_strides = [a.strides for a in arrays]
    lengths: list[int] = []
    strides: list[tuple[int, ...]] = []
    for axis in reversed(_axes_in_memory(all_strides, len(shape))):
        if shape[axis] == 1:
            continue
        steps = tuple(each[axis] for each in all_strides)
        if lengths and steps == tuple(s * lengths[-1] for s in strides[-1]):
            lengths[-1] *= shape[axis]
        else:
            lengths.append(shape[axis])
            strides.append(steps)
    return lengths, strides


def _strided_parts(
    addresses: Sequence[int], lengths: list[int], strides: list[tuple[int, ...]]
) -> Iterator[Part]:
    """Launches of the strided entry: the outermost axis is cut where there is too much of it."""
    count = math.prod(lengths)
    if len(lengths) <= cuda.DIMENSIONS and count < cuda.MOST:
        space = cuda.pack_space(lengths, strides)
        yield Part(False, count, [*_addresses(count, addresses), space])
        return
    *inner, outer = lengths
    rows = math.prod(inner)
    fits = len(lengths) <= cuda.DIMENSIONS and rows < cuda.MOST
    step = max(1, (cuda.MOST - 1) // rows) if fits else 1
    for start in range(0, outer, step):
        moved = [a + start * s for a, s in zip(addresses, strides[-1], strict=True)]
        length = min(step, outer - start)
        if step == 1:
            yield from _strided_parts(moved, inner, strides[:-1])
        else:
            yield from _strided_parts(moved, [*inner, length], strides)


def grid_for(count: int, block: int) -> tuple[Dims, Dims]:
    """The grid for so many elements: as many blocks as keep the device busy."""
    blocks = min(-(-count // block), device.current().most_blocks)
    return (blocks, 1, 1), (block, 1, 1)
