"""Random kernels as source text: expressions, branches, bounded loops, tuples, several returns.

What is generated ends, and seldom fails to type: integer operators get integers, trip counts
are small, and ``while`` loops burn fuel.
"""

from __future__ import annotations

import itertools
import linecache
from types import FunctionType
from typing import Any

import numpy as np
from backends import DTYPES, edges
from hypothesis import strategies as st

INT_OPERATORS = ("+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>")
FLOAT_OPERATORS = ("+", "-", "*", "/", "//", "%")
COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
INT_LITERALS = ("0", "1", "2", "3", "7", "100")
FLOAT_LITERALS = ("0.0", "0.5", "1.0", "2.5", "-1.5")
INTS = ("i", "j", "p", "q")
FLOATS = ("u", "v", "w")
_numbers = itertools.count()


class Writer:
    """One kernel being written; ``draw`` makes all choices."""

    def __init__(self, draw: Any, dtypes: tuple[np.dtype, ...]) -> None:
        self.draw = draw
        self.ints = [n for n, d in zip("xyz", dtypes, strict=False) if d.kind in "biu"]
        self.floats = [n for n, d in zip("xyz", dtypes, strict=False) if d.kind == "f"]
        self.loops = 0
        self.outputs = self.pick((1, 1, 2))

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(tuple(options)))

    def source(self, names: str) -> str:
        lines = [f"def kernel({', '.join(names)}):"]
        for name in (*INTS, *FLOATS):
            value = (self.integer if name in INTS else self.real)(1)
            unsure = f"if {self.condition(0)}: " * (self.pick(range(8)) == 7)
            lines.append(f"    {unsure}{name} = {value}")
            (self.ints if name in INTS else self.floats).append(name)
        for _ in range(self.pick(range(1, 6))):
            lines += self.statement(1, 2, False)
        return "\n".join([*lines, f"    {self.returned()}", ""])

    # Expressions.

    def integer(self, depth: int) -> str:
        form = self.pick(range(10)) if depth else self.pick(range(4))
        if form < 2:
            return self.pick(self.ints or ("5",))
        if form < 4:
            return self.pick(INT_LITERALS)
        if form < 7:
            return (
                f"({self.integer(depth - 1)} {self.pick(INT_OPERATORS)} {self.integer(depth - 1)})"
            )
        if form == 7:
            choices = ("int({})", "abs({})", "({} ** 2)", "-int({})", "(~int({}))", "round({})")
            inner = self.real(depth - 1) if self.pick((0, 1)) else self.integer(depth - 1)
            return self.pick(choices[:1] + choices[3:]).format(inner)
        if form == 8:
            return self.pick(("min({}, {})", "max({}, {})", "({} or {})", "({} and {})")).format(
                self.integer(depth - 1), self.integer(depth - 1)
            )
        yes, no = self.integer(depth - 1), self.integer(depth - 1)
        return f"({yes} if {self.condition(depth - 1)} else {no})"

    def real(self, depth: int) -> str:
        form = self.pick(range(10)) if depth else self.pick(range(4))
        if form < 2:
            return self.pick(self.floats or ("1.25",))
        if form < 4:
            return self.pick((*FLOAT_LITERALS, *self.ints))
        if form < 7:
            return (
                f"({self.real(depth - 1)} {self.pick(FLOAT_OPERATORS)} {self.anything(depth - 1)})"
            )
        if form == 7:
            choices = ("float({})", "abs({})", "-({})", "math.sqrt(abs({}))", "math.floor({})")
            return self.pick(choices).format(self.real(depth - 1))
        if form == 8:
            return self.pick(("min({}, {})", "max({}, {})", "({} or {})", "({} and {})")).format(
                self.real(depth - 1), self.anything(depth - 1)
            )
        yes, no = self.real(depth - 1), self.anything(depth - 1)
        return f"({yes} if {self.condition(depth - 1)} else {no})"

    def anything(self, depth: int) -> str:
        return self.integer(depth) if self.pick((0, 1)) else self.real(depth)

    def condition(self, depth: int) -> str:
        form = self.pick(range(7)) if depth else 0
        if form < 3:
            name = self.pick(self.ints + self.floats)  # two literals would decide it beforehand
            return f"{name} {self.pick(COMPARISONS)} {self.anything(max(depth - 1, 0))}"
        if form == 3:
            word = self.pick(("and", "or"))
            return f"({self.condition(depth - 1)} {word} {self.condition(depth - 1)})"
        if form == 4:
            return f"(not {self.condition(depth - 1)})"
        if form == 5:
            first, second = self.pick(COMPARISONS), self.pick(COMPARISONS)
            return f"({self.anything(0)} {first} {self.anything(0)} {second} {self.anything(0)})"
        return self.anything(depth)

    # Statements: lists of lines.

    def statement(self, indent: int, depth: int, in_loop: bool) -> list[str]:
        pad = "    " * indent
        kinds = ["assign"] * 5 + ["tuple"] + (["if"] * 3 + ["while", "for", "for"]) * (depth > 0)
        kinds += ["break", "continue"] * in_loop + ["return", "del"]
        kind = self.pick(kinds)
        if kind in ("break", "continue"):
            return [f"{pad}if {self.condition(1)}:", f"{pad}    {kind}"]
        if kind == "return":
            return [f"{pad}if {self.condition(1)}:", f"{pad}    {self.returned()}"]
        if kind == "del":
            name = self.pick(INTS)
            return [f"{pad}if {self.condition(0)}:", f"{pad}    {name} = 1", f"{pad}    del {name}"]
        if kind == "tuple":
            a, b = self.pick(INTS), self.pick(FLOATS)
            return [f"{pad}{a}, {b} = {self.integer(1)}, {self.anything(1)}"]
        if kind == "assign":
            return [pad + self.assignment()]
        return getattr(self, f"_{kind}")(pad, indent, depth, in_loop)

    def assignment(self) -> str:
        if self.pick((0, 1)):
            operator = self.pick(("=", "+=", "-=", "*=", "%=", "|=", "^="))
            return f"{self.pick(self.ints)} {operator} {self.integer(2)}"
        operator = self.pick(("=", "+=", "-=", "*=", "/="))
        return f"{self.pick(self.floats)} {operator} {self.real(2)}"

    def body(self, indent: int, depth: int, in_loop: bool) -> list[str]:
        count = self.pick(range(1, 4))
        return [line for _ in range(count) for line in self.statement(indent, depth - 1, in_loop)]

    def _if(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        lines = [f"{pad}if {self.condition(2)}:", *self.body(indent + 1, depth, in_loop)]
        if self.pick((0, 1)):
            lines += [f"{pad}elif {self.condition(1)}:", *self.body(indent + 1, depth, in_loop)]
        if self.pick((0, 1)):
            lines += [f"{pad}else:", *self.body(indent + 1, depth, in_loop)]
        return lines

    def _while(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        self.loops += 1
        fuel = f"fuel{self.loops}"
        lines = [
            f"{pad}{fuel} = {self.pick((1, 3, 6))}",
            f"{pad}while {fuel} > 0 and {self.condition(1)}:",
        ]
        lines += [f"{pad}    {fuel} -= 1", *self.body(indent + 1, depth, True)]
        return lines + self._otherwise(pad, indent, depth, in_loop)

    def _for(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        spans = ("{} % 4", "{} % 3, 4", "{} % 5, -3, -2", "3", "5, 1, -1")
        span = self.pick(spans).format(f"int({self.integer(1)})")
        lines = [
            f"{pad}for {self.pick(INTS)} in range({span}):",
            *self.body(indent + 1, depth, True),
        ]
        return lines + self._otherwise(pad, indent, depth, in_loop)

    def _otherwise(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        if self.pick((0, 0, 1)):
            return [f"{pad}else:", *self.body(indent + 1, depth, in_loop)]
        return []

    def returned(self) -> str:
        return f"return {', '.join(self.anything(2) for _ in range(self.outputs))}"


def compile_source(source: str) -> FunctionType:
    """The function of a text, whose lines errors can show."""
    import math

    filename = f"<random kernel {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"math": math}
    exec(compile(source, filename, "exec"), namespace)
    return namespace["kernel"]


def arguments(draw: Any, dtypes: tuple[np.dtype, ...], count: int) -> tuple[np.ndarray, ...]:
    """Parallel arrays of edge values and small ones."""
    arrays = []
    for dtype in dtypes:
        values = np.concatenate([edges(dtype), np.arange(6).astype(dtype)])
        index = draw(st.lists(st.integers(0, len(values) - 1), min_size=count, max_size=count))
        arrays.append(values[index])
    return tuple(arrays)


@st.composite
def kernels(draw: Any, rows: int = 20) -> tuple[str, tuple[np.ndarray, ...]]:
    """A kernel's source, and arguments for it."""
    count = draw(st.integers(1, 3))
    dtypes = tuple(draw(st.lists(st.sampled_from(DTYPES), min_size=count, max_size=count)))
    return Writer(draw, dtypes).source("xyz"[:count]), arguments(draw, dtypes, rows)
