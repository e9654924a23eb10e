"""Compute what is constant, by Python itself, and drop the branches it decides.

Before: untyped SSA. After: no op whose operands are all constants and whose value Python
computes without an error; no branch on a constant. Exceptions that kernels raise are
constants of their own.
"""

from __future__ import annotations

from types import UnionType
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.grids import Register
from kernelgen.ir.core import Function, Op
from kernelgen.ir.raised import Raised
from kernelgen.ops.exceptions import is_exception_class
from kernelgen.ops.registry import OPS
from kernelgen.rewrites.fold_arrays import fold_array_call, fold_item, fold_on_arrays

_NUMBERS = (bool, int, float, complex, np.generic)
_HUGE = 4096  # beyond this many bits, a constant power or shift is left alone


def fold_constants(function: Function) -> bool:
    """Apply the pass; whether anything changed."""
    changed = False
    left = set(function.blocks)
    for block in list(function.blocks):
        if block not in left:
            continue  # a branch has left it out, and what is there need not have a value
        for op in list(block.ops):
            decides = op.name == "branch"
            if _fold(op):
                changed = True
                if decides:
                    function.sort_blocks()
                    left = set(function.blocks)
    if changed:
        function.sort_blocks()
    return changed


def _fold(op: Op) -> bool:
    if op.name == "const" and isinstance(op.attrs["value"], Register):
        op.name, op.attrs = "register", {"register": op.attrs["value"].name}
        return True
    if op.name in _NEVER_FOLDED or op.name.startswith("iter"):
        return False
    constants = [v.constant for v in op.operands]
    if op.name == "subscript" and constants[0] is not None and fold_item(op):
        return True
    if op.name == "subscript" and constants[1] is not None:
        indexed = _fold_index(op, constants[1].attrs["value"])
        return _fold_values(op, constants[: len(op.operands)]) or indexed
    if op.name == "branch" and constants[0] is not None:
        op.edges = [op.edges[0 if constants[0].attrs["value"] else 1]]
        op.name, op.operands = "jump", []
        return True
    if op.name == "raise":
        return bool(constants) and constants[0] is not None and _fold_raise(op, constants[0])
    return _fold_values(op, constants)


_NEVER_FOLDED = (
    "const",
    "copied",
    "new_like",
    "new_array",
    "array_from",
    "undefined",
    "jump",
    "return",
    "tuple",
    "invoke",
)


def _fold_values(op: Op, constants: list[Op | None]) -> bool:
    """Replace an op on constants by its value."""
    if not op.operands or None in constants:
        return False
    values = [c.attrs["value"] for c in constants if c is not None]
    if op.name == "call":
        folded = _fold_exception(op, values) or _fold_issubclass(op, values)
        return folded or _fold_type_query(op, values) or fold_array_call(op, values)
    if op.name == "attr":
        return _fold_attribute(op, values[0])
    if any(isinstance(v, np.ndarray) for v in values) and op.name not in _ON_ANYTHING:
        return fold_on_arrays(op, values)
    on_classes = op.name in _ON_CLASSES and all(isinstance(v, _CLASSES) for v in values)
    if op.name not in _ON_ANYTHING and not on_classes and not all(map(is_number, values)):
        return False
    if OPS[op.name].effects:
        return False
    try:
        with np.errstate(all="raise"):
            value: Any = None if _is_huge(op, values) else OPS[op.name].python(*values, **op.attrs)
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return False
    if not is_number(value) and not on_classes and op.name not in _GIVE_ANYTHING:
        return False
    return _become_constant(op, value)


_GIVE_ANYTHING = ("item", "unpack", "slice", "class_of")
_ON_ANYTHING = ("truth", "not", "is", "int", "float", *_GIVE_ANYTHING)
_ON_CLASSES = ("eq", "ne", "or")
_CLASSES = (type, UnionType, np.dtype, str)


def is_number(value: Any) -> bool:
    """Whether a constant is a number, or a tuple of such."""
    if isinstance(value, tuple):
        return all(map(is_number, value))
    return isinstance(value, _NUMBERS)


def _is_huge(op: Op, values: list[Any]) -> bool:
    """Whether the result would be an integer of absurd length."""
    if op.name not in ("pow", "lshift") or not all(isinstance(v, int) for v in values):
        return False
    base, exponent = values
    return bool(exponent * (base.bit_length() if op.name == "pow" else 1) > _HUGE)


def _become_constant(op: Op, value: Any) -> bool:
    op.name, op.operands, op.attrs = "const", [], {"value": value}
    return True


def _fold_index(op: Op, index: Any) -> bool:
    """``subscript`` by a constant integer is ``item``."""
    if not isinstance(index, int):
        return False
    op.name, op.operands, op.attrs = "item", op.operands[:1], {"index": index}
    return True


def _fold_attribute(op: Op, value: Any) -> bool:
    """The attribute of a module, or of any other object known when compiling.

    One that does not exist is left to inference, which looks at live code only.
    """
    try:
        return _become_constant(op, getattr(value, op.attrs["name"]))
    except AttributeError:
        return False


def _fold_exception(op: Op, values: list[Any]) -> bool:
    """An exception's class called with constants: the exception to raise."""
    cls, *args = values
    if not is_exception_class(cls) or op.attrs["keywords"]:
        return False
    return _become_constant(op, Raised(cls, tuple(args)))


def _fold_issubclass(op: Op, values: list[Any]) -> bool:
    if values[0] is not issubclass:
        return False
    try:
        return _become_constant(op, issubclass(*values[1:]))
    except TypeError as error:
        raise UnsupportedError(str(error).replace("issubclass", "isinstance"), op.loc) from None


_TYPE_QUERIES = (np.dtype, np.finfo, np.iinfo, np.issubdtype, np.promote_types)


def _fold_type_query(op: Op, values: list[Any]) -> bool:
    """What NumPy tells of types when a kernel is compiled: ``np.finfo(np.float32)``."""
    callee, *args = values
    if op.attrs["keywords"] or not any(callee is query for query in _TYPE_QUERIES):
        return False
    try:
        return _become_constant(op, callee(*args))
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"np.{callee.__name__}(): {error}", op.loc) from None


def _fold_raise(op: Op, constant: Op) -> bool:
    """``raise`` of a constant exception or class carries it as an attribute."""
    error = constant.attrs["value"]
    if is_exception_class(error):
        error = Raised(error)
    if not isinstance(error, Raised):
        raise UnsupportedError("exceptions must derive from BaseException", op.loc)
    op.operands, op.attrs = [], {"error": error}
    return True
