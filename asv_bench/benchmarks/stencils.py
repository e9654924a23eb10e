"""Time of stencils, and of calls of them that have next to nothing to compute."""

from __future__ import annotations

import numpy as np
from stencil_kernels import KERNELS

import kernelgen

_SIZES = {"heat": 1000, "heat of space": 100, "blur": 500, "life": 1000, "smooth": 1_000_000}


class Stencils:
    """One call of a stencil, compiled beforehand."""

    params = (list(_SIZES), ["constant", "wrap", "valid"])
    param_names = ("kernel", "mode")
    timeout = 120.0

    def setup(self, name: str, mode: str) -> None:
        """Make the data and compile."""
        kernel, n = KERNELS[name], _SIZES[name]
        self.values = kernel.make((n,) * kernel.ndim, "uint8" if name == "life" else "float64")
        self.call = kernelgen.stencil(mode, **kernel.options)(kernel.function)
        self.out = self.call(*self.values)
        self.time_call_out(name, mode)

    def time_call_out(self, name: str, mode: str) -> None:
        """Whole call, which fills an array that exists."""
        self.call(*self.values, out=self.out)


class StencilOverhead:
    """A small array."""

    def setup(self) -> None:
        """Compile and warm up."""
        self.a = np.ones((4, 4))
        self.call = kernelgen.stencil(KERNELS["heat"].function)
        self.out = self.call(self.a)
        self.time_call_out()

    def time_call(self) -> None:
        """Call that allocates its result."""
        self.call(self.a)

    def time_call_out(self) -> None:
        """Call that writes to an array that exists."""
        self.call(self.a, out=self.out)
