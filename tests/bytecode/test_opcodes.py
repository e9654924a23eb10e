"""Each opcode of the running Python is handled, or rejected with a sentence; and does what it says.

``opcode_names.txt`` lists the opcodes of all supported versions. To support a new Python, add
its names (the first test prints them), then handle or reject them.
"""

from __future__ import annotations

import dis
import sys
from pathlib import Path

import pytest

from kernelgen.bytecode.decode import Instr
from kernelgen.bytecode.opcodes import HANDLERS, NULL, handler
from kernelgen.bytecode.rejected import _SENTENCES, is_known, rejection
from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Op, Value, const
from kernelgen.source import Loc

ALL_VERSIONS = set(Path(__file__).with_name("opcode_names.txt").read_text().split())
REAL = {
    name: number
    for name, number in dis.opmap.items()
    if number < 256 and not name.startswith("INSTRUMENTED_")  # neither stands in co_code
}
HANDLED = sorted(set(HANDLERS) & set(REAL))
LOC = Loc("file", "f", 1)


def test_opcodes_of_this_python_are_listed():
    assert set(REAL) <= ALL_VERSIONS, f"new opcodes: {sorted(set(REAL) - ALL_VERSIONS)}"


@pytest.mark.parametrize("name", sorted(ALL_VERSIONS))
def test_each_opcode_is_either_handled_or_rejected(name):
    assert (name in HANDLERS) != is_known(name)


def test_no_handler_names_an_opcode_that_does_not_exist():
    assert set(HANDLERS) <= ALL_VERSIONS


@pytest.mark.parametrize("prefix", [p for prefixes, _, _ in _SENTENCES for p in prefixes])
def test_each_rejection_is_of_an_opcode_that_exists(prefix):
    assert any(name.startswith(prefix) for name in ALL_VERSIONS)


@pytest.mark.parametrize("name", sorted(ALL_VERSIONS - set(HANDLERS)))
def test_rejections_say_what_and_what_instead(name):
    sentence, hint = rejection(name)
    assert name not in sentence
    assert sentence
    assert hint
    with pytest.raises(UnsupportedError) as raised:
        handler(Instr(0, name, 0, None, LOC))
    assert raised.value.message == sentence
    assert raised.value.loc == LOC


def test_an_opcode_of_a_later_python_is_named():
    with pytest.raises(UnsupportedError, match="BRAND_NEW is unknown to this version"):
        handler(Instr(0, "BRAND_NEW", 0, None, LOC))


# ----------------------------------------------------------------------------- stack effects

ARGUMENTS = {
    "BINARY_OP": [(0, "+")],
    "BUILD_CONST_KEY_MAP": [(2, 2)],
    "BUILD_LIST": [(0, 0), (3, 3)],
    "BUILD_MAP": [(0, 0), (2, 2)],
    "BUILD_SLICE": [(2, 2), (3, 3)],
    "BUILD_STRING": [(2, 2), (3, 3)],
    "BUILD_TUPLE": [(0, 0), (3, 3)],
    "CALL": [(0, 0), (3, 3)],
    "CALL_FUNCTION_EX": [(0, 0), (1, 1)],
    "CALL_KW": [(2, 2)],
    "CALL_INTRINSIC_1": [(5, None)],
    "COMPARE_OP": [(0, "<")],
    "CONVERT_VALUE": [(1, str), (2, repr), (3, ascii)],
    "COPY": [(1, 1), (3, 3)],
    "DELETE_FAST": [(0, "x")],
    "FOR_ITER": [(4, 100)],
    "FORMAT_VALUE": [(0, (None, False)), (2, (repr, False)), (5, (str, True))],
    "IS_OP": [(0, 0), (1, 1)],
    "KW_NAMES": [(0, ("x",))],
    "LIST_APPEND": [(1, 1), (3, 3)],
    "LIST_EXTEND": [(1, 1), (3, 3)],
    "LOAD_ATTR": [(0, "x"), (1, "x")],
    "LOAD_COMMON_CONSTANT": [(0, None)],
    "LOAD_GLOBAL": [(0, "x"), (1, "x")],
    "MAKE_FUNCTION": [(0, 0), (8, 8), (15, 15)] if sys.version_info < (3, 13) else [(0, None)],
    "MATCH_CLASS": [(0, 0)],
    "PRECALL": [(2, 2)],
    "RAISE_VARARGS": [(1, 1)],
    "SET_FUNCTION_ATTRIBUTE": [(1, 1), (8, 8)],
    "SWAP": [(2, 2), (4, 4)],
    "UNPACK_EX": [(0, 0), (0x102, 0x102)],
    "UNPACK_SEQUENCE": [(2, 2), (5, 5)],
}
"""Raw and decoded arguments to try; of others, one that suits a jump and a name."""

SPLIT_BY_3_11 = ("PRECALL", "CALL")  # one call's effect over two opcodes, which we take as one
LEAVES_THE_FRAME = ("RETURN_VALUE", "RETURN_CONST", "RETURN_GENERATOR")
"""Not all versions count the value in the caller's frame, or in the generator's."""


class StackOnly:
    """As much of a Builder as handlers need, with the stacks of a branch's two ways."""

    def __init__(self) -> None:
        self.null = const(NULL).value
        self.stack = [const(("x", "y")).value for _ in range(30)]
        self.keyword_names: tuple[str, ...] = ()
        self.ways: dict[bool, list[Value]] = {}

    def emit(self, op, *operands, **attrs):
        return Op(op, operands, attrs).value

    def call(self, function, *args):
        return Value()

    def choose(self, condition, yes, no):
        return Value()

    def const(self, value):
        return const(value).value

    def push(self, value):
        self.stack.append(value)

    def pop(self):
        return self.stack.pop()

    def pop_many(self, count):
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def load(self, name):
        self.push(Value())

    load_global = load_shared = take = load

    def store(self, name):
        self.pop()

    def delete(self, name):
        pass

    store_shared, delete_shared, make_cell = store, delete, delete

    def make_function(self, code):
        return Value()

    def set_function_attribute(self, function, flag, value):
        pass

    def jump(self, offset):
        self.ways = {True: self.stack}

    def branch(self, condition, if_true, if_false, *, true_stack=None, false_stack=None):
        for offset, stack in ((if_true, true_stack), (if_false, false_stack)):
            self.ways[offset == 100] = self.stack if stack is None else list(stack)

    def finish(self, op, *operands, **attrs):
        pass

    def offset_after(self, i):
        return 2


def arguments(name):
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    if name.count("_FAST") == 2:
        return [(0x01, ("x", "y"))]
    return [(1, 100 if name in dis_jumps() else "x")]


def dis_jumps():
    return {dis.opname[op] for op in (*dis.hasjrel, *dis.hasjabs)}


@pytest.mark.parametrize("name", [n for n in HANDLED if n not in LEAVES_THE_FRAME])
def test_stack_effect_of_each_handler(name):
    if sys.version_info < (3, 12) and name in SPLIT_BY_3_11:
        pytest.skip("see test_stack_effect_of_a_call_in_3_11")
    for raw, argval in arguments(name):
        builder = StackOnly()
        depth = len(builder.stack)
        HANDLERS[name](builder, Instr(0, name, raw, argval, LOC))
        argument = raw if REAL[name] >= dis.HAVE_ARGUMENT else None
        for jumps, stack in (builder.ways or {False: builder.stack}).items():
            effect = dis.stack_effect(REAL[name], argument, jump=jumps)
            assert len(stack) - depth == effect, f"{name} {raw}, jump {jumps}"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="CALL stands alone since 3.12")
@pytest.mark.parametrize("count", [0, 1, 4])
def test_stack_effect_of_a_call_in_3_11(count):
    builder = StackOnly()
    depth = len(builder.stack)
    for name in SPLIT_BY_3_11:
        HANDLERS[name](builder, Instr(0, name, count, count, LOC))
    effect = sum(dis.stack_effect(REAL[name], count) for name in SPLIT_BY_3_11)
    assert len(builder.stack) - depth == effect


def test_raising_takes_one_exception():
    for count in (0, 2):
        with pytest.raises(UnsupportedError, match="raises one exception"):
            HANDLERS["RAISE_VARARGS"](StackOnly(), Instr(0, "RAISE_VARARGS", count, count, LOC))
