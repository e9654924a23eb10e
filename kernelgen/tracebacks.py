"""Tracebacks that show where in the user's source machine code has raised an exception.

A traceback consists of frames, and a frame has a code object that knows its places. Here are
frames that have never run, of code of which every instruction stands at the place to be shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

from kernelgen.source import Loc, is_users


def traceback_to(loc: Loc | None) -> TracebackType | None:
    """The traceback whose last entry is ``loc``, behind those of the calls that led there."""
    found = None
    while loc is not None:
        if is_users(loc):
            found = TracebackType(found, _frame_at(loc), 0, loc.line)
        loc = loc.inlined_at
    return found


def _frame_at(loc: Loc) -> FrameType:
    # Of a generator, as its frame has no caller, whose variables would be kept alive.
    generator: Any = FunctionType(_code_at(loc._replace(inlined_at=None)), {})()
    frame: FrameType = generator.gi_frame
    return frame


def _template() -> Iterator[None]:
    yield


@lru_cache(100)
def _code_at(loc: Loc) -> CodeType:
    code = _template.__code__
    return code.replace(
        co_filename=loc.filename,
        co_name=loc.function.rpartition(".")[2],
        co_qualname=loc.function,
        co_firstlineno=loc.line,
        co_linetable=b"".join(_entries(loc, len(code.co_code) // 2)),
    )


_LONGEST, _WITHOUT_COLUMNS, _LONG = 8, 13, 14
"""The most instructions of an entry in a table of locations, and two of its forms."""


def _entries(loc: Loc, count: int) -> Iterator[bytes]:
    """The table of locations of ``count`` instructions at one place."""
    known = loc.column >= 0
    # The distance from the line before is written with a sign: it is none.
    places = [0, loc.end_line - loc.line, loc.column + 1, loc.end_column + 1] if known else [0]
    for start in range(0, count, _LONGEST):
        length = min(_LONGEST, count - start)
        form = _LONG if known else _WITHOUT_COLUMNS
        yield bytes([0x80 | form << 3 | length - 1])
        yield from map(_number, places)


def _number(n: int) -> bytes:
    """Six bits in each byte, the lowest first; the seventh says that more follow."""
    found = bytearray()
    while n >= 64:
        found.append(64 | n & 63)
        n >>= 6
    return bytes([*found, n])
