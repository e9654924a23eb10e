"""Decoded instructions mean the same in every Python version."""

from __future__ import annotations

import pytest

from kernelgen.bytecode.decode import decode
from kernelgen.errors import UnsupportedError


def function(source, **namespace):
    exec(source, namespace)
    return namespace["f"]


def test_comparisons_and_operators_are_symbols():
    f = function("def f(x, y):\n if x < y: x += y\n return x // y >= 2")
    argvals = [i.argval for i in decode(f) if i.op in ("COMPARE_OP", "BINARY_OP")]
    assert argvals == ["<", "+", "//", ">="]


def test_each_instruction_lists_its_accesses():
    f = function("def f(x, y):\n a, b = x, y\n del a\n return b + y")
    accesses = [access for i in decode(f) for access in i.accesses]
    assert sorted(accesses) == sorted(
        [("LOAD", "x"), ("LOAD", "y"), ("STORE", "a"), ("STORE", "b"), ("DELETE", "a"),
         ("LOAD", "b"), ("LOAD", "y")]
    )  # fmt: skip


def test_caches_and_prefixes_are_gone():
    lines = "".join(f" x = x + {i / 8}\n" for i in range(600))
    f = function(f"def f(x):\n{lines} return x")
    assert {i.op for i in decode(f)}.isdisjoint(("CACHE", "EXTENDED_ARG"))
    assert [i.argval for i in decode(f) if i.op == "LOAD_CONST"][-1] == 599 / 8


def test_jumps_lead_to_instructions_even_behind_prefixes():
    lines = "".join(f"  if x > {i / 8}: x = x - {i / 4}\n" for i in range(400))
    f = function(f"def f(x, n):\n while n > 0:\n{lines}  n -= 1\n return x")
    instructions = decode(f)
    offsets = {i.offset for i in instructions}
    assert {i.target for i in instructions if i.target is not None} <= offsets


def test_offsets_ascend():
    f = function("def f(x, y):\n for i in range(9):\n  x += y\n return x")
    offsets = [i.offset for i in decode(f)]
    assert offsets == sorted(set(offsets))


def test_places_are_those_of_the_source():
    f = function("def f(x, y):\n    return x + y * 2\n")
    times = next(i for i in decode(f) if i.argval == "*")
    assert (times.loc.line, times.loc.column, times.loc.end_column) == (2, 15, 20)


def test_text_of_an_instruction():
    f = function("def f(x):\n return abs(x)")
    text = "\n".join(map(str, decode(f)))
    assert "LOAD_GLOBAL" in text
    assert "'abs'" in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(x):\n yield x", "generator"),
        ("async def f(x):\n return x", "coroutine"),
        ("async def f(x):\n yield x", "generator"),
        ("def f(**x):\n return 1", r"\*\*kwargs"),
        ("def f(x):\n try:\n  return x\n except ValueError:\n  return 1", "`try` and `with`"),
        ("def f(x):\n try:\n  return x\n finally:\n  x = 1", "`try` and `with`"),
        ("def f(x):\n with x:\n  return x", "`try` and `with`"),
    ],
)
def test_what_no_opcode_tells_is_refused(source, words):
    with pytest.raises(UnsupportedError, match=words):
        decode(function(source))
