"""A code object as a list of instructions, with the differences of Python versions removed.

After decoding, an instruction's ``argval`` means the same in every version: a name, a
constant, a symbol, or the offset that a jump leads to. Inline caches and prefixes are gone.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from kernelgen.errors import UnsupportedError
from kernelgen.source import Loc, definition_of

JUMPS = frozenset(dis.opname[op] for op in (*dis.hasjrel, *dis.hasjabs))


class Instr(NamedTuple):
    """One instruction: its opcode's name, raw argument, decoded argument, and place."""

    offset: int
    op: str
    arg: int
    argval: Any
    loc: Loc

    @property
    def target(self) -> int | None:
        """The offset that it may jump to."""
        return self.argval if self.op in JUMPS else None

    @property
    def accesses(self) -> list[tuple[str, str]]:
        """The local variables that it loads, stores, deletes or takes, in order.

        An opcode's name lists its accesses, ``STORE_FAST_LOAD_FAST`` has two. A comprehension takes
        its variables from the function around it, assigned or not, and gives them back.
        """
        kinds = _accesses(self.op)
        names = self.argval if len(kinds) > 1 else (self.argval,)
        return list(zip(kinds, names, strict=True)) if kinds else []

    def __str__(self) -> str:
        return f"{self.loc.line:>5} {self.offset:>5} {self.op:<26} {_show(self.argval)}".rstrip()


@cache
def _accesses(op: str) -> tuple[str, ...]:
    if op == "LOAD_FAST_AND_CLEAR":
        return ("TAKE",)
    return tuple(re.findall(r"(LOAD|STORE|DELETE)_FAST", op))


def _show(argval: Any) -> str:
    return "" if argval is None else getattr(argval, "__qualname__", None) or repr(argval)


def decode(function: FunctionType, *, generator: bool = False) -> list[Instr]:
    """The instructions of ``function``.

    Parameters
    ----------
    function : FunctionType
        What to decode.
    generator : bool, optional
        Whether it may be a generator function.

    Raises
    ------
    UnsupportedError
        It is a generator or a coroutine, has ``**kwargs``, or uses ``try``.
    """
    code = function.__code__
    _check_kind(code, generator)
    instructions = [
        Instr(start, i.opname, i.arg or 0, _argval(code, i), _loc(code, i.positions))
        for start, i in _with_starts(dis.get_instructions(code))
    ]
    _check_no_handlers(code, instructions)
    return instructions


def shared_writes(code: CodeType) -> set[str]:
    """The variables shared with other functions that ``code`` assigns or deletes."""
    return {
        i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_DEREF", "DELETE_DEREF")
    }


def _with_starts(instructions: Iterable[dis.Instruction]) -> Iterator[tuple[int, dis.Instruction]]:
    """The instructions that do something, each with its offset: where jumps to it lead.

    That is the offset of the first of its prefixes.
    """
    start = None
    for i in instructions:
        if i.opname == "CACHE":
            continue
        start = i.offset if start is None else start
        if i.opname != "EXTENDED_ARG":
            yield start, i
            start = None


def _loc(code: CodeType, positions: dis.Positions | None) -> Loc:
    if positions is None or positions.lineno is None:
        return definition_of(code)
    spans = (positions.col_offset, positions.end_lineno, positions.end_col_offset)
    column, end_line, end_column = (-1 if span is None else span for span in spans)
    return Loc(code.co_filename, code.co_qualname, positions.lineno, column, end_line, end_column)


def _argval(code: CodeType, instruction: dis.Instruction) -> Any:
    """The decoded argument, where ``dis`` shows versions' differences made alike."""
    if instruction.opname == "KW_NAMES":  # 3.11 leaves it undecoded
        return code.co_consts[instruction.arg or 0]
    special = _ARGVALS.get(instruction.opname)
    return instruction.argval if special is None else special(instruction)


def _comparison(instruction: dis.Instruction) -> str:
    """``<`` also where 3.13 says ``bool(<)``: every comparison is made a bool when tested."""
    return str(instruction.argval).removeprefix("bool(").removesuffix(")")


def _binary(instruction: dis.Instruction) -> str:
    """The operator's symbol; ``x += y`` is told from ``x + y`` by the argument itself."""
    symbol = instruction.argrepr
    return symbol if symbol == "[]" else symbol.removesuffix("=")


_ARGVALS: dict[str, Callable[[dis.Instruction], Any]] = {
    "COMPARE_OP": _comparison,
    "BINARY_OP": _binary,
}


def is_generator(function: FunctionType) -> bool:
    """Whether a call of ``function`` makes a generator."""
    return bool(function.__code__.co_flags & _FLAGS["GENERATOR"])


def _check_kind(code: CodeType, generator: bool) -> None:
    loc = definition_of(code)
    for flag, what, hint in (
        ("COROUTINE", "a coroutine (`async def`)", "write a plain function"),
        ("ASYNC_GENERATOR", "a generator (it uses `yield`)", "return a value"),
        (
            "GENERATOR",
            "a generator (it uses `yield`)",
            "return a value; a function that the kernel calls may be a generator",
        ),
        ("VARKEYWORDS", "a function with `**kwargs`", "write a function of positional arguments"),
    ):
        if code.co_flags & _FLAGS[flag] and not (generator and flag == "GENERATOR"):
            raise UnsupportedError(f"{what} cannot be compiled", loc, hint)


_FLAGS = {name: bit for bit, name in dis.COMPILER_FLAG_NAMES.items()}


def _check_no_handlers(code: CodeType, instructions: list[Instr]) -> None:
    """Refuse ``try`` and ``with``, which show in the exception table only.

    What handles an exception begins with PUSH_EXC_INFO; what only cleans up behind an inlined
    comprehension does not.
    """
    if not code.co_exceptiontable:
        return
    handlers = {i.offset for i in instructions if i.op == "PUSH_EXC_INFO"}
    entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    guarded = [entry.start for entry in entries if entry.target in handlers]
    if not guarded:
        return
    loc = [i.loc for i in instructions if i.offset < min(guarded)][-1]  # where it begins
    raise UnsupportedError(
        "`try` and `with` cannot be compiled: a kernel can raise an exception, not catch one",
        loc,
        "test for the condition with `if` instead",
    )
