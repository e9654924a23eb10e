"""How long a kernel takes, estimated from its code: whether several threads are worth their while.

The estimate is what the first calls go by, until their own times are known. It rather errs on the
low side, as a call that stays on one thread loses less than one that is spread for nothing. A loop
is taken to go round eight times, whatever it does.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelgen.ir.core import CALLS, TERMINATORS, Block, Function, Op
from kernelgen.ops.math import ROWS
from kernelgen.targets.parallel import DEPTHS
from kernelgen.types.compound import Array, dtype_of

_ROUNDS = 8

# Nanoseconds, of vectorised code where there is such.
_SIMPLE, _DIVISION, _CALL, _BYTE = 0.1, 0.5, 1.0, 0.03

_ALONE = 4
"""How many times longer an op takes in a loop, which is not vectorised over elements."""

_SLICE = 2
"""How many times longer it takes in loops over core dimensions, of which some are vectorised."""

_FREE = frozenset((*TERMINATORS, "const", "convert", "imag", "of_parts", "real", "truth"))
_DIVISIONS = frozenset(("truediv", "floordiv", "mod", "remainder", "sqrt"))
_CALLS = frozenset((*(row.name for row in ROWS if row.ulp), "pow", "invoke")) - _DIVISIONS


def of_element(kernel: Function) -> float:
    """The nanoseconds that a kernel of numbers takes for an element, if it is called for many.

    Parameters
    ----------
    kernel : Function
        Typed and rewritten.
    """
    straight, *looped = _by_depth(kernel)
    bytes_read = sum(dtype_of(value.type).size for value in kernel.params)
    rounds = sum(time * float(_ROUNDS) ** depth for depth, time in enumerate(looped, 1))
    return _BYTE * bytes_read + straight + _ALONE * rounds


def of_slice(kernel: Function) -> list[float]:
    """The nanoseconds that a kernel of arrays takes outside of loops, and in each round of loops.

    The first is outside, the second in loops, the third in loops within loops; `DEPTHS` of them.
    What is deeper goes round `_ROUNDS` times.
    """
    straight, *looped = _by_depth(kernel)
    return [straight, *(_SLICE * time for time in looped)]


def of_iteration(loop: Function) -> float | None:
    """The nanoseconds that an iteration takes of a loop that is a function; None if its code does
    not tell, as it has loops within, or calls functions."""
    _, time, *deeper = _by_depth(loop)
    calls = any(op.name in CALLS for op in loop.ops())
    return None if any(deeper) or calls else time


def of_blocks(blocks: Sequence[Block]) -> float | None:
    """The nanoseconds of an iteration of a loop with these blocks, the header in front, whose
    arrays are not taken apart yet; None if they do not tell."""
    if any(_takes_any_time(op) for block in blocks for op in block.ops):
        return None
    return sum(_time(op) for block in blocks for op in block.ops)


def _takes_any_time(op: Op) -> bool:
    """Whether an op makes or changes arrays, begins a loop, or calls what may do so."""
    made = op.result is not None and isinstance(op.result.type, Array) and op.name != "subscript"
    return made or op.name in ("invoke", "assign", "reduce", "iter")


def _by_depth(kernel: Function) -> list[float]:
    """The time of one round through all code at each depth of loops."""
    loops = kernel.loops().values()
    times = [0.0] * DEPTHS
    for block in kernel.blocks:
        depth = sum(block in body for body in loops)
        counted = min(depth, DEPTHS - 1)
        times[counted] += sum(map(_time, block.ops)) * float(_ROUNDS) ** (depth - counted)
    return times


def _time(op: Op) -> float:
    if op.name in _FREE:
        return 0.0
    if op.name in _CALLS:
        return _CALL
    return _DIVISION if op.name in _DIVISIONS else _SIMPLE
