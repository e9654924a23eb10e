"""Replace calls of what threads of a grid do by ops.

Before: a call of a `GridFunction`. After: its op, whose operands are the arguments in the order of
the parameters. Shapes and dtypes of arrays are attributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.grids import REQUIRED, GridFunction
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import elements, put
from kernelgen.ops.casts import type_meant
from kernelgen.types.signature import known_types


def resolve_grid_call(block: Block, op: Op, callee: GridFunction) -> bool:
    """Apply the pass to one call; whether all is known that has to be.

    Raises
    ------
    UnsupportedError
        The arguments are none that it takes.
    """
    args = _bound(block, op, callee)
    if callee.op == "constant_array":
        return _is_constant_array(op, args[0])
    if callee.op == "grid_array":
        return _makes_array(block, op, callee, *args)
    op.name, op.operands, op.attrs = callee.op, args, dict(callee.attributes)
    return True


def _bound(block: Block, op: Op, callee: GridFunction) -> list[Value]:
    """The arguments, by the parameters."""
    names = list(callee.parameters)
    keywords = op.attrs["keywords"]
    split = len(op.operands) - len(keywords)
    positional = op.operands[1:split]
    given = dict(zip(names, positional, strict=False))
    by_name = dict(zip(keywords, op.operands[split:], strict=True))
    wrong = [n for n in by_name if n not in names or n in given]
    given |= by_name
    for name, default in callee.parameters.items():
        if name not in given and default is not REQUIRED:
            given[name] = put(block, op, "const", value=default)
    if len(positional) > len(names) or wrong or len(given) < len(names):
        raise UnsupportedError(
            f"{callee.name}({', '.join(names)}) cannot be called with these arguments", op.loc
        )
    return [given[name] for name in names]


def _is_constant_array(op: Op, values: Value) -> bool:
    constant = values.constant
    if constant is None or not isinstance(constant.attrs["value"], np.ndarray):
        raise UnsupportedError(
            "cuda.const.array_like() takes a global array, which is known when the kernel is "
            "compiled",
            op.loc,
        )
    op.name, op.operands, op.attrs = "const", [], dict(constant.attrs)
    return True


def _makes_array(block: Block, op: Op, callee: GridFunction, shape: Value, dtype: Value) -> bool:
    lengths = elements(shape, block, op)
    values = [v.constant for v in ([shape] if lengths is None else lengths)]
    known = [None if c is None else c.attrs["value"] for c in values]
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in known):
        raise UnsupportedError(
            f"the shape of a {callee.name}() is a constant: an integer that is not negative, or a "
            "tuple of them",
            op.loc,
        )
    element = None if dtype.constant is None else type_meant(dtype.constant.attrs["value"])
    if element is None:
        raise UnsupportedError(
            f"the dtype of a {callee.name}() is a constant, of a type that kernels have",
            op.loc,
            known_types(),
        )
    attrs: dict[str, Any] = {
        "shape": tuple(int(n) for n in known if n is not None),
        "dtype": element.strong,
    }
    op.name, op.operands, op.attrs = "grid_array", [], {**callee.attributes, **attrs}
    return True
