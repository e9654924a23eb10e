"""Arrays in the memory of a device: how they are made, copied, and looked at."""

from __future__ import annotations

import contextlib
import ctypes
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from kernelgen.cuda.streams import Stream, handle_of
from kernelgen.errors import KernelgenError
from kernelgen.runtime import device
from kernelgen.runtime.device import Driver

_STAGED = 1 << 20
"""Arrays of so many bytes are copied by way of pinned memory."""


class Allocation:
    """Memory of a device, which is given back with the last reference to it."""

    def __init__(self, driver: Driver, size: int) -> None:
        self.address = 0
        self.driver = driver
        try:
            self.address = driver.allocate(max(size, 1))
        except MemoryError:
            raise KernelgenError(
                f"the device has no {size} bytes of memory left", None, "delete arrays"
            ) from None

    def __del__(self) -> None:
        if self.address:
            self.driver.free(self.address)


class _Description:
    """An array as NumPy describes it, at an address that the host may be unable to read."""

    def __init__(
        self,
        address: int,
        shape: Sequence[int],
        strides: Sequence[int] | None,
        dtype: np.dtype[Any],
    ) -> None:
        # Dates and structures have no description that NumPy reads, so they are bytes first.
        typestr = f"|V{dtype.itemsize}" if dtype.kind in "mMV" else dtype.str
        self.__array_interface__ = {
            "data": (address, False),
            "shape": tuple(shape),
            "strides": None if strides is None else tuple(strides),
            "typestr": typestr,
            "version": 3,
        }


class DeviceArray:
    """An array in the memory of a device.

    Made by `to_device`, `device_array` and `as_device`, by calls of kernels on arrays of a device,
    and by basic indexing, which makes a view. Other libraries take it by
    ``__cuda_array_interface__``.

    Attributes
    ----------
    shape, strides : tuple of int
        As of NumPy's arrays, strides in bytes.
    dtype : numpy.dtype
        Of its elements.
    """

    __array_ufunc__ = None
    """NumPy's functions are not for it."""

    def __init__(self, view: np.ndarray[Any, Any], owner: Any, driver: Driver) -> None:
        self._view = view  # whose elements are never read here
        self._owner = owner
        self.driver = driver

    # What it is.

    @property
    def shape(self) -> tuple[int, ...]:
        found: tuple[int, ...] = self._view.shape
        return found

    @property
    def strides(self) -> tuple[int, ...]:
        return self._view.strides

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self._view.dtype
        return found

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self._view.ndim

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self._view.size

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self._view.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._view.nbytes

    @property
    def flags(self) -> Any:
        """NumPy's flags."""
        return self._view.flags

    @property
    def address(self) -> int:
        """Where its first element is."""
        return int(self._view.ctypes.data)

    @property
    def view_of_host(self) -> np.ndarray[Any, Any]:
        """The array as NumPy describes it. Its elements must not be touched."""
        return self._view

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        dense = self._view.flags.c_contiguous
        return {
            "shape": self.shape,
            "strides": None if dense else self.strides,
            "typestr": self.dtype.str,
            "data": (self.address, not self._view.flags.writeable),
            "version": 3,
            "stream": None,
        }

    def __len__(self) -> int:
        return len(self._view)

    def __repr__(self) -> str:
        return f"<array of the device, shape {self.shape}, dtype {self.dtype}>"

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        raise TypeError("an array of the device is no array of the host: call copy_to_host()")

    # Views.

    def _viewed(self, view: np.ndarray[Any, Any]) -> DeviceArray:
        return DeviceArray(view, self._owner, self.driver)

    def __getitem__(self, index: Any) -> DeviceArray:
        """A view, by integers, slices, ``...`` and ``None``."""
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (list, np.ndarray, bool, np.bool_)) for part in parts):
            raise TypeError(
                "an array of the device is indexed by integers and slices: write a kernel"
            )
        whole = () if any(part is Ellipsis for part in parts) else (...,)
        return self._viewed(self._view[(*parts, *whole)])

    @property
    def T(self) -> DeviceArray:
        """The axes in reverse."""
        return self._viewed(self._view.T)

    def transpose(self, *axes: int) -> DeviceArray:
        """A view with the axes in another order."""
        return self._viewed(self._view.transpose(*axes))

    def reshape(self, *shape: Any, order: str = "C") -> DeviceArray:
        """A view of another shape; ValueError if that would take a copy."""
        lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return self._viewed(self._view.reshape(lengths, order=order, copy=False))  # type: ignore[call-overload]

    def ravel(self) -> DeviceArray:
        """All elements along one axis; ValueError if that would take a copy."""
        return self.reshape(-1)

    def view(self, dtype: Any) -> DeviceArray:
        """The same bytes as another dtype."""
        return self._viewed(self._view.view(dtype))

    # Copies.

    def copy_to_host(
        self, ary: np.ndarray[Any, Any] | None = None, stream: Stream | int | None = None
    ) -> np.ndarray[Any, Any]:
        """Copy the elements to the host.

        Parameters
        ----------
        ary : numpy.ndarray, optional
            Where to: an array of the same shape and dtype. A new one by default.
        stream : Stream, optional
            When: behind what that stream has been given. The call waits for it.

        Returns
        -------
        numpy.ndarray
            ``ary``, or the new array.

        Raises
        ------
        ValueError
            ``ary`` has another shape or dtype, or is read-only.
        Exception
            What a kernel has raised that the stream was given before.
        """
        made = np.empty_like(self._view) if ary is None else ary
        _check_same(made, self)
        _check_writeable(made)
        source = self._dense(stream)
        target = made if _lies_alike(made, source._view) else np.empty_like(source._view)
        _copy(self.driver, target.ctypes.data, source.address, source.nbytes, stream, to_host=True)
        if target is not made:
            made[...] = target
        return made

    def copy_to_device(self, ary: Any, stream: Stream | int | None = None) -> DeviceArray:
        """Copy elements here, from the host or from another array of the device.

        Parameters
        ----------
        ary : array_like or DeviceArray
            Of the same shape and dtype.
        stream : Stream, optional
            When: behind what that stream has been given.

        Returns
        -------
        DeviceArray
            This array.
        """
        source = as_device(ary) if is_device_array(ary) else np.asarray(ary)
        _check_same(source, self)
        _check_writeable(self._view)
        if isinstance(source, DeviceArray):
            self._take(source, stream)
        elif _is_dense(self._view):
            laid_out = source if _lies_alike(source, self._view) else _laid_out(source, self._view)
            _copy(self.driver, self.address, laid_out.ctypes.data, self.nbytes, stream)
        else:
            self._take(to_device(source, stream), stream)
        return self

    def _take(self, source: DeviceArray, stream: Stream | int | None) -> None:
        """Copy the elements of an array of the device."""
        dense = _is_dense(self._view) and _is_dense(source._view)
        apart = not np.may_share_memory(source._view, self._view)
        if dense and apart and _lies_alike(source._view, self._view):
            addresses = self.address, source.address
            _copy(self.driver, *addresses, self.nbytes, stream, of_device=True)
        else:
            _copy_elements(source, self, stream)

    def _dense(self, stream: Stream | int | None) -> DeviceArray:
        """The array itself, or a copy without gaps."""
        if _is_dense(self._view):
            return self
        made = device_array(self.shape, self.dtype)
        _copy_elements(self, made, stream)
        return made


def _copy_elements(source: DeviceArray, target: DeviceArray, stream: Stream | int | None) -> None:
    """Copy by a kernel, and wait for it: who calls may give the arrays back at once."""
    from kernelgen.cuda.copies import copy_elements
    from kernelgen.cuda.streams import synchronize

    if source.size:
        copy_elements(source, target, stream)
        synchronize(source.driver, stream)


def _laid_out(source: np.ndarray[Any, Any], like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy of an array whose elements are ordered in memory as those of another one."""
    made = np.empty_like(like)
    made[...] = source
    return made


def _check_writeable(view: np.ndarray[Any, Any]) -> None:
    if not view.flags.writeable:
        raise ValueError("the array that is copied to is read-only")


def _check_same(a: Any, b: Any) -> None:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(
            f"an array of shape {a.shape} and dtype {a.dtype} is no copy of one of shape "
            f"{b.shape} and dtype {b.dtype}"
        )


def _is_dense(view: np.ndarray[Any, Any]) -> bool:
    """Whether the elements fill a piece of memory, in whatever order of the axes."""
    axes = sorted(zip(view.strides, view.shape, strict=True))
    expected = view.itemsize
    for stride, length in axes:
        if length == 1:
            continue
        if stride != expected:
            return view.size == 0
        expected *= length
    return True


def _lies_alike(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether the elements of two arrays without gaps stand in the same order in memory."""
    if a.size < 2:
        return True
    steps = zip(a.shape, a.strides, b.strides, strict=True)
    return a.dtype.isnative and all(n == 1 or s == t for n, s, t in steps)


def _copy(
    driver: Driver,
    target: int,
    source: int,
    size: int,
    stream: Stream | int | None,
    *,
    to_host: bool = False,
    of_device: bool = False,
) -> None:
    """Copy to the host, to the device, or within it, large pieces of the host's memory by way of
    pinned memory; and wait, as who calls may give the memory back at once."""
    from kernelgen.cuda.streams import synchronize

    if size:
        handle = handle_of(stream)
        direct = of_device or _is_pinned(source if not to_host else target)
        if size < _STAGED or driver.synchronous or direct:
            driver.copy(target, source, size, handle)
        else:
            _copy_staged(driver, target, source, size, handle, to_host=to_host)
    synchronize(driver, stream)


def _copy_staged(
    driver: Driver, target: int, source: int, size: int, stream: int, *, to_host: bool
) -> None:
    """Two pieces of pinned memory take turns: while one is copied by the device, the other is
    copied by the host."""
    pieces = [driver.allocate_pinned(_STAGED) for _ in range(2)]
    events = [driver.create_event() for _ in range(2)]
    under_way: list[tuple[int, int, int]] = []
    try:
        for number, start in enumerate(range(0, size, _STAGED)):
            turn, count = number % 2, min(_STAGED, size - start)
            if len(under_way) == 2:
                _finish_piece(driver, under_way.pop(0), events, pieces, to_host=to_host)
            if to_host:
                driver.copy(pieces[turn], source + start, count, stream)
            else:
                ctypes.memmove(pieces[turn], source + start, count)
                driver.copy(target + start, pieces[turn], count, stream)
            driver.record(events[turn], stream)
            under_way.append((turn, target + start, count))
        while under_way:
            _finish_piece(driver, under_way.pop(0), events, pieces, to_host=to_host)
    finally:
        for event, piece in zip(events, pieces, strict=True):
            driver.destroy_event(event)
            driver.free_pinned(piece)


def _finish_piece(
    driver: Driver,
    piece: tuple[int, int, int],
    events: list[int],
    pieces: list[int],
    *,
    to_host: bool,
) -> None:
    turn, target, count = piece
    driver.synchronize_event(events[turn])
    if to_host:
        ctypes.memmove(target, pieces[turn], count)


_pinned: dict[int, int] = {}
"""Where arrays in pinned memory begin, and how many bytes they have."""


def _is_pinned(address: int) -> bool:
    return any(start <= address < start + size for start, size in _pinned.items())


class _Pinned:
    """Pinned memory, for as long as an array is there."""

    def __init__(self, driver: Driver, size: int) -> None:
        self._driver, self._size = driver, size
        self.address = driver.allocate_pinned(max(size, 1))
        _pinned[self.address] = size

    def __del__(self) -> None:
        if hasattr(self, "address"):
            _pinned.pop(self.address, None)
            self._driver.free_pinned(self.address)


class _PinnedDescription(_Description):
    """An array in pinned memory, which it keeps."""

    def __init__(self, memory: _Pinned, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        super().__init__(memory.address, shape, None, dtype)
        self._memory = memory


# ------------------------------------------------------------------------ how they are made


def device_array(
    shape: int | Sequence[int],
    dtype: Any = np.float64,
    strides: Sequence[int] | None = None,
    order: str = "C",
) -> DeviceArray:
    """Make an array in the device's memory. Nothing is known of its elements.

    Parameters
    ----------
    shape : int or sequence of int
        Its lengths.
    dtype : dtype
        Of its elements.
    strides : sequence of int, optional
        In bytes; by default there are no gaps.
    order : {"C", "F"}
        Which axis runs fastest in memory, if there are no strides.

    Returns
    -------
    DeviceArray

    Raises
    ------
    KernelgenError
        The device has not as much memory, or there is no device.
    """
    lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    made = np.dtype(dtype)
    if any(n < 0 for n in lengths):
        raise ValueError("negative dimensions are not allowed")
    if made.hasobject:
        raise TypeError("the device has no Python objects")
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F' (got {order!r})")
    if strides is not None and len(strides) != len(lengths):
        raise ValueError(f"{len(strides)} strides are not those of {len(lengths)} dimensions")
    if strides is None:
        size = math.prod(lengths) * made.itemsize
        axes = range(len(lengths))
        strides = packed_strides(lengths, made.itemsize, axes[::-1] if order == "F" else axes)
    elif any(s < 0 for s in strides):
        raise ValueError("the strides of a new array are not negative")
    else:
        steps = zip(lengths, strides, strict=True)
        size = made.itemsize + sum((max(n, 1) - 1) * s for n, s in steps)
    driver = device.current()
    owner = Allocation(driver, size)
    return described(owner.address, lengths, strides, made, owner, driver)


def device_array_like(ary: Any, stream: Stream | None = None) -> DeviceArray:
    """Make an array in the device's memory like another one of the host or of the device.

    Parameters
    ----------
    ary : array
        Whose shape, dtype and order of axes it has.
    stream : Stream, optional
        Accepted, and nothing depends on it.

    Returns
    -------
    DeviceArray
    """
    view = ary.view_of_host if isinstance(ary, DeviceArray) else np.asarray(ary)
    if view.size < 2:
        strides = np.empty_like(view, shape=view.shape).strides
    else:
        axes = sorted(range(view.ndim), key=lambda axis: (-abs(view.strides[axis]), axis))
        strides = packed_strides(view.shape, view.itemsize, axes)
    return device_array(view.shape, view.dtype, strides)


def packed_strides(lengths: Sequence[int], itemsize: int, axes: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array without gaps whose ``axes`` run so, the slowest first."""
    strides, step = [0] * len(lengths), itemsize
    for axis in reversed(axes):
        strides[axis] = step
        step *= max(lengths[axis], 1)
    return tuple(strides)


def described(
    address: int,
    shape: Sequence[int],
    strides: Sequence[int] | None,
    dtype: np.dtype[Any],
    owner: Any,
    driver: Driver,
) -> DeviceArray:
    """The array of the device at an address."""
    view = np.asarray(_Description(address, shape, strides, dtype))
    return DeviceArray(view.view(dtype), owner, driver)


def to_device(
    obj: Any, stream: Stream | int | None = None, to: DeviceArray | None = None
) -> DeviceArray:
    """Copy an array to the device.

    Parameters
    ----------
    obj : array_like or DeviceArray
        What is copied.
    stream : Stream, optional
        When: behind what that stream has been given.
    to : DeviceArray, optional
        Where to. A new array by default.

    Returns
    -------
    DeviceArray

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import cuda
    >>> with cuda.emulator():
    ...     cuda.to_device(np.arange(3.0)).copy_to_host()
    array([0., 1., 2.])
    """
    array = as_device(obj) if is_device_array(obj) else np.asarray(obj)
    if isinstance(array, np.ndarray) and not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    made = device_array_like(array) if to is None else to
    return made.copy_to_device(array, stream)


def is_device_array(value: Any) -> bool:
    """Whether a value is an array of a device, of this library or of another one."""
    return isinstance(value, DeviceArray) or hasattr(value, "__cuda_array_interface__")


def as_device(value: Any) -> DeviceArray:
    """Take an array of the device that another library has, without copying.

    Parameters
    ----------
    value : object
        With ``__cuda_array_interface__`` or DLPack's ``__dlpack__``, as those of CuPy and PyTorch.

    Returns
    -------
    DeviceArray

    Raises
    ------
    TypeError
        It is no array of a device.
    """
    if isinstance(value, DeviceArray):
        if value.driver is not device.current():
            raise KernelgenError(
                f"an array of {value.driver.properties.name} cannot be used on "
                f"{device.current().properties.name}",
                None,
                "copy it to the host; contexts as cuda.emulator() hold for one thread of Python",
            )
        return value
    interface = getattr(value, "__cuda_array_interface__", None)
    if interface is not None:
        return _of_interface(value, interface)
    if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
        from kernelgen.runtime.dlpack import read

        lent = read(value)
        parts = lent.address, lent.shape, lent.strides, lent.dtype, lent.owner
        return _lent(described(*parts, device.current()), lent.readonly)
    raise TypeError(f"{type(value).__name__} is no array of a device: call cuda.to_device()")


def _of_interface(value: Any, interface: dict[str, Any]) -> DeviceArray:
    driver = device.current()
    stream = interface.get("stream")
    if stream is not None:
        driver.synchronize(int(stream))
    address, readonly = interface["data"]
    array = described(
        address,
        interface["shape"],
        interface.get("strides"),
        np.dtype(interface["typestr"]),
        value,
        driver,
    )
    return _lent(array, readonly)


def _lent(array: DeviceArray, readonly: bool) -> DeviceArray:
    """An array of another library, whose elements the device can read."""
    low, high = byte_bounds(array.view_of_host)
    if array.size and not array.driver.has(low, high - low):
        raise KernelgenError(
            f"the array lies in memory that {array.driver.properties.name} does not have",
            None,
            "copy it to the host, and hand that over",
        )
    if readonly:
        array.view_of_host.flags.writeable = False
    return array


def pinned_array(shape: int | Sequence[int], dtype: Any = np.float64) -> np.ndarray[Any, Any]:
    """Make an array of the host in memory that the device copies from and to by itself.

    Copies of it are faster. They are waited for, as all copies are.

    Parameters
    ----------
    shape : int or sequence of int
        Its lengths.
    dtype : dtype
        Of its elements.

    Returns
    -------
    numpy.ndarray
    """
    lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    made = np.dtype(dtype)
    memory = _Pinned(device.current(), math.prod(lengths) * made.itemsize)
    return np.asarray(_PinnedDescription(memory, lengths, made)).view(made)


@contextlib.contextmanager
def pinned(*arrays: np.ndarray[Any, Any]) -> Iterator[None]:
    """Have arrays of the host lie in memory that the device copies from and to by itself.

    Copies of them are faster. They are waited for, as all copies are. To pin an array takes about
    as long as to copy it.

    Parameters
    ----------
    *arrays : numpy.ndarray
        Without gaps.

    Returns
    -------
    context manager

    Raises
    ------
    ValueError
        An array has gaps.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import cuda
    >>> x = np.arange(3.0)
    >>> with cuda.emulator(), cuda.pinned(x):
    ...     there = cuda.to_device(x)
    """
    if not all(map(_is_dense, arrays)):
        raise ValueError("an array with gaps cannot be pinned")
    driver = device.current()
    with contextlib.ExitStack() as stack:
        for address, size in [(byte_bounds(a)[0], a.nbytes) for a in arrays if a.nbytes]:
            driver.pin(address, size)
            stack.callback(driver.unpin, address)
            _pinned[address] = size
            stack.callback(_pinned.pop, address, None)
        yield
