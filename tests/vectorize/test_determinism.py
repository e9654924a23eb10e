"""The loop chosen and the dtype of the result never depend on what was done before.

NumPy remembers for a ufunc which loop served which dtypes, ignoring outputs and whether
``dtype=`` or a reduction was what asked. Each use is tried after each other one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from uses import assert_same

from kernelgen import vectorize

pytestmark = pytest.mark.any_python

# Squares of these wrap as integers and do not as floats: a loop of other types shows.
INTEGERS = np.array([3, 2**40 + 1, -5])
FLOATS = np.array([1.5, 2.0**40 + 1, 3.0])
f4, f8, i1, i4, i8, u1 = map(np.dtype, ("f4", "f8", "i1", "i4", "i8", "u1"))
SMALL = np.array([3, 2, 5])


def at(f: np.ufunc, target: np.ndarray, values: Any) -> np.ndarray:
    f.at(target, [0, 0, 1], values)
    return target


BINARY_USES: dict[str, Callable[[np.ufunc], Any]] = {
    "f8 i8": lambda f: f(FLOATS, INTEGERS),
    "i8 f8": lambda f: f(INTEGERS, FLOATS),
    "f4 f8": lambda f: f(FLOATS.astype(f4), FLOATS),
    "f4 i4": lambda f: f(FLOATS.astype(f4), SMALL.astype(i4)),
    "f4 i1": lambda f: f(FLOATS.astype(f4), SMALL.astype(i1)),
    "f8 f8": lambda f: f(FLOATS, FLOATS),
    "i8 i8": lambda f: f(INTEGERS, INTEGERS),
    "i4 u1": lambda f: f(SMALL.astype(i4), SMALL.astype(u1)),
    "? i1": lambda f: f(SMALL > 2, SMALL.astype(i1)),
    "long, long long": lambda f: f(INTEGERS, INTEGERS.astype("q")),
    "long long, float": lambda f: f(INTEGERS.astype("q"), FLOATS),
    "float, long long": lambda f: f(FLOATS, INTEGERS.astype("q")),
    "f8 int": lambda f: f(FLOATS, 3),
    "f4 float": lambda f: f(FLOATS.astype(f4), 2.5),
    "i1 int": lambda f: f(SMALL.astype(i1), 3),
    "int float": lambda f: f(3, 2.5),
    "int int": lambda f: f(2**40 + 1, 3),
    "dtype f4 of f8 f8": lambda f: f(FLOATS, FLOATS, dtype=f4),
    "dtype f8 of i8 i8": lambda f: f(INTEGERS, INTEGERS, dtype=f8),
    "dtype f8 of f8 i8": lambda f: f(FLOATS, INTEGERS, dtype=f8),
    "dtype long long of i8 i8": lambda f: f(INTEGERS, INTEGERS, dtype=np.longlong),
    "dtype bool": lambda f: f(FLOATS, FLOATS, dtype=bool),
    "first input pinned": lambda f: f(SMALL, INTEGERS, signature=(f8, None, None)),
    "second input pinned": lambda f: f(FLOATS, INTEGERS, signature=(None, f8, None)),
    "all pinned": lambda f: f(FLOATS, INTEGERS, signature="dl->d"),
    "all pinned to f4": lambda f: f(FLOATS, FLOATS, signature="ff->f"),
    "an output that is not there": lambda f: f(FLOATS, FLOATS, signature="dd->f"),
    "reduce i8": lambda f: f.reduce(INTEGERS),
    "reduce f4": lambda f: f.reduce(FLOATS.astype(f4)),
    "reduce i8 as f8": lambda f: f.reduce(INTEGERS, dtype=f8),
    "reduce f8 as f4": lambda f: f.reduce(FLOATS, dtype=f4),
    "reduce i8 into f8": lambda f: f.reduce(INTEGERS, out=np.zeros(())),
    "accumulate i8": lambda f: f.accumulate(INTEGERS),
    "accumulate i8 as f8": lambda f: f.accumulate(INTEGERS, dtype=f8),
    "accumulate i8 into f8": lambda f: f.accumulate(INTEGERS, out=np.zeros(3)),
    "reduceat i4 as f8": lambda f: f.reduceat(SMALL.astype(i4), [0, 2], dtype=f8),
    "outer f4 i8": lambda f: f.outer(FLOATS.astype(f4), INTEGERS),
    "at f8 i8": lambda f: at(f, FLOATS.copy(), INTEGERS),
    "at i8 i8": lambda f: at(f, INTEGERS.copy(), INTEGERS),
    "compile f8 i8": lambda f: f.compile("f8,i8"),
    "compile i8 f8": lambda f: f.compile("i8,f8"),
    "inspect f4 i1": lambda f: f.inspect_ir("f4,i1") and None,
}


def outcome(use: Callable[[np.ufunc], Any], ufunc: np.ufunc) -> Any:
    """The result, or the kind of error that users tell apart."""
    try:
        with np.errstate(all="ignore"):  # NumPy's own casts may overflow
            return use(ufunc)
    except TypeError:
        return TypeError


def rotated(names: list[str]) -> list[list[str]]:
    """Orders in which each use comes before and after each other one, with many a beginning."""
    turned = [names[i:] + names[:i] for i in range(0, len(names), 3)]
    return turned[::2] + [order[::-1] for order in turned[1::2]]


def plus(x, y):
    return x + y


def sum_of_squares(x, y):
    return x * x + y * y + 0.0


def quotient(x, y):
    return x / y


def sum_of_products(x, y):
    return x + y * y


def less(x, y):
    return x < y


def repeated(x, n):
    for _ in range(n % 7):
        x = x * 2
    return x


def first(x, y):
    return x


@pytest.fixture(autouse=True)
def quick(monkeypatch, unoptimised):
    """Types are chosen alike at every level, and this file compiles a lot."""
    monkeypatch.setenv("KERNELGEN_VERIFY", "0")


LAZY = [plus, sum_of_squares, quotient, sum_of_products, less, repeated, first]


@pytest.mark.parametrize("kernel", LAZY, ids=lambda k: k.__name__)
def test_uses_of_a_lazy_kernel_in_any_order(kernel):
    check_all_orders(BINARY_USES, lambda: vectorize(kernel))


EXPLICIT = {
    "narrow first": ["f4(f4,f4)", "f8(f8,f8)"],
    "wide first": ["f8(f8,f8)", "f4(f4,f4)", "i8(i8,i8)"],
    "mixed": ["f8(f8,i8)", "f8(f8,f8)", "i4(i4,i4)"],
    "partly fitting": ["f8(f8,f8)", "f4(f4,i8)"],
    "another output": ["f4(f8,f8)", "f8(f4,f4)", "?(i8,i8)"],
}


@pytest.mark.parametrize("signatures", EXPLICIT.values(), ids=EXPLICIT)
def test_uses_of_explicit_signatures_in_any_order(signatures):
    uses = {name: use for name, use in BINARY_USES.items() if "compile" not in name}
    del uses["inspect f4 i1"]
    check_all_orders(uses, lambda: vectorize(signatures)(sum_of_products))


def check_all_orders(uses: dict[str, Any], make: Callable[[], np.ufunc]) -> None:
    expected = {name: outcome(use, make()) for name, use in uses.items()}
    assert any(isinstance(value, np.ndarray) for value in expected.values())
    for order in rotated(list(uses)):
        ufunc = make()
        for name in order:
            try:
                assert_same(outcome(uses[name], ufunc), expected[name])
            except AssertionError as error:
                before = order[: order.index(name)]
                raise AssertionError(f"{name!r} differs after {before}: {error}") from None


DEMANDS = {
    "plain": {},
    "dtype f4": {"dtype": f4},
    "dtype f8": {"dtype": f8},
    "dtypes of outputs": {"signature": (None, f4, f8)},
    "unsafe i4": {"dtype": i4, "casting": "unsafe"},
}


@pytest.mark.parametrize("order", list(permutations(DEMANDS, 3)), ids=" then ".join)
def test_uses_of_two_outputs_in_any_order(order):
    def make():
        return vectorize(lambda x: (x + 1, x * 2.5))

    ufunc = make()
    for name in order:
        for array in (SMALL.astype("f4"), SMALL.astype("i2")):
            fresh = outcome(lambda f, a=array, n=name: f(a, **DEMANDS[n]), make())
            used = outcome(lambda f, a=array, n=name: f(a, **DEMANDS[n]), ufunc)
            assert_same(used, fresh)


def test_a_failed_use_leaves_no_trace():
    ufunc = vectorize(sum_of_squares)
    for bad in (
        lambda: ufunc(b"a", 2),
        lambda: ufunc("a", 2),
        lambda: ufunc(FLOATS, 1, dtype="S3"),
    ):
        with pytest.raises(TypeError):
            bad()
    assert ufunc.signatures == []
    assert_same(ufunc(FLOATS, INTEGERS), vectorize(sum_of_squares)(FLOATS, INTEGERS))


# ----------------------------------------------------------- which types the kernel is compiled for


def test_mixed_inputs_have_the_types_that_they_were_given():
    """The integer is squared as an integer: NEP 50 on scalars of these dtypes."""
    with np.errstate(over="ignore"):
        scalars = [sum_of_squares(x, y) for x, y in zip(FLOATS, INTEGERS, strict=True)]
    ufunc = vectorize(sum_of_squares)
    np.testing.assert_array_equal(ufunc(FLOATS, INTEGERS), scalars)
    assert ufunc.signatures == ["f8(f8,i8)"]


def test_inputs_that_are_only_converted_are_converted_by_numpy():
    """So that one loop serves calls, reductions and accumulations."""
    ufunc = vectorize(plus)
    ufunc(FLOATS, SMALL)
    ufunc(FLOATS, SMALL.astype(i1))
    ufunc.accumulate(SMALL, dtype=f8)
    ufunc.reduce(SMALL > 2, dtype=f8)
    assert ufunc.signatures == ["f8(f8,f8)"]


def test_reductions_stay_in_the_type_that_the_kernel_makes():
    ufunc = vectorize(quotient)
    assert_same(ufunc.reduce(SMALL), np.float64(3 / 2 / 5))
    assert_same(ufunc.accumulate(SMALL), np.array([3, 1.5, 0.3]))
    assert ufunc.signatures == ["f8(f8,f8)"]


def test_an_int_for_a_count_stays_an_integer():
    ufunc = vectorize(repeated)
    assert_same(ufunc(FLOATS, 3), FLOATS * 8)
    assert ufunc.signatures == ["f8(f8,i8)"]
    assert_same(ufunc(FLOATS, 3, dtype="f4"), FLOATS.astype("f4") * 8)
