"""Kernels that cannot stand in a test module, where pytest rewrites ``assert``."""

from __future__ import annotations

from typing import Any


def sum_with_assertions(n: Any) -> Any:
    """0 + 1 + ... + n - 1, for small n."""
    total = 0
    for i in range(n):
        assert i < 5
        assert i != 4, "four"
        total += i
    return total
