"""Where tuples of one length meet, have their elements meet instead.

Before: untyped SSA. After: no block argument, of a loop or behind a branch, is given tuples
of one known length by all edges. In its place are one for each element, and a ``tuple`` of them.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ir.sequences import elements, length, named_tuple_class

_CONFLICT = -1

Sources = dict[Block, list[tuple[Block, Edge]]]


def split_joined_tuples(function: Function) -> bool:
    """Apply the pass; whether any tuples met."""
    sources = function.arrivals()
    lengths = _lengths(function, sources)
    parts = {
        arg: [Value(hint=f"{arg.hint}_{i}" if arg.hint else "") for i in range(count)]
        for arg, count in lengths.items()
        if count != _CONFLICT
    }
    for block in function.blocks[1:]:
        for arg in [a for a in block.args if a in parts]:
            _split(block, arg, parts, sources[block])
    return bool(parts)


def _lengths(function: Function, sources: Sources) -> dict[Value, int]:
    """How long each argument is, taking those for tuples that nothing proves to be none."""
    lengths: dict[Value, int] = {}
    changed = True
    while changed:
        changed = False
        for block in function.blocks[1:]:
            for index, arg in enumerate(block.args):
                given = [edge.args[index] for _, edge in sources[block]]
                found = {_length(value, lengths, function.params) for value in given} - {None}
                if not found:
                    continue
                new = found.pop() if len(found) == 1 else _CONFLICT
                if new is not None and new != lengths.get(arg):
                    lengths[arg] = new
                    changed = True
    return lengths


def _length(value: Value, lengths: dict[Value, int], params: list[Value]) -> int | None:
    """The length of a tuple, None of an argument of which nothing is known yet."""
    if value in params:
        return _CONFLICT
    if isinstance(value.definition, Block):
        return lengths.get(value)
    found = length(value)
    return _CONFLICT if found is None else found


def _split(
    block: Block,
    arg: Value,
    parts: dict[Value, list[Value]],
    sources: list[tuple[Block, Edge]],
) -> None:
    index = block.args.index(arg)
    incoming = [edge.args[index] for _, edge in sources]
    for source, edge in sources:
        value = edge.args[index]
        values = parts.get(value) or elements(value, source, source.terminator) or []
        edge.args[index : index + 1] = values
    block.args[index : index + 1] = parts[arg]
    for part in parts[arg]:
        part.definition = block
    classes = {named_tuple_class(value) for value in incoming if value not in parts}
    attrs = {"cls": classes.pop()} if len(classes) == 1 and None not in classes else {}
    block.ops.insert(0, Op("tuple", parts[arg], attrs, block.ops[0].loc, result=arg))
