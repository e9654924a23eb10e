"""What kernels for GPUs run on: one small interface, and the choice of what is behind it.

Behind it is NVIDIA's driver (`runtime/nvidia.py`), or the emulator (`runtime/emulator.py`), which
runs the same kernels on the processor. All that is above it is the same for both.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple, Protocol

from kernelgen import config
from kernelgen.errors import KernelgenError
from kernelgen.llvm_grid import GridEmitter
from kernelgen.lower import Lowered
from kernelgen.options import Options
from kernelgen.targets.cuda import Machine


class Properties(NamedTuple):
    """What a device is.

    Attributes
    ----------
    name : str
        Its name.
    architecture : str
        What code is for, as ``sm_80``.
    multiprocessors : int
        How many of them it has.
    block_threads : int
        How many threads a block has at most.
    block_shape : tuple of int
        How many along x, y and z.
    grid_shape : tuple of int
        How many blocks a grid has at most along x, y and z.
    shared_bytes : int
        How much shared memory a block has at most, in bytes.
    memory_bytes : int
        How much memory there is, in bytes.
    """

    name: str
    architecture: str
    multiprocessors: int
    block_threads: int
    block_shape: tuple[int, int, int]
    grid_shape: tuple[int, int, int]
    shared_bytes: int
    memory_bytes: int


class Entry(NamedTuple):
    """An entry of loaded code.

    Attributes
    ----------
    handle : object
        What the driver launches.
    kernel : Lowered
        The kernel behind it, whose exceptions it may raise.
    needs : object
        What has to live as long.
    """

    handle: Any
    kernel: Lowered
    needs: object


Dims = tuple[int, int, int]


class ParameterTable:
    """The parameters of a launch in the host's memory, and the table of their addresses.

    Parameters
    ----------
    parameters : sequence of bytes
        Their values.

    Attributes
    ----------
    address : int
        Of the table, while this object lives.
    """

    def __init__(self, parameters: Sequence[bytes]) -> None:
        self._values = [ctypes.create_string_buffer(each, max(len(each), 1)) for each in parameters]
        count = max(len(parameters), 1)
        self._table = (ctypes.c_void_p * count)(*map(ctypes.addressof, self._values))
        self.address = ctypes.addressof(self._table)


class Driver(Protocol):
    """What runs kernels. Addresses are integers, streams and events are handles; stream 0 is the
    default one.

    Attributes
    ----------
    properties : Properties
        Of the device.
    machine : Machine
        How entries are written for it.
    most_blocks : int
        How many blocks go over elements that threads may take several of.
    checks_bounds : bool
        Whether indices are checked where the kernel does not say.
    synchronous : bool
        Whether all is done when a function returns.
    reports : bool
        Whether it reports more than what kernels raise.
    """

    properties: Properties
    machine: Machine
    most_blocks: int
    checks_bounds: bool
    synchronous: bool
    reports: bool

    def emitter(self, options: Options) -> GridEmitter:
        """What writes a kernel's instructions."""

    def load(
        self, text: str, kernel: Lowered, emitter: GridEmitter, symbols: Sequence[str]
    ) -> list[Entry]:
        """Compile a module, and load it; its entries."""

    def launch(
        self,
        entry: Entry,
        grid: Dims,
        block: Dims,
        shared: int,
        stream: int,
        parameters: Sequence[bytes],
        errors: int,
    ) -> None:
        """Launch an entry with the bytes of its parameters. ``errors`` is the address of a block
        for exceptions, which the emulator uses for its own."""

    def block_size(self, entry: Entry, shared: int) -> int:
        """How many threads a block should have to occupy the device."""

    def allocate(self, size: int) -> int:
        """Memory of the device; MemoryError if there is not enough."""

    def free(self, address: int) -> None:
        """Give memory back, when all that is under way with it is done."""

    def has(self, address: int, size: int) -> bool:
        """Whether it may read memory there; another library says that it is the device's."""

    def allocate_pinned(self, size: int) -> int:
        """Memory of the host that the device can copy from and to by itself."""

    def free_pinned(self, address: int) -> None:
        """Give it back."""

    def pin(self, address: int, size: int) -> None:
        """Make memory of the host some that the device can copy from and to by itself."""

    def unpin(self, address: int) -> None:
        """Make it usual memory again."""

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy bytes, in whatever direction, when it is the stream's turn."""

    def fill(self, target: int, byte: int, size: int, stream: int) -> None:
        """Set bytes of the device's memory."""

    def create_stream(self) -> int:
        """A new stream."""

    def destroy_stream(self, stream: int) -> None:
        """Forget a stream, when what is under way there is done."""

    def synchronize(self, stream: int | None) -> None:
        """Wait for a stream, or for all."""

    def create_event(self) -> int:
        """A new event."""

    def destroy_event(self, event: int) -> None:
        """Forget an event."""

    def record(self, event: int, stream: int) -> None:
        """Let the event be when all is done that the stream has been given."""

    def wait(self, event: int, stream: int) -> None:
        """Have a stream wait for an event."""

    def is_done(self, event: int) -> bool:
        """Whether the event has been."""

    def synchronize_event(self, event: int) -> None:
        """Wait for the event."""

    def elapsed(self, start: int, end: int) -> float:
        """The milliseconds between two events that have been."""


_chosen: ContextVar[Driver | None] = ContextVar("kernelgen_driver", default=None)


def current() -> Driver:
    """What runs kernels here: what a context says, or ``KERNELGEN_CUDA``.

    Raises
    ------
    KernelgenError
        The switch has no such value, or there is no driver, or no device.
    """
    chosen = _chosen.get()
    return _of_switch(config.CUDA.value()) if chosen is None else chosen


@cache
def _of_switch(value: str) -> Driver:
    if value == "device":
        from kernelgen.runtime.nvidia import NvidiaDriver

        return NvidiaDriver()
    if value not in ("emulator", "checked"):
        known = "device, emulator or checked"
        raise KernelgenError(f"{config.CUDA.name}={value!r}: it is {known}")
    return emulated(checked=value == "checked")


@cache
def emulated(*, checked: bool) -> Driver:
    """The emulator, which looks for races and diverged barriers if it is ``checked``."""
    from kernelgen.runtime.emulator import Emulator

    return Emulator(checked)


@contextlib.contextmanager
def using(driver: Driver) -> Iterator[None]:
    """Have a driver run what is launched in a context."""
    token = _chosen.set(driver)
    try:
        yield
    finally:
        _chosen.reset(token)
