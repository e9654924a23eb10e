"""Loops that threads share, once they are functions: ``parallel_for``, and the number of a thread.

The callee of a ``parallel_for`` takes the operands but the last, then the first iteration and the
end of those that it is to go through. The last operand is how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen import sharing
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.runtime.threads import get_thread_id
from kernelgen.types.compound import NONE, Type
from kernelgen.types.table import WEAK_INT

# lower.py and the interpreter see to it, as to other calls.


def _parallel_for_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, NONE)


define(
    OpDef(
        "parallel_for",
        _parallel_for_rule,
        never_lowered,
        never_lowered,
        halves=True,
        carries=True,
        effects=True,
    )
)


def _thread_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), WEAK_INT)


def _lower_thread(e: Emitter, op: Op, args: list[str]) -> str:
    e.declarations[sharing.THREAD] = sharing.DECLARED[sharing.THREAD]
    return e(f"call i64 @{sharing.THREAD}()")


def _first_thread() -> Any:
    return np.int64(0)


define(
    OpDef(
        "thread_id",
        _thread_rule,
        get_thread_id,
        _lower_thread,
        _first_thread,
        calls=((get_thread_id, 0),),
    )
)
