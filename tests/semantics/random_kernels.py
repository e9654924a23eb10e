"""Random kernels as source text: expressions, branches, bounded loops, tuples, several returns,
nested and recursive functions, exceptions, calls of NumPy and of another kernel, constant tables,
generators, patterns.

What is generated ends, and seldom fails to type: integer operators get integers, trip counts
are small, and ``while`` loops burn fuel.
"""

from __future__ import annotations

import itertools
import linecache
import math
from collections import namedtuple
from types import FunctionType
from typing import Any

import numpy as np
from backends import COMPLEX, DTYPES, edges
from hypothesis import strategies as st

import kernelgen

INT_OPERATORS = ("+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>")
FLOAT_OPERATORS = ("+", "-", "*", "/", "//", "%")
COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
INT_LITERALS = ("0", "1", "2", "3", "7", "100")
FLOAT_LITERALS = ("0.0", "0.5", "1.0", "2.5", "-1.5")
INTS = ("i", "j", "p", "q")
FLOATS = ("u", "v", "w")
COMPLEXES = ("c", "d")
COMPLEX_LITERALS = ("1j", "(2-1j)", "0.5")
TIMES = (np.dtype("M8[s]"), np.dtype("m8[s]"))
_numbers = itertools.count()

TABLE = np.array([1.5, -2.0, 0.25, 7.0, -0.5])
INT_TABLE = np.arange(-3, 9, dtype=np.int16).reshape(3, 4)
NUMBERS = (3, -1, 7, 2)
ROWS = ((0.5, -1.5), (2.0, 4.0), (0.0, 1.0))

UNARY = (
    "float({})", "abs({})", "-({})", "math.sqrt(abs({}))", "math.floor({})", "np.floor({})",
    "np.sqrt(abs({}))", "np.trunc({})", "np.sign({})", "np.rint({})", "np.isnan({})",
    "({}).real", "({}).conjugate()", "np.float32({})", "doubled({})", "np.interp({}, RISING, TABLE)",
    "np.polyval(NUMBERS, {})", "np.searchsorted(RISING, {})",
)  # fmt: skip
BINARY = (
    "min({}, {})", "max({}, {})", "({} or {})", "({} and {})", "(np.maximum({}, {}) + 0)",
    "(np.fmin({}, {}) + 0)", "np.copysign({}, {})", "Pair({}, {}).second",
)  # fmt: skip
"""NumPy does not say which zero is the greater: adding 0 makes both the same."""

GOING_OVER = (
    "sum(e * 2 for e in ({}, {}))", "max(abs(e) for e in ({}, {}))", "TABLE[int({}) % 5] * {}",
    "sum(e + {} for e in range(i % 4) if e != {})", "any(e > {} for e in ({}, 1.0, u))",
    "all(e < {} for e in TABLE if e != {})", "sum([e * {} for e in ROWS[i % 3]]) + {}",
    "min((e * {} for e in TABLE if e > {}), default=2.5)", "ROWS[int({}) % 3][i % 2] - {}",
    "({}, {})[i % 2]", "sum(map(doubled, ({}, {})))", "TABLE[i] + {} + {}",
    "(doubled if {} > 1 else abs)({})", "tuple(e - {} for e in ({}, v))[1]",
)  # fmt: skip

RISING = np.array([-3.0, -1.0, 0.0, 0.5, 4.0])

Pair = namedtuple("Pair", "first second")


@kernelgen.vectorize
def doubled(x):
    """A kernel that other kernels call."""
    return x + x


class Writer:
    """One kernel being written; ``draw`` makes all choices."""

    def __init__(self, draw: Any, dtypes: tuple[np.dtype, ...]) -> None:
        self.draw = draw
        self.ints = [n for n, d in zip("xyz", dtypes, strict=False) if d.kind in "biu"]
        self.floats = [n for n, d in zip("xyz", dtypes, strict=False) if d.kind == "f"]
        self.complexes = [n for n, d in zip("xyz", dtypes, strict=False) if d.kind == "c"]
        self.unary = list(UNARY)
        self.loops = 0
        self.outputs = self.pick((1, 1, 2))

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(tuple(options)))

    def source(self, names: str) -> str:
        lines = [f"def kernel({', '.join(names)}):", *self.helper(names)]
        for name in (*INTS, *FLOATS):
            value = (self.integer if name in INTS else self.real)(1)
            unsure = f"if {self.condition(0)}: " * (self.pick(range(8)) == 7)
            lines.append(f"    {unsure}{name} = {value}")
            (self.ints if name in INTS else self.floats).append(name)
        for name in COMPLEXES if self.complexes else ():
            lines.append(f"    {name} = {self.complex(1)}")
            self.complexes.append(name)
        for _ in range(self.pick(range(1, 6))):
            lines += self.statement(1, 2, False)
        return "\n".join([*lines, f"    {self.returned()}", ""])

    def helper(self, names: str) -> list[str]:
        """A nested function, which reads an argument of the kernel around it, or calls itself."""
        form = self.pick(("none", "closure", "recursion"))
        if form == "none" or self.complexes:
            return []
        if form == "recursion":
            self.unary += ["deep(3, {})", "deep(i % 5, {})", "deep(2, {})"]
            step = self.pick(("a + deep(n - 1, a)", "deep(n - 1, -a)", "deep(n - 1, a * n)"))
            return ["    def deep(n, a):", f"        return a if n <= 0 else {step}"]
        self.unary += ["inner({})"] * 3
        returned = self.pick(("{0} + a", "a if a > {0} else {0}", "a * 2 - {0}", "min(a, {0})"))
        early = ["        if a == 0:", "            return a"] * self.pick((0, 1))
        body = f"        return {returned.format(self.pick(names))}"
        return ["    def inner(a):", *early, body]

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
            pairs = (
                "min({}, {})", "max({}, {})", "({} or {})", "({} and {})",
                "NUMBERS[int({}) % 4] + int({})", "INT_TABLE[int({}) % 3, int({}) % 5 - 2]",
                "({}, {}, 3)[i % 3]",
            )  # fmt: skip
            return self.pick(pairs).format(self.integer(depth - 1), self.integer(depth - 1))
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
            if self.complexes and self.pick((0, 1)):
                part = self.pick(("({}).real", "({}).imag", "abs({})"))
                return part.format(self.complex(depth - 1))
            return self.pick(self.unary).format(self.real(depth - 1))
        if form == 8 and self.pick((0, 1)):
            return self.pick(GOING_OVER).format(self.real(depth - 1), self.anything(depth - 1))
        if form == 8:
            return self.pick(BINARY).format(self.real(depth - 1), self.anything(depth - 1))
        yes, no = self.real(depth - 1), self.anything(depth - 1)
        return f"({yes} if {self.condition(depth - 1)} else {no})"

    def complex(self, depth: int) -> str:
        form = self.pick(range(8)) if depth else self.pick(range(3))
        if form < 2:
            return self.pick(self.complexes)
        if form == 2:
            return self.pick((*COMPLEX_LITERALS, *self.floats, *self.ints))
        if form < 6:
            sides = self.complex(depth - 1), self.pick("+-*/"), self.complex(depth - 1)
            return "({} {} {})".format(*sides)
        if form == 6:
            unary = self.pick(("-({})", "({}).conjugate()", "doubled({})"))
            return unary.format(self.complex(depth - 1))
        yes, no = self.complex(depth - 1), self.complex(depth - 1)
        return f"({yes} if {self.condition(depth - 1)} else {no})"

    def anything(self, depth: int) -> str:
        return self.integer(depth) if self.pick((0, 1)) else self.real(depth)

    def named(self) -> str:
        """A variable, or a part of one."""
        return self.pick(self.ints + self.floats or [f"{z}.real" for z in self.complexes])

    def condition(self, depth: int) -> str:
        form = self.pick(range(8)) if depth else 0
        if form < 3:
            name = self.named()  # two literals would decide it beforehand
            return f"{name} {self.pick(COMPARISONS)} {self.anything(max(depth - 1, 0))}"
        if form == 3:
            word = self.pick(("and", "or"))
            return f"({self.condition(depth - 1)} {word} {self.condition(depth - 1)})"
        if form == 4:
            return f"(not {self.condition(depth - 1)})"
        if form == 5:
            first, second = self.pick(COMPARISONS), self.pick(COMPARISONS)
            return f"({self.anything(0)} {first} {self.anything(0)} {second} {self.anything(0)})"
        if form == 6:
            cls = self.pick(("int", "float", "np.integer", "np.floating", "np.float32"))
            return f"isinstance({self.named()}, {cls})"
        return self.anything(depth)

    # Statements: lists of lines.

    def statement(self, indent: int, depth: int, in_loop: bool) -> list[str]:
        pad = "    " * indent
        kinds = ["assign"] * 5 + ["tuple", "starred", "raise", "return", "del"]
        kinds += (["if"] * 3 + ["while", "for", "for", "for_each", "match"]) * (depth > 0)
        kinds += ["break", "continue"] * in_loop + ["complex"] * (3 * bool(self.complexes))
        kind = self.pick(kinds)
        if kind == "complex":
            return [f"{pad}{self.pick(COMPLEXES)} = {self.complex(2)}"]
        if kind in ("break", "continue"):
            return [f"{pad}if {self.condition(1)}:", f"{pad}    {kind}"]
        if kind == "return":
            return [f"{pad}if {self.condition(1)}:", f"{pad}    {self.returned()}"]
        if kind == "del":
            name = self.pick(INTS)
            return [f"{pad}if {self.condition(0)}:", f"{pad}    {name} = 1", f"{pad}    del {name}"]
        if kind == "raise":
            value = self.named()
            text = self.pick((f"{value}", f"'text', {value}", "'text'"))
            if self.pick((0, 1)):
                return [f"{pad}assert {self.condition(1)}, {value}"]
            return [f"{pad}if {self.condition(1)}:", f"{pad}    raise ValueError({text})"]
        if kind == "starred":
            a, b, c = self.pick(INTS), self.pick(FLOATS), self.integer(1)
            return [f"{pad}{a}, *rest = {c}, {self.real(1)}, {self.real(0)}", f"{pad}{b} = rest[1]"]
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

    def _for_each(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        """A loop over a table, a tuple of numbers, or a generator."""
        name = self.pick(FLOATS)
        values = self.pick((
            "TABLE", "INT_TABLE[1]", "NUMBERS", f"(e * {self.anything(1)} for e in TABLE)",
            f"(e + {self.real(1)} for e in range(i % 4) if e != j)",
            f"[{self.real(1)}, {self.anything(1)}]",
        ))  # fmt: skip
        lines = [f"{pad}for {name} in {values}:", *self.body(indent + 1, depth, True)]
        return lines + self._otherwise(pad, indent, depth, in_loop)

    def _match(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        one, two = self.pick(INTS), self.pick(FLOATS)
        pair = self.pick(("({0}, 0)", "({0}, 1 | 2)", "(1, {1})", "({0}, {1})", "({0}, *rest)"))
        number = self.pick(("0", "1 | 2.5", "3 as {0}", "np.integer()", "float()", "np.float32()"))
        guard = f" if {self.condition(1)}" * self.pick((0, 1))
        if self.pick((0, 1)):
            subject, pattern = f"{self.integer(1)}, {self.real(1)}", pair
        else:
            subject, pattern = self.anything(1), number
        return [
            f"{pad}match {subject}:",
            f"{pad}    case {pattern.format(one, two)}{guard}:",
            *self.body(indent + 2, depth, in_loop),
            f"{pad}    case _:",
            *self.body(indent + 2, depth, in_loop),
        ]

    def _otherwise(self, pad: str, indent: int, depth: int, in_loop: bool) -> list[str]:
        if self.pick((0, 0, 1)):
            return [f"{pad}else:", *self.body(indent + 1, depth, in_loop)]
        return []

    def returned(self) -> str:
        made = (self.complex if self.complexes else self.anything)(2)
        more = [self.anything(2) for _ in range(self.outputs - 1)]
        return f"return {', '.join([made, *more])}"


class TimeWriter:
    """A kernel on dates, durations and integers, in simple forms. Nothing leaves 64 bits."""

    def __init__(self, draw: Any, dtypes: tuple[np.dtype, ...]) -> None:
        self.draw = draw
        named = list(zip("xyz", dtypes, strict=False))
        self.dates = [n for n, d in named if d.kind == "M"]
        self.durations = [n for n, d in named if d.kind == "m"]
        self.ints = [n for n, d in named if d.kind in "biu"]

    pick = Writer.pick

    def source(self, names: str) -> str:
        result = self.pick((self.duration, *[self.date] * bool(self.dates)))
        return "\n".join([
            f"def kernel({', '.join(names)}):",
            f"    t = {self.duration(2)}",
            f"    for i in range({self.pick(range(4))}):",
            f"        if {self.condition()}:",
            f"            t = {self.duration(1)} {self.pick('+-')} t",
            f"        elif {self.condition()}:",
            f"            return {result(1)}",
            f"    return t if {self.condition()} else {self.duration(2)}"
            if result == self.duration
            else f"    return {self.date(1)} + t",
            "",
        ])  # fmt: skip

    def date(self, depth: int) -> str:
        return f"{self.pick(self.dates)} {self.pick('+-')} {self.duration(depth)}"

    def duration(self, depth: int) -> str:
        leaves = [*self.durations, "np.timedelta64(7, 's')", *self.ints]
        if self.dates:
            leaves += [f"({self.pick(self.dates)} - {self.pick(self.dates)})"] * 2
        if depth == 0:
            return self.pick(leaves[:1] if leaves[0] not in self.ints else leaves)
        a, b = self.duration(depth - 1), self.duration(depth - 1)
        forms = (
            "({a} + {b})", "({a} - {b})", "({a} * 2)", "({a} // 3)", "-{a}", "abs({a})",
            "({a} % np.timedelta64(5, 's'))", "min({a}, {b})", "np.maximum({a}, {b})",
            "({a} * ({b} // np.timedelta64(60, 's') > 0))", "({a} / 4)",
        )  # fmt: skip
        return self.pick(forms).format(a=a, b=b)

    def condition(self) -> str:
        form = self.pick(("{0} {2} {1}", "np.isnat({0})", "bool({0})", "not {0}"))
        return form.format(self.duration(1), self.duration(0), self.pick(COMPARISONS))


def compile_source(source: str) -> FunctionType:
    """The function of a text, whose lines errors can show."""
    filename = f"<random kernel {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {
        "math": math, "np": np, "doubled": doubled, "Pair": Pair, "TABLE": TABLE, "ROWS": ROWS,
        "INT_TABLE": INT_TABLE, "NUMBERS": NUMBERS, "RISING": RISING,
    }  # fmt: skip
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
    kind = draw(st.sampled_from(("numbers",) * 4 + ("complex", "times")))
    known = {"numbers": DTYPES, "complex": COMPLEX + DTYPES, "times": TIMES + DTYPES[1:5]}[kind]
    dtypes = tuple(draw(st.lists(st.sampled_from(known), min_size=count, max_size=count)))
    if kind == "times":
        dtypes = (draw(st.sampled_from(TIMES)), *dtypes[1:])
    writer = (TimeWriter if kind == "times" else Writer)(draw, dtypes)
    return writer.source("xyz"[:count]), arguments(draw, dtypes, rows)
