"""What becomes of a ufunc's call with ``out=``, ``where=`` or ``dtype=``: ops on arrays.

The operands are cast to the loop's types, and the result is assigned to the elements of ``out``, or
where the mask is true; the call's result is ``out`` itself.
"""

from __future__ import annotations

from kernelgen.ir.core import Function, Value
from kernelgen.ops.ufunc_calls import Given, inner_op, loop_types
from kernelgen.rewrites.place import Place
from kernelgen.types.compound import NONE, Array, Tuple, dtype_of
from kernelgen.types.table import BOOL, Scalar


def split_ufunc_call(function: Function, p: Place) -> None:
    """Put the ops in place of ``call_ufunc``."""
    given = Given.of(p.op)
    operands = _cast_operands(p, given)
    inner = inner_op(p.op, operands)
    made = p.compute(inner.name, *operands, **inner.attrs)
    parts = [made]
    if isinstance(made.type, Tuple):
        parts = [p.put("item", t, made, index=i) for i, t in enumerate(made.type.elements)]
    results = [
        _without_out(p, given, part) if out is None else _stored(p, given, part, out)
        for part, out in zip(parts, given.outs, strict=True)
    ]
    t = p.op.value.type
    if isinstance(t, Tuple):
        p.become("tuple", *results)
    else:
        function.substitute({p.op.value: results[0]})
        p.block.ops.remove(p.op)


def _cast_operands(p: Place, given: Given) -> list[Value]:
    """The inputs in the loop's types; numbers are in these already."""
    types = tuple(value.type for value in given.inputs)
    wanted = loop_types(p.op, types)  # type: ignore[arg-type]
    return [
        p.compute("astype", value, to=dtype_of(to)) if isinstance(t, Array) and t != to else value
        for value, t, to in zip(given.inputs, types, wanted, strict=True)
    ]


def _without_out(p: Place, given: Given, value: Value) -> Value:
    """The result: what the mask leaves undefined has the value too, but its shape counts."""
    if given.mask is None:
        return value
    return p.compute("where", _converted(p, given.mask, BOOL), value, value)


def _stored(p: Place, given: Given, value: Value, out: Value) -> Value:
    """``out``, with the value assigned to its elements."""
    value = _converted(p, value, dtype_of(out.type))
    shapes = (*given.inputs, *(each for each in given.outs if each is not None))
    if given.mask is not None:
        value = p.compute("masked", _converted(p, given.mask, BOOL), value, out)
        shapes = (*shapes, given.mask)
    p.put("assign", NONE, out, value, *(shapes if isinstance(value.type, Array) else ()))
    return out


def _converted(p: Place, value: Value, to: Scalar) -> Value:
    """A number in another type; arrays are converted element by element."""
    if isinstance(value.type, Array) or value.type == to:
        return value
    return p.put("convert", to, value, to=to)
