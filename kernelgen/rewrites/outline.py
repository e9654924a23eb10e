"""Functions that call themselves: they cannot be inlined, so they are invoked.

Before: a call of a function in whose own code, inlined, it stands. After: the call is an
``invoke`` of a function of the IR, which all its calls share, and whose calls are to be resolved.
"""

from __future__ import annotations

import re
from types import CodeType, FunctionType
from typing import Any

from kernelgen.bytecode.build import build
from kernelgen.bytecode.decode import is_generator
from kernelgen.errors import UnsupportedError
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Function, Op, Value, const
from kernelgen.rewrites.fold_constants import is_number

CALLS = ("call", "call_starred", "contains")
"""The ops that may be calls of functions."""

Chain = tuple[CodeType, ...]

_MOST = 100
"""More functions than this are taken for endlessly many."""


class Outlined:
    """The functions that are invoked. They are found while the calls of a kernel are resolved."""

    def __init__(self, root: Function) -> None:
        self._root = root
        self.unresolved: list[Function] = []
        self._functions: dict[tuple[Any, ...], Function] = {}
        self._known: list[Any] = []  # keeps alive what the keys are the ids of
        self._codes: set[CodeType] = set()

    def has(self, callee: FunctionType) -> bool:
        """Whether ``callee`` is known to call itself."""
        return callee.__code__ in self._codes

    def invoke(self, op: Op, callee: FunctionType, args: list[Value]) -> None:
        """Make a call an ``invoke``. Arguments that are no numbers become part of the callee."""
        bound = {
            index: value.constant.attrs["value"]
            for index, value in enumerate(args)
            if value.constant is not None and not is_number(value.constant.attrs["value"])
        }
        key = (id(callee), *((index, id(value)) for index, value in bound.items()))
        if key not in self._functions:
            self._functions[key] = self._make(op, callee, bound)
        op.name, op.attrs = "invoke", {"callee": self._functions[key]}
        op.operands = [value for index, value in enumerate(args) if index not in bound]

    def _make(self, op: Op, callee: FunctionType, bound: dict[int, Any]) -> Function:
        if len(self._functions) == _MOST:
            raise UnsupportedError(
                f"the function {callee.__name__!r} calls itself with ever new functions",
                op.loc,
                "hand over functions that are defined outside of it",
            )
        own = callee.__code__ is self._root.code
        function = build(callee, itself=self._root.itself if own else None)
        function.outlined = self
        name = re.sub(r"[^A-Za-z0-9_]", "_", callee.__name__)
        function.name = f"{name}.{len(self._functions) + 1}"
        if function.loc is not None:
            function.loc = function.loc.at_call(op.loc)
        for inner in function.ops():
            inner.loc = inner.loc.at_call(op.loc) if inner.loc is not None else None
        _bind(function, bound)
        self._known += [callee, *bound.values()]
        self._codes.add(callee.__code__)
        self.unresolved.append(function)
        return function


def _bind(function: Function, bound: dict[int, Any]) -> None:
    """Make constants of parameters, by their numbers."""
    for index, value in bound.items():
        made = const(value, function.loc)
        made.value.hint = function.params[index].hint
        function.entry.ops.insert(0, made)
        function.substitute({function.params[index]: made.value})
    function.entry.args = [p for i, p in enumerate(function.params) if i not in bound]


class Callers:
    """In whose code the calls of a function stand, itself and what has been inlined.

    That is known by their places: copies of a call stand at the same one.
    """

    def __init__(self, function: Function, outlined: Outlined) -> None:
        self.outlined = outlined
        self._own: Chain = () if function.code is None else (function.code,)
        self._chains = function.chains
        self._bodies: dict[tuple[FunctionType, bool], Function] = {}
        self._met: set[CodeType] = set()
        self._familiar: frozenset[CodeType] = frozenset()

    def start_round(self) -> None:
        """From here on, what has been inlined so far is familiar."""
        self._familiar = frozenset(self._met)

    def is_familiar(self, callee: FunctionType) -> bool:
        """Whether ``callee`` was inlined in an earlier round: its own calls are known by now."""
        return callee.__code__ in self._familiar

    def body(self, callee: FunctionType, *, nested: bool = False) -> Function:
        """A copy of the SSA of ``callee`` to inline, built once."""
        found = self._bodies.get((callee, nested))
        if found is None:
            generator = is_generator(callee)
            found = build(callee, nested=nested, generator=generator)
            self._bodies[callee, nested] = found
        self._met.add(callee.__code__)
        return copy_function(found)

    def chain(self, op: Op) -> Chain:
        """The code that ``op`` stands in, the outermost first."""
        return self._chains.get(op.loc, self._own)

    def enter(self, body: Function, chain: Chain) -> None:
        """Note that ``body``, just inlined, stands in ``chain``."""
        for inner in body.ops():
            if inner.name in CALLS:
                self._chains[inner.loc] = chain

    def is_recursive(self, op: Op, callee: FunctionType) -> bool:
        """Whether the call ``op`` of ``callee`` is one that must not be inlined."""
        return callee.__code__ in self.chain(op) or self.outlined.has(callee)
