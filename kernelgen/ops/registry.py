"""What an op is, and the table of all ops.

An op's block gives, side by side: its type rule, its meaning in Python, its reference on
typed values, its lowering to LLVM, and the Python callables that are spelled by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kernelgen.errors import InternalError
from kernelgen.ir.core import Function, Op
from kernelgen.llvm_text import Emitter
from kernelgen.types.compound import Type


class NoRule(Exception):
    """A type rule's refusal: why the op does not exist for these types, and what to write."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Unsupported(NoRule):
    """A refusal whatever the types are."""


class Typed(NamedTuple):
    """An answer of a type rule: the types to convert the operands to, and the result's.

    An operand whose type is None stays as it is.
    """

    params: tuple[Type | None, ...]
    result: Type


class OpDef(NamedTuple):
    """One op.

    Parameters
    ----------
    name : str
        Its name in the IR.
    rule : callable ``(op, types) -> Typed``
        Raises NoRule where the op does not exist.
    python : callable
        Its meaning on Python values, also used to fold constants.
    reference : callable, optional
        Its meaning on values of the types that the rule asks for (NumPy scalars); attributes
        of the op are keyword arguments. By default, ``python``.
    lower : callable ``(emitter, op, args) -> value``
        Its LLVM text.
    calls : tuple
        The Python callables that mean this op, and with how many arguments.
    expand : callable ``(op) -> function, name or None``, optional
        What to put in place of the typed op: a function of the kernel language, which is
        inlined, or one of the IR with its types; or the name of an op that computes the same on
        operands of these types.
    divides : bool
        Whether a zero as second operand is a ZeroDivisionError in Python.
    halves : bool
        Whether it takes float16 as it is. All others compute float16 in float32.
    carries : bool
        Whether it only moves values about, and takes complex numbers, times and float16 as they
        are.
    effects : bool
        Whether it may raise or have no end, so that it stays where nothing uses its result.
    on_leaves : bool
        Whether it is given, when it is lowered, the scalars that its operands consist of.
    """

    name: str
    rule: Callable[[Op, tuple[Type, ...]], Typed]
    python: Callable[..., Any]
    lower: Callable[[Emitter, Op, list[str]], str]
    reference: Callable[..., Any] | None = None
    calls: tuple[tuple[Any, int], ...] = ()
    expand: Callable[[Op], Callable[..., Any] | Function | str | None] | None = None
    divides: bool = False
    halves: bool = False
    carries: bool = False
    effects: bool = False
    on_leaves: bool = False

    def compute(self, *values: Any, **attrs: Any) -> Any:
        """The reference on typed values."""
        return (self.reference or self.python)(*values, **attrs)


OPS: dict[str, OpDef] = {}
BY_CALL: dict[int, dict[int, OpDef]] = {}
_CALLABLES: list[Any] = []  # keeps the objects of BY_CALL alive, so that their ids stay theirs


def define(op: OpDef) -> OpDef:
    """Enter an op into the table. An op or callable that is defined twice is a defect."""
    if op.name in OPS:
        raise InternalError(f"the op {op.name!r} is defined twice")
    OPS[op.name] = op
    for function, arity in op.calls:
        by_arity = BY_CALL.setdefault(id(function), {})
        if arity in by_arity:
            raise InternalError(f"{function!r} means both {by_arity[arity].name} and {op.name}")
        by_arity[arity] = op
        _CALLABLES.append(function)
    return op


def by_call(function: Any) -> dict[int, OpDef]:
    """The ops that calls of ``function`` mean, by their numbers of arguments."""
    return BY_CALL.get(id(function), {})
