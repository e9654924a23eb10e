"""Webs: block arguments that hand the same values round, as the headers of nested loops do.

Before inference nothing else is needed to tell which values a variable may have: those that a
web is given from outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernelgen.ir.core import Block, Function, Value
from kernelgen.types.compound import Type


class Web:
    """Arguments each of which may get its value from each other one, often a single one.

    ``inputs`` are the values that come from outside, ``types`` those of the definitions in which
    these end, once they are known.
    """

    def __init__(self, args: list[Value], inputs: list[Value]) -> None:
        self.args = args
        self.inputs = inputs
        self.types: tuple[Type, ...] = ()


def webs_of(function: Function) -> dict[Value, Web]:
    """The web of each block argument; parameters have none."""
    given = _given(function)
    found: dict[Value, Web] = {}
    for args in _components(given):
        outside = dict.fromkeys(v for arg in args for v in given[arg] if v not in args)
        found |= dict.fromkeys(args, Web(args, list(outside)))
    return found


def by_block(webs: dict[Value, Web], blocks: list[Block]) -> Iterator[tuple[Block, list[Web]]]:
    """The blocks in their order, each with the webs that begin there."""
    seen: set[Web] = set()
    for block in blocks:
        new = [w for w in dict.fromkeys(webs[a] for a in block.args if a in webs) if w not in seen]
        seen.update(new)
        yield block, new


def _given(function: Function) -> dict[Value, list[Value]]:
    """The values that the edges to its block give each argument."""
    given: dict[Value, list[Value]] = {a: [] for b in function.blocks[1:] for a in b.args}
    for edge in function.edges():
        for arg, value in zip(edge.target.args, edge.args, strict=True):
            if value is not arg:
                given[arg].append(value)
    return given


def _components(given: dict[Value, list[Value]]) -> list[list[Value]]:
    """The strongly connected components of the arguments: two walks, one against the edges."""
    taken: dict[Value, list[Value]] = {arg: [] for arg in given}
    for arg, values in given.items():
        for value in values:
            if value in given:
                taken[value].append(arg)
    seen: set[Value] = set()
    finished = [arg for start in given for arg in _walk(start, taken, seen)]
    seen.clear()
    components = [_walk(start, given, seen) for start in reversed(finished)]
    return [c for c in components if c]


def _walk(start: Value, ways: dict[Value, list[Value]], seen: set[Value]) -> list[Value]:
    """What can be reached of ``ways`` and is not yet seen, each behind what it leads to."""
    if start in seen:
        return []
    seen.add(start)
    order: list[Value] = []
    work = [(start, iter(ways[start]))]
    while work:
        value, rest = work[-1]
        new = next((v for v in rest if v in ways and v not in seen), None)
        if new is None:
            order.append(value)
            work.pop()
        else:
            seen.add(new)
            work.append((new, iter(ways[new])))
    return order
