"""Scalars as 64-bit words: how what an exception is made of leaves machine code.

Writing the words and reading them stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kernelgen.llvm_text import Emitter
from kernelgen.types.compound import Type
from kernelgen.types.table import Scalar, value_of

SIZE = 8
"""Bytes of a word."""


def count_words(types: Sequence[Type]) -> int:
    """How many words values of ``types`` take: None takes none, a complex number those of two."""
    return sum((1 + t.is_complex) * _words_of_part(t) for t in types if isinstance(t, Scalar))


def _words_of_part(t: Scalar) -> int:
    """How many words a number that is not complex takes, or each part of a complex one."""
    return -(-t.component.bits // 64)


def write_words(e: Emitter, t: Type, value: str) -> list[str]:
    """The words of a value, by their names in LLVM: its bits, the lowest first, zeros above."""
    if not isinstance(t, Scalar):
        return []
    if t.is_complex:
        parts = [e(f"extractvalue {t.llvm} {value}, {i}") for i in (0, 1)]
        return [word for part in parts for word in write_words(e, t.component, part)]
    bits = f"i{t.bits}"
    if t.is_float:
        value = e(f"bitcast {t.llvm} {value} to {bits}")
    shifts = (64 * k for k in range(_words_of_part(t)))
    return [_word(e, bits, e(f"lshr {bits} {value}, {n}") if n else value) for n in shifts]


def _word(e: Emitter, integer: str, value: str) -> str:
    """The lowest 64 bits of an integer of another type."""
    if integer == "i64":
        return value
    return e(f"{'zext' if int(integer[1:]) < 64 else 'trunc'} {integer} {value} to i64")


def read_words(types: Sequence[Type], data: bytes) -> list[Any]:
    """The values whose words stand in memory as ``data``."""
    words = iter(np.frombuffer(data, np.uint64))
    return [_read(t, words) if isinstance(t, Scalar) else None for t in types]


def _read(t: Scalar, words: Iterator[Any]) -> Any:
    return value_of(t, *(_part(words, _words_of_part(t)) for _ in range(1 + t.is_complex)))


def _part(words: Iterator[Any], count: int) -> int:
    return sum(int(next(words)) << 64 * k for k in range(count))
