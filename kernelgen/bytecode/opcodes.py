"""One handler for each opcode, or the sentence with which it is rejected.

A handler moves values on the builder's stack as the interpreter would, and emits ops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernelgen.bytecode.decode import Instr
from kernelgen.bytecode.rejected import rejection
from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Value
from kernelgen.ir.sequences import defining
from kernelgen.ops.arith import SYMBOLS as ARITHMETIC
from kernelgen.ops.compare import BY_SYMBOL as COMPARISONS
from kernelgen.ops.refused import DICT

if TYPE_CHECKING:
    from kernelgen.bytecode.build import Builder

Handler = Callable[["Builder", Instr], None]


class _Null:
    """The mark that CPython pushes beside a callable that is not a bound method."""

    __qualname__ = "NULL"


NULL = _Null()

# Where versions differ in what they push and pop.
NULL_AFTER_CALLABLE = sys.version_info >= (3, 13)
ATTR_LOADS_METHODS = sys.version_info >= (3, 12)
FOR_ITER_POPS = sys.version_info < (3, 12)
END_FOR_POPS_TWO = sys.version_info < (3, 13)
FUNCTION_PARTS_APART = sys.version_info >= (3, 13)
KEYWORDS_MAY_BE_NULL = sys.version_info >= (3, 14)
LIST_TO_TUPLE_INTRINSIC = 6
UNARY_POSITIVE_INTRINSIC = 5

HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Enter a handler for the opcodes ``names``; a second one for the same is a defect."""

    def enter(handler: Handler) -> Handler:
        for name in names:
            assert name not in HANDLERS, f"two handlers for {name}"
            HANDLERS[name] = handler
        return handler

    return enter


def handler(i: Instr) -> Handler:
    """The handler of an instruction.

    Raises
    ------
    UnsupportedError
        The instruction cannot be compiled; the message is that of its opcode.
    """
    found = HANDLERS.get(i.op)
    if found is None:
        sentence, hint = rejection(i.op)
        raise UnsupportedError(sentence, i.loc, hint)
    return found


# ------------------------------------------------------------ nothing to do, stack shuffling


@handles(
    "NOP",
    "RESUME",
    "PRECALL",
    "COPY_FREE_VARS",
    "NOT_TAKEN",
    "CACHE",
    "EXTENDED_ARG",
)
def nothing(b: Builder, i: Instr) -> None:
    pass


@handles("POP_TOP", "END_FOR", "POP_ITER")
def pop_top(b: Builder, i: Instr) -> None:
    for _ in range(2 if i.op == "END_FOR" and END_FOR_POPS_TWO else 1):
        b.pop()


@handles("COPY")
def copy(b: Builder, i: Instr) -> None:
    b.push(b.stack[-i.arg])


@handles("SWAP")
def swap(b: Builder, i: Instr) -> None:
    b.stack[-i.arg], b.stack[-1] = b.stack[-1], b.stack[-i.arg]


@handles("PUSH_NULL")
def push_null(b: Builder, i: Instr) -> None:
    b.push(b.null)


# --------------------------------------------------------------------- constants and names


@handles("LOAD_CONST", "LOAD_SMALL_INT")
def load_const(b: Builder, i: Instr) -> None:
    b.push(b.const(i.argval))


@handles("LOAD_ASSERTION_ERROR")
def load_assertion_error(b: Builder, i: Instr) -> None:
    b.push(b.const(AssertionError))


@handles("LOAD_COMMON_CONSTANT")
def load_common_constant(b: Builder, i: Instr) -> None:
    b.push(b.const((AssertionError, NotImplementedError, tuple, all, any)[i.arg]))


@handles(
    "LOAD_FAST_AND_CLEAR",
    "LOAD_FAST",
    "LOAD_FAST_CHECK",
    "LOAD_FAST_BORROW",
    "LOAD_FAST_LOAD_FAST",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW",
    "STORE_FAST",
    "STORE_FAST_STORE_FAST",
    "STORE_FAST_LOAD_FAST",
    "DELETE_FAST",
)
def access_locals(b: Builder, i: Instr) -> None:
    for kind, name in i.accesses:
        access = {"LOAD": b.load, "STORE": b.store, "DELETE": b.delete, "TAKE": b.take}
        access[kind](name)


@handles("MAKE_CELL", "LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF", "LOAD_CLOSURE")
def access_shared(b: Builder, i: Instr) -> None:
    access = {
        "MAKE_CELL": b.make_cell,
        "LOAD_DEREF": b.load_shared,
        "STORE_DEREF": b.store_shared,
        "DELETE_DEREF": b.delete_shared,
        "LOAD_CLOSURE": b.load,
    }
    access[i.op](i.argval)


def _push_with_null(b: Builder, push: Callable[[], None]) -> None:
    """A callable and the NULL beside it, which 3.13 pushes last, earlier versions first."""
    if NULL_AFTER_CALLABLE:
        push()
        b.push(b.null)
    else:
        b.push(b.null)
        push()


@handles("LOAD_GLOBAL")
def load_global(b: Builder, i: Instr) -> None:
    def push() -> None:
        b.load_global(i.argval)

    _push_with_null(b, push) if i.arg & 1 else push()


@handles("LOAD_ATTR", "LOAD_METHOD")
def load_attr(b: Builder, i: Instr) -> None:
    value = b.emit("attr", b.pop(), name=i.argval)
    method = i.op == "LOAD_METHOD" or (ATTR_LOADS_METHODS and i.arg & 1)
    _push_with_null(b, lambda: b.push(value)) if method else b.push(value)


# -------------------------------------------------------------------------------- operators

_IN_PLACE = range(13, 26)
"""The numbers of ``+=`` and its like among the arguments of BINARY_OP."""

_BINARY = {symbol: name for name, symbol in ARITHMETIC.items()} | {"[]": "subscript", "@": "matmul"}


@handles("BINARY_OP")
def binary_op(b: Builder, i: Instr) -> None:
    left, right = b.pop_many(2)
    in_place = {"inplace": True} if i.arg in _IN_PLACE else {}
    b.push(b.emit(_BINARY[i.argval], left, right, **in_place))


@handles("BINARY_SUBSCR")
def binary_subscr(b: Builder, i: Instr) -> None:
    b.push(b.emit("subscript", *b.pop_many(2)))


@handles("COMPARE_OP")
def compare_op(b: Builder, i: Instr) -> None:
    b.push(b.emit(COMPARISONS[i.argval], *b.pop_many(2)))


@handles("IS_OP")
def is_op(b: Builder, i: Instr) -> None:
    same = b.emit("is", *b.pop_many(2))
    b.push(b.emit("not", same) if i.arg else same)


_UNARY = {
    "UNARY_NEGATIVE": "neg",
    "UNARY_POSITIVE": "pos",
    "UNARY_INVERT": "invert",
    "UNARY_NOT": "not",
    "TO_BOOL": "truth",
}


@handles(*_UNARY)
def unary(b: Builder, i: Instr) -> None:
    b.push(b.emit(_UNARY[i.op], b.pop()))


@handles("CALL_INTRINSIC_1")
def call_intrinsic(b: Builder, i: Instr) -> None:
    """3.12 moved these two here; no other intrinsic has a meaning for scalars."""
    if i.arg not in _INTRINSICS:
        raise UnsupportedError("this syntax cannot be compiled in a scalar kernel", i.loc)
    b.push(b.emit(_INTRINSICS[i.arg], b.pop()))


_INTRINSICS = {UNARY_POSITIVE_INTRINSIC: "pos", LIST_TO_TUPLE_INTRINSIC: "list_to_tuple"}


# --------------------------------------------------------------------- tuples and displays


@handles("BUILD_TUPLE")
def build_tuple(b: Builder, i: Instr) -> None:
    b.push(b.emit("tuple", *b.pop_many(i.arg)))


@handles("UNPACK_SEQUENCE")
def unpack_sequence(b: Builder, i: Instr) -> None:
    values = b.pop()
    for index in reversed(range(i.arg)):
        b.push(b.emit("unpack", values, count=i.arg, index=index))


@handles("UNPACK_EX")
def unpack_ex(b: Builder, i: Instr) -> None:
    """The low byte counts the names in front of the star, the high one those behind it."""
    values, before, after = b.pop(), i.arg & 0xFF, i.arg >> 8
    for index in reversed(range(before + 1 + after)):
        b.push(b.emit("unpack_starred", values, before=before, after=after, index=index))


@handles("BUILD_SLICE")
def build_slice(b: Builder, i: Instr) -> None:
    b.push(b.emit("slice", *b.pop_many(i.arg)))


@handles("BINARY_SLICE")
def binary_slice(b: Builder, i: Instr) -> None:
    values, start, stop = b.pop_many(3)
    b.push(b.emit("subscript", values, b.emit("slice", start, stop)))


@handles("STORE_SUBSCR")
def store_subscr(b: Builder, i: Instr) -> None:
    value, target, index = b.pop_many(3)
    b.emit("store_subscript", target, index, value)


@handles("STORE_SLICE")
def store_slice(b: Builder, i: Instr) -> None:
    value, target, start, stop = b.pop_many(4)
    b.emit("store_subscript", target, b.emit("slice", start, stop), value)


@handles("STORE_ATTR")
def store_attr(b: Builder, i: Instr) -> None:
    value, target = b.pop_many(2)
    b.emit("store_attr", target, value, name=i.argval)


@handles("CONTAINS_OP")
def contains_op(b: Builder, i: Instr) -> None:
    found = b.emit("contains", *b.pop_many(2))
    b.push(b.emit("not", found) if i.arg else found)


@handles("BUILD_LIST")
def build_list(b: Builder, i: Instr) -> None:
    b.push(b.emit("list", *b.pop_many(i.arg)))


@handles("LIST_EXTEND", "LIST_APPEND")
def grow_list(b: Builder, i: Instr) -> None:
    """Lists are values here, and growing one makes another: that is what stands on the stack."""
    value = b.pop()
    b.stack[-i.arg] = b.emit(i.op.lower(), b.stack[-i.arg], value)


@handles("LIST_TO_TUPLE")
def list_to_tuple(b: Builder, i: Instr) -> None:
    b.push(b.emit("list_to_tuple", b.pop()))


@handles("BUILD_MAP", "BUILD_CONST_KEY_MAP")
def build_map(b: Builder, i: Instr) -> None:
    if i.op == "BUILD_MAP":
        items = b.pop_many(2 * i.arg)
        keys, values = [key.constant for key in items[::2]], items[1::2]
    else:
        keys, values = [b.pop().constant], b.pop_many(i.arg)
    names = tuple(key.attrs["value"] for key in keys if key is not None)
    if len(names) < len(keys):
        raise UnsupportedError(DICT[0], i.loc, DICT[1])
    b.push(b.emit("dict", *values, keys=names if i.op == "BUILD_MAP" else names[0]))


# ------------------------------------------------------------------------------------- text

_CONVERSIONS = {1: "str", 2: "repr", 3: "ascii"}


@handles("FORMAT_VALUE")
def format_value(b: Builder, i: Instr) -> None:
    """Until 3.12: the low bits say which conversion comes first, the next if there is a format."""
    spec = [b.pop()] if i.arg & 4 else []
    value = b.pop()
    if i.arg & 3:
        value = b.emit(_CONVERSIONS[i.arg & 3], value)
    b.push(b.emit("format", value, *spec))


@handles("CONVERT_VALUE")
def convert_value(b: Builder, i: Instr) -> None:
    b.push(b.emit(_CONVERSIONS[i.arg], b.pop()))


@handles("FORMAT_SIMPLE", "FORMAT_WITH_SPEC")
def format_text(b: Builder, i: Instr) -> None:
    b.push(b.emit("format", *b.pop_many(2 if i.op == "FORMAT_WITH_SPEC" else 1)))


@handles("BUILD_STRING")
def build_string(b: Builder, i: Instr) -> None:
    b.push(b.emit("join_text", *b.pop_many(i.arg)))


# ------------------------------------------------------------------------- nested functions

DEFAULTS, KEYWORD_DEFAULTS, ANNOTATIONS, CLOSURE = 1, 2, 4, 8


@handles("MAKE_FUNCTION")
def make_function(b: Builder, i: Instr) -> None:
    """Until 3.12, the flags of its argument say which of a function's parts it pops."""
    function = b.make_function(b.pop())
    for flag in (CLOSURE, ANNOTATIONS, KEYWORD_DEFAULTS, DEFAULTS):
        if i.arg & flag and not FUNCTION_PARTS_APART:
            b.set_function_attribute(function, flag, b.pop())
    b.push(function)


@handles("SET_FUNCTION_ATTRIBUTE")
def set_function_attribute(b: Builder, i: Instr) -> None:
    function = b.pop()
    b.set_function_attribute(function, i.arg, b.pop())
    b.push(function)


# ------------------------------------------------------------------------------------ calls


@handles("KW_NAMES")
def kw_names(b: Builder, i: Instr) -> None:
    b.keyword_names = i.argval


@handles("CALL", "CALL_KW")
def call(b: Builder, i: Instr) -> None:
    """The two slots below the arguments hold a callable, and a NULL or its first argument."""
    if i.op == "CALL_KW":
        names = b.pop().constant
        b.keyword_names = names.attrs["value"] if names is not None else ()
    first, second, *args = b.pop_many(i.arg + 2)
    function, *bound = [v for v in (first, second) if v is not b.null]
    b.push(b.emit("call", function, *bound, *args, keywords=b.keyword_names))
    b.keyword_names = ()


@handles("CALL_FUNCTION_EX")
def call_function_ex(b: Builder, i: Instr) -> None:
    """A call with ``*``; of ``**``, only keywords that are written out."""
    keywords = b.pop() if i.arg & 1 or KEYWORDS_MAY_BE_NULL else b.null
    first, second, args = b.pop_many(3)
    function = first if second is b.null else second
    by_name = [] if keywords is b.null else [keywords]
    b.push(b.emit("call_starred", function, args, *by_name))


# -------------------------------------------------------------------------- jumps and loops


@handles("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
def jump(b: Builder, i: Instr) -> None:
    b.jump(i.argval)


def _branch(b: Builder, i: Instr, condition: Value, jump_if: bool, **stacks: Any) -> None:
    """A branch that jumps to the argument when the condition is ``jump_if``, else falls on."""
    after = b.offset_after(i)
    b.branch(condition, *((i.argval, after) if jump_if else (after, i.argval)), **stacks)


@handles(
    *(
        f"POP_JUMP_{way}IF_{test}"
        for way in ("", "FORWARD_", "BACKWARD_")
        for test in ("TRUE", "FALSE", "NONE", "NOT_NONE")
    ),
)
def pop_jump_if(b: Builder, i: Instr) -> None:
    value = b.pop()
    if i.op.endswith("NONE"):
        condition = b.emit("is", value, b.const(None))
    else:
        condition = b.emit("truth", value)
    _branch(b, i, condition, i.op.endswith(("_TRUE", "IF_NONE")))


@handles("JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP")
def jump_if_or_pop(b: Builder, i: Instr) -> None:
    """3.11's ``and`` and ``or``: the tested value stays on the stack on the way of the jump."""
    jump_if = "TRUE" in i.op
    condition = b.emit("truth", b.stack[-1])
    popped = {"false_stack" if jump_if else "true_stack": b.stack[:-1]}
    _branch(b, i, condition, jump_if, **popped)


@handles("GET_ITER")
def get_iter(b: Builder, i: Instr) -> None:
    b.push(b.emit("iter", b.pop()))


@handles("FOR_ITER")
def for_iter(b: Builder, i: Instr) -> None:
    """The body sees the advanced iterator and a value.

    At the end 3.11 pops the iterator; later versions leave both slots for END_FOR.
    """
    iterator = b.pop()
    more = b.emit("iter_more", iterator)
    body = [*b.stack, b.emit("iter_next", iterator), b.emit("iter_value", iterator)]
    done = b.stack if FOR_ITER_POPS else body
    b.branch(more, b.offset_after(i), i.argval, true_stack=body, false_stack=done)


# --------------------------------------------------------------------------------- return


@handles("RETURN_VALUE")
def return_value(b: Builder, i: Instr) -> None:
    b.finish("return", b.pop())


@handles("RETURN_CONST")
def return_const(b: Builder, i: Instr) -> None:
    b.finish("return", b.const(i.argval))


# -------------------------------------------------------------------------------- patterns


@handles("MATCH_SEQUENCE")
def match_sequence(b: Builder, i: Instr) -> None:
    b.push(b.call(isinstance, b.stack[-1], b.const((tuple, list, range))))


@handles("GET_LEN")
def get_len(b: Builder, i: Instr) -> None:
    b.push(b.call(len, b.stack[-1]))


@handles("MATCH_CLASS")
def match_class(b: Builder, i: Instr) -> None:
    """The attributes that the pattern names, those by position first, or None of another class."""
    subject, cls, names = b.pop_many(3)
    known, found = _constant(cls)
    _, by_name = _constant(names)
    if not known:
        raise UnsupportedError("the class of a pattern must be a constant", i.loc, "use `if`")
    attributes = (*_positional(found, i), *by_name)
    b.push(
        b.choose(
            b.call(isinstance, subject, cls),
            lambda: b.emit("tuple", *(_part(b, subject, name) for name in attributes)),
            lambda: b.const(None),
        )
    )


def _constant(value: Value) -> tuple[bool, Any]:
    """Whether a value is a constant, or an attribute of one, and which."""
    if value.constant is not None:
        return True, value.constant.attrs["value"]
    attribute = defining(value, "attr")
    known, owner = (False, None) if attribute is None else _constant(attribute.operands[0])
    if attribute is None or not known or not hasattr(owner, attribute.attrs["name"]):
        return False, None
    return True, getattr(owner, attribute.attrs["name"])


def _positional(cls: Any, i: Instr) -> tuple[str, ...]:
    """The attributes that a pattern's parts by position mean; no name is the value itself."""
    if i.arg == 1 and cls in _MATCH_THEMSELVES:
        return ("",)
    names: tuple[str, ...] = getattr(cls, "__match_args__", ())
    if i.arg > len(names):
        name = getattr(cls, "__name__", str(cls))
        raise UnsupportedError(
            f"{name}() accepts {len(names)} positional sub-patterns ({i.arg} given)", i.loc
        )
    return names[: i.arg]


def _part(b: Builder, subject: Value, name: str) -> Value:
    return b.emit("attr", subject, name=name) if name else subject


_MATCH_THEMSELVES = (bool, int, float, tuple, list, str)
"""Of Python's classes, those whose pattern has one part by position: the value itself."""

# ------------------------------------------------------------------------------ generators


@handles("RETURN_GENERATOR")
def return_generator(b: Builder, i: Instr) -> None:
    """What it pushes is popped at once: the code runs where the generator is iterated over."""
    b.push(b.null)


@handles("YIELD_VALUE")
def yield_value(b: Builder, i: Instr) -> None:
    """Nothing is ever sent to a generator, so the value of ``yield`` is None."""
    b.push(b.emit("yield", b.pop()))


# ----------------------------------------------------------------------- return and raise


@handles("RAISE_VARARGS")
def raise_varargs(b: Builder, i: Instr) -> None:
    if i.arg != 1:
        raise UnsupportedError(
            "a kernel raises one exception, without `from` and not again",
            i.loc,
            'write `raise SomeError("text")`',
        )
    b.finish("raise", b.pop())
