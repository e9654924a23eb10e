"""Signatures: every spelling, and a clear error for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernelgen as kg
from kernelgen.errors import SignatureError
from kernelgen.types.signature import Signature, of_types, parse, parse_inputs, parse_whole
from kernelgen.types.table import BOOL, FLOAT32, FLOAT64, INT8, INT32, INT64, SCALARS, UINT16

SAME = Signature((FLOAT64, INT32), (FLOAT64,))


@pytest.mark.parametrize(
    "text",
    [
        "f8(f8,i4)", "float64(float64, int32)", " f8 ( f8 , i4 ) ", "di->d", "d,i->d", "(d,i)->(d)",
        "double(double, intc)", "(f8)(f8,i4)", "f8,i4->f8", "float(float64,i)",
    ],
)  # fmt: skip
def test_spellings_of_one_signature(text):
    assert parse(text) == SAME


def test_several_outputs():
    two = Signature((FLOAT64,), (FLOAT64, INT8))
    for text in ("(f8,i1)(f8)", "d->db", "d->(d,b)", "(d)->(d,b)"):
        assert parse(text) == two
    assert str(two) == "(f8,i1)(f8)"


def test_type_objects_make_signatures():
    assert kg.float64(kg.float64, kg.int32) == SAME
    assert kg.float64("f8", np.int32) == SAME
    assert kg.float32(np.dtype("u2"), bool) == Signature((UINT16, BOOL), (FLOAT32,))
    assert parse(SAME) is SAME


@given(
    st.lists(st.sampled_from(SCALARS), min_size=1, max_size=5),
    st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3),
)
def test_what_prints_parses(inputs, outputs):
    signature = Signature(tuple(inputs), tuple(outputs))
    assert parse(str(signature)) == signature
    characters = ("".join(t.dtype.char for t in types) for types in (inputs, outputs))
    assert parse("->".join(characters)) == signature


@given(st.text(alphabet="f8i4(),->d ~bool", max_size=14))
def test_any_other_text_is_a_signature_error(text):
    try:
        signature = parse(text)
    except SignatureError as error:
        assert error.message
    else:
        assert signature.inputs
        assert signature.outputs


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("f8", "cannot read"), ("", "cannot read"), ("f8(f8", "cannot read"),
        ("f8)(f8", "cannot read"),
        ("f8(f8)(f8)", "cannot read"), ("f8()", "no inputs"), ("()(f8)", "no outputs"),
        ("->d", "no inputs"), ("d->", "no outputs"), ("d->d->d", "cannot read"),
        ("f8(f9)", "'f9', which does not exist"), ("f8(~i8)", "'~i8', which does not exist"),
        ("f8(f8,,i4)", "a type is missing"), ("x->d", "'x', which does not exist"),
        ("complex512(f8)", "'complex512', which does not exist"), ("f8(str)", "'str'"),
        (5, "not 5"), (None, "not None"),
    ],
)  # fmt: skip
def test_malformed_signatures(spec, message):
    with pytest.raises(SignatureError, match=message.replace("(", r"\(")):
        parse(spec)


def test_a_close_name_is_suggested():
    with pytest.raises(SignatureError) as raised:
        parse("float46(float64)")
    assert "did you mean 'float64'?" in str(raised.value)


@pytest.mark.parametrize(
    "spec", ["f8,i4", "float64, int32", ("f8", "i4"), (float, np.int32), SAME, "di->d"]
)
def test_inputs_alone(spec):
    assert parse_inputs(spec) == (FLOAT64, INT32)


def test_whole_signatures_are_told_from_inputs():
    assert parse_whole("f8,i4") is None
    assert parse_whole(("f8", "i4")) is None
    assert parse_whole("f8(f8,i4)") == SAME
    assert parse_whole("di->d") == SAME
    assert parse_whole(SAME) == SAME


def test_types_that_kernels_do_not_have():
    for spec in ("O", "datetime64[x]", np.dtype("U3"), object(), "no such type"):
        with pytest.raises(SignatureError):
            of_types((spec,), (INT64,))
