"""What is computed of each element as the body of the op ``apply``, typed for the elements.

It is the kernel of a ufunc, or one of NumPy's functions as the kernel language defines it for
numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelgen.infer import Prepare, infer
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ops.registry import OPS, NoRule, Typed
from kernelgen.rewrites.check_bounds import check_tables
from kernelgen.rewrites.part_of_itself import typing_kernel
from kernelgen.rewrites.resolve_calls import resolve_calls
from kernelgen.source import Loc
from kernelgen.types.compound import NONE, Type
from kernelgen.types.table import Scalar

Calling = Callable[[Block, Op, Sequence[Value]], Value]
"""Puts a call in front of an op; the value of what is called."""


class ElementBody:
    """What is computed of one element of each operand.

    ``original`` is the same for Python, ``call`` writes a call of it, and ``prepare`` is the pass
    that is to be given types.
    """

    def __init__(
        self, original: Callable[..., Any], call: Calling, loc: Loc | None, prepare: Prepare
    ) -> None:
        self.original = original
        self._call = call
        self._loc = loc
        self._prepare = prepare
        self._typed: dict[tuple[Type, ...], Function] = {}

    def rule(self, types: tuple[Type, ...]) -> Typed:
        if not all(isinstance(t, Scalar) or t == NONE for t in types):
            raise NoRule(f"{self.original.__name__}() takes numbers and arrays of them")
        result = self._function(types).result
        assert result is not None
        return Typed(types, result)

    def function(self, types: tuple[Type, ...]) -> Function:
        return copy_function(self._function(types))

    def may_raise(self, types: tuple[Type, ...]) -> bool:
        return any(_raises(op) for op in self._function(types).ops())

    def _function(self, types: tuple[Type, ...]) -> Function:
        if types not in self._typed:
            self._typed[types] = self._infer(types)
        return self._typed[types]

    def _infer(self, types: Sequence[Type]) -> Function:
        function = self._calling(types)
        with typing_kernel(self.original, self._loc):
            resolve_calls(function)
            self._prepare(function, types)
            infer(function, types, prepare=self._prepare)
        check_tables(function)
        return function

    def _calling(self, types: Sequence[Type]) -> Function:
        """A function of the IR that calls it."""
        function, block = Function(self.original.__name__, self._loc), Block()
        function.blocks.append(block)
        params = [block.add_arg(t) for t in types]
        last = block.append(Op("return", (), None, self._loc))
        last.operands = [self._call(block, last, params)]
        return function


def _raises(op: Op) -> bool:
    return op.name == "raise" or (op.result is not None and OPS[op.name].effects)
