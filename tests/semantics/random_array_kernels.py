"""Random functions on arrays, as source text, with arguments for them.

All arrays of a function have one dtype, and variables keep their number of dimensions, so that most
functions have types. Lengths go together where that is easy; where they do not, Python says so and
compiled code has to say the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

DTYPES = tuple(map(np.dtype, ("f8", "f4", "i8", "i4", "c16")))
COMPARISONS = ("<", "<=", "==", "!=", ">")
ENDS = ("", "1", "-1", "2", "n // 2", "-2")


class Writer:
    """A function as it is written: ``a`` is a matrix, ``v``, ``w`` are vectors of its columns."""

    def __init__(self, draw: Any, dtype: np.dtype[Any]) -> None:
        self.pick = lambda choices: draw(st.sampled_from(tuple(choices)))
        self.kind = dtype.kind
        self.dtype = dtype
        self.vectors = ["v", "w"]
        self.matrices = ["a"]
        self.numbers = ["x"]
        self.loops = 0

    def source(self) -> str:
        lines = ["def kernel(a, v, w, x, n):"]
        for _ in range(self.pick(range(2, 7))):
            lines += self.statement(1, 2)
        results = [self.pick(self.vectors), self.matrix(1), self.number(1), "v", "w", "a"]
        lines.append(f"    return {', '.join(results)}")
        return "\n".join(lines) + "\n"

    # Expressions that keep the dtype.

    @property
    def operators(self) -> str:
        return "+-*/" if self.kind in "fc" else "+-*"

    def number(self, depth: int) -> str:
        form = self.pick(range(6)) if depth else self.pick(range(3))
        if form == 0:
            return self.pick(self.numbers)
        if form == 1:
            return f"{self.pick(self.vectors)}[{self.pick(('0', '-1', 'n - 1', '1'))}]"
        if form == 2:
            return f"{self.pick(self.matrices)}[{self.pick(('0, 0', '-1, 1', '0, n - 1'))}]"
        return f"({self.number(depth - 1)} {self.pick(self.operators)} {self.number(depth - 1)})"

    def vector(self, depth: int) -> str:
        form = self.pick(range(9)) if depth else self.pick(range(3))
        if form < 2:
            return self.pick(self.vectors)
        if form == 2:
            return f"{self.pick(self.matrices)}[{self.pick(('0', '-1', ':, 0', '1'))}]"
        if form < 6:
            other = self.vector(depth - 1) if self.pick((0, 1)) else self.number(0)
            return f"({self.vector(depth - 1)} {self.pick(self.operators)} {other})"
        if form == 6:
            first = self.pick(self.vectors)
            return f"{first}[{self.slice()}]" if self.pick((0, 0, 1)) else f"{first}[::-1]"
        if form == 7 and self.kind != "c":
            made = f"np.{self.pick(('maximum', 'minimum'))}"
            # NumPy does not say which zero is the greater: adding 0 makes both the same.
            return f"({made}({self.vector(depth - 1)}, {self.vector(depth - 1)}) + 0)"
        first, second = self.vector(depth - 1), self.vector(depth - 1)
        return f"np.where({first} {self.pick(('==', '!='))} {second}, {first}, {second})"

    def matrix(self, depth: int) -> str:
        form = self.pick(range(6)) if depth else 0
        if form == 0:
            return self.pick(self.matrices)
        if form == 1:
            return f"{self.pick(self.matrices)}{self.pick(('[::-1]', '[:, ::-1]', '.copy()'))}"
        others = (self.matrix, self.vector, self.number)
        other = self.pick(others)(depth - 1)
        return f"({self.matrix(depth - 1)} {self.pick(self.operators)} {other})"

    def slice(self) -> str:
        return f"{self.pick(ENDS)}:{self.pick(ENDS)}{self.pick(('', '', ':2', ':-1'))}"

    def condition(self) -> str:
        comparisons = COMPARISONS if self.kind != "c" else ("==", "!=")
        return f"{self.number(1)} {self.pick(comparisons)} {self.number(0)}"

    # Statements.

    def statement(self, indent: int, depth: int) -> list[str]:
        pad = "    " * indent
        forms = [
            self._name, self._name, self._change, self._change, self._new, self._exchange,
            self._element,
        ]  # fmt: skip
        forms += [self._if, self._for, self._rows] if depth else []
        return self.pick(forms)(pad, indent, depth)

    def body(self, indent: int, depth: int) -> list[str]:
        lines = []
        for _ in range(self.pick((1, 1, 2))):
            lines += self.statement(indent, depth - 1)
        return lines

    def _name(self, pad: str, indent: int, depth: int) -> list[str]:
        """A variable is given what is computed."""
        kind = self.pick(("vector", "vector", "matrix", "number"))
        names = {"vector": self.vectors, "matrix": self.matrices, "number": self.numbers}[kind]
        made = getattr(self, kind)(2)
        if indent == 1 and self.pick((0, 1)):
            names.append(f"{kind[0]}{len(names)}")
            return [f"{pad}{names[-1]} = {made}"]
        return [f"{pad}{self.pick(names)} = {made}"]

    def _change(self, pad: str, indent: int, depth: int) -> list[str]:
        """Elements of an array are changed, maybe by what overlaps them."""
        operator = self.pick(("=", "+=", "-=", "*="))
        if self.pick((0, 0, 1)):
            target = self.pick(self.matrices) + self.pick(("[:]", "[1:]", "[0]", "[:, 1]", "[...]"))
            value = self.pick((self.vector, self.number, self.matrix))(1)
            return [f"{pad}{target} {operator} {value}"]
        name = self.pick(self.vectors)
        span = self.slice()
        target = f"{name}[{span}]" if operator == "=" or self.pick((0, 1)) else name
        form = self.pick(range(3))
        source = f"{self.pick(self.vectors)}[{span}]" if form else self.vector(1)
        value = source if form < 2 else f"{source} {self.pick(self.operators)} {self.number(1)}"
        return [f"{pad}{target} {operator} {value}"]

    def _new(self, pad: str, indent: int, depth: int) -> list[str]:
        """A new array of the same dtype."""
        name, like = self.pick(self.vectors), self.pick(self.vectors)
        made = self.pick(
            (
                f"np.zeros(n, np.{self.dtype})", f"np.ones_like({like})", f"{like}.copy()",
                f"np.full(n, {self.number(0)}, np.{self.dtype})", f"np.full_like({like}, 2)",
                f"np.arange(n).astype(np.{self.dtype})",
            )
        )  # fmt: skip
        return [f"{pad}{name} = {made}"]

    def _exchange(self, pad: str, indent: int, depth: int) -> list[str]:
        first, second = self.pick(self.vectors), self.pick(self.vectors)
        return [f"{pad}{first}, {second} = {second}, {first}"]

    def _element(self, pad: str, indent: int, depth: int) -> list[str]:
        operator = self.pick(("=", "+="))
        if self.pick((0, 1)):
            return [f"{pad}{self.pick(self.vectors)}[{self.pick(('0', '-1'))}] {operator} "
                    f"{self.number(1)}"]  # fmt: skip
        return [f"{pad}{self.pick(self.matrices)}[0, -1] {operator} {self.number(1)}"]

    def _if(self, pad: str, indent: int, depth: int) -> list[str]:
        lines = [f"{pad}if {self.condition()}:", *self.body(indent + 1, depth)]
        if self.pick((0, 1)):
            lines += [f"{pad}else:", *self.body(indent + 1, depth)]
        return lines

    def _for(self, pad: str, indent: int, depth: int) -> list[str]:
        self.loops += 1
        i = f"i{self.loops}"
        name = self.pick(self.vectors)
        lines = [f"{pad}for {i} in range(len({name})):"]
        value = f"{name}[{i}] {self.pick(self.operators)} {self.number(1)}"
        lines += [f"{pad}    {name}[{i}] = {value}"] if self.pick((0, 1)) else []
        return lines + self.body(indent + 1, depth)

    def _rows(self, pad: str, indent: int, depth: int) -> list[str]:
        self.loops += 1
        row = f"row{self.loops}"
        lines = [f"{pad}for {row} in {self.pick(self.matrices)}:"]
        self.vectors.append(row)
        lines += self.body(indent + 1, depth)
        self.vectors.remove(row)
        return lines


def _array(draw: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of small numbers that lies in memory in one of several ways."""
    size = int(np.prod(shape))
    values = draw(st.lists(st.integers(-4, 9), min_size=size, max_size=size))
    array = np.array(values, dtype).reshape(shape)
    if dtype.kind in "fc" and draw(st.booleans()):
        array = array / 2
    array = array.astype(dtype)
    layout = draw(st.sampled_from(("C", "C", "F", "reversed", "sparse")))
    if layout == "reversed":
        return array[::-1].copy()[::-1]
    if layout == "sparse":
        return np.repeat(array, 2, -1)[..., ::2]
    return np.asarray(array, order=layout)


@st.composite
def array_kernels(draw: Any) -> tuple[str, tuple[Any, ...]]:
    """A function's source, and arguments for it."""
    dtype = draw(st.sampled_from(DTYPES))
    rows, n = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    source = Writer(draw, dtype).source()
    arrays = [_array(draw, shape, dtype) for shape in ((rows, n), (n,), (n,))]
    return source, (*arrays, dtype.type(draw(st.integers(-3, 5))), n)
