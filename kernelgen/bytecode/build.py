"""The symbolic stack machine: walking the bytecode of a function once makes its SSA.

Blocks are visited in reverse postorder. Locals and stack slots are values; where ways meet,
those that differ become block arguments, at loop headers all that are live. Whatever
arguments prove needless are removed by the first rewrite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from kernelgen.bytecode import opcodes
from kernelgen.bytecode.cfg import BasicBlock, FlowGraph, flow_graph, maybe_unbound
from kernelgen.bytecode.decode import Instr, decode
from kernelgen.bytecode.parameters import parameters_of
from kernelgen.bytecode.rejected import rejection
from kernelgen.errors import InternalError, UnsupportedError
from kernelgen.ir.core import TERMINATORS, Block, Edge, Function, Op, Value, const
from kernelgen.ir.raised import Raised
from kernelgen.ir.sequences import defining, elements
from kernelgen.ops.functions import Nested
from kernelgen.source import definition_of
from kernelgen.types.table import Scalar

Key = str | int  # a local by its name, a stack slot by its depth


class _Arrival(NamedTuple):
    """An edge with what the locals and the stack hold when it is taken."""

    edge: Edge
    locals: dict[str, Value]
    stack: list[Value]

    def get(self, key: Key) -> Value | None:
        return self.stack[key] if isinstance(key, int) else self.locals.get(key)


def build(
    function: FunctionType,
    *,
    nested: bool = False,
    generator: bool = False,
    itself: object = None,
    locals: Mapping[str, Scalar] | None = None,
) -> Function:
    """The SSA form of a Python function, untyped.

    What cannot be compiled ends its block in ``unsupported``, which is an error only if the
    block can be reached when all that is constant is known.

    Parameters
    ----------
    function : FunctionType
        What to build.
    nested : bool, optional
        Whether the cells of its free variables are parameters, behind the others; otherwise
        they are those of its closure, and constant.
    generator : bool, optional
        Whether it may be a generator function, in which the op ``yield`` stands.
    itself : object, optional
        What the function's own name stands for while nothing is bound to it.
    locals : mapping of str to Scalar, optional
        Types to which what is assigned to local variables is converted.

    Raises
    ------
    UnsupportedError
        The function as a whole cannot be compiled: a generator, one with a ``try``.
    """
    names = parameters_of(function)
    instructions = decode(function, generator=generator)
    offsets = [i.offset for i in instructions]
    following = dict(pairwise(offsets))
    free = function.__code__.co_freevars if nested else ()
    graph = flow_graph(instructions, set(names))
    return Builder(function, names, free, graph, following, itself, locals or {}).run()


class Builder:
    """What the opcode handlers work on: a stack, the locals, and the block being filled."""

    def __init__(
        self,
        function: FunctionType,
        names: tuple[str, ...],
        free: tuple[str, ...],
        graph: FlowGraph,
        following: dict[int, int],
        itself: object,
        declared: Mapping[str, Scalar],
    ) -> None:
        self.python = function
        self.declared = declared
        self.itself = itself
        self.graph = graph
        self.ssa = Function(function.__name__, definition_of(function.__code__))
        self.ssa.code, self.ssa.itself = function.__code__, itself
        self.loc = self.ssa.loc
        self.block = self._new_block()
        self.locals = {name: self.block.add_arg(hint=name) for name in names}
        self.cells = {name: self.block.add_arg(hint=name) for name in free}
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
                if self._starts[block.start] not in self._arrivals:
                    continue  # only what cannot be compiled leads here
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
        same = all(value is values[0] for value in values)
        if same and (not loop or values[0] is self.null):  # which is not changed on the stack
            return values[0]
        arg = start.add_arg(hint=key if isinstance(key, str) else "")
        self._args[start].append((key, arg))
        return arg

    def _walk(self, block: BasicBlock) -> None:
        if block is self.graph.blocks[0]:
            self._assigned = set(block.assigned)
        for i in block.instructions:
            self.loc = i.loc
            try:
                opcodes.handler(i)(self, i)
            except UnsupportedError as error:
                self.finish("unsupported", message=error.message, hint=error.hint)
                return
        if not self.block.ops or self.block.terminator.name not in TERMINATORS:
            self.jump(block.successors[0].start)

    # For the handlers.

    def emit(self, op: str, *operands: Value, **attrs: Any) -> Value:
        """Append an op; its result."""
        return self.block.append(Op(op, operands, attrs, self.loc)).value

    def call(self, function: Any, *args: Value) -> Value:
        """A call of a function that is known."""
        return self.emit("call", self.const(function), *args, keywords=())

    def choose(self, condition: Value, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
        """What one of two ways makes, that of ``yes`` if the condition holds."""
        ways, meeting = (Block(), Block()), Block()
        edges = tuple(map(Edge, ways))
        self.block.append(Op("branch", (condition,), None, self.loc, edges))
        for block, make in zip(ways, (yes, no), strict=True):
            self.block = block
            made = make()
            block.append(Op("jump", (), None, self.loc, (Edge(meeting, (made,)),)))
        self.ssa.blocks += [*ways, meeting]
        self.block = meeting
        return meeting.add_arg()

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
        """Push a local; where it may be unassigned, raise as Python does.

        Of a variable that is shared with nested functions, this is its cell.
        """
        code = self.python.__code__
        if name in code.co_cellvars or name in code.co_freevars:
            self.push(self._cell(name))
            return
        self._check_bound(name)
        self.push(self.locals.get(name, self._undefined))

    def store(self, name: str) -> None:
        value = self.pop()
        if name in self.declared:
            value = self.emit("cast", value, to=self.declared[name])
        value.hint = value.hint or name
        self._assign(name, value, True)

    def take(self, name: str) -> None:
        """Push a local, whether it is assigned or not, which is not assigned from here on."""
        if name in self._unbound and name not in self._assigned and name in self.locals:
            raise UnsupportedError(
                f"the variable {name!r} of a comprehension may have been assigned before it",
                self.loc,
                "give it a name of its own",
            )
        self.push(self.locals.get(name, self._undefined))
        self._assign(name, self._undefined, False)

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
        flag = self.locals.get(_flag(name)) or self.const(False)
        self._require(flag, self._unassigned(name))

    def _unassigned(self, name: str) -> Raised:
        """What Python raises where a variable is read that has no value."""
        unassigned = f"variable '{name}' where it is not associated with a value"
        if name in self.python.__code__.co_freevars:
            return Raised(NameError, (f"cannot access free {unassigned} in enclosing scope",))
        return Raised(UnboundLocalError, (f"cannot access local {unassigned}",))

    def _require(self, condition: Value, error: Raised) -> None:
        """Raise ``error`` unless ``condition`` holds, and go on in a new block."""
        go_on, failed = Block(), Block()
        edges = (Edge(go_on), Edge(failed))
        self.block.append(Op("branch", (condition,), None, self.loc, edges))
        failed.append(Op("raise", (), {"error": error}, self.loc))
        self.ssa.blocks += [failed, go_on]
        self.block = go_on

    def load_global(self, name: str) -> None:
        """Push a global or builtin, as it is now."""
        function: Any = self.python  # not all stubs know of __builtins__
        for scope in (function.__globals__, function.__builtins__):
            if name in scope:
                return self.push(self.const(scope[name]))
        if self._is_own(name):
            return self.push(self.const(self.itself))
        import difflib  # for this message only: the first call must stay cheap

        close = difflib.get_close_matches(name, self.python.__globals__, 1)
        raise UnsupportedError(
            f"the name {name!r} is not defined",
            self.loc,
            f"did you mean {close[0]!r}?"
            if close
            else "globals are read when a kernel is compiled",
        )

    def _is_own(self, name: str) -> bool:
        """Whether ``name`` is the function's own, to which nothing is bound yet."""
        return self.itself is not None and name == self.python.__name__

    # Variables that are shared with nested functions.

    def make_cell(self, name: str) -> None:
        """Let ``name`` be a cell from here on; a parameter's has its value already."""
        cell = self.emit("cell")
        cell.hint = name
        if name in self.locals:
            self.emit("cell_store", cell, self.locals[name])
        self.cells[name] = cell

    def load_shared(self, name: str) -> None:
        """Push the content of a cell; that of the kernel's own closure is constant."""
        if name not in self.cells:
            self.push(self.const(self._frozen(name)))
            return
        cell = self.cells[name]
        self._require(self.emit("cell_bound", cell), self._unassigned(name))
        self.push(self.emit("cell_load", cell, name=name))

    def store_shared(self, name: str) -> None:
        value = self.pop()
        value.hint = value.hint or name
        self.emit("cell_store", self._assignable(name), value)

    def delete_shared(self, name: str) -> None:
        self.load_shared(name)  # raises where it is not assigned
        self.pop()
        self.emit("cell_clear", self._assignable(name))

    def _assignable(self, name: str) -> Value:
        if name not in self.cells:
            sentence, hint = rejection("STORE_GLOBAL")
            raise UnsupportedError(sentence, self.loc, hint)
        return self.cells[name]

    def _cell(self, name: str) -> Value:
        """The cell of a shared variable; one of the kernel's own closure is made anew."""
        if name in self.cells:
            return self.cells[name]
        cell = self.emit("cell")
        self.emit("cell_store", cell, self.const(self._frozen(name)))
        return cell

    def _frozen(self, name: str) -> Any:
        """The content of a cell of the function's own closure, as it is now."""
        cell = (self.python.__closure__ or ())[self.python.__code__.co_freevars.index(name)]
        try:
            return cell.cell_contents
        except ValueError:
            if self._is_own(name):
                return self.itself
            raise UnsupportedError(
                f"the variable {name!r} of the enclosing function is not assigned yet", self.loc
            ) from None

    # Nested functions.

    def make_function(self, code: Value) -> Value:
        """A function that shares nothing and has no defaults."""
        assert code.constant is not None
        found: CodeType = code.constant.attrs["value"]
        cells = tuple(CellType() for _ in found.co_freevars)
        template = FunctionType(found, self.python.__globals__, found.co_name, None, cells)
        return self.emit("function", nested=Nested(template))

    def set_function_attribute(self, function: Value, flag: int, value: Value) -> None:
        """Give a function that has just been made one of its parts."""
        op = function.definition
        assert isinstance(op, Op)
        nested: Nested = op.attrs["nested"]
        names: tuple[str, ...] = ()
        if flag == opcodes.KEYWORD_DEFAULTS:
            made = defining(value, "dict")
            assert made is not None
            names = made.attrs["keys"]
            op.operands += made.operands
        elif flag in (opcodes.CLOSURE, opcodes.DEFAULTS):
            parts = elements(value, self.block, op)
            assert parts is not None
            if flag == opcodes.CLOSURE:
                op.operands[:0] = parts
            else:
                positional = parameters_of(nested.template)[: nested.template.__code__.co_argcount]
                names = positional[len(positional) - len(parts) :]
                op.operands += parts
        else:
            self._discard(value)
        op.attrs["nested"] = Nested(nested.template, nested.defaults + names)

    def _discard(self, value: Value) -> None:
        """Forget an annotation, and what it is made of."""
        op = value.definition
        if isinstance(op, Op) and op in self.block.ops:
            self.block.ops.remove(op)
            for operand in op.operands:
                self._discard(operand)

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
