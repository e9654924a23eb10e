"""NVIDIA's package ``cuda.bindings.driver`` without a device: its memory is of the host.

Functions take and return what the real ones do. What a stream is given is done when somebody waits,
one thing after the other, so that what is read too early is wrong. Addresses of the device are none
of the host.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np

CUresult = IntEnum(
    "CUresult",
    {
        "CUDA_SUCCESS": 0,
        "CUDA_ERROR_INVALID_VALUE": 1,
        "CUDA_ERROR_OUT_OF_MEMORY": 2,
        "CUDA_ERROR_NOT_INITIALIZED": 3,
        "CUDA_ERROR_NO_DEVICE": 100,
        "CUDA_ERROR_INVALID_CONTEXT": 201,
        "CUDA_ERROR_NO_BINARY_FOR_GPU": 209,
        "CUDA_ERROR_INVALID_PTX": 218,
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": 222,
        "CUDA_ERROR_INVALID_HANDLE": 400,
        "CUDA_ERROR_NOT_FOUND": 500,
        "CUDA_ERROR_NOT_READY": 600,
        "CUDA_ERROR_ILLEGAL_ADDRESS": 700,
        "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES": 701,
        "CUDA_ERROR_LAUNCH_TIMEOUT": 702,
        "CUDA_ERROR_MISALIGNED_ADDRESS": 716,
        "CUDA_ERROR_INVALID_ADDRESS_SPACE": 717,
        "CUDA_ERROR_INVALID_PC": 718,
        "CUDA_ERROR_LAUNCH_FAILED": 719,
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": 803,
    },
)
CUdevice_attribute = IntEnum(
    "CUdevice_attribute",
    {
        "CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK": 1,
        "CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X": 2,
        "CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y": 3,
        "CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z": 4,
        "CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X": 5,
        "CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y": 6,
        "CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z": 7,
        "CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT": 16,
        "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR": 75,
        "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR": 76,
        "CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": 97,
        "CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED": 115,
    },
)
CUfunction_attribute = IntEnum(
    "CUfunction_attribute",
    {
        "CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES": 1,
        "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES": 8,
    },
)
CUjit_option = IntEnum(
    "CUjit_option", {"CU_JIT_ERROR_LOG_BUFFER": 5, "CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES": 6}
)
CUmemPool_attribute = IntEnum("CUmemPool_attribute", {"CU_MEMPOOL_ATTR_RELEASE_THRESHOLD": 4})
CUstream_flags = IntEnum("CUstream_flags", {"CU_STREAM_DEFAULT": 0, "CU_STREAM_NON_BLOCKING": 1})
CUevent_flags = IntEnum("CUevent_flags", {"CU_EVENT_DEFAULT": 0, "CU_EVENT_DISABLE_TIMING": 2})

ENUMS = (
    CUresult, CUdevice_attribute, CUfunction_attribute, CUjit_option, CUmemPool_attribute,
    CUstream_flags, CUevent_flags,
)  # fmt: skip

_CONTEXT = 0xC0
_FIRST_ADDRESS = 1 << 44
_SUCCESS = CUresult.CUDA_SUCCESS
_PARAMETER = re.compile(r"\.param (?:\.align \d+ \.b8 \w+\[(\d+)\]|\.\w?(\d+))")


class Handle:
    """What the real package returns for streams, addresses, and so on: an int, if asked."""

    def __init__(self, number: int) -> None:
        self._number = int(number)

    def __int__(self) -> int:
        return self._number


class Launch(NamedTuple):
    """A launch that the driver was asked for."""

    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    stream: int
    parameters: list[bytes]


class FakeDriver:
    """In place of the module.

    ``failing`` says which functions return which code; ``missing``, which the driver's library does
    not have. ``on_launch`` is called when a kernel runs. ``capability`` and the like say what the
    device is.
    """

    def __init__(self) -> None:
        for enum in ENUMS:
            setattr(self, enum.__name__, enum)
        self.failing: dict[str, CUresult] = {}
        self.missing: set[str] = set()
        self.calls: list[str] = []
        self.launches: list[Launch] = []
        self.on_launch: Callable[[Launch], None] = lambda launch: None
        self.broken_by_kernels: CUresult = _SUCCESS
        self.log = b""
        self.devices, self.capability, self.pools = 1, (8, 7), True
        self.total, self.static_shared = 1 << 30, 0
        self.threshold = 0
        self.most_dynamic_shared = 48 << 10
        self.blocks: dict[int, np.ndarray] = {}
        self.pinned: dict[int, np.ndarray] = {}
        self.registered: dict[int, int] = {}
        self.streams: dict[int, int] = {}
        self.events: dict[int, int] = {}
        self.modules: dict[int, str] = {}
        self._times: dict[int, int] = {}
        self._numbers = itertools.count(0x1000, 16)
        self._next_address = _FIRST_ADDRESS
        self._queue: list[Callable[[], None]] = []
        self._done = 0
        self._broken = _SUCCESS
        self._thread = threading.local()

    def __getattribute__(self, name: str):
        if not name.startswith("cu") or name == "cuuint64_t":
            return object.__getattribute__(self, name)
        function = object.__getattribute__(self, "_" + name)

        def call(*args):
            self.calls.append(name)
            if name in self.missing:
                raise RuntimeError(f'Function "{name}" not found')
            code = self.failing.get(name, self._broken)
            has_context = getattr(self._thread, "context", None) == _CONTEXT
            if not code and not has_context and name not in _WITHOUT_CONTEXT:
                code = CUresult.CUDA_ERROR_INVALID_CONTEXT
            if code and name != "cuGetErrorString":
                return (code, *(None for _ in range(_RESULTS.get(name, 0))))
            return function(*args)

        return call

    # What the streams have been given.

    def run(self, count: int | None = None) -> None:
        """Do what streams have been given, up to the so manyth thing."""
        while self._queue and (count is None or self._done < count):
            self._done += 1
            self._queue.pop(0)()

    def _enqueue(self, action: Callable[[], None]) -> tuple[CUresult]:
        self._queue.append(action)
        return (_SUCCESS,)

    def memory(self, address: int, size: int) -> np.ndarray:
        """Bytes, of the device or of the host."""
        for start, block in self.blocks.items():
            if start <= address < start + len(block):
                assert address + size <= start + len(block), "behind the end of an allocation"
                return block[address - start :][:size]
        assert address < _FIRST_ADDRESS or address > 2 * _FIRST_ADDRESS, "memory that was freed"
        return np.frombuffer((ctypes.c_char * size).from_address(address), np.uint8)

    # The device.

    cuuint64_t = Handle

    def _cuInit(self, flags):
        return (_SUCCESS if self.devices else CUresult.CUDA_ERROR_NO_DEVICE,)

    def _cuGetErrorString(self, code):
        return _SUCCESS, code.name.removeprefix("CUDA_ERROR_").replace("_", " ").lower().encode()

    def _cuDeviceGetCount(self):
        return _SUCCESS, self.devices

    def _cuDeviceGet(self, ordinal):
        return _SUCCESS, Handle(ordinal)

    def _cuDeviceGetName(self, length, device):
        return _SUCCESS, b"Fake 3000\0".ljust(length)

    def _cuDeviceTotalMem(self, device):
        return _SUCCESS, self.total

    def _cuDeviceGetAttribute(self, kind, device):
        value = {
            "COMPUTE_CAPABILITY_MAJOR": self.capability[0],
            "COMPUTE_CAPABILITY_MINOR": self.capability[1],
            "MULTIPROCESSOR_COUNT": 16,
            "MAX_BLOCK_DIM_Z": 64,
            "MAX_GRID_DIM_X": (1 << 31) - 1,
            "MAX_GRID_DIM_Y": 65535,
            "MAX_GRID_DIM_Z": 65535,
            "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": 99 << 10,
            "MEMORY_POOLS_SUPPORTED": self.pools,
        }
        return _SUCCESS, int(value.get(kind.name.removeprefix("CU_DEVICE_ATTRIBUTE_"), 1024))

    def _cuDevicePrimaryCtxRetain(self, device):
        return _SUCCESS, Handle(_CONTEXT)

    def _cuCtxSetCurrent(self, context):
        self._thread.context = int(context)
        return (_SUCCESS,)

    def _cuCtxSynchronize(self):
        self.run()
        return (self._broken,)

    def _cuDeviceGetMemPool(self, device):
        return _SUCCESS, Handle(0xF0)

    def _cuMemPoolGetAttribute(self, pool, kind):
        return _SUCCESS, Handle(self.threshold)

    def _cuMemPoolSetAttribute(self, pool, kind, value):
        self.threshold = int(value)
        return (_SUCCESS,)

    # Code.

    def _cuModuleLoadDataEx(self, image, count, options, values):
        text = image.rstrip(b"\0").decode()
        assert image.endswith(b"\0") and count == len(options) == len(values)
        assert ".version" in text and f".target {self.target}" in text
        settings = dict(zip(options, values))
        if self.log:
            buffer = settings[CUjit_option.CU_JIT_ERROR_LOG_BUFFER]
            assert len(buffer) == settings[CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES]
            buffer[: len(self.log) + 1] = self.log + b"\0"
            return CUresult.CUDA_ERROR_INVALID_PTX, None
        handle = next(self._numbers)
        self.modules[handle] = text
        return _SUCCESS, Handle(handle)

    target = "sm_86"

    def _cuModuleUnload(self, module):
        del self.modules[int(module)]
        return (_SUCCESS,)

    def _cuModuleGetFunction(self, module, name):
        found = re.search(
            rf"\.entry {name.decode()}\((.*?)\)", self.modules[int(module)], re.DOTALL
        )
        if found is None:
            return CUresult.CUDA_ERROR_NOT_FOUND, None
        function = Handle(next(self._numbers))
        function.sizes = [int(a) if a else int(b) // 8 for a, b in _PARAMETER.findall(found[1])]
        return _SUCCESS, function

    def _cuFuncGetAttribute(self, kind, function):
        assert kind == CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES
        return _SUCCESS, self.static_shared

    def _cuFuncSetAttribute(self, function, kind, value):
        assert kind == CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        self.most_dynamic_shared = value
        return (_SUCCESS,)

    def _cuOccupancyMaxPotentialBlockSize(self, function, of_block, shared, limit):
        assert of_block is None and limit == 0
        return _SUCCESS, 32, 768

    def _cuLaunchKernel(self, function, *rest):
        (*dims, shared, stream, table, extra) = rest
        assert extra == 0
        if shared > self.most_dynamic_shared:
            return (CUresult.CUDA_ERROR_INVALID_VALUE,)
        addresses = (ctypes.c_void_p * len(function.sizes)).from_address(table)
        parameters = [ctypes.string_at(a, n) for a, n in zip(addresses, function.sizes)]
        launch = Launch(tuple(dims[:3]), tuple(dims[3:]), shared, int(stream), parameters)
        self.launches.append(launch)
        return self._enqueue(lambda: self._run_kernel(launch))

    def _run_kernel(self, launch):
        self._broken = self.broken_by_kernels
        if not self._broken:
            self.on_launch(launch)

    # Memory.

    def _allocate(self, size):
        if size > self.total or size < 1:
            out_of_memory = CUresult.CUDA_ERROR_OUT_OF_MEMORY
            return (out_of_memory if size else CUresult.CUDA_ERROR_INVALID_VALUE), None
        address, self._next_address = self._next_address, self._next_address + size + 512
        self.blocks[address] = np.full(size, 0xA5, np.uint8)
        return _SUCCESS, Handle(address)

    def _cuMemAllocAsync(self, size, stream):
        assert self.pools and stream == 0
        return self._allocate(size)

    def _cuMemAlloc(self, size):
        return self._allocate(size)

    def _cuMemFreeAsync(self, address, stream):
        assert self.pools and stream == 0
        return self._enqueue(lambda: self.blocks.pop(int(address)))

    def _cuMemFree(self, address):
        self.run()
        del self.blocks[int(address)]
        return (_SUCCESS,)

    def _cuMemAllocHost(self, size):
        made = np.empty(size, np.uint8)
        self.pinned[made.ctypes.data] = made
        return _SUCCESS, made.ctypes.data

    def _cuMemFreeHost(self, address):
        del self.pinned[address]
        return (_SUCCESS,)

    def _cuMemHostRegister(self, address, size, flags):
        assert flags == 0
        self.registered[int(address)] = size
        return (_SUCCESS,)

    def _cuMemHostUnregister(self, address):
        assert not self._queue
        del self.registered[int(address)]
        return (_SUCCESS,)

    def _cuMemcpyAsync(self, target, source, size, stream):
        def copy():
            self.memory(target, size)[:] = self.memory(source, size)

        return self._enqueue(copy)

    def _cuMemsetD8Async(self, address, byte, size, stream):
        def fill():
            self.memory(address, size)[:] = byte

        return self._enqueue(fill)

    # Streams and events.

    def _cuStreamCreate(self, flags):
        self.streams[handle := next(self._numbers)] = int(flags)
        return _SUCCESS, Handle(handle)

    def _cuStreamDestroy(self, stream):
        del self.streams[stream]
        return (_SUCCESS,)

    def _cuStreamGetFlags(self, stream):
        if stream not in self.streams:
            return CUresult.CUDA_ERROR_INVALID_HANDLE, None
        return _SUCCESS, self.streams[stream]

    def _cuStreamSynchronize(self, stream):
        self.run()
        return (self._broken,)

    def _cuStreamWaitEvent(self, stream, event, flags):
        assert flags == 0
        return (_SUCCESS if int(event) in self.events else CUresult.CUDA_ERROR_INVALID_HANDLE,)

    def _cuEventCreate(self, flags):
        self.events[handle := next(self._numbers)] = int(flags)
        return _SUCCESS, Handle(handle)

    def _cuEventDestroy(self, event):
        del self.events[int(event)]
        return (_SUCCESS,)

    def _cuEventRecord(self, event, stream):
        self._times[int(event)] = self._done + len(self._queue)
        return (_SUCCESS,)

    def _is_done(self, event):
        return self._times[event] <= self._done

    def _cuEventQuery(self, event):
        return (_SUCCESS if self._is_done(event) else CUresult.CUDA_ERROR_NOT_READY,)

    def _cuEventSynchronize(self, event):
        self.run(self._times[event])
        return (self._broken,)

    def _cuEventElapsedTime(self, start, end):
        if start not in self._times or end not in self._times:
            return CUresult.CUDA_ERROR_INVALID_HANDLE, None
        if not (self._is_done(start) and self._is_done(end)):
            return CUresult.CUDA_ERROR_NOT_READY, None
        return _SUCCESS, float(self._times[end] - self._times[start])


FUNCTIONS = [name[1:] for name in vars(FakeDriver) if name.startswith("_cu")]
_RESULTS = {
    "cuOccupancyMaxPotentialBlockSize": 2,
    **dict.fromkeys(
        [
            "cuDeviceGet", "cuDeviceGetAttribute", "cuDeviceGetCount", "cuDeviceGetMemPool",
            "cuDeviceGetName", "cuDevicePrimaryCtxRetain", "cuDeviceTotalMem", "cuEventCreate",
            "cuEventElapsedTime", "cuFuncGetAttribute", "cuGetErrorString", "cuMemAlloc",
            "cuMemAllocAsync", "cuMemAllocHost", "cuMemPoolGetAttribute", "cuModuleGetFunction",
            "cuModuleLoadDataEx", "cuStreamCreate", "cuStreamGetFlags",
        ],
        1,
    ),
}  # fmt: skip
"""How many results stand behind the code, where there are some."""

_WITHOUT_CONTEXT = (
    "cuInit", "cuGetErrorString", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName",
    "cuDeviceTotalMem", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent",
    "cuDeviceGetMemPool", "cuMemPoolGetAttribute", "cuMemPoolSetAttribute",
)  # fmt: skip
