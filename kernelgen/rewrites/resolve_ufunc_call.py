"""Replace calls of ufuncs that are more than an op, or of other kernels' ufuncs.

Before: untyped SSA. After: such a call is the op ``call_ufunc``. When it is known that a kernel's
ufunc is given numbers, its Python function is called, which is then inlined. What goes in and
comes out is as strong as NumPy's scalars are; where the ufunc was given a signature, it has its
types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import elements, put
from kernelgen.types.compound import describe
from kernelgen.types.matching import all_cast_safely, first, is_exactly
from kernelgen.types.promote import common_type
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar


def is_kernel_ufunc(callee: Any) -> bool:
    """Whether ``callee`` is a ufunc that kernelgen made, or one of its own."""
    return getattr(type(callee), "is_core", False) or (
        isinstance(callee, np.ufunc) and hasattr(callee, "declared_signatures")
    )


def has_options(callee: Any, op: Op) -> bool:
    """Whether ``op`` calls a ufunc of NumPy with more than its inputs."""
    if not isinstance(callee, np.ufunc) or callee.signature is not None:
        return False
    return bool(op.attrs["keywords"]) or len(op.operands) - 1 > callee.nin


_CASTINGS = ("no", "equiv", "safe", "same_kind", "unsafe")


def resolve_ufunc_call(block: Block, op: Op, ufunc: Any) -> bool:
    """Let ``op`` be the op of a call; whether it can be as yet.

    Raises
    ------
    UnsupportedError
        The arguments are not those of the ufunc.
    """
    keywords = op.attrs["keywords"]
    split = len(op.operands) - len(keywords)
    positional = op.operands[1:split]
    given = dict(zip(keywords, op.operands[split:], strict=True))
    inputs, outs = positional[: ufunc.nin], positional[ufunc.nin :]
    if len(inputs) != ufunc.nin or len(outs) > ufunc.nout:
        raise _wrong_arguments(ufunc, op)
    if outs and "out" in given:
        raise UnsupportedError(
            "cannot specify 'out' as both a positional and keyword argument", op.loc
        )
    named = {f"out{index}": value for index, value in enumerate(outs)}
    if "out" in given:
        named |= _outs(block, op, ufunc, given.pop("out"))
    if ufunc.signature is not None:
        from kernelgen.rewrites.resolve_core_call import become_core_call  # few kernels need it

        become_core_call(block, op, ufunc, inputs, named, given)
        return True
    casting = _casting(op, given.pop("casting", None))
    wrong = given.keys() - {"where", "dtype"}
    if wrong:
        raise UnsupportedError(
            f"{ufunc.__name__}() takes no {min(wrong)}= in a kernel",
            op.loc,
            "it takes out=, where=, dtype= and casting=",
        )
    named |= given
    op.name, op.operands = "call_ufunc", [*inputs, *named.values()]
    op.attrs = {"ufunc": ufunc, "names": tuple(named), "casting": casting, "body": None}
    return True


def _wrong_arguments(ufunc: Any, op: Op) -> UnsupportedError:
    inputs = "input" if ufunc.nin == 1 else "inputs"
    return UnsupportedError(
        f"the ufunc {ufunc.__name__} is called with its {ufunc.nin} {inputs}, "
        "and after them what is `out`",
        op.loc,
    )


def _outs(block: Block, op: Op, ufunc: Any, out: Value) -> dict[str, Value]:
    """The arrays that ``out=`` names: one, or a tuple of as many as there are outputs."""
    values = elements(out, block, op)
    if values is None and ufunc.nout == 1:
        return {"out0": out}
    if values is None:
        constant = out.constant
        if constant is not None and constant.attrs["value"] is None:
            return {}
        raise UnsupportedError("'out' must be a tuple of arrays", op.loc)
    if len(values) != ufunc.nout:
        raise UnsupportedError(
            "The 'out' tuple must have exactly one entry per ufunc output", op.loc
        )
    return {f"out{index}": value for index, value in enumerate(values)}


def _casting(op: Op, given: Value | None) -> str:
    if given is None:
        return "same_kind"
    found = None if given.constant is None else given.constant.attrs["value"]
    if found not in _CASTINGS:
        raise UnsupportedError(
            f"casting must be one of 'no', 'equiv', 'safe', 'same_kind', 'unsafe' (got {found!r})",
            op.loc,
        )
    return str(found)


# ------------------------------------------------------------------- of other kernels' ufuncs


def call_kernel(block: Block, op: Op, ufunc: Any, args: Sequence[Value]) -> Value:
    """Put a call of a ufunc's Python function in front of ``op``; the value of the ufunc's."""
    signature = _signature(ufunc, op, args)
    if signature is None:
        args = [put(block, op, "operand", value, *args) for value in args]
    else:
        pairs = zip(args, signature.inputs, strict=True)
        args = [put(block, op, "argument", value, to=t) for value, t in pairs]
    function = put(block, op, "const", value=ufunc.py_func)
    result = put(block, op, "call", function, *args, keywords=())
    return _made(block, op, result, ufunc.nout, signature)


def _signature(ufunc: Any, op: Op, args: Sequence[Value]) -> Signature | None:
    """The signature for numbers of the types of ``args``, None if the ufunc was given none.

    A single one is taken whatever the types are, which are then converted or refused.
    """
    declared: tuple[Signature, ...] = ufunc.declared_signatures
    if len(declared) < 2:
        return declared[0] if declared else None
    given = [t for t in (v.type for v in args) if isinstance(t, Scalar)]
    partners = [t for t in given if not t.weak]
    met = [(common_type(t, *partners) or t).strong if t.weak else t for t in given]
    found = first(declared, tuple(met), is_exactly, all_cast_safely)
    if found is None or len(given) < len(args):
        listed = ", ".join(describe(v.type) for v in args if v.type is not None)
        signatures = ", ".join(map(str, declared))
        raise UnsupportedError(
            f"no signature of {ufunc.__name__} takes ({listed})",
            op.loc,
            f"its signatures are {signatures}",
        )
    return found


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
