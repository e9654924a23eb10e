"""Replace what takes apart tuples of known length, or makes new ones, by their elements.

Before: untyped SSA. After: no item, slice, concatenation or attribute of a tuple whose
elements are known, and no call of ``len``, ``enumerate``, ``zip``, ``reversed`` on such.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import (
    DISPLAYS,
    constant_array,
    defining,
    elements,
    elements_of_any,
    length_of_any,
    named_tuple_class,
    put,
)
from kernelgen.ops import library

_LONGEST_RANGE = 1 << 62
_LONGEST_TUPLE = 10_000


class Place(NamedTuple):
    """An op and its block: where new ops go."""

    block: Block
    op: Op

    def put(self, name: str, *operands: Value, **attrs: Any) -> Value:
        """A new op in front of this one; its result."""
        return put(self.block, self.op, name, *operands, **attrs)

    def elements(self, operand: int = 0) -> list[Value] | None:
        """The elements of an operand that is a tuple."""
        return elements(self.op.operands[operand], self.block, self.op)

    def tuple(self, values: list[Value]) -> Value:
        return self.put("tuple", *values)


def resolve_tuples(function: Function) -> bool:
    """Apply the pass; whether anything changed."""
    replaced: dict[Value, Value] = {}
    for block in function.blocks:
        for op in [op for op in block.ops if op.name in _OPS]:
            op.operands = [replaced.get(v, v) for v in op.operands]
            value = _OPS[op.name](Place(block, op))
            if value is not None:
                block.ops.remove(op)
                replaced[op.value] = value
    function.substitute(replaced)
    return bool(replaced)


# -------------------------------------------------------------------------------- operators


def _item(p: Place) -> Value | None:
    made, index = defining(p.op.operands[0], *DISPLAYS), p.op.attrs["index"]
    if made is None or not -len(made.operands) <= index < len(made.operands):
        return None
    if p.op.attrs.get("count", len(made.operands)) != len(made.operands):
        return None
    found: Value = made.operands[index]
    return found


def _starred(p: Place) -> Value | None:
    """A name of ``a, *b, c = values``; ``b`` is a tuple, as nothing can change it."""
    values, before, after = p.elements(), p.op.attrs["before"], p.op.attrs["after"]
    if values is None or len(values) < before + after:
        return None
    end = len(values) - after
    parts: list[Value | None] = [*values[:before], None, *values[end:]]
    found = parts[p.op.attrs["index"]]
    return p.tuple(values[before:end]) if found is None else found


def _list_extend(p: Place) -> Value | None:
    made = defining(p.op.operands[0], "list")
    more = elements_of_any(p.op.operands[1], p.block, p.op)
    return None if made is None or more is None else p.put("list", *made.operands, *more)


def _list_append(p: Place) -> Value | None:
    made = defining(p.op.operands[0], "list")
    return None if made is None else p.put("list", *made.operands, p.op.operands[1])


def _list_to_tuple(p: Place) -> Value | None:
    made = defining(p.op.operands[0], "list")
    return None if made is None else p.tuple(list(made.operands))


def _slice(p: Place) -> Value | None:
    index = p.op.operands[1].constant
    if index is None or not isinstance(index.attrs["value"], slice):
        return None
    values = p.elements()
    return None if values is None else p.tuple(values[index.attrs["value"]])


def _concatenation(p: Place) -> Value | None:
    if any(defining(v, "tuple", "const") is None for v in p.op.operands):
        return None
    first, second = p.elements(0), p.elements(1)
    return None if first is None or second is None else p.tuple(first + second)


def _repetition(p: Place) -> Value | None:
    for values, count in ((0, 1), (1, 0)):
        times = p.op.operands[count].constant
        if times is not None and type(times.attrs["value"]) is int:
            found = p.elements(values)
            return None if found is None else p.tuple(found * times.attrs["value"])
    return None


def _attribute(p: Place) -> Value | None:
    """A field or property of a named tuple; its methods are left to their calls."""
    cls, name = named_tuple_class(p.op.operands[0]), p.op.attrs["name"]
    if cls is None:
        return None
    if name in cls._fields:
        return p.put("item", p.op.operands[0], index=cls._fields.index(name))
    found = getattr(cls, name, None)
    if isinstance(found, property):
        getter = p.put("const", value=found.fget)
        return p.put("call", getter, p.op.operands[0], keywords=())
    return None


def _comparison(p: Place) -> Value | None:
    """Two tuples are compared by a function of the kernel language."""
    if any(defining(v, "tuple", "const") is None for v in p.op.operands):
        return None
    first, second = p.elements(0), p.elements(1)
    if first is None or second is None:
        return None
    compare = p.put("const", value=library.TUPLE_COMPARISONS[p.op.name])
    return p.put("call", compare, p.tuple(first), p.tuple(second), keywords=())


def _class_of(p: Place) -> Value | None:
    made = defining(p.op.operands[0], *DISPLAYS)
    if made is None:
        return None
    return p.put("const", value=made.attrs.get("cls", tuple) if made.name == "tuple" else list)


def _is(p: Place) -> Value | None:
    """A tuple or list that is made here is neither None nor a class."""
    made = [v for v in p.op.operands if defining(v, *DISPLAYS)]
    known = [v for v in p.op.operands if v.constant is not None]
    return p.put("const", value=False) if made and known else None


_OPS: dict[str, Callable[[Place], Value | None]] = {
    "item": _item,
    "unpack": _item,
    "unpack_starred": _starred,
    "subscript": _slice,
    "list_append": _list_append,
    "list_extend": _list_extend,
    "list_to_tuple": _list_to_tuple,
    "add": _concatenation,
    "mul": _repetition,
    "attr": _attribute,
    "class_of": _class_of,
    "is": _is,
    **dict.fromkeys(library.TUPLE_COMPARISONS, _comparison),
}

# ------------------------------------------------------------------------------------ calls


def resolve_sequence_call(block: Block, op: Op) -> Value | None:
    """The value of a call of ``len``, ``zip``, … on sequences, None if they are not known."""
    callee = op.operands[0].constant
    handler = None if callee is None else _CALLS.get(id(callee.attrs["value"]))
    if handler is None or len(op.operands) < 2:
        return None
    return handler(Place(block, op), op.operands[1:])


def _len(p: Place, args: list[Value]) -> Value | None:
    made = defining(args[0], "range")
    if made is not None:
        return p.put("range_count", *made.operands)
    values = p.elements(1)
    return None if values is None else p.put("const", value=len(values))


def _tuple(p: Place, args: list[Value]) -> Value | None:
    values = elements_of_any(args[0], p.block, p.op) if _is_short(args[0]) else None
    return None if values is None else p.tuple(values)


def _list(p: Place, args: list[Value]) -> Value | None:
    values = elements_of_any(args[0], p.block, p.op) if _is_short(args[0]) else None
    return None if values is None else p.put("list", *values)


def _is_short(value: Value) -> bool:
    """Whether a tuple, or a range between constants, is not too long to be written out."""
    count = length_of_any(value)
    return count is not None and count <= _LONGEST_TUPLE


def _reversed(p: Place, args: list[Value]) -> Value | None:
    made = defining(args[0], "range")
    if made is not None:
        return _reversed_range(p, *made.operands)
    array = constant_array(args[0])
    if array is not None:
        return p.put("const", value=array[::-1])
    if defining(args[0], "same_array") is not None:
        return p.put("subscript", args[0], p.put("const", value=slice(None, None, -1)))
    values = p.elements(1)
    return None if values is None else p.tuple(values[::-1])


def _reversed_range(p: Place, start: Value, stop: Value, step: Value) -> Value:
    """From the last value down to the first; both are weak ints, as those of a range are."""
    start, step = p.put("int", start), p.put("int", step)
    count = p.put("range_count", start, stop, step)
    before = p.put("sub", start, step)
    last = p.put("add", before, p.put("mul", count, step))
    return p.put("range", last, before, p.put("neg", step))


def _enumerate(p: Place, args: list[Value]) -> Value | None:
    start = args[1] if len(args) > 1 else p.put("const", value=0)
    values = elements(args[0], p.block, p.op)
    if values is None and _is_counted(args[0]):
        end = p.put("const", value=_LONGEST_RANGE)
        numbers = p.put("range", start, end, p.put("const", value=1))
        return p.put("zip", numbers, args[0])
    if values is None:
        return None
    counted = []
    for index, value in enumerate(values):
        number = p.put("add", start, p.put("const", value=index)) if index else start
        counted.append(p.tuple([number, value]))
    return p.tuple(counted)


def _zip(p: Place, args: list[Value]) -> Value | None:
    """What goes over tuples makes tuples; ranges and constant arrays are zipped as they are."""
    if all(map(_is_counted, args)):
        return p.put("zip", *args)
    if not all(map(_is_short, args)):
        return None
    sequences = [elements_of_any(arg, p.block, p.op) or [] for arg in args]
    return p.tuple([p.tuple(list(values)) for values in zip(*sequences, strict=False)])


def _is_counted(value: Value) -> bool:
    """Whether the values of a sequence are found by a counter."""
    found = defining(value, "range", "zip", "same_array")
    return found is not None or constant_array(value) is not None


_CALLS: dict[int, Callable[[Place, list[Value]], Value | None]] = {
    id(function): handler
    for function, handler in (
        (len, _len),
        (tuple, _tuple),
        (list, _list),
        (reversed, _reversed),
        (enumerate, _enumerate),
        (zip, _zip),
    )
}

# ------------------------------------------------------------------------------ named tuples


def named_tuple(block: Block, op: Op) -> Value | None:
    """A named tuple for a call of its class, None for a call of anything else."""
    callee = op.operands[0].constant
    cls: Any = None if callee is None else callee.attrs["value"]
    if not is_named_tuple_class(cls):
        return None
    keywords = op.attrs["keywords"]
    split = len(op.operands) - len(keywords)
    bound = dict(zip(cls._fields, op.operands[1:split], strict=False))
    wrong = [name for name in keywords if name not in cls._fields or name in bound]
    bound |= dict(zip(keywords, op.operands[split:], strict=True))
    for name, value in cls._field_defaults.items():
        if name not in bound:
            bound[name] = put(block, op, "const", value=value)
    if wrong or len(bound) != len(cls._fields) or split - 1 > len(cls._fields):
        raise UnsupportedError(
            f"{cls.__name__}({', '.join(cls._fields)}) cannot be made of these arguments", op.loc
        )
    return put(block, op, "tuple", *(bound[name] for name in cls._fields), cls=cls)


def is_named_tuple_class(cls: Any) -> bool:
    """Whether ``cls`` is made by ``namedtuple``, or derives from such without its own making."""
    if not (isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")):
        return False
    base = next(c for c in cls.__mro__ if "_fields" in vars(c))
    return all(vars(c).keys().isdisjoint(_MAKERS) for c in cls.__mro__[: cls.__mro__.index(base)])


_MAKERS = ("__new__", "__init__")


def method(op: Op) -> FunctionType | None:
    """The method of a named tuple that a call calls, None if it calls something else."""
    found = defining(op.operands[0], "attr")
    cls = None if found is None else named_tuple_class(found.operands[0])
    function = None if found is None else getattr(cls, found.attrs["name"], None)
    return function if isinstance(function, FunctionType) else None
