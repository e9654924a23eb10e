"""Make loops over several ranges at once, ``zip`` and ``enumerate``, loops over one counter.

Before: untyped SSA, in which the op ``zip`` holds ranges. After: no loop over a ``zip``; a
counter runs to the shortest range, and the values are computed from it.
"""

from __future__ import annotations

from functools import reduce

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import defining, put
from kernelgen.rewrites.unroll_loops import start_of


def zip_ranges(function: Function) -> bool:
    """Apply the pass; whether there was such a loop."""
    changed = False
    for block in function.blocks:
        for op in [op for op in block.ops if op.name == "iter_more"]:
            start = start_of(function, block, op)
            zipped = None if start is None else defining(start.operands[0], "zip")
            if start is not None and zipped is not None:
                _count(function, start, zipped.operands)
                _compute(block, op.operands[0], zipped.operands)
                _drop(function, zipped)
                changed = True
    return changed


def _drop(function: Function, zipped: Op) -> None:
    """Remove a ``zip`` that nothing else uses. What goes over it once more is refused."""
    if not any(zipped.value in op.operands for op in function.ops()):
        next(b for b in function.blocks if zipped in b.ops).ops.remove(zipped)


def _bounds(range_: Value) -> list[Value]:
    made = defining(range_, "range")
    assert made is not None, "only ranges are zipped"
    return made.operands


def _count(function: Function, start: Op, ranges: list[Value]) -> None:
    """Iterate over as many numbers as the shortest range has."""
    block = next(b for b in function.blocks if start in b.ops)
    counts = [put(block, start, "range_count", *_bounds(each)) for each in ranges]
    shortest = reduce(lambda a, b: put(block, start, "min", a, b), counts)
    zero, one = (put(block, start, "const", value=value) for value in (0, 1))
    start.operands = [put(block, start, "range", zero, shortest, one)]


def _compute(header: Block, iterator: Value, ranges: list[Value]) -> None:
    """Make the tuple of the ranges' values of the counter."""
    for op in [op for op in header.ops if op.name == "iter_value" and op.operands == [iterator]]:
        counter = put(header, op, "iter_value", iterator)
        values = [_value(header, op, each, counter) for each in ranges]
        op.name, op.operands = "tuple", values


def _value(block: Block, op: Op, range_: Value, counter: Value) -> Value:
    first, _, step = _bounds(range_)
    distance = put(block, op, "mul", counter, put(block, op, "int", step))
    return put(block, op, "add", put(block, op, "int", first), distance)
