"""How many values a function returns, read off its bytecode without decoding it.

A ufunc must know its number of outputs when it is made, long before its kernel is compiled.
"""

from __future__ import annotations

from itertools import pairwise
from opcode import opmap
from types import CodeType

_EXTENDED_ARG = opmap["EXTENDED_ARG"]
_BUILD_TUPLE = opmap["BUILD_TUPLE"]
_LOAD_CONST = opmap["LOAD_CONST"]
_RETURN_VALUE = opmap["RETURN_VALUE"]
_RETURN_CONST = opmap.get("RETURN_CONST", -1)


def count_returned(code: CodeType) -> int:
    """The length of the tuples that ``code`` returns as ``return a, b``; otherwise 1."""
    found = 1
    instructions = _instructions(code.co_code)
    for (op, arg), (following, _) in pairwise([*instructions, (-1, 0)]):
        if op == _BUILD_TUPLE and following == _RETURN_VALUE:
            found = max(found, arg)
        if op == _RETURN_CONST or (op == _LOAD_CONST and following == _RETURN_VALUE):
            value = code.co_consts[arg]
            found = max(found, len(value) if isinstance(value, tuple) else 1)
    return found


def _instructions(code: bytes) -> list[tuple[int, int]]:
    """Opcodes with their arguments; caches are harmless, as their opcode is nobody's."""
    found, prefix = [], 0
    for op, arg in zip(code[::2], code[1::2], strict=True):
        if op == _EXTENDED_ARG:
            prefix = (prefix | arg) << 8
        else:
            found.append((op, prefix | arg))
            prefix = 0
    return found
