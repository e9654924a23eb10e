"""Basic blocks of bytecode, and what flows through them: loops, liveness, assignment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernelgen.bytecode.decode import Instr
from kernelgen.ir.dominance import immediate_dominators, natural_loops, reverse_postorder

RETURNS = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
GOTOS = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")


class BasicBlock:
    """A straight run of instructions: entered at its first, left after its last.

    ``live`` are the local variables that are read from here on before they are assigned,
    ``assigned`` those that every way here has assigned.
    """

    def __init__(self) -> None:
        self.instructions: list[Instr] = []
        self.successors: list[BasicBlock] = []
        self.predecessors: list[BasicBlock] = []
        self.live: set[str] = set()
        self.assigned: set[str] = set()

    @property
    def start(self) -> int:
        return self.instructions[0].offset


class FlowGraph(NamedTuple):
    """The blocks that the entry reaches, in reverse postorder, with dominators and loops."""

    blocks: list[BasicBlock]
    idom: dict[BasicBlock, BasicBlock]
    loops: dict[BasicBlock, set[BasicBlock]]

    def __str__(self) -> str:
        return "\n".join(self._describe(block) for block in self.blocks)

    def _describe(self, block: BasicBlock) -> str:
        number = {b: i for i, b in enumerate(self.blocks)}
        leads = ", ".join(f"block {number[b]}" for b in block.successors) or "the caller"
        depth = sum(block in body for body in self.loops.values())
        facts = [f"goes to {leads}", f"dominated by block {number[self.idom[block]]}"]
        facts += [f"loop depth {depth}"] * bool(depth)
        if block in self.loops:
            facts.append(f"header of loop {sorted(number[b] for b in self.loops[block])}")
        facts += [f"live: {', '.join(sorted(block.live))}"] * bool(block.live)
        lines = [f"block {number[block]}: {'; '.join(facts)}"]
        return "\n".join(lines + [f"  {i}" for i in block.instructions])


def flow_graph(instructions: list[Instr], parameters: set[str]) -> FlowGraph:
    """The flow graph of a function's instructions; ``parameters`` are assigned on entry."""
    entry = _split(instructions)
    blocks = reverse_postorder(entry, _successors)
    reached = set(blocks)
    for block in blocks:
        block.predecessors = [p for p in block.predecessors if p in reached]
    idom = immediate_dominators(blocks, _successors)
    _find_live(blocks)
    _find_assigned(blocks, parameters)
    return FlowGraph(blocks, idom, natural_loops(blocks, _successors, idom))


def _successors(block: BasicBlock) -> list[BasicBlock]:
    return block.successors


def _split(instructions: list[Instr]) -> BasicBlock:
    """Cut before every jump's target and after every jump or return, and connect the pieces."""
    leaders = {instructions[0].offset}
    for i, instruction in enumerate(instructions):
        if instruction.target is not None:
            leaders.add(instruction.target)
        if instruction.target is not None or instruction.op in RETURNS:
            leaders.update(follower.offset for follower in instructions[i + 1 : i + 2])
    blocks: list[BasicBlock] = []
    for instruction in instructions:
        if instruction.offset in leaders:
            blocks.append(BasicBlock())
        blocks[-1].instructions.append(instruction)
    by_start = {block.start: block for block in blocks}
    for block, follower in zip(blocks, [*blocks[1:], None], strict=True):
        last = block.instructions[-1]
        if last.op not in RETURNS and last.op not in GOTOS and follower is not None:
            _connect(block, follower)
        if last.target is not None:
            _connect(block, by_start[last.target])
    return blocks[0]


def _connect(block: BasicBlock, successor: BasicBlock) -> None:
    block.successors.append(successor)
    successor.predecessors.append(block)


def _find_live(blocks: list[BasicBlock]) -> None:
    """Backward: live before a block is what it reads first, and what is live after it.

    Deleting a variable reads it, as it must be assigned.
    """

    def transfer(block: BasicBlock) -> set[str]:
        live = set().union(*(s.live for s in block.successors))
        for instruction in reversed(block.instructions):
            for kind, name in reversed(instruction.accesses):
                (live.discard if kind == "STORE" else live.add)(name)
        return live

    _to_fixpoint(blocks[::-1], "live", transfer)


def _find_assigned(blocks: list[BasicBlock], parameters: set[str]) -> None:
    """Forward: assigned on entry to a block is what all its predecessors leave assigned."""
    names = {name for b in blocks for i in b.instructions for _, name in i.accesses}
    for block in blocks:
        block.assigned = names | parameters

    def transfer(block: BasicBlock) -> set[str]:
        ways = [assigned_after(p, p.assigned) for p in block.predecessors]
        return set(parameters) if block is blocks[0] else set.intersection(*ways)

    _to_fixpoint(blocks, "assigned", transfer)


def assigned_after(block: BasicBlock, before: set[str]) -> set[str]:
    """The variables that are assigned when ``block`` ends."""
    assigned = set(before)
    for instruction in block.instructions:
        for kind, name in instruction.accesses:
            if kind != "LOAD":
                (assigned.add if kind == "STORE" else assigned.discard)(name)
    return assigned


def _to_fixpoint(
    blocks: list[BasicBlock], fact: str, transfer: Callable[[BasicBlock], set[str]]
) -> None:
    changed = True
    while changed:
        changed = False
        for block in blocks:
            new = transfer(block)
            if new != getattr(block, fact):
                setattr(block, fact, new)
                changed = True


def maybe_unbound(graph: FlowGraph) -> set[str]:
    """Variables that some instruction may read or delete before they are assigned."""
    found = set()
    for block in graph.blocks:
        assigned = set(block.assigned)
        for instruction in block.instructions:
            for kind, name in instruction.accesses:
                if kind in ("LOAD", "DELETE") and name not in assigned:
                    found.add(name)
                if kind != "LOAD":
                    (assigned.add if kind == "STORE" else assigned.discard)(name)
    return found
