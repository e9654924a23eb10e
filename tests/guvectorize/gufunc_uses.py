"""Every way to use a generalized ufunc, to be done with a kernel's and with NumPy's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "vectorize"))

from uses import Metres, assert_same, into, laid_out, metres, run_in_new_process

from kernelgen import guvectorize

__all__ = ["Metres", "assert_same", "run_in_new_process"]


def make_dot(**choices: Any) -> np.ufunc:
    """A fresh twin of ``np.vecdot`` that has not met any dtype yet."""

    def dot(x, y, out):
        out[0] = 0
        for i in range(len(x)):
            out[0] += x[i] * y[i]

    return guvectorize("(n),(n)->()", **choices)(dot)


def make_matmul() -> np.ufunc:
    """A fresh twin of ``np.matmul``."""

    def matmul(a, b, c):
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                c[i, j] = 0
                for k in range(a.shape[1]):
                    c[i, j] += a[i, k] * b[k, j]

    return guvectorize("(m?,n),(n,p?)->(m?,p?)")(matmul)


A = np.arange(24.0).reshape(2, 3, 4)
B = np.arange(4.0)
I = np.arange(24).reshape(2, 3, 4)
F = A.astype("f4")
SWAPPED = A.astype(A.dtype.newbyteorder())
UNALIGNED = np.frombuffer(bytes(1) + A.tobytes(), "u1")[1:].view("f8").reshape(2, 3, 4)
READ_ONLY = A.copy()
READ_ONLY.flags.writeable = False

DOT_USES: dict[str, Callable[[Any], Any]] = {
    "call": lambda f: f(A, A),
    "one row": lambda f: f(B, B),
    "broadcast": lambda f: f(A, B),
    "broadcast both": lambda f: f(A[:, :1], A[:1]),
    "integers": lambda f: f(I, I),
    "small integers": lambda f: f(I.astype("i1"), I.astype("i1")),
    "single precision": lambda f: f(F, F),
    "mixed floats": lambda f: f(F, A),
    "mixed": lambda f: f(I, F),
    "mixed integers": lambda f: f(I.astype("u4"), I.astype("i2")),
    "lists": lambda f: f([[1, 2], [3, 4]], [5.0, 6.0]),
    "lists of integers": lambda f: f([1, 2], [3, 4]),
    "long long": lambda f: f(I.astype("q"), I.astype("q")),
    "dtype text": lambda f: f(A, A, dtype="f4", casting="same_kind"),
    "dtype class": lambda f: f(A, A, dtype=np.float32),
    "dtype of integers": lambda f: f(I, I, dtype=float),
    "dtype unsafe": lambda f: f(A, A, dtype="i4", casting="unsafe"),
    "signature text": lambda f: f(A, A, signature="dd->d"),
    "signature with a cast": lambda f: f(A, A, signature="ff->f"),
    "signature of classes": lambda f: f(F, F, signature=(np.float64,) * 3),
    "signature of the output": lambda f: f(A, A, signature=(None, None, "f4")),
    "out": lambda f: into(np.zeros((2, 3)), lambda o: f(A, A, out=o)),
    "out in a tuple": lambda f: into(np.zeros((2, 3)), lambda o: f(A, A, out=(o,))),
    "out as third argument": lambda f: into(np.zeros((2, 3)), lambda o: f(A, A, o)),
    "out of less precision": lambda f: into(np.zeros((2, 3), "f4"), lambda o: f(A, A, out=o)),
    "out of more precision": lambda f: into(np.zeros((2, 3)), lambda o: f(F, F, out=o)),
    "out of zero dimensions": lambda f: into(np.zeros(()), lambda o: f(B, B, out=o)),
    "out strided": lambda f: into(np.zeros((3, 4))[::-1, 1::2].T, lambda o: f(A, A, out=o)),
    "out larger": lambda f: into(np.zeros((4, 2, 3)), lambda o: f(A, A, out=o)),
    "out unsafe": lambda f: into(
        np.zeros((2, 3), "i4"), lambda o: f(A, A, out=o, casting="unsafe")
    ),
    "out swapped": lambda f: into(np.zeros((2, 3), ">f8"), lambda o: f(A, A, out=o)),
    "out over an input": lambda f: (x := A.copy(), f(x, x, out=x[:, :, 1])),
    "axis": lambda f: f(A, A, axis=0),
    "axis from the end": lambda f: f(A, A, axis=-2),
    "axis with keepdims": lambda f: f(A, A, axis=1, keepdims=True),
    "keepdims": lambda f: f(A, B, keepdims=True),
    "axes": lambda f: f(A[0], A[1].T, axes=[1, 0]),
    "axes of all": lambda f: f(A, A, axes=[(0,), (0,), ()]),
    "axes and keepdims": lambda f: f(A, A, axes=[0, 0, 2], keepdims=True),
    "order C": lambda f: laid_out(f(A.T, A.T, order="C")),
    "order F": lambda f: laid_out(f(A, A, order="F")),
    "order K": lambda f: laid_out(f(A.transpose(1, 0, 2), A.transpose(1, 0, 2), order="K")),
    "subok": lambda f: f(metres(A), B, subok=False),
    "subclass": lambda f: f(metres(A), B),
    "strided": lambda f: f(A[..., ::2], A[..., 1::2]),
    "backwards": lambda f: f(A[::-1, :, ::-1], B[::-1]),
    "transposed": lambda f: f(A.T[:2, :3], A.T[:2, :3]),
    "Fortran": lambda f: f(np.asfortranarray(A), A),
    "broadcast core dimension": lambda f: f(np.broadcast_to(2.0, (3, 4)), B),
    "swapped": lambda f: f(SWAPPED, A),
    "unaligned": lambda f: f(UNALIGNED, UNALIGNED),
    "read-only": lambda f: f(READ_ONLY, READ_ONLY),
    "no elements": lambda f: f(np.zeros((3, 0)), np.zeros(0)),
    "no rows": lambda f: f(np.zeros((0, 3)), np.zeros(3)),
    "one element": lambda f: f([2.0], [3.0]),
    "many rows": lambda f: f(np.ones((3000, 5)), np.arange(15000.0).reshape(3000, 5)),
    "many rows with a cast": lambda f: f(np.ones((9000, 3), "f4"), np.ones((9000, 3), "i8")),
    "resolve_dtypes": lambda f: f.resolve_dtypes((np.dtype("f4"), np.dtype("f4"), None)),
    "resolve dtypes with signature": lambda f: f.resolve_dtypes(
        (np.dtype("f4"), np.dtype("f4"), None), signature=(None, None, np.dtype("f8"))
    ),
    "casting no": lambda f: f(A, A, casting="no"),
    "casting safe": lambda f: f(F, A, casting="safe"),
}

MATMUL_USES: dict[str, Callable[[Any], Any]] = {
    "matrices": lambda f: f(A, A.transpose(0, 2, 1)),
    "matrix and vector": lambda f: f(A, B),
    "vector and matrix": lambda f: f(np.arange(3.0), A),
    "vectors": lambda f: f(B, B),
    "broadcast": lambda f: f(A[:, None], A.transpose(0, 2, 1)),
    "integers": lambda f: f(I, I.transpose(0, 2, 1)),
    "out": lambda f: into(np.zeros((2, 3, 3)), lambda o: f(A, A.transpose(0, 2, 1), out=o)),
    "out of a vector": lambda f: into(np.zeros((2, 3)), lambda o: f(A, B, out=o)),
    "axes": lambda f: f(A, A, axes=[(1, 2), (2, 1), (-1, -2)]),
    "axes of vectors": lambda f: f(A.T, B, axes=[(1, 0), 0, -1]),
    "one column": lambda f: f(A, B[:, None]),
    "empty": lambda f: f(np.zeros((2, 0)), np.zeros((0, 3))),
    "resolve_dtypes": lambda f: f.resolve_dtypes((F.dtype, F.dtype, None)),
}

REFUSALS: dict[str, Callable[[Any], Any]] = {
    "core dimensions that do not fit": lambda f: f(A, np.zeros(3)),
    "a core dimension of one": lambda f: f(A, np.zeros(1)),
    "outer dimensions that do not fit": lambda f: f(A, np.zeros((4, 4))),
    "numbers": lambda f: f(3.0, 4.0),
    "too few dimensions": lambda f: f(A, 4.0),
    "out of the wrong shape": lambda f: f(A, A, out=np.zeros((3, 2))),
    "out that cannot hold the result": lambda f: f(A, A, out=np.zeros((2, 3), int)),
    "out that is no array": lambda f: f(A, A, out=[0.0]),
    "read-only out": lambda f: f(A, A, out=np.broadcast_to(0.0, (2, 3))),
    "where": lambda f: f(A, A, where=True),
    "axis that is not there": lambda f: f(A, A, axis=3),
    "axis and axes": lambda f: f(A, A, axis=0, axes=[0, 0]),
    "axes of the wrong length": lambda f: f(A, A, axes=[0]),
    "repeated axes": lambda f: f(A, A, axes=[(0, 0), 0]),
    "keepdims that is no bool": lambda f: f(A, A, keepdims="yes"),
    "casting safe": lambda f: f(A, A, dtype="f4", casting="safe"),
    "unknown casting": lambda f: f(A, A, casting="some"),
    "unknown keyword": lambda f: f(A, A, nonsense=1),
    "one argument": lambda f: f(A),
    "four arguments": lambda f: f(A, A, None, A),
    "signature of the wrong length": lambda f: f(A, A, signature="d->d"),
    "reduce": lambda f: f.reduce(A),
    "accumulate": lambda f: f.accumulate(A),
    "reduceat": lambda f: f.reduceat(A, [0]),
    "outer": lambda f: f.outer(A, A),
    "at": lambda f: f.at(A.copy(), [0], B),
    "texts": lambda f: f(np.array(["a"]), np.array(["b"])),
    "objects": lambda f: f(np.array([np.datetime64("2020")]), np.array([np.datetime64("2020")])),
}
