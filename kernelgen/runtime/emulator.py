"""The emulator: the interface of a device, on the processor and in its memory.

Blocks are run by the pool's threads. All that is asked for is done when a function returns, so
streams and events only have names and times.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import struct
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from kernelgen import config
from kernelgen.errors import InternalError, KernelgenError
from kernelgen.llvm_emulated import EmulatedEmitter
from kernelgen.llvm_grid import GridEmitter
from kernelgen.loops import native_symbols
from kernelgen.lower import Lowered
from kernelgen.options import Options
from kernelgen.runtime import emulator_code, engine, pool, threads
from kernelgen.runtime.device import Dims, Entry, ParameterTable, Properties
from kernelgen.targets.cuda import Machine
from kernelgen.targets.emulated import TOUCHED, Emulated
from kernelgen.targets.parallel import CHUNKS_PER_THREAD

_ALIGNMENT = 256
_BLOCK = 128
"""Threads of a block, where the emulator may choose."""

_Launch = ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3, ctypes.c_int64)
"""The pool's function."""


class Emulator:
    """A device that is emulated.

    Parameters
    ----------
    checked : bool
        Whether races on shared memory are looked for, and barriers that not all threads of a
        block come to.
    """

    checks_bounds = True
    synchronous = True
    reports = True

    def __init__(self, checked: bool) -> None:
        self._checked = checked
        self.machine: Machine = Emulated(llvm.llvm_version_info[0])
        self.properties = Properties(
            "an emulator on this processor" + ", which looks for races" * checked,
            "emulated",
            threads.get_num_threads(),
            1024,
            (1024, 1024, 64),
            ((1 << 31) - 1, (1 << 16) - 1, (1 << 16) - 1),
            48 << 10,
            _memory_bytes(),
        )
        self.most_blocks = self.properties.grid_shape[0]
        self._blocks: dict[int, np.ndarray[Any, Any]] = {}
        self._numbers = itertools.count(1)
        self._times: dict[int, float] = {}

    # Code.

    def emitter(self, options: Options) -> EmulatedEmitter:
        """What writes a kernel's instructions."""
        return EmulatedEmitter(options.math_flags, watched=self._checked)

    def load(
        self, text: str, kernel: Lowered, emitter: GridEmitter, symbols: Sequence[str]
    ) -> list[Entry]:
        """Compile for this processor, and link.

        Raises
        ------
        KernelgenError
            Its arrays take more shared memory than a block has.
        """
        assert isinstance(emitter, EmulatedEmitter)
        self._check_shared(emitter.shared_bytes)
        level = config.optimisation_level()
        if kernel.waits:  # coroutines come about by LLVM's passes
            level = max(level, 1)
        module = engine.compile_module(text, opt_level=level)
        linked = {**native_symbols(kernel), TOUCHED: _library().address(TOUCHED)}
        library = engine.link(module.object_code, symbols, linked)
        return [
            Entry((library.address(each), emitter.shared_bytes), kernel, library)
            for each in symbols
        ]

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
        """Run all blocks."""
        address, own_shared = entry.handle
        self._check_shared(own_shared + shared)
        table = ParameterTable(parameters)
        blocks = math.prod(grid)
        workers = threads.get_num_threads()
        size = max(1, -(-blocks // (workers * CHUNKS_PER_THREAD)))
        launch = struct.pack(
            "<Q3I3IIIqqQQqqII",
            address, *grid, *block, math.prod(block), entry.kernel.waits, own_shared, shared,
            table.address, errors, size, blocks, self._checked, 0,
        )  # fmt: skip
        assert len(launch) == emulator_code.LAUNCH_SIZE
        held = ctypes.create_string_buffer(launch, len(launch))
        launcher = pool.launcher()
        chunk = _library().address(emulator_code.CHUNK)
        _Launch(launcher.launch)(launcher.pool, chunk, ctypes.addressof(held), -(-blocks // size))

    def _check_shared(self, size: int) -> None:
        most = self.properties.shared_bytes
        if size > most:
            raise KernelgenError(
                f"the kernel takes {size} bytes of shared memory, a block has at most {most}"
            )

    def block_size(self, entry: Entry, shared: int) -> int:
        """A number that suits processors."""
        return _BLOCK

    # Memory.

    def allocate(self, size: int) -> int:
        """Memory of the host, in which nothing is known to stand."""
        try:
            made = np.empty(size + _ALIGNMENT, np.uint8)
        except ValueError:  # there are no addresses for as much
            raise MemoryError from None
        address = -(-made.ctypes.data // _ALIGNMENT) * _ALIGNMENT
        self._blocks[address] = made
        return int(address)

    def free(self, address: int) -> None:
        """Give it back."""
        if self._blocks.pop(address, None) is None:
            raise InternalError("memory is given back that was not allocated")

    def has(self, address: int, size: int) -> bool:
        """Whether it has allocated that: there is nothing else that it could read."""
        blocks = self._blocks.copy()  # memory may be given back meanwhile
        ends = ((start, made.ctypes.data + made.nbytes) for start, made in blocks.items())
        return any(start <= address and address + size <= end for start, end in ends)

    allocate_pinned = allocate
    free_pinned = free

    def pin(self, address: int, size: int) -> None:
        """The device's memory is the host's."""

    def unpin(self, address: int) -> None:
        """It stays so."""

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy bytes."""
        ctypes.memmove(target, source, size)

    def fill(self, target: int, byte: int, size: int, stream: int) -> None:
        """Set bytes."""
        ctypes.memset(target, byte, size)

    # Streams and events, which have nothing to wait for.

    def create_stream(self) -> int:
        """A number."""
        return next(self._numbers)

    def destroy_stream(self, stream: int) -> None:
        """Nothing is kept of it."""

    def synchronize(self, stream: int | None) -> None:
        """All is done already."""

    def create_event(self) -> int:
        """A number, for a time."""
        return next(self._numbers)

    def destroy_event(self, event: int) -> None:
        """Forget its time."""
        self._times.pop(event, None)

    def record(self, event: int, stream: int) -> None:
        """It is now."""
        self._times[event] = time.perf_counter()

    def wait(self, event: int, stream: int) -> None:
        """All is done already."""

    def is_done(self, event: int) -> bool:
        """It has been, if it has been recorded."""
        return True

    def synchronize_event(self, event: int) -> None:
        """All is done already."""

    def elapsed(self, start: int, end: int) -> float:
        """The milliseconds between."""
        try:
            return 1e3 * (self._times[end] - self._times[start])
        except KeyError:
            raise KernelgenError("an event has not been recorded") from None


@cache
def _library() -> engine.Library:
    module = engine.compile_module(emulator_code.source(), opt_level=2)
    return engine.link(module.object_code, [emulator_code.CHUNK, TOUCHED], {})


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0
