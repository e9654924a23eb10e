"""Default and keyword arguments: of kernels, where they are constants, and of helpers."""

from __future__ import annotations

import numpy as np
import pytest
from backends import check, edges

import kernelgen
from kernelgen.errors import KernelgenError, SignatureError, UnsupportedError

F4, I8 = np.dtype("f4"), np.dtype("i1")


def test_a_parameter_with_a_default_is_a_constant():
    def kernel(x, factor=2.5, offset=1):
        return x * factor + offset

    ufunc = check(kernel, edges(F4))
    assert ufunc.nin == 1
    check(kernel, edges(I8))


def test_keyword_only_parameters_have_their_defaults():
    def kernel(x, *, factor=3, offset=0.5):
        return x * factor - offset

    check(kernel, edges(F4))


def test_none_as_a_default_decides_when_compiling():
    def kernel(x, limit=None):
        if limit is None:
            return x
        return min(x, limit)

    check(kernel, edges(I8))


def test_a_tuple_as_a_default():
    def kernel(x, coefficients=(1.0, 2.0)):
        a, b = coefficients
        return a + b * x

    check(kernel, edges(F4))


def test_a_default_that_the_kernel_assigns():
    def kernel(x, total=0):
        for _ in range(3):
            total += x
        return total

    check(kernel, edges(F4))


def test_a_signature_makes_inputs_of_parameters_with_defaults():
    def kernel(x, y=2.0, z=3.0):
        return x + y * z

    one = kernelgen.vectorize("f8(f8)")(kernel)
    two = kernelgen.vectorize("f8(f8,f8)")(kernel)
    assert (one.nin, two.nin) == (1, 2)
    assert one(1.0) == 7.0
    assert two(1.0, 5.0) == 16.0


def test_a_signature_with_too_many_or_too_few_types_is_refused():
    def kernel(x, y, z=3.0):
        return x + y * z

    for signature in ("f8(f8)", "f8(f8,f8,f8,f8)"):
        with pytest.raises(SignatureError, match="arguments, the signature"):
            kernelgen.vectorize(signature)(kernel)


def test_a_default_that_is_no_number_is_reported_where_it_is_used():
    def kernel(x, mode="fast"):
        return x + mode

    with pytest.raises(KernelgenError, match="needs numbers, not a str"):
        kernelgen.vectorize(kernel)(1.0)


def test_a_keyword_only_parameter_without_default_is_refused():
    def kernel(x, *, factor):
        return x * factor

    with pytest.raises(UnsupportedError, match="keyword-only parameter 'factor'.* no default"):
        kernelgen.vectorize(kernel)


def test_a_kernel_of_defaults_alone_has_no_inputs():
    with pytest.raises(UnsupportedError, match="has no arguments"):
        kernelgen.vectorize(lambda x=1.0: x)


def scaled(x, factor=2, *, offset=0.5, sign):
    return (x * factor + offset) * sign


def test_keyword_only_parameters_of_helpers():
    def kernel(x):
        return scaled(x, sign=1) + scaled(x, 3, offset=x, sign=-1)

    check(kernel, edges(F4))


@pytest.mark.parametrize(
    "kernel",
    [
        lambda x: scaled(x),
        lambda x: scaled(x, 1, 2, 3),
        lambda x: scaled(x, sign=1, other=2),
        lambda x: scaled(x, 2, factor=3, sign=1),
    ],
)
def test_helpers_refuse_arguments_that_do_not_fit(kernel):
    with pytest.raises(UnsupportedError, match="cannot be called with these arguments"):
        kernelgen.vectorize(kernel)(1.0)
