"""Scalars as 64-bit words: how what an exception is made of leaves machine code.

Writing the words and reading them stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelgen.llvm_text import Emitter
from kernelgen.types.compound import Type
from kernelgen.types.table import Scalar

SIZE = 8
"""Bytes of a word."""


def count_words(types: Sequence[Type]) -> int:
    """How many words values of ``types`` take: None takes none, a complex number two."""
    return sum(1 + t.is_complex for t in types if isinstance(t, Scalar))


def write_words(e: Emitter, t: Type, value: str) -> list[str]:
    """The words of a value, by their names in LLVM: its bits, zeros above them."""
    if not isinstance(t, Scalar):
        return []
    if t.is_complex:
        parts = [e(f"extractvalue {t.llvm} {value}, {i}") for i in (0, 1)]
        return [word for part in parts for word in write_words(e, t.component, part)]
    bits = f"i{t.bits}"
    if t.is_float:
        value = e(f"bitcast {t.llvm} {value} to {bits}")
    return [value if t.bits == 64 else e(f"zext {bits} {value} to i64")]


def read_words(types: Sequence[Type], data: bytes) -> list[Any]:
    """The values whose words stand in memory as ``data``."""
    words = iter(np.frombuffer(data, np.uint64))
    return [_read(t, words) if isinstance(t, Scalar) else None for t in types]


def _read(t: Scalar, words: Any) -> Any:
    part = t.component
    found = [next(words) for _ in range(count_words([t]))]
    return np.array(found).astype(f"u{part.size}").view(part.dtype).view(t.dtype)[0]
