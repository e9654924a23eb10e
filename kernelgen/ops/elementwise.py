"""Ops on numbers that take arrays as well, and then compute element by element.

Their rule on arrays is their rule on the arrays' elements. ``rewrites/fuse_arrays.py`` makes loops
of them.
"""

from __future__ import annotations

from kernelgen.ir.core import Op
from kernelgen.ops.arith import identity
from kernelgen.ops.array_library import copied
from kernelgen.ops.arrays import check_writable
from kernelgen.ops.complex import refuse_complex
from kernelgen.ops.fields import holds_records
from kernelgen.ops.records import refuse_records
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.times import rule_of
from kernelgen.ops.windows import refuse_windows
from kernelgen.types.compound import Array, Element, Tuple, Type, describe
from kernelgen.types.promote import can_cast_within_kind
from kernelgen.types.table import Scalar

_NAMES = frozenset(
    (
        "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
        "rshift", "neg", "pos", "invert", "abs", "eq", "ne", "lt", "le", "gt", "ge", "where",
        "astype", "copied", "real", "imag", "conjugate", "decimals", "strong", "operand",
        "argument", "cast", "apply", "masked", "squared_magnitude",
    )
)  # fmt: skip

ARITHMETIC = frozenset(
    ("add", "sub", "mul", "truediv", "neg", "pos", "conjugate", "astype", "copied")
)
"""Ops that take a few instructions, so that nothing is lost if they are not computed in vectors."""


def is_elementwise(op: Op, types: tuple[Type | None, ...]) -> bool:
    """Whether an op on values of these types is one on the elements of arrays."""
    named = op.name in _NAMES or op.name.startswith("np.")
    arrays = [t for t in types if isinstance(t, Array)]
    return named and bool(arrays) and not any(map(holds_records, arrays))


def element_types(types: tuple[Type, ...]) -> tuple[Type, ...]:
    """Of arrays the types of their elements."""
    return tuple(t.dtype if isinstance(t, Array) else t for t in types)


def rule_on(op: Op, types: tuple[Type, ...]) -> Typed:
    """What the rule of ``op`` says of operands of these types, which may be arrays."""
    return _elementwise(op, types) if is_elementwise(op, types) else _rule(op, types)


def rule_on_elements(op: Op, types: tuple[Type, ...]) -> Typed:
    """The same for one element of the arrays among the operands."""
    return _rule(op, element_types(types))


def _rule(op: Op, types: tuple[Type, ...]) -> Typed:
    refuse_records(op, types)
    refuse_windows(op, types)
    refuse_complex(op, types)
    return rule_of(op, types)(op, types)


def _elementwise(op: Op, types: tuple[Type, ...]) -> Typed:
    """The answer of a rule on numbers, for arrays of such: these stay as they are."""
    each = rule_on_elements(op, types)
    params = tuple(
        None if isinstance(t, Array) else p for t, p in zip(types, each.params, strict=True)
    )
    if op.attrs.get("inplace") and isinstance(types[0], Array):
        return Typed(params, _in_place(op, types, each.result))
    return Typed(params, _of_arrays(each.result, [t for t in types if isinstance(t, Array)]))


def _of_arrays(result: Type, arrays: list[Array]) -> Type:
    """The type of what is computed of arrays; of such without dimensions it is a number."""
    if isinstance(result, Tuple):
        return Tuple(tuple(_of_arrays(t, arrays) for t in result.elements))
    assert isinstance(result, Scalar)
    ndim = max(t.ndim for t in arrays)
    if ndim == 0:
        return result.strong
    whole = [t.layout for t in arrays if t.ndim == ndim]
    layout = "F" if ndim > 1 and all(each == "F" for each in whole) else "C"
    return Array(result.strong, ndim, layout)


def _in_place(op: Op, types: tuple[Type, ...], result: Type) -> Array:
    """What ``a += b`` gives: the same array."""
    target = types[0]
    assert isinstance(target, Array) and isinstance(result, Scalar)
    check_writable(target)
    if not can_cast_within_kind(result.strong, target.dtype):
        raise NoRule(
            f"an array of {target.dtype.long_name} cannot be changed in place to "
            f"{describe(result.strong)}",
            "write a = a + b instead of a += b",
        )
    if any(isinstance(t, Array) and t.ndim > target.ndim for t in types):
        raise NoRule(f"a {describe(types[1])} does not fit into a {describe(target)}")
    return target


def _copied_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = types
    if isinstance(t, Array):  # of records: it is no op on elements
        return Typed(types, Array(t.dtype, t.ndim, "F" if t.layout == "F" else "C"))
    return Typed(types, Element(t.record) if isinstance(t, Element) else t)


define(OpDef("copied", _copied_rule, copied, identity, calls=((copied, 1),), carries=True))
