"""Signatures of kernels that take arrays: every spelling, and a clear error for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernelgen as kg
from kernelgen.errors import SignatureError
from kernelgen.types.compound import Array
from kernelgen.types.core_dims import parse_core
from kernelgen.types.operands import Operands, declare
from kernelgen.types.signature import Signature
from kernelgen.types.table import DATETIME, FLOAT32, FLOAT64, INT64

f8, f4, i8 = FLOAT64, FLOAT32, INT64
MATVEC = parse_core("(m,n),(n)->(m)")
SUM = parse_core("(n),()->()")


@pytest.mark.parametrize(
    "spec",
    [
        "void(f8[:,:],f8[:],f8[:])",
        "void( float64[:, :], float64[::1] ,double[:])",
        "(f8[:,:],f8[:],f8[:])",
        "f8[:,:],f8[:],f8[:]",
        "f8[:](f8[:,:],f8[:])",
        "(f8[:])(f8[:,:],f8[:])",
        "dd->d",
        "float64,float64->float64",
        (f8[:, :], f8[:], f8[:]),
        [f8[:, ::1], "float64[:]", "f8[:]"],
        kg.void(f8[:, :], f8[:], f8[:]),
        kg.void("f8[:,:]", "f8[:]", f8[:]),
        f8[:](f8[:, :], f8[:]),
    ],
)
def test_spellings_of_one_signature(spec):
    assert declare(spec, MATVEC) == (Signature((f8, f8), (f8,)), frozenset())


@pytest.mark.parametrize(
    ("spec", "boxed"),
    [
        ("void(f8[:],i8,f8[:])", []),
        ("void(f8[:],i8[:],f8[:])", [1]),
        ("void(f8[:],i8,f8)", []),
        ("f8(f8[:],i8)", []),
        ("f8(f8[:],i8[:])", [1]),
        ("dl->d", []),
        (f8(f8[:], np.int64), []),
        ([f8[:], np.dtype("i8"), f8[:]], []),
    ],
)
def test_operands_without_core_dimensions(spec, boxed):
    assert declare(spec, SUM) == (Signature((f8, i8), (f8,)), frozenset(boxed))


def test_several_outputs():
    core = parse_core("(n)->(n),()")
    expected = Signature((f4,), (f8, i8)), frozenset()
    for spec in ("void(f4[:],f8[:],i8[:])", "(f8[:],i8)(f4[:])", "f->dl", "(f4[:],f8[:],i8[:])"):
        assert declare(spec, core) == expected


def test_times_with_units():
    core = parse_core("(n)->()")
    found, _ = declare("void(M8[ns][:], datetime64[ns][:])", core)
    assert found == Signature((DATETIME["ns"],), (DATETIME["ns"],))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("void(f8[:],f8[:])", "has 2 types, the core dimensions .* have 3 operands"),
        ("dddd->d", "has 5 types"),
        ("void(f8[:],f8[:],f8[:])", "f8\\[:\\] has 1 dimensions, and not 2"),
        ("void(f8,f8[:],f8[:])", "f8 has 0 dimensions, and not 2"),
        ("void(f8[:,:],f8[:],f9[:])", "names the type 'f9\\[:\\]', which does not exist"),
        ("void(f8[:,:],f8[:],f8[:3])", "cannot read the signature"),
        ("void(f8[:,:],f8[:],)", "has 2 types"),
        ("void(f8[:,::1,:],f8[:],f8[:])", "cannot read the signature"),
        ("void(f8[1],f8[:],f8[:])", "cannot read the signature"),
        ("void((f8)", "cannot read the signature"),
        ("void(f8[:,:],UniTuple(f8,2),f8[:])", "the operand of a ufunc cannot be"),
        (3, "is not a type that kernels can have"),
        ([3.5, f8[:], f8[:]], "is not a type that kernels can have"),
    ],
)
def test_what_does_not_fit_is_refused(spec, sentence):
    with pytest.raises(SignatureError, match=sentence):
        declare(spec, MATVEC)


@given(st.text(alphabet="f8[:,](void)1-> ", max_size=16))
def test_any_other_text_is_a_signature_error(text):
    try:
        found = declare(text, MATVEC)
    except SignatureError as error:
        assert error.message
    else:
        assert len(found.signature.types) == 3


def test_what_a_kernel_is_handed():
    operands = Operands(parse_core("(m,n),(n),()->(m),()"), frozenset([1]))
    inputs = operands.inputs((f8, f4, i8), frozenset(), "C")
    assert inputs == (Array(f8, 2, "C", True), Array(f4, 1, "C", False), i8)
    assert operands.inputs((f8, f4, i8), frozenset([2]), "A")[2] == Array(i8, 1, "C", True)
    assert operands.outputs((f8, f8), "A") == (Array(f8, 1, "A"), Array(f8, 1, "C"))
    returning = Operands(parse_core("(n)->(n),()"), returns=True)
    assert returning.outputs((f8, f8), "A") == (Array(f8, 1, "A"), Array(f8, 0, "C"))
