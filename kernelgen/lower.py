"""Typed SSA to the text of one LLVM function. It names no op: each lowers itself."""

from __future__ import annotations

from typing import NamedTuple

from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ir.raised import Raised
from kernelgen.ir.text import print_constant
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import OPS
from kernelgen.payload import count_words, write_words
from kernelgen.types.compound import Tuple
from kernelgen.types.table import Scalar


class Lowered(NamedTuple):
    """A kernel as an LLVM function ``{outputs..., i32, words...} @name(inputs...)``.

    Behind the outputs it returns a status: 0, or 1 + the index in ``errors`` of the exception
    to raise. Behind the status come as many 64-bit words as any of the exceptions needs for the
    values that it is made of.
    """

    name: str
    text: str
    declarations: tuple[str, ...]
    inputs: tuple[Scalar, ...]
    outputs: tuple[Scalar, ...]
    result: str
    errors: tuple[Raised, ...]
    kept: tuple[str, ...]
    attribute: str

    @property
    def words(self) -> int:
        """How many words there are behind the status."""
        return max((count_words(error.slots) for error in self.errors), default=0)


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
    function.sort_blocks()
    return _Lowering(function, name, Emitter() if emitter is None else emitter).run()


class _Exit(NamedTuple):
    """A way out: its block, the outputs, the status, and the words of an exception."""

    label: str
    values: list[str]
    status: int
    words: list[str]


class _Lowering:
    """One function on its way: names of blocks and values, and the text of each block.

    All ways out lead to one exit block with a phi for each output and for the status, so
    that after inlining nothing of the returned struct is left.
    """

    def __init__(self, function: Function, name: str, emitter: Emitter) -> None:
        self.function = function
        self.name = name
        self.emitter = emitter
        self.labels = {block: f"b{i}" for i, block in enumerate(function.blocks)}
        self.names: dict[Value, str] = {}
        self.bodies: dict[Block, list[str]] = {}
        self.incoming: dict[Block, list[tuple[str, Edge]]] = {b: [] for b in function.blocks}
        self.exits: list[_Exit] = []
        self.errors: list[Raised] = []
        result = function.result
        types = result.elements if isinstance(result, Tuple) else (result,)
        self.outputs = tuple(t.strong for t in types if isinstance(t, Scalar))

    def run(self) -> Lowered:
        for i, param in enumerate(self.function.params):
            self.names[param] = f"%x{i}"
        for block in self.function.blocks:
            if block is not self.function.entry:
                for i, arg in enumerate(block.args):
                    self.names[arg] = f"%{self.labels[block]}.{i}"
        for block in self.function.blocks:
            self._lower_block(block)
        inputs = tuple(self._scalar(param) for param in self.function.params)
        members = [*(t.llvm for t in self.outputs), "i32", *["i64"] * self._count_words()]
        result = f"{{ {', '.join(members)} }}"
        params = ", ".join(f"{t.llvm} %x{i}" for i, t in enumerate(inputs))
        marks = f"alwaysinline nounwind {self.emitter.attribute}".rstrip()
        lines = [f"define internal {result} @{self.name}({params}) {marks} {{"]
        for block in self.function.blocks:
            lines += self._block_text(block)
        text = "\n".join([*lines, *self._exit_text(result), "}", ""])
        declarations = tuple(self.emitter.declarations.values())
        return Lowered(
            self.name,
            text,
            declarations,
            inputs,
            self.outputs,
            result,
            tuple(self.errors),
            tuple(dict.fromkeys(self.emitter.kept)),
            self.emitter.attribute,
        )

    def _count_words(self) -> int:
        return max((len(each.words) for each in self.exits), default=0)

    def _scalar(self, value: Value) -> Scalar:
        assert isinstance(value.type, Scalar), f"a {value.type} reached lowering"
        return value.type

    def _lower_block(self, block: Block) -> None:
        self.emitter.lines = []
        for op in block.ops[:-1]:
            args = [self.names[v] for v in op.operands]
            self.names[op.value] = OPS[op.name].lower(self.emitter, op, args)
        self._lower_terminator(block, block.terminator)
        self.bodies[block] = self.emitter.lines

    def _lower_terminator(self, block: Block, op: Op) -> None:
        emit, label = self.emitter.lines.append, self.labels[block]
        if op.name == "return":
            self.exits.append(_Exit(label, [self.names[v] for v in op.operands], 0, []))
            emit("  br label %exit")
        elif op.name == "raise":
            undefined = ["undef"] * len(self.outputs)
            self.exits.append(_Exit(label, undefined, self._error(op), self._words(op)))
            self.emitter.lines.append("  br label %exit")
        elif op.name == "jump":
            self._lower_edge(label, op.edges[0])
            emit(f"  br label %{self.labels[op.edges[0].target]}")
        else:
            self._lower_branch(label, op)

    def _error(self, op: Op) -> int:
        error = op.attrs["error"]
        text = print_constant(error)  # equal constants of different types are not the same
        for number, known in enumerate(self.errors, 1):
            if known == error and print_constant(known) == text:
                return number
        self.errors.append(error)
        return len(self.errors)

    def _words(self, op: Op) -> list[str]:
        """The words of what an exception is made of."""
        pairs = zip(op.attrs["error"].slots, op.operands, strict=True)
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
                ways = ", ".join(
                    f"[ {self.names[edge.args[i]]}, %{label} ]"
                    for label, edge in self.incoming[block]
                )
                lines.append(f"  {self.names[arg]} = phi {self._scalar(arg).llvm} {ways}")
        return lines + self.bodies[block]

    def _exit_text(self, result: str) -> list[str]:
        """The one way out: phis of all that is returned, put into its struct."""
        if not self.exits:
            return []
        lines = ["exit:"]
        columns = [
            (t.llvm, [each.values[i] for each in self.exits]) for i, t in enumerate(self.outputs)
        ]
        columns.append(("i32", [str(each.status) for each in self.exits]))
        for i in range(self._count_words()):
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
        return [*lines, f"  ret {result} {struct}"]
