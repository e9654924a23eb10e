"""Time until the first result, each sample in a fresh process."""

from __future__ import annotations

from pathlib import Path

FOLDER = str(Path(__file__).resolve().parents[1])

PREPARE = f"""
import sys
sys.path.insert(0, {FOLDER!r})
import numpy as np
from kernels import gaussian, gaussian_array, haversine, sigmoid
x = np.full(4, 0.5)
"""

LOADED = f"""
{PREPARE}
import kernelgen
import llvmlite.binding
"""


class Import:
    """Imports; kernelgen's comes on top of NumPy's."""

    def timeraw_kernelgen(self) -> tuple[str, str]:
        """Import kernelgen where NumPy is loaded."""
        return "import kernelgen", "import numpy"

    def timeraw_numpy(self) -> str:
        """Import NumPy."""
        return "import numpy"


class FirstCall:
    """Decoration, compilation and the first result of a kernel."""

    def timeraw_from_nothing(self) -> tuple[str, str]:
        """Everything on top of NumPy: importing, loading LLVM, the first kernel."""
        return "import kernelgen\nkernelgen.vectorize(gaussian)(x, x, x)", PREPARE

    def timeraw_first_kernel(self) -> tuple[str, str]:
        """First kernel of a process that has LLVM loaded."""
        return "kernelgen.vectorize(gaussian)(x, x, x)", LOADED

    def timeraw_further_kernel(self) -> tuple[str, str]:
        """Kernel after the first."""
        return (
            "kernelgen.vectorize(haversine)(x, x, x, x)",
            f"{LOADED}\nkernelgen.vectorize(gaussian)(x, x, x)",
        )

    def timeraw_further_dtype(self) -> tuple[str, str]:
        """Another dtype of a kernel that is compiled."""
        return "f(x.astype('float32'))", f"{LOADED}\nf = kernelgen.vectorize(sigmoid)\nf(x)"

    def timeraw_numpy(self) -> tuple[str, str]:
        """First result of the same density as a NumPy expression."""
        return "gaussian_array(x, x, x)", PREPARE
