"""Replace a call of another kernel's ufunc by one of its Python function.

Before: untyped SSA. After: the function is called, which is then inlined; where the ufunc was
given a signature, what goes in and comes out has its types.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import put
from kernelgen.types.signature import Signature


def is_kernel_ufunc(callee: Any) -> bool:
    """Whether ``callee`` is a ufunc that kernelgen made."""
    return isinstance(callee, np.ufunc) and hasattr(callee, "declared_signatures")


def resolve_ufunc_call(block: Block, op: Op, ufunc: Any) -> Value:
    """Put the call in front of ``op``; the value that replaces the old one.

    Raises
    ------
    UnsupportedError
        The arguments are not as many as the ufunc has inputs, or its types would have to be
        chosen among several signatures.
    """
    args = op.operands[1:]
    if op.attrs["keywords"] or len(args) != ufunc.nin:
        inputs = "input" if ufunc.nin == 1 else "inputs"
        raise UnsupportedError(
            f"the ufunc {ufunc.__name__} is called in a kernel with its {ufunc.nin} {inputs} alone",
            op.loc,
        )
    signature = _signature(ufunc, op)
    if signature is not None:
        pairs = zip(args, signature.inputs, strict=True)
        args = [put(block, op, "argument", value, to=t) for value, t in pairs]
    function = put(block, op, "const", value=ufunc.py_func)
    result = put(block, op, "call", function, *args, keywords=())
    return result if signature is None else _cast(block, op, result, signature)


def _signature(ufunc: Any, op: Op) -> Signature | None:
    """The one signature that a ufunc was given, None if it was given none."""
    declared: tuple[Signature, ...] = ufunc.declared_signatures
    if len(declared) > 1:
        raise UnsupportedError(
            f"the ufunc {ufunc.__name__} has several signatures, so a kernel cannot call it",
            op.loc,
            f"call its Python function: {ufunc.__name__}.py_func(...)",
        )
    return declared[0] if declared else None


def _cast(block: Block, op: Op, result: Value, signature: Signature) -> Value:
    """The result in the types of the signature's outputs."""
    outputs = signature.outputs
    if len(outputs) == 1:
        return put(block, op, "cast", result, to=outputs[0])
    parts = []
    for index, t in enumerate(outputs):
        part = put(block, op, "unpack", result, count=len(outputs), index=index)
        parts.append(put(block, op, "cast", part, to=t))
    return put(block, op, "tuple", *parts)
