"""What the opcodes without a handler are called in the user's words, and what to write instead.

Opcodes are listed by their names' beginnings; the first that fits counts.
"""

from __future__ import annotations

from kernelgen.ops.refused import DICT, NOT_SCALAR

_SENTENCES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("DICT_", "MAP_ADD"), *DICT),
    (
        ("BUILD_SET", "SET_ADD", "SET_UPDATE"),
        f"a set {NOT_SCALAR}",
        "use a chain of `==` and `or`",
    ),
    (
        ("BUILD_TEMPLATE", "BUILD_INTERPOLATION"),
        f"a template string {NOT_SCALAR}",
        "an f-string can be the text of an exception",
    ),
    (
        (
            "STORE_GLOBAL",
            "DELETE_GLOBAL",
            "STORE_NAME",
            "DELETE_NAME",
        ),
        "a kernel cannot assign a global or an enclosing function's variable",
        "return the value instead",
    ),
    (
        (
            "LOAD_NAME",
            "LOAD_LOCALS",
            "LOAD_FROM_DICT",
            "LOAD_CLASSDEREF",
            "LOAD_BUILD_CLASS",
            "SETUP_ANNOTATIONS",
            "LOAD_SUPER_ATTR",
        ),
        "a class cannot be defined or used in a kernel",
        "use plain functions and tuples",
    ),
    (
        ("IMPORT_",),
        "a kernel cannot import",
        "import at the top of the module; the kernel sees the module's globals",
    ),
    (
        ("DELETE_SUBSCR",),
        "items cannot be deleted in a kernel",
        "arrays and tuples keep their length",
    ),
    (
        ("DELETE_ATTR",),
        "a kernel cannot delete attributes",
        "return a value without them",
    ),
    (
        (
            "SEND",
            "GET_YIELD_FROM_ITER",
            "ASYNC_GEN_WRAP",
            "CLEANUP_THROW",
        ),
        "a generator cannot be compiled",
        "compute the values in a loop, or return a tuple",
    ),
    (
        (
            "GET_AWAITABLE",
            "GET_AITER",
            "GET_ANEXT",
            "BEFORE_ASYNC_WITH",
            "END_ASYNC_FOR",
            "END_SEND",
        ),
        "`async` and `await` cannot be compiled",
        "write a plain function",
    ),
    (
        (
            "PUSH_EXC_INFO",
            "POP_EXCEPT",
            "CHECK_",
            "RERAISE",
            "BEFORE_WITH",
            "WITH_EXCEPT_START",
            "LOAD_SPECIAL",
            "PREP_RERAISE_STAR",
            "EXIT_INIT_CHECK",
        ),
        "`try` and `with` cannot be compiled: a kernel can raise an exception, not catch one",
        "test for the condition with `if` instead",
    ),
    (
        ("MATCH_MAPPING", "MATCH_KEYS"),
        "this pattern matches dicts, which a kernel does not have",
        "match numbers, tuples, named tuples and classes of numbers",
    ),
    (
        (
            "PRINT_EXPR",
            "CALL_INTRINSIC_2",
            "INTERPRETER_EXIT",
            "RESERVED",
            "ENTER_EXECUTOR",
        ),
        "this syntax cannot be compiled in a scalar kernel",
        "use arithmetic, comparisons, `if`, `while` and `for ... in range(...)`",
    ),
)


def rejection(op: str) -> tuple[str, str]:
    """Why the opcode ``op`` cannot be compiled, and what to write instead.

    An opcode that no row knows is new in this Python version.
    """
    for names, sentence, hint in _SENTENCES:
        if op.startswith(names):
            return sentence, hint
    return (
        f"the opcode {op} is unknown to this version of kernelgen",
        "a newer version may know it; rewrite the marked expression if you can",
    )


def is_known(op: str) -> bool:
    """Whether a row rejects ``op`` by name."""
    return any(op.startswith(names) for names, _, _ in _SENTENCES)
