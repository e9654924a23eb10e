"""Calls of ufuncs on whole arrays: with ``out=`` and the like, and of kernels' own ufuncs.

``call_ufunc`` is what a user writes. ``rewrites/split_ufunc_calls.py`` makes of it the ufunc's op,
``masked`` for ``where=``, and ``assign`` for ``out=``. ``each`` is one of NumPy's functions that
the kernel language defines for numbers. On arrays, it and a kernel's ufunc are the op ``apply``,
whose body is compiled for the types of the elements and inlined in the loop over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernelgen.ir.core import Function, Op, Value
from kernelgen.ops.allocation import dtype_operand
from kernelgen.ops.arrays import check_writable
from kernelgen.ops.elementwise import element_types, rule_on
from kernelgen.ops.registry import NoRule, OpDef, Typed, by_call, define
from kernelgen.ops.rules import numpy_loop
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Tuple, Type, describe
from kernelgen.types.table import BOOL, WEAK_BOOL, Scalar


class Body(Protocol):
    """What is computed for each element, compiled for the types of elements."""

    original: Callable[..., Any]

    def rule(self, types: tuple[Type, ...]) -> Typed:
        """The type rule of the op whose definition it is."""

    def function(self, types: tuple[Type, ...]) -> Function:
        """A typed copy of it."""

    def may_raise(self, types: tuple[Type, ...]) -> bool:
        """Whether it can raise an exception."""


def _apply_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    body: Body = op.attrs["body"]
    return body.rule(types)


def _apply(*values: Any, body: Body) -> Any:
    return body.original(*values)


def _body(op: Op) -> Function:
    body: Body = op.attrs["body"]
    return body.function(_types(op.operands))


def may_raise(op: Op) -> bool:
    """Whether an op is a call for each element that can raise an exception."""
    if op.name != "apply":
        return False
    body: Body = op.attrs["body"]
    return body.may_raise(element_types(_types(op.operands)))


def _types(values: Sequence[Value]) -> tuple[Type, ...]:
    types = tuple(v.type for v in values)
    assert None not in types
    return types  # type: ignore[return-value]


def _each_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    raise NoRule(f"what {op.attrs['original'].__name__}() is called with is not known")


def _each(*values: Any, original: Any, function: Any) -> Any:
    names = function.__code__.co_varnames
    return original(**dict(zip(names, values, strict=False)))


define(OpDef("apply", _apply_rule, _apply, never_lowered, expand=_body, carries=True))
define(OpDef("each", _each_rule, _each, never_lowered, carries=True))

# ------------------------------------------------------------------------------ where and out


def _masked_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((BOOL, types[2], types[2]), types[2])


def _masked(mask: Any, value: Any, kept: Any) -> Any:
    """``value`` where the mask is true, else what ``out`` has there."""
    return np.where(mask, value, kept)[()]


define(
    OpDef("masked", _masked_rule, _masked, never_lowered, expand=lambda op: "where", carries=True)
)


class Given(NamedTuple):
    """The operands of a call by their meanings; those that are not given are None."""

    inputs: tuple[Value, ...]
    outs: tuple[Value | None, ...]
    where: Value | None
    dtype: Value | None

    @classmethod
    def of(cls, op: Op) -> Given:
        """What the op ``call_ufunc`` is given; an ``out`` or ``dtype`` of None is none."""
        ufunc, names = op.attrs["ufunc"], op.attrs["names"]
        inputs, rest = op.operands[: ufunc.nin], op.operands[ufunc.nin :]
        by_name = {
            name: value
            for name, value in zip(names, rest, strict=True)
            if value.type != NONE and not _is_none(value)
        }
        outs = tuple(by_name.get(f"out{index}") for index in range(ufunc.nout))
        return cls(tuple(inputs), outs, by_name.get("where"), by_name.get("dtype"))

    @property
    def mask(self) -> Value | None:
        """``where``, unless it is the literal True."""
        constant = None if self.where is None else self.where.constant
        return None if constant is not None and constant.attrs["value"] is True else self.where


def _is_none(value: Value) -> bool:
    return value.constant is not None and value.constant.attrs["value"] is None


def inner_op(op: Op, operands: Sequence[Value]) -> Op:
    """The op that computes what a ufunc gives of its inputs alone."""
    ufunc, body = op.attrs["ufunc"], op.attrs["body"]
    if body is not None:
        return Op("apply", operands, {"body": body}, op.loc)
    return Op(by_call(ufunc)[ufunc.nin].name, operands, {}, op.loc)


def loop_types(op: Op, types: tuple[Type, ...]) -> tuple[Type, ...]:
    """The types of the inputs as the loop takes them that ``dtype=`` and ``casting=`` ask for."""
    given, ufunc, casting = Given.of(op), op.attrs["ufunc"], op.attrs["casting"]
    dtype = None if given.dtype is None else dtype_operand(given.dtype)
    if dtype is None and casting == "same_kind":
        return types
    if op.attrs["body"] is not None:
        raise NoRule(f"{ufunc.__name__}() takes no dtype= and casting= in a kernel")
    elements = element_types(types)
    if not all(isinstance(t, Scalar) for t in elements):
        return types
    loop = numpy_loop(f"np.{ufunc.__name__}()", ufunc, elements, dtype, casting)  # type: ignore[arg-type]
    return tuple(
        t._replace(dtype=each) if isinstance(t, Array) else each
        for t, each in zip(types, loop, strict=False)
    )


def computed(op: Op, types: tuple[Type, ...]) -> tuple[Typed, tuple[Type, ...]]:
    """What the rule says of the inputs, and the types of the results before they are stored."""
    ufunc = op.attrs["ufunc"]
    if op.attrs["body"] is None and not by_call(ufunc):
        raise NoRule(f"what {ufunc.__name__}() is called with is not known")
    each = rule_on(inner_op(op, op.operands[: ufunc.nin]), loop_types(op, types[: ufunc.nin]))
    return each, each.result.elements if isinstance(each.result, Tuple) else (each.result,)


def stores(op: Op) -> list[tuple[Value, Type]]:
    """The arrays that a call writes to, and the types of what it stores there."""
    outs = Given.of(op).outs
    if any(v.type is None for v in op.operands) or not any(outs):
        return []
    _, made = computed(op, _types(op.operands))
    of_elements = element_types(made)
    return [(out, t) for out, t in zip(outs, of_elements, strict=True) if out is not None]


def _call_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    given = Given.of(op)
    each, made = computed(op, types)
    params = (*each.params, *[None] * (len(types) - len(given.inputs)))
    mask = None if given.mask is None else _mask_type(given.mask)
    results = tuple(
        _broadcast(t, mask) if out is None else _stored(op, index, t, out, mask)
        for index, (t, out) in enumerate(zip(made, given.outs, strict=True))
    )
    return Typed(params, results[0] if len(results) == 1 else Tuple(results))


def _mask_type(where: Value) -> Type:
    t = where.type
    element = t.dtype if isinstance(t, Array) else t
    if element not in (BOOL, WEAK_BOOL):
        shown = repr(element.dtype) if isinstance(element, Scalar) else describe(element or NONE)
        raise NoRule(
            f"Cannot cast array data from {shown} to dtype('bool') according to the rule 'safe'",
            "where= is a bool, or an array of bools",
        )
    return element if t is None else t


def _broadcast(t: Type, mask: Type | None) -> Type:
    """The type of a result of which the mask leaves some elements undefined."""
    return t if mask is None else rule_on(Op("where"), (mask, t, t)).result


def _stored(op: Op, index: int, t: Type, out: Value, mask: Type | None) -> Array:
    """The type of ``out``, which a result of type ``t`` is stored in."""
    ufunc, casting, target = op.attrs["ufunc"], op.attrs["casting"], out.type
    if not isinstance(target, Array):
        raise NoRule("return arrays must be of ArrayType", "out= is an array, or a tuple of them")
    check_writable(target)
    (dtype,) = element_types((t,))
    assert isinstance(dtype, Scalar)
    open_ = not isinstance(target.dtype, Scalar)  # an output whose dtype is yet to be found
    if not open_:
        check_output(ufunc, index, dtype.strong, target.dtype, casting)
    for each in (t, mask):
        if isinstance(each, Array) and each.ndim > target.ndim:
            raise NoRule(f"a {describe(each)} does not fit into a {describe(target)}")
    return target


def check_output(ufunc: Any, index: int, made: Scalar, to: Scalar, casting: Any) -> None:
    """Raise NoRule if an output cannot be cast; NumPy counts outputs behind the inputs."""
    if not np.can_cast(made.dtype, to.dtype, casting):
        which = f"output {ufunc.nin + index}" if ufunc.nout > 1 else "output"
        raise NoRule(
            f"Cannot cast ufunc '{ufunc.__name__}' {which} from {made.dtype!r} to {to.dtype!r} "
            f"with casting rule '{casting}'"
        )


def _call(*values: Any, ufunc: Any, names: tuple[str, ...], casting: str, body: Any = None) -> Any:
    given = dict(zip(names, values[ufunc.nin :], strict=True))
    outs = tuple(given.pop(f"out{index}", None) for index in range(ufunc.nout))
    options = {} if casting == "same_kind" else {"casting": casting}
    return ufunc(*values[: ufunc.nin], out=outs, **given, **options)


define(OpDef("call_ufunc", _call_rule, _call, never_lowered, carries=True, effects=True))
