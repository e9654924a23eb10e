"""The dtypes of a gufunc's outputs, where no signature tells them, of what is stored there.

They are the least dtypes that hold all that is stored. As an output may be read as well, they are
found by going round: from outputs of which nothing is known to what is stored in these, to outputs
that hold it. One that is only changed, as by ``out[i] += x``, begins with the least type of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelgen.errors import TypingError
from kernelgen.infer import Prepare, propagate, typed, typed_elements
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Block, Edge, Function, Op, Value
from kernelgen.ops.registry import NoRule
from kernelgen.ops.ufunc_calls import stores
from kernelgen.types.compound import (
    NONE,
    UNDEFINED,
    Array,
    ArrayIterator,
    Tuple,
    Type,
    describe,
)
from kernelgen.types.join import join
from kernelgen.types.table import WEAK_BOOL, Scalar

VIEWS = ("subscript", "item", "unpack", "attr", "iter", "iter_value", "iter_next")
"""Ops whose result, if it is an array, shares its memory with the first operand."""

STORES = {"store_subscript": (0, 2)}
"""Ops that write to an array: which operands are the array, and what is written."""


def is_open(t: Array) -> bool:
    """Whether the dtype of an output is to be found."""
    return str(t.dtype) == str(UNDEFINED)


def infer_outputs(
    function: Function, inputs: Sequence[Type], outputs: Sequence[Array], prepare: Prepare
) -> tuple[Array, ...]:
    """The types of the outputs, which are the last parameters of a function not yet typed.

    Parameters
    ----------
    function : Function
        Untyped; it stays so.
    inputs : sequence of Type
        The types of the other parameters.
    outputs : sequence of Array
        Those of the outputs, whose dtypes are ``UNDEFINED`` where they are to be found.
    prepare : callable
        The pass over untyped SSA that is to be given types.

    Raises
    ------
    TypingError
        Nothing that is stored in an output has a type, or there is none that holds it all.
    """
    found = list(outputs)
    open_ = [i for i, t in enumerate(outputs) if is_open(t)]
    _go_round(function, inputs, found, open_, prepare)
    changed = [i for i in open_ if is_open(found[i])]
    for i in changed:
        found[i] = found[i]._replace(dtype=WEAK_BOOL)
    _go_round(function, inputs, found, changed, prepare)
    for i in open_:
        if i in changed and found[i].dtype == WEAK_BOOL:
            found[i] = outputs[i]
        found[i] = _known(found[i], function.params[len(inputs) + i].hint, function)
    return tuple(found)


def _go_round(
    function: Function,
    inputs: Sequence[Type],
    found: list[Array],
    open_: Sequence[int],
    prepare: Prepare,
) -> None:
    """Widen the outputs ``open_`` of ``found`` until they hold all that is stored in them."""
    changed = bool(open_)
    while changed:
        changed = False
        trial = copy_function(function)
        prepare(trial, [*inputs, *found])
        propagate(trial, [*inputs, *found])
        stored = _stored(trial)
        for i in open_:
            output = trial.params[len(inputs) + i]
            dtype: Any = _held(output, found[i].dtype, stored)
            changed |= dtype != found[i].dtype
            found[i] = found[i]._replace(dtype=dtype)


def _stored(function: Function) -> list[tuple[Value, Op, Type]]:
    """The parameter, the op and the type of all that is written to parameters."""
    found: list[tuple[Value, Op, Type]] = []
    for op in function.ops():
        for array, t in _written(op):
            if isinstance(t, Scalar):
                found += [(param, op, t) for param in _params(function, array)]
    return found


def _written(op: Op) -> list[tuple[Value, Type | None]]:
    """The arrays that an op writes to, and the type of what it writes there."""
    if op.name in STORES:
        array, value = (op.operands[i] for i in STORES[op.name])
        return [(array, value.type.dtype if isinstance(value.type, Array) else value.type)]
    try:
        if op.name == "call_ufunc":
            return [*stores(op)]
        if op.name == "call_core":
            from kernelgen.ops import core_calls

            return [*core_calls.stores(op)]
        if op.name == "stencil":
            from kernelgen.ops import stencils

            return [*stencils.stores(op)]
        if op.name == "dot_into":
            made = typed(Op("dot", op.operands[:2])).result
            return [(op.operands[2], made.dtype if isinstance(made, Array) else made)]
        if "inplace" in op.attrs and isinstance(op.operands[0].type, Array):
            return [(op.operands[0], typed_elements(op).result)]
    except NoRule:  # which inference reports
        pass
    return []


def _params(function: Function, array: Value) -> list[Value]:
    """The parameters whose memory an array may be in."""
    arrivals = function.arrivals()
    found, pending, seen = [], [array], {array}
    while pending:
        value = pending.pop()
        if value in function.params:
            found.append(value)
            continue
        for source in _sources(value, arrivals):
            if source not in seen and isinstance(source.type, (Array, ArrayIterator)):
                seen.add(source)
                pending.append(source)
    return found


def _sources(value: Value, arrivals: dict[Block, list[tuple[Block, Edge]]]) -> list[Value]:
    """What an array may be, or be a view of."""
    made = value.definition
    if isinstance(made, Op):
        return made.operands[:1] if made.name in VIEWS or "inplace" in made.attrs else []
    assert made is not None
    place = made.args.index(value)
    return [edge.args[place] for _, edge in arrivals[made]]


def _held(output: Value, dtype: Type, stored: list[tuple[Value, Op, Type]]) -> Type:
    """The least type that holds what ``dtype`` does, and what is stored in ``output``."""
    for param, op, t in stored:
        if param is output:
            new = join(dtype, t)
            if new is None:
                raise TypingError(
                    f"the output {output.hint!r} is given {describe(t)} here, "
                    f"and {describe(dtype)} elsewhere",
                    op.loc,
                    "store the same kind of value on every way",
                )
            dtype = new
    return dtype


def _known(output: Array, name: str, function: Function) -> Array:
    """An output with the type in which its elements leave the kernel."""
    if not isinstance(output.dtype, Scalar):
        raise TypingError(
            f"nothing tells the type of the output {name!r}",
            function.loc,
            "assign its elements in the kernel, or give guvectorize a signature",
        )
    return output._replace(dtype=output.dtype.strong)


def returned_outputs(function: Function, outputs: Sequence[Array]) -> tuple[Array, ...]:
    """The types of the outputs of a typed function that returns what is stored in them.

    Raises
    ------
    TypingError
        It returns another number of values, or something else than numbers and arrays.
    """
    result = function.result
    values = result.elements if isinstance(result, Tuple) and len(outputs) > 1 else (result,)
    if result == NONE or len(values) != len(outputs):
        raise TypingError(
            f"the kernel returns {'None' if result == NONE else f'{len(values)} values'}, "
            f"its core dimensions have {len(outputs)} outputs",
            function.loc,
            "return what is to be stored in the outputs, or give the kernel parameters for them",
        )
    dtypes = [t.dtype if isinstance(t, Array) else t for t in values]
    for t, dtype in zip(values, dtypes, strict=True):
        if not isinstance(dtype, Scalar):
            raise TypingError(
                f"a kernel cannot return {describe(t)}", function.loc, "return numbers or arrays"
            )
    return tuple(
        output._replace(dtype=dtype.strong) if is_open(output) else output
        for output, dtype in zip(outputs, dtypes, strict=True)
    )


def check_filled(function: Function, outputs: int) -> None:
    """Raise TypingError if a typed function that fills its outputs returns something as well."""
    if function.result not in (NONE, UNDEFINED):
        what = "parameters for its outputs" if outputs else "no outputs"
        loc = next((op.loc for op in function.ops() if op.name == "return"), function.loc)
        assert function.result is not None
        raise TypingError(
            f"the kernel has {what}, but returns {describe(function.result)}",
            loc,
            "store it in an output, or leave out the parameters for outputs"
            if outputs
            else 'write "->" and the dimensions of what it returns, as in "(n)->()"',
        )
