"""Helpers that live in another module than the kernels that call them."""

from __future__ import annotations

from typing import Any

SCALE = 3


def scaled(x: Any) -> Any:
    """Uses a global of this module, whatever the caller's globals are."""
    return x * SCALE


def nested(x: Any) -> Any:
    """Calls a helper of its own."""
    return scaled(x) + scaled(1)
