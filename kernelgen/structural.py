"""Objects that are compared by what they are made of."""

from __future__ import annotations

from typing import Any


class Structural:
    """Equal to all objects of its class that are made of the same parts.

    A dataclass would be that too. It takes half a millisecond to make one, though, for which
    every process would wait.
    """

    def _parts(self) -> Any:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structural) or type(other) is not type(self):
            return NotImplemented
        return bool(self._parts() == other._parts())

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._parts()!r}"
