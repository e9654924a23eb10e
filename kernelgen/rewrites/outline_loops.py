"""Make functions of the loops that threads share.

Before: loops whose last jump is marked with ``share``, the schedule. They count from 0, and hand
nothing from one iteration to the next. After: each is a function that goes through some of the
iterations, and a ``parallel_for`` in its place.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelgen.ir.clone import Copy
from kernelgen.ir.core import Block, Edge, Function, Op, Value, jump
from kernelgen.ir.dominance import reverse_postorder
from kernelgen.ops.threads import draws_globally
from kernelgen.rewrites.writer import ELEMENTS
from kernelgen.types.compound import NONE, Object
from kernelgen.types.table import WEAK_INT


def outline_loops(function: Function) -> None:
    """Apply the pass."""
    count, within = 0, set()
    while (latch := _marked(function)) is not None:
        schedule = latch.terminator.attrs.pop("share")
        loop = _found(function, latch)
        if loop is None or (schedule == ELEMENTS and _draws(loop)):
            continue
        count += 1
        within |= {op.loc for block in loop.blocks for op in block.ops}
        _outline(function, loop, f"{function.name}.loop{count}", schedule)
        if schedule == ELEMENTS:
            text = "shared by threads if it is long: a loop over elements of arrays"
            function.sharing.add(latch.terminator.loc, text)
    if function.sharing is not None:
        for loc in (each for each in function.sharing.reduced if each not in within):
            function.sharing.add(loc, "not shared: an array is reduced or accumulated")


def _draws(loop: Loop) -> bool:
    """Whether random numbers are drawn in a loop, which have an order."""
    ops = [op for block in loop.blocks for op in block.ops]
    return any(draws_globally(op) or op.name.startswith("draw_") for op in ops)


def _marked(function: Function) -> Block | None:
    """The end of the first loop that is to be shared: of nested ones the outer one.

    Those within it are part of its function, in which they go on as loops.
    """
    function.sort_blocks()
    marked = [b for b in function.blocks if "share" in b.terminator.attrs]
    if not marked:
        return None
    order = {block: place for place, block in enumerate(function.blocks)}
    return min(marked, key=lambda block: order[block.successors[0]])


class Loop(NamedTuple):
    """A loop that counts from 0, and all that runs in it.

    Attributes
    ----------
    header, entrance : Block
        Where each iteration begins, and the block in front of it.
    blocks : list of Block
        Those of the loop.
    tails : list of Block
        Those that it leaves to, to raise an exception.
    length : Value
        How many iterations there are.
    """

    header: Block
    entrance: Block
    blocks: list[Block]
    tails: list[Block]
    length: Value


def _found(function: Function, latch: Block) -> Loop | None:
    """The loop that ends with ``latch``, if it still has the form that was written."""
    header = latch.successors[0]
    arrivals = function.arrivals()[header]
    entrances = [source for source, _ in arrivals if source is not latch]
    test = header.terminator
    if len(header.args) != 1 or len(entrances) != 1 or test.name != "branch":
        return None
    compared = test.operands[0].definition
    if not isinstance(compared, Op) or compared.name != "lt" or compared not in header.ops:
        return None
    if compared.operands[0] is not header.args[0]:
        return None
    body = function.loops()[header]
    within = reverse_postorder(test.edges[0].target, lambda b: [] if b is header else b.successors)
    tails = [b for b in within if b not in body]
    if any(b.terminator.name == "return" for b in tails) or test.edges[1].target in within:
        return None
    blocks = [b for b in function.blocks if b in body]
    return Loop(header, entrances[0], blocks, tails, compared.operands[1])


def _outline(function: Function, loop: Loop, name: str, schedule: str) -> None:
    test = loop.header.terminator
    behind, entry, end = test.edges[1], Block(), Block()
    copies = Copy(loop.tails)
    for block in loop.blocks:
        block.terminator.attrs.pop("share", None)
        for edge in block.terminator.edges:
            edge.target = copies.blocks.get(edge.target, edge.target)
    blocks = [*loop.blocks, *copies.blocks.values()]
    until = _count_to(test, end)
    given = _captures(blocks, entry, until)
    captured = [value for value, param in given.items() if param.definition is None]
    for value in captured:
        entry.take_arg(given[value])
    entry.append(jump(loop.header, (entry.add_arg(WEAK_INT),), test.loc))
    entry.take_arg(until)
    end.append(Op("const", (), {"value": None}, test.loc)).value.type = NONE
    end.append(Op("return", (end.ops[0].value,), None, test.loc))
    made = Function(name, test.loc)
    made.result, made.code = NONE, function.code
    made.blocks = [entry, *blocks, end]
    made.substitute(given)
    attrs = {"callee": made, "schedule": schedule}
    call = Op("parallel_for", (*captured, loop.length), attrs, test.loc)
    call.value.type = NONE
    loop.entrance.ops[-1:] = [call, jump(behind.target, behind.args, test.loc)]
    function.sort_blocks()
    made.sort_blocks()


def _count_to(test: Op, end: Block) -> Value:
    """Let a loop end behind other iterations, and at ``end``; what says behind which."""
    compared, until = test.operands[0].definition, Value(WEAK_INT)
    assert isinstance(compared, Op)
    compared.operands[1] = until
    test.edges[1] = Edge(end)
    return until


def _captures(blocks: list[Block], entry: Block, until: Value) -> dict[Value, Value]:
    """What the blocks use that is defined elsewhere, by what stands for it in their function:
    parameters, not placed yet, and constants, which are put into ``entry``."""
    own = {until, *(arg for block in blocks for arg in block.args)}
    own |= {op.result for block in blocks for op in block.ops if op.result is not None}
    found: dict[Value, Value] = {}
    for block in blocks:
        for op in block.ops:
            for value in [*op.operands, *(v for edge in op.edges for v in edge.args)]:
                if value not in own and value not in found:
                    found[value] = _captured(value, entry)
    return found


def _captured(value: Value, entry: Block) -> Value:
    made = value.definition
    if isinstance(made, Op) and (made.name in _AGAIN or isinstance(value.type, Object)):
        again = entry.append(Op(made.name, (), dict(made.attrs), made.loc))
        again.value.type, again.value.hint = value.type, value.hint
        return again.value
    return Value(value.type, value.hint)


_AGAIN = ("const", "default", "undefined")
"""What is made again where it is used."""
