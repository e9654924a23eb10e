"""Replace a call of a generalized ufunc by its op.

Before: untyped SSA. After: the call is ``call_core``; what ``axis=`` and ``keepdims=`` ask for is
done to what goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import put
from kernelgen.ops import core_calls  # noqa: F401 - the op that calls become
from kernelgen.types.core_dims import Shape


def become_core_call(
    block: Block,
    op: Op,
    ufunc: Any,
    inputs: Sequence[Value],
    outs: dict[str, Value],
    options: dict[str, Value],
) -> None:
    """Let ``op`` be the call with these inputs, outputs that are given, and other keywords.

    Raises
    ------
    UnsupportedError
        Kernels do not know one of these, or the ufunc does not take it.
    """
    _check(op, ufunc, outs, options)
    axis = options.get("axis")
    core = ufunc.operands.core
    taken = [*inputs, *outs.values()]
    if axis is not None:
        places = (*range(ufunc.nin), *(ufunc.nin + int(name[3:]) for name in outs))
        last = put(block, op, "const", value=-1)
        taken = [
            put(block, op, "call", *_function(block, op, np.moveaxis), v, axis, last, keywords=())
            if core.shapes[i]
            else v
            for i, v in zip(places, taken, strict=True)
        ]
    attrs = {"ufunc": ufunc, "names": tuple(outs), "body": None}
    back = _Back(block, op, axis, "keepdims" in options and _is_true(op, options["keepdims"]))
    if not any(map(back.changes, core.outputs)):
        op.name, op.operands, op.attrs = "call_core", taken, attrs
        return
    made = put(block, op, "call_core", *taken, **attrs)
    if ufunc.nout == 1:
        op.operands, op.attrs = back.arguments(made, core.outputs[0]), {"keywords": ()}
        return
    parts = [put(block, op, "item", made, index=i) for i in range(ufunc.nout)]
    results = [
        put(block, op, "call", *back.arguments(v, shape), keywords=()) if back.changes(shape) else v
        for v, shape in zip(parts, core.outputs, strict=True)
    ]
    op.name, op.operands, op.attrs = "tuple", results, {}


class _Back:
    """What a result is given to, so that its axes stand where ``axis`` and ``keepdims`` say."""

    def __init__(self, block: Block, op: Op, axis: Value | None, keeps: bool) -> None:
        self._block = block
        self._op = op
        self._axis = axis
        self._keeps = keeps

    def changes(self, shape: Shape) -> bool:
        """Whether there is anything to do for an output with these core dimensions."""
        return self._axis is not None if shape else self._keeps

    def arguments(self, made: Value, shape: Shape) -> list[Value]:
        """A function, and what it is called with."""
        last = put(self._block, self._op, "const", value=-1)
        axis = last if self._axis is None else self._axis
        if shape:
            return [*_function(self._block, self._op, np.moveaxis), made, last, axis]
        asarray = _function(self._block, self._op, np.asarray)
        array = put(self._block, self._op, "call", *asarray, made, keywords=())
        return [*_function(self._block, self._op, np.expand_dims), array, axis]


def _function(block: Block, op: Op, function: Any) -> list[Value]:
    return [put(block, op, "const", value=function)]


def _is_true(op: Op, value: Value) -> bool:
    found = None if value.constant is None else value.constant.attrs["value"]
    if not isinstance(found, bool):
        raise UnsupportedError("keepdims= is a constant in a kernel", op.loc, "write keepdims=True")
    return found


def _check(op: Op, ufunc: Any, outs: dict[str, Value], options: dict[str, Value]) -> None:
    name, core = ufunc.__name__, ufunc.operands.core
    wrong = options.keys() - {"axis", "keepdims"}
    if wrong:
        raise UnsupportedError(
            f"{name}() takes no {min(wrong)}= in a kernel",
            op.loc,
            "it takes out=, axis= and keepdims=",
        )
    if "axis" in options and len(core.names) != 1:
        raise UnsupportedError(
            f"{name}: axis can only be used with a single shared core dimension, not with the "
            f"{len(core.names)} distinct ones implied by signature {ufunc.signature}.",
            op.loc,
        )
    reduces = not any(core.outputs) and {len(shape) for shape in core.inputs} == {1}
    if "keepdims" in options and (outs or not reduces):
        raise UnsupportedError(
            f"{name}() takes keepdims= in a kernel if it reduces one dimension, and without out=",
            op.loc,
            "write np.expand_dims(..., axis)",
        )
