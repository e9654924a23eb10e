"""Reading the text form of the IR."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from kernelgen.errors import KernelgenError
from kernelgen.ir.core import TERMINATORS, Block, Edge, Function, Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.types import compound, table
from kernelgen.types.compound import (
    Array,
    ArrayIterator,
    Slice,
    Tuple,
    Type,
    array_named,
    record_array_named,
)
from kernelgen.types.constants import captured
from kernelgen.types.digits import Digits
from kernelgen.types.records import record_from_parts
from kernelgen.types.table import Scalar

Parsed = TypeVar("Parsed")


class ParseError(KernelgenError):
    """Text that is not the text of a function."""


_TOKEN = re.compile(
    r"\s*(?:(?P<name>[%^@][\w.]+)|(?P<object><[^<>\n]+>)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf\b|nan\b))|(?P<arrow>->)|(?P<word>~?[A-Za-z_][\w.]*(?:\[[\w:,]*\])*)"
    r"|(?P<axes>\[[:1,]*\])|(?P<punctuation>[(){}:,=]))"
)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokenize(text)
        self.position = 0
        self.functions: dict[str, Function] = {}
        self.values: dict[str, Value] = {}
        self.blocks: dict[str, Block] = {}
        self.defined: set[str] = set()

    def _tokenize(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        stop = len(text.rstrip())
        while at < stop:
            match = _TOKEN.match(text, at)
            if match is None:
                line = text.count("\n", 0, at) + 1
                raise ParseError(f"line {line}: cannot read {text[at : at + 20]!r}")
            assert match.lastgroup is not None
            tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return [*tokens, ("end", "")]

    # Small tools.

    def peek(self, text: str) -> bool:
        return self.tokens[self.position][1] == text

    def accept(self, text: str) -> bool:
        found = self.peek(text)
        self.position += found
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise ParseError(f"expected {text!r}, found {self.tokens[self.position][1]!r}")

    def take(self, *kinds: str) -> str:
        kind, text = self.tokens[self.position]
        if kind not in kinds:
            raise ParseError(f"expected a {' or '.join(kinds)}, found {text!r}")
        self.position += 1
        return text

    def sequence(self, item: Any, close: str = ")") -> list[Any]:
        """Items separated by commas up to ``close``."""
        items = []
        while not self.accept(close):
            items.append(item())
            if not self.peek(close):
                self.expect(",")
        return items

    # The grammar.

    def functions_to_end(self) -> Function:
        """The first function, with those behind it that it invokes."""
        first = self.function()
        while self.peek("func"):
            self.function()
        missing = [name for name, function in self.functions.items() if not function.blocks]
        if missing:
            raise ParseError(f"used but not defined: {', '.join(missing)}")
        unused = set(self.functions.values()) - {first, *first.callees()}
        if unused:
            raise ParseError(f"defined but not used: {', '.join(f.name for f in unused)}")
        return first

    def function(self) -> Function:
        self.values, self.blocks, self.defined = {}, {}, set()
        self.expect("func")
        function = self.function_named(self.take("name"))
        if function.blocks:
            raise ParseError(f"@{function.name} is defined twice")
        if self.accept("->"):
            function.result = self.type()
        self.expect("{")
        while not self.accept("}"):
            function.blocks.append(self.block())
        undefined = [n for n, v in self.values.items() if v.definition is None]
        missing = [n for n, b in self.blocks.items() if b not in function.blocks]
        if undefined or missing:
            raise ParseError(f"used but not defined: {', '.join(undefined + missing)}")
        return function

    def function_named(self, name: str) -> Function:
        return self.functions.setdefault(name, Function(name[1:]))

    def block(self) -> Block:
        block = self.block_named(self.definition())
        self.take("name")
        if self.accept("("):
            for value in self.sequence(self.defined_value):
                value.definition = block
                block.args.append(value)
        self.expect(":")
        while True:
            op = block.append(self.op())
            if op.name in TERMINATORS:
                return block

    def block_named(self, name: str) -> Block:
        return self.blocks.setdefault(name, Block())

    def value(self) -> Value:
        name = self.take("name")
        hint = name[1:].split(".")[0]
        return self.values.setdefault(name, Value(hint="" if hint.isdigit() else hint))

    def definition(self) -> str:
        """The name ahead, which is defined here."""
        name = self.tokens[self.position][1]
        if name in self.defined:
            raise ParseError(f"{name} is defined twice")
        self.defined.add(name)
        return name

    def defined_value(self) -> Value:
        self.definition()
        value = self.value()
        if self.accept(":"):
            value.type = self.type()
        return value

    def op(self) -> Op:
        result = None
        if self.tokens[self.position][1].startswith("%"):
            result = self.defined_value()
            self.expect("=")
        name = self.take("word")
        operands = self.sequence(self.value) if self.accept("(") else []
        attrs = dict(self.sequence(self.attr, "}")) if self.accept("{") else {}
        edges = (
            [self.edge()]
            if self.tokens[self.position][1].startswith("^") and (name in ("jump", "branch"))
            else []
        )
        while edges and self.accept(","):
            edges.append(self.edge())
        return Op(name, operands, attrs, None, edges, result)

    def edge(self) -> Edge:
        target = self.block_named(self.take("name"))
        return Edge(target, self.sequence(self.value) if self.accept("(") else [])

    def attr(self) -> tuple[str, Any]:
        key = self.take("word")
        self.expect("=")
        return key, self.constant()

    def type(self) -> Type:
        if self.accept("("):
            return Tuple(tuple(self.sequence(self.type)))
        name = self.take("word")
        if name in _COMPOUND and self.accept("("):
            return _COMPOUND[name](*self.sequence(self.type))
        if name.endswith(("struct", "record")) and self.accept("("):
            return self.record(name)
        found = table.named(name) or compound.BY_NAME.get(name) or array_named(name)
        if found is None:
            raise ParseError(f"no type is called {name!r}")
        return found

    def record(self, name: str) -> Type:
        """A record, or an array of such: what stands in front of its parts is read already."""
        marks, dot, kind = name.rpartition(".")
        size = int(self.take("number"))
        self.expect(",")
        alignment = int(self.take("number"))
        fields = self.sequence(self.field) if self.accept(",") else []
        found = record_from_parts(kind, size, alignment, fields)
        if self.tokens[self.position][0] != "axes":
            return found
        array = record_array_named(found, marks + dot, self.take("axes"))
        if array is None:
            raise ParseError(f"no array type is called {name}(...)")
        return array

    def field(self) -> tuple[Any, ...]:
        """The name, the type, the offset and the shape of a field of a record."""
        self.expect("(")
        name = ast.literal_eval(self.take("string"))
        self.expect(",")
        known = self.tokens[self.position][0] != "string"
        t = self.type() if known else ast.literal_eval(self.take("string"))
        self.expect(",")
        return name, t, *self.sequence(lambda: int(self.take("number")))

    def constant(self) -> Any:
        kind, text = self.tokens[self.position]
        self.position += 1
        if text == "(":
            return tuple(self.sequence(self.constant))
        if kind == "name" and text.startswith("@"):
            return self.function_named(text)
        if kind == "object":
            return _import(text[1:-1])
        if text == "Ellipsis":
            return ...
        if text in (*_CALLS, "type", "slot", "slice", *_PARTS) or _NUMPY_NAME.fullmatch(text):
            return self._call(text)
        if text in ("inf", "-inf", "nan"):
            return float(text)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            raise ParseError(f"expected a constant, found {text!r}") from None

    def argument(self) -> tuple[str, Any]:
        """An argument's keyword, if it has one, and its value."""
        kind, _ = self.tokens[self.position]
        named = kind == "word" and self.tokens[self.position + 1][1] == "="
        return self.attr() if named else ("", self.constant())

    def _call(self, text: str) -> Any:
        self.expect("(")
        if text in ("type", "slot"):
            found = self.type()
            self.expect(")")
            return Slot(found) if text == "slot" else found
        args = self.sequence(self.argument)
        if text == "slice":
            return slice(*(value for _, value in args))
        if text in _CALLS:
            keywords = tuple(name for name, _ in args if name)
            function, *values = (value for _, value in args)
            return _CALLS[text](function, tuple(values), keywords)
        try:
            if text in _PARTS:
                return _PARTS[text](*(value for _, value in args))
            return _numpy_scalar(text, *(value for _, value in args))
        except (TypeError, ValueError, OverflowError) as error:
            raise ParseError(f"no {text} can be made of {args}: {error}") from None


def _numpy_scalar(name: str, value: Any, imag: Any = None) -> Any:
    """The scalar of a type's name: of a number, or of the two parts of a complex one."""
    row = table.named(name)
    if row is not None and row.is_time:
        return table.time_of(row, value)
    if row is None or not row.is_complex:
        return np.dtype(name).type(value)
    part = row.component.dtype.type
    return table.complex_of(part(value), part(imag))


def _iterator(array: Array) -> ArrayIterator:
    return ArrayIterator(array, table.WEAK_INT)


def _array(t: Array, shape: tuple[int, ...], elements: tuple[Any, ...] | str) -> Any:
    """A constant array of its type, its shape, and its elements as they lie in memory."""
    order: Any = "F" if t.layout == "F" else "C"
    if isinstance(elements, str):
        return captured(_records(t.dtype, elements).reshape(shape, order=order))
    return captured(np.array(elements, t.dtype.dtype).reshape(shape, order=order))


def _element(array: Array) -> Type:
    return array.element


def _records(t: Scalar, digits: str) -> Any:
    """Records of their bytes in hexadecimal digits."""
    return np.frombuffer(bytes.fromhex(digits), t.dtype)


def _constant_record(t: Scalar, digits: str) -> Any:
    return _records(t, digits)[0]


_COMPOUND: dict[str, Callable[..., Type]] = {
    "slice": Slice,
    "iterator": _iterator,
    "element": _element,
}
_PARTS: dict[str, Callable[..., Any]] = {
    "array": _array,
    "complex": complex,
    "digits": Digits,
    "element": _constant_record,
}
_CALLS = {"made": Made, "raised": Raised}
_NUMPY_NAMES = "|".join(row.long_name for row in table.SCALARS + table.TIMES)
_NUMPY_NAME = re.compile(rf"({_NUMPY_NAMES})(\[\w+\])?")


def _import(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found = importlib.import_module(module)
        return attrgetter(name)(found) if name else found
    except (ImportError, AttributeError, ValueError) as error:
        raise ParseError(f"cannot find <{path}>: {error}") from None


def parse_constant(text: str) -> Any:
    """Read a constant from its text form.

    Raises
    ------
    ParseError
        The text is not that of a constant.
    """
    return _whole(text, _Parser.constant)


def parse_function(text: str) -> Function:
    """Read a function, and those that it invokes, from their text form.

    Raises
    ------
    ParseError
        The text does not follow the grammar, or uses what it does not define.
    """
    return _whole(text, _Parser.functions_to_end)


def _whole(text: str, rule: Callable[[_Parser], Parsed]) -> Parsed:
    """What ``rule`` makes of the text, of which nothing may be left."""
    parser = _Parser(text)
    found = rule(parser)
    if parser.tokens[parser.position][0] != "end":
        raise ParseError(f"unexpected text at the end: {parser.tokens[parser.position][1]!r}")
    return found
