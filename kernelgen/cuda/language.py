"""What kernels of `cuda.jit` are written with: where a thread is, and what threads do together."""

from __future__ import annotations

from typing import Any

from kernelgen.grids import REQUIRED, WARP, GridFunction, Register, Registers

threadIdx = Registers("tid", "cuda.threadIdx")
"""The place of the thread in its block: ``threadIdx.x``, ``.y`` and ``.z``."""

blockIdx = Registers("ctaid", "cuda.blockIdx")
"""The place of the block in the grid."""

blockDim = Registers("ntid", "cuda.blockDim")
"""How many threads a block has along each dimension."""

gridDim = Registers("nctaid", "cuda.gridDim")
"""How many blocks the grid has along each dimension."""

laneid: Any = Register("laneid", "cuda.laneid")
"""The place of the thread in its warp, from 0 to 31."""

warpsize = WARP
"""How many threads there are in a warp: 32."""


def grid(ndim: int) -> Any:
    """The place of the thread in the whole grid.

    Parameters
    ----------
    ndim : {1, 2, 3}
        How many dimensions are asked for; a constant.

    Returns
    -------
    int or tuple of int
        One number for one dimension, else a tuple: x first.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import cuda
    >>> @cuda.jit
    ... def number(out):
    ...     i = cuda.grid(1)
    ...     if i < len(out):
    ...         out[i] = i
    >>> with cuda.emulator():
    ...     out = cuda.device_array(5, "i8")
    ...     number[2, 3](out)
    ...     out.copy_to_host()
    array([0, 1, 2, 3, 4])
    """
    x = blockIdx.x * blockDim.x + threadIdx.x
    if ndim == 1:
        return x
    y = blockIdx.y * blockDim.y + threadIdx.y
    if ndim == 2:
        return x, y
    if ndim == 3:
        return x, y, blockIdx.z * blockDim.z + threadIdx.z
    raise ValueError("a grid has 1, 2 or 3 dimensions")


def gridsize(ndim: int) -> Any:
    """How many threads the whole grid has, along each of the first ``ndim`` dimensions.

    Parameters
    ----------
    ndim : {1, 2, 3}
        A constant.

    Returns
    -------
    int or tuple of int
        One number for one dimension, else a tuple: x first.
    """
    x = gridDim.x * blockDim.x
    if ndim == 1:
        return x
    y = gridDim.y * blockDim.y
    if ndim == 2:
        return x, y
    if ndim == 3:
        return x, y, gridDim.z * blockDim.z
    raise ValueError("a grid has 1, 2 or 3 dimensions")


syncthreads = GridFunction(
    "cuda.syncthreads",
    "syncthreads",
    {},
    """Wait until all threads of the block are here; what they have written before can be read.

    All threads of a block have to come to the same call.
    """,
)

syncwarp = GridFunction(
    "cuda.syncwarp",
    "syncwarp",
    {"mask": 0xFFFFFFFF},
    """Wait until the threads of the warp whose bits are set in ``mask`` are here; what they have
    written before can be read.

    They have to come with the same mask, but for those that have ended.
    """,
)

threadfence = GridFunction(
    "cuda.threadfence",
    "threadfence",
    {},
    """Let all threads of the device see what this one has written before they see what follows.""",
)


class _Memory:
    """A kind of memory, in which kernels make arrays of constant shape."""

    def __init__(self, kind: str, doc: str) -> None:
        self.array = GridFunction(
            f"cuda.{kind}.array",
            "grid_array",
            {"shape": REQUIRED, "dtype": REQUIRED},
            doc,
            space=kind,
        )


shared = _Memory(
    "shared",
    """An array that the threads of a block share. Nothing is known of its elements at first.

    ``shape`` is an integer or a tuple of them, and it and ``dtype`` are constants. With shape 0
    it is the memory that the launch asked for: ``kernel[grid, block, stream, bytes]``.
    """,
)
local = _Memory(
    "local",
    """An array of the thread's own. Nothing is known of its elements at first.

    ``shape`` is an integer or a tuple of them, and it and ``dtype`` are constants. All arrays of a
    thread may take 512 KiB.
    """,
)


class _Constants:
    """Constant memory."""

    array_like = GridFunction(
        "cuda.const.array_like",
        "constant_array",
        {"values": REQUIRED},
        """An array that is a constant of the kernel: what ``values``, a global array, holds when
        the kernel is compiled.""",
    )


const = _Constants()


def _atomic(name: str, what: str) -> GridFunction:
    return GridFunction(
        f"cuda.atomic.{name}",
        "atomic",
        {"array": REQUIRED, "index": REQUIRED, "value": REQUIRED},
        f"""{what}, as one step that no other thread can come between; the element as it was.

        ``index`` is an integer, or a tuple of them. Elements are integers of 32 or 64 bits, or
        floats of these.
        """,
        kind=name,
    )


class _Atomics:
    """Changes of an array's element that no other thread can come between."""

    add = _atomic("add", "``array[index] += value``")
    sub = _atomic("sub", "``array[index] -= value``")
    max = _atomic("max", "The greater of ``array[index]`` and ``value``; nan counts as missing")
    min = _atomic("min", "The smaller of ``array[index]`` and ``value``; nan counts as missing")
    exch = _atomic("exch", "``array[index] = value``")
    and_ = _atomic("and_", "``array[index] &= value``, of integers")
    or_ = _atomic("or_", "``array[index] |= value``, of integers")
    xor = _atomic("xor", "``array[index] ^= value``, of integers")
    cas = GridFunction(
        "cuda.atomic.cas",
        "atomic_cas",
        {"array": REQUIRED, "index": REQUIRED, "old": REQUIRED, "value": REQUIRED},
        """``if array[index] == old: array[index] = value``, compared bit by bit, as one step that
        no other thread can come between; the element as it was.""",
    )


atomic = _Atomics()

_LANES = """of the threads of the warp whose bits are set in ``mask``, all of which have to come to
    the same call. ``value`` is an integer or a float of 32 or 64 bits. What these have written to
    memory can be read behind `syncwarp` only."""


def _shuffle(name: str, parameter: str, whose: str) -> GridFunction:
    return GridFunction(
        f"cuda.{name}",
        "shuffle",
        {"mask": REQUIRED, "value": REQUIRED, parameter: REQUIRED},
        f"The ``value`` of {whose}, {_LANES}",
        kind=name[5:-5] or "idx",
    )


shfl_sync = _shuffle("shfl_sync", "lane", "the thread at ``lane``")
shfl_up_sync = _shuffle("shfl_up_sync", "delta", "the thread ``delta`` lanes below, or its own")
shfl_down_sync = _shuffle("shfl_down_sync", "delta", "the thread ``delta`` lanes above, or its own")
shfl_xor_sync = _shuffle("shfl_xor_sync", "lane_mask", "the thread at ``laneid ^ lane_mask``")


def _vote(name: str, what: str) -> GridFunction:
    return GridFunction(
        f"cuda.{name}_sync",
        "vote",
        {"mask": REQUIRED, "predicate": REQUIRED},
        f"{what} {_LANES.partition('. ')[0]}.",
        kind=name,
    )


ballot_sync = _vote(
    "ballot", "A number that has the bits of the lanes set where ``predicate`` holds,"
)
all_sync = _vote("all", "Whether ``predicate`` holds for all")
any_sync = _vote("any", "Whether ``predicate`` holds for any")
