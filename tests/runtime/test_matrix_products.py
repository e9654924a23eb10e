"""Products by BLAS: what is handed to it, and what happens where there is none."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from kernelgen import blas
from kernelgen.runtime import engine, matrix_products

NUMBER = ctypes.c_int64
SIGNATURE = ctypes.CFUNCTYPE(
    ctypes.c_bool,
    *(ctypes.c_void_p, NUMBER, ctypes.c_void_p, NUMBER, ctypes.c_void_p, NUMBER, NUMBER, NUMBER),
)


def multiply(t, a, b, size=None):
    """Link the functions anew; whether ``a @ b`` was computed, and what."""
    symbol = blas.symbol(t)
    module = engine.compile_module(matrix_products.source(), opt_level=0)
    library = engine.link(module.object_code, [symbol], matrix_products.symbols())
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    steps = [x.strides[0] if x.flags.c_contiguous else -x.strides[1] for x in (a, b)]
    lda, ldb = (step // a.itemsize for step in steps)
    n = c.shape[1] if size is None else size
    sizes = (c.shape[0], n, a.shape[1])
    call = SIGNATURE(library.address(symbol))
    return call(a.ctypes.data, lda, b.ctypes.data, ldb, c.ctypes.data, *sizes), c


@pytest.fixture
def fresh(monkeypatch):
    """Symbols of these tests' own, so that they are not those of the process."""
    monkeypatch.setattr(blas, "symbol", lambda t: f"test_{blas.LETTERS[t]}gemm")
    return monkeypatch


@pytest.mark.parametrize("t", blas.LETTERS, ids=str)
def test_products(fresh, t):
    if matrix_products._find(blas.LETTERS[t]) is None:
        pytest.skip("NumPy has no BLAS")
    a = np.arange(6).reshape(2, 3).astype(t.dtype)
    b = np.arange(12).reshape(3, 4).astype(t.dtype)
    for left in (a, np.asfortranarray(a)):
        for right in (b, np.asfortranarray(b)):
            done, c = multiply(t, left, right)
            assert done
            np.testing.assert_array_equal(c, a @ b)


def test_without_blas(fresh):
    fresh.setattr(matrix_products, "_find", lambda letter: None)
    t = next(iter(blas.LETTERS))
    a = np.ones((2, 2), t.dtype)
    done, c = multiply(t, a, a)
    assert not done
    assert not c.any()


def test_sizes_beyond_narrow_integers_are_refused(fresh):
    unreachable = matrix_products._Found(
        ctypes.cast(SIGNATURE(lambda *_: True), ctypes.c_void_p).value, 32
    )
    fresh.setattr(matrix_products, "_find", lambda letter: unreachable)
    t = next(iter(blas.LETTERS))
    a = np.ones((2, 2), t.dtype)
    done, _ = multiply(t, a, a, size=1 << 31)
    assert not done
