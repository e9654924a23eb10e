"""A kernel that cannot stand in a test module, where pytest rewrites ``assert``."""

from __future__ import annotations

from typing import Any


def not_below_zero(a: Any) -> Any:
    """The element on the left."""
    assert a[0] >= 0, "below zero"
    return a[-1]
