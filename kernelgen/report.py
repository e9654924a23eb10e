"""What became of the loops of a function that threads may share, in words."""

from __future__ import annotations

import linecache
from typing import NamedTuple

from kernelgen.source import Loc


class Entry(NamedTuple):
    """A loop: where it stands, what became of it, and what else is to be said. A place that is not
    known is line 0."""

    file: str
    line: int
    what: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else "?"
        head = f"{place}: {self.what}"
        line = linecache.getline(self.file, self.line)
        shown = [f"  {line.strip()}"] * bool(line.strip())
        return "\n".join([head, *shown, *(f"  - {note}" for note in self.notes)])


class Report:
    """The loops of a function for some arguments, in the order of the source.

    ``reduced`` is where arrays are reduced or accumulated on one thread, which counts unless that
    is part of a loop that is shared.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.reduced: list[Loc | None] = []

    def add(self, loc: Loc | None, what: str, *notes: str) -> None:
        """Note a loop; one that is noted alike is there once."""
        file, line = ("", 0) if loc is None else (loc.filename, loc.line)
        entry = Entry(file, line, what, notes)
        if entry not in self.entries:
            self.entries.append(entry)

    def __str__(self) -> str:
        if not self.entries:
            return "there is no loop that threads could share"
        return "\n".join(map(str, sorted(self.entries, key=lambda entry: entry[:2])))
