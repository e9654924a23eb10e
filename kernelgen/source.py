"""Where a piece of a kernel stands in the user's source."""

from __future__ import annotations

import linecache
import os
from types import CodeType
from typing import NamedTuple


class Loc(NamedTuple):
    """A span of source code, as CPython's ``co_positions`` gives it.

    Lines count from 1, columns from 0 (in UTF-8 bytes); a column of -1 is unknown.
    ``inlined_at`` is the call that brought a helper function's code into its caller.
    """

    filename: str
    function: str
    line: int
    column: int = -1
    end_line: int = -1
    end_column: int = -1
    inlined_at: Loc | None = None

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}"

    def at_call(self, call: Loc | None) -> Loc:
        """This place, seen from the call ``call`` that inlined it."""
        outer = call if self.inlined_at is None else self.inlined_at.at_call(call)
        return Loc(
            self.filename,
            self.function,
            self.line,
            self.column,
            self.end_line,
            self.end_column,
            outer,
        )


GENERATED = "<kernelgen>"
"""The file name of code that this library writes around a user's function."""

_OWN = tuple(os.path.join(os.path.dirname(__file__), folder) for folder in ("ops", "cuda"))
"""Where functions of the kernel language are that stand in place of ops, or around a user's."""


def is_users(loc: Loc) -> bool:
    """Whether a place is one that a user knows."""
    return loc.filename != GENERATED and not loc.filename.startswith(_OWN)


def definition_of(code: CodeType) -> Loc:
    """Where the definition of a function begins."""
    return Loc(code.co_filename, code.co_qualname, code.co_firstlineno)


def text_at(loc: Loc | None) -> str:
    """What stands at a place, if its source is there, and on one line."""
    if loc is None or loc.column < 0 or loc.end_line != loc.line:
        return ""
    line = linecache.getline(loc.filename, loc.line).encode()
    return line[loc.column : loc.end_column].decode(errors="replace")


def excerpt(loc: Loc) -> str:
    """The source line of ``loc`` with carets under its span, and the calls that led there.

    Without source (a kernel made by ``exec``), only the place is named.
    """
    text = f"  in {loc.function}, {loc}"
    # Code of exec() is called <string>; since 3.13, so is what linecache knows of ``python -c``.
    known = loc.filename != "<string>"
    line = linecache.getline(loc.filename, loc.line).rstrip("\n") if known else ""
    if line.strip():
        number = str(loc.line)
        text += f"\n    {number} | {line.expandtabs(1)}"
        if loc.column >= 0:
            text += f"\n    {' ' * len(number)} | {_carets(loc, line)}"
    if loc.inlined_at is not None and is_users(loc.inlined_at):
        text += f"\n  called from\n{excerpt(loc.inlined_at)}"
    return text


def _carets(loc: Loc, line: str) -> str:
    """Carets under the columns of ``loc``; a span over several lines is marked on its first."""
    data = line.encode()
    end = loc.end_column if loc.end_line == loc.line else len(data)
    start = len(data[: loc.column].decode(errors="replace"))
    stop = len(data[:end].decode(errors="replace"))
    return " " * start + "^" * max(stop - start, 1)
