"""The IR's invariants, made executable."""

from __future__ import annotations

from kernelgen.errors import InternalError
from kernelgen.ir.core import TERMINATORS, Block, Function, Op, Value
from kernelgen.ir.dominance import dominates, immediate_dominators, reverse_postorder
from kernelgen.ir.text import print_function
from kernelgen.types.compound import Type, leaves

EDGES = {"jump": 1, "branch": 2, "return": 0, "raise": 0, "unsupported": 0}


def verify(function: Function, *, typed: bool = False) -> None:
    """Check that ``function`` is sound SSA; with ``typed``, that its types agree too.

    Raises
    ------
    InternalError
        Names the first broken rule and shows the function.
    """
    try:
        _verify_blocks(function)
        _verify_dominance(function)
        if typed:
            _verify_types(function)
    except AssertionError as broken:
        raise InternalError(f"invalid IR: {broken}\n{print_function(function)}") from None


def _verify_blocks(function: Function) -> None:
    assert function.blocks, "a function has no block"
    blocks = set(function.blocks)
    for block in function.blocks:
        assert block.ops and block.terminator.name in TERMINATORS, "a block has no terminator"
        assert all(op.name not in TERMINATORS for op in block.ops[:-1]), "code after a terminator"
        assert len(block.terminator.edges) == EDGES[block.terminator.name], "wrong number of edges"
        for op in block.ops:
            assert op.result is None or op.result.definition is op, f"{op.name} lost its result"
        for arg in block.args:
            assert arg.definition is block, "an argument belongs to another block"
        for edge in block.terminator.edges:
            assert edge.target in blocks, "an edge leads out of the function"
            assert edge.target is not function.entry, "an edge leads to the entry"
            assert len(edge.args) == len(edge.target.args), "an edge has too many or few values"


def _verify_dominance(function: Function) -> None:
    def successors(block: Block) -> list[Block]:
        return block.successors

    order = reverse_postorder(function.entry, successors)
    assert len(order) == len(function.blocks), "a block cannot be reached"
    idom = immediate_dominators(order, successors)
    home: dict[Value, tuple[Block, int]] = {}
    for block in function.blocks:
        for value, at in _definitions(block):
            assert value not in home, "a value is defined twice"
            home[value] = (block, at)
    for block in function.blocks:
        for at, op in enumerate(block.ops):
            for value in _uses(op):
                assert value in home, f"{op.name} uses a value without definition"
                where, since = home[value]
                ordered = since < at if where is block else dominates(idom, where, block)
                assert ordered, f"{op.name} uses a value before its definition"


def _definitions(block: Block) -> list[tuple[Value, int]]:
    results = [(op.result, at) for at, op in enumerate(block.ops) if op.result is not None]
    return [(arg, -1) for arg in block.args] + results


def _uses(op: Op) -> list[Value]:
    return op.operands + [value for edge in op.edges for value in edge.args]


def _leaves(value: Value) -> tuple[Type, ...]:
    assert value.type is not None, "a value has no type"
    return leaves(value.type)


def _verify_types(function: Function) -> None:
    assert function.result is not None, "the function's result has no type"
    for value in function.values():
        assert value.type is not None, "a value has no type"
    for edge in function.edges():
        for value, arg in zip(edge.args, edge.target.args, strict=True):
            assert value.type == arg.type, f"a {value.type} is handed to a {arg.type}"
    for op in function.ops():
        if op.name == "return":
            types = tuple(v.type for v in op.operands)
            whole, parts = types[:1] == (function.result,), types == leaves(function.result)
            assert whole or parts, "a return of another type"
        if op.name == "raise" and "error" in op.attrs:
            given = tuple(leaf for v in op.operands for leaf in _leaves(v))
            assert given == op.attrs["error"].slots, "an exception of other types"
        if op.name == "invoke":
            params = [param.type for param in op.attrs["callee"].params]
            assert [v.type for v in op.operands] == params, "a call with other types"
            assert op.value.type == op.attrs["callee"].result, "a call with another result"
        if op.name == "parallel_for":
            params = [param.type for param in op.attrs["callee"].params]
            handed = [v.type for v in (*op.operands, op.operands[-1])]
            assert handed == params, "a loop with other types"
        if op.name == "branch":
            assert str(op.operands[0].type) in ("b1", "~b1"), "a branch on something not bool"
