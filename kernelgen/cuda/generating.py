"""Source that is written around users' functions, which differs with the number of dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelgen.source import GENERATED


def unravelled(number: str, axes: Sequence[int]) -> list[str]:
    """Source that takes a number apart into the places ``i<axis>`` along axes of ``x``."""
    lines = []
    for axis in reversed(axes[1:]):
        lines += [
            f"    i{axis} = {number} % x.shape[{axis}]",
            f"    {number} = {number} // x.shape[{axis}]",
        ]
    return [*lines, *(f"    i{axis} = {number}" for axis in axes[:1])]


def defined(name: str, lines: Sequence[str], **names: Any) -> Any:
    """The function that source defines."""
    space: dict[str, Any] = dict(names)
    exec(compile("\n".join(lines), GENERATED, "exec"), space)
    return space[name]
