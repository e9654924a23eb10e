"""Write out loops over tuples, one copy of the loop for each element.

So are loops over ranges between constants, and over constant arrays, that make lists, and those
over the offsets that a stencil reads. Before: untyped SSA in which the tuple's length is known.
After: each copy has its element in place of the iterator's value, so every element has its own
type, and may be a tuple or a function as well as a number.
"""

from __future__ import annotations

from collections.abc import Iterable

from kernelgen.errors import UnsupportedError
from kernelgen.ir.clone import Copy, repair
from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ir.dominance import dominates
from kernelgen.ir.sequences import defining, elements_of_any, length, length_of_any, put

_LONGEST = 20_000
"""More ops than this are not worth their compile time."""

_MOST_READING = 6_000
"""The same, of loops over the offsets of a stencil, which may as well be computed."""


def unroll_loops(function: Function) -> bool:
    """Apply the pass to an innermost loop over a tuple; whether there was one."""
    for block in reversed(function.blocks):
        for op in block.ops:
            start = start_of(function, block, op) if op.name == "iter_more" else None
            if start is not None and _needs_writing(function, block, start):
                _write_sequence(function, start)
            count = None if start is None else length(start.operands[0])
            if start is not None and count is not None:
                _unroll(function, block, op.operands[0], start, count)
                function.sort_blocks()
                return True
    return False


def _needs_writing(function: Function, header: Block, start: Op) -> bool:
    """Whether a loop goes over constants that are no tuple: a set, or to make a list of them."""
    source = start.operands[0]
    if source.constant is not None and isinstance(source.constant.attrs["value"], frozenset):
        return True
    count = length_of_any(source)
    if length(source) is not None or (count or _LONGEST) >= _LONGEST:
        return False
    if function.read_at_offsets and count is not None:
        loop = _loop(function, header)
        if _reads_at_offsets(function, loop):
            return count * sum(len(block.ops) for block in loop) <= _MOST_READING
    if not any(op.name == "list_append" for op in function.ops()):
        return False
    return any(op.name == "list_append" for b in _loop(function, header) for op in b.ops)


def _reads_at_offsets(function: Function, loop: set[Block]) -> bool:
    """Whether a loop reads an array of a stencil at offsets that are not known yet."""
    return any(
        op.name == "subscript"
        and op.operands[0] in function.read_at_offsets
        and not _is_known(op.operands[1])
        for block in loop
        for op in block.ops
    )


def _is_known(index: Value) -> bool:
    """Whether an index is made of constants."""
    made = defining(index, "tuple", "slice")
    return index.constant is not None if made is None else all(map(_is_known, made.operands))


def _write_sequence(function: Function, start: Op) -> None:
    """Have a loop go over a tuple of what it goes over."""
    home = next(block for block in function.blocks if start in block.ops)
    values = elements_of_any(start.operands[0], home, start)
    assert values is not None
    start.operands = [put(home, start, "tuple", *values)]


def start_of(function: Function, header: Block, more: Op) -> Op | None:
    """The ``iter`` op that makes the iterator of a loop."""
    iterator = more.operands[0]
    sources = {iterator}
    if iterator.definition is header:
        index = header.args.index(iterator)
        edges = [edge for edge in function.edges() if edge.target is header]
        sources = {edge.args[index] for edge in edges}
    starts = [op for v in sources if isinstance(op := v.definition, Op) and op.name == "iter"]
    return starts[0] if len(starts) == 1 else None


def _unroll(function: Function, header: Block, iterator: Value, start: Op, count: int) -> None:
    """Chain ``count`` copies in front of the loop, which is left with nothing to iterate over.

    A loop that never comes round again is no loop, and its first element is all it sees.
    """
    source = start.operands[0]
    loop = _loop(function, header)
    if not loop:
        _fix(function.blocks, iterator, source, 0 if count else None, start)
        return
    if count * sum(len(block.ops) for block in loop) > _LONGEST:
        raise UnsupportedError(
            f"this loop over a tuple of {count} elements is too long to be written out",
            start.loc,
            "loop over range(n)",
        )
    copies = [Copy(loop) for _ in range(count)]
    headers = [*(copy.blocks[header] for copy in copies), header]
    entries = [b.terminator for b in function.blocks if b not in loop]
    _lead([edge for op in entries for edge in op.edges], header, headers[0])
    for copy, following in zip(copies, headers[1:], strict=True):
        backs = [edge for block in copy.blocks.values() for edge in block.terminator.edges]
        _lead(backs, copy.blocks[header], following)
    at = function.blocks.index(header)
    function.blocks[at:at] = [block for copy in copies for block in copy.blocks.values()]
    for index, copy in enumerate(copies):
        _fix(copy.blocks.values(), copy.values[iterator], source, index, start)
    _fix([header], iterator, source, None, start)
    repair(function, loop, copies)


def _loop(function: Function, header: Block) -> set[Block]:
    """The blocks of the loop that ``header`` begins, and those that leave its body for good.

    Of what a ``return`` or ``break`` sees, the loop's variables are those of one element too.
    """
    loop = function.loops().get(header, set())
    if loop and header.terminator.name == "branch":
        body, idom = header.successors[0], function.dominators()
        loop |= {block for block in function.blocks if dominates(idom, body, block)}
    return loop


def _lead(edges: list[Edge], old: Block, new: Block) -> None:
    """Have the edges to ``old`` lead to ``new``."""
    for edge in edges:
        if edge.target is old:
            edge.target = new


def _fix(
    blocks: Iterable[Block], iterator: Value, source: Value, index: int | None, start: Op
) -> None:
    """Let the blocks of a loop see the element at ``index`` of the tuple, or its header the end."""
    start.name, start.operands, start.attrs = "undefined", [], {}
    for op in [op for block in blocks for op in block.ops]:
        if op.operands != [iterator]:
            continue
        if op.name == "iter_more":
            op.name, op.operands, op.attrs = "const", [], {"value": index is not None}
        elif op.name == "iter_value" and index is not None:
            op.name, op.operands, op.attrs = "item", [source], {"index": index}
        elif op.name in ("iter_value", "iter_next"):
            op.name, op.operands = "undefined", []
