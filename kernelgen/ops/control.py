"""Constants, undefined variables, ranges and their iteration.

An iterator is a value, and advancing it makes a new one, so that a loop's position is an
ordinary block argument. A range counts its remaining iterations down, which cannot overflow
whatever its start, stop and step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.ir.raised import Raised
from kernelgen.llvm_text import Emitter, literal, zero
from kernelgen.ops import library
from kernelgen.ops.convert import convert_value
from kernelgen.ops.indexing import indexed_type
from kernelgen.ops.memory import NULL
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import same, scalars
from kernelgen.ops.tuples import never_lowered
from kernelgen.types import table
from kernelgen.types.arguments import is_generator
from kernelgen.types.compound import (
    ELLIPSIS,
    GENERATOR,
    NONE,
    RANGE,
    RANGE_ITERATOR,
    UNDEFINED,
    Array,
    ArrayIterator,
    Element,
    Object,
    Slice,
    Tuple,
    Type,
    describe,
)
from kernelgen.types.constants import type_of_array
from kernelgen.types.records import Record, element_type_of
from kernelgen.types.table import ADDRESS, WEAK_BOOL, WEAK_COMPLEX, WEAK_FLOAT, WEAK_INT, Scalar

_LITERALS: tuple[tuple[type, Scalar], ...] = (
    (bool, WEAK_BOOL),
    (int, WEAK_INT),
    (float, WEAK_FLOAT),
    (complex, WEAK_COMPLEX),
)


def constant_type(value: Any) -> Type:
    """The type of a constant: weak for Python's numbers, strong for NumPy's."""
    if isinstance(value, np.void):
        record = element_type_of(value)
        return Element(record, True) if isinstance(record, Record) else _object(value)
    if isinstance(value, np.generic):
        return table.from_dtype(value.dtype) or _object(value)
    if isinstance(value, tuple):
        return Tuple(tuple(map(constant_type, value)))
    if isinstance(value, np.ndarray):
        return type_of_array(value) or _object(value)
    if value is None:
        return NONE
    if value is ...:
        return ELLIPSIS
    if isinstance(value, slice):
        return Slice(*map(constant_type, (value.start, value.stop, value.step)))
    for python, weak in _LITERALS:
        if isinstance(value, python):
            return weak
    return GENERATOR if is_generator(value) else _object(value)


def _object(value: Any) -> Object:
    """The type of a value that is no number, with the words that messages call it by."""
    if isinstance(value, Raised):
        return Object(f"the exception {value.cls.__name__!r}")
    if isinstance(value, np.ndarray):
        kind = "array" if type(value) is np.ndarray else type(value).__name__
        return Object(f"{_article(kind)} of {value.dtype}")
    name = getattr(value, "__name__", None)
    kind = type(value).__name__
    if kind == "_ArrayFunctionDispatcher":
        kind, name = "function", f"{value.__module__.replace('numpy', 'np', 1)}.{name}"
    kind = kind.replace("builtin_function_or_method", "function")
    return Object(f"the {kind} {name!r}" if name else _article(kind))


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _const_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), constant_type(op.attrs["value"]))


def _const_python(value: Any) -> Any:
    return value


def _const_reference(value: Any) -> Any:
    t = constant_type(value)
    if t == WEAK_INT and not t.minimum <= value <= t.maximum:
        return value  # no type holds it; it is only compared
    if isinstance(t, Scalar):
        return t.dtype.type(value)
    return tuple(map(_const_reference, value)) if isinstance(t, Tuple) else value


def _lower_const(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.value.type
    return literal(t, op.attrs["value"]) if isinstance(t, Scalar) else "undef"


define(OpDef("const", _const_rule, _const_python, _lower_const, _const_reference))


def _undefined_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), UNDEFINED)


def _undefined() -> None:
    """An unassigned variable; nothing reads it before a check that raises."""


define(OpDef("undefined", _undefined_rule, _undefined, never_lowered))


def _default_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), op.attrs["type"])


def _default_value(type: Type) -> Any:
    """Some value of a type, for a variable on a path that never reads it."""
    if isinstance(type, Tuple):
        return tuple(map(_default_value, type.elements))
    if type in (RANGE, RANGE_ITERATOR):
        return (np.int64(0),) * 3
    if type == ADDRESS:
        return NULL
    return convert_value(0, type) if isinstance(type, Scalar) else None


def _lower_default(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.value.type
    return zero(t) if isinstance(t, Scalar) else "undef"


define(OpDef("default", _default_rule, _default_value, _lower_default))

# ---------------------------------------------------------------------------------- ranges


def _range_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    for t in scalars("range()", types):
        if t.is_float:
            raise NoRule(f"range() needs integers, not {describe(t)}", "write range(int(n))")
    return Typed((WEAK_INT,) * 3, RANGE)


def _range(start: Any, stop: Any, step: Any, schedule: str = "") -> range:
    """A range, of a ``prange`` if there is a schedule."""
    return range(start, stop, step)


def _range_reference(start: Any, stop: Any, step: Any, schedule: str = "") -> Any:
    return start, stop, step


define(
    OpDef(
        "range",
        _range_rule,
        _range,
        never_lowered,
        _range_reference,
        ((library.unchecked_range, 3),),
    )
)


def _iter_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if isinstance(types[0], Array):
        if types[0].ndim == 0:
            raise NoRule("iteration over a 0-d array")
        return Typed(types, ArrayIterator(types[0], WEAK_INT))
    if isinstance(types[0], Tuple):  # a generator's, of which the generator says what is wrong
        return Typed(types, Object("an iterator over a tuple"))
    if types[0] != RANGE:
        raise NoRule(
            f"`for` runs over a range or a tuple in a scalar kernel, not over {describe(types[0])}",
            "loop over range(n)",
        )
    return Typed(types, RANGE_ITERATOR)


def _iter_python(values: Any) -> Any:
    """What is left to be gone over, which has a length."""
    return values if hasattr(values, "__len__") else tuple(values)


def _iter_reference(values: Any) -> Any:
    return values[0], _count_reference(*values), values[2]


def _on_iterator(result: Callable[[Type], Type]) -> Callable[[Op, tuple[Type, ...]], Typed]:
    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        if isinstance(types[0], Object):
            raise NoRule(f"{describe(types[0])} is gone over once, where it is made")
        return Typed(types, result(types[0]))

    return rule


def _value_type(t: Type) -> Type:
    """What an iterator gives: the integers of a range, the elements or rows of an array."""
    return indexed_type(t.array, WEAK_INT) if isinstance(t, ArrayIterator) else WEAK_INT


def _define_iterator(
    name: str,
    result: Callable[[Type], Type],
    python: Callable[..., Any],
    reference: Callable[..., Any],
) -> None:
    define(OpDef(name, _on_iterator(result), python, never_lowered, reference, halves=True))


define(OpDef("iter", _iter_rule, _iter_python, never_lowered, _iter_reference))
_define_iterator(
    "iter_more", lambda t: WEAK_BOOL, lambda r: len(r) > 0, lambda it: np.bool_(it[1] != 0)
)
_define_iterator("iter_value", _value_type, lambda r: r[0] if len(r) else 0, lambda it: it[0])
_define_iterator(
    "iter_next", lambda t: t, lambda r: r[1:], lambda it: (it[0] + it[2], it[1] - 1, it[2])
)


def _count_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(WEAK_INT, 3)


def _count_reference(start: Any, stop: Any, step: Any) -> Any:
    """How many integers ``range(start, stop, step)`` has, as the bits of an int64."""
    count = len(range(int(start), int(stop), int(step)))
    return np.array(count, np.uint64).astype(np.int64)[()]


def _lower_count(e: Emitter, op: Op, args: list[str]) -> str:
    """(distance - 1) // |step| + 1 in unsigned arithmetic, or 0 for an empty range."""
    start, stop, step = args
    down = e(f"icmp slt i64 {step}, 0")
    low, high = (
        e(f"select i1 {down}, i64 {a}, i64 {b}") for a, b in ((stop, start), (start, stop))
    )
    size = e(f"select i1 {down}, i64 {e(f'sub i64 0, {step}')}, i64 {step}")
    divisor = e(f"select i1 {e(f'icmp eq i64 {size}, 0')}, i64 1, i64 {size}")
    less = e(f"sub i64 {e(f'sub i64 {high}, {low}')}, 1")
    count = e(f"add i64 {e(f'udiv i64 {less}, {divisor}')}, 1")
    return e(f"select i1 {e(f'icmp slt i64 {low}, {high}')}, i64 {count}, i64 0")


define(OpDef("range_count", _count_rule, lambda *a: len(range(*a)), _lower_count, _count_reference))
