"""Methods and attributes of numbers: what NumPy's scalars and Python's numbers give."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
from backends import COMPLEX, DTYPES, FLOATS, INTEGERS, check, edges, quiet

from kernelgen import vectorize
from kernelgen.errors import TypingError, UnsupportedError
from kernelgen.ops.methods import COMPUTED, KNOWN, METHODS
from kernelgen.ops.refused import MEMBERS

pytestmark = pytest.mark.any_python

ALL = (*DTYPES, *COMPLEX)
OWNERS = (*(dtype.type for dtype in ALL), np.datetime64, np.timedelta64, bool, int, float, complex)
TO_TYPES = {"astype", "view"}


def values(dtype):
    if np.dtype(dtype).kind != "c":
        return edges(dtype)
    return np.array([0, 1.5 - 2j, -0.0, 2.25 + 1.75j, 1e30], dtype)


def refused(kernel, *args):
    with pytest.raises((TypingError, UnsupportedError)) as caught:
        vectorize(kernel)(*args)
    return str(caught.value)


def public(owner):
    return [name for name in dir(owner) if not name.startswith("_")]


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: f"{owner.__module__}.{owner.__name__}")
def test_each_public_name_is_known_or_refused(owner):
    known = {*METHODS, *COMPUTED, *KNOWN, *MEMBERS, *TO_TYPES}
    assert set(public(owner)) <= known
    of_numbers = {name for name, method in METHODS.items() if method.kinds}
    assert not MEMBERS.keys() & {*of_numbers, *COMPUTED, *KNOWN, *TO_TYPES}


ARGUMENTS = {"swapaxes": "0, 1", "fill": "1", "take": "0", "repeat": "2", "searchsorted": "1"}
"""What arrays' methods of the name have to be given."""


@pytest.mark.parametrize("name", [n for n in MEMBERS if hasattr(np.float64, n) or hasattr(int, n)])
def test_what_is_refused_has_its_own_sentence(name):
    x = "x" if hasattr(np.float64, name) else "int(x)"
    message = refused(eval(f"lambda x: {x}.{name}({ARGUMENTS.get(name, '')})"), 1.0)
    assert message.startswith(name)
    assert "a kernel has numbers" in message or "cannot be changed" in message


def cases():
    """Every method without arguments, of each type that has it."""
    for name, method in METHODS.items():
        for dtype in ALL:
            if dtype.kind in method.kinds and hasattr(dtype.type, name):
                yield pytest.param(name, dtype, id=f"{dtype}.{name}")


@pytest.mark.parametrize(("name", "dtype"), list(cases()))
def test_methods(name, dtype):
    if name == "clip":
        return  # without arguments it is deprecated for some types
    ulp = 1 if name == "round" else 0
    check(eval(f"lambda x: x.{name}()"), values(dtype), ulp=ulp)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_attributes(dtype):
    check(lambda x: (x.real, x.imag, x.T), values(dtype))
    check(lambda x: (x.itemsize, x.nbytes, x.size, x.ndim, len(x.shape + x.strides)), values(dtype))
    check(lambda x: 0 if x.base is None else 1, values(dtype))
    if dtype.kind in "iu":
        check(lambda x: (x.numerator, x.denominator), values(dtype))


def test_members_of_weak_numbers():
    x = np.array([-3.7, 0.0, 2.0, 1e9])
    check(lambda x: (int(x).real, int(x).imag, int(x).numerator, int(x).denominator), x)
    check(lambda x: (int(x).bit_length(), int(x).bit_count(), int(x).conjugate()), x)
    check(lambda x: (int(x).as_integer_ratio()[0], int(x).as_integer_ratio()[1]), x)
    check(lambda x: (float(x).is_integer(), float(x).real, float(x).imag), x)
    check(lambda x: (bool(x).bit_length(), bool(x).real, bool(x).bit_count()), x)
    check(lambda x: complex(x, 2.0).conjugate(), x)
    assert vectorize(lambda x: int(x).is_integer())(2.5)


@pytest.mark.parametrize("n", [0, 1, -1, 2**63 - 1, -(2**63), -(2**63) + 1, 255, -256])
def test_bit_length(n):
    assert vectorize(lambda x: int(x).bit_length())(np.int64(n)) == n.bit_length()


def test_members_of_constants():
    check(lambda x: x + (2.5).is_integer() + (5).bit_length(), np.arange(3))
    owner = np.int8(3)
    check(lambda x: owner.clip(x, 7) + owner.itemsize + owner.item(), np.arange(10))
    check(lambda x: owner.astype("f4") + owner.view(np.uint8), np.arange(3, dtype="i1"))


def test_what_weak_numbers_do_not_have():
    for name in ("clip", "sum", "item", "astype", "dtype", "T", "shape", "round", "view"):
        call = "" if name in ("dtype", "T", "shape") else "('f4')" if name in TO_TYPES else "()"
        message = refused(eval(f"lambda x: int(x).{name}{call}"), 1.0)
        assert message.startswith(f"Python int has no attribute '{name}'")


def test_what_other_types_do_not_have():
    assert "int64 has no attribute 'bit_length'" in refused(lambda x: x.bit_length(), 3)
    assert "float64 has no attribute 'bit_count'" in refused(lambda x: x.bit_count(), 3.0)
    assert "complex128 has no attribute 'is_integer'" in refused(lambda x: x.is_integer(), 3j)
    assert "as_integer_ratio() of float64" in refused(lambda x: x.as_integer_ratio(), 3.0)
    assert "float64 has no attribute 'foo'" in refused(lambda x: x.foo(), 3.0)


# ------------------------------------------------------------------------- with arguments


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS], ids=str)
def test_clip(dtype):
    check(lambda x: x.clip(1, 3), edges(dtype))
    check(lambda x: x.clip(max=7), edges(dtype))
    check(lambda x: x.clip(None, 7), edges(dtype))
    check(lambda x: x.clip(1.5, max=2.5), edges(dtype))


@pytest.mark.parametrize("digits", [0, 1, 2, -1])
@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, *COMPLEX], ids=str)
def test_round(dtype, digits, unoptimised):
    x = np.array([0, 1, 2, 12, 15, 25, 26, 114, 115, 125], dtype)
    x = x / dtype.type(8) if dtype.kind in "fc" else x
    check(lambda x: x.round(digits), x, ulp=1)
    check(lambda x: x.round(decimals=digits), x, ulp=1)


@pytest.mark.parametrize("source", ALL, ids=str)
@pytest.mark.parametrize("to", ALL, ids=str)
def test_astype(source, to, unoptimised):
    if source.kind == "c" and to.kind not in "cb":
        assert "complex" in refused(lambda x: x.astype(to), source.type(1))
        return
    x = np.array([0, 1, 2.5, 100, 3.75]).astype(source)
    check(lambda x: (x.astype(to), x.astype(to.name), x.astype(dtype=to.type, copy=False)), x)


@pytest.mark.parametrize(
    ("source", "to"),
    [
        ("f4", "i4"), ("f4", "u4"), ("f8", "i8"), ("f8", "u8"), ("f2", "i2"), ("f2", "u2"),
        ("i4", "f4"), ("i8", "f8"), ("i2", "f2"), ("i8", "u8"), ("u1", "i1"), ("?", "u1"),
        ("f8", "f8"), ("c8", "c8"), ("?", "?"), ("i8", "m8[s]"), ("M8[D]", "i8"), ("M8[D]", "f8"),
    ],
)  # fmt: skip
def test_view(source, to):
    x = values(source)
    check(lambda x: x.view(to), x[x == x])


def test_view_keeps_the_bits_of_nan():
    bits = vectorize(lambda x: x.view(np.uint64))(np.array([np.nan, -np.nan]))
    assert bits.tolist() == np.array([np.nan, -np.nan]).view("u8").tolist()


def test_views_that_cannot_be_had():
    assert "differ in width" in refused(lambda x: x.view("f4"), 1.0)
    assert "cannot be had" in refused(lambda x: x.view("?"), np.int8(1))
    assert "cannot be had" in refused(lambda x: x.view("i8"), np.complex64(1))
    assert "a type that kernels do not have" in refused(lambda x: x.view("S8"), 1.0)
    assert "takes one constant" in refused(lambda x: x.view(x), 1.0)
    assert "takes one constant" in refused(lambda x: x.view(), 1.0)


def test_arguments_that_kernels_do_not_take():
    assert "conj() of a number takes no arguments" in refused(lambda x: x.conj(0), 1.0)
    assert "clip() of a number takes min, max" in refused(lambda x: x.clip(1, 2, 3), 1.0)
    assert "round() needs an integer" in refused(lambda x: x.round(1.5), 1.0)
    assert "handed on" in refused(lambda x: (x.clip, x)[0], 1.0)


# ------------------------------------------------------------------------------------ dtype


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_dtype_decides_when_compiling(dtype):
    def kernel(x):
        if x.dtype == np.float32 or x.dtype == "int8":
            return 1
        if x.dtype.kind == "c":
            return x.imag < 0
        return x.dtype.itemsize if x.dtype != np.dtype("f8") else 8 if x < 1 else 9

    x = values(dtype)
    check(kernel, x[x == x])


def test_dtypes_as_types():
    check(lambda x, y: (x * y).astype(x.dtype), np.arange(5, dtype="i1"), np.arange(5.0))
    check(lambda x, y: x.dtype.type(y), np.arange(5, dtype="i1"), np.arange(5.0))
    check(lambda x: x.dtype in (np.float32, np.float64), np.arange(3.0))
    check(lambda x, y: x.dtype == y.dtype, np.arange(3.0), np.arange(3))


def test_times():
    t = np.array([0, 5, -7], "m8[s]")
    check(lambda t: (t.sum(), t.max(), t.copy(), t.argmax()), t)
    check(lambda t: (t.itemsize, t.ndim, t.all(), t.any()), t)
    check(lambda t: 1 if t.dtype == np.dtype("m8[s]") else 2, t)
    check(lambda t, u: t.clip(u, None), t, t[::-1].copy())
    assert "item() of timedelta64[s]" in refused(lambda t: t.item(), t)
    assert "mean() of datetime64[D]" in refused(lambda t: t.mean(), np.datetime64(3, "D"))


Pair = namedtuple("Pair", "real dtype")


class Summed(namedtuple("Summed", "x y")):
    def sum(self):
        return self.x + self.y

    def clip(self, low):
        return max(self.x, low)


def test_named_tuples_have_members_of_their_own():
    check(lambda x: Summed(x, 2).sum() + Summed(x, 1).clip(3), np.arange(5))
    check(lambda x: Pair(x, 2).real + Pair(x, 2).dtype, np.arange(5))

    def joined(x):
        s = Summed(x, 2)
        if x > 2:
            s = Summed(2, x)
        return s.sum() + s.clip(1)

    check(joined, np.arange(5))


def test_a_method_that_is_kept():
    def kernel(x):
        absolute = x.conjugate
        return absolute() + absolute()

    check(kernel, np.arange(3))


def test_methods_of_results():
    with quiet():
        check(lambda x: (x + 1).astype("f4").clip(2, 3).is_integer(), np.arange(5))
    check(lambda x: x.real.round(1).item() * x.dtype.type(3).item(), np.array([1.25, 2.35]))
