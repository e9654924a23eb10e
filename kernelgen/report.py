"""What became of the loops of a function that threads may share, in words."""

from __future__ import annotations

import linecache
from typing import NamedTuple

from kernelgen.source import Loc


class Entry(NamedTuple):
    """A loop: where it stands, whether threads share it, and what else is to be said."""

    loc: Loc | None
    shared: bool
    what: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = "?" if self.loc is None else f"{self.loc}"
        head = f"{place}: {self.what}"
        line = "" if self.loc is None else linecache.getline(self.loc.filename, self.loc.line)
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

    def add(self, loc: Loc | None, shared: bool, what: str, *notes: str) -> None:
        """Note a loop; one that is noted alike is there once."""
        entry = Entry(loc, shared, what, notes)
        if str(entry) not in map(str, self.entries):
            self.entries.append(entry)

    def __str__(self) -> str:
        if not self.entries:
            return "there is no loop that threads could share"
        places = [(e.loc.filename, e.loc.line) if e.loc else ("", 0) for e in self.entries]
        pairs = sorted(zip(places, self.entries, strict=True), key=lambda pair: pair[0])
        return "\n".join(str(entry) for _, entry in pairs)
