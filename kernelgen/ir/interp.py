"""The reference interpreter: it runs a function of the IR, op by op, by the ops' references.

It is the oracle between Python and machine code. Untyped SSA runs on whatever Python values
it is given, as Python would; rewritten SSA on NumPy scalars of exactly its types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import CALLS, Block, Function, Op, Value
from kernelgen.ops.calls import TOO_DEEP, depth_limit
from kernelgen.ops.registry import OPS


class StepLimit(Exception):
    """The function ran for longer than the caller allowed."""


def interpret(function: Function, args: Sequence[Any], *, max_steps: int = 1_000_000) -> Any:
    """Run ``function``; what it returns, a tuple for several values.

    Parameters
    ----------
    function : Function
        Either untyped, as built (and resolved), or typed and rewritten.
    args : sequence
        A value for each parameter; NumPy scalars of the parameters' types if it is typed.
    max_steps : int
        Blocks to enter before giving up.

    Raises
    ------
    StepLimit
        After ``max_steps``.
    Exception
        Whatever the function raises.
    """
    frames = [_Frame(function, args)]
    with np.errstate(all="ignore"):
        for _ in range(max_steps):
            frame = frames[-1]
            last = frame.advance()
            if last.name == "invoke":
                if len(frames) > depth_limit():
                    raise TOO_DEEP.make()
                frames.append(_Frame(last.attrs["callee"], frame.operands(last)))
            elif last.name == "parallel_for":
                *given, count = frame.operands(last)
                if count:
                    frames.append(_Frame(last.attrs["callee"], [*given, np.int64(0), count]))
                else:
                    frame.give(None)
            elif last.name == "return":
                results = tuple(frame.operands(last))
                result = results if len(results) != 1 else results[0]
                frames.pop()
                if not frames:
                    return result
                frames[-1].give(result)
            else:
                frame.enter(_follow(last, frame.values))
    raise StepLimit(f"{function.name} ran for more than {max_steps} blocks")


class _Frame:
    """A function that runs: the values so far, and the op that it stands at."""

    def __init__(self, function: Function, args: Sequence[Any]) -> None:
        self.values: dict[Value, Any] = dict(zip(function.params, args, strict=True))
        self.enter(function.entry)

    def enter(self, block: Block) -> None:
        """Go on at the beginning of ``block``."""
        self.block = block
        self.at = 0

    def operands(self, op: Op) -> list[Any]:
        return [self.values[v] for v in op.operands]

    def advance(self) -> Op:
        """Run ops up to a call or the terminator, which is returned."""
        while (op := self.block.ops[self.at]).result is not None and op.name not in CALLS:
            self.values[op.value] = _run(op, self.operands(op))
            self.at += 1
        return op

    def give(self, result: Any) -> None:
        """Go on behind a call, which returned ``result``."""
        self.values[self.block.ops[self.at].value] = result
        self.at += 1


def _run(op: Op, operands: list[Any]) -> Any:
    definition = OPS[op.name]
    compute = definition.python if op.value.type is None else definition.compute
    return compute(*operands, **op.attrs)


def _follow(last: Op, values: dict[Value, Any]) -> Block:
    """Take the edge that a terminator chooses, and hand its values over all at once."""
    if last.name == "unsupported":
        raise UnsupportedError(last.attrs["message"], last.loc, last.attrs["hint"])
    if last.name == "raise":
        operands = [values[v] for v in last.operands]
        error = last.attrs.get("error")
        raise operands[0] if error is None else error.make(operands)
    taken = 0 if last.name == "jump" or values[last.operands[0]] else 1
    edge = last.edges[taken]
    handed = [values[v] for v in edge.args]
    values.update(zip(edge.target.args, handed, strict=True))
    return edge.target
