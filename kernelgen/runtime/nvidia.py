"""NVIDIA's driver, behind the interface of a device, by way of NVIDIA's package ``cuda-bindings``.

Memory comes and goes in the order of the default stream. Streams that are made here wait for that
one, and it for them. Those of other libraries may not, so what they are given is put in its order.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from kernelgen import config
from kernelgen.errors import KernelgenError
from kernelgen.llvm_device import DeviceEmitter
from kernelgen.llvm_grid import GridEmitter
from kernelgen.lower import Lowered
from kernelgen.options import Options
from kernelgen.runtime import nvptx
from kernelgen.runtime.device import Dims, Entry, ParameterTable, Properties
from kernelgen.targets.cuda import Gpu, Machine

_Function = Callable[..., tuple[Any, ...]]
"""One of the driver's: it returns a code first."""

_DEVICE = 0
"""The first device of those that ``CUDA_VISIBLE_DEVICES`` leaves."""

_WAVES = 32
"""How many blocks a multiprocessor is given where threads may take several elements."""

_SPECIAL_STREAMS = 2
"""Handles up to this one are of the default stream, and of the thread's, which waits for it."""

_LOG_BYTES = 8 << 10
_NAME_BYTES = 256
_UNASKED_SHARED_BYTES = 48 << 10
"""How much shared memory a block may have if the function does not ask for more."""

_EMULATOR = "KERNELGEN_CUDA=emulator runs kernels without one"

_STRAYED = (
    "a kernel has accessed memory that is not its own, so the device does no more for this process",
    "cuda.jit(boundscheck=True) or KERNELGEN_CUDA=emulator finds the line",
)
_OLD_DRIVER = ("NVIDIA's driver is too old for this device's code", "install a newer driver")

_SENTENCES = {
    "CUDA_ERROR_ILLEGAL_ADDRESS": _STRAYED,
    "CUDA_ERROR_INVALID_ADDRESS_SPACE": _STRAYED,
    "CUDA_ERROR_INVALID_PC": _STRAYED,
    "CUDA_ERROR_LAUNCH_FAILED": _STRAYED,
    "CUDA_ERROR_MISALIGNED_ADDRESS": _STRAYED,
    "CUDA_ERROR_NO_BINARY_FOR_GPU": _OLD_DRIVER,
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": _OLD_DRIVER,
    "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES": (
        "a block of the kernel needs more registers than there are",
        "launch it with fewer threads a block",
    ),
    "CUDA_ERROR_LAUNCH_TIMEOUT": (
        "a kernel has run for longer than the system allows on a device with a display",
        "launch it on less at a time",
    ),
    "CUDA_ERROR_NOT_INITIALIZED": (
        "a process that has used the device was forked, and the new one cannot use it",
        "start processes with multiprocessing's method 'spawn'",
    ),
    "CUDA_ERROR_NOT_READY": ("an event has not been yet", "call its synchronize() before"),
}
"""What the driver's errors mean, with a hint, where its own words say too little."""


class NvidiaDriver:
    """The first of NVIDIA's devices.

    Raises
    ------
    KernelgenError
        NVIDIA's packages or driver are not there, or no device that code can be made for.
    """

    machine: Machine = Gpu()
    checks_bounds = False
    synchronous = False
    reports = False

    def __init__(self) -> None:
        self._cuda = _bindings()
        self._start()
        device = self._ask("be found", self._cuda.cuDeviceGet, _DEVICE)
        self.properties = self._properties(device)
        self.most_blocks = self.properties.multiprocessors * _WAVES
        self._context = self._ask("be used", self._cuda.cuDevicePrimaryCtxRetain, device)
        self._has_pool = self._keep_memory(device)

    def _start(self) -> None:
        """Initialise CUDA; there is at least one device."""
        results = self._cuda.CUresult
        try:
            (code,) = self._cuda.cuInit(0)
        except RuntimeError:  # its library is not found
            absent = "NVIDIA's driver is not on this machine"
            raise KernelgenError(absent, None, _EMULATOR) from None
        if code not in (results.CUDA_SUCCESS, results.CUDA_ERROR_NO_DEVICE):
            raise self._error(code, "be initialised")
        if code or not self._ask("be counted", self._cuda.cuDeviceGetCount):
            raise KernelgenError("there is no CUDA device", None, _EMULATOR)

    def _properties(self, device: Any) -> Properties:
        kinds = self._cuda.CUdevice_attribute

        def attribute(kind: Any) -> int:
            return int(self._ask("be described", self._cuda.cuDeviceGetAttribute, kind, device))

        name = self._ask("be described", self._cuda.cuDeviceGetName, _NAME_BYTES, device)
        readable = name.partition(b"\0")[0].decode(errors="replace").strip()
        capability = (
            attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        )
        return Properties(
            readable,
            _architecture(readable, *capability),
            attribute(kinds.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
            attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
            (
                attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X),
                attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y),
                attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z),
            ),
            (
                attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X),
                attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y),
                attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z),
            ),
            attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
            int(self._ask("be described", self._cuda.cuDeviceTotalMem, device)),
        )

    def _keep_memory(self, device: Any) -> bool:
        """Have the device's pool keep what is given back, unless somebody has said how much it
        keeps; False if there are no pools."""
        cuda = self._cuda
        pools = cuda.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED
        if not self._ask("be described", cuda.cuDeviceGetAttribute, pools, device):
            return False
        kept = cuda.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
        pool = self._do("keep memory", cuda.cuDeviceGetMemPool, device)
        if not int(self._do("keep memory", cuda.cuMemPoolGetAttribute, pool, kept)):
            most = cuda.cuuint64_t((1 << 64) - 1)
            self._do("keep memory", cuda.cuMemPoolSetAttribute, pool, kept, most)
        return True

    # How the driver is called.

    def _do(self, doing: str, function: _Function, *args: Any) -> Any:
        """What a function of the driver returns, called in the device's context."""
        self._enter(doing)
        return self._ask(doing, function, *args)

    def _enter(self, doing: str) -> None:
        """Make the context the thread's, every time, as another library may have changed it."""
        self._ask(doing, self._cuda.cuCtxSetCurrent, self._context)

    def _ask(self, doing: str, function: _Function, *args: Any) -> Any:
        """What a function of the driver returns, which needs no context."""
        code, results = self._call(doing, function, *args)
        if code:
            raise self._error(code, doing)
        return results[0] if len(results) == 1 else results

    def _call(self, doing: str, function: _Function, *args: Any) -> tuple[Any, list[Any]]:
        """The code of a function of the driver, and what else it returns."""
        try:
            code, *results = function(*args)
        except RuntimeError as error:  # the driver has no such function
            raise KernelgenError(
                f"NVIDIA's driver is too old for NVIDIA's Python packages: {error}",
                None,
                "install a newer driver, or pip install 'cuda-bindings==12.*'",
            ) from None
        except ValueError as error:  # the package has no such code
            raise KernelgenError(f"the device cannot {doing}: {error}") from None
        return code, results

    def _give(self, doing: str, stream: int, function: _Function, *args: Any) -> None:
        """Give a stream something to do with the device's memory."""
        apart = self._has_pool and self._is_apart(stream)
        if apart:
            self._order(0, stream)
        self._do(doing, function, *args)
        if apart:
            self._order(stream, 0)

    def _is_apart(self, stream: int) -> bool:
        """Whether a stream does not wait for the default one, as PyTorch's do not."""
        if stream <= _SPECIAL_STREAMS:
            return False
        flags = self._do("tell of a stream", self._cuda.cuStreamGetFlags, stream)
        return bool(flags & self._cuda.CUstream_flags.CU_STREAM_NON_BLOCKING)

    def _order(self, first: int, then: int) -> None:
        """Have a stream wait for what another one has been given."""
        untimed = self._cuda.CUevent_flags.CU_EVENT_DISABLE_TIMING
        event = self._do("create an event", self._cuda.cuEventCreate, untimed)
        try:
            self.record(event, first)
            self.wait(event, then)
        finally:
            self.destroy_event(event)

    def _release(self, function: _Function, *args: Any) -> None:
        """Give something back. Nobody is there to be told of errors, and after a kernel that has
        failed, or at the end of the process, there are some."""
        try:
            self._cuda.cuCtxSetCurrent(self._context)
            function(*args)
        except (RuntimeError, ValueError):
            pass

    def _error(self, code: Any, doing: str, log: str = "") -> KernelgenError:
        """The exception for an error of the driver."""
        if code.name in _SENTENCES:
            sentence, hint = _SENTENCES[code.name]
            return KernelgenError(f"{sentence} ({code.name})", None, hint)
        _, text = self._cuda.cuGetErrorString(code)
        why = log or (text or b"for an unknown reason").decode(errors="replace")
        return KernelgenError(f"the device cannot {doing}: {why} ({code.name})")

    # Code.

    def emitter(self, options: Options) -> DeviceEmitter:
        """What writes a kernel's instructions."""
        return DeviceEmitter(options.math_flags)

    def load(
        self, text: str, kernel: Lowered, emitter: GridEmitter, symbols: Sequence[str]
    ) -> list[Entry]:
        """Compile to PTX, which the driver compiles for the device."""
        ptx = nvptx.assembly(text, self.properties.architecture, config.optimisation_level())
        module = self._module(ptx)
        return [Entry(self._found(module, symbol), kernel, module) for symbol in symbols]

    def _module(self, ptx: str) -> _Module:
        options = self._cuda.CUjit_option
        log = bytearray(_LOG_BYTES)
        values = {
            options.CU_JIT_ERROR_LOG_BUFFER: log,
            options.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: len(log),
        }
        doing, load = "load a kernel", self._cuda.cuModuleLoadDataEx
        self._enter(doing)
        image, settings = ptx.encode() + b"\0", list(values.values())
        code, results = self._call(doing, load, image, len(values), list(values), settings)
        if code:
            logged = log.partition(b"\0")[0].decode(errors="replace")
            raise self._error(code, doing, " ".join(logged.split()))
        module = _Module(results[0])
        weakref.finalize(module, self._unload, module.handle).atexit = False
        return module

    def _unload(self, handle: Any) -> None:
        """Unload a module, when its kernels are done that are under way."""
        self._release(self._cuda.cuCtxSynchronize)
        self._release(self._cuda.cuModuleUnload, handle)

    def _found(self, module: _Module, symbol: str) -> _Loaded:
        cuda = self._cuda
        handle = self._do("find a kernel", cuda.cuModuleGetFunction, module.handle, symbol.encode())
        size = cuda.CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES
        return _Loaded(handle, self._do("find a kernel", cuda.cuFuncGetAttribute, size, handle))

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
        """Launch an entry; the driver copies the parameters before it returns."""
        function = self._allowed(entry.handle, shared)
        table = ParameterTable(parameters)
        launch = self._cuda.cuLaunchKernel
        parts = (*grid, *block, shared, stream, table.address, 0)
        self._give("launch a kernel", stream, launch, function.handle, *parts)

    def block_size(self, entry: Entry, shared: int) -> int:
        """What the driver says of the kernel's registers and shared memory."""
        function = self._allowed(entry.handle, shared)
        if shared not in function.block_sizes:
            occupy = self._cuda.cuOccupancyMaxPotentialBlockSize
            _, threads = self._do("choose a block", occupy, function.handle, None, shared, 0)
            function.block_sizes[shared] = int(threads)
        return function.block_sizes[shared]

    def _allowed(self, function: _Loaded, shared: int) -> _Loaded:
        """The function, which may have so many bytes of dynamic shared memory."""
        size, most = function.shared + shared, self.properties.shared_bytes
        if size > most:
            raise KernelgenError(
                f"a block needs {size} bytes of shared memory, and has at most {most}"
            )
        if size > _UNASKED_SHARED_BYTES and not function.has_asked:
            doing, ask = "give a block so much shared memory", self._cuda.cuFuncSetAttribute
            kinds = self._cuda.CUfunction_attribute
            kind = kinds.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self._do(doing, ask, function.handle, kind, most - function.shared)
            function.has_asked = True
        return function

    # Memory.

    def allocate(self, size: int) -> int:
        """Memory of the device, behind what the default stream has been given."""
        doing = f"allocate {size} bytes"
        if self._has_pool:
            return self._memory(doing, self._cuda.cuMemAllocAsync, size, 0)
        return self._memory(doing, self._cuda.cuMemAlloc, size)

    def _memory(self, doing: str, function: _Function, *args: Any) -> int:
        self._enter(doing)
        code, results = self._call(doing, function, *args)
        if code:
            error = self._error(code, doing)
            out_of_memory = code == self._cuda.CUresult.CUDA_ERROR_OUT_OF_MEMORY
            raise MemoryError(error.message) if out_of_memory else error
        return int(results[0])

    def free(self, address: int) -> None:
        """Give it back, behind what the default stream has been given, or wait for all."""
        if self._has_pool:
            self._release(self._cuda.cuMemFreeAsync, address, 0)
        else:
            self._release(self._cuda.cuMemFree, address)

    def has(self, address: int, size: int) -> bool:
        """The driver finds out what it can read when it does."""
        return True

    def allocate_pinned(self, size: int) -> int:
        """Memory of the host that is not paged out."""
        return self._memory(f"pin {size} bytes of the host", self._cuda.cuMemAllocHost, size)

    def free_pinned(self, address: int) -> None:
        """Give it back."""
        self._release(self._cuda.cuMemFreeHost, address)

    def pin(self, address: int, size: int) -> None:
        """Keep memory of the host from being paged out."""
        self._do(f"pin {size} bytes of the host", self._cuda.cuMemHostRegister, address, size, 0)

    def unpin(self, address: int) -> None:
        """Let it be paged out again, when all is done that has been given."""
        self._release(self._cuda.cuCtxSynchronize)
        self._release(self._cuda.cuMemHostUnregister, address)

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy bytes. Addresses tell the driver whose they are."""
        self._give("copy", stream, self._cuda.cuMemcpyAsync, target, source, size, stream)

    def fill(self, target: int, byte: int, size: int, stream: int) -> None:
        """Set bytes."""
        if size:
            self._give("fill", stream, self._cuda.cuMemsetD8Async, target, byte, size, stream)

    # Streams.

    def create_stream(self) -> int:
        """A stream that waits for the default one, and that one for it."""
        waits = self._cuda.CUstream_flags.CU_STREAM_DEFAULT
        return int(self._do("create a stream", self._cuda.cuStreamCreate, waits))

    def destroy_stream(self, stream: int) -> None:
        """Forget it. The driver does what it has been given."""
        self._release(self._cuda.cuStreamDestroy, stream)

    def synchronize(self, stream: int | None) -> None:
        """Wait for a stream, or for all."""
        if stream is None:
            self._do("finish", self._cuda.cuCtxSynchronize)
        else:
            self._do("finish", self._cuda.cuStreamSynchronize, stream)

    # Events.

    def create_event(self) -> int:
        """An event that takes the time."""
        timed = self._cuda.CUevent_flags.CU_EVENT_DEFAULT
        return int(self._do("create an event", self._cuda.cuEventCreate, timed))

    def destroy_event(self, event: int) -> None:
        """Forget it. Streams that wait for it do so."""
        self._release(self._cuda.cuEventDestroy, event)

    def record(self, event: int, stream: int) -> None:
        """Let it be behind what the stream has been given."""
        self._do("record an event", self._cuda.cuEventRecord, event, stream)

    def wait(self, event: int, stream: int) -> None:
        """Have the stream wait for it, if it has been recorded."""
        self._do("wait for an event", self._cuda.cuStreamWaitEvent, stream, event, 0)

    def is_done(self, event: int) -> bool:
        """Whether it has been, or has not been recorded."""
        doing, known = "tell of an event", self._cuda.CUresult
        self._enter(doing)
        code, _ = self._call(doing, self._cuda.cuEventQuery, event)
        if code not in (known.CUDA_SUCCESS, known.CUDA_ERROR_NOT_READY):
            raise self._error(code, doing)
        return not code

    def synchronize_event(self, event: int) -> None:
        """Wait for it."""
        self._do("finish", self._cuda.cuEventSynchronize, event)

    def elapsed(self, start: int, end: int) -> float:
        """The milliseconds between two events."""
        doing = "tell the time between two events"
        return float(self._do(doing, self._cuda.cuEventElapsedTime, start, end))


class _Module:
    """A module that is loaded, until the last reference is gone."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle


class _Loaded:
    """A function of a module: the bytes of shared memory that it declares, whether it has asked to
    be launched with all there is, and how many threads suit it by what a launch asks for."""

    def __init__(self, handle: Any, shared: int) -> None:
        self.handle = handle
        self.shared = shared
        self.has_asked = False
        self.block_sizes: dict[int, int] = {}


def _bindings() -> Any:
    """NVIDIA's package."""
    try:
        from cuda.bindings import driver
    except ImportError:
        raise KernelgenError(
            "NVIDIA's Python packages are not installed",
            None,
            "pip install 'kernelgen[cuda]', or set KERNELGEN_CUDA=emulator",
        ) from None
    return driver


def _architecture(name: str, major: int, minor: int) -> str:
    """The newest architecture that code can be made for and that a device runs."""
    own = 10 * major + minor
    older = [arch for arch in nvptx.ARCHITECTURES if int(arch.removeprefix("sm_")) <= own]
    if not older:
        raise KernelgenError(
            f"{name} has the architecture sm_{own}, which is older than {nvptx.ARCHITECTURES[0]}",
            None,
            _EMULATOR,
        )
    return older[-1]
