"""Give each ``raise`` a template of its exception, and the numbers that go into it as operands.

Before: typed SSA in which a ``raise`` has an exception as its operand, or a template already.
After: each has a template, whose slots its operands fill; exceptions and text are gone.
"""

from __future__ import annotations

from kernelgen.ir.core import Function
from kernelgen.ir.raised import Raised
from kernelgen.ops.exceptions import TEXT_OPS, raised_by, template_of
from kernelgen.rewrites.eliminate_dead_code import eliminate_dead_code
from kernelgen.types.compound import UNDEFINED


def form_raises(function: Function) -> None:
    """Apply the pass."""
    for block in function.blocks:
        op = block.terminator
        if op.name != "raise" or "error" in op.attrs:
            continue
        (error,) = op.operands
        if error.type == UNDEFINED:  # a check before it raises
            op.operands, op.attrs = [], {"error": Raised(UnboundLocalError)}
        else:
            op.attrs = {"error": raised_by(error)}
            op.operands = template_of(error)[1]
    if any(op.name in _MADE_LATER for op in function.ops()):
        eliminate_dead_code(function)


_MADE_LATER = frozenset(("exception", *TEXT_OPS))
