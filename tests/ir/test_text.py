"""The IR is text: what is printed parses, and prints the same again."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from sample_kernels import SAMPLES

from kernelgen import from_dtype, pipeline
from kernelgen.ir.core import Function
from kernelgen.ir.parse import ParseError, parse_constant, parse_function
from kernelgen.ir.raised import Raised
from kernelgen.ir.text import print_constant, print_function
from kernelgen.ir.verify import verify
from kernelgen.rewrites import TYPED_PASSES, UNTYPED_PASSES
from kernelgen.types.compound import NONE, RANGE, Array, Element, Tuple
from kernelgen.types.digits import LN_2
from kernelgen.types.table import DATETIME, FLOAT64, SCALARS, TIMEDELTA, WEAK


def stages(sample) -> Iterator[tuple[Function, bool]]:
    """The function after every pass, each made anew, and whether its types agree by then."""
    request = pipeline.Request(sample.kernel, sample.types)
    yield pipeline.ssa(request), False
    resolved = pipeline.ssa(request)
    for rewrite, _ in UNTYPED_PASSES:
        rewrite(resolved)
    yield resolved, False
    yield pipeline.typed(request), False
    for count in range(1, len(TYPED_PASSES) + 1):
        function = pipeline.typed(request)
        for rewrite, _ in TYPED_PASSES[:count]:
            rewrite(function)
        yield function, True


RECORD = from_dtype(
    np.dtype([
        ("x", "f8"), ("the name", "S3"), ("v", "f4", (2, 3)), ("t", "M8[25s]"), ("other", ">i4"),
        ("in", [("a", "?"), ("b", "c16")], 2),
    ], align=True)
)  # fmt: skip
CLASS = from_dtype(np.dtype((np.record, [("x", "f8"), ("y", "u2")])))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_every_stage_prints_and_parses(sample):
    for function, typed in stages(sample):
        text = print_function(function)
        parsed = parse_function(text)
        verify(parsed, typed=typed)
        assert print_function(parsed) == text


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -7, 2**70, 1.5, -0.0, 1e300, 1e-320, -2.5e-7, math.inf, -math.inf,
        "text", "it's", 'a "quoted" \\ text\n', "", (), (1,), (1, (2.5, None)), int,
        ValueError, math,
        math.sqrt, np.sqrt, np.int8(-3), np.uint64(2**64 - 1), np.float32(0.1), np.float64(-0.0),
        np.float64(np.inf), np.longdouble("0.1"), np.longdouble("-inf"), 1 - 2.5j, complex(0, -math.inf),
        np.complex64(1 - 2j), np.clongdouble(1j) / 3, LN_2, np.bool_(True), Raised(ValueError), Raised(KeyError, ("no", 1, 2.5)),
        np.datetime64("2020-01-01"), np.timedelta64(-3, "25s"), np.array(5, "i8").view("m8")[()],
        DATETIME, TIMEDELTA["ns"], DATETIME["25s"], Tuple((DATETIME["D"],)),
        RECORD, Array(RECORD, 2, "C"), Array(RECORD, 1, "A", True, False), Array(RECORD, 0, "C").element,
        Array(FLOAT64, 1, "A", aligned=False), Element(RECORD, True, False), CLASS, Array(CLASS, 2, "F"),
        np.zeros(1, RECORD.dtype)[0], np.ones(1, CLASS.dtype)[0], Tuple((Element(CLASS),)),
        *SCALARS, *WEAK, NONE, RANGE, Tuple((FLOAT64, Tuple((SCALARS[1],)))),
    ],
    ids=repr,
)  # fmt: skip
def test_constants_print_and_parse(value):
    parsed = parse_constant(print_constant(value))
    assert type(parsed) is type(value)
    assert parsed == value
    assert math.copysign(1, parsed) == math.copysign(1, value) if isinstance(value, float) else True


@pytest.mark.parametrize(
    "value",
    [
        np.array([1.5, -0.0, np.inf, np.nan]), np.arange(6, dtype="i2").reshape(2, 3).T,
        np.zeros((2, 0), "f4"), np.array([1 + 2j, np.nan]), np.array(2.5), np.array([True, False]),
        np.array(["2020-01-01", "NaT"], "M8[D]"),
        np.arange(24.0).reshape(2, 3, 4)[:, ::2], np.arange(3, dtype=">i4"),
        np.zeros(3, RECORD.dtype), np.asfortranarray(np.ones((2, 3), CLASS.dtype)),
    ],
    ids=str,
)  # fmt: skip
def test_arrays_print_and_parse(value):
    parsed = parse_constant(print_constant(value))
    records = value.dtype.names is not None
    assert parsed.dtype == (value.dtype if records else value.dtype.newbyteorder("="))
    assert parsed.shape == value.shape
    assert np.array_equal(parsed, value, equal_nan=value.dtype.kind in "fcM")
    assert print_constant(parsed) == print_constant(value)


def test_nan_and_nat_print_and_parse():
    nat = parse_constant(print_constant(np.datetime64("NaT", "s")))
    assert np.isnat(nat)
    assert nat.dtype == np.dtype("M8[s]")
    assert math.isnan(parse_constant(print_constant(math.nan)))
    parsed = parse_constant(print_constant(np.float32(np.nan)))
    assert isinstance(parsed, np.float32)
    assert np.isnan(parsed)


def test_values_are_called_by_the_users_names():
    def kernel(x, speed):
        limit = x * 2
        return limit + speed

    text = print_function(pipeline.ssa(pipeline.Request(kernel, (FLOAT64, FLOAT64))))
    assert "(%x, %speed):" in text
    assert "%limit = mul(%x, " in text


def test_a_constant_is_the_whole_text():
    with pytest.raises(ParseError, match="unexpected text at the end: '2'"):
        parse_constant("1 2")


MINIMAL = "func @f -> f8 {{\n^0(%x: f8):\n  {}\n}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected 'func'"),
        ("func f {}", "expected a name"),
        ("func @f {\n^0:\n  return(%y)\n}", "used but not defined: %y"),
        ("func @f {\n^0:\n  jump ^9\n}", r"used but not defined: \^9"),
        (MINIMAL.format("%2: nonsense = neg(%x)\n  return(%2)"), "no type is called 'nonsense'"),
        (MINIMAL.format("%2 = neg(%x\n  return(%2)"), "expected ','"),
        (MINIMAL.format("%2 = const {value}\n  return(%2)"), "expected '='"),
        (MINIMAL.format("return(%x) ; done"), "line 3: cannot read ' ; done"),
        (MINIMAL.format("return(%x)") + "jump", "unexpected text at the end: 'jump'"),
        (MINIMAL.format("return(%x)") + "func", "expected a name, found ''"),
        (MINIMAL.format("return(%x)") * 2, "@f is defined twice"),
        (
            MINIMAL.format("return(%x)") + MINIMAL.format("return(%x)").replace("@f", "@g"),
            "defined but not used: g",
        ),
        (
            MINIMAL.format("%1 = invoke(%x) {callee=@g}\n  return(%1)"),
            "used but not defined: @g",
        ),
        (MINIMAL.format("%2 = neg(%x)"), "expected"),
        (MINIMAL.format("%x = neg(%x)\n  return(%x)"), "%x is defined twice"),
        ("func @f {\n^0(%x):\n  return(%x)\n^0:\n  return(%x)\n}", r"\^0 is defined twice"),
        (MINIMAL.format("%2 = const {value=<no.such.module:x>}\n  return(%2)"), "no.such.module"),
        (MINIMAL.format("%2 = const {value=<math:nothing>}\n  return(%2)"), "nothing"),
        (MINIMAL.format("%2 = const {value=}\n  return(%2)"), "expected a constant"),
        (
            MINIMAL.format("%2 = const {value=frob}\n  return(%2)"),
            "expected a constant, found 'frob'",
        ),
        (MINIMAL.format("%2 = const {value=(1, 2"), "expected"),
        ("func @f {\n^0:\n  return(", "expected"),
    ],
)
def test_malformed_text_is_a_parse_error(text, message):
    with pytest.raises(ParseError, match=message):
        parse_function(text)
