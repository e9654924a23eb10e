"""Replace calls of methods of ufuncs, ``np.add.reduce``, by what they are in the kernel language.

Before: untyped SSA. After: such a call is one of a function of ``ops/ufunc_method_library.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import put
from kernelgen.ops import ufunc_method_library as library
from kernelgen.ops.ufunc_methods import NO_LOOP, PARAMETERS, definition_of, refuses_dtype


def resolve_ufunc_method(block: Block, op: Op) -> bool:
    """Let ``op``, which calls what is bound to a ufunc, call a function; whether that is a method.

    Raises
    ------
    UnsupportedError
        The ufunc has no such method, or it is given what kernels do not know.
    """
    assert op.operands[0].constant is not None
    callee = op.operands[0].constant.attrs["value"]
    ufunc, method = callee.__self__, callee.__name__
    if method not in (*PARAMETERS, "outer"):
        return False
    if method == "outer":
        _call_outer(block, op, ufunc)
        return True
    given = _given(op, ufunc, method)
    try:
        function, first = definition_of(ufunc, method)
    except ValueError as error:
        raise UnsupportedError(str(error), op.loc) from None
    dtype = given["dtype"].constant if "dtype" in given else None
    if dtype is not None and refuses_dtype(ufunc, dtype.attrs["value"]):
        raise UnsupportedError(NO_LOOP.format(ufunc.__name__), op.loc)
    fixed = [put(block, op, "const", value=value) for value in (function, first)]
    count = function.__code__.co_argcount
    names = function.__code__.co_varnames[1:count]
    required = [given.pop(name) for name in names[: len(names) - len(function.__defaults__ or ())]]
    op.operands = [*fixed, *required, *given.values()]
    op.attrs = {"keywords": tuple(given)}
    return True


def _call_outer(block: Block, op: Op, ufunc: Any) -> None:
    """Call the ufunc on arrays whose axes stand one after the other; numbers are arrays as well."""
    count = len(op.operands) - 1 - len(op.attrs["keywords"])
    if ufunc.nin != 2 or ufunc.signature is not None or count != 2:
        raise UnsupportedError("outer product only supported for binary functions", op.loc)
    function = put(block, op, "const", value=library.leading)
    asarray = put(block, op, "const", value=np.asarray)
    first = put(block, op, "call", function, *op.operands[1:3], keywords=())
    second = put(block, op, "call", asarray, op.operands[2], keywords=())
    op.operands[:3] = [put(block, op, "const", value=ufunc), first, second]


def _given(op: Op, ufunc: Any, method: str) -> dict[str, Value]:
    """The arguments by name, but for those that are as good as none."""
    names, keywords = PARAMETERS[method], op.attrs["keywords"]
    positional = op.operands[1 : len(op.operands) - len(keywords)]
    given = dict(zip(names, positional, strict=False))
    given |= zip(keywords, op.operands[len(op.operands) - len(keywords) :], strict=True)
    what = f"{ufunc.__name__}.{method}()"
    if len(positional) > len(names) or not given.keys() <= set(names):
        raise UnsupportedError(f"{what} takes {', '.join(names)}", op.loc)
    for name, default, hint in _REFUSED:
        if name in given and not _is(given.pop(name), default):
            raise UnsupportedError(f"{what} takes no {name}= in a kernel", op.loc, hint)
    _check_count(op, ufunc, method, given)
    return given


_REFUSED = (
    ("out", None, "assign to the elements of the array: out[...] = ..."),
    ("where", True, "put what changes nothing where the mask is false, with np.where()"),
)


def _is(value: Value, default: Any) -> bool:
    return value.constant is not None and value.constant.attrs["value"] is default


def _check_count(op: Op, ufunc: Any, method: str, given: dict[str, Value]) -> None:
    needed = {"reduceat": 2, "at": 1 + ufunc.nin}.get(method, 1)
    if method == "at" and (ufunc.nout != 1 or ufunc.signature is not None or ufunc.nin > 2):
        raise UnsupportedError("Only unary and binary ufuncs supported at this time", op.loc)
    missing = [name for name in PARAMETERS[method][:needed] if name not in given]
    if missing:
        raise UnsupportedError(f"{ufunc.__name__}.{method}() needs {missing[0]}", op.loc)
    if method == "at" and len(given) > needed:
        raise UnsupportedError("second operand provided when ufunc is unary", op.loc)
