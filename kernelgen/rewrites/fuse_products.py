"""Read a matrix once where it is multiplied, and its transpose by what is computed of the product.

Before: typed SSA with conversions, arrays resolved. After: ``x.T @ f(x @ w)``, or ``f(x @ w) @ x``,
is one op, ``normal_product``, if ``f`` is arithmetic on elements whose results nothing else uses,
and ``x`` lies in memory row by row. In least squares, where this comes from, ``f`` makes the
residuals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ops.elementwise import ARITHMETIC
from kernelgen.ops.registry import OPS
from kernelgen.rewrites.merge_blocks import merge_blocks
from kernelgen.types.compound import Array
from kernelgen.types.table import FLOAT16

_PRODUCTS = ("matmul", "dot")


class _Pair(NamedTuple):
    """Two products of one matrix: ``outer`` multiplies what is computed of ``inner``."""

    inner: Op
    outer: Op
    residuals: Value
    by_columns: bool


def fuse_products(function: Function) -> None:
    """Apply the pass."""
    if sum(op.name in _PRODUCTS for op in function.ops()) < 2:
        return
    merge_blocks(function)
    users = function.users()
    for block in function.blocks:
        for pair in list(_pairs(block, users)):
            _fuse(block, pair)


def _pairs(block: Block, users: dict[Value, list[Op]]) -> Iterator[_Pair]:
    for outer in block.ops:
        if outer.name not in _PRODUCTS or outer.attrs.get("inplace"):
            continue
        for by_columns, (matrix, residuals) in enumerate((outer.operands, outer.operands[::-1])):
            x = matrix if by_columns else _transposed_of(matrix)
            if x is None or not _is_of_rows(x, residuals):
                continue
            inner = _product_within(block, outer, x, residuals, users)
            if inner is not None:
                yield _Pair(inner, outer, residuals, bool(by_columns))
                break


def _transposed_of(matrix: Value) -> Value | None:
    op = matrix.definition
    return op.operands[0] if isinstance(op, Op) and op.name == "array_T" else None


def _is_of_rows(x: Value, residuals: Value) -> bool:
    """Whether ``x`` is a matrix of contiguous rows, and the other a vector of the same type."""
    a, b = x.type, residuals.type
    if not isinstance(a, Array) or not isinstance(b, Array) or a.dtype is FLOAT16:
        return False
    return (a.ndim, a.layout, b.ndim, b.dtype) == (2, "C", 1, a.dtype)


def _product_within(
    block: Block, outer: Op, x: Value, residuals: Value, users: dict[Value, list[Op]]
) -> Op | None:
    """The product of ``x`` that the residuals are computed of, if of nothing that may be seen."""
    found: list[Op] = []
    pending = [residuals]
    while pending:
        op = pending.pop().definition
        if not isinstance(op, Op) or op not in block.ops or len(users[op.value]) != 1:
            continue
        if op.name in _PRODUCTS and op.operands[0] is x and _is_of_rows(x, op.operands[1]):
            found.append(op)
        elif op.name in ARITHMETIC:
            pending += op.operands
    if len(found) != 1:
        return None
    (inner,) = found
    between = block.ops[block.ops.index(inner) + 1 : block.ops.index(outer)]
    return None if any(op.result and OPS[op.name].effects for op in between) else inner


def _fuse(block: Block, pair: _Pair) -> None:
    """The inner product becomes an array that the outer one fills on its way."""
    inner, outer = pair.inner, pair.outer
    x, w = inner.operands
    outer.operands = [pair.residuals, inner.value, x, w]
    outer.attrs = {"of": outer.name, "by_columns": pair.by_columns}
    inner.attrs = {"of": inner.name}
    inner.name, outer.name = "products_to_come", "normal_product"
