"""Replace a call of a jitted function by one of its Python function.

Before: untyped SSA. After: the function is called, which is then inlined. If it was given one
signature, what goes in and comes out has its types; if it was given several, or none, the types of
the arguments decide, as of a plain function.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any

from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import put
from kernelgen.types.arguments import Argument, Group
from kernelgen.types.declared import declare
from kernelgen.types.table import Scalar


def jitted_function(callee: Any) -> FunctionType | None:
    """The Python function that a jitted one runs, None of other objects."""
    found = getattr(callee, "call_func", getattr(callee, "py_func", None))
    return found if isinstance(found, FunctionType) else None


def resolve_jitted_call(
    block: Block, op: Op, callee: Any, python: FunctionType, args: Sequence[Value]
) -> Value:
    """Put the call in front of ``op``; the value that replaces the old one.

    ``args`` are the values of the parameters of ``python``, which the jitted function ``callee``
    runs, in order, keyword-only ones last.
    """
    declared = tuple(map(declare, getattr(callee, "declared_signatures", ())))
    if len(declared) == 1:
        pairs = zip(args, declared[0].arguments, strict=True)
        args = [_as_type(block, op, "argument", value, t) for value, t in pairs]
    count = python.__code__.co_argcount
    names = python.__code__.co_varnames[count : len(args)]
    function = put(block, op, "const", value=python)
    result = put(block, op, "call", function, *args, keywords=tuple(names))
    if len(declared) == 1 and declared[0].returned is not None:
        return _as_type(block, op, "cast", result, declared[0].returned)
    return result


def _as_type(block: Block, op: Op, name: str, value: Value, t: Argument) -> Value:
    """A value in a type of a signature, converted by the op ``name``; of tuples their elements."""
    if isinstance(t, Scalar):
        return put(block, op, name, value, to=t)
    if not isinstance(t, Group):
        return value
    count, parts = len(t.elements), []
    for index, element in enumerate(t.elements):
        part = put(block, op, "unpack", value, count=count, index=index)
        parts.append(_as_type(block, op, name, part, element))
    return put(block, op, "tuple", *parts)
