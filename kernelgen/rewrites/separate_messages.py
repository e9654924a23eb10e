"""Where ways with different exceptions meet, or with different text for one, keep them apart.

Before: untyped SSA. After: no raise gets its exception, or a string in it, from a block
argument, unless a loop or too much code lies behind: what lies behind is copied for each way.
"""

from __future__ import annotations

from kernelgen.ir.clone import Copy
from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ir.dominance import reverse_postorder
from kernelgen.ir.raised import Raised
from kernelgen.ops.exceptions import TEXT_OPS, is_exception_class, is_text

_LONGEST = 400
"""More ops than this are not copied."""


def separate_messages(function: Function) -> bool:
    """Apply the pass to one block; whether there was one."""
    raises = [op for block in function.blocks if (op := block.terminator).name == "raise"]
    raised = [value for op in raises for value in op.operands]
    if not raised:
        return False
    edges = function.predecessors()
    return any(_separate(function, arg, edges) for arg in _arguments_behind(raised, edges))


def _arguments_behind(values: list[Value], edges: dict[Block, list[Edge]]) -> list[Value]:
    """The block arguments with objects that an exception is made of."""
    found: list[Value] = []
    work, seen = list(values), set(values)
    while work:
        value = work.pop()
        source = value.definition
        if isinstance(source, Op):
            more = source.operands if source.name in _PARTS else []
        else:
            found += [value] * _holds_object(value, edges)
            more = []
        work += [v for v in more if v not in seen]
        seen.update(more)
    return found


_PARTS = ("exception", "call", "attr", "tuple", "add", "mod", *TEXT_OPS)


def _holds_object(arg: Value, edges: dict[Block, list[Edge]]) -> bool:
    """Whether a block argument is given a string, an exception or a class of such."""
    work, seen = [arg], {arg}
    while work:
        value = work.pop()
        block = value.definition
        if not isinstance(block, Block):
            if _is_object(value):
                return True
            continue
        index = block.args.index(value)
        more = {edge.args[index] for edge in edges[block]} - seen
        work += more
        seen |= more
    return False


def _is_object(value: Value) -> bool:
    source, constant = value.definition, value.constant
    if constant is not None:
        held = constant.attrs["value"]
        return is_text(value) or isinstance(held, Raised) or is_exception_class(held)
    return is_text(value) or (isinstance(source, Op) and source.name == "exception")


def _separate(function: Function, arg: Value, edges: dict[Block, list[Edge]]) -> bool:
    """Copy what lies behind an argument's block, once for each way to it."""
    home = arg.definition
    assert isinstance(home, Block)
    behind = reverse_postorder(home, lambda block: block.successors)
    size = sum(len(block.ops) for block in behind) * len(edges[home])
    if size > _LONGEST or any(home in block.successors for block in behind):
        return False
    index = home.args.index(arg)
    for edge in edges[home]:
        copy = Copy(behind)
        edge.target = copy.blocks[home]
        function.blocks += copy.blocks.values()
        function.substitute({copy.values[arg]: edge.args.pop(index)})
        del edge.target.args[index]
    function.sort_blocks()
    return True
