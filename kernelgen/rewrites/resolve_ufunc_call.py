"""Replace a call of another kernel's ufunc by one of its Python function.

Before: untyped SSA. After: the function is called, which is then inlined. What goes in and comes
out is as strong as NumPy's scalars are; where the ufunc was given a signature, it has its types.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import put
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar


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
    if signature is None:
        args = [put(block, op, "operand", value, *args) for value in args]
    else:
        pairs = zip(args, signature.inputs, strict=True)
        args = [put(block, op, "argument", value, to=t) for value, t in pairs]
    function = put(block, op, "const", value=ufunc.py_func)
    result = put(block, op, "call", function, *args, keywords=())
    return _made(block, op, result, ufunc.nout, signature)


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


def _made(block: Block, op: Op, result: Value, nout: int, signature: Signature | None) -> Value:
    """The result as the ufunc gives it: strong, or in the types of the signature's outputs."""
    outputs = [None] * nout if signature is None else signature.outputs
    if nout == 1:
        return _output(block, op, result, outputs[0])
    parts = []
    for index, t in enumerate(outputs):
        part = put(block, op, "unpack", result, count=nout, index=index)
        parts.append(_output(block, op, part, t))
    return put(block, op, "tuple", *parts)


def _output(block: Block, op: Op, value: Value, to: Scalar | None) -> Value:
    return put(block, op, "strong", value) if to is None else put(block, op, "cast", value, to=to)
