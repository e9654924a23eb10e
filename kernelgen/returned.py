"""What a jitted function returns: numbers, arrays, None, tuples and named tuples of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelgen.errors import SignatureError, TypingError
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.origins import constant_arrays
from kernelgen.ir.sequences import defining, put
from kernelgen.types import compound
from kernelgen.types.arguments import NONE, Argument, Constant, Group, describe_argument
from kernelgen.types.compound import GENERATOR, UNDEFINED, Array, Element, Tuple, Type, describe
from kernelgen.types.join import join
from kernelgen.types.promote import can_cast_within_kind
from kernelgen.types.table import Scalar


def set_returned(function: Function, declared: Argument | None) -> Argument:
    """What ``function`` returns; its returns are converted to what a signature declares.

    Raises
    ------
    TypingError
        It returns something else.
    SignatureError
        It does not return what is declared.
    """
    _copy_tables(function)
    values = [op.operands[0] for op in function.ops() if op.name == "return"]
    assert function.result is not None
    found = _form(function, function.result, values)
    _keep(function)
    if declared is None or function.result == UNDEFINED:
        return found
    if not _goes_to(found, declared):
        raise SignatureError(
            f"the function returns {describe_argument(found)}, "
            f"its signature has {describe_argument(declared)}",
            function.loc,
        )
    returned = _with_arrays_of(found, declared)
    function.result = _type_of(returned)
    return returned


def _copy_tables(function: Function) -> None:
    """Return copies of arrays that are constants: their memory is that of the compiled code."""
    tables = constant_arrays(function)
    if not tables or not _has_arrays(function.result):
        return
    returns = [(block, block.terminator) for block in function.blocks]
    returns = [(block, last) for block, last in returns if last.name == "return"]
    for block, last in returns:
        if last.operands[0] in tables:
            last.operands = [_copied(block, last, last.operands[0])]
    types = [last.operands[0].type for _, last in returns]
    function.result = join(*(t for t in types if t is not None))


def _copied(block: Block, last: Op, value: Value) -> Value:
    """A value with new arrays in place of its own."""
    t = value.type
    if isinstance(t, Array):
        made = put(block, last, "copied", value)
        made.type = t._replace(layout="F" if t.layout == "F" else "C", readonly=False)
        return made
    if isinstance(t, Element):
        made = put(block, last, "copied", value)
        made.type = Element(t.record)
        return made
    if not isinstance(t, Tuple):
        return value
    parts = []
    for index, element in enumerate(t.elements):
        part = put(block, last, "item", value, index=index)
        part.type = element
        parts.append(_copied(block, last, part))
    made = put(block, last, "tuple", *parts, **_class_of(value))
    made.type = Tuple(tuple(part.type for part in parts if part.type is not None))
    return made


def _class_of(value: Value) -> dict[str, Any]:
    """The class of a named tuple, as an attribute of the op that makes one."""
    cls, _ = _parts(value)
    return {} if cls is tuple else {"cls": cls}


def _has_arrays(t: Type | None) -> bool:
    if isinstance(t, Tuple):
        return any(map(_has_arrays, t.elements))
    return isinstance(t, (Array, Element))


def _keep(function: Function) -> None:
    """Arrays that are returned outlive the list of the blocks that the call allocates."""
    for block in function.blocks:
        last = block.terminator
        if last.name == "return" and not isinstance(last.operands[0].type, Scalar):
            put(block, last, "keep", last.operands[0]).type = compound.NONE


def _form(function: Function, t: Type, values: Sequence[Value]) -> Argument:
    """What ``values`` of type ``t`` are to the caller."""
    if isinstance(t, (Scalar, Array, Element)) or t == GENERATOR:
        return t
    if isinstance(t, Tuple):
        parts = [_parts(value) for value in values]
        known = [elements for _, elements in parts if elements is not None]
        columns = zip(*known, strict=True) if len(known) == len(values) else [()] * len(t.elements)
        classes = {cls for cls, _ in parts}
        elements = (_form(function, e, c) for e, c in zip(t.elements, columns, strict=True))
        return Group(tuple(elements), classes.pop() if len(classes) == 1 else tuple)
    if t in (compound.NONE, UNDEFINED):
        return NONE
    loc = next((op.loc for op in function.ops() if op.name == "return"), function.loc)
    raise TypingError(
        f"a compiled function cannot return {describe(t)}",
        loc,
        "return numbers, arrays, None, or tuples of them",
    )


def _parts(value: Value) -> tuple[type, Sequence[Value] | None]:
    """The class of a tuple, and its elements if it is put together here."""
    made = defining(value, "tuple")
    if made is not None:
        return made.attrs.get("cls") or tuple, made.operands
    constant: Any = None if value.constant is None else value.constant.attrs["value"]
    return (type(constant) if hasattr(constant, "_fields") else tuple), None


def _goes_to(found: Argument, declared: Argument) -> bool:
    """Whether what is returned can be converted to what is declared."""
    if isinstance(found, Group) and isinstance(declared, Group):
        same_length = len(found.elements) == len(declared.elements)
        return same_length and all(map(_goes_to, found.elements, declared.elements))
    if isinstance(found, Scalar) and isinstance(declared, Scalar):
        times = found.is_time or declared.is_time
        return not times or can_cast_within_kind(found, declared)
    if isinstance(found, Array) and isinstance(declared, Array):
        return (found.dtype, found.ndim) == (declared.dtype, declared.ndim)
    if isinstance(found, Element) and isinstance(declared, Element):
        return found.record is declared.record
    return found == declared


def _with_arrays_of(found: Argument, declared: Argument) -> Argument:
    """What is declared, but arrays as they are: NumPy's have their layout with them."""
    if isinstance(found, Group) and isinstance(declared, Group):
        elements = map(_with_arrays_of, found.elements, declared.elements)
        return Group(tuple(elements), declared.cls)
    return found if isinstance(found, (Array, Element)) else declared


def _type_of(argument: Argument) -> Type:
    if isinstance(argument, Group):
        return Tuple(tuple(map(_type_of, argument.elements)))
    return compound.NONE if isinstance(argument, Constant) else argument
