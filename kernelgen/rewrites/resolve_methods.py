"""Replace calls of methods of numbers by ops, or by calls of the functions that define them.

Before: untyped SSA in which nothing more is known of tuples, so that the owner of a method is no
tuple. After: no call of a method that numbers have and kernels know. Whether the owner's type has
it, the op ``method_of`` checks in inference.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import defining, put
from kernelgen.ops.methods import OF_ARRAYS, OF_GENERATORS, Method, definition
from kernelgen.rewrites.resolve_casts import resolve_to_type
from kernelgen.types.arguments import is_generator

_TO_TYPES = ("astype", "view")


def resolve_methods(function: Function) -> bool:
    """Apply the pass; whether there was such a call."""
    resolved: set[Op] = set()
    for block in function.blocks:
        for op in [op for op in block.ops if op.name == "call"]:
            method = defining(op.operands[0], "attr")
            if method is not None and _resolve(block, op, method):
                resolved.add(method)
    _drop(function, resolved)
    return bool(resolved)


def _resolve(block: Block, op: Op, method: Op) -> bool:
    name, owner = method.attrs["name"], method.operands[0]
    known = definition(name)
    if known is None and name not in _TO_TYPES:
        return False
    number = put(block, op, "method_of", owner, member=name)
    if known is not None and not known.kinds and isinstance(number.definition, Op):
        number.definition.loc = method.loc  # numbers have no such method, whatever it is given
    return _call(block, op, name, number)


def _call(block: Block, op: Op, name: str, owner: Value) -> bool:
    """Have a call of a method call its definition with the owner as its first argument."""
    if name in _TO_TYPES:
        return resolve_to_type(op, name, owner)
    known = definition(name)
    assert known is not None
    function = known.function
    _check_arguments(op, name, known)
    op.operands[:1] = [put(block, op, "const", value=function), owner]
    return True


def _check_arguments(op: Op, name: str, method: Method) -> None:
    function = method.function
    split = len(op.operands) - len(op.attrs["keywords"])
    try:
        signature(function).bind(*op.operands[:split], **dict.fromkeys(op.attrs["keywords"]))
    except TypeError:
        takes = ", ".join(list(signature(function).parameters)[1:]) or "no arguments"
        owner = "a number" if method.kinds else _OWNERS[name in OF_GENERATORS]
        raise UnsupportedError(f"{name}() of {owner} takes {takes} in a kernel", op.loc) from None


_OWNERS = ("an array", "a Generator")


def _drop(function: Function, methods: set[Op]) -> None:
    """Remove the attributes that nothing uses any more: methods alone have no type."""
    used = {value for op in function.ops() for value in op.operands}
    used |= {value for edge in function.edges() for value in edge.args}
    for block in function.blocks:
        block.ops = [op for op in block.ops if op not in methods or op.value in used]


def resolve_attribute_call(op: Op, callee: Any) -> bool:
    """``getattr(x, "name")`` is ``x.name``, and ``setattr`` assigns it; whether it was such."""
    name = "attr" if callee is getattr else "store_attr" if callee is setattr else ""
    args = op.operands[1:]
    if not name or op.attrs["keywords"] or len(args) != (2 if callee is getattr else 3):
        return False
    owner, attribute, *value = args
    text = None if attribute.constant is None else attribute.constant.attrs["value"]
    if not isinstance(text, str):
        return False
    op.name, op.operands, op.attrs = name, [owner, *value], {"name": text}
    return True


def resolve_constant_method(block: Block, op: Op, callee: Any) -> bool:
    """The same for a method of a constant, which ``callee`` is; whether it was one."""
    owner, name = getattr(callee, "__self__", None), getattr(callee, "__name__", "")
    if is_generator(owner):
        generator = put(block, op, "const", value=owner)
        if name in OF_GENERATORS:
            return _call(block, op, name, generator)
        op.operands = [put(block, op, "method_of", generator, member=name)]
        op.attrs = {"keywords": ()}
        return True
    number = isinstance(owner, (np.generic, int, float, complex))
    if not (number or (isinstance(owner, np.ndarray) and name in OF_ARRAYS)):
        return False
    if definition(name) is None and name not in _TO_TYPES:
        return False
    return _call(block, op, name, put(block, op, "const", value=owner))
