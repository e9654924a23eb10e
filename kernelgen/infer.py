"""Type inference over SSA: the least types that satisfy every op's rule and every join.

A block argument has the type in which all meet that arrive: those of the definitions of the
values it may have, whatever arguments hand them on, so that neither the order of the ways nor
their shape counts. Going over the ops until nothing changes ends soon. Should the types not
settle, because an op makes a lower type of a higher one, they only rise from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kernelgen.errors import InternalError, TypingError, UnsupportedError
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Edge, Function, Op, Value
from kernelgen.ir.webs import Web, by_block, webs_of
from kernelgen.ops.calls import check_arguments, is_handed_over
from kernelgen.ops.elementwise import rule_on, rule_on_elements
from kernelgen.ops.exceptions import raised_by
from kernelgen.ops.registry import NoRule, Typed, Unsupported
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
        self._webs = {self.root: webs_of(self.root)}
        self._rounds = 0
        self._copies: dict[tuple[Function, tuple[Type, ...]], Function] = {}
        changed = True
        while changed:
            changed = False
            self._rounds += 1
            for function in self.functions:  # which grow meanwhile
                changed |= self._infer_function(function)

    def finish(self) -> None:
        """Give calls their callees, and check that nothing is left without a type."""
        callees = self._link()
        for function in [self.root, *callees]:
            self._check_joins(function)
            _report_refusals(function)
        for callee in callees:
            _check_callee(callee)
        self.root.result = self._result(self.root)
        for function in [self.root, *callees]:
            _check_complete(function)
            self._check_returns(function)

    def _infer_function(self, function: Function) -> bool:
        """Go over a function once; whether a type changed."""
        changed = False
        for block, webs in by_block(self._webs[function], function.blocks):
            for web in webs:
                changed |= self._infer_web(function, web)
            for op in block.ops:
                changed |= self._infer_op(op)
        if function is not self.root:
            result = self._result(function)
            changed |= result != function.result
            function.result = result
        return changed

    def _infer_web(self, function: Function, web: Web) -> bool:
        """Join the types that arrive; whether that of the arguments changed."""
        types = [t for value in web.inputs for t in self._arriving(function, value)]
        if self._rounds > _PATIENCE:
            types += [t for t in [web.args[0].type] if t is not None]
        web.types = tuple(dict.fromkeys(types))
        new = _join_or_first(web.types)
        changed = new != web.args[0].type
        for arg in web.args:
            arg.type = new
        return changed

    def _arriving(self, function: Function, value: Value) -> tuple[Type, ...]:
        """The types of the definitions that ``value`` may come from, as far as they are known."""
        web = self._webs[function].get(value)
        if web is not None:
            return web.types
        return () if value.type is None else (value.type,)

    def _result(self, function: Function) -> Type | None:
        """The type in which the returns meet whose types are known, None if no type is.

        Those that return what the function itself returned, called again, add nothing.
        """
        returned = _returned(function)
        values = [op.operands[0] for op in returned]
        types = [
            t for v in values if not self._is_own(function, v) for t in self._arriving(function, v)
        ]
        return _join_or_first(types) if returned else UNDEFINED

    def _is_own(self, function: Function, value: Value) -> bool:
        """Whether ``value`` is what a call of the same copy of ``function`` returns."""
        op = value.definition
        if not isinstance(op, Op) or op.name != "invoke" or value.type is None:
            return False
        types = tuple(_type(v.type) for v in op.operands)
        return self._copies.get((op.attrs["callee"], types)) is function

    def _check_joins(self, function: Function) -> None:
        """Raise the error of a variable that has no common type where ways meet."""
        arrived: dict[Value, tuple[Type, ...]] = {}
        for edge, op in _edges(function):
            for value, arg in zip(edge.args, edge.target.args, strict=True):
                before, new = arrived.get(arg, ()), self._arriving(function, value)
                if join(*before, *new) is None:
                    raise TypingError(
                        f"{_name(arg.hint)} is {describe(_type(join(*before)))} on one way here "
                        f"and {describe(_type(value.type))} on another",
                        op.loc,
                        "give it the same kind of value on every way",
                    )
                arrived[arg] = before + new

    def _check_returns(self, function: Function) -> None:
        """Raise the error of a function whose returns have no common type."""
        arrived: tuple[Type, ...] = ()
        for op in _returned(function):
            new = self._arriving(function, op.operands[0])
            if join(*arrived, *new) is None:
                raise TypingError(
                    f"the function returns {describe(_type(join(*arrived)))} here and "
                    f"{describe(_type(op.operands[0].type))} there",
                    op.loc,
                    "return the same kind of value on every way; a missing `return` returns None",
                )
            arrived += new

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
            self._webs[found] = webs_of(found)
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

_PATIENCE = 50
"""After so many rounds, types only rise."""


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
    return rule_on(op, tuple(_type(v.type) for v in op.operands))


def typed_elements(op: Op) -> Typed:
    """The same for one element of the arrays among the operands."""
    return rule_on_elements(op, tuple(_type(v.type) for v in op.operands))


def _type(t: Type | None) -> Type:
    assert t is not None
    return t


def _join_or_first(types: Sequence[Type]) -> Type | None:
    """The type in which all meet; the first where there is none, which is an error later."""
    return (join(*types) or types[0]) if types else None


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


def _returned(function: Function) -> list[Op]:
    return [op for op in function.ops() if op.name == "return"]


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
