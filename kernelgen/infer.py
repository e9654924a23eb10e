"""Type inference over SSA: the least types that satisfy every op's rule and every join.

The types of block arguments only ever rise, in a lattice of little height, so going over the
ops until nothing changes ends soon, whatever loops there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kernelgen.errors import InternalError, TypingError, UnsupportedError
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Edge, Function, Op
from kernelgen.ops.calls import check_arguments, is_handed_over
from kernelgen.ops.complex import refuse_complex
from kernelgen.ops.exceptions import raised_by
from kernelgen.ops.registry import NoRule, Typed, Unsupported
from kernelgen.ops.times import rule_of
from kernelgen.types.compound import NONE, UNDEFINED, Tuple, Type, describe
from kernelgen.types.join import join
from kernelgen.types.table import Scalar

Prepare = Callable[[Function, Sequence[Type]], None]
"""A pass over untyped SSA that is to be given values of some types."""


def infer(function: Function, params: Sequence[Type], prepare: Prepare | None = None) -> None:
    """Give every value of ``function`` a type, starting from those of its parameters.

    What it invokes is copied for each combination of types, and each copy prepared for them.

    Raises
    ------
    TypingError
        An op has no meaning for the types that reach it, a variable has no common type where
        ways meet, or the function returns no numbers.
    """
    _Inference(function, params, prepare).finish()


def propagate(function: Function, params: Sequence[Type]) -> None:
    """Give types to all values that can have one, whatever the others lack.

    Where kinds of values meet that have no common type, the first stands.
    """
    _Inference(function, params)


class _Inference:
    """One function, and what it invokes: a copy of a callee for each combination of types."""

    def __init__(
        self, root: Function, params: Sequence[Type], prepare: Prepare | None = None
    ) -> None:
        self.prepare = prepare
        self.root = _with_params(root, params)
        self.functions = [self.root]
        self._copies: dict[tuple[Function, tuple[Type, ...]], Function] = {}
        changed = True
        while changed:
            changed = False
            for function in self.functions:  # which grow meanwhile
                changed |= self._infer_function(function)

    def finish(self) -> None:
        """Give calls their callees, and check that nothing is left without a type."""
        callees = self._link()
        for function in [self.root, *callees]:
            for edge, op in _edges(function):
                _check_join(edge, op)
            _report_refusals(function)
        for callee in callees:
            _check_callee(callee)
        self.root.result = _result(self.root)
        for function in [self.root, *callees]:
            _check_complete(function)
            _check_returns(function)

    def _infer_function(self, function: Function) -> bool:
        """Go over a function once; whether a type changed."""
        changed = False
        for block in function.blocks:
            for op in block.ops:
                changed |= self._infer_op(op)
            for edge in block.terminator.edges:
                changed |= _infer_edge(edge)
        if function is not self.root:
            result = _result(function)
            changed |= result != function.result
            function.result = result
        return changed

    def _infer_op(self, op: Op) -> bool:
        """Compute the result's type from the operands'; whether it changed."""
        if op.result is None or any(v.type is None for v in op.operands):
            return False
        new: Type | None = UNDEFINED
        if not any(v.type == UNDEFINED for v in op.operands):
            try:
                new = self._copy(op).result if op.name == "invoke" else typed(op).result
            except NoRule:
                return False
        changed = new != op.result.type
        op.result.type = new
        return changed

    def _copy(self, op: Op) -> Function:
        """The copy of the function that ``op`` invokes, for the types of its operands."""
        callee, types = op.attrs["callee"], tuple(_type(v.type) for v in op.operands)
        check_arguments(types)
        found = self._copies.get((callee, types))
        if found is None:
            if len(self.functions) > _MOST:
                raise TypingError(
                    f"{_python_name(callee)}() calls itself with arguments of ever new types",
                    op.loc,
                    "hand over arguments of the same types",
                )
            found = copy_function(callee)
            if self.prepare is not None:
                self.prepare(found, types)
            self._copies[callee, types] = found
            self.functions.append(_with_params(found, types))
        return found

    def _link(self) -> list[Function]:
        """Give each call its copy; those that are called after all, by new names."""
        live = [self.root]
        for function in live:
            for op in [op for op in function.ops() if op.name == "invoke"]:
                if any(v.type == UNDEFINED for v in op.operands):
                    op.name, op.operands, op.attrs = "undefined", [], {}
                elif all(v.type is not None and is_handed_over(v.type) for v in op.operands):
                    copy = self._copy(op)
                    op.attrs = {"callee": copy}
                    live += [copy] * (copy not in live)
        for number, callee in enumerate(live[1:], 1):
            callee.name = f"{callee.name.partition('.')[0]}.{number}"
        return live[1:]


_MOST = 100
"""More copies than this are taken for endlessly many."""


def _with_params(function: Function, params: Sequence[Type]) -> Function:
    for value, t in zip(function.params, params, strict=True):
        value.type = t
    return function


def _python_name(function: Function) -> str:
    """The name that a function has in the user's code."""
    return function.name if function.code is None else function.code.co_name


def _check_callee(function: Function) -> None:
    """Raise TypingError unless a function that is invoked returns what can be handed back."""
    name = _python_name(function)
    if function.result is None:
        raise TypingError(
            f"the types of {name}() cannot be inferred: every way through it calls itself",
            function.loc,
            "return a value on some way that does not",
        )
    if function.result != UNDEFINED and not is_handed_over(function.result):
        raise TypingError(
            f"{name}() calls itself, and cannot return {describe(function.result)}",
            function.loc,
            "return numbers, or tuples of them",
        )


def _edges(function: Function) -> Iterator[tuple[Edge, Op]]:
    """All edges, with the terminators that they belong to."""
    for block in function.blocks:
        for edge in block.terminator.edges:
            yield edge, block.terminator


def typed(op: Op) -> Typed:
    """What the rule of ``op`` says of its operands' types."""
    types = tuple(_type(v.type) for v in op.operands)
    refuse_complex(op, types)
    return rule_of(op, types)(op, types)


def _type(t: Type | None) -> Type:
    assert t is not None
    return t


def _infer_edge(edge: Edge) -> bool:
    """Join what an edge hands over into the target's arguments; whether one changed."""
    changed = False
    for value, arg in zip(edge.args, edge.target.args, strict=True):
        if value.type is None:
            continue
        new = value.type if arg.type is None else join(arg.type, value.type)
        if new is not None and new != arg.type:
            arg.type = new
            changed = True
    return changed


def _check_join(edge: Edge, op: Op) -> None:
    """Raise the error of a variable that has no common type where ways meet."""
    for value, arg in zip(edge.args, edge.target.args, strict=True):
        if value.type is None or arg.type is None or join(arg.type, value.type) is not None:
            continue
        raise TypingError(
            f"{_name(arg.hint)} is {describe(arg.type)} on one way here and "
            f"{describe(value.type)} on another",
            op.loc,
            "give it the same kind of value on every way",
        )


def _name(hint: str) -> str:
    return f"the variable {hint!r}" if hint else "this value"


def _report_refusals(function: Function) -> None:
    """Raise the error of the first op, in the order of the code, that has no rule."""
    for op in function.ops():  # first, as what comes before it may be but a part of it
        if op.name == "unsupported":
            raise UnsupportedError(op.attrs["message"], op.loc, op.attrs["hint"])
    for op in function.ops():
        if any(v.type in (None, UNDEFINED) for v in op.operands):
            continue
        try:
            _check(op)
        except NoRule as refusal:
            error = UnsupportedError if isinstance(refusal, Unsupported) else TypingError
            raise error(refusal.message, op.loc, refusal.hint) from None


def _check_complete(function: Function) -> None:
    for value in function.values():
        if value.type is None:
            raise InternalError("inference left a value without a type", function.loc)


def _check(op: Op) -> None:
    """Raise NoRule if the op does not exist for its operands."""
    if op.result is not None:
        typed(op)
    elif op.name == "raise" and op.operands:
        raised_by(op.operands[0])


def _result(function: Function) -> Type | None:
    """The type in which the returns meet whose types are known, None if no type is.

    Where kinds of values meet that have no common type, the first stands.
    """
    returned = _returned(function)
    result: Type | None = None if returned else UNDEFINED
    for t in [op.operands[0].type for op in returned]:
        if t is not None:
            result = t if result is None else join(result, t) or result
    return result


def _returned(function: Function) -> list[Op]:
    return [op for op in function.ops() if op.name == "return"]


def _check_returns(function: Function) -> None:
    """Raise the error of a function whose returns have no common type."""
    result = _type(function.result)
    for op in _returned(function):
        t = _type(op.operands[0].type)
        if join(result, t) is None:
            raise TypingError(
                f"the function returns {describe(result)} here and {describe(t)} there",
                op.loc,
                "return the same kind of value on every way; a missing `return` returns None",
            )


def check_outputs(function: Function) -> tuple[Scalar, ...]:
    """The types of a kernel's outputs, weak ones as their defaults.

    Raises
    ------
    TypingError
        It returns None, or something else that arrays cannot hold.
    """
    result = function.result
    elements = result.elements if isinstance(result, Tuple) else (result,)
    outputs = [t.strong for t in elements if isinstance(t, Scalar)]
    if len(outputs) == len(elements) and outputs:
        return tuple(outputs)
    if result == UNDEFINED:
        raise TypingError(
            "the kernel never returns", function.loc, "every way through it raises, or has no end"
        )
    loc = next((op.loc for op in function.ops() if op.name == "return"), function.loc)
    hint = "add `return` with a value on every way" if result == NONE else "return numbers"
    raise TypingError(f"a kernel cannot return {describe(_type(result))}", loc, hint)
