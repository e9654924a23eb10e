"""Time of kernels on the emulated device: what is launched, and what surrounds it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import kernelgen
from kernelgen import cuda

_N = 1 << 18
_THREADS = 128


def wave(x: Any, y: Any) -> Any:
    """A kernel of a ufunc."""
    return math.exp(-x * x) * math.sin(y)


def blurred(a: Any) -> Any:
    """A kernel of a stencil."""
    return (a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1] + 4 * a[0, 0]) / 8


def block_sums(x: Any, out: Any) -> None:
    """A kernel of a grid, with barriers."""
    part = cuda.shared.array(_THREADS, np.float64)
    own = cuda.threadIdx.x
    part[own] = x[cuda.grid(1)]
    cuda.syncthreads()
    step = _THREADS // 2
    while step > 0:
        if own < step:
            part[own] += part[own + step]
        cuda.syncthreads()
        step //= 2
    if own == 0:
        out[cuda.blockIdx.x] = part[0]


class Emulated:
    """Arrays that stay on the device."""

    def setup(self) -> None:
        """Make the arrays, and compile."""
        rng = np.random.default_rng(0)
        with cuda.emulator():
            self.x, self.y = (cuda.to_device(rng.normal(size=_N)) for _ in range(2))
            self.out = cuda.device_array(_N)
            self.sums = cuda.device_array(_N // _THREADS)
            self.image = self.x.reshape(512, -1)
            self.result = self.out.reshape(512, -1)
        self.small = self.x[:1], self.y[:1], self.out[:1]
        self.ufunc = kernelgen.vectorize(target="cuda")(wave)
        self.total = kernelgen.vectorize(target="cuda", identity=0)(lambda a, b: a + b)
        self.stencil = kernelgen.stencil(target="cuda", mode="reflect")(blurred)
        self.kernel = cuda.jit(block_sums)
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)()

    def time_ufunc(self) -> None:
        """A quarter of a million elements."""
        with cuda.emulator():
            self.ufunc(self.x, self.y, out=self.out)

    def time_ufunc_of_one_element(self) -> None:
        """What a call takes."""
        with cuda.emulator():
            self.ufunc(*self.small[:2], out=self.small[2])

    def time_reduce(self) -> None:
        """A tree."""
        with cuda.emulator():
            self.total.reduce(self.x)

    def time_stencil(self) -> None:
        """Tiles in shared memory."""
        with cuda.emulator():
            self.stencil(self.image, out=self.result)

    def time_kernel_with_barriers(self) -> None:
        """Coroutines."""
        with cuda.emulator():
            self.kernel[_N // _THREADS, _THREADS](self.x, self.sums)
