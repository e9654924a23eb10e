"""The meaning of a kernel, executed: NumPy's scalars compute, joins convert.

Plain Python gives a variable the type of the way that was taken. A compiled kernel gives it one
type, in which all ways meet, and computes on with that. This interpreter of typed SSA (before
any conversion is inserted) does the same, but leaves every operator to NumPy and checks that
NumPy's result has the type that inference found. It shares no lowering and no conversion
pass with the compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.infer import typed
from kernelgen.ir.core import Function, Op
from kernelgen.ops import math
from kernelgen.ops.control import constant_type
from kernelgen.ops.convert import convert_value
from kernelgen.ops.registry import OPS
from kernelgen.types.compound import UNDEFINED, Tuple
from kernelgen.types.table import WEAK_INT, Scalar

MEASURED = {
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
    "rshift", "neg", "pos", "invert", "abs", "lt", "le", "eq", "ne", "gt", "ge",
}  # fmt: skip
"""Ops that NumPy has for scalars, with a type of its own choice."""


ROUNDING = {"round", "floor", "ceil", "trunc"}
ROWS = {row.name for row in math.ROWS}


def as_type(value: Any, t: Any) -> Any:
    """``value`` as a ``t``; weak types are Python's numbers, an int within int64."""
    if isinstance(t, Tuple):
        return tuple(map(as_type, value, t.elements))
    if not isinstance(t, Scalar) or value is None or constant_type(value) == t:
        return _wrapped(value) if t == WEAK_INT else value
    converted = convert_value(value, t)
    return converted.item() if t.weak else converted


def _wrapped(value: Any) -> Any:
    return None if value is None else (value + 2**63) % 2**64 - 2**63


def strengthen(value: Any) -> Any:
    """A Python number as the NumPy scalar that holds it."""
    if isinstance(value, np.generic) or value is None:
        return value
    for python, numpy in (
        (bool, np.bool_),
        (int, np.int64),
        (float, np.float64),
        (complex, np.complex128),
    ):
        if isinstance(value, python):
            return numpy(value)
    return value


def measure(op: Op, operands: list[Any]) -> Any:
    """NumPy's answer: weak operands alone as int64 and float64, else as Python's numbers."""
    compute = OPS[op.name].python
    if not any(isinstance(v, np.generic) for v in operands):
        return _measure_weak(op, operands)
    try:
        result = compute(*operands)
        return strengthen(result)  # Python's complex takes a float64 for a float of its own
    except OverflowError:  # a Python int that its partner's type does not hold wraps
        params = typed(op).params
        return compute(*(convert_value(v, t) for v, t in zip(operands, params, strict=True)))


def _measure_weak(op: Op, operands: list[Any]) -> Any:
    """Python's bools count as ints, unlike NumPy's, but for ``& | ^`` and comparisons."""
    if op.name not in ("and", "or", "xor", "lt", "le", "eq", "ne", "gt", "ge"):
        operands = [int(v) if isinstance(v, bool) else v for v in operands]
    compute = OPS[op.name].python
    try:
        held = list(map(strengthen, operands))
    except OverflowError:  # constants that no int64 holds are folded as Python's ints
        return compute(*operands)
    return compute(*held).item()


def _takes_types(op: Op) -> bool:
    """Whether operands are converted first: ``min`` compares in the type in which they meet."""
    own = op.name in ("min", "max", "operand") or op.name.startswith("np.")
    return own or (OPS[op.name].reference is not None and not op.attrs)


def run_op(op: Op, operands: list[Any]) -> Any:
    """One op; a Python-valued result of an operator must have the type that was inferred."""
    t = op.value.type
    if t == UNDEFINED:
        return None
    if op.name == "const":
        return op.attrs["value"]  # one beyond int64 meets floats as it is
    if op.name in MEASURED:
        result = measure(op, operands)
        assert constant_type(result) == t, f"{op.name}{operands} is {result!r}, inferred {t}"
        return result
    if isinstance(t, Scalar) and op.operands and _takes_types(op):
        params = typed(op).params
        operands = [as_type(v, p) for v, p in zip(operands, params, strict=True)]
    if op.name in ("int", "float"):
        return as_type(operands[0], t)
    if op.name in ROUNDING or op.name in ROWS:  # where Python raises, these saturate or give nan
        return as_type(OPS[op.name].compute(*map(strengthen, operands)), t)
    return as_type(OPS[op.name].python(*operands, **op.attrs), t)


def _invoke(op: Op, operands: list[Any]) -> Any:
    """A call of a function that calls itself, whose parameters have types of their own."""
    callee = op.attrs["callee"]
    given = zip(operands, callee.params, strict=True)
    return run(callee, tuple(as_type(v, param.type) for v, param in given))


def run(function: Function, args: tuple[Any, ...], max_steps: int = 20_000) -> Any:
    """Run typed SSA on NumPy scalars; what it returns, in the function's types."""
    values = dict(zip(function.params, args, strict=True))
    block = function.entry
    for _ in range(max_steps):
        for op in block.ops[:-1]:
            operands = [values[v] for v in op.operands]
            invoked = op.name == "invoke"
            values[op.value] = (_invoke if invoked else run_op)(op, operands)
        last = block.terminator
        if last.name == "return":
            return as_type(values[last.operands[0]], function.result)
        if last.name == "raise":
            raise values[last.operands[0]] if last.operands else last.attrs["error"].make()
        edge = last.edges[0 if last.name == "jump" or values[last.operands[0]] else 1]
        handed = [
            as_type(values[v], a.type) for v, a in zip(edge.args, edge.target.args, strict=True)
        ]
        values.update(zip(edge.target.args, handed, strict=True))
        block = edge.target
    raise RuntimeError("too many steps")
