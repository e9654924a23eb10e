"""Explicit signatures: how they are written, which is chosen, what is cast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from uses import assert_same

import kernelgen as kg
from kernelgen import SignatureError, TypingError, vectorize

A = np.arange(6.0)


def half(x, y):
    return x / 2 + y


def plus(x, y):
    return x + y


def loops(ufunc: np.ufunc) -> list[str]:
    return ufunc.signatures


# ----------------------------------------------------------------------------- how they are written


@pytest.mark.parametrize(
    "signature",
    [
        "f8(f8,i4)",
        "float64(float64, int32)",
        "double(double, intc)",
        " f8 ( f8 , i4 ) ",
        "di->d",
        "d,i->d",
        "(d,i)->d",
        "f8,i4->f8",
        kg.float64(kg.float64, kg.int32),
        kg.float64(np.float64, "i4"),
        kg.float64(np.dtype("f8"), np.int32),
    ],
    ids=str,
)
def test_forms_of_one_signature(signature, target):
    for given in (signature, [signature], (signature,)):
        ufunc = vectorize(given, target=target)(half)
        assert_same(ufunc(A, 3), A / 2 + 3)
        assert loops(ufunc) == ["f8(f8,i4)"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("?", bool), ("b1", bool), ("bool", bool), ("boolean", bool), ("i1", "i1"), ("b", "i1"),
        ("int8", "i1"), ("i2", "i2"), ("short", "i2"), ("i8", "i8"), ("q", "i8"), ("l", np.long),
        ("int64", "i8"), ("intp", np.intp), ("u1", "u1"), ("B", "u1"), ("uint16", "u2"),
        ("I", "u4"), ("uint64", "u8"), ("f4", "f4"), ("f", "f4"), ("single", "f4"),
        ("float32", "f4"), ("float", "f8"), ("d", "f8"), ("float64", "f8"),
    ],
)  # fmt: skip
def test_names_of_types(name, dtype, target):
    value = np.ones(2, dtype)
    ufunc = vectorize(f"{name}({name})", target=target)(lambda x: x)
    assert_same(ufunc(value.astype("?")), value.astype(np.dtype(dtype).name))


@pytest.mark.parametrize("outputs", ["(f4,i8)(f8)", "d->fq", "d->f,q", "(float32, int64)(float64)"])
def test_two_outputs(outputs, target):
    ufunc = vectorize(outputs, target=target)(lambda x: (x / 2, x * 2))
    assert ufunc.nout == 2
    assert_same(ufunc(A), ((A / 2).astype("f4"), (A * 2).astype("i8")))


def test_number_of_outputs_comes_from_the_signature(target):
    def swapped(pair):
        return pair[1], pair[0]

    def hidden(x):
        pair = swapped((x, x + 1))
        return pair

    assert_same(vectorize("(f8,f8)(f8)", target=target)(hidden)(A), (A + 1, A))
    with pytest.raises(TypingError, match="returns 2 values, but was taken for a kernel with 1"):
        vectorize(hidden, target=target)(A)


def test_tuple_of_one_value_is_one_output(target):
    ufunc = vectorize(lambda x: (x,), target=target)
    assert ufunc.nout == 1
    assert_same(ufunc(A), A)


def test_no_signatures_means_all_types(target):
    for ufunc in (
        vectorize(plus, target=target),
        vectorize(target=target)(plus),
        vectorize(None, target=target)(plus),
        vectorize([], target=target)(plus),
    ):
        assert loops(ufunc) == []
        assert ufunc(np.float32(1), 2).dtype == np.float32


# ------------------------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("", "cannot read the signature ''"),
        ("f8", "cannot read the signature 'f8'"),
        ("f8(f8", "cannot read the signature 'f8(f8'"),
        ("f8(f8))", "cannot read the signature"),
        ("f8)f8(", "cannot read the signature"),
        ("f8(f8)(f8)", "cannot read the signature"),
        ("f8(f8);", "cannot read the signature"),
        ("d->d->d", "cannot read the signature"),
        ("f8(,f8)", "a type is missing"),
        ("f8(f8,)", "a type is missing"),
        ("f8()", "has no inputs"),
        ("->d", "has no inputs"),
        ("d->", "has no outputs"),
        ("()(f8)", "has no outputs"),
        ("void(f8)", "'void', which does not exist"),
        ("c64(c64)", "'c64', which does not exist"),
        ("W->W", "'W', which does not exist"),
        ("O->O", "'O', which does not exist"),
        ("f8[:](f8[:])", "which does not exist"),
        ("~f8(f8)", "'~f8', which does not exist"),
        ("é(f8)", "'é', which does not exist"),
        (5, "text or made of type objects, not 5"),
        (2.5, "text or made of type objects, not 2.5"),
        (b"f8(f8)", "text or made of type objects, not b'f8(f8)'"),
        ([None], "text or made of type objects, not None"),
        ({"f8(f8)"}, "text or made of type objects, not {"),
        (kg.float64, "text or made of type objects, not f8"),
        ([plus], "text or made of type objects, not <function plus"),
        (["f8(f8)", "f4(f8)"], "two signatures have the inputs of f4(f8)"),
        (["f8(f8)", "d->d"], "two signatures have the inputs of f8(f8)"),
        (["f8(f8)", "(f4,f4)(f4)"], "different numbers of outputs"),
    ],
)  # fmt: skip
def test_malformed_signatures_are_refused_at_once(signature, message):
    with pytest.raises(SignatureError) as caught:
        vectorize(signature)
    assert message in caught.value.message
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("signature", "suggestion"),
    [
        ("flot64(f8)", "float64"),
        ("f8(int46)", "int64"),
        ("uin16(u1)", "uint16"),
        ("bol(f8)", "bool"),
    ],
)
def test_misspelled_types_get_a_suggestion(signature, suggestion):
    with pytest.raises(SignatureError) as caught:
        vectorize(signature)
    assert f"did you mean {suggestion!r}?" in str(caught.value)


def test_a_malformed_signature_is_told_how_to_be_written():
    with pytest.raises(SignatureError, match='hint: a signature looks like "f8'):
        vectorize("f8(f8")


@pytest.mark.parametrize("bad", [1, str, "f17", object(), np.dtype("S3"), "f8(f8)"], ids=type)
def test_bad_type_objects(bad):
    with pytest.raises(SignatureError):
        kg.float64(bad)


@pytest.mark.parametrize("signature", ["f8(f8)", "f8(f8,f8,f8)"])
def test_wrong_number_of_arguments_points_at_the_kernel(signature, target):
    with pytest.raises(
        SignatureError, match=r"half\(\) takes 2 arguments, the signature"
    ) as caught:
        vectorize(signature, target=target)(half)
    assert "def half(x, y):" in str(caught.value)


@pytest.mark.parametrize(
    ("signature", "kernel", "counts"),
    [
        ("(f8,f8)(f8,f8)", plus, "returns 1 values, its signature has 2 outputs"),
        ("f8(f8,f8)", lambda x, y: (x, y), "returns 2 values, its signature has 1 outputs"),
    ],
)
def test_wrong_number_of_outputs_points_at_the_kernel(signature, kernel, counts, target):
    with pytest.raises(SignatureError, match=counts) as caught:
        vectorize(signature, target=target)(kernel)
    assert Path(__file__).name in str(caught.value)


def test_kernels_with_signatures_are_typed_when_decorated(target):
    with pytest.raises(TypingError, match="`<<` needs integers"):
        vectorize(["i8(i8)", "f8(f8)"], target=target)(lambda x: x << 1)


# ---------------------------------------------------------------------------------- which is chosen


def chosen(target: str, signatures: list[str], *args, **keywords) -> str:
    ufunc = vectorize(signatures, target=target)(plus)
    ufunc(*args, **keywords)
    (loop,) = loops(ufunc)
    return loop


F8, F4, I4, I8, U1 = (np.ones(3, t) for t in ("f8", "f4", "i4", "i8", "u1"))


@pytest.mark.parametrize(
    ("signatures", "args", "expected"),
    [
        (["f8(f8,f8)", "f4(f4,f4)"], (F4, F4), "f4(f4,f4)"),
        (["f4(f4,f4)", "f8(f8,f8)"], (F8, F8), "f8(f8,f8)"),
        (["f4(f4,f4)", "f8(f8,f8)"], (F4, F8), "f8(f8,f8)"),
        (["f8(f8,f8)", "f4(f4,f4)"], (U1, U1), "f8(f8,f8)"),
        (["f4(f4,f4)", "f8(f8,f8)"], (U1, U1), "f4(f4,f4)"),
        (["i8(i8,i8)", "f8(f8,f8)"], (I4, U1), "i8(i8,i8)"),
        (["i4(i4,i4)", "f8(f8,f8)"], (I8, I8), "f8(f8,f8)"),
        (["f8(f8,i8)", "f8(f8,f8)"], (F8, I4), "f8(f8,i8)"),
        (["f8(f8,f8)", "f4(f4,f4)"], (F4, 2.5), "f4(f4,f4)"),
        (["f8(f8,f8)", "i4(i4,i4)"], (I4, 2), "i4(i4,i4)"),
        (["i4(i4,i4)", "f8(f8,f8)"], (I4, 2.5), "f8(f8,f8)"),
        (["f4(f4,f4)", "f8(f8,f8)"], (1.5, 2.5), "f8(f8,f8)"),
        (["i4(i4,i4)", "i8(i8,i8)"], (1, 2), "i8(i8,i8)"),
        (["f4(f4,f4)"], (1.5, 2), "f4(f4,f4)"),
        (["i2(i2,i2)"], (1, 2), "i2(i2,i2)"),
        (["i1(?,?)", "f4(f4,f4)"], (True, False), "i1(?,?)".replace("?", "b1")),
    ],
    ids=str,
)  # fmt: skip
def test_an_exact_match_beats_the_first_safe_cast(signatures, args, expected, target):
    assert chosen(target, signatures, *args) == expected


@pytest.mark.parametrize(
    ("args", "keywords", "expected"),
    [
        ((F8, F8), {"dtype": "f4"}, "f4(f4,f4)"),
        ((F4, F4), {"dtype": "f8"}, "f8(f8,f8)"),
        ((F4, F4), {"signature": "dd->d"}, "f8(f8,f8)"),
        ((I4, I4), {"signature": (None, None, "f4"), "casting": "unsafe"}, "f4(f4,f4)"),
    ],
)
def test_dtype_and_signature_choose(args, keywords, expected, target):
    assert chosen(target, ["f8(f8,f8)", "f4(f4,f4)"], *args, **keywords) == expected


@pytest.mark.parametrize(
    ("args", "keywords"),
    [
        ((F8, F8), {}),
        ((F4, F8), {}),
        ((I8, F4), {}),
        ((F4, 2j), {}),
        ((F4, F4), {"dtype": "f8"}),
        ((F4, F4), {"signature": "dd->d"}),
        ((F4, np.array([None] * 3)), {}),
    ],
)
def test_nothing_else_is_compiled(args, keywords, target):
    ufunc = vectorize(["f4(f4,f4)", "i4(i4,i4)"], target=target)(plus)
    with pytest.raises(TypeError):
        ufunc(*args, **keywords)
    assert loops(ufunc) == []


def test_the_refusal_lists_the_signatures(target):
    ufunc = vectorize(["f4(f4,f4)", "i4(i4,i4)"], target=target)(plus)
    with pytest.raises(TypingError) as caught:
        ufunc(F8, F8)
    assert str(caught.value).splitlines() == [
        "no signature of plus takes (float64, float64)",
        "  hint: its signatures are f4(f4,f4), i4(i4,i4)",
    ]


# ------------------------------------------------------------------------------------- what is cast


@pytest.mark.parametrize(
    ("signature", "args", "expected"),
    [
        ("f4(f8,f8)", (F8, 0.1), np.float32([1.1] * 3)),
        ("i4(f8,f8)", (F8 * 2.75, 0.0), np.int32([2] * 3)),
        ("i1(i8,i8)", (np.array([300, -129, 5]), 0), np.int8([44, 127, 5])),
        ("u1(i4,i4)", (np.int32([-1, 256, 7]), 0), np.uint8([255, 0, 7])),
        ("?(f8,f8)", (np.array([0.0, 0.5, np.nan]), 0.0), np.array([False, True, True])),
        ("f8(?,?)", (np.array([True, False]), True), np.array([1.0, 1.0])),
        ("i8(f4,f4)", (F4, 2.5), np.array([3, 3, 3])),
    ],
    ids=str,
)
def test_the_result_is_cast_out(signature, args, expected, target):
    assert_same(vectorize(signature, target=target)(plus)(*args), expected)


def test_arguments_are_cast_in_before_anything_is_computed(target):
    """The sum does not wrap as one of int8 would."""
    big = np.array([100, 127], "i1")
    assert_same(vectorize("i4(i4,i4)", target=target)(plus)(big, big), np.int32([200, 254]))


def test_casts_of_the_result_at_every_return(target):
    @vectorize("f4(f8)", target=target)
    def steps(x):
        if x < 0:
            return 0
        if x > 2:
            return x > 3
        return x

    assert_same(steps(np.array([-1.0, 1.5, 2.5, 3.5])), np.float32([0, 1.5, 0, 1]))


def test_two_outputs_are_cast_each(target):
    ufunc = vectorize("(i2,f4)(f8)", target=target)(lambda x: (x, x))
    assert_same(ufunc(A + 0.5), ((A + 0.5).astype("i2"), (A + 0.5).astype("f4")))


def test_reductions_over_signatures(target):
    ufunc = vectorize(["f4(f4,f4)", "f8(f8,f8)"], identity=0, target=target)(plus)
    assert_same(ufunc.reduce(F4), np.float32(3))
    assert_same(ufunc.reduce(I8), np.float64(3))
    assert_same(ufunc.reduce(F8, dtype="f4"), np.float32(3))
    if target == "cuda":
        return
    assert_same(ufunc.accumulate(U1), np.float32([1, 2, 3]))
    assert_same(ufunc.accumulate(I4), np.array([1.0, 2, 3]))
    assert_same(ufunc.reduceat(I4, [0, 1], dtype="f4"), np.float32([1, 2]))


# --------------------------------------------------------------------------------- compile, inspect


@pytest.mark.parametrize(
    "spec", ["f8,i4", "f8(f8,i4)", "di->d", ("f8", "i4"), (np.float64, np.int32),
             kg.float64(kg.float64, kg.int32)], ids=str,
)  # fmt: skip
def test_compile_takes_every_form(spec):
    ufunc = vectorize(lambda x, n: x if n > 0 else -x)
    ufunc.compile(spec)
    ufunc.compile(spec)
    assert loops(ufunc) == ["f8(f8,i4)"]
    assert_same(ufunc(A, np.int32(-1)), -A)
    assert loops(ufunc) == ["f8(f8,i4)"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("f8", r"plus\(\) takes 2 arguments, the signature has 1"),
        ("", r"plus\(\) takes 2 arguments, the signature has 0"),
        ("f8,f8,f8", r"plus\(\) takes 2 arguments, the signature has 3"),
        ("f4(f8,f8)", r"plus makes f8\(f8,f8\) of these inputs, not f4\(f8,f8\)"),
        ("nonsense,f8", "'nonsense', which does not exist"),
        (5, "not 5"),
        ((5, 6), "5 is not a type"),
    ],
)
@pytest.mark.parametrize("method", ["compile", "inspect_ir", "inspect_llvm", "inspect_asm"])
def test_compile_and_inspect_refuse_what_does_not_fit(method, spec, message):
    with pytest.raises(SignatureError, match=message):
        getattr(vectorize(plus), method)(spec)


def test_compile_refuses_what_is_not_among_the_signatures(target):
    ufunc = vectorize("f8(f8,f8)", target=target)(plus)
    ufunc.compile("f8,f8")
    with pytest.raises(SignatureError, match=r"(?s)no signature for these inputs.*are f8\(f8,f8\)"):
        ufunc.compile("f4,f4")


def test_compile_reports_what_the_kernel_lacks(target):
    with pytest.raises(TypingError, match="`<<` needs integers"):
        vectorize(lambda x: x << 1, target=target).compile("f8")


def test_signatures_lists_what_is_compiled_in_order(target):
    ufunc = vectorize(["f8(f8,f8)", "i8(i8,i8)", "f4(f4,f4)"], target=target)(plus)
    assert loops(ufunc) == []
    ufunc(1, 2)
    ufunc(F4, F4)
    ufunc(3, 4)
    assert loops(ufunc) == ["i8(i8,i8)", "f4(f4,f4)"]
