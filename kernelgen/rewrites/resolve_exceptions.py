"""Replace calls and operators that make exceptions, or text for them, by ops.

Before: untyped SSA. After: no call of an exception's class, of ``str``, ``repr``, ``ascii``,
``format`` or ``str.format``, and no operator on strings that are known to be such.
"""

from __future__ import annotations

from typing import Any

from kernelgen.ir.core import Block, Function, Op
from kernelgen.ir.sequences import put
from kernelgen.ops.exceptions import CALLS, is_exception_class, is_text


def resolve_exceptions(function: Function) -> bool:
    """Apply the pass; whether anything changed."""
    changed = False
    for block in function.blocks:
        for op in [op for op in block.ops if op.name in ("add", "mod", "call")]:
            changed |= _resolve_call(block, op) if op.name == "call" else _resolve_operator(op)
    return changed


def _resolve_operator(op: Op) -> bool:
    if op.name == "add" and all(map(is_text, op.operands)):
        op.name = "join_text"
    elif op.name == "mod" and is_text(op.operands[0]):
        op.name = "percent_text"
    else:
        return False
    return True


def _resolve_call(block: Block, op: Op) -> bool:
    constant = op.operands[0].constant
    if constant is None:
        return False
    callee, args, keywords = constant.attrs["value"], op.operands[1:], op.attrs["keywords"]
    if is_exception_class(callee):
        op.name, op.operands = "exception", args
        op.attrs = {"cls": callee, "keywords": keywords}
    elif any(callee is f for f in CALLS) and _is_complete(callee, len(args)) and not keywords:
        op.name, op.operands, op.attrs = callee.__name__, args, {}
    elif isinstance(getattr(callee, "__self__", None), str) and callee.__name__ == "format":
        template = put(block, op, "const", value=callee.__self__)
        op.name, op.operands, op.attrs = "fill_text", [template, *args], {"keywords": keywords}
    else:
        return False
    return True


def _is_complete(callee: Any, count: int) -> bool:
    return count == 1 or (callee is format and count == 2)
