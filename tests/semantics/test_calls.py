"""Kernels that call other kernels' ufuncs, and NumPy's scalar types."""

from __future__ import annotations

import numpy as np
import pytest
from backends import check, edges, grid

import kernelgen
from kernelgen.errors import KernelgenError

I8, F4, F8 = (np.dtype(t) for t in ("i1", "f4", "f8"))


@kernelgen.vectorize
def doubled(x):
    return x * 2


@kernelgen.vectorize("f4(f4)")
def halved(x):
    return x * 0.5


@kernelgen.vectorize("(f8,i4)(f8,i2)")
def split(x, n):
    return x + n, n


@kernelgen.vectorize(["f4(f4)", "f8(f8)"])
def either(x):
    return x


def test_a_ufunc_is_inlined():
    ufunc = check(
        lambda x, y: doubled(x) + doubled(y), *grid(I8, F4), oracle=lambda x, y: x * 2 + y * 2
    )
    assert "call" not in ufunc.inspect_ir("i1,f4")


@kernelgen.vectorize
def repeated(x, n):
    total = x
    for _ in range(n):
        total += x
    return total


def test_results_are_as_strong_as_numpys_scalars():
    check(lambda x: doubled(100) + x, np.arange(3, dtype=I8), dtype="i8")
    check(lambda x: (doubled(0.5) + x, doubled(x > 0)), np.arange(3, dtype=F4), dtype=("f8", "i8"))
    check(lambda x: repeated(1, x), np.arange(3, dtype=I8), dtype=I8)
    check(lambda x: repeated(x, 2), np.arange(3, dtype=F4), dtype=F4)
    check(lambda x: split(1, 2)[1] + x, np.arange(3, dtype=I8), dtype="i4")


def test_a_signature_casts_arguments_and_results():
    ufunc = kernelgen.vectorize(lambda x: halved(x))
    assert ufunc(np.int8(3)) == np.float32(1.5)
    assert ufunc(np.int8(3)).dtype == F4
    both = kernelgen.vectorize(lambda x: split(x, 70000)[1] + split(x, 1)[0])
    assert both(np.float32(1.0)) == 70000 - 65536 + 2.0


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda x: halved(x), "float64 cannot be cast safely to float32"),
        (lambda x: either(x * 1j), r"no signature of either takes \(complex128\)"),
        (lambda x: doubled(x, x), "return arrays must be of ArrayType"),
        (lambda x: doubled(), "doubled is called with its 1 input, and after them"),
        (lambda x: doubled(x, order="C"), r"doubled\(\) takes no order= in a kernel"),
        (lambda x: x + np.int8(300), "the literal 300 does not fit int8"),
    ],
)
def test_refusals(kernel, message):
    with pytest.raises(KernelgenError, match=message):
        kernelgen.vectorize(kernel)(1.0)


def test_scalar_types_convert():
    def kernel(x, y):
        return np.float32(x) * np.pi + np.int16(y), np.bool_(x), np.float64(3) + np.uint8(7)

    check(kernel, np.arange(-6.0, 12.0), np.arange(-6, 12, dtype=I8))
    check(lambda x: np.float32(x), edges(F8))
