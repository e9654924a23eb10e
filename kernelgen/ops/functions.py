"""Nested functions and the variables that they share with the function around them.

A *cell* is such a variable, as in CPython: a place that several functions read and assign. All
these ops are gone before inference: calls are inlined, and cells become values
(``rewrites/promote_cells.py``). Of one that is left, the rule says why.
"""

from __future__ import annotations

from types import CellType, FunctionType
from typing import Any

from kernelgen.ir.core import Op
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Object, Type
from kernelgen.types.table import WEAK_BOOL


class Nested:
    """A function that a kernel defines: its code, and the names of its defaults.

    ``template`` has the code and the globals; its closure is a cell for each free variable,
    without content. The op ``function`` has the real cells as its first operands, then the
    defaults, those of keyword-only parameters by the same names.
    """

    def __init__(self, template: FunctionType, defaults: tuple[str, ...] = ()) -> None:
        self.template = template
        self.defaults = defaults
        self.__qualname__ = template.__qualname__

    @property
    def free(self) -> tuple[str, ...]:
        """The names of the variables that it shares."""
        return self.template.__code__.co_freevars

    def make(self, *operands: Any) -> FunctionType:
        """The Python function with these cells and defaults."""
        code = self.template.__code__
        cells = tuple(operands[: len(self.free)])
        made = FunctionType(code, self.template.__globals__, code.co_name, None, cells)
        values = dict(zip(self.defaults, operands[len(self.free) :], strict=True))
        positional = code.co_varnames[: code.co_argcount]
        made.__defaults__ = tuple(values[n] for n in positional if n in values) or None
        made.__kwdefaults__ = {n: v for n, v in values.items() if n not in positional} or None
        return made


def _function(*operands: Any, nested: Nested) -> Any:
    return nested.make(*operands)


def _function_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    nested: Nested = op.attrs["nested"]
    return Typed(types, Object(f"the function {nested.template.__name__!r}"))


def _cell_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), Object("a variable that is shared with a nested function"))


def _load_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, Object(f"the shared variable {op.attrs['name']!r}"))


def _store_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, NONE)


def _bound_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, WEAK_BOOL)


def _store(cell: CellType, value: Any) -> None:
    cell.cell_contents = value


def _clear(cell: CellType) -> None:
    del cell.cell_contents


def _load(cell: CellType, name: str) -> Any:
    return cell.cell_contents


def _is_bound(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _generator_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    raise NoRule(
        "a generator is gone over once in a kernel, by a loop, sum(), any(), all(), min(), max(), "
        "or tuple()",
        "make a tuple of it",
    )


def _generator(*operands: Any, callee: FunctionType, nested: bool) -> Any:
    """What a generator function returns that is called with its cells behind its arguments."""
    if not nested:
        return callee(*operands)
    count = len(operands) - len(callee.__code__.co_freevars)
    return Nested(callee).make(*operands[count:])(*operands[:count])


def _yield_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    raise NoRule("`yield` has a meaning in functions that a kernel calls, not in the kernel")


def _define(name: str, rule: Any, python: Any) -> None:
    define(OpDef(name, rule, python, never_lowered))


_define("function", _function_rule, _function)
_define("generator", _generator_rule, _generator)
_define("yield", _yield_rule, never_lowered)
_define("cell", _cell_rule, CellType)
_define("cell_store", _store_rule, _store)
_define("cell_clear", _store_rule, _clear)
_define("cell_load", _load_rule, _load)
_define("cell_bound", _bound_rule, _is_bound)
