"""How far the functions of kernels are from the truth: ``python -m tests.accuracy``.

Machine code, on contiguous arrays and with ``precise=True``, is compared with mpmath at a million
points for each function and type. ``measure.py`` says how, and why that is sound.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "semantics"))
