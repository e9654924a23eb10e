"""Kernels of `cuda.jit`, with signatures that they are compiled for."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from kernelgen import cuda

FULL = 0xFFFFFFFF


class GridCase(NamedTuple):
    """A kernel for some types. ``stack`` is whether it has arrays of a thread's own."""

    kernel: cuda.Kernel
    signature: str
    stack: bool

    def __str__(self) -> str:
        return f"{self.kernel.__name__}({self.signature})"


GRID_CASES: list[GridCase] = []


def kernel(*signatures: str, stack: bool = False, **options):
    """Make a kernel, and remember what it is to be assembled for."""

    def decorate(function):
        made = cuda.jit(**options)(function)
        GRID_CASES.extend(GridCase(made, each, stack) for each in signatures)
        return made

    return decorate


# ------------------------------------------------------------------------------------- places


@kernel("i8[:], i8[:]")
def places_1d(out, size):
    i = cuda.grid(1)
    out[i] += i
    size[0] = cuda.gridsize(1)


@kernel("i8[:,:], i8[:]")
def places_2d(out, size):
    i, j = cuda.grid(2)
    out[i, j] += 100 * i + j
    size[0], size[1] = cuda.gridsize(2)


@kernel("i8[:,:,:], i8[:]")
def places_3d(out, size):
    i, j, k = cuda.grid(3)
    out[i, j, k] += 10000 * i + 100 * j + k
    size[0], size[1], size[2] = cuda.gridsize(3)


@kernel("i4[:,:]")
def registers(out):
    block = cuda.blockIdx.x + cuda.gridDim.x * (cuda.blockIdx.y + cuda.gridDim.y * cuda.blockIdx.z)
    thread = cuda.threadIdx.x + cuda.blockDim.x * (
        cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z
    )
    row = out[block * cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z + thread]
    row[0], row[1], row[2] = cuda.threadIdx.x, cuda.threadIdx.y, cuda.threadIdx.z
    row[3], row[4], row[5] = cuda.blockIdx.x, cuda.blockIdx.y, cuda.blockIdx.z
    row[6], row[7], row[8] = cuda.blockDim.x, cuda.blockDim.y, cuda.blockDim.z
    row[9], row[10], row[11] = cuda.gridDim.x, cuda.gridDim.y, cuda.gridDim.z
    row[12], row[13] = cuda.laneid, cuda.warpsize


# ------------------------------------------------------------------------------------- memory


@kernel("f4[:], i8[:]")
def two_shared_arrays(x, n):
    i = cuda.threadIdx.x
    a = cuda.shared.array(64, np.float32)
    b = cuda.shared.array(shape=(4, 16), dtype="i8")
    a[i] = x[i]
    b[i // 16, i % 16] = n[i]
    cuda.syncthreads()
    j = 63 - i
    x[i] = a[j]
    n[i] = b[j // 16, j % 16]


@kernel("f8[:], i8[:]")
def dynamic_array(x, length):
    i = cuda.threadIdx.x
    s = cuda.shared.array(0, "f8")
    s[i] = x[i]
    cuda.syncthreads()
    x[i] = s[len(s) - 1 - i]
    length[0] = len(s)


@kernel("f8[:]", stack=True)
def own_array(out):
    i = cuda.grid(1)
    own = cuda.local.array((2, 3), "f8")
    for j in range(2):
        for k in range(3):
            own[j, k] = 10 * i + 3 * j + k
    cuda.syncthreads()
    out[i] = own[i % 2, i % 3]


TABLE = np.arange(12.0).reshape(3, 4)


@kernel("f8[:]")
def looked_up(out):
    table = cuda.const.array_like(TABLE)
    i = cuda.grid(1)
    out[i] = table[i // 4, i % 4]


# ------------------------------------------------------------------------------------ atomics


def change_numbers(x, v, olds, i):
    """The atomics that all types have."""
    olds[0, i] = cuda.atomic.add(x, 0, v)
    olds[1, i] = cuda.atomic.sub(x, (1,), v)
    olds[2, i] = cuda.atomic.max(x, 2, v)
    olds[3, i] = cuda.atomic.min(x, 3, v)
    olds[4, i] = cuda.atomic.exch(x, 4, v)
    olds[5, i] = cuda.atomic.cas(x, 5, v, v + v)


def change_bits(x, v, olds, i):
    olds[6, i] = cuda.atomic.and_(x, 6, v)
    olds[7, i] = cuda.atomic.or_(x, (7,), v)
    olds[8, i] = cuda.atomic.xor(x, 8, v)


INTEGERS = "i4", "u4", "i8", "u8"
FLOATS = "f4", "f8"


def _arrays(types):
    return tuple(f"{t}[:], {t}[:], {t}[:,:]" for t in types)


@kernel(*_arrays(INTEGERS))
def atomics_of_integers(x, values, olds):
    i = cuda.grid(1)
    change_numbers(x, values[i], olds, i)
    change_bits(x, values[i], olds, i)


@kernel(*_arrays(FLOATS))
def atomics_of_floats(x, values, olds):
    i = cuda.grid(1)
    change_numbers(x, values[i], olds, i)


@kernel(*_arrays(INTEGERS))
def integers_in_turn(x, values, olds):
    for i in range(len(values)):
        change_numbers(x, values[i], olds, i)
        change_bits(x, values[i], olds, i)


@kernel(*_arrays(FLOATS))
def floats_in_turn(x, values, olds):
    for i in range(len(values)):
        change_numbers(x, values[i], olds, i)


def shared_atomics(dtype, *, of_bits):
    """A kernel whose blocks change what they have copied to shared memory."""

    def atomics_of_shared(x, values, olds, results):
        i, t = cuda.grid(1), cuda.threadIdx.x
        s = cuda.shared.array(9, dtype)
        if t < 9:
            s[t] = x[t]
        cuda.syncthreads()
        change_numbers(s, values[i], olds, i)
        if of_bits:
            change_bits(s, values[i], olds, i)
        cuda.syncthreads()
        if t < 9:
            results[cuda.blockIdx.x, t] = s[t]

    signature = f"{dtype}[:], {dtype}[:], {dtype}[:,:], {dtype}[:,:]"
    return kernel(signature)(atomics_of_shared)


SHARED_ATOMICS = {
    **{t: shared_atomics(t, of_bits=True) for t in INTEGERS},
    **{t: shared_atomics(t, of_bits=False) for t in FLOATS},
}


@kernel("i8[:,:,:]", "f4[:,:,:]")
def atomics_of_three_dimensions(x):
    cuda.atomic.add(x, (1, cuda.threadIdx.x % 3, -1), 1)
    cuda.atomic.add(x[0], (2, 0), 1)


@kernel("i8[:]", "f8[:]")
def add_by_cas(x):
    seen = x[0]
    while True:
        found = cuda.atomic.cas(x, 0, seen, seen + 1)
        if found == seen:
            break
        seen = found


# -------------------------------------------------------------------------------------- warps

SHUFFLED = "i4", "u4", "i8", "u8", "f4", "f8"


@kernel(*(f"{t}[:], {t}[:,:], i4" for t in SHUFFLED))
def shuffles(x, out, k):
    i = cuda.grid(1)
    out[0, i] = cuda.shfl_sync(FULL, x[i], k)
    out[1, i] = cuda.shfl_up_sync(FULL, x[i], k)
    out[2, i] = cuda.shfl_down_sync(FULL, x[i], k)
    out[3, i] = cuda.shfl_xor_sync(FULL, x[i], k)
    out[4, i] = cuda.shfl_sync(FULL, x[i], i + k)


@kernel("i8[:], i8[:,:]")
def shuffles_of_half_warps(x, out):
    i = cuda.grid(1)
    low = cuda.laneid < 16
    mask = 0xFFFF if low else 0xFFFF0000
    out[0, i] = cuda.shfl_xor_sync(mask, x[i], 5)
    out[1, i] = cuda.shfl_sync(mask, x[i], 3 if low else 20)
    if low:
        out[2, i] = cuda.shfl_xor_sync(0xFFFF, x[i], 1)
        out[3, i] = cuda.ballot_sync(0xFFFF, x[i] % 3 == 0)
    else:
        out[2, i] = cuda.shfl_xor_sync(0xFFFF0000, x[i], 2)
        out[3, i] = cuda.ballot_sync(0xFFFF0000, x[i] % 5 == 0)
    cuda.syncwarp(mask)
    out[4, i] = cuda.any_sync(mask, x[i] == 20)
    cuda.syncwarp()
    out[5, i] = cuda.all_sync(mask, x[i] < 16)


@kernel("b1[:], i8[:,:]")
def votes(x, out):
    i = cuda.grid(1)
    out[0, i] = cuda.ballot_sync(FULL, x[i])
    out[1, i] = cuda.all_sync(FULL, x[i])
    out[2, i] = cuda.any_sync(FULL, x[i])
    out[3, i] = cuda.ballot_sync(FULL, True)
    out[4, i] = cuda.all_sync(FULL, 0)
    out[5, i] = cuda.any_sync(FULL, 1)


@kernel("f8[:]", "i4[:]")
def warp_sums(x):
    i = cuda.grid(1)
    s = x[i]
    step = 16
    while step > 0:
        s += cuda.shfl_down_sync(FULL, s, step)
        step //= 2
    x[i] = cuda.shfl_sync(FULL, s, 0)


# ----------------------------------------------------------------------------------- barriers


def rotate(s, i, count):
    """Each takes its neighbour's number, so often."""
    for _ in range(count):
        cuda.syncthreads()
        found = s[(i + 1) % 64]
        cuda.syncthreads()
        s[i] = found


@kernel("i4[:], i4")
def barriers(x, count):
    i = cuda.threadIdx.x
    s = cuda.shared.array(64, "i4")
    s[i] = x[i]
    if count > 2:
        rotate(s, i, count)
    elif count == 2:
        cuda.syncthreads()
        found = s[63 - i]
        cuda.syncthreads()
        s[i] = found
    x[i] = s[i]


@kernel("i8[:], i8[:]")
def last_block(x, counter):
    """The block that comes last adds up what the others have written."""
    s = cuda.shared.array(1, "i8")
    b, t = cuda.blockIdx.x, cuda.threadIdx.x
    if t == 0:
        cuda.atomic.add(x, b, b)
        cuda.threadfence()
        s[0] = cuda.atomic.add(counter, 0, 1)
    cuda.syncthreads()
    if s[0] == cuda.gridDim.x - 1 and t == 0:
        total = 0
        for k in range(cuda.gridDim.x):
            total += cuda.atomic.add(x, k, 0)
        counter[1] = total


# --------------------------------------------------------------------------------- algorithms


@kernel("f8[:], f8[:]", "i4[:], i4[:]")
def block_sums(x, out):
    t = cuda.threadIdx.x
    s = cuda.shared.array(128, "f8")
    total = 0.0
    for i in range(cuda.grid(1), len(x), cuda.gridsize(1)):
        total += x[i]
    s[t] = total
    step = 64
    while step:
        cuda.syncthreads()
        if t < step:
            s[t] += s[t + step]
        step //= 2
    if t == 0:
        cuda.atomic.add(out, 0, s[0])


@kernel("u1[:], i4[:]", "i8[:], i8[:]")
def histogram(x, bins):
    t = cuda.threadIdx.x
    own = cuda.shared.array(16, "i4")
    if t < 16:
        own[t] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), len(x), cuda.gridsize(1)):
        cuda.atomic.add(own, x[i] % 16, 1)
    cuda.syncthreads()
    if t < 16:
        cuda.atomic.add(bins, t, own[t])


TILE = 8


@kernel("f4[:,::1], f4[:,::1], f4[:,::1]", "f8[:,:], f8[:,:], f8[:,:]")
def tiled_product(a, b, c):
    x, y = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    left = cuda.shared.array((TILE, TILE), "f8")
    right = cuda.shared.array((TILE, TILE), "f8")
    total = 0.0
    for start in range(0, a.shape[1], TILE):
        left[tx, ty] = a[x, start + ty] if x < a.shape[0] and start + ty < a.shape[1] else 0
        right[tx, ty] = b[start + tx, y] if start + tx < b.shape[0] and y < b.shape[1] else 0
        cuda.syncthreads()
        for k in range(TILE):
            total += left[tx, k] * right[k, ty]
        cuda.syncthreads()
    if x < c.shape[0] and y < c.shape[1]:
        c[x, y] = total


@kernel("i8[:]", "f4[:]")
def scan(x):
    """Hillis and Steele's, in two buffers."""
    t = cuda.threadIdx.x
    s = cuda.shared.array((2, 256), "f8")
    now, step = 0, 1
    s[0, t] = x[t]
    cuda.syncthreads()
    while step < cuda.blockDim.x:
        s[1 - now, t] = s[now, t] + (s[now, t - step] if t >= step else 0)
        now, step = 1 - now, 2 * step
        cuda.syncthreads()
    x[t] = s[now, t]


@kernel("i4[:]", "f8[:]")
def bitonic_sort(x):
    t = cuda.threadIdx.x
    s = cuda.shared.array(128, "f8")
    s[t] = x[t]
    k = 2
    while k <= 128:
        j = k // 2
        while j:
            cuda.syncthreads()
            other = t ^ j
            if other > t and (s[t] > s[other]) == (t & k == 0):
                s[t], s[other] = s[other], s[t]
            j //= 2
        k *= 2
    cuda.syncthreads()
    x[t] = s[t]


def transposition(dtype):
    @kernel(f"{dtype}[:,:], {dtype}[:,:]")
    def transpose(x, out):
        tile = cuda.shared.array((TILE, TILE + 1), dtype)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        i, j = cuda.grid(2)
        if i < x.shape[0] and j < x.shape[1]:
            tile[tx, ty] = x[i, j]
        cuda.syncthreads()
        i, j = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE + ty
        if i < out.shape[0] and j < out.shape[1]:
            out[i, j] = tile[ty, tx]

    return transpose


TRANSPOSITIONS = {dtype: transposition(dtype) for dtype in ("i1", "f4", "c16")}


@kernel("f4[:], f4[:], f4", "f8[::1], f8[::1], f8")
def axpy(x, y, a):
    i = cuda.grid(1)
    if i < len(y):
        y[i] += a * x[i]


@kernel("f8[:], f8[:]")
def of_math(x, out):
    i = cuda.grid(1)
    out[i] = math.exp(x[i]) + math.hypot(x[i], 1.0) + x[i] // 3 + x[i] ** 3


# --------------------------------------------------------------------------------- exceptions


def root(x):
    if x < 0:
        raise ValueError(f"{x} has no root")
    return math.sqrt(x)


@kernel("f8[:]")
def roots(x):
    i = cuda.grid(1)
    x[i] = root(x[i])


@kernel("f8[:]")
def roots_behind_barriers(x):
    i = cuda.grid(1)
    s = cuda.shared.array(32, "f8")
    s[cuda.threadIdx.x] = x[i]
    cuda.syncthreads()
    found = root(s[31 - cuda.threadIdx.x])
    cuda.syncthreads()
    x[i] = found


@kernel("i8[:], i8", error_model="python")
def quotients(x, y):
    i = cuda.grid(1)
    x[i] = x[i] // (i - y)


@kernel("i8[:], i8", boundscheck=True)
def shifted(x, k):
    i = cuda.grid(1)
    x[i] = x[i + k]


@kernel("f8[:]")
def assertion(x):
    assert x[0] == 1, "it is not one"
