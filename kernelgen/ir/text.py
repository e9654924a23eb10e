"""The text form of the IR. ``parse.parse_function`` reads it.

::

    func @f {
    ^0(%x: f8, %y: f8):
      %2: b1 = gt(%x, %y)
      branch(%2) ^1, ^2(%x)
    ...
    }

Types are left out before inference. Constants are written as Python literals; an array by its
type, shape and elements; a class,
function or module as ``<module:qualname>``,
a function that is invoked as ``@name``. Its text follows.
"""

from __future__ import annotations

import re
import types as pytypes
from collections.abc import Iterable
from typing import Any

import numpy as np

from kernelgen.ir.core import Edge, Function, Op, Value
from kernelgen.ir.raised import Made, Slot
from kernelgen.types.compound import Type
from kernelgen.types.constants import captured, type_of_array
from kernelgen.types.digits import Digits
from kernelgen.types.records import element_type
from kernelgen.types.table import from_dtype, ticks_of


class _Names:
    """Names of values and blocks: the user's where they are free, else numbers."""

    def __init__(self, function: Function) -> None:
        self.blocks = {block: f"^{i}" for i, block in enumerate(function.blocks)}
        self.values: dict[Value, str] = {}
        taken: set[str] = set()
        for number, value in enumerate(function.values()):
            name = value.hint if re.fullmatch(r"[A-Za-z_]\w*", value.hint) else str(number)
            if name in taken:
                name = f"{name}.{number}"
            taken.add(name)
            self.values[value] = f"%{name}"

    def value(self, value: Value) -> str:
        return self.values.get(value, "%?")

    def list(self, values: Iterable[Value]) -> str:
        return ", ".join(map(self.value, values))


def print_function(function: Function) -> str:
    """The text of ``function`` and of the functions that it invokes.

    Parsing it gives an equal function (without source places).
    """
    return "".join(map(_print_one, (function, *function.callees())))


def _print_one(function: Function) -> str:
    names = _Names(function)
    result = "" if function.result is None else f" -> {function.result}"
    lines = [f"func @{function.name}{result} {{"]
    for block in function.blocks:
        args = ", ".join(_typed(names, arg) for arg in block.args)
        lines.append(f"{names.blocks[block]}({args}):" if args else f"{names.blocks[block]}:")
        lines += [f"  {_print_op(names, op)}" for op in block.ops]
    return "\n".join([*lines, "}", ""])


def _typed(names: _Names, value: Value) -> str:
    suffix = "" if value.type is None else f": {value.type}"
    return names.value(value) + suffix


def _print_op(names: _Names, op: Op) -> str:
    result = "" if op.result is None else f"{_typed(names, op.result)} = "
    operands = f"({names.list(op.operands)})" if op.operands else ""
    attrs = ", ".join(f"{key}={print_constant(value)}" for key, value in op.attrs.items())
    edges = ", ".join(_print_edge(names, edge) for edge in op.edges)
    return (
        f"{result}{op.name}{operands}" + f" {{{attrs}}}" * bool(attrs) + f" {edges}" * bool(edges)
    )


def _print_edge(names: _Names, edge: Edge) -> str:
    args = f"({names.list(edge.args)})" if edge.args else ""
    return names.blocks.get(edge.target, "^?") + args


def _print_call(call: Made) -> str:
    """``raised(class, argument, keyword=argument)``; of other functions, ``made(…)``."""
    parts = [print_constant(each) for each in (call.function, *call.args)]
    first = len(parts) - len(call.keywords)
    named = [f"{name}={part}" for name, part in zip(call.keywords, parts[first:], strict=True)]
    return f"{type(call).__name__.lower()}({', '.join([*parts[:first], *named])})"


def _print_scalar(value: Any) -> str:
    """A NumPy scalar by its type and a number, that of a longdouble as digits in quotes."""
    row = from_dtype(value.dtype)
    name = value.dtype.name if row is None else row.long_name
    if value.dtype.kind in "Mm":
        return f"{name}({ticks_of(value)})"
    if isinstance(value, np.complexfloating):
        return f"{name}({_print_number(value.real)}, {_print_number(value.imag)})"
    return f"{name}({_print_number(value)})"


def _print_record(value: np.void) -> str:
    """``element(type(…), bytes)``, the bytes in hexadecimal digits."""
    return f"element(type({element_type(value.dtype)}), {value.tobytes().hex()!r})"


def _print_array(value: np.ndarray[Any, Any]) -> str:
    """``array(type(…), shape, elements)``, the elements as they lie in memory.

    Those of records are their bytes.
    """
    dense = captured(value)
    flat = dense.ravel("K")
    records = flat.dtype.names is not None
    elements = repr(flat.tobytes().hex()) if records else print_constant(tuple(flat))
    return f"array(type({type_of_array(dense)}), {print_constant(dense.shape)}, {elements})"


def _print_number(value: Any) -> str:
    return repr(str(value)) if isinstance(value, np.longdouble) else repr(value.item())


def print_constant(value: Any) -> str:
    """A constant as text."""
    if isinstance(value, Type):
        return f"type({value})"
    if isinstance(value, np.void):
        return _print_record(value)
    if isinstance(value, np.generic):
        return _print_scalar(value)
    if isinstance(value, np.ndarray) and type_of_array(value) is not None:
        return _print_array(value)
    if isinstance(value, Function):
        return f"@{value.name}"
    if isinstance(value, Slot):
        return f"slot({value.type})"
    if isinstance(value, Made):
        return _print_call(value)
    if isinstance(value, tuple):
        return f"({''.join(print_constant(v) + ', ' for v in value).rstrip()})"
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return f"slice({', '.join(map(print_constant, parts))})"
    if value is ...:
        return "Ellipsis"
    if isinstance(value, pytypes.ModuleType):
        return f"<{value.__name__}>"
    if isinstance(value, Digits):
        return f"digits({str(value.exact)!r})"
    if isinstance(value, complex):
        return f"complex({value.real!r}, {value.imag!r})"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return f"<{getattr(value, '__module__', '?')}:{name}>"
