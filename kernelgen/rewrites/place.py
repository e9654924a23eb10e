"""Where a pass puts new ops: in front of one that it replaces."""

from __future__ import annotations

from typing import Any

from kernelgen.infer import typed
from kernelgen.ir.core import Block, Op, Value
from kernelgen.types.compound import Type
from kernelgen.types.table import WEAK_INT


class Place:
    """An op and its block."""

    def __init__(self, block: Block, op: Op) -> None:
        self.block = block
        self.op = op

    def put(self, name: str, t: Type, *operands: Value, **attrs: Any) -> Value:
        """Insert an op in front of this one; its result."""
        new = Op(name, operands, attrs, self.op.loc)
        new.value.type = t
        self.block.ops.insert(self.block.ops.index(self.op), new)
        return new.value

    def compute(self, name: str, *operands: Value, **attrs: Any) -> Value:
        """The same, of the type that the op's rule gives."""
        t = typed(Op(name, operands, attrs)).result
        return self.put(name, t, *operands, **attrs)

    def become(self, name: str, *operands: Value, **attrs: Any) -> None:
        """Let this op be another one, with a result of the same type."""
        self.op.name, self.op.operands, self.op.attrs = name, list(operands), attrs

    def integer(self, value: int) -> Value:
        return self.put("const", WEAK_INT, value=value)
