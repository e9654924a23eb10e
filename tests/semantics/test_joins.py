"""Three and more types that meet: the type is NumPy's of all at once, in whatever order."""

from __future__ import annotations

from itertools import combinations, permutations

import backends
import numpy as np
import pytest

from kernelgen import pipeline
from kernelgen.errors import TypingError
from kernelgen.infer import infer
from kernelgen.ir.parse import parse_function
from kernelgen.ops.registry import OPS, OpDef
from kernelgen.ops.rules import same
from kernelgen.ops.tuples import never_lowered
from kernelgen.types import table
from kernelgen.types.join import join
from kernelgen.types.table import FLOAT32, FLOAT64, INT16, INT32, UINT16, WEAK_FLOAT, WEAK_INT

DTYPES = (*backends.DTYPES, *backends.COMPLEX)
TRICKY = [
    ("int16", "uint16", "float32"),
    ("int8", "uint8", "float16"),
    ("int32", "float16", "uint16"),
    ("int64", "uint64", "float32"),
    ("bool", "int16", "float16"),
]


def result(kernel, *dtypes):
    types = tuple(table.from_dtype(np.dtype(d)) for d in dtypes)
    return pipeline.typed(pipeline.Request(kernel, types)).result


@pytest.mark.parametrize("count", [3, 4])
def test_the_order_of_types_does_not_matter(count):
    for dtypes in combinations(DTYPES, count):
        types = [table.from_dtype(d) for d in dtypes]
        met = {join(*order) for order in permutations(types)}
        assert met == {table.from_dtype(np.result_type(*dtypes))}


@pytest.mark.parametrize("weak", [WEAK_INT, WEAK_FLOAT])
def test_weak_ones_give_way_to_all_strong_ones(weak):
    literal = weak.dtype.type(1).item()
    for dtypes in combinations(DTYPES, 2):
        types = [weak, *map(table.from_dtype, dtypes)]
        met = {join(*order) for order in permutations(types)}
        assert met == {table.from_dtype(np.result_type(*dtypes, literal))}


def chain(n, a, b, c):
    if n > 5:
        return a
    y = a if n > 2 else b if n > 1 else c
    return y


def nested(n, a, b, c):
    y = c
    if n > 0:
        y = a
        if n > 1:
            y = b
    return y


def carried(n, a, b, c):
    y = a
    for i in range(n):
        if i == 1:
            y = b
        elif i > 2:
            y = c
    return y


def carried_by_two_loops(n, a, b, c):
    y = a
    for i in range(n):
        for k in range(i):
            if k > 1:
                y = b
            if k > 3:
                break
        else:
            y = c
    return y


def returned(n, a, b, c):
    if n > 2:
        return a
    if n > 1:
        return b
    return c


def chosen(n, a, b, c):
    return max(a, b, c) if n > 2 else min(a, b, c)


def logical(n, a, b, c):
    return (n > 1 and a) or b or c


def of_tuples(n, a, b, c):
    y = (a, n)
    if n > 1:
        y = (b, n)
    if n > 2:
        y = (c, n)
    return y[0]


def helped(n, a, b, c):
    return _recursive(n, a, b, c)


def _recursive(n, a, b, c):
    if n > 4:
        return _recursive(n - 1, a, b, c)
    return a if n > 2 else b if n > 1 else c


KERNELS = (
    chain, nested, carried, carried_by_two_loops, returned, chosen, of_tuples, helped,
)  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("dtypes", TRICKY, ids="-".join)
def test_ways_meet_in_any_order(kernel, dtypes):
    want = np.result_type(*dtypes)
    assert {result(kernel, "i8", *order).dtype for order in permutations(dtypes)} == {want}


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_values_on_all_back_ends(kernel):
    n = np.arange(7)
    low, high = np.full(7, -32768, "i2"), np.full(7, 65535, "u2")
    for given in permutations((low, high, np.full(7, 0.1, "f4"))):
        backends.check(kernel, n, *given, dtype="f4")


def test_and_or():
    for order in permutations(("int16", "uint16", "float32")):
        assert result(logical, "bool", *order) == FLOAT32


def test_types_that_an_op_makes_of_the_variable_itself():
    def kernel(n, a, b, c):
        y = a
        while n > 0:
            y = y * c if n > 2 else b
            n -= 1
        return y

    for a, b in permutations(("int16", "uint16")):
        assert result(kernel, "i8", a, b, "float32") == FLOAT32


def test_types_that_do_not_settle_only_rise(monkeypatch):
    def rule(op, types):
        return same(types[0], 1, INT16 if types[0] == FLOAT64 else FLOAT64)

    monkeypatch.setitem(OPS, "antitone", OpDef("antitone", rule, abs, never_lowered))
    function = parse_function(
        """
        func @f {
        ^0(%n, %a):
          jump ^1(%a)
        ^1(%x):
          %c = gt(%n, %n)
          branch(%c) ^2, ^3
        ^2:
          %y = antitone(%x)
          jump ^1(%y)
        ^3:
          return(%x)
        }
        """
    )
    infer(function, [INT32, INT16])
    assert function.result == FLOAT64


def test_a_part_of_the_types_that_meet():
    assert join(INT16, UINT16) == INT32
    assert join(INT16, UINT16, FLOAT32) == FLOAT32


def test_units_meet_in_any_order():
    for order in permutations(("m8[s]", "m8[ms]", "m8[m]")):
        assert result(chain, "i8", *order).dtype == np.dtype("m8[ms]")


@pytest.mark.parametrize("order", list(permutations(("i8", "f4", "m8[s]"))), ids="-".join)
def test_no_common_type_in_any_order(order):
    with pytest.raises(TypingError, match="timedelta64"):
        result(chain, "i8", *order)
