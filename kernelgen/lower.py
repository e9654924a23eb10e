"""Typed SSA to the text of LLVM functions: a kernel, and the functions that it invokes.

Ops lower themselves. Here are blocks, edges, the way out, and the calls that may lead there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from kernelgen import blas, heap, randoms, sharing
from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ir.raised import Raised
from kernelgen.ir.text import print_constant
from kernelgen.llvm_text import Emitter
from kernelgen.ops.calls import TOO_DEEP, depth_limit
from kernelgen.ops.registry import OPS
from kernelgen.payload import count_words, write_words
from kernelgen.source import Loc
from kernelgen.types.compound import leaves
from kernelgen.types.table import Scalar


class Lowered(NamedTuple):
    """A kernel as an LLVM function ``{outputs..., i32, words...} @name(inputs...)``.

    Behind the outputs it returns a status: 0, or 1 + the index in ``errors`` of the exception
    to raise. Behind the status come as many 64-bit words as any of the exceptions needs for the
    values that it is made of. ``places`` says where in the source each of the exceptions is raised.
    ``objects`` are generators that are constants, by the symbols of their addresses. ``hidden`` are
    parameters behind the inputs. If it ``waits``, it may return `WAITS` as the status: it is a
    coroutine's, and goes on when that is resumed. ``sites`` are the places of the source that it
    refers to by numbers.
    """

    name: str
    text: str
    declarations: tuple[str, ...]
    inputs: tuple[Scalar, ...]
    outputs: tuple[Scalar, ...]
    result: str
    errors: tuple[Raised, ...]
    places: tuple[Loc | None, ...]
    kept: tuple[str, ...]
    attribute: str
    objects: dict[str, Any]
    hidden: tuple[str, ...] = ()
    waits: bool = False
    sites: tuple[Loc | None, ...] = ()

    @property
    def held(self) -> list[str]:
        """What holds the vector functions, which nothing calls until a loop is vectorised."""
        if not self.kept:
            return []
        pointers = ", ".join(f"ptr @{symbol}" for symbol in self.kept)
        array = f"[{len(self.kept)} x ptr] [{pointers}]"
        return [f'@llvm.compiler.used = appending global {array}, section "llvm.metadata"']

    @property
    def allocates(self) -> bool:
        """Whether it calls the functions of ``runtime/blocks.py``."""
        return heap.DECLARED[heap.ALLOCATE] in self.declarations

    @property
    def calls_natively(self) -> bool:
        """Whether it calls functions of ``runtime/native_library.py``."""
        return self.allocates or any(text in self.declarations for text in blas.DECLARED.values())

    @property
    def draws(self) -> bool:
        """Whether it calls functions of ``runtime/random_states.py``."""
        return any(text in self.declarations for text in randoms.DECLARED.values())

    @property
    def uses_threads(self) -> bool:
        """Whether it calls functions of the pool of threads."""
        return any(text in self.declarations for text in sharing.DECLARED.values())

    @property
    def drawn(self) -> list[str]:
        """The functions that it draws from generators with, by their names in ``generators.py``."""
        from kernelgen import generators  # few kernels need it

        declared = generators.DECLARED.items()
        return [name for name, text in declared if text in self.declarations]

    @property
    def words(self) -> int:
        """How many words there are behind the status."""
        return max((count_words(error.slots) for error in self.errors), default=0)


WAITS = -1
"""The status of a thread of an emulated grid that waits for others."""


def lower(function: Function, name: str, emitter: Emitter | None = None) -> Lowered:
    """Lower a rewritten function.

    Parameters
    ----------
    function : Function
        Typed and rewritten: scalars only, all conversions explicit.
    name : str
        What the LLVM function is called.
    emitter : Emitter, optional
        What writes its instructions: with fast-math flags, vector functions, or strictly.
    """
    program = _Program(function, name, Emitter() if emitter is None else emitter)
    root = _Lowering(function, program)
    text = "".join([root.run(), *(_Lowering(each, program).run() for each in function.callees())])
    inputs = tuple(t for t in (param.type for param in function.params) if isinstance(t, Scalar))
    return Lowered(
        name,
        text,
        tuple(program.emitter.declarations.values()),
        inputs,
        root.outputs,
        program.struct(root.outputs),
        tuple(error for error, _ in program.errors),
        tuple(place for _, place in program.errors),
        tuple(dict.fromkeys(program.emitter.kept)),
        program.emitter.attribute,
        program.emitter.objects,
        program.emitter.hidden,
        root.waits,
        tuple(program.emitter.places),
    )


def _symbols(root: Function, name: str) -> dict[Function, str]:
    """The names of what a function invokes; of two that came by one name, with other bodies."""
    found: dict[Function, str] = {}
    taken: set[str] = set()
    for each in root.callees():
        symbol = f"{name}.{each.name}"
        while symbol in taken:
            symbol += "_"
        taken.add(symbol)
        found[each] = symbol
    return found


class _Program:
    """What functions that call each other have in common: their names, their exceptions.

    The ``outermost`` ones are called by no other code of these: the kernel, and loops that threads
    share. Each begins with a stack of its own and a list of its own blocks.
    """

    def __init__(self, root: Function, name: str, emitter: Emitter) -> None:
        self.root = root
        self.emitter = emitter
        self.symbols = _symbols(root, name)
        self.symbols[root] = name
        self.errors: list[tuple[Raised, Loc | None]] = []
        ops = [op for each in self.symbols for op in each.ops()]
        self.recursive = any(op.name == "invoke" for op in ops)
        shared = [op.attrs["callee"] for op in ops if op.name == "parallel_for"]
        self.outermost = {root, *shared}
        self.allocates = any(op.name == "allocate" for op in ops)
        raises = [op for op in ops if op.name in ("raise", "require")]
        self.words = max((count_words(op.attrs["error"].slots) for op in raises), default=0)

    def struct(self, outputs: Sequence[Scalar]) -> str:
        """The LLVM type that a function with these outputs returns."""
        members = [*(t.llvm for t in outputs), "i32", *["i64"] * self.words]
        return f"{{ {', '.join(members)} }}"

    def status(self, error: Raised, place: Loc | None) -> str:
        """The status that says that ``error`` is raised at a place of the source."""
        text = print_constant(error)  # equal constants of different types are not the same
        for number, known in enumerate(self.errors, 1):
            if known == (error, place) and print_constant(known[0]) == text:
                return str(number)
        self.errors.append((error, place))
        return str(len(self.errors))


def _outputs(function: Function) -> tuple[Scalar, ...]:
    """The types of the values that a function returns."""
    assert function.result is not None
    return tuple(t.strong for t in leaves(function.result) if isinstance(t, Scalar))


def _mark_of_loop(e: Emitter, interleave: int | None) -> str:
    """What the jump to a loop's beginning is marked with, so that LLVM computes as many vectors of
    its iterations at once."""
    if interleave is None:
        return ""
    mark, count = 20 + 2 * interleave, 21 + 2 * interleave
    e.declarations[f"interleave {interleave}"] = (
        f"!{mark} = distinct !{{!{mark}, !{count}}}\n"
        f'!{count} = !{{!"llvm.loop.interleave.count", i32 {interleave}}}'
    )
    return f", !llvm.loop !{mark}"


_STACK = 128 << 10
"""Bytes of stack that calls within calls may take, so that a thread has enough of it."""


def _stack() -> int:
    """The same, less where the user has asked for small threads."""
    asked = threading.stack_size()
    return min(_STACK, asked // 2) if asked else _STACK


class _Exit(NamedTuple):
    """A way out: its block, the outputs, the status, and the words of an exception."""

    label: str
    values: list[str]
    status: str
    words: list[str]


_HIDDEN = ["i32 %depth", "i64 %floor"]
"""What a function that is invoked takes beside its parameters: how many calls may still stand in
each other, and the address below which its frame must not lie."""


class _Lowering:
    """One function on its way: names of blocks and values, and the text of each block.

    All ways out lead to one exit block with a phi for each output and for the status, so
    that after inlining nothing of the returned struct is left.
    """

    def __init__(self, function: Function, program: _Program) -> None:
        function.sort_blocks()
        self.function = function
        self.program = program
        self.emitter = program.emitter
        self.labels = {block: f"b{i}" for i, block in enumerate(function.blocks)}
        self.label = ""
        self.names: dict[Value, str] = {}
        self.bodies: dict[Block, list[str]] = {}
        self.incoming: dict[Block, list[tuple[str, Edge]]] = {b: [] for b in function.blocks}
        self.exits: list[_Exit] = []
        self.outputs = _outputs(function)
        self.left = str(depth_limit())
        self.waits = False
        self._own = {
            "invoke": self._lower_call,
            "parallel_for": self._lower_parallel_for,
            "require": self._lower_require,
        }

    def run(self) -> str:
        for i, param in enumerate(self.function.params):
            self.names[param] = f"%x{i}"
        for block in self.function.blocks:
            if block is not self.function.entry:
                for i, arg in enumerate(block.args):
                    self.names[arg] = f"%{self.labels[block]}.{i}"
        self.emitter.frame = []
        self.emitter.pause = self._pause
        head = self._head()
        for block in self.function.blocks:
            self._lower_block(block)
        if self.emitter.frame:
            head = ["head:", *self.emitter.frame, *(head[1:] or ["  br label %b0"])]
        lines = [self._define(), *head]
        for block in self.function.blocks:
            lines += self._block_text(block)
        return "\n".join([*lines, *self._exit_text(), "}", ""])

    def _define(self) -> str:
        """The first line. None is a parameter of the IR, but not handed over."""
        invoked = self.function not in self.program.outermost
        types = enumerate(param.type for param in self.function.params)
        params = [f"{t.llvm} %x{i}" for i, t in types if isinstance(t, Scalar)]
        marks = f"{'' if invoked else 'alwaysinline '}nounwind {self.emitter.attribute}".rstrip()
        params += [] if invoked else self.emitter.hidden
        params += _HIDDEN * invoked + [f"ptr {heap.LIST}"] * (invoked and self.program.allocates)
        result, symbol = self.program.struct(self.outputs), self.program.symbols[self.function]
        return f"define internal {result} @{symbol}({', '.join(params)}) {marks} {{"

    def _head(self) -> list[str]:
        """What stands in front of the first block."""
        outermost = self.function in self.program.outermost
        lines = self._begin_heap() if outermost and self.program.allocates else []
        if self.program.recursive:
            lines += self._look_how_deep()
        elif lines:
            lines.append("  br label %b0")
        return ["head:", *lines] if lines else []

    def _begin_heap(self) -> list[str]:
        """An empty list of the blocks that this call allocates."""
        return [
            f"  {heap.LIST} = alloca [4 x i64]",
            f"  store [4 x i64] zeroinitializer, ptr {heap.LIST}",
        ]

    def _look_how_deep(self) -> list[str]:
        """Look how deep the calls stand in each other, by their number and by the stack."""
        e = self.emitter
        e.lines = []
        e.declarations["frame"] = "declare ptr @llvm.frameaddress.p0(i32)"
        here = e(f"ptrtoint ptr {e('call ptr @llvm.frameaddress.p0(i32 0)')} to i64")
        if self.function in self.program.outermost:
            return [*e.lines, f"  %floor = sub i64 {here}, {_stack()}", "  br label %b0"]
        spent, low = e("icmp eq i32 %depth, 0"), e(f"icmp ult i64 {here}, %floor")
        stop = e(f"or i1 {spent}, {low}")
        self.left = e("sub i32 %depth, 1")
        self._leave("head", self.program.status(TOO_DEEP, self.function.loc), [])
        return [*e.lines, f"  br i1 {stop}, label %exit, label %b0"]

    def _leave(self, label: str, status: str, words: list[str]) -> None:
        """Note a way out without outputs."""
        self.exits.append(_Exit(label, ["undef"] * len(self.outputs), status, words))

    def _lower_block(self, block: Block) -> None:
        self.emitter.lines = []
        self.label = self.labels[block]
        for op in block.ops[:-1]:
            args = [self.names[v] for v in op.operands]
            lower = self._own.get(op.name) or OPS[op.name].lower
            self.names[op.value] = lower(self.emitter, op, args)
        self._lower_terminator(block.terminator)
        self.bodies[block] = self.emitter.lines

    def _lower_call(self, e: Emitter, op: Op, args: list[str]) -> str:
        """Call a function, and leave with its status and words if it raised."""
        callee = op.attrs["callee"]
        outputs = _outputs(callee)
        struct, symbol = self.program.struct(outputs), self.program.symbols[callee]
        pairs = [(v.type, arg) for v, arg in zip(op.operands, args, strict=True)]
        given = [f"{t.llvm} {arg}" for t, arg in pairs if isinstance(t, Scalar)]
        given += [f"i32 {self.left}", "i64 %floor"]
        given += [f"ptr {heap.LIST}"] * self.program.allocates
        result = e(f"call {struct} @{symbol}({', '.join(given)}) {e.attribute}".rstrip())
        status = e(f"extractvalue {struct} {result}, {len(outputs)}")
        places = [len(outputs) + 1 + k for k in range(self.program.words)]
        self._leave(self.label, status, [e(f"extractvalue {struct} {result}, {i}") for i in places])
        self._go_on_if(e(f"icmp eq i32 {status}, 0"))
        one = isinstance(op.value.type, Scalar)
        return e(f"extractvalue {struct} {result}, 0") if one else f"{struct} {result}"

    def _lower_parallel_for(self, e: Emitter, op: Op, args: list[str]) -> str:
        """Have threads share a loop, and leave with the status and words of what it raised."""
        from kernelgen.lower_shared import ParallelFor  # few kernels need it

        callee = op.attrs["callee"]
        loop = ParallelFor(callee, self.program.symbols[callee], self.program.words)
        pairs = [(v.type, arg) for v, arg in zip(op.operands, args, strict=True)]
        *given, count = [(t.llvm, arg) for t, arg in pairs if isinstance(t, Scalar)]
        struct = self.program.struct(())
        text = loop.text(struct, [t for t, _ in given], e.attribute, op.attrs["schedule"])
        e.declarations[loop.symbol] = text
        failed, status, words = loop.call(e, given, count[1])
        self._leave(self.label, status, words)
        self._go_on_if(e(f"xor i1 {failed}, true"))
        return "undef"

    def _lower_require(self, e: Emitter, op: Op, args: list[str]) -> str:
        """Leave with the status of an exception unless a condition holds."""
        status = self.program.status(op.attrs["error"], op.loc)
        self._leave(self.label, status, self._words(op, op.operands[1:]))
        self._go_on_if(args[0])
        return "undef"

    def _go_on_if(self, condition: str) -> None:
        """Leave by the way just noted unless the condition holds; else go on in a new block."""
        self.label = f"next{len(self.exits)}"
        self.emitter.lines += [
            f"  br i1 {condition}, label %{self.label}, label %exit",
            f"{self.label}:",
        ]

    def _pause(self, resumed: str) -> None:
        """Leave until the coroutine goes on, and then do so in a new block.

        ``resumed`` is what ``llvm.coro.suspend`` has returned.
        """
        self.waits = True
        self._leave(self.label, str(WAITS), [])
        self.label = f"next{len(self.exits)}"
        self.emitter.lines += [
            f"  switch i8 {resumed}, label %exit [ i8 0, label %{self.label} ]",
            f"{self.label}:",
        ]

    def _lower_terminator(self, op: Op) -> None:
        label = self.label
        if op.name == "return":
            values = [self.names[v] for v in op.operands if isinstance(v.type, Scalar)]
            self.exits.append(_Exit(label, values, "0", []))
            self.emitter.lines.append("  br label %exit")
        elif op.name == "raise":
            status = self.program.status(op.attrs["error"], op.loc)
            self._leave(label, status, self._words(op, op.operands))
            self.emitter.lines.append("  br label %exit")
        elif op.name == "jump":
            self._lower_edge(label, op.edges[0])
            mark = _mark_of_loop(self.emitter, op.attrs.get("interleave"))
            self.emitter.lines.append(f"  br label %{self.labels[op.edges[0].target]}{mark}")
        else:
            self._lower_branch(label, op)

    def _words(self, op: Op, values: list[Value]) -> list[str]:
        """The words of what an exception is made of."""
        pairs = zip(op.attrs["error"].slots, values, strict=True)
        return [word for t, v in pairs for word in write_words(self.emitter, t, self.names[v])]

    def _lower_branch(self, label: str, op: Op) -> None:
        """A branch whose edges meet in one block needs a block of its own for one of them."""
        yes, no = op.edges
        labels = [self.labels[yes.target], self.labels[no.target]]
        split = yes.target is no.target
        if split:
            labels[1] = f"{label}.else"
        condition = self.names[op.operands[0]]
        self.emitter.lines.append(f"  br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
        if split:
            self.emitter.lines += [f"{labels[1]}:", f"  br label %{labels[0]}"]
        self._lower_edge(label, yes)
        self._lower_edge(labels[1] if split else label, no)

    def _lower_edge(self, label: str, edge: Edge) -> None:
        self.incoming[edge.target].append((label, edge))

    def _block_text(self, block: Block) -> list[str]:
        lines = [f"{self.labels[block]}:"]
        if block is not self.function.entry:
            for i, arg in enumerate(block.args):
                if not isinstance(arg.type, Scalar):
                    continue  # None, of which nothing is left
                ways = ", ".join(
                    f"[ {self.names[edge.args[i]]}, %{label} ]"
                    for label, edge in self.incoming[block]
                )
                lines.append(f"  {self.names[arg]} = phi {arg.type.llvm} {ways}")
        return lines + self.bodies[block]

    def _exit_text(self) -> list[str]:
        """The one way out: phis of all that is returned, put into its struct."""
        if not self.exits:
            return []
        result = self.program.struct(self.outputs)
        lines = ["exit:"]
        columns = [
            (t.llvm, [each.values[i] for each in self.exits]) for i, t in enumerate(self.outputs)
        ]
        columns.append(("i32", [each.status for each in self.exits]))
        for i in range(self.program.words):
            words = [each.words[i] if i < len(each.words) else "undef" for each in self.exits]
            columns.append(("i64", words))
        struct = "undef"
        for i, (llvm, values) in enumerate(columns):
            ways = ", ".join(
                f"[ {v}, %{each.label} ]" for v, each in zip(values, self.exits, strict=True)
            )
            lines.append(f"  %out{i} = phi {llvm} {ways}")
        for i, (llvm, _) in enumerate(columns):
            lines.append(f"  %ret{i} = insertvalue {result} {struct}, {llvm} %out{i}, {i}")
            struct = f"%ret{i}"
        if self.function in self.program.outermost and self.program.allocates:
            lines += self._free_if_raised(f"%out{len(self.outputs)}")
        return [*lines, f"  ret {result} {struct}"]

    def _free_if_raised(self, status: str) -> list[str]:
        """Free what an exception has left in the list of blocks, and go on in a new block."""
        self.emitter.declarations[heap.FREE_ALL] = heap.DECLARED[heap.FREE_ALL]
        return [
            f"  %raised = icmp ne i32 {status}, 0",
            "  br i1 %raised, label %free, label %done",
            "free:",
            f"  call void @{heap.FREE_ALL}(ptr {heap.LIST})",
            "  br label %done",
            "done:",
        ]
