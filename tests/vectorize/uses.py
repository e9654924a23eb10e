"""Every way to use a binary ufunc, to be done with a kernel's and with NumPy's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kernelgen import vectorize


def make_plus(**choices: Any) -> np.ufunc:
    """A fresh twin of ``np.add`` that has not met any dtype yet."""

    def plus(x, y):
        return x + y

    return vectorize(**{"identity": 0, **choices})(plus)


class Metres(np.ndarray):
    """A subclass that takes part in ufuncs in the old way and carries an attribute along."""

    unit = "m"

    def __array_finalize__(self, source):
        self.unit = getattr(source, "unit", "?")

    def __array_wrap__(self, array, context=None, return_scalar=False):
        wrapped = array.view(Metres)
        wrapped.unit = self.unit + "'"
        return wrapped


def metres(values: Any) -> Metres:
    array = np.asarray(values).view(Metres)
    array.unit = "km"
    return array


A = np.arange(6.0).reshape(2, 3)
I = np.arange(6).reshape(2, 3)
F = A.astype("f4")
V = np.arange(12.0)
SWAPPED = A.astype(A.dtype.newbyteorder())
UNALIGNED = np.frombuffer(bytes(1) + A.tobytes(), "u1")[1:].view("f8").reshape(2, 3)
RECORDS = np.array([(1, 2.5), (2, 3.5), (3, 4.5)], dtype=[("n", "i1"), ("x", "f8")])
MASKED = np.ma.array([1.0, 2.0, 4.0], mask=[False, True, False])
CUBE = np.arange(24.0).reshape(2, 3, 4)
READ_ONLY = A.copy()
READ_ONLY.flags.writeable = False


def into(out: Any, use: Callable[[Any], Any]) -> tuple[Any, ...]:
    """What ``use`` returns when told to write into ``out``: must be ``out`` itself."""
    returned = use(out)
    return returned is out, returned


def at(ufunc: np.ufunc, target: np.ndarray, *arguments: Any) -> np.ndarray:
    ufunc.at(target, *arguments)
    return target


def laid_out(array: np.ndarray) -> tuple[Any, ...]:
    return array, array.flags.c_contiguous, array.flags.f_contiguous


CALLS: dict[str, Callable[[np.ufunc], Any]] = {
    "call": lambda f: f(A, A),
    "call of integers": lambda f: f(I, I),
    "call of bools": lambda f: f(A > 1, A > 3),
    "dtype text": lambda f: f(A, A, dtype="f4"),
    "dtype class": lambda f: f(A, A, dtype=np.float32),
    "dtype object": lambda f: f(I, I, dtype=np.dtype("i2"), casting="unsafe"),
    "dtype of integers": lambda f: f(I, I, dtype=float),
    "dtype of scalars": lambda f: f(1, 2, dtype=np.float32),
    "signature text": lambda f: f(A, A, signature="dd->d"),
    "signature text with a cast": lambda f: f(A, A, signature="ff->f"),
    "signature of texts": lambda f: f(I, A, signature=("f8", "f8", "f8")),
    "signature of classes": lambda f: f(F, F, signature=(np.float64, np.float64, np.float64)),
    "signature of dtypes": lambda f: f(F, F, signature=(F.dtype,) * 3),
    "signature of the output": lambda f: f(A, A, signature=(None, None, "f4")),
    "signature of an input": lambda f: f(I, I, signature=("f8", None, None)),
    "out": lambda f: into(np.zeros((2, 3)), lambda o: f(A, A, out=o)),
    "out in a tuple": lambda f: into(np.zeros((2, 3)), lambda o: f(A, A, out=(o,))),
    "out as third argument": lambda f: into(np.zeros((2, 3)), lambda o: f(A, A, o)),
    "out None": lambda f: f(A, A, out=None),
    "out of less precision": lambda f: into(np.zeros((2, 3), "f4"), lambda o: f(A, A, out=o)),
    "out of more precision": lambda f: into(np.zeros((2, 3)), lambda o: f(F, F, out=o)),
    "out complex": lambda f: into(np.zeros((2, 3), complex), lambda o: f(A, A, out=o)),
    "out unsafe": lambda f: into(
        np.zeros((2, 3), "i4"), lambda o: f(A, A, out=o, casting="unsafe")
    ),
    "out strided": lambda f: into(np.zeros((2, 6))[:, ::2], lambda o: f(A, A, out=o)),
    "out swapped": lambda f: into(np.zeros_like(SWAPPED), lambda o: f(A, A, out=o)),
    "out larger than the inputs": lambda f: into(np.zeros((4, 2, 3)), lambda o: f(A, A, out=o)),
    "where": lambda f: f(A, A, where=A > 2, out=np.full((2, 3), -1.0)),
    "where broadcast": lambda f: f(
        A, A, where=np.array([[True], [False]]), out=np.full((2, 3), -1.0)
    ),
    "where nothing": lambda f: f(A, A, where=False, out=np.full((2, 3), -1.0)),
    "where with a cast": lambda f: f(A, I, where=A > 2, out=np.full((2, 3), -1, "f4")),
    "casting no": lambda f: f(A, A, casting="no"),
    "casting equiv": lambda f: f(A, A, casting="equiv"),
    "casting safe": lambda f: f(F, A, casting="safe"),
    "casting unsafe": lambda f: f(A, A, dtype="i4", casting="unsafe"),
    "order C": lambda f: laid_out(f(A.T, A.T, order="C")),
    "order F": lambda f: laid_out(f(A, A, order="F")),
    "order A": lambda f: laid_out(f(A.T, A.T, order="A")),
    "order K": lambda f: laid_out(f(CUBE.transpose(1, 0, 2), 1, order="K")),
    "subok": lambda f: f(metres(A), 1.0, subok=False),
    "lists": lambda f: f([1.0, 2.0], [[3.0], [4.0]]),
    "lists of integers": lambda f: f([1, 2], [3, 4]),
    "tuples and ranges": lambda f: f((1, 2), range(2)),
    "Python integers": lambda f: f(3, 4),
    "Python floats": lambda f: f(3.5, 4.5),
    "Python bools": lambda f: f(True, False),
    "Python numbers of two kinds": lambda f: f(3, 4.5),
    "NumPy scalars": lambda f: f(np.float32(3), np.float32(4)),
    "NumPy scalars of two types": lambda f: f(np.int8(3), np.uint8(4)),
    "weak integer": lambda f: f(np.arange(3, dtype="i1"), 4),
    "weak float": lambda f: f(F, 4.5),
    "weak float of integers": lambda f: f(I, 4.5),
    "weak bool": lambda f: f(F, True),
    "large weak integer with floats": lambda f: f(A, 2**70),
    "zero dimensions": lambda f: f(np.array(1.0), np.array(2.0)),
    "zero dimensions and one": lambda f: f(np.array(1.0), np.arange(3.0)),
    "empty": lambda f: f(np.zeros(0), np.zeros(0)),
    "empty in one dimension": lambda f: f(np.zeros((0, 3)), np.zeros((1, 3))),
    "one element": lambda f: f(np.array([1.0]), np.array([2.0])),
    "strided": lambda f: f(V[::2], V[1::2]),
    "strided by columns": lambda f: f(A[:, ::2], A[:, 1:]),
    "backwards": lambda f: f(V[::-1], V[::-1]),
    "backwards and forwards": lambda f: f(V[::-3], V[::3]),
    "transposed": lambda f: f(A.T, np.ascontiguousarray(A.T)),
    "diagonal": lambda f: f(CUBE[0].diagonal(), CUBE[1].diagonal()),
    "broadcast a column": lambda f: f(A, A[:, :1]),
    "broadcast a row": lambda f: f(A, A[0]),
    "broadcast a scalar": lambda f: f(A, np.float64(2.0)),
    "broadcast to more dimensions": lambda f: f(CUBE, CUBE[:1, :, :1]),
    "broadcast_to": lambda f: f(np.broadcast_to(2.0, (2, 3)), A),
    "swapped": lambda f: f(SWAPPED, A),
    "swapped both": lambda f: f(SWAPPED, SWAPPED),
    "unaligned": lambda f: f(UNALIGNED, UNALIGNED),
    "fields of records": lambda f: f(RECORDS["n"], RECORDS["x"]),
    "read-only": lambda f: f(READ_ONLY, READ_ONLY),
    "masked": lambda f: f(MASKED, 1.0),
    "masked both": lambda f: f(MASKED, MASKED[::-1]),
    "subclass": lambda f: f(metres(A), A),
    "subclass out": lambda f: into(metres(np.zeros((2, 3))), lambda o: f(A, A, out=o)),
    "mixed floats": lambda f: f(F, A),
    "mixed integers": lambda f: f(I.astype("u4"), I.astype("i2")),
    "mixed integer and float": lambda f: f(F, I),
    "mixed signs of 64 bits": lambda f: f(I.astype("u8"), I),
    "mixed bool": lambda f: f(A > 1, I.astype("i1")),
    "long long": lambda f: f(I.astype("q"), I.astype("q")),
    "long and long long": lambda f: f(I.astype("l"), I.astype("q")),
    "long long and long": lambda f: f(I.astype("Q"), I.astype("L")),
    "dtype long long": lambda f: f(I, I, dtype=np.longlong),
    "dtype long": lambda f: f(I.astype("q"), I.astype("q"), dtype=np.long),
}

METHODS: dict[str, Callable[[np.ufunc], Any]] = {
    "reduce": lambda f: f.reduce(A),
    "reduce a list": lambda f: f.reduce([1.0, 2.0, 4.0]),
    "reduce integers": lambda f: f.reduce(I),
    "reduce along an axis": lambda f: f.reduce(CUBE, axis=1),
    "reduce along the last axis": lambda f: f.reduce(CUBE, axis=-1),
    "reduce along axes": lambda f: f.reduce(CUBE, axis=(0, 2)),
    "reduce along all axes": lambda f: f.reduce(CUBE, axis=None),
    "reduce along no axis": lambda f: f.reduce(CUBE, axis=()),
    "reduce with keepdims": lambda f: f.reduce(CUBE, axis=1, keepdims=True),
    "reduce with initial": lambda f: f.reduce(A, initial=10.0),
    "reduce without initial": lambda f: f.reduce(A, initial=None),
    "reduce with where": lambda f: f.reduce(A, axis=1, where=A > 1),
    "reduce with where and initial": lambda f: f.reduce(A, where=A > 1, initial=0.5),
    "reduce with dtype": lambda f: f.reduce(A, dtype="f4"),
    "reduce with dtype of integers": lambda f: f.reduce(I, dtype=float),
    "reduce with integer dtype": lambda f: f.reduce(A, dtype=int),
    "reduce with dtype long long": lambda f: f.reduce(I, dtype=np.longlong),
    "reduce into out": lambda f: into(np.zeros(3), lambda o: f.reduce(A, out=o)),
    "reduce integers into floats": lambda f: into(np.zeros(3), lambda o: f.reduce(I, out=o)),
    "reduce nothing": lambda f: f.reduce(np.zeros(0)),
    "reduce rows of nothing": lambda f: f.reduce(np.zeros((3, 0)), axis=1),
    "reduce one": lambda f: f.reduce([7.0]),
    "reduce strided": lambda f: f.reduce(V[::-2]),
    "reduce swapped": lambda f: f.reduce(SWAPPED),
    "reduce unaligned": lambda f: f.reduce(UNALIGNED),
    "reduce a subclass": lambda f: f.reduce(metres(A)),
    "reduce bools as integers": lambda f: f.reduce(A > 1, dtype=int, axis=None),
    "accumulate": lambda f: f.accumulate(A),
    "accumulate along an axis": lambda f: f.accumulate(A, axis=1),
    "accumulate integers": lambda f: f.accumulate(I, axis=1),
    "accumulate with dtype": lambda f: f.accumulate(A, dtype="f4"),
    "accumulate integers as floats": lambda f: f.accumulate(I, dtype=float),
    "accumulate into out": lambda f: into(np.zeros((2, 3)), lambda o: f.accumulate(A, out=o)),
    "accumulate integers into floats": lambda f: into(
        np.zeros((2, 3)), lambda o: f.accumulate(I, out=o)
    ),
    "accumulate in place": lambda f: f.accumulate((v := V.copy()), out=v),
    "accumulate nothing": lambda f: f.accumulate(np.zeros(0)),
    "reduceat": lambda f: f.reduceat(V, [0, 4, 2, 11]),
    "reduceat along an axis": lambda f: f.reduceat(CUBE, [0, 2], axis=1),
    "reduceat with dtype": lambda f: f.reduceat(np.arange(8), [0, 3], dtype=float),
    "outer": lambda f: f.outer(A[0], V),
    "outer of lists": lambda f: f.outer([1, 2], [3.5, 4.5]),
    "outer with dtype": lambda f: f.outer(A, I, dtype="f4", casting="same_kind"),
    "outer with out": lambda f: into(np.zeros((3, 12)), lambda o: f.outer(A[0], V, out=o)),
    "outer with where": lambda f: f.outer(A[0], A[1], where=np.eye(3) > 0, out=np.zeros((3, 3))),
    "at": lambda f: at(f, V.copy(), [1, 5], 1.5),
    "at repeated indices": lambda f: at(f, np.zeros(3), [0, 0, 2, 0], [1.0, 2.0, 4.0, 8.0]),
    "at a slice": lambda f: at(f, V.copy(), slice(2, 8, 3), 1.5),
    "at a mask": lambda f: at(f, A.copy(), A > 2, 1.5),
    "at indices of two axes": lambda f: at(f, A.copy(), ([0, 1, 0], [1, 1, 1]), [1.0, 2.0, 4.0]),
    "at with a cast": lambda f: at(f, np.zeros(3, "f4"), [0, 0], [1, 2]),
    "at of integers": lambda f: at(f, I.copy(), (0, [1, 1]), 2),
    "at of a strided array": lambda f: at(f, V.copy()[::-2], [0, 0, 1], 1.0),
    "resolve_dtypes": lambda f: f.resolve_dtypes((np.dtype("f4"), np.dtype("i2"), None)),
    "resolve weak dtypes": lambda f: f.resolve_dtypes((np.dtype("f4"), float, None)),
    "resolve dtypes with signature": lambda f: f.resolve_dtypes(
        (np.dtype("f4"), np.dtype("f4"), None), signature=(None, None, np.dtype("f8"))
    ),
    "resolve dtypes of a reduction": lambda f: f.resolve_dtypes(
        (None, np.dtype("f4"), None), reduction=True
    ),
}

USES = CALLS | METHODS


def assert_same(result: Any, expected: Any) -> None:
    """Equal in kind, dtype (also among C types of one width), mask, attributes and values."""
    assert type(result) is type(expected)
    if isinstance(expected, tuple):
        assert len(result) == len(expected)
        for each, other in zip(result, expected, strict=True):
            assert_same(each, other)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert result.dtype == expected.dtype
        assert result.dtype.char == expected.dtype.char
        assert getattr(result, "unit", None) == getattr(expected, "unit", None)
        np.testing.assert_array_equal(np.ma.getmask(result), np.ma.getmask(expected))
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected), strict=True)
    else:
        assert result == expected


def run_in_new_process(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in which every warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments, "-c", text],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parent,
    )
