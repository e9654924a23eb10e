"""What golden files call."""

from __future__ import annotations

from typing import Any


def scaled(x: Any, by: Any = 2) -> Any:
    return x * by


def steps(n: Any) -> Any:
    if n < 1:
        return 0
    return steps(n - 1) + 1
