"""Core dimensions: NumPy's grammar is read as NumPy reads it, and expressions beyond it."""

from __future__ import annotations

import random

import pytest

from kernelgen.errors import SignatureError
from kernelgen.runtime.numpy_api import make_ufunc
from kernelgen.types.core_dims import Size, parse_core, why_impossible


def numpys(text: str) -> str | None:
    """The signature of a ufunc that NumPy makes of ``text``."""
    inputs, arrow, outputs = text.partition("->")
    counts = max(inputs.count("("), 1), max(outputs.count("("), 1) if arrow else 0
    return make_ufunc("f", "", *counts, None, None, signature=text).signature


@pytest.mark.parametrize(
    "text",
    [
        "(n)->()",
        "(m?,n),(n,p?)->(m?,p?)",
        "(3),(3)->(3)",
        "(n),(3?)->(3?),(n)",
        "(),(n)->(n)",
        "(_a1,B)->(B,_a1)",
        "(i,j,k),(k)->(),(p)",
        "(min),(max)->()",
        "(a),(a,b?),()",
    ],
)
def test_numpys_grammar(text):
    assert str(parse_core(text)) == parse_core(text).numpys == numpys(text) == text
    spaced = text.replace(",", " , ").replace("(", "( ")
    assert parse_core(spaced).numpys == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(n),",
        "n->n",
        "(n)->",
        "(n)(n)->()",
        "(n),->()",
        "(n,)->()",
        "(,n)->()",
        "(0)->()",
        "(-3)->()",
        "(3n)->()",
        "(n)->()->()",
        "(n)->(n)x",
        "(n),(n?)->()",
        "(n?),(n)->()",
        "(é)->()",
        "(n",
        "(99999999999999999999)->()",
    ],
)
def test_what_numpy_refuses_is_refused(text):
    with pytest.raises((ValueError, SystemError)):
        numpys(text)
    with pytest.raises(SignatureError):
        parse_core(text)


@pytest.mark.parametrize(
    ("text", "sentence", "pointed"),
    [
        ("(n,)->()", "a dimension is missing here", ")"),
        ("(n)->(n)x", "should end here", "x"),
        ("(n),(n?)->()", "everywhere, or nowhere", "n?"),
        ("(a,n + 1)->()", "sizes of inputs are given", "n + 1"),
        ("(n)->(n,m+1)", "no input has the dimension m", "m+1"),
        ("(n?)->(n+1)", "the dimension n may be missing", "n+1"),
        ("(n)->(n+1?)", "is never missing", "n+1?"),
        ("(n)->(foo(n))", r"min\(\) and max\(\) are the functions", "foo"),
        ("(n)->(min(n))", r"min\(\) needs two sizes", "min(n)"),
        ("(n)->(4//0)", "divides by zero", "4//0"),
        ("(n)->(2-5)", "a fixed size is positive", "2-5"),
        ("(n$)->()", "means nothing", "$"),
        ("(n  $)->()", "means nothing", "$"),
        ("(n)->(n+)", "a dimension is missing here", ")"),
        ("(n)->((n+1)", "',' or '\\)' is missing here", " "),
        ("(n)(n)->()", "'->' is missing here", "("),
        ("", "'\\(' is missing here", " "),
    ],
)
def test_errors_point_into_the_text(text, sentence, pointed):
    with pytest.raises(SignatureError, match=sentence) as error:
        parse_core(text)
    _, shown, marks = error.value.message.split("\n")
    at = marks.index("^") - 4
    assert shown == f"    {text}"
    assert f"{text} "[at : at + marks.count("^")] == pointed


def test_what_is_no_text_is_refused():
    with pytest.raises(SignatureError, match="core dimensions are text, not 3"):
        parse_core(3)


@pytest.mark.parametrize(
    ("text", "numpys_text"),
    [
        ("(n),(m)->(n+m-1)", "(n),(m)->(n_plus_m_minus_1)"),
        ("(n)->(2*n),(2 * n)", "(n)->(_2_times_n),(_2_times_n)"),
        ("(n),(n_plus_1)->(n+1)", "(n),(n_plus_1)->(n_plus_1_)"),
        ("(n)->(n-(1-n)),(n-1-n)", "(n)->(n_minus_1_minus_n),(n_minus_1_minus_n_)"),
        ("(n)->(max(n-2,0),n//2)", "(n)->(max_n_minus_2_0,n_over_2)"),
        ("(n)->(2*3)", "(n)->(6)"),
        ("(03)->(3)", "(3)->(3)"),
    ],
)
def test_numpy_is_given_names_for_expressions(text, numpys_text):
    assert parse_core(text).numpys == numpys(numpys_text) == numpys_text


def test_names_are_in_numpys_order():
    assert parse_core("(n,3),(m)->(n+m,3,p)").names == ("n", "3", "m", "n_plus_m", "p")


def random_size(random: random.Random, depth: int) -> str:
    """The text of an expression over n and m, with parentheses around every operation."""
    if depth == 0 or random.random() < 0.2:
        return random.choice(["n", "m", str(random.randrange(4))])
    operation = random.choice(["+", "-", "*", "//", "neg", "min", "max"])
    a, b = (random_size(random, depth - 1) for _ in range(2))
    if operation in ("min", "max"):
        return f"{operation}({a},{b})"
    return f"(-{a})" if operation == "neg" else f"({a}{operation}{b})"


def python_value(text: str, **sizes: int) -> int | None:
    try:
        return eval(text, {}, sizes)
    except ZeroDivisionError:
        return None


def own_value(size: Size, **sizes: int) -> int | None:
    try:
        return size.evaluate(sizes)
    except ZeroDivisionError:
        return None


@pytest.mark.parametrize("seed", range(200))
def test_expressions_are_pythons(seed):
    """Value and text, of which the parentheses that are not needed are gone."""
    text = f"n+{random_size(random.Random(seed), 4)}"
    signature = parse_core(f"(n),(m)->({text})")
    (size,) = signature.computed.values()
    again = parse_core(str(signature))
    for n in range(4):
        for m in range(4):
            assert own_value(size, n=n, m=m) == python_value(text, n=n, m=m)
            assert python_value(str(size), n=n, m=m) == python_value(text, n=n, m=m)
    assert str(again) == str(signature)


@pytest.mark.parametrize(
    ("expression", "sizes", "sentence"),
    [
        ("n-w+1", (3, 5, -1), "f: the output dimension n-w+1 would be -1 for n=3, w=5"),
        ("n//w", (3, 0, -1), "f: the output dimension n//w divides by zero for n=3, w=0"),
        ("n-w", (5, 3, 4), "is 2 for n=5, w=3, and 4 in the output that was given"),
        ("n*w//w", (2**40, 2**40, -1), "do not fit 64 bits"),
    ],
)
def test_why_a_size_is_impossible(expression, sizes, sentence):
    signature = parse_core(f"(n),(w)->({expression})")
    found = dict(zip(signature.names, sizes, strict=True))
    assert sentence in why_impossible(signature, found, "f")
