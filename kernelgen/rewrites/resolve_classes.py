"""Replace classes of values, which ``isinstance`` and ``type`` ask for, by constants.

So are the attributes that types tell, ``x.dtype`` for instance, and ``x is None``; ``zip``, ``in``
and their kind learn that they go over arrays, and what makes tuples of shapes, how long these are.
Before: untyped SSA with its calls resolved. After: the same without ``class_of``, where types tell
the class, without these attributes, and without the branches that this decides. One of them is
resolved at a time, in the order of the code, because the types behind it depend on the branches
that are left; with it go those of which that is not so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelgen.infer import propagate
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import defining, put
from kernelgen.ops import array_library
from kernelgen.ops.methods import KNOWN, known_attribute
from kernelgen.rewrites.resolve_calls import for_iterator, resolve_calls
from kernelgen.rewrites.resolve_ufunc_call import call_kernel, is_kernel_ufunc
from kernelgen.types.compound import GENERATOR, NONE, RANGE, UNDEFINED, Array, Element, Tuple, Type
from kernelgen.types.table import Scalar

if TYPE_CHECKING:
    from kernelgen.rewrites.element_body import Calling


def resolve_classes(function: Function, params: Sequence[Type]) -> None:
    """Apply the pass to a function that is given values of the types ``params``."""
    while any(map(_asks, function.ops())):
        function.sort_blocks()
        function.asks |= any(_asks(op) and op.name not in _FOR_ALL for op in function.ops())
        propagate(function, params)
        resolved = _resolve_those_known(function)
        for value in function.values():
            value.type = None
        if not resolved:
            return
        resolve_calls(function)


def _resolve_those_known(function: Function) -> bool:
    """Resolve the first op that can be, and all that ask for what no branch can change."""
    settled, decide = _settled(function), _deciding(function)
    resolved = False
    for block, op in _asking(function):
        if not resolved or (op in decide and settled.issuperset(op.operands)):
            resolved |= _resolve(function, block, op)
    return resolved


def _deciding(function: Function) -> set[Op]:
    """The ops whose constants do no more than decide branches.

    What is made of another, a class or a dtype, may be an error, and the branch with it dead.
    """
    uses = function.users()
    return {
        op
        for _, op in _asking(function)
        if op.name in ("any_array", "is")
        or (op.name == "class_of" and all(map(_is_of_subclasses, uses.get(op.value, []))))
    }


def _is_of_subclasses(op: Op) -> bool:
    callee = op.operands[0].constant if op.name == "call" else None
    return callee is not None and callee.attrs["value"] is issubclass


def _settled(function: Function) -> set[Value]:
    """The values whose types stay what they are, whichever branches turn out to be dead."""
    settled = set(function.values())
    arriving: dict[Value, list[Value]] = {}
    for edge in function.edges():
        for value, arg in zip(edge.args, edge.target.args, strict=True):
            arriving.setdefault(arg, []).append(value)
    changed = True
    while changed:
        before = len(settled)
        for block in function.blocks:
            for arg in block.args:
                values = arriving.get(arg, [])
                if not settled.issuperset(values) or any(v.type != arg.type for v in values):
                    settled.discard(arg)
            for op in block.ops:
                known = op.name != "invoke" and settled.issuperset(op.operands)
                if op.result is not None and not known:
                    settled.discard(op.result)
        changed = len(settled) < before
    return settled


_MAKE_TUPLES = ("subscript", "add", "mul", "list_extend")
"""What makes a tuple of other tuples, and has to know their lengths."""

_FOR_ALL = ("is", "call", "contains", *_MAKE_TUPLES)
"""What means the same for all types of numbers."""

_OVER_ARRAYS = (zip, enumerate, reversed)


def _asking(function: Function) -> list[tuple[Block, Op]]:
    return [(block, op) for block in function.blocks for op in block.ops if _asks(op)]


def _asks(op: Op) -> bool:
    """Whether an op asks for what a type tells."""
    if op.name in ("call_ufunc", "call_core"):
        return op.attrs["body"] is None and is_kernel_ufunc(op.attrs["ufunc"])
    if op.name in ("stencil", "stencil_steps"):
        return op.attrs["body"] is None
    if op.name in ("each", "any_array"):
        return True
    if op.name == "is":
        return any(
            v.constant is not None and v.constant.attrs["value"] is None for v in op.operands
        )
    if op.name == "call":
        return _goes_over(op) is not None or _goes_over_sequences(op)
    if op.name == "contains":
        return True
    if op.name in _MAKE_TUPLES:
        return bool(_shapes(op))
    return op.name == "class_of" or (op.name == "attr" and op.attrs["name"] in KNOWN)


def _goes_over_sequences(op: Op) -> bool:
    """Whether a call goes over sequences of which it is not known yet that they are arrays."""
    callee = op.operands[0].constant
    known = any(defining(v, "same_array") is not None for v in op.operands)
    known |= bool(op.attrs["keywords"])
    goes = callee is not None and any(callee.attrs["value"] is f for f in _OVER_ARRAYS)
    return goes and not known


def _resolve_sequences(block: Block, op: Op) -> bool:
    """Tell that a call goes over arrays, so that a counter finds their elements."""
    arrays = [v for v in op.operands if isinstance(v.type, Array) and v.type.ndim]
    for value in dict.fromkeys(arrays):
        told = put(block, op, "same_array", value)
        op.operands = [told if v is value else v for v in op.operands]
    return bool(arrays)


def _shapes(op: Op) -> list[Value]:
    """The operands that are shapes or strides, if a tuple is made of them."""
    if op.name == "subscript":
        index = op.operands[1].constant
        if index is None or not isinstance(index.attrs["value"], slice):
            return []
    found = [(v, defining(v, "attr")) for v in op.operands]
    return [v for v, made in found if made is not None and made.attrs["name"] in _LENGTHS]


_LENGTHS = ("shape", "strides")


def _resolve_shapes(block: Block, op: Op) -> bool:
    """Take shapes apart, so that what is made of them has a known length."""
    known = [v for v in dict.fromkeys(_shapes(op)) if isinstance(v.type, Tuple)]
    for value in known:
        assert isinstance(value.type, Tuple)
        items = [put(block, op, "item", value, index=i) for i in range(len(value.type.elements))]
        whole = put(block, op, "tuple", *items)
        op.operands = [whole if v is value else v for v in op.operands]
    return bool(known)


def _resolve_contains(block: Block, op: Op) -> bool:
    """``value in array`` looks whether any element is equal."""
    value, values = op.operands
    if not isinstance(values.type, Array):
        return False
    function = put(block, op, "const", value=array_library.contains)
    op.name, op.operands, op.attrs = "call", [function, values, value], {"keywords": ()}
    return True


def _resolve(function: Function, block: Block, op: Op) -> bool:
    """Make a constant of the class that ``op`` asks for; whether it is known."""
    if op.name == "call_core":
        from kernelgen.rewrites.core_body import CoreBody  # few kernels need it

        op.attrs["body"] = CoreBody(op.attrs["ufunc"], op.loc, resolve_classes)
        return True
    if op.name in ("stencil", "stencil_steps"):
        op.attrs["body"] = op.attrs["stencil"].body_of(op, resolve_classes)
        return True
    if op.name in ("call_ufunc", "each"):
        return _resolve_each(function, block, op)
    if op.name == "call":
        if _goes_over(op) is not None:
            return _resolve_iteration(block, op)
        return _resolve_sequences(block, op)
    if op.name == "contains":
        return _resolve_contains(block, op)
    if op.name in _MAKE_TUPLES:
        return _resolve_shapes(block, op)
    t = op.operands[0].type
    if op.name == "any_array":
        types = [v.type for v in op.operands]
        known, value = None not in types, any(isinstance(t, Array) for t in types)
    elif op.name == "attr":
        known, value = known_attribute(t, op.attrs["name"])
    elif op.name == "is":
        types = [v.type for v in op.operands]
        known, value = not {None, UNDEFINED}.intersection(types), types[0] == types[1]
    else:
        value = class_of(t)
        known = value is not None
    if known:
        op.name, op.operands, op.attrs = "const", [], {"value": value}
    return known


def _goes_over(op: Op) -> FunctionType | None:
    """What goes over the argument of a call of ``min`` or ``max``, if that is an array."""
    callee = op.operands[0].constant
    if callee is None or len(op.operands) != 2 + len(op.attrs["keywords"]):
        return None
    return for_iterator(callee.attrs["value"])


def _resolve_iteration(block: Block, op: Op) -> bool:
    if isinstance(op.operands[1].type, Array):
        op.operands[0] = put(block, op, "const", value=_goes_over(op))
        return True
    return False


def _resolve_each(function: Function, block: Block, op: Op) -> bool:
    """Call the function for numbers, or for each element of arrays; whether it is known which."""
    types = [v.type for v in op.operands]
    if None in types or UNDEFINED in types:
        return False
    from kernelgen.rewrites.element_body import ElementBody  # few kernels need it

    original, call = _callee(op)
    body = ElementBody(original, call, op.loc, resolve_classes)
    if op.name == "call_ufunc" and op.attrs["names"]:
        op.attrs["body"] = body
    elif any(isinstance(t, Array) for t in types):
        op.name, op.attrs = "apply", {"body": body}
    else:
        result = call(block, op, op.operands)
        block.ops.remove(op)
        function.substitute({op.value: result})
    return True


def _callee(op: Op) -> tuple[Callable[..., Any], Calling]:
    """What Python calls, and what writes a call of what defines it."""
    if op.name == "call_ufunc":
        ufunc = op.attrs["ufunc"]
        return ufunc, lambda block, before, args: call_kernel(block, before, ufunc, args)
    return op.attrs["original"], partial(_call_definition, op.attrs["function"])


def _call_definition(definition: Any, block: Block, op: Op, args: Sequence[Value]) -> Value:
    function = put(block, op, "const", value=definition)
    return put(block, op, "call", function, *args, keywords=())


def class_of(t: Type | None) -> Any:
    """The Python class of values of a type, None if that is not known."""
    if isinstance(t, Tuple):
        return tuple
    if isinstance(t, Array):
        return np.ndarray
    if isinstance(t, Element):
        return t.record.dtype.type
    if isinstance(t, Scalar):
        python = {"b": bool, "i": int, "f": float, "c": complex}
        return python[t.kind] if t.weak else t.dtype.type
    if t == GENERATOR:
        return np.random.Generator
    return type(None) if t == NONE else range if t == RANGE else None
