"""Calls of kernels' generalized ufuncs: which arrays the kernel is handed, and what comes out.

``call_core`` is what a user writes. ``rewrites/loop_cores.py`` makes of it the loops over the loop
dimensions, with the kernel's body in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from kernelgen.errors import KernelgenError
from kernelgen.ir.core import Function, Op, Value
from kernelgen.ops.arrays import check_writable
from kernelgen.ops.elementwise import rule_on
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.ops.ufunc_calls import Given, check_output
from kernelgen.types.compound import UNDEFINED, Array, Tuple, Type, describe, dtype_of
from kernelgen.types.core_dims import CoreSignature
from kernelgen.types.matching import Types, all_cast_safely, first, is_exactly, is_one_of
from kernelgen.types.operands import Operands
from kernelgen.types.promote import can_cast_safely, common_type
from kernelgen.types.signature import Signature
from kernelgen.types.table import INT64, WEAK_INT, Scalar

Taken = TypeVar("Taken", Type, Array)


class Body(Protocol):
    """The kernel, compiled for the types of its arrays."""

    def outputs(self, inputs: Sequence[Type], filled: Sequence[Array]) -> tuple[Array, ...]:
        """The types of the outputs, of which dtypes may be ``UNDEFINED`` in ``filled``."""

    def function(self, inputs: Sequence[Type], filled: Sequence[Array]) -> Function:
        """A typed copy, whose parameters are the inputs and the outputs."""


class Plan(NamedTuple):
    """What a call comes to, for operands of some types.

    Attributes
    ----------
    loops : int
        The number of loop dimensions.
    shapes : tuple of tuples of str
        For each operand the core dimensions that it has, by NumPy's names.
    taken, filled : tuple of Type
        What the kernel is handed: the inputs, and the outputs.
    results : tuple of Type
        What the call gives.
    """

    loops: int
    shapes: tuple[tuple[str, ...], ...]
    taken: tuple[Type, ...]
    filled: tuple[Array, ...]
    results: tuple[Type, ...]


def plan_of(op: Op) -> Plan:
    """What an op ``call_core`` comes to, whose operands have types.

    Raises
    ------
    NoRule
        The ufunc does not take these.
    KernelgenError
        Its kernel cannot be compiled for them.
    """
    ufunc, given = op.attrs["ufunc"], Given.of(op)
    operands: Operands = ufunc.operands
    if op.attrs["body"] is None:
        raise NoRule(f"what {ufunc.__name__}() is called with is not known")
    _check_kinds(ufunc, given)
    values = (*given.inputs, *given.outs)
    ndims = [None if v is None else v.type.ndim if isinstance(v.type, Array) else 0 for v in values]
    shapes = _present(ufunc, operands.core, ndims)
    loops = max(n - len(shape) for n, shape in zip(ndims, shapes, strict=True) if n is not None)
    taken, filled = _handed_over(op, given, operands)
    results = tuple(
        _result(t, loops + len(shape)) if out is None else out.type
        for t, shape, out in zip(filled, shapes[ufunc.nin :], given.outs, strict=True)
    )
    _check_casts(ufunc, filled, given.outs)
    return Plan(loops, shapes, taken, filled, results)  # type: ignore[arg-type]


def _check_kinds(ufunc: Any, given: Given) -> None:
    for value in given.inputs:
        if not isinstance(value.type, (Array, Scalar)):
            assert value.type is not None
            raise NoRule(
                f"{ufunc.__name__}() takes arrays and numbers, not {describe(value.type)}",
                "write np.array(...)",
            )
    for i in ufunc.operands.writable:
        t = given.inputs[i].type
        if isinstance(t, Array) and t.readonly:
            raise NoRule("operand array with iterator write flag set is read-only")
    for out in given.outs:
        if out is not None and not isinstance(out.type, Array):
            raise NoRule(
                "return arrays must be of ArrayType", "out= is an array, or a tuple of them"
            )
        if out is not None:
            check_writable(out.type)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------- core dimensions


def _present(
    ufunc: Any, core: CoreSignature, ndims: Sequence[int | None]
) -> tuple[tuple[str, ...], ...]:
    """For each operand the core dimensions that it has: optional ones may be missing in all."""
    missing: set[str] = set()
    nin = len(core.inputs)

    def present(shape: Any) -> tuple[str, ...]:
        return tuple(name for name in map(core.name, shape) if name not in missing)

    for i, (shape, ndim) in enumerate(zip(core.shapes, ndims, strict=True)):
        if ndim is None:
            continue
        for d in shape:
            if d.optional and ndim < len(present(shape)):
                missing.add(core.name(d))
        needed = len(present(shape))
        if ndim < needed:
            which = f"Input operand {i}" if i < nin else f"Output operand {i - nin}"
            raise NoRule(
                f"{ufunc.__name__}: {which} does not have enough dimensions (has {ndim}, "
                f"gufunc core with signature {ufunc.signature} requires {needed})"
            )
    shapes = tuple(map(present, core.shapes))
    _check_all_told(ufunc, core, shapes, ndims)
    return shapes


def _check_all_told(ufunc: Any, core: CoreSignature, shapes: Any, ndims: Any) -> None:
    """Each dimension of an output that is made is one of another operand, fixed or computed."""
    nin = len(core.inputs)
    told = {name for shape, n in zip(shapes, ndims, strict=True) if n is not None for name in shape}
    for i, shape in enumerate(shapes[nin:]):
        for axis, name in enumerate(shape):
            if name not in told and name not in core.computed and not name.isdigit():
                raise NoRule(
                    f"{ufunc.__name__}: Output operand {i} has core dimension {axis} unspecified, "
                    f"with gufunc signature {ufunc.signature}"
                )


# --------------------------------------------------------------------------------------- types


def _handed_over(
    op: Op, given: Given, operands: Operands
) -> tuple[tuple[Type, ...], tuple[Array, ...]]:
    """The types of what the kernel takes, and of what it fills."""
    types = tuple(dtype_of(v.type) for v in given.inputs)
    declared = operands.declared
    if declared:
        signature = _signature(op.attrs["ufunc"], types)
        return _laid_out(op, given, signature.inputs, signature, signature.outputs)
    unknown = [UNDEFINED] * len(given.outs)
    usual = _promoted(types)
    counts = tuple(INT64 if t == WEAK_INT else u for t, u in zip(types, usual, strict=True))
    refusals = []
    for dtypes in dict.fromkeys((usual, counts)):  # an int that is a count stays an integer
        try:
            return _laid_out(op, given, dtypes, None, unknown)
        except KernelgenError as error:
            refusals.append(error)
    raise refusals[0]


def _promoted(types: Types) -> Types:
    """The types with those of Python's numbers made strong among the others, but for bools."""
    partners = [t for t in types if not t.weak and not t.is_time]
    return tuple(
        (common_type(t, *partners) or t).strong if t.weak and t.kind != "b" else t.strong
        for t in types
    )


def _signature(ufunc: Any, types: Types) -> Signature:
    """The one for inputs of these types, as a call from Python chooses it."""
    declared = [each.signature for each in ufunc.operands.declared]
    found = first(declared, _promoted(types), is_exactly, is_one_of, all_cast_safely)
    for signature in declared:
        if found is None and _all_fit(types, signature.inputs):
            found = signature
    if found is None:
        listed = ", ".join(t.strong.long_name for t in types)
        raise NoRule(
            f"no signature of {ufunc.__name__} takes ({listed})",
            f"its signatures are {', '.join(map(str, declared))}",
        )
    return found


def _all_fit(types: Types, declared: Types) -> bool:
    """Whether all cast safely, Python's numbers to any type of their kind or a higher one."""
    return all(
        common_type(t, d) == d if t.weak else can_cast_safely(t, d)
        for t, d in zip(types, declared, strict=True)
    )


def _laid_out(
    op: Op, given: Given, dtypes: Types, signature: Signature | None, outputs: Sequence[Any]
) -> tuple[tuple[Type, ...], tuple[Array, ...]]:
    """What the kernel is handed as inputs of some dtypes, and as outputs."""
    operands: Operands = op.attrs["ufunc"].operands
    body: Body = op.attrs["body"]
    inputs = operands.inputs(dtypes, operands.boxed(signature), "A")
    taken = tuple(
        _with_layout(t, as_taken(v.type, dtype), len(shape))
        for t, v, dtype, shape in zip(
            inputs, given.inputs, dtypes, operands.core.inputs, strict=True
        )
    )
    outs = operands.outputs(outputs, "A")
    shapes = operands.core.outputs
    filled = tuple(
        _with_layout(t, None if out is None else out.type, len(shape))
        for t, out, shape in zip(outs, given.outs, shapes, strict=True)
    )
    return taken, body.outputs(taken, filled)


def _with_layout(t: Taken, whole: Type | None, ndim: int) -> Taken:
    """The type of the core dimensions of an array, or of one that is made."""
    if not isinstance(t, Array):
        return t
    if not isinstance(whole, Array):
        return t._replace(layout="C") if ndim else t
    layout = "C" if whole.layout == "C" else "A"
    return t._replace(layout=layout if ndim else t.layout, aligned=whole.aligned)


def as_taken(t: Type | None, dtype: Scalar) -> Type:
    """The type of an input in the dtype in which the kernel takes it."""
    assert t is not None
    if not isinstance(t, Array) or t.dtype == dtype:
        return t
    return rule_on(Op("astype", (), {"to": dtype}), (t,)).result


def _result(filled: Array, ndim: int) -> Type:
    return Array(filled.dtype, ndim, "C") if ndim else filled.dtype


def _check_casts(ufunc: Any, filled: Sequence[Array], outs: Sequence[Value | None]) -> None:
    for i, (t, out) in enumerate(zip(filled, outs, strict=True)):
        if out is not None and is_known(out.type):
            check_output(ufunc, i, t.dtype, dtype_of(out.type), "same_kind")


def is_known(t: Type | None) -> bool:
    """Whether an output's dtype is known; that of an outer kernel's may be yet to be found."""
    return isinstance(t, Array) and isinstance(t.dtype, Scalar)


# ------------------------------------------------------------------------------------- the op


def stores(op: Op) -> list[tuple[Value, Type]]:
    """The arrays that a call writes to, and the types of what it stores there."""
    outs = Given.of(op).outs
    if any(v.type is None for v in op.operands) or not any(outs):
        return []
    filled = plan_of(op).filled
    return [(out, t.dtype) for out, t in zip(outs, filled, strict=True) if out is not None]


def _rule(op: Op, types: tuple[Type, ...]) -> Typed:
    plan = plan_of(op)
    inputs = (
        None if isinstance(t, Array) else dtype_of(taken)
        for t, taken in zip(types, plan.taken, strict=False)
    )
    params = (*inputs, *[None] * (len(types) - len(plan.taken)))
    results = plan.results
    return Typed(params, results[0] if len(results) == 1 else Tuple(results))


def _call(*values: Any, ufunc: Any, names: tuple[str, ...], body: Any = None) -> Any:
    given = dict(zip(names, values[ufunc.nin :], strict=True))
    outs = tuple(given.get(f"out{index}") for index in range(ufunc.nout))
    return ufunc(*values[: ufunc.nin], out=outs)


define(OpDef("call_core", _rule, _call, never_lowered, carries=True, effects=True))
