"""Kernels for NVIDIA's GPUs, and an emulator that runs the same kernels without one."""

from __future__ import annotations

from contextlib import AbstractContextManager as _Context

from kernelgen.cuda.arrays import (
    DeviceArray,
    as_device,
    device_array,
    device_array_like,
    is_device_array,
    pinned,
    pinned_array,
    to_device,
)
from kernelgen.cuda.kernels import DeviceFunction, Kernel, jit
from kernelgen.cuda.language import (
    all_sync,
    any_sync,
    atomic,
    ballot_sync,
    blockDim,
    blockIdx,
    const,
    grid,
    gridDim,
    gridsize,
    laneid,
    local,
    shared,
    shfl_down_sync,
    shfl_sync,
    shfl_up_sync,
    shfl_xor_sync,
    syncthreads,
    syncwarp,
    threadfence,
    threadIdx,
    warpsize,
)
from kernelgen.cuda.streams import Event, Stream, event, stream
from kernelgen.cuda.streams import synchronize_all as synchronize
from kernelgen.errors import KernelgenError as _KernelgenError
from kernelgen.ops import grid as _ops  # noqa: F401 - what kernels of a grid are made of
from kernelgen.runtime import device as _device
from kernelgen.runtime.device import Properties


def emulator(*, checked: bool = False) -> _Context[None]:
    """Run what is launched in a context on the processor, in place of a GPU.

    Kernels are compiled from the same code, and all that surrounds them is the same. Indices are
    checked, unless a kernel says otherwise.

    Parameters
    ----------
    checked : bool
        Look for races on shared memory, and for barriers that not all threads of a block come to.
        That takes several times longer.

    Returns
    -------
    context manager

    Examples
    --------
    >>> from kernelgen import cuda
    >>> with cuda.emulator():
    ...     cuda.properties().architecture
    'emulated'
    """
    return _device.using(_device.emulated(checked=checked))


def is_available() -> bool:
    """Whether kernels can be launched: there is a device, or an emulator.

    Returns
    -------
    bool
    """
    try:
        _device.current()
    except _KernelgenError:
        return False
    return True


def properties() -> Properties:
    """What the device is.

    Returns
    -------
    Properties
        A named tuple.

    Raises
    ------
    KernelgenError
        There is none.
    """
    return _device.current().properties


__all__ = [
    "DeviceArray",
    "DeviceFunction",
    "Event",
    "Kernel",
    "Properties",
    "Stream",
    "all_sync",
    "any_sync",
    "as_device",
    "atomic",
    "ballot_sync",
    "blockDim",
    "blockIdx",
    "const",
    "device_array",
    "device_array_like",
    "emulator",
    "event",
    "grid",
    "gridDim",
    "gridsize",
    "is_available",
    "is_device_array",
    "jit",
    "laneid",
    "local",
    "pinned",
    "pinned_array",
    "properties",
    "shared",
    "shfl_down_sync",
    "shfl_sync",
    "shfl_up_sync",
    "shfl_xor_sync",
    "stream",
    "synchronize",
    "syncthreads",
    "syncwarp",
    "threadIdx",
    "threadfence",
    "to_device",
    "warpsize",
]
