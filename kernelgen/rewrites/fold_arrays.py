"""Compute what is known of constant arrays when a kernel is compiled (see ``fold_constants``)."""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.ir.sequences import constant_array, defining
from kernelgen.ops.registry import OPS
from kernelgen.types.constants import type_of_array

_METHODS = frozenset({
    "all", "any", "argmax", "argmin", "argsort", "astype", "choose", "clip", "conj", "conjugate",
    "cumprod", "cumsum", "diagonal", "dot", "flatten", "item", "max", "mean", "min",
    "nonzero", "prod", "ravel", "repeat", "reshape", "round", "searchsorted", "squeeze", "std",
    "sum", "swapaxes", "take", "trace", "transpose", "var", "view",
})  # fmt: skip
"""Methods of arrays that leave them as they are. A copy is made to be changed, when code runs."""

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    all, any, len, max, min, sum,
    np.all, np.any, np.argmax, np.argmin, np.argsort, np.average, np.concatenate, np.count_nonzero,
    np.cumprod, np.cumsum, np.diff, np.dot, np.flip, np.gradient, np.max, np.mean, np.median,
    np.min, np.ndim, np.outer, np.prod, np.ptp, np.ravel, np.reshape, np.shape, np.size, np.sort,
    np.std, np.sum, np.trace, np.transpose, np.unique, np.var,
)  # fmt: skip
"""Functions that only read what they are given."""

_REFUSALS = (ArithmeticError, ValueError, TypeError, IndexError, AttributeError)


def fold_on_arrays(op: Op, values: list[Any]) -> bool:
    """An operator or ufunc, of which an operand is a constant array; whether it has a value."""
    return _fold(op, lambda: OPS[op.name].python(*values, **op.attrs))


def fold_item(op: Op) -> bool:
    """``array[index]``, whose index is a constant, or a tuple of constants."""
    array, index = op.operands
    made = defining(index, "tuple")
    parts = [index.constant] if made is None else [v.constant for v in made.operands]
    known = tuple(part.attrs["value"] for part in parts if part is not None)
    if constant_array(array) is None or len(known) < len(parts):
        return False
    return _fold(op, lambda: constant_array(array)[known[0] if made is None else known])


def fold_array_call(op: Op, values: list[Any]) -> bool:
    """A method of a constant array, or a function of one, called with constants."""
    callee, *args = values
    if not _reads(callee, args):
        return False
    names = op.attrs["keywords"]
    first = len(args) - len(names)
    by_name = dict(zip(names, args[first:], strict=True))
    return _fold(op, lambda: callee(*args[:first], **by_name))


def _reads(callee: Any, args: list[Any]) -> bool:
    """Whether a call only reads the constant arrays that it is given."""
    if isinstance(callee, BuiltinFunctionType) and isinstance(callee.__self__, np.ndarray):
        return callee.__name__ in _METHODS
    return any(callee is f for f in _FUNCTIONS) and any(isinstance(a, np.ndarray) for a in args)


def _fold(op: Op, compute: Callable[[], Any]) -> bool:
    """Make an op the constant that it computes to, if kernels can have it."""
    try:
        with np.errstate(all="ignore"):
            value = compute()
    except _REFUSALS:
        return False
    if not _is_known(value):
        return False
    op.name, op.operands, op.attrs = "const", [], {"value": value}
    return True


def _is_known(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_known, value))
    if isinstance(value, np.ndarray):
        return type_of_array(value) is not None
    return isinstance(value, (bool, int, float, complex, np.generic))
