"""Arrays: their attributes, their elements, views of them, iteration.

A pass takes arrays apart before lowering (``rewrites/split_arrays.py``), and of these ops none is
left but those on addresses. The ops that users write are checked; ``get``, ``put`` and ``dim``
are what the compiler makes of them, and take any index for a good one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops import library
from kernelgen.ops.fields import attribute_field, field_type, holds_records, named_by
from kernelgen.ops.gathering import gather_rule, is_gather, scatter_rule
from kernelgen.ops.indexing import index_param, indexed_type
from kernelgen.ops.records import check_assigned
from kernelgen.ops.registry import NoRule, OpDef, Typed, Unsupported, define
from kernelgen.ops.rules import same
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Element, Slice, Tuple, Type, describe
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar

# -------------------------------------------------------------------------------- attributes

CONSTANT_ATTRIBUTES: dict[str, Callable[[Array], Any]] = {
    "ndim": lambda t: t.ndim,
    "itemsize": lambda t: t.dtype.size,
    "dtype": lambda t: t.dtype.dtype,
}
"""What the type of an array tells."""

COMPUTED_ATTRIBUTES: dict[str, Callable[[Array], Type]] = {
    "shape": lambda t: Tuple((WEAK_INT,) * t.ndim),
    "strides": lambda t: Tuple((WEAK_INT,) * t.ndim),
    "size": lambda t: WEAK_INT,
    "nbytes": lambda t: WEAK_INT,
    "T": lambda t: transposed(t),  # noqa: PLW0108 - it stands below
    "real": lambda t: part_of(t),  # noqa: PLW0108
    "imag": lambda t: part_of(t) if t.dtype.is_complex else zeros_of(t),
}
"""What is computed of its parts, and the types of that."""


def transposed(t: Array) -> Array:
    """The type of an array with its axes in reverse."""
    return t._replace(layout={"C": "F", "F": "C"}.get(t.layout, "A") if t.ndim > 1 else t.layout)


def part_of(t: Array) -> Array:
    """The type of the real or imaginary parts, which are views of complex arrays."""
    return t._replace(dtype=t.dtype.component, layout="A") if t.dtype.is_complex else t


def zeros_of(t: Array) -> Array:
    """The type of the imaginary parts of real numbers, which are a new array."""
    return t._replace(layout="F" if t.layout == "F" else "C", readonly=False)


def attribute_type(t: Array, name: str) -> Type:
    """The type of an array's attribute.

    Raises
    ------
    NoRule
        It has none of that name in a kernel.
    """
    if name == "imag" and holds_records(t):
        raise NoRule(f"{t.dtype.long_name} have no imaginary parts", "name a field: a['x'].imag")
    if name in COMPUTED_ATTRIBUTES:
        return COMPUTED_ATTRIBUTES[name](t)
    if name == "flat":  # all elements in a row; a copy of them cannot stand for the array
        return t._replace(ndim=1, layout="C", readonly=t.readonly or t.layout != "C")
    if name in CONSTANT_ATTRIBUTES:
        from kernelgen.ops.control import constant_type

        return constant_type(CONSTANT_ATTRIBUTES[name](t))
    raise NoRule(f"the attribute {name!r} of an array cannot be used in a kernel")


def _attribute_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = types
    assert isinstance(t, Array)
    return Typed(types, attribute_type(t, op.name.removeprefix("array_")))


for _name in COMPUTED_ATTRIBUTES:
    define(
        OpDef(
            f"array_{_name}",
            _attribute_rule,
            lambda a, name=_name: getattr(a, name),
            never_lowered,
        )
    )


def _dim_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed(types, WEAK_INT)


def _dim(array: np.ndarray[Any, Any], axis: int) -> Any:
    return array.shape[axis]


define(OpDef("dim", _dim_rule, _dim, never_lowered))

# ---------------------------------------------------------------------------------- elements


def _element_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    array, *indices = types
    _check_count(array, indices)
    assert isinstance(array, Array)
    return Typed((array, *(WEAK_INT,) * len(indices)), array.element)


def _check_count(array: Type, indices: list[Type]) -> None:
    """A function of the kernel language for vectors may be given something else."""
    if not isinstance(array, Array) or array.ndim != len(indices):
        raise NoRule(f"an array of {len(indices)} dimension is needed, not {describe(array)}")


def _put_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    array, value, *indices = types
    _check_count(array, indices)
    assert isinstance(array, Array)
    param = None if isinstance(value, Element) else array.dtype
    return Typed((array, param, *(WEAK_INT,) * len(indices)), NONE)


def _get(array: Any, *indices: Any) -> Any:
    return array[tuple(map(int, indices))]


def _put(array: Any, value: Any, *indices: Any) -> None:
    array[tuple(map(int, indices))] = value


define(
    OpDef(
        "get",
        _element_rule,
        _get,
        never_lowered,
        calls=((library.element, 2), (library.element, 3)),
        carries=True,
    )
)
define(
    OpDef(
        "put",
        _put_rule,
        _put,
        never_lowered,
        calls=((library.put_element, 3),),
        carries=True,
        effects=True,
    )
)

# ------------------------------------------------------------------------------------- views


def subscript_rule(array: Array, index: Type) -> Typed:
    """The rule of ``array[index]``."""
    if is_gather(index):
        return gather_rule(array, index)
    return Typed((array, index_param(index)), indexed_type(array, index))


def check_writable(t: Array | Element) -> None:
    """Raise NoRule if elements or fields of a ``t`` cannot be assigned."""
    if t.readonly:
        raise NoRule(
            f"the {'array' if isinstance(t, Array) else 'record'} is read-only",
            "assign to an output, or to a copy; guvectorize takes writable_args=",
        )


def _store_subscript_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    array, index, value = types
    if not isinstance(array, (Array, Element)):
        raise NoRule(f"items of {describe(array)} cannot be assigned", _hint(array))
    if op.operands[0].constant is not None:
        raise NoRule(
            "an array that is no argument is a constant: its items cannot be assigned",
            "give the array to the function as an argument",
        )
    check_writable(array)
    named = named_by(array, op.operands[1])
    if named is not None:
        return Typed((array, None, check_assigned(field_type(array, named[1]), value)), NONE)
    assert isinstance(array, Array)
    if is_gather(index):
        return scatter_rule(array, index, value)
    target = indexed_type(array, index)
    if op.attrs.get("listed") and holds_records(target):
        raise NoRule("a list cannot be assigned to records", "assign a tuple to each of them")
    return Typed((array, index_param(index), check_assigned(target, value)), NONE)


def _assign_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """Operands beyond the value are those of the ufunc whose ``out`` the target is."""
    target, value, *rest = types
    assert isinstance(target, Array)
    param = target.dtype if isinstance(value, Scalar) else None
    return Typed((target, param, *[None] * len(rest)), NONE)


def _expand_assign(op: Op) -> Callable[..., Any]:
    """A number is stored in all elements: one loop over a vector, one over the rows of all else."""
    target = op.operands[0].type
    assert isinstance(target, Array)
    if target.ndim == 0:
        return library.fill_element
    return library.fill_vector if target.ndim == 1 else library.fill_rows


def _hint(t: Type) -> str | None:
    if isinstance(t, Scalar):
        return "the kernel is called for each element: its arguments are numbers, not arrays"
    return "make a new tuple" if isinstance(t, Tuple) else None


def _store_subscript(
    array: Any, index: Any, value: Any, apart: bool = False, listed: bool = False
) -> None:
    array[index] = value


define(
    OpDef(
        "store_subscript",
        _store_subscript_rule,
        _store_subscript,
        never_lowered,
        carries=True,
        effects=True,
    )
)


def _store_attr_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    owner, value = types
    named = attribute_field(owner, op.attrs["name"])
    if named is None or not isinstance(owner, (Array, Element)):
        raise Unsupported(
            f"a kernel cannot assign attributes but fields of records, and "
            f"{op.attrs['name']!r} of {describe(owner)} is none",
            "return the value instead, or assign elements: a.real[...] = 0",
        )
    check_writable(owner)
    return Typed((None, check_assigned(field_type(owner, named[1]), value)), NONE)


def _store_attr(owner: Any, value: Any, name: str) -> None:
    setattr(owner, name, value)


define(
    OpDef(
        "store_attr",
        _store_attr_rule,
        _store_attr,
        never_lowered,
        carries=True,
        effects=True,
    )
)

define(
    OpDef(
        "assign",
        _assign_rule,
        library.assign,
        never_lowered,
        calls=((library.assign, 2),),
        expand=_expand_assign,
        carries=True,
        effects=True,
    )
)


def _integers(count: int) -> Callable[[Op, tuple[Type, ...]], Typed]:
    return lambda op, types: same(WEAK_INT, count)


def _wrapped(index: Any, length: Any) -> Any:
    """A negative index counts from the end."""
    return index + length if index < 0 else index


def _lower_wrapped(e: Emitter, op: Op, args: list[str]) -> str:
    index, length = args
    negative = e(f"icmp slt i64 {index}, 0")
    return e(f"select i1 {negative}, i64 {e(f'add i64 {index}, {length}')}, i64 {index}")


define(OpDef("wrapped_index", _integers(2), _wrapped, _lower_wrapped))


def _in_bounds(index: Any, length: Any) -> Any:
    return np.bool_(0 <= index < length)


def _lower_in_bounds(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"icmp ult i64 {args[0]}, {args[1]}")


def _in_bounds_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((WEAK_INT,) * 2, WEAK_BOOL)


define(OpDef("in_bounds", _in_bounds_rule, _in_bounds, _lower_in_bounds))

# A slice goes from ``bound`` to ``bound``, or from where it begins or ends by itself, which
# depends on the sign of its step.


def _ends(length: Any, step: Any) -> tuple[int, int]:
    """The least and the greatest bound of a slice of ``length`` elements."""
    return (0, int(length)) if step >= 0 else (-1, int(length) - 1)


def _bound(bound: Any, length: Any, step: Any) -> Any:
    low, high = _ends(length, step)
    return np.int64(min(max(_wrapped(int(bound), int(length)), low), high))


def _first(length: Any, step: Any) -> Any:
    return np.int64(_ends(length, step)[0 if step >= 0 else 1])


def _last(length: Any, step: Any) -> Any:
    return np.int64(_ends(length, step)[1 if step >= 0 else 0])


def _lower_ends(e: Emitter, length: str, step: str) -> tuple[str, str, str]:
    """Whether the step is negative, then the least and the greatest bound."""
    down = e(f"icmp slt i64 {step}, 0")
    low = e(f"sext i1 {down} to i64")
    return down, low, e(f"add i64 {length}, {low}")


def _clamped(e: Emitter, low: str, value: str, high: str) -> str:
    least = e(f"call i64 @llvm.smax.i64(i64 {value}, i64 {low})")
    return e(f"call i64 @llvm.smin.i64(i64 {least}, i64 {high})")


def _lower_bound(e: Emitter, op: Op, args: list[str]) -> str:
    bound, length, step = args
    for name in ("smin", "smax"):
        e.declarations[name] = f"declare i64 @llvm.{name}.i64(i64, i64)"
    _, low, high = _lower_ends(e, length, step)
    return _clamped(e, low, _lower_wrapped(e, op, [bound, length]), high)


def _lower_first(e: Emitter, op: Op, args: list[str]) -> str:
    down, low, high = _lower_ends(e, *args)
    return e(f"select i1 {down}, i64 {high}, i64 {low}")


def _lower_last(e: Emitter, op: Op, args: list[str]) -> str:
    down, low, high = _lower_ends(e, *args)
    return e(f"select i1 {down}, i64 {low}, i64 {high}")


define(OpDef("slice_bound", _integers(3), _bound, _lower_bound))
define(OpDef("slice_first", _integers(2), _first, _lower_first))
define(OpDef("slice_last", _integers(2), _last, _lower_last))


def slice_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """The rule of a slice object: integers, or None."""
    for t in types:
        if t != NONE and not (isinstance(t, Scalar) and t.is_integer):
            raise NoRule(f"a slice is made of integers, not {describe(t)}", "write int(i)")
    parts = tuple(NONE if t == NONE else WEAK_INT for t in types)
    return Typed(parts, Slice(*parts, *(NONE,) * (3 - len(parts))))


define(OpDef("slice", slice_rule, slice, never_lowered))
