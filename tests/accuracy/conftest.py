"""Without mpmath there is nothing to compare with."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("mpmath") else ["test_accuracy.py"]
