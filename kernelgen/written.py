"""Which parameters a kernel writes to, before anything is known of types."""

from __future__ import annotations

from types import FunctionType

from kernelgen.bytecode.build import build
from kernelgen.errors import KernelgenError
from kernelgen.infer_outputs import STORES, VIEWS
from kernelgen.ir.core import Block, Edge, Op, Value
from kernelgen.rewrites.bind_defaults import bind_defaults
from kernelgen.rewrites.resolve_calls import resolve_calls


def written_parameters(python: FunctionType, count: int) -> list[int]:
    """The numbers of those among the first ``count`` parameters whose elements are assigned.

    What a helper function assigns is known, and what is given as ``out=``. A kernel that cannot be
    compiled has none: the error comes when it is.
    """
    function = build(python)
    bind_defaults(function, python, count)
    try:
        resolve_calls(function)
    except KernelgenError:
        return []
    arrivals = function.arrivals()
    written = {p for op in function.ops() for v in _assigned(op) for p in _origins(v, arrivals)}
    return [i for i, param in enumerate(function.params) if param in written]


def _assigned(op: Op) -> list[Value]:
    """The arrays that an op writes to, or numbers that it changes."""
    if op.name in STORES:
        return [op.operands[STORES[op.name][0]]]
    if op.name in ("call_ufunc", "call_core"):
        inputs, names = op.attrs["ufunc"].nin, op.attrs["names"]
        outs = zip(names, op.operands[inputs:], strict=True)
        return [value for name, value in outs if name.startswith("out")]
    if op.name == "stencil":
        from kernelgen.ops.stencils import outs_of  # few kernels need it

        return [*outs_of(op)]
    return op.operands[:1] if "inplace" in op.attrs else []


def _origins(value: Value, arrivals: dict[Block, list[tuple[Block, Edge]]]) -> list[Value]:
    """What a value may be a view of: arguments of blocks, those of the function among them."""
    found, pending = [value], [value]
    while pending:
        for source in _sources(pending.pop(), arrivals):
            if source not in found:
                found.append(source)
                pending.append(source)
    return found


def _sources(value: Value, arrivals: dict[Block, list[tuple[Block, Edge]]]) -> list[Value]:
    made = value.definition
    if isinstance(made, Op):
        return made.operands[:1] if made.name in VIEWS or "inplace" in made.attrs else []
    assert made is not None
    return [edge.args[made.args.index(value)] for _, edge in arrivals[made]]
