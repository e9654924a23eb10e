"""Products of vectors and matrices: ``@``, ``np.dot`` and what they are made of.

Their definitions are in ``product_library.py``, chosen by the ranks and layouts of operands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen import blas
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops import product_library as library
from kernelgen.ops.arith import result_type
from kernelgen.ops.arrays import check_writable
from kernelgen.ops.elementwise import rule_on
from kernelgen.ops.memory import Address
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import same, scalars
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, UNDEFINED, Array, Type, describe
from kernelgen.types.promote import can_cast_within_kind, common_type
from kernelgen.types.table import ADDRESS, FLOAT16, WEAK_BOOL, WEAK_INT, Scalar

_MOST = 3
"""Stacks of matrices have this many dimensions."""

# ------------------------------------------------------------------------------- the sums


def _sum_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common_type(*scalars("a product", types[1:]))
    assert t is not None
    return same(t, 3)


def _lower_accumulated(e: Emitter, op: Op, args: list[str]) -> str:
    t, (total, a, b) = result_type(op), args
    if not t.is_float:
        return _lower_whole_sum(e, t, args)
    flags = f"reassoc nsz contract {e.math_flags}"
    term = e(f"fmul {flags}{t.llvm} {a}, {b}")
    return e(f"fadd {flags}{t.llvm} {total}, {term}")


def _lower_plus_product(e: Emitter, op: Op, args: list[str]) -> str:
    t = result_type(op)
    if not t.is_float:
        return _lower_whole_sum(e, t, args)
    total, a, b = args
    return e.call(f"llvm.fmuladd.f{t.bits}", t, (t, a), (t, b), (t, total))


def _lower_whole_sum(e: Emitter, t: Scalar, args: list[str]) -> str:
    total, a, b = args
    names = ("and", "or") if t.is_bool else ("mul", "add")
    term = e(f"{names[0]} {t.llvm} {a}, {b}")
    return e(f"{names[1]} {t.llvm} {total}, {term}")


def _define_sum(function: Callable[..., Any], lower: Callable[..., str]) -> None:
    """The sum of a number and a product."""
    define(OpDef(function.__name__, _sum_rule, function, lower, calls=((function, 3),)))


_define_sum(library.accumulated, _lower_accumulated)
_define_sum(library.plus_product, _lower_plus_product)

# --------------------------------------------------------------------------------- the rules


def _arrays(what: str, types: tuple[Type, ...]) -> tuple[Array, ...]:
    for t in types:
        if not isinstance(t, Array):
            raise NoRule(f"{what} multiplies arrays, and here is {describe(t)}", "write `*`")
    return types  # type: ignore[return-value]


def _product_type(what: str, a: Array, b: Array) -> Array | Scalar:
    """The type of a product: of two vectors it is a number."""
    t = common_type(a.dtype, b.dtype)
    if t is None or t.is_time:
        raise NoRule(f"{what} does not exist for {describe(a)} and {describe(b)}")
    if min(a.ndim, b.ndim) == 0:
        raise NoRule(f"{what} needs arrays that have dimensions", "write `*`")
    if max(a.ndim, b.ndim) > _MOST:
        raise NoRule(
            f"{what} in a kernel multiplies arrays of up to {_MOST} dimensions",
            "write a loop over the first axis",
        )
    outer = max(a.ndim, b.ndim, 2) - 2
    ndim = outer + (a.ndim > 1) + (b.ndim > 1)
    return Array(t, ndim, "C") if ndim else t


def _matmul_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    a, b = _arrays("`@`", types)
    made = _product_type("`@`", a, b)
    if not op.attrs.get("inplace"):
        return Typed((None, None), made)
    check_writable(a)
    if b.ndim < 2:
        raise NoRule("`@=` needs a matrix on its right side", "write a = a @ b")
    assert isinstance(made, Array)
    if not can_cast_within_kind(made.dtype, a.dtype) or made.ndim != a.ndim:
        raise NoRule(f"a {describe(made)} does not fit into a {describe(a)}", "write a = a @ b")
    return Typed((None, None), a)


def _matmul(a: Any, b: Any, inplace: bool = False) -> Any:
    if inplace:
        a @= b
        return a
    return a @ b


def _product_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None, None), _product_type("a product", *_arrays("a product", types)))


def _dot_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    given = [t for t in types if isinstance(t, Array)]
    if given and (len(given) < len(types) or any(t.ndim == 0 for t in given)):
        return rule_on(Op("mul", op.operands), types)
    a, b = _arrays("dot()", types)
    if max(a.ndim, b.ndim) >= _MOST:
        raise NoRule("dot() in a kernel multiplies vectors and matrices", "write `a @ b`")
    return Typed((None, None), _product_type("dot()", a, b))


def _dot_into_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    *_, out = types
    made = _dot_rule(op, types[:2]).result
    if not isinstance(out, Array) or not isinstance(made, Array):
        raise NoRule("out= is an array for the product of a matrix")
    check_writable(out)
    wrong = out.dtype is not made.dtype and str(out.dtype) != str(UNDEFINED)
    if wrong or out.ndim != made.ndim:
        raise NoRule(f"out= is a {describe(out)}, and the product a {describe(made)}")
    return Typed((None,) * 3, out)


def _into_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,) * 3, NONE)


# --------------------------------------------------------------------------- the definitions


def _ranks(op: Op) -> tuple[int, int]:
    a, b = (v.type for v in op.operands[:2])
    assert isinstance(a, Array) and isinstance(b, Array)
    return a.ndim, b.ndim


def _expand_matmul(op: Op) -> Callable[..., Any]:
    a, b = _ranks(op)
    if b == 1:
        return library.matmul_by_vector
    return library.matmul_of_stacks if a == b == _MOST else library.matmul_by_matrix


def _expand_dot(op: Op) -> Callable[..., Any] | str:
    if not all(isinstance(v.type, Array) and v.type.ndim for v in op.operands):
        return library.multiplied
    return {
        (1, 1): library.dot_of_vectors,
        (1, 2): library.dot_of_vector_matrix,
        (2, 1): library.dot_of_matrix_vector,
        (2, 2): library.dot_of_matrices,
    }[_ranks(op)]


def _expand_dot_into(op: Op) -> Callable[..., Any]:
    out = op.operands[2].type
    assert isinstance(out, Array)
    return library.dot_into_vector if out.ndim == 1 else library.dot_into_matrix


_NEW = {
    (1, 1): library.vector_by_vector,
    (1, 2): library.made_of_vector_matrix,
    (2, 1): library.made_of_matrix_vector,
    (2, 2): library.made_of_matrices,
    (1, 3): library.made_of_vector_stack,
    (2, 3): library.made_of_matrix_stack,
    (3, 1): library.made_of_stack_vector,
    (3, 2): library.made_of_stack_matrix,
    (3, 3): library.made_of_stacks,
}


def _expand_product(op: Op) -> Callable[..., Any]:
    dtypes = [v.type.dtype for v in op.operands if isinstance(v.type, Array)]
    met = common_type(*dtypes)
    if met == FLOAT16:
        return library.product_of_halves
    if met in blas.LETTERS and _ranks(op) == (2, 2) and len(set(dtypes)) > 1:
        return library.product_of_types
    return _NEW[_ranks(op)]


def _expand_into(op: Op) -> Callable[..., Any]:
    _, a, b = (v.type for v in op.operands)
    assert isinstance(a, Array) and isinstance(b, Array)
    if a.ndim == _MOST or b.ndim == _MOST:
        if a.ndim == b.ndim:
            return library.stack_by_stack
        return library.stack_by_one if a.ndim == _MOST else library.one_by_stack
    if (a.ndim, b.ndim) == (2, 2):
        return _of_matrices(a, b)
    matrix, by_layout = (a, _BY_VECTOR) if a.ndim > 1 else (b, _OF_VECTOR)
    return by_layout[matrix.layout]


_BY_VECTOR = {
    "C": library.rows_by_vector,
    "F": library.columns_by_vector,
    "A": library.matrix_by_vector,
}
_OF_VECTOR = {
    "C": library.vector_by_rows,
    "F": library.vector_by_columns,
    "A": library.vector_by_matrix,
}


def _of_matrices(a: Array, b: Array) -> Callable[..., Any]:
    if a.dtype != b.dtype or a.dtype not in blas.LETTERS:
        return library.matrix_by_matrix
    return library.dense_by_dense if a.dense and b.dense else library.strided_by_strided


def _into(out: Any, a: Any, b: Any) -> None:
    np.matmul(a, b, out=out)


def _define(
    rule: Callable[[Op, tuple[Type, ...]], Typed],
    python: Callable[..., Any],
    function: Callable[..., Any],
    name: str,
    expand: Callable[[Op], Callable[..., Any] | str] | None = None,
) -> None:
    """A product of arrays, which the kernel language calls by ``function``."""
    count = function.__code__.co_argcount
    calls = ((function, count),)
    define(
        OpDef(name, rule, python, never_lowered, None, calls, expand, carries=True, effects=True)
    )


_define(_matmul_rule, _matmul, library.matrix_product, "matmul", _expand_matmul)
_define(_dot_rule, np.dot, library.dot_product, "dot", _expand_dot)
_define(_dot_into_rule, library.dot_into, library.dot_into, "dot_into", _expand_dot_into)
_define(_product_rule, library.product, library.product, "product", _expand_product)
_define(_into_rule, _into, library.multiply_into, "multiply_into", _expand_into)


def _expand_room(op: Op) -> Callable[..., Any]:
    return library.room_of_matmul if op.attrs["of"] == "matmul" else library.room_of_dot


def _to_come(a: Any, b: Any, of: str) -> Any:
    return np.matmul(a, b)


_define(_product_rule, _to_come, library.products_to_come, "products_to_come", _expand_room)


def _normal_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    residuals, _, x, _ = types
    return Typed((None,) * 4, _product_type("a product", *_arrays("a product", (residuals, x))))


def _normal_product(
    residuals: Any, products: Any, x: Any, w: Any, of: str, by_columns: bool
) -> Any:
    return residuals @ x


define(
    OpDef(
        "normal_product", _normal_rule, _normal_product, never_lowered, carries=True, effects=True
    )
)

# -------------------------------------------------------------------------------------- BLAS


def _gemm_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None, None, None), WEAK_BOOL)


_define(_gemm_rule, library.gemm, library.gemm, "gemm")


def _blas_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    pointers = (ADDRESS, WEAK_INT) * 2 + (ADDRESS,)
    return Typed((*pointers, *(WEAK_INT,) * 3), WEAK_BOOL)


def _matrix(address: Address, step: int, rows: int, columns: int, t: Scalar) -> Any:
    """A matrix in the interpreter's memory."""
    steps = (step, 1) if step >= 0 else (1, -step)
    strides = tuple(each * t.size for each in steps)
    shape = (int(rows), int(columns))
    return np.ndarray(shape, t.dtype, address.memory, address.place, strides)


def _blas(
    a: Address, a_step: Any, b: Address, b_step: Any, c: Address, m: Any, n: Any, k: Any,
    type: Scalar,
) -> Any:  # fmt: skip
    first = _matrix(a, int(a_step), m, k, type)
    second = _matrix(b, int(b_step), k, n, type)
    np.matmul(first, second, out=_matrix(c, int(n), m, n, type))
    return np.bool_(True)


def _lower_blas(e: Emitter, op: Op, args: list[str]) -> str:
    symbol = blas.symbol(op.attrs["type"])
    e.declarations[symbol] = blas.DECLARED[symbol]
    kinds = ("ptr", "i64", "ptr", "i64", "ptr", "i64", "i64", "i64")
    given = ", ".join(f"{kind} {arg}" for kind, arg in zip(kinds, args, strict=True))
    return e(f"call i1 @{symbol}({given})")


define(OpDef("blas_gemm", _blas_rule, _blas, _lower_blas, carries=True, effects=True))
