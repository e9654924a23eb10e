"""Calls of stencils: which arrays are read at offsets, how far, and what comes out.

``stencil`` is what a call comes to. ``rewrites/loop_stencils.py`` makes of it the loops over the
cells, with the kernel's body in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernelgen.borders import Border
from kernelgen.ir.core import Function, Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.llvm_text import Emitter
from kernelgen.ops.fields import holds_records
from kernelgen.ops.memory import SCOPE_LIST, declare_scope
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.ops.views import define_view
from kernelgen.types.compound import NONE, Array, Tuple, Type, describe
from kernelgen.types.table import WEAK_INT, Scalar

Halo = tuple[tuple[int, int], ...]
"""How many cells a kernel reads in front of its own, and behind it, along each axis."""


class Plan(NamedTuple):
    """What a call comes to, for arguments of some types.

    Attributes
    ----------
    windows : tuple of int
        Which arguments are arrays that are read at offsets.
    ndim : int
        How many dimensions they have.
    halo : Halo
        How far the offsets reach, by the axes of the arrays.
    borders : tuple of Border
        What lies beyond the arrays, by the same axes.
    dtypes : tuple of Scalar
        Those of the results.
    single : bool
        Whether the kernel returns one value, not in a tuple.
    padded : bool
        Whether offsets are computed, or slices are large, so that it takes a copy that goes beyond
        the border.
    reverse : bool
        Whether the first axis is the one that runs fastest in memory.
    """

    windows: tuple[int, ...]
    ndim: int
    halo: Halo
    borders: tuple[Border, ...]
    dtypes: tuple[Scalar, ...]
    single: bool
    padded: bool
    reverse: bool


class Body(Protocol):
    """A stencil's kernel, compiled for the types of its arguments."""

    def plan(self, types: Sequence[Type]) -> Plan:
        """What a call with arguments of these types comes to."""

    def function(self, types: Sequence[Type]) -> Function:
        """A typed copy of the kernel, whose windows are still read by ``subscript``."""


def plan_of(op: Op) -> Plan:
    """What an op ``stencil`` comes to, whose operands have types.

    Raises
    ------
    NoRule
        The stencil does not take these.
    KernelgenError
        Its kernel cannot be compiled for them.
    """
    body: Body | None = op.attrs["body"]
    name = op.attrs["stencil"].__name__
    if body is None:
        raise NoRule(f"what {name}() is called with is not known")
    plan = body.plan(types_of(arguments_of(op)))
    for t, out in zip(plan.dtypes, given_outs(op, plan), strict=True):
        _check_out(name, plan, t, out)
    return plan


def arguments_of(op: Op) -> list[Value]:
    """What the kernel is given."""
    return op.operands[: -1 if op.name == "stencil" else -2]


def types_of(values: Sequence[Value]) -> tuple[Type, ...]:
    types = tuple(v.type for v in values)
    assert None not in types
    return types  # type: ignore[return-value]


def given_outs(op: Op, plan: Plan) -> tuple[Type | None, ...]:
    """The types of the arrays that are given as ``out``; None where a new one is made."""
    t = op.operands[-1].type
    if t == NONE:
        return (None,) * len(plan.dtypes)
    given = t.elements if isinstance(t, Tuple) and not plan.single else (t,)
    if len(given) != len(plan.dtypes):
        raise NoRule(
            f"{op.attrs['stencil'].__name__}() makes {len(plan.dtypes)} arrays, "
            f"out= has {len(given)}"
        )
    return tuple(given)


def outs_of(op: Op) -> tuple[Value, ...]:
    """The arrays that are given as ``out``; None is one of them."""
    made = defining(op.operands[-1], "tuple")
    return (op.operands[-1],) if made is None else tuple(made.operands)


def stores(op: Op) -> list[tuple[Value, Type]]:
    """The arrays that a call writes to, and the types of what it stores there."""
    if any(v.type is None for v in op.operands) or op.operands[-1].type == NONE:
        return []
    return [*zip(outs_of(op), plan_of(op).dtypes, strict=False)]


def _check_out(name: str, plan: Plan, made: Scalar, out: Type | None) -> None:
    if out is None:
        return
    if not isinstance(out, Array):
        raise NoRule(f"out= of {name}() is an array, not {describe(out)}")
    if out.readonly:
        raise NoRule(f"out= of {name}() is read-only", "give it an array of your own, or a copy")
    if out.ndim != plan.ndim:
        raise NoRule(f"out= of {name}() has {out.ndim} dimensions, but the result has {plan.ndim}")
    if holds_records(out):
        raise NoRule(f"out= of {name}() is a {describe(out)}", "name a field of it: out['x']")
    open_ = not isinstance(out.dtype, Scalar)  # an output whose dtype is yet to be found
    if not open_ and not np.can_cast(made.dtype, out.dtype.dtype, "same_kind"):
        raise NoRule(
            f"cannot cast the results of {name}() from {made.dtype!r} to {out.dtype.dtype!r} "
            "with casting rule 'same_kind'",
            "give out= an array of another dtype, or the stencil dtype=",
        )


def _rule(op: Op, types: tuple[Type, ...]) -> Typed:
    plan = plan_of(op)
    layout = "F" if plan.reverse else "C"
    results = tuple(
        Array(t, plan.ndim, layout) if out is None else out
        for t, out in zip(plan.dtypes, given_outs(op, plan), strict=True)
    )
    return Typed((None,) * len(types), results[0] if plan.single else Tuple(results))


def _call(*values: Any, stencil: Callable[..., Any], body: Body | None = None) -> Any:
    return stencil(*values)


define(OpDef("stencil", _rule, _call, never_lowered, carries=True, effects=True))


def _steps_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """The operands are the arguments, the number of steps, and the arrays for the results."""
    plan_of(op)
    count = len(arguments_of(op))
    return Typed((*[None] * count, WEAK_INT, None), NONE)


define(OpDef("stencil_steps", _steps_rule, _call, never_lowered, carries=True, effects=True))


def _lower_scope(e: Emitter, op: Op, args: list[str]) -> str:
    e.declarations["scope.decl"] = "declare void @llvm.experimental.noalias.scope.decl(metadata)"
    declare_scope(e)
    e.lines.append(f"  call void @llvm.experimental.noalias.scope.decl(metadata {SCOPE_LIST})")
    return "undef"


# From here to the next time, no access whose scope is "read" is to what one of "written" changes.
define(
    OpDef(
        "begin_scope",
        lambda op, types: Typed((), NONE),
        lambda: None,
        _lower_scope,
        carries=True,
        effects=True,
    )
)

# One of two arrays, by a condition; it is a view of that one.
define_view("either", lambda condition, yes, no: yes if condition else no)
