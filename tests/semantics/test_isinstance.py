"""``isinstance`` and ``type``: known when a kernel is compiled, as are the branches they decide."""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np
import pytest
from backends import COMPLEX, DTYPES, check, edges, request

from kernelgen import pipeline
from kernelgen.errors import UnsupportedError

VALUES = np.array([0, 1, 2, 3, 100])


class Pair(NamedTuple):
    first: float
    second: float


CLASSES = {
    "bool": bool, "int": int, "float": float, "complex": complex, "tuple": tuple,
    "(int, np.integer)": (int, np.integer), "((float, bool), np.bool_)": ((float, bool), np.bool_),
    "int | np.floating": int | np.floating, "np.number": np.number, "np.generic": np.generic,
    "numbers.Real": numbers.Real, "numbers.Integral": numbers.Integral, "object": object,
    "type(None)": type(None),
}  # fmt: skip


@pytest.mark.any_python
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("dtype", [*DTYPES, *COMPLEX], ids=str)
def test_isinstance_of_an_argument_and_of_what_is_made_of_it(name, dtype, unoptimised):
    cls = CLASSES[name]

    def kernel(x):
        weak = 2 if x == x else 3
        return (
            isinstance(x, cls), isinstance(x + 1, cls), isinstance(weak, cls), isinstance(1.5, cls),
            isinstance((x, 1), cls), isinstance(None, cls),
        )  # fmt: skip

    check(kernel, VALUES.astype(dtype))


def absolute(x):
    if isinstance(x, (int, np.integer)):
        return x if x & 0x7F == x else -x
    if isinstance(x, complex) or isinstance(x, np.complexfloating):
        return x.real
    return x.made_up_attribute if not isinstance(x, np.floating) else -x


@pytest.mark.parametrize("dtype", [d for d in [*DTYPES, *COMPLEX] if d.kind != "b"], ids=str)
def test_branches_for_other_classes_are_not_compiled(dtype):
    def kernel(x):
        return absolute(x)

    check(kernel, VALUES.astype(dtype))


def test_branches_decide_the_types_behind_them():
    def kernel(x):
        y = x if isinstance(x, float) else (x, x)
        if isinstance(y, tuple):
            y = y[0] + y[1]
        z = y / 2 if isinstance(x, np.integer) else 1
        return z + 1 if isinstance(z, int) else z

    for dtype in DTYPES:
        check(kernel, VALUES.astype(dtype))


def test_type():
    def kernel(x):
        made = type(x)(3)
        if type(x) is np.float32 or type(x) == np.float64:
            made = made + 1
        if type(x) in (np.int8, np.int16):
            made = made - 1
        return made, type(x) != np.float32, type(x + 1.5) is float

    for dtype in DTYPES:
        check(kernel, edges(dtype)[:3])


def test_named_tuples():
    def kernel(x):
        pair = Pair(x, 1)
        return isinstance(pair, Pair), isinstance(pair, tuple), type(pair) is tuple

    check(kernel, VALUES)


def test_in_helpers_and_nested_functions():
    def kernel(x):
        def scale(value, by):
            return value * by if isinstance(by, float) else value + by

        return scale(x, 2.0), scale(x, 2), scale(2, x)

    check(kernel, VALUES)
    check(kernel, VALUES.astype("f8"))


def test_variables_of_loops():
    def kernel(x):
        total = 0
        for i in range(3):
            if isinstance(i, int):
                total = total + x
        return total if isinstance(total, np.float32) else total + 1

    check(kernel, VALUES.astype("f4"))


def test_wrong_classes():
    def kernel(x):
        return isinstance(x, 5)

    with pytest.raises(UnsupportedError, match=r"isinstance\(\) arg 2 must be a (type|class)"):
        pipeline.typed(request(kernel, VALUES))


def test_the_class_of_the_second_input_is_that_of_its_array():
    """Where a kernel only converts its second input, NumPy may do that, but not if it is asked."""

    def kernel(x, y):
        return x + 100 if isinstance(y, np.int8) else x

    check(kernel, np.array([1, 2]), np.array([3, 4], np.int8))
