"""Which values may be constant arrays of a kernel, or views of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kernelgen.ir.core import Edge, Function, Op, Value

HAND_ON = frozenset({
    "attr", "array_T", "subscript", "item", "unpack", "iter", "iter_next", "iter_value", "tuple",
    "convert", "choose", "method_of", "same_array", "permuted", "swapped", "moved", "squeezed",
    "expanded", "deepened", "flipped", "diagonal_of", "stretched_to", "reshaped", "raveled",
    "dense", "view",
})  # fmt: skip
"""Ops whose result may be what an operand is, or is a part of."""


def constant_arrays(root: Function) -> set[Value]:
    """The values that may hold such an array, in ``root`` and all that it invokes."""
    functions = [root, *root.callees()]
    flows: dict[Value, list[Value]] = {}
    for source, target in (flow for function in functions for flow in _flows(function)):
        flows.setdefault(source, []).append(target)
    work = [v for function in functions for v in function.values() if _is_constant_array(v)]
    found: set[Value] = set()
    while work:
        value = work.pop()
        if value not in found:
            found.add(value)
            work += flows.get(value, [])
    return found


def _is_constant_array(value: Value) -> bool:
    return value.constant is not None and _has_array(value.constant.attrs["value"])


def _has_array(value: object) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_array, value))
    return isinstance(value, (np.ndarray, np.void))


def _flows(function: Function) -> Iterator[tuple[Value, Value]]:
    """What is handed on: from which value to which."""
    for op in function.ops():
        for edge in op.edges:
            yield from _handed(edge)
        if op.name in HAND_ON:
            yield from ((operand, op.value) for operand in op.operands)
        elif op.name == "invoke":
            yield from _called(op)


def _handed(edge: Edge) -> Iterator[tuple[Value, Value]]:
    yield from zip(edge.args, edge.target.args, strict=True)


def _called(op: Op) -> Iterator[tuple[Value, Value]]:
    callee: Function = op.attrs["callee"]
    yield from zip(op.operands, callee.params, strict=True)
    for inner in callee.ops():
        if inner.name == "return":
            yield inner.operands[0], op.value
