"""Products of vectors and matrices, written in the kernel language.

Vectors are multiplied four rows at a time: fewer loads, and sums that do not wait for each other.
Large matrices go to BLAS where there is one. Against it, these loops take half the time for a
matrix and a vector, of any size, and less for matrices of up to some thousand products.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ops.array_library import converted, copied, dtype_for, new_array
from kernelgen.ops.complex_library import imag, of_parts, real
from kernelgen.ops.library import element, put_element, replaces

SMALL = 600
"""Of fewer products of numbers than this, BLAS has no use."""

# ------------------------------------------------------------------- what ops stand for these


def accumulated(total: Any, a: Any, b: Any) -> Any:
    """The op of that name: a step of a sum of products, which may be added in any order."""
    return total + a * b


def plus_product(total: Any, a: Any, b: Any) -> Any:
    """The op of that name: a step of a sum whose terms are added in this order."""
    return total + a * b


def matrix_product(a: Any, b: Any) -> Any:
    """The op ``matmul``."""
    return np.matmul(a, b)


def dot_product(a: Any, b: Any) -> Any:
    """The op ``dot``."""
    return np.dot(a, b)


def dot_into(a: Any, b: Any, out: Any) -> Any:
    """The op of that name: the product in an array that is given."""
    return np.dot(a, b, out)


def product(a: Any, b: Any) -> Any:
    """The op of that name: ``a @ b`` of shapes that go together."""
    return np.matmul(a, b)


def multiply_into(out: Any, a: Any, b: Any) -> Any:
    """The op of that name: ``a @ b`` in an array apart from both."""
    out[...] = np.matmul(a, b)


def gemm(out: Any, a: Any, b: Any) -> Any:
    """The op of that name: the same by BLAS, of arrays without gaps; whether there is one."""
    out[...] = np.matmul(a, b)
    return True


def accumulated_parts(total: Any, a: Any, b: Any) -> Any:
    """The op ``accumulated``, of complex numbers."""
    x, y, u, v = real(a), imag(a), real(b), imag(b)
    first = accumulated(accumulated(real(total), x, u), -y, v)
    return of_parts(first, accumulated(accumulated(imag(total), x, v), y, u))


def plus_product_of_parts(total: Any, a: Any, b: Any) -> Any:
    """The op ``plus_product``, of complex numbers."""
    x, y, u, v = real(a), imag(a), real(b), imag(b)
    first = plus_product(plus_product(real(total), x, u), -y, v)
    return of_parts(first, plus_product(plus_product(imag(total), x, v), y, u))


# ---------------------------------------------------------------------------- loops, by rank


def vector_by_vector(a: Any, b: Any) -> Any:
    total = False  # which any type of number is more than
    for i in range(len(a)):
        total = accumulated(total, element(a, i), element(b, i))
    return total


def rows_by_vector(out: Any, a: Any, b: Any) -> None:
    whole = len(a) & -4
    for i in range(0, whole, 4):
        p = q = r = s = False
        a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
        for k in range(len(b)):
            factor = element(b, k)
            p = accumulated(p, element(a0, k), factor)
            q = accumulated(q, element(a1, k), factor)
            r = accumulated(r, element(a2, k), factor)
            s = accumulated(s, element(a3, k), factor)
        out[i], out[i + 1], out[i + 2], out[i + 3] = p, q, r, s
    for i in range(whole, len(a)):
        out[i] = vector_by_vector(a[i], b)


def vector_by_rows(out: Any, a: Any, b: Any) -> None:
    if len(out) < 8:
        vector_by_few_columns(out, a, b)
        return
    out[...] = 0
    whole = len(a) & -4
    for k in range(0, whole, 4):
        p, q, r, s = a[k], a[k + 1], a[k + 2], a[k + 3]
        add_four_rows(out, p, q, r, s, b[k], b[k + 1], b[k + 2], b[k + 3])
    for k in range(whole, len(a)):
        add_row(out, a[k], b[k])


def add_four_rows(
    out: Any, p: Any, q: Any, r: Any, s: Any, b0: Any, b1: Any, b2: Any, b3: Any
) -> None:
    """Add four rows, each times its factor."""
    for j in range(len(out)):
        two = plus_product(plus_product(element(out, j), p, element(b0, j)), q, element(b1, j))
        four = plus_product(plus_product(two, r, element(b2, j)), s, element(b3, j))
        put_element(out, four, j)


def add_row(out: Any, factor: Any, row: Any) -> None:
    for j in range(len(out)):
        put_element(out, plus_product(element(out, j), factor, element(row, j)), j)


def vector_by_few_columns(out: Any, a: Any, b: Any) -> None:
    """Four columns at a time, as rows of few elements are not worth a loop."""
    whole = len(out) & -4
    for j in range(0, whole, 4):
        p = q = r = s = False
        for k in range(len(a)):
            factor = element(a, k)
            p = accumulated(p, factor, element(b, k, j))
            q = accumulated(q, factor, element(b, k, j + 1))
            r = accumulated(r, factor, element(b, k, j + 2))
            s = accumulated(s, factor, element(b, k, j + 3))
        out[j], out[j + 1], out[j + 2], out[j + 3] = p, q, r, s
    for j in range(whole, len(out)):
        out[j] = vector_by_vector(a, b[:, j])


def columns_by_vector(out: Any, a: Any, b: Any) -> None:
    vector_by_rows(out, b, a.T)


def vector_by_columns(out: Any, a: Any, b: Any) -> None:
    rows_by_vector(out, b.T, a)


def matrix_by_vector(out: Any, a: Any, b: Any) -> None:
    """Of any strides: along the axis whose elements are nearer to each other."""
    if abs(a.strides[0]) < abs(a.strides[1]):
        columns_by_vector(out, a, b)
    else:
        rows_by_vector(out, a, b)


def vector_by_matrix(out: Any, a: Any, b: Any) -> None:
    matrix_by_vector(out, b.T, a)


def matrix_by_matrix(out: Any, a: Any, b: Any) -> None:
    for i in range(len(out)):
        multiply_into(out[i], a[i], b)


def dense_by_dense(out: Any, a: Any, b: Any) -> None:
    small = len(a) * len(b) * b.shape[1] < SMALL
    if small or not gemm(out, a, b):
        matrix_by_matrix(out, a, b)


def strided_by_strided(out: Any, a: Any, b: Any) -> None:
    if len(a) * len(b) * b.shape[1] < SMALL:
        matrix_by_matrix(out, a, b)
    else:
        dense_by_dense(out, copied(a), copied(b))


def stack_by_stack(out: Any, a: Any, b: Any) -> None:
    for i in range(len(out)):
        multiply_into(out[i], a[i if len(a) > 1 else 0], b[i if len(b) > 1 else 0])


def stack_by_one(out: Any, a: Any, b: Any) -> None:
    for i in range(len(out)):
        multiply_into(out[i], a[i], b)


def one_by_stack(out: Any, a: Any, b: Any) -> None:
    for i in range(len(out)):
        multiply_into(out[i], a, b[i])


# ------------------------------------------------------------------------------- new arrays


def made_of_matrix_vector(a: Any, b: Any) -> Any:
    made = new_array(len(a), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_vector_matrix(a: Any, b: Any) -> Any:
    made = new_array(b.shape[1], dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_matrices(a: Any, b: Any) -> Any:
    made = new_array((len(a), b.shape[1]), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_stacks(a: Any, b: Any) -> Any:
    count = len(b) if len(a) == 1 else len(a)
    made = new_array((count, a.shape[1], b.shape[2]), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_stack_matrix(a: Any, b: Any) -> Any:
    made = new_array((len(a), a.shape[1], b.shape[1]), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_matrix_stack(a: Any, b: Any) -> Any:
    made = new_array((len(b), len(a), b.shape[2]), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_stack_vector(a: Any, b: Any) -> Any:
    made = new_array((len(a), a.shape[1]), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def made_of_vector_stack(a: Any, b: Any) -> Any:
    made = new_array((len(b), b.shape[2]), dtype_for(None, (a, b)), "C")
    multiply_into(made, a, b)
    return made


def product_of_types(a: Any, b: Any) -> Any:
    """Of arrays of different types that BLAS has not both of."""
    dtype = dtype_for(None, (a, b))
    return product(converted(a, dtype), converted(b, dtype))


def product_of_halves(a: Any, b: Any) -> Any:
    """Sums of float16 are sums of float32, rounded once."""
    return product(a.astype(np.float32), b.astype(np.float32)).astype(np.float16)


# ------------------------------------------------------------- products there and back again


def products_to_come(a: Any, b: Any) -> Any:
    """The op of that name: room for the products of rows and a vector."""
    return np.matmul(a, b)


def room_of_matmul(a: Any, b: Any) -> Any:
    check_core(len(b), a.shape[1])
    return new_array(len(a), dtype_for(None, (a, b)), "C")


def room_of_dot(a: Any, b: Any) -> Any:
    check_aligned(a, b)
    return new_array(len(a), dtype_for(None, (a, b)), "C")


def rows_there_and_back(out: Any, a: Any, b: Any, products: Any, residuals: Any) -> None:
    """Add the rows of ``a`` to ``out``, each times its residual.

    A residual is computed of the row's product with ``b``, from where that is in ``products``.
    """
    whole = len(a) & -4
    for i in range(0, whole, 4):
        p = q = r = s = False
        a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
        for k in range(len(b)):
            factor = element(b, k)
            p = accumulated(p, element(a0, k), factor)
            q = accumulated(q, element(a1, k), factor)
            r = accumulated(r, element(a2, k), factor)
            s = accumulated(s, element(a3, k), factor)
        products[i], products[i + 1], products[i + 2], products[i + 3] = p, q, r, s
        p, q, r, s = residuals[i], residuals[i + 1], residuals[i + 2], residuals[i + 3]
        add_four_rows(out, p, q, r, s, a0, a1, a2, a3)
    for i in range(whole, len(a)):
        products[i] = vector_by_vector(a[i], b)
        add_row(out, residuals[i], a[i])


def matmul_there_and_back(out: Any, a: Any, b: Any, products: Any, residuals: Any) -> None:
    check_core(len(residuals), len(a))
    rows_there_and_back(out, a, b, products, residuals)


def left_matmul_there_and_back(out: Any, a: Any, b: Any, products: Any, residuals: Any) -> None:
    check_core(len(a), len(residuals))
    rows_there_and_back(out, a, b, products, residuals)


def dot_there_and_back(out: Any, a: Any, b: Any, products: Any, residuals: Any) -> None:
    check_aligned(a.T, residuals)
    rows_there_and_back(out, a, b, products, residuals)


def left_dot_there_and_back(out: Any, a: Any, b: Any, products: Any, residuals: Any) -> None:
    check_left_aligned(residuals, a)
    rows_there_and_back(out, a, b, products, residuals)


# ------------------------------------------------------------------------------- the shapes


def check_core(size: Any, expected: Any) -> None:
    if size != expected:
        raise ValueError(
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc "
            f"signature (n?,k),(k,m?)->(n?,m?) (size {size} is different from {expected})"
        )


def check_stacks(a: Any, b: Any) -> None:
    if len(a) != len(b) and len(a) != 1 and len(b) != 1:
        raise ValueError(
            "operands could not be broadcast together with remapped shapes "
            f"[original->remapped]: ({len(a)},{a.shape[1]},{a.shape[2]})->({len(a)},newaxis,"
            f"newaxis) ({len(b)},{b.shape[1]},{b.shape[2]})->({len(b)},newaxis,newaxis)  and "
            f"requested shape ({a.shape[1]},{b.shape[2]})"
        )


def matmul_by_vector(a: Any, b: Any) -> Any:
    check_core(len(b), a.shape[-1])
    return product(a, b)


def matmul_by_matrix(a: Any, b: Any) -> Any:
    check_core(b.shape[-2], a.shape[-1])
    return product(a, b)


def matmul_of_stacks(a: Any, b: Any) -> Any:
    check_core(b.shape[1], a.shape[2])
    check_stacks(a, b)
    return product(a, b)


def dot_of_vectors(a: Any, b: Any) -> Any:
    n, m = len(a), len(b)
    if n != m:
        raise ValueError(f"shapes ({n},) and ({m},) not aligned: {n} (dim 0) != {m} (dim 0)")
    return product(a, b)


def check_aligned(a: Any, b: Any) -> None:
    (m, n), k = a.shape, len(b)
    if n != k:
        raise ValueError(f"shapes ({m},{n}) and ({k},) not aligned: {n} (dim 1) != {k} (dim 0)")


def check_left_aligned(a: Any, b: Any) -> None:
    n, (k, m) = len(a), b.shape
    if n != k:
        raise ValueError(f"shapes ({n},) and ({k},{m}) not aligned: {n} (dim 0) != {k} (dim 0)")


def dot_of_matrix_vector(a: Any, b: Any) -> Any:
    check_aligned(a, b)
    return product(a, b)


def dot_of_vector_matrix(a: Any, b: Any) -> Any:
    check_left_aligned(a, b)
    return product(a, b)


def dot_of_matrices(a: Any, b: Any) -> Any:
    (m, n), (k, p) = a.shape, b.shape
    if n != k:
        raise ValueError(f"shapes ({m},{n}) and ({k},{p}) not aligned: {n} (dim 1) != {k} (dim 0)")
    return product(a, b)


def multiplied(a: Any, b: Any) -> Any:
    return a * b


def dot_into_vector(a: Any, b: Any, out: Any) -> Any:
    made = dot_product(a, b)
    check_out(len(made) == len(out), made.strides[0] == out.strides[0])
    out[...] = made
    return out


def dot_into_matrix(a: Any, b: Any, out: Any) -> Any:
    made = dot_product(a, b)
    (m, n), (k, p) = made.shape, out.shape
    check_out(m == k and n == p, made.strides[0] == out.strides[0])
    out[...] = made
    return out


def check_out(fits: Any, dense: Any) -> None:
    if not fits:
        raise ValueError("output array has wrong dimensions")
    if not dense:
        raise ValueError(
            "output array is not acceptable (must have the right datatype, number of "
            "dimensions, and be a C-Array)"
        )


# ------------------------------------------------------------------------ what users write


@replaces(np.matmul)
def matmul(x1: Any, x2: Any, out: Any = None) -> Any:
    if out is None:
        return matrix_product(x1, x2)
    out[...] = matrix_product(x1, x2)
    return out


@replaces(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is None:
        return dot_product(a, b)
    return dot_into(a, b, out)


@replaces(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    x, y = np.ravel(a), np.ravel(b)
    if len(x) != len(y):
        raise ValueError(f"cannot reshape array of size {len(y)} into shape ({len(x)},)")
    return dot_product(np.conjugate(x), y)


@replaces(np.inner)
def inner(a: Any, b: Any) -> Any:
    return dot_product(a, b.T)


@replaces(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    rows, columns = np.ravel(a), np.ravel(b)
    if out is None:
        return rows[:, np.newaxis] * columns[np.newaxis, :]
    out[...] = rows[:, np.newaxis] * columns[np.newaxis, :]
    return out


# -------------------------------------------------------------------------------- convolution


@replaces(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    if len(a) == 0:
        raise ValueError("a cannot be empty")
    if len(v) == 0:
        raise ValueError("v cannot be empty")
    return convolved(a, v, mode) if len(a) >= len(v) else convolved(v, a, mode)


def convolved(a: Any, v: Any, mode: Any) -> Any:
    """The same where the second vector is not the longer one."""
    made = np.zeros(len(a) + len(v) - 1, dtype_for(None, (a[0], v[0])))
    for i in range(len(a)):
        for j in range(len(v)):
            made[i + j] += a[i] * v[j]
    if mode == "full":
        return made
    first = (len(v) - 1) // 2 if mode == "same" else len(v) - 1
    return made[first : first + len(a) if mode == "same" else len(a)].copy()
