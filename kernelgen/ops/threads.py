"""What runs on threads: ``parallel_for``, loops that are functions, and the number of a thread.

The callee of a ``parallel_for`` takes the operands but the last, then the first iteration and the
end of those that it is to go through. The last operand is how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from kernelgen import sharing
from kernelgen.ir.core import CALLS, Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.runtime.threads import get_thread_id
from kernelgen.types.compound import NONE, Type
from kernelgen.types.table import WEAK_INT


def draws_globally(op: Op) -> bool:
    """Whether an op, or a function that it calls, draws from NumPy's global generator, from which
    all threads draw."""
    ops: Iterable[Op] = (op,)
    if op.name in CALLS:
        callee = op.attrs["callee"]
        ops = (each for function in (callee, *callee.callees()) for each in function.ops())
    return any(each.name.startswith("random_") for each in ops)


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
