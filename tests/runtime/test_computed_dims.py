"""Computed output dimensions in native code: the sizes are those of Python's arithmetic."""

from __future__ import annotations

import ctypes
import gc
import random
import weakref

import numpy as np
import pytest
from hand_written import compiled_loop

from kernelgen.runtime import gufunc_api, numpy_api
from kernelgen.runtime.computed_dims import ComputedDimensions
from kernelgen.runtime.numpy_api import LoopFlag
from kernelgen.types.core_dims import parse_core

LARGE = [0, 1, 2, 3, 7, 2**31, 2**62, 2**63 - 1]

COUNTING_LOOP = """
define i32 @loop(ptr %context, ptr %data, ptr %dimensions, ptr %strides, ptr %aux) {
  ret i32 0
}
"""
f8 = np.dtypes.Float64DType


def make_gufunc(text):
    """A gufunc that leaves its outputs as they are."""
    signature = parse_core(text)

    def promote(ufunc, inputs, pinned):
        if not numpy_api.binding_of(ufunc).loops:
            library = compiled_loop(COUNTING_LOOP, {})
            numpy_api.add_loop(
                ufunc,
                (f8,) * ufunc.nargs,
                library.address("loop"),
                flags=LoopFlag.NO_FLOATINGPOINT_ERRORS,
                name="loop",
                owner=library,
            )
        return (f8,) * ufunc.nargs

    counts = len(signature.inputs), len(signature.outputs)
    ufunc = numpy_api.make_ufunc("f", "", *counts, None, promote, signature=signature.numpys)
    computed = ComputedDimensions(signature, "f")
    gufunc_api.compute_core_dims(ufunc, computed.address, computed)
    return ufunc


def computed_sizes(dimensions, *sizes):
    """The sizes after the native function has seen them."""
    function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    memory = (ctypes.c_int64 * len(sizes))(*sizes)
    assert function(dimensions.address)(None, ctypes.addressof(memory)) == 0
    return tuple(memory)


def random_size(random, depth):
    if depth == 0 or random.random() < 0.2:
        return random.choice(["n", "m", str(random.choice(LARGE))])
    operation = random.choice(["+", "-", "*", "//", "neg", "min", "max"])
    a, b = (random_size(random, depth - 1) for _ in range(2))
    if operation in ("min", "max"):
        return f"{operation}({a},{b},7)"
    return f"(-{a})" if operation == "neg" else f"({a}{operation}{b})"


@pytest.mark.parametrize("seed", range(40))
def test_native_arithmetic_is_pythons_or_refuses(seed):
    text = f"max(n,m)-{random_size(random.Random(seed), 3)}"
    signature = parse_core(f"(n),(m)->({text})")
    dimensions = ComputedDimensions(signature, "f")
    (size,) = signature.computed.values()
    for n in LARGE:
        for m in LARGE:
            found = {"n": n, "m": m}
            try:
                got = computed_sizes(dimensions, n, m, -1)
            except ValueError as error:
                assert "f: the " in str(error)
                if "do not fit" not in str(error):
                    with pytest.raises((ZeroDivisionError, AssertionError)):
                        assert 0 <= size.evaluate(found) < 2**63
            else:
                assert got == (n, m, size.evaluate(found))


def test_outputs_are_allocated():
    f = make_gufunc("(n),(m)->(n+m-1)")
    assert f.signature == "(n),(m)->(n_plus_m_minus_1)"
    assert f(np.zeros(5), np.zeros(3)).shape == (7,)
    assert f(np.zeros((2, 1, 5)), np.zeros((4, 3))).shape == (2, 4, 7)
    assert f(np.zeros((5, 2)), np.zeros(3), axes=[0, 0, -1]).shape == (2, 7)
    out = np.zeros((2, 7))
    assert f(np.zeros((2, 5)), np.zeros(3), out=out) is out


def test_a_size_may_be_zero():
    assert make_gufunc("(n),(w)->(n-w+1)")(np.zeros(3), np.zeros(4)).shape == (0,)
    assert make_gufunc("(n)->(2*n,3)")(np.zeros(0)).shape == (0, 3)


def test_sizes_that_several_outputs_share():
    first, second = make_gufunc("(n)->(n//2),(n//2,n)")(np.zeros((4, 7)))
    assert (first.shape, second.shape) == ((4, 3), (4, 3, 7))


def test_an_impossible_size_raises_in_the_call():
    f = make_gufunc("(n),(w)->(n-w+1)")
    with pytest.raises(
        ValueError, match=r"^f: the output dimension n-w\+1 would be -1 for n=3, w=5$"
    ):
        f(np.zeros(3), np.zeros(5))
    with pytest.raises(ValueError, match=r"is 4 for n=5, w=2, and 3 in the output that was given"):
        f(np.zeros(5), np.zeros(2), out=np.zeros(3))
    with pytest.raises(ValueError, match="divides by zero for n=5, w=0"):
        make_gufunc("(n),(w)->(n//w)")(np.zeros(5), np.zeros(0))


def test_what_numpy_refuses_stays_refused():
    f = make_gufunc("(n),(n)->(2*n)")
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        f(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="does not have enough dimensions"):
        f(np.zeros(3), 1.0)


def test_the_code_goes_with_the_ufunc():
    signature = parse_core("(n)->(n+1)")
    ufunc = numpy_api.make_ufunc("f", "", 1, 1, None, None, signature=signature.numpys)
    computed = ComputedDimensions(signature, "f")
    gufunc_api.compute_core_dims(ufunc, computed.address, computed)
    gone = weakref.ref(computed)
    del computed
    assert gone() is not None
    del ufunc
    gc.collect()
    assert gone() is None
