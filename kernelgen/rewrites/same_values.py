"""Which values of an iteration are equal for certain, though the code computes them twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kernelgen.ir.core import Op, Value
from kernelgen.ir.origins import HAND_ON
from kernelgen.ops.registry import OPS
from kernelgen.rewrites.split_arrays import owners
from kernelgen.types.compound import Array, Object

_FIRST = frozenset(("store_subscript", "store_attr", "assign", "put"))
"""Ops that write to their first operand alone."""

_READING = frozenset((
    "reduce", "matmul", "dot", "argsort_last", "keep", "dense", "raveled", "reshaped", "squeezed",
    "stretched_to", "new_like",
))  # fmt: skip
"""Ops that may raise, or make new arrays, but write to none that there are."""

_SHAPE = frozenset(("shape", "size", "ndim", "nbytes", "itemsize", "dtype"))


def written_values(ops: Sequence[Op]) -> set[Value]:
    """The arrays that some ops write to: if they are views that these ops make, those that they are
    views of as well.

    Arrays that come from elsewhere are taken to have no memory in common.
    """
    inside = {op.result for op in ops if op.result is not None}
    targets = [v for op in ops for v in _targets(op)]
    return {whole for v in targets for whole in _wholes(v, inside.__contains__)}


def _wholes(value: Value, is_inside: Callable[[Value], bool]) -> Iterator[Value]:
    """An array, what it is a view of, and so on, up to what is made elsewhere."""
    if value.type is None or not owners(value.type):
        return
    yield value
    made = value.definition
    if isinstance(made, Op) and (made.name in HAND_ON or "inplace" in made.attrs):
        for operand in made.operands if is_inside(value) else ():
            yield from _wholes(operand, is_inside)


def _targets(op: Op) -> list[Value]:
    if op.name in _FIRST or "inplace" in op.attrs:
        return op.operands[:1]
    changes = op.result is not None and OPS[op.name].effects and op.name not in _READING
    return op.operands if changes else []


def is_same(a: Value, b: Value, written: set[Value]) -> bool:
    """Whether two values are equal for certain: they are computed alike, of equal values, and of no
    elements of the arrays that are written to."""
    if a is b:
        return True
    x, y = a.definition, b.definition
    if not isinstance(x, Op) or not isinstance(y, Op) or not _are_alike(x, y):
        return False
    if OPS[x.name].effects or not all(_stays(v, x, written) for v in (*x.operands, *y.operands)):
        return False
    return all(is_same(v, w, written) for v, w in zip(x.operands, y.operands, strict=True))


def _are_alike(x: Op, y: Op) -> bool:
    """Whether two ops do the same, and do not make new arrays of nothing."""
    if x.name != y.name or x.value.type != y.value.type or len(x.operands) != len(y.operands):
        return False
    if x.attrs.keys() != y.attrs.keys():
        return False
    new = isinstance(x.value.type, Array) and not x.operands and x.name != "const"
    return not new and all(_are_equal(x.attrs[name], y.attrs[name]) for name in x.attrs)


def _are_equal(a: Any, b: Any) -> bool:
    """Whether two attributes are; arrays, and tuples of them, only if they are the same object."""
    if a is b:
        return True
    if type(a) is not type(b) or isinstance(a, (np.ndarray, np.void)):
        return False
    if type(a) is tuple:
        return len(a) == len(b) and all(map(_are_equal, a, b))
    return bool(a == b)


def _stays(value: Value, op: Op, written: set[Value]) -> bool:
    """Whether what an op reads of an operand stays as it is."""
    if isinstance(value.type, Object):
        return value.constant is not None
    return asks_for_shape(op) or written.isdisjoint(_wholes(value, lambda _: True))


def asks_for_shape(op: Op) -> bool:
    """Whether an op reads no elements of an array, but what stays the same about it."""
    if op.name == "attr":
        return op.attrs["name"] in _SHAPE
    callee = op.operands[0].constant if op.name == "call" else None
    return op.name == "dim" or (callee is not None and callee.attrs["value"] is len)
