"""Have a function that is chosen while the kernel runs be called in a branch of its own.

Before: untyped SSA. After: no call of a block argument that is given constant functions by all
ways. They hand over the function's number, and where it is called, a branch for each number calls
it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kernelgen.ir.core import Block, Edge, Function, Op, Value, const, jump
from kernelgen.ops.exceptions import is_exception_class


class _Choice(NamedTuple):
    """Block arguments that hand a function on, and the functions that it may be."""

    args: list[Value]
    functions: list[Any]


def choose_functions(function: Function) -> bool:
    """Apply the pass to one choice; whether there was one."""
    for block in function.blocks:
        for op in block.ops:
            if op.name == "call" and isinstance(op.operands[0].definition, Block):
                choice = _choice(function, op.operands[0])
                if choice is not None:
                    _number(function, choice)
                    _branch_at_calls(function, choice)
                    return True
    return False


def _choice(function: Function, called: Value) -> _Choice | None:
    """What a called block argument may be, None if that is not known, or it is used otherwise."""
    edges = function.predecessors()
    args: list[Value] = [called]
    functions: list[Any] = []
    for arg in args:  # which grows meanwhile
        block = arg.definition
        assert isinstance(block, Block)
        if block is function.entry:
            return None
        for edge in edges[block]:
            value = edge.args[block.args.index(arg)]
            if isinstance(value.definition, Block):
                args += [value] * (value not in args)
            elif _is_function(value):
                held = _held(value)
                functions += [held] * (held is not None and not any(f is held for f in functions))
            else:
                return None
    used = any(_uses_otherwise(op, args) for op in function.ops())
    return None if used or not functions else _Choice(args, functions)


def _is_function(value: Value) -> bool:
    """Whether ``value`` is a constant that may be called, or that of a variable without one."""
    held = _held(value)
    if held is None:
        return isinstance(value.definition, Op) and value.definition.name == "undefined"
    return callable(held) and not is_exception_class(held)


def _held(value: Value) -> Any:
    return None if value.constant is None else value.constant.attrs["value"]


def _uses_otherwise(op: Op, args: list[Value]) -> bool:
    """Whether an op uses one of ``args``, but neither calls it nor hands it on to another."""
    operands = op.operands[1:] if op.name == "call" else op.operands
    handed = any(
        value in args and arg not in args
        for edge in op.edges
        for value, arg in zip(edge.args, edge.target.args, strict=True)
    )
    return handed or any(value in args for value in operands)


def _number(function: Function, choice: _Choice) -> None:
    """Hand over numbers in place of the functions."""
    for block in function.blocks:
        for edge in block.terminator.edges:
            for index, arg in enumerate(edge.target.args):
                if arg in choice.args and edge.args[index] not in choice.args:
                    held = _held(edge.args[index])
                    numbers = [n for n, f in enumerate(choice.functions) if f is held]
                    number = const(numbers[0] if numbers else 0, block.terminator.loc)
                    block.ops.insert(-1, number)
                    edge.args[index] = number.value


def _branch_at_calls(function: Function, choice: _Choice) -> None:
    for block in function.blocks:  # which grows meanwhile
        for op in block.ops:
            if op.name == "call" and op.operands[0] in choice.args:
                _branch(function, block, op, choice.functions)
                break
    function.sort_blocks()


def _branch(function: Function, block: Block, op: Op, functions: list[Any]) -> None:
    """Call each of the functions in a block of its own."""
    at = block.ops.index(op)
    behind = Block()
    behind.ops = block.ops[at + 1 :]
    behind.take_arg(op.value)
    block.ops = block.ops[:at]
    function.blocks.append(behind)
    for number, each in enumerate(functions):
        called, other = Block(), Block()
        function.blocks.append(called)
        callee = called.append(const(each, op.loc)).value
        result = called.append(Op("call", (callee, *op.operands[1:]), dict(op.attrs), op.loc)).value
        called.append(jump(behind, (result,), op.loc))
        if number == len(functions) - 1:
            block.append(jump(called, (), op.loc))
            break
        wanted = block.append(const(number, op.loc)).value
        is_it = block.append(Op("eq", (op.operands[0], wanted), None, op.loc)).value
        block.append(Op("branch", (is_it,), None, op.loc, (Edge(called), Edge(other))))
        function.blocks.append(other)
        block = other
