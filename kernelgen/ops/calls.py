"""Calls of functions that are not inlined, because they call themselves."""

from __future__ import annotations

import sys
from typing import Any

from kernelgen.ir.core import Op
from kernelgen.ir.raised import Raised
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import GENERATOR, NONE, Array, Element, Tuple, Type, describe, leaves
from kernelgen.types.table import Scalar

TOO_DEEP = Raised(RecursionError, ("maximum recursion depth exceeded",))


def depth_limit() -> int:
    """How many calls may stand in each other: as many as in Python."""
    return sys.getrecursionlimit()


def check_arguments(types: tuple[Type, ...]) -> None:
    """Raise NoRule if a function that calls itself cannot be given values of ``types``."""
    for t in types:
        if not is_handed_over(t):
            raise NoRule(
                f"a function that calls itself cannot be given {describe(t)} here",
                "it takes numbers, tuples of them, and what is the same in all calls",
            )


def is_handed_over(t: Type) -> bool:
    """Whether values of a type can be arguments and results, as all are that machine code has."""
    if isinstance(t, Tuple):
        return all(map(is_handed_over, t.elements))
    return isinstance(t, (Scalar, Array, Element)) or t in (NONE, GENERATOR)


def _invoke_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    check_arguments(types)
    callee = op.attrs["callee"]
    return Typed(tuple(param.type for param in callee.params), callee.result)


def _member_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, leaves(types[0])[op.attrs["index"]])


def _member(result: Any, index: int) -> Any:
    """One of the values that a call returned; one alone is not in a tuple."""
    return result[index] if isinstance(result, tuple) else result


def _lower_member(e: Emitter, op: Op, args: list[str]) -> str:
    if not isinstance(op.value.type, Scalar):
        return "undef"  # None
    call = op.operands[0].definition
    assert isinstance(call, Op)
    before = leaves(call.attrs["callee"].result)[: op.attrs["index"]]
    place = sum(isinstance(t, Scalar) for t in before)
    return e(f"extractvalue {args[0]}, {place}")


define(OpDef("invoke", _invoke_rule, never_lowered, never_lowered, halves=True, effects=True))
define(OpDef("member", _member_rule, _member, _lower_member))
