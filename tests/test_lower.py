"""Lowering: typed SSA to the text of one LLVM function that LLVM accepts."""

from __future__ import annotations

import math

import llvmlite.binding as llvm
import numpy as np
import pytest

from kernelgen import pipeline
from kernelgen.ir.parse import parse_function
from kernelgen.ir.raised import Raised
from kernelgen.llvm_text import FAST, Emitter, literal, zero
from kernelgen.lower import lower
from kernelgen.options import Options
from kernelgen.types.table import BOOL, FLOAT32, FLOAT64, INT8, INT64, UINT64


def module(lowered):
    """The lowered function as LLVM has read and verified it."""
    parsed = llvm.parse_assembly("\n".join([*lowered.declarations, lowered.text]))
    parsed.verify()
    return parsed


def lowered(kernel, *types, **options):
    return pipeline.lowered(pipeline.Request(kernel, types, None, Options(**options)))


def test_llvm_accepts_the_text():
    def kernel(x, n):
        total = 0.0
        for i in range(n):
            total += math.sin(x * i) if i % 2 else abs(x)
        if total > 100:
            raise ValueError("too large")
        return total, n

    result = lowered(kernel, FLOAT32, INT8)
    module(result)
    assert result.inputs == (FLOAT32, INT8)
    assert result.outputs == (FLOAT64, INT8) or result.outputs == (FLOAT32, INT8)
    assert result.errors == (Raised(ValueError, ("too large",)),)
    assert result.text.count("ret ") == 1


def test_an_error_is_listed_once_for_each_place_that_raises_it():
    def kernel(x):
        for bound in (0, 1, 2):
            if x < bound:
                raise ValueError("bad")
        if x > 9:
            raise ValueError("bad")
        if x == 3:
            raise ValueError("three")
        return x

    result = lowered(kernel, FLOAT64)
    bad, three = Raised(ValueError, ("bad",)), Raised(ValueError, ("three",))
    assert result.errors == (bad, bad, three)
    first = kernel.__code__.co_firstlineno
    assert [place.line - first for place in result.places] == [3, 5, 7]
    module(result)


def test_a_kernel_that_never_ends_has_no_exit():
    function = parse_function("func @f -> f8 {\n^0(%x: f8):\n  jump ^1\n^1:\n  jump ^1\n}\n")
    module(lower(function, "kernel"))


def test_a_branch_with_both_edges_to_one_block():
    function = parse_function(
        "func @f -> f8 {\n^0(%x: f8, %y: f8, %c: b1):\n"
        "  branch(%c) ^1(%x), ^1(%y)\n^1(%z: f8):\n  return(%z)\n}\n"
    )
    text = lower(function, "kernel").text
    assert text.count("b0.else") >= 2
    module(lower(function, "kernel"))


def test_values_handed_around_a_loop_may_swap():
    function = parse_function(
        "func @f -> f8 {\n^0(%x: f8, %y: f8, %c: b1):\n  jump ^1(%x, %y)\n"
        "^1(%a: f8, %b: f8):\n  branch(%c) ^1(%b, %a), ^2\n^2:\n  return(%a)\n}\n"
    )
    module(lower(function, "kernel"))


def test_fast_math_flags_stand_on_every_floating_point_op():
    def kernel(x, y):
        return -(x * y + x / y) - math.exp(x)

    text = lowered(kernel, FLOAT64, FLOAT64, math_flags=FAST).text
    for opcode in ("fmul", "fadd", "fdiv", "fneg", "fsub", "call"):
        lines = [line for line in text.splitlines() if f" {opcode} " in line]
        assert lines
        assert all(f"{opcode} {FAST} double" in line for line in lines)
    assert FAST not in lowered(kernel, FLOAT64, FLOAT64).text


def test_precise_kernels_name_no_vector_functions():
    def kernel(x):
        return math.exp(x)

    result = lowered(kernel, FLOAT64, precise=True)
    assert "vector-function-abi-variant" not in result.text


@pytest.mark.parametrize("t", [FLOAT32, FLOAT64])
@pytest.mark.parametrize(
    "value", [0.0, -0.0, 1.5, 0.1, -1e30, 1e-45, math.inf, -math.inf, math.nan]
)
def test_float_literals_are_exact(t, value):
    value = t.dtype.type(value)
    text = f"define {t.llvm} @f() {{ ret {t.llvm} {literal(t, value)} }}"
    llvm.parse_assembly(text).verify()
    bits = np.uint64(int(literal(t, value), 16)).view(np.float64)
    assert np.array_equal(t.dtype.type(bits), value, equal_nan=True)
    assert np.signbit(bits) == np.signbit(value)


def test_other_literals():
    assert literal(BOOL, True) == "true"
    assert literal(BOOL, 0) == "false"
    assert literal(UINT64, np.uint64(2**64 - 1)) == "18446744073709551615"
    assert literal(INT64, -(2**63)) == "-9223372036854775808"
    assert [zero(t) for t in (BOOL, INT8, FLOAT64)] == ["false", "0", "0x0000000000000000"]


def test_the_emitter_numbers_values_and_declares_once():
    e = Emitter()
    first = e.call("llvm.fabs.f64", FLOAT64, (FLOAT64, "%x"))
    second = e.call("llvm.fabs.f64", FLOAT64, (FLOAT64, first))
    assert first != second
    assert len(e.declarations) == 1
    assert len(e.lines) == 2


def test_a_loop_may_say_how_many_vectors_are_computed_at_once():
    text = """
    func @f -> i8 {
    ^0(%n: i8):
      jump ^1(%n)
    ^1(%i: i8):
      %more: bool = gt(%i, %n)
      branch(%more) ^2, ^3
    ^2:
      jump {interleave=4} ^1(%n)
    ^3:
      return(%n)
    }
    """
    result = lower(parse_function(text), "f")
    assert "!llvm.loop" in str(module(result))
    (mark,) = (line for line in result.text.splitlines() if "!llvm.loop" in line)
    declared = "\n".join(result.declarations)
    assert f"{mark.split()[-1]} = distinct" in declared
    assert '!{!"llvm.loop.interleave.count", i32 4}' in declared
