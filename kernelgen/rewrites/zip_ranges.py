"""Make loops over several ranges at once, ``zip`` and ``enumerate``, loops over one counter.

Before: untyped SSA, in which the op ``zip`` holds ranges, constant arrays, and values of which
``same_array`` tells that they are arrays. After: no loop over a ``zip``; a counter runs to the end
of the shortest, and the values are computed from it.
"""

from __future__ import annotations

from functools import reduce

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import constant_array, defining, put
from kernelgen.rewrites.move_behind_branch import move_behind_branch
from kernelgen.rewrites.unroll_loops import start_of


def zip_ranges(function: Function) -> bool:
    """Apply the pass; whether there was such a loop."""
    changed = False
    for block in function.blocks:
        for op in [op for op in block.ops if op.name == "iter_more"]:
            start = start_of(function, block, op)
            zipped = None if start is None else defining(start.operands[0], "zip")
            if start is not None and zipped is not None:
                _count(function, start)
                _compute(function, block, op.operands[0], zipped.operands)
                _drop(function, zipped)
                changed = True
    return changed


def _drop(function: Function, zipped: Op) -> None:
    """Remove a ``zip`` that nothing else uses, and what it zips. What goes over it once more is
    refused.
    """
    if any(zipped.value in op.operands for op in function.ops()):
        return
    next(b for b in function.blocks if zipped in b.ops).ops.remove(zipped)
    for inner in (defining(each, "zip") for each in zipped.operands):
        if inner is not None:
            _drop(function, inner)


def _length(block: Block, before: Op, values: Value) -> Value:
    """How many elements a sequence has: of several, as many as the shortest."""
    made = defining(values, "range", "zip")
    if made is None and constant_array(values) is None:
        callee = put(block, before, "const", value=len)
        return put(block, before, "call", callee, values, keywords=())
    if made is None:
        return put(block, before, "const", value=len(constant_array(values)))
    if made.name == "range":
        return put(block, before, "range_count", *made.operands)
    counts = [_length(block, before, each) for each in made.operands]
    return reduce(lambda a, b: put(block, before, "min", a, b), counts)


def _count(function: Function, start: Op) -> None:
    """Iterate over as many numbers as there are elements."""
    block = next(b for b in function.blocks if start in b.ops)
    shortest = _length(block, start, start.operands[0])
    zero, one = (put(block, start, "const", value=value) for value in (0, 1))
    start.operands = [put(block, start, "range", zero, shortest, one)]


def _compute(function: Function, header: Block, iterator: Value, sequences: list[Value]) -> None:
    """Make the tuple of the sequences' values of the counter, where the loop goes on."""
    for op in [op for op in header.ops if op.name == "iter_value" and op.operands == [iterator]]:
        before = header.ops.index(op)
        counter = put(header, op, "iter_value", iterator)
        values = [_value(header, op, each, counter) for each in sequences]
        op.name, op.operands = "tuple", values
        made = header.ops[before : header.ops.index(op) + 1]
        move_behind_branch(function, header, made, Op("undefined", (), None, op.loc))


def _value(block: Block, op: Op, values: Value, counter: Value) -> Value:
    made = defining(values, "range", "zip")
    if made is None:
        return put(block, op, "subscript", values, counter)
    if made.name == "zip":
        return put(
            block, op, "tuple", *(_value(block, op, each, counter) for each in made.operands)
        )
    first, _, step = made.operands
    distance = put(block, op, "mul", counter, put(block, op, "int", step))
    return put(block, op, "add", put(block, op, "int", first), distance)
