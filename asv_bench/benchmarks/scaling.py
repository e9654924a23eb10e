"""Time of elementwise kernels and of loops on one thread and on several."""

from __future__ import annotations

import numpy as np
from kernels import FLOATS, KERNELS
from shared_loops import ALONE, LOOPS, SHARED, STENCILS, actions, stencil_actions

import kernelgen


class Scaling:
    """One call of a kernel, compiled beforehand; the cpu target is "0 threads"."""

    params = (["axpy", "gaussian", "collatz"], [10, 10_000, 1_000_000], [0, 1, 2, 4, 8])
    param_names = ("kernel", "n", "threads")
    timeout = 120.0

    def setup(self, name: str, n: int, threads: int) -> None:
        """Make the data and compile."""
        if threads > kernelgen.threading_info().cpus:
            raise NotImplementedError("there are not so many processors")
        kernel = KERNELS[name]
        dtype = kernel.input_dtype(FLOATS[0])
        self.inputs = kernel.make(n, dtype, 0)
        self.out = np.empty(n, kernel.result_dtype(dtype))
        kernelgen.set_num_threads(max(threads, 1))
        self.call = kernelgen.vectorize(target="parallel" if threads else "cpu")(kernel.function)
        self.call(*self.inputs, out=self.out)

    def time_call(self, name: str, n: int, threads: int) -> None:
        """Whole call."""
        self.call(*self.inputs, out=self.out)


class Loops:
    """One call of a function or stencil whose loops threads share; "0 threads" share nothing."""

    params = (["axpy", "rows", "heat"], [10, 1_000_000], [0, 2, 4, 8])
    param_names = ("loop", "n", "threads")
    timeout = 120.0

    def setup(self, name: str, n: int, threads: int) -> None:
        """Make the data and compile."""
        if threads > kernelgen.threading_info().cpus:
            raise NotImplementedError("there are not so many processors")
        kernelgen.set_num_threads(max(threads, 1))
        found, _ = stencil_actions(name, n) if name in STENCILS else actions(LOOPS[name], n)
        self.call = found[SHARED if threads else ALONE]
        self.call()

    def time_call(self, name: str, n: int, threads: int) -> None:
        """Whole call."""
        self.call()
