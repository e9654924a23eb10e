"""The symbolic stack machine: walking the bytecode of a function once makes its SSA.

Blocks are visited in reverse postorder. Locals and stack slots are values; where ways meet,
those that differ become block arguments, at loop headers all that are live. Whatever
arguments prove needless are removed by the first rewrite.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import pairwise
from types import FunctionType
from typing import Any, NamedTuple

from kernelgen.bytecode import opcodes
from kernelgen.bytecode.cfg import BasicBlock, FlowGraph, flow_graph, maybe_unbound
from kernelgen.bytecode.decode import Instr, decode
from kernelgen.errors import InternalError, UnsupportedError
from kernelgen.ir.core import Block, Edge, Function, Op, Value, const
from kernelgen.ir.raised import Raised
from kernelgen.source import definition_of

Key = str | int  # a local by its name, a stack slot by its depth


class _Arrival(NamedTuple):
    """An edge with what the locals and the stack hold when it is taken."""

    edge: Edge
    locals: dict[str, Value]
    stack: list[Value]

    def get(self, key: Key) -> Value | None:
        return self.stack[key] if isinstance(key, int) else self.locals.get(key)


def parameters_of(function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters, those that are keyword-only last."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def build(function: FunctionType) -> Function:
    """The SSA form of a Python function, untyped.

    Raises
    ------
    UnsupportedError
        It uses what cannot be compiled, with its place.
    """
    names = parameters_of(function)
    instructions = decode(function)
    offsets = [i.offset for i in instructions]
    following = dict(pairwise(offsets))
    return Builder(function, names, flow_graph(instructions, set(names)), following).run()


class Builder:
    """What the opcode handlers work on: a stack, the locals, and the block being filled."""

    def __init__(
        self,
        function: FunctionType,
        names: tuple[str, ...],
        graph: FlowGraph,
        following: dict[int, int],
    ) -> None:
        self.python = function
        self.graph = graph
        self.ssa = Function(function.__name__, definition_of(function.__code__))
        self.loc = self.ssa.loc
        self.block = self._new_block()
        self.locals = {name: self.block.add_arg(hint=name) for name in names}
        self.stack: list[Value] = []
        self.null = self.const(opcodes.NULL)
        self.keyword_names: tuple[str, ...] = ()
        self._undefined = self.emit("undefined")
        self._unbound = maybe_unbound(graph)
        for name in self._unbound:
            self.locals[_flag(name)] = self.const(False)
        self._following = following
        self._starts: dict[int, Block] = {}
        self._arrivals: dict[Block, list[_Arrival]] = {}
        self._args: dict[Block, list[tuple[Key, Value]]] = {}

    # For the driver.

    def run(self) -> Function:
        """Walk all blocks, then hand every edge the values that its target's arguments take."""
        blocks = self.graph.blocks
        for block in blocks[1:]:
            self._starts[block.start] = Block()
        for i, block in enumerate(blocks):
            if i:
                self._enter(block, self._starts[block.start])
            self._walk(block)
        for target, args in self._args.items():
            for arrival in self._arrivals[target]:
                arrival.edge.args = [arrival.get(key) or self._undefined for key, _ in args]
        return self.ssa

    def _new_block(self) -> Block:
        block = Block()
        self.ssa.blocks.append(block)
        return block

    def _enter(self, block: BasicBlock, start: Block) -> None:
        """Begin a block with what its predecessors agree on, and arguments for the rest."""
        self.ssa.blocks.append(start)
        self.block = start
        self._assigned = set(block.assigned)
        arrivals = self._arrivals[start]
        first = arrivals[0]
        live = sorted(block.live) + sorted(_flag(n) for n in block.live & self._unbound)
        loop = block in self.graph.loops
        self._args[start] = []
        self.locals = {}
        for name in live:
            value = self._merge(start, name, arrivals, loop)
            if value is not None:
                self.locals[name] = value
        self.stack = []
        for slot in range(len(first.stack)):
            self.stack.append(self._merge(start, slot, arrivals, loop) or self._undefined)

    def _merge(self, start: Block, key: Key, arrivals: list[_Arrival], loop: bool) -> Value | None:
        values = [arrival.get(key) for arrival in arrivals]
        if not loop and all(value is values[0] for value in values):
            return values[0]
        arg = start.add_arg(hint=key if isinstance(key, str) else "")
        self._args[start].append((key, arg))
        return arg

    def _walk(self, block: BasicBlock) -> None:
        if block is self.graph.blocks[0]:
            self._assigned = set(block.assigned)
        for i in block.instructions:
            self.loc = i.loc
            opcodes.handler(i)(self, i)
        if not self.block.ops or not self._ended():
            self.jump(block.successors[0].start)

    def _ended(self) -> bool:
        return self.block.terminator.name in ("jump", "branch", "return", "raise")

    # For the handlers.

    def emit(self, op: str, *operands: Value, **attrs: Any) -> Value:
        """Append an op; its result."""
        return self.block.append(Op(op, operands, attrs, self.loc)).value

    def const(self, value: Any) -> Value:
        """A constant."""
        return self.block.append(const(value, self.loc)).value

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self) -> Value:
        return self.stack.pop()

    def pop_many(self, count: int) -> list[Value]:
        """The topmost ``count`` values, the deepest first."""
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def load(self, name: str) -> None:
        """Push a local; where it may be unassigned, raise as Python does."""
        self._check_bound(name)
        self.push(self.locals.get(name, self._undefined))

    def store(self, name: str) -> None:
        value = self.pop()
        value.hint = value.hint or name
        self._assign(name, value, True)

    def delete(self, name: str) -> None:
        self._check_bound(name)
        self._assign(name, self._undefined, False)

    def _assign(self, name: str, value: Value, bound: bool) -> None:
        self.locals[name] = value
        (self._assigned.add if bound else self._assigned.discard)(name)
        if name in self._unbound:
            self.locals[_flag(name)] = self.const(bound)

    def _check_bound(self, name: str) -> None:
        if name in self._assigned or name not in self._unbound:
            return
        bound, failed = Block(), Block()
        flag = self.locals.get(_flag(name)) or self.const(False)
        self.block.append(Op("branch", (flag,), None, self.loc, (Edge(bound), Edge(failed))))
        message = f"cannot access local variable '{name}' where it is not associated with a value"
        error = Raised(UnboundLocalError, (message,))
        failed.append(Op("raise", (), {"error": error}, self.loc))
        self.ssa.blocks += [failed, bound]
        self.block = bound

    def load_global(self, name: str) -> None:
        """Push a global or builtin, as it is now."""
        function: Any = self.python  # not all stubs know of __builtins__
        for scope in (function.__globals__, function.__builtins__):
            if name in scope:
                return self.push(self.const(scope[name]))
        close = difflib.get_close_matches(name, self.python.__globals__, 1)
        raise UnsupportedError(
            f"the name {name!r} is not defined",
            self.loc,
            f"did you mean {close[0]!r}?"
            if close
            else "globals are read when a kernel is compiled",
        )

    def load_closure(self, name: str) -> None:
        """Push the content of a closure cell, as it is now."""
        free = self.python.__code__.co_freevars
        if name not in free:
            raise UnsupportedError(
                f"the variable {name!r} is shared with a nested function",
                self.loc,
                "define the inner function outside of the kernel",
            )
        cell = (self.python.__closure__ or ())[free.index(name)]
        try:
            self.push(self.const(cell.cell_contents))
        except ValueError:
            raise UnsupportedError(
                f"the variable {name!r} of the enclosing function is not assigned yet", self.loc
            ) from None

    def offset_after(self, i: Instr) -> int:
        """The offset of the instruction behind ``i``."""
        return self._following[i.offset]

    def jump(self, offset: int) -> None:
        """End the block with a jump."""
        self._end(Op("jump", (), None, self.loc), [(offset, self.stack)])

    def branch(
        self,
        condition: Value,
        if_true: int,
        if_false: int,
        *,
        true_stack: Iterable[Value] | None = None,
        false_stack: Iterable[Value] | None = None,
    ) -> None:
        """End the block with a branch; the stack may differ on its two ways."""
        ways = [
            (offset, self.stack if stack is None else list(stack))
            for offset, stack in ((if_true, true_stack), (if_false, false_stack))
        ]
        self._end(Op("branch", (condition,), None, self.loc), ways)

    def _end(self, op: Op, ways: list[tuple[int, list[Value]]]) -> None:
        self.block.append(op)
        for offset, stack in ways:
            if offset not in self._starts:
                raise InternalError(f"a jump to offset {offset}, where no block starts", self.loc)
            edge = Edge(self._starts[offset])
            op.edges.append(edge)
            arrival = _Arrival(edge, dict(self.locals), list(stack))
            self._arrivals.setdefault(edge.target, []).append(arrival)

    def finish(self, op: str, *operands: Value, **attrs: Any) -> None:
        """End the block with a return or raise."""
        self.block.append(Op(op, operands, attrs, self.loc))


def _flag(name: str) -> str:
    """The key of the variable that tells whether ``name`` is assigned."""
    return f"{name}?"
