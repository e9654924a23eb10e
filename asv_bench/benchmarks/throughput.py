"""Time of ten elementwise kernels on long arrays."""

from __future__ import annotations

import numpy as np
from kernels import FLOATS, KERNELS

import kernelgen


class Throughput:
    """One call of a kernel, compiled beforehand, or of its NumPy form."""

    params = (list(KERNELS), [32_000, 1_000_000], list(FLOATS), ["kernelgen", "numpy"])
    param_names = ("kernel", "n", "dtype", "library")
    timeout = 120.0

    def setup(self, name: str, n: int, dtype: str, library: str) -> None:
        """Make the data and compile."""
        kernel = KERNELS[name]
        if dtype != FLOATS[0] and dtype not in kernel.dtypes:
            raise NotImplementedError("the kernel takes no floats: measured once")
        dtype = kernel.input_dtype(dtype)
        self.inputs = kernel.make(n, dtype, 0)
        if library == "numpy":
            self.call, self.options = kernel.array, {}
        else:
            self.call = kernelgen.vectorize(kernel.function)
            self.options = {"out": np.empty(n, kernel.result_dtype(dtype))}
        self.call(*self.inputs, **self.options)

    def time_call(self, name: str, n: int, dtype: str, library: str) -> None:
        """Whole call."""
        self.call(*self.inputs, **self.options)
