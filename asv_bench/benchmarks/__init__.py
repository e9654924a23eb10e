"""Benchmarks of kernelgen for asv, each beside NumPy's own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the kernels are
