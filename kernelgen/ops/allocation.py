"""Arrays that a function makes: ``new_array`` and ``new_like``, and the references to them.

What users write, ``np.zeros`` and the like, is in ``array_library.py``. The dtype is an operand,
known when the function is compiled: a constant, or what ``dtype_for`` or an array's ``dtype`` says
of other operands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.errors import TypingError
from kernelgen.ir.core import Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.ops import array_library as library
from kernelgen.ops.casts import type_meant
from kernelgen.ops.control import constant_type
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import nested_depth
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Object, Tuple, Type, describe
from kernelgen.types.promote import common_type
from kernelgen.types.records import Record, record_of
from kernelgen.types.signature import known_types
from kernelgen.types.table import FLOAT64, WEAK_INT, Scalar

# ------------------------------------------------------------------------------------- dtypes


def dtype_operand(value: Value) -> Scalar | None:
    """The type that an operand names as a dtype, None if it is None.

    Raises
    ------
    NoRule
        It is not known when the function is compiled, or no type of arrays in kernels.
    """
    named = defining(value, "dtype_for")
    if named is not None:
        asked = dtype_operand(named.operands[0])
        return asked if asked is not None else _element_type(named.operands[1].type)
    of_array = defining(value, "attr")
    if of_array is not None and isinstance(of_array.operands[0].type, Array):
        return of_array.operands[0].type.dtype
    if value.type == NONE:
        return None
    constant = value.constant
    found = None if constant is None else _type_meant(constant.attrs["value"])
    if found is None and constant is None:
        raise NoRule("the dtype of an array is a constant in a kernel", 'write dtype="f4"')
    if found is None:
        raise NoRule("kernels have no arrays of this dtype", known_types())
    return found


def _type_meant(spec: Any) -> Scalar | None:
    """The type of the elements of an array whose dtype a user names."""
    found = type_meant(spec)
    if found is not None or not isinstance(spec, np.dtype):
        return found
    try:
        return record_of(spec)
    except TypingError as error:
        raise NoRule(error.message, error.hint) from None


def _element_type(t: Type | None) -> Scalar:
    """The dtype of the array that NumPy makes of a value, which may be a nested tuple."""
    if isinstance(t, Tuple):
        types = [_element_type(each) for each in t.elements]
        met = common_type(*types) if types else None
        if met is None:
            raise NoRule(f"there is no array of {describe(t)} in a kernel")
        return met.strong
    if isinstance(t, Array):
        return t.dtype
    if not isinstance(t, Scalar):
        assert t is not None
        hint = "of records, name one field at a time" if t == constant_type("") else None
        raise NoRule(f"there is no array of {describe(t)} in a kernel", hint)
    return t.strong


def _dtype_for_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    if dtype_operand(op.operands[0]) is None:
        _element_type(types[1])
    return Typed((None, None), Object("a dtype"))


define(
    OpDef(
        "dtype_for",
        _dtype_for_rule,
        library.dtype_for,
        never_lowered,
        calls=((library.dtype_for, 2),),
    )
)

# ------------------------------------------------------------------------------------- arrays


def shape_types(t: Type) -> tuple[Type, ...]:
    """The types of the lengths in a shape, which is a tuple of them or one alone.

    Raises
    ------
    NoRule
        It is something else.
    """
    lengths = t.elements if isinstance(t, Tuple) else (t,)
    for length in lengths:
        if not (isinstance(length, Scalar) and length.is_integer):
            raise NoRule(
                f"the shape of an array is an integer, or a tuple of integers, not {describe(t)}",
                "write int(n)" if isinstance(length, Scalar) else None,
            )
    return lengths


def _order(op: Op) -> str:
    """The layout that the last operand asks for."""
    constant = op.operands[-1].constant
    asked = None if constant is None else constant.attrs["value"]
    if asked not in ("C", "F"):
        raise NoRule('the order of a new array is "C" or "F" in a kernel')
    return str(asked)


def _new_array_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    dtype = dtype_operand(op.operands[1])
    lengths = shape_types(types[0])
    shape = Tuple((WEAK_INT,) * len(lengths)) if isinstance(types[0], Tuple) else WEAK_INT
    made = Array(dtype or FLOAT64, len(lengths), _order(op) if len(lengths) > 1 else "C")
    return Typed((shape, None, None), made)


def _new_like_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    dtype = dtype_operand(op.operands[1])
    like = types[0]
    if isinstance(like, Array):
        layout = "F" if like.layout == "F" else "C"
        return Typed((None, None), Array(dtype or like.dtype, like.ndim, layout))
    return Typed((None, None), Array(dtype or _element_type(like), nested_depth(like), "C"))


def _new_like(like: Any, dtype: Any) -> Any:
    return np.empty_like(np.asarray(like), dtype)


define(
    OpDef(
        "new_array",
        _new_array_rule,
        library.new_array,
        never_lowered,
        calls=((library.new_array, 3),),
        carries=True,
        effects=True,
    )
)
define(
    OpDef(
        "new_like",
        _new_like_rule,
        _new_like,
        never_lowered,
        calls=((library.new_like, 2),),
        carries=True,
        effects=True,
    )
)


def _of_lengths_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, op.value.type or NONE)


define(
    OpDef(
        "array_of_shape",
        _of_lengths_rule,
        never_lowered,
        never_lowered,
        carries=True,
        effects=True,
    )
)


def _array_from_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None, None), array_from_type(types[0], dtype_operand(op.operands[1])))


def array_from_type(t: Type, dtype: Scalar | None = None) -> Array:
    """The type of the array that NumPy makes of nested tuples."""
    if isinstance(dtype, Record):
        raise NoRule(
            "no array of records is made of tuples in a kernel", "write np.empty(n, dtype)"
        )
    return Array(dtype or _element_type(t), nested_depth(t), "C")


define(
    OpDef(
        "array_from",
        _array_from_rule,
        library.array_from,
        never_lowered,
        calls=((library.array_from, 2),),
        carries=True,
        effects=True,
    )
)


def _same_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, types[0])


define(OpDef("same_array", _same_rule, lambda a: a, never_lowered, carries=True))

# --------------------------------------------------------------------------------- references


def _reference_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, NONE)


def _nothing(value: Any) -> None:
    """Python counts references itself."""


for _name in ("retain", "release", "keep"):
    define(OpDef(_name, _reference_rule, _nothing, never_lowered, carries=True, effects=True))
