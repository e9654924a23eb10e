"""The reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen.ir.core import Function
from kernelgen.ir.interp import StepLimit, interpret
from kernelgen.ir.parse import parse_function

ENDLESS = "func @spin {\n^0(%x):\n  jump ^1\n^1:\n  jump ^1\n}\n"

SWAP = """
func @swap -> i8 {
^0(%n: i8, %a: i8, %b: i8):
  jump ^1(%n, %a, %b)
^1(%left: i8, %p: i8, %q: i8):
  %zero: i8 = const {value=int64(0)}
  %more: ~b1 = ne(%left, %zero)
  branch(%more) ^2, ^3
^2:
  %one: i8 = const {value=int64(1)}
  %less: i8 = sub(%left, %one)
  jump ^1(%less, %q, %p)
^3:
  return(%p)
}
"""


def straight(body: str) -> Function:
    return parse_function(f"func @f {{\n^0(%x, %y):\n{body}\n}}\n")


def test_untyped_ops_mean_what_python_means():
    function = straight("%2 = add(%x, %y)\n return(%2)")
    assert interpret(function, (1, 2)) == 3
    assert interpret(function, ("a", "b")) == "ab"
    assert type(interpret(function, (np.int8(1), 2))) is np.int8


def test_typed_ops_compute_in_their_types():
    function = parse_function(
        "func @f -> i1 {\n^0(%x: i1):\n %1: i1 = convert(%x) {to=type(i1)}\n"
        " %2: i1 = add(%x, %1)\n return(%2)\n}\n"
    )
    got = interpret(function, (np.int8(100),))
    assert type(got) is np.int8
    assert got == -56


def test_arguments_of_blocks_are_handed_over_all_at_once():
    function = parse_function(SWAP)
    assert interpret(function, [np.int64(v) for v in (0, 5, 7)]) == 5
    assert interpret(function, [np.int64(v) for v in (3, 5, 7)]) == 7


def test_several_results_are_a_tuple():
    assert interpret(straight("return(%y, %x)"), (1, 2)) == (2, 1)


def test_exceptions_are_raised():
    function = straight("raise {error=raised(<builtins:KeyError>, 'text', 5)}")
    with pytest.raises(KeyError) as raised:
        interpret(function, (1, 2))
    assert raised.value.args == ("text", 5)


def test_endless_loops_stop_at_the_limit():
    with pytest.raises(StepLimit, match="spin ran for more than 50 blocks"):
        interpret(parse_function(ENDLESS), (1,), max_steps=50)


def test_the_limit_counts_blocks():
    function = parse_function(SWAP)
    arguments = [np.int64(v) for v in (3, 5, 7)]
    assert interpret(function, arguments, max_steps=9) == 7
    with pytest.raises(StepLimit):
        interpret(function, arguments, max_steps=8)


def test_floating_point_warnings_are_not_given():
    function = parse_function(
        "func @f -> f8 {\n^0(%x: f8):\n %1: f8 = truediv(%x, %x)\n return(%1)\n}\n"
    )
    assert np.isnan(interpret(function, (np.float64(0),)))
