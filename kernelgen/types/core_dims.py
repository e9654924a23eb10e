"""The core dimensions of generalized ufuncs: ``(m,n),(n)->(m)``.

NumPy's grammar, and beyond it output dimensions that are computed: ``(n),(w)->(n-w+1)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, NoReturn

from kernelgen.errors import SignatureError

FORMS = (
    'core dimensions look like "(n)->()", "(m,n),(n)->(m)", "(n?),(3)->(3)" or "(n),(w)->(n-w+1)"'
)

_LARGEST = 2**63 - 1


class Size(NamedTuple):
    """How large a dimension is: an expression over the names of dimensions.

    ``operation`` is "name" or "number", whose text or value is the only operand, or one of the
    operations ``+ - * // neg min max`` on other expressions.
    """

    operation: str
    operands: tuple[int | str | Size, ...]

    def __str__(self) -> str:
        return _text(self)

    def names(self) -> Iterator[str]:
        """The dimensions that it is computed of."""
        if self.operation == "name":
            yield str(self.operands[0])
        for operand in self.operands:
            if isinstance(operand, Size):
                yield from operand.names()

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """Its value where the named dimensions have ``sizes``; floors as Python does.

        Raises
        ------
        ZeroDivisionError
            A divisor is zero.
        """
        first = self.operands[0]
        if not isinstance(first, Size):
            return sizes[first] if isinstance(first, str) else first
        values = [each.evaluate(sizes) for each in self.operands if isinstance(each, Size)]
        return OPERATIONS[self.operation].compute(*values)


class Operation(NamedTuple):
    """What an operation computes, how strongly it binds, and what NumPy's name calls it."""

    compute: Callable[..., int]
    precedence: int
    word: str


OPERATIONS = {
    "+": Operation(lambda a, b: a + b, 1, "plus"),
    "-": Operation(lambda a, b: a - b, 1, "minus"),
    "*": Operation(lambda a, b: a * b, 2, "times"),
    "//": Operation(lambda a, b: a // b, 2, "over"),
    "neg": Operation(lambda a: -a, 3, "minus"),
    "min": Operation(min, 4, "min"),
    "max": Operation(max, 4, "max"),
}
_FUNCTIONS = ("min", "max")


def _text(size: Size) -> str:
    if size.operation in ("name", "number"):
        return str(size.operands[0])
    if size.operation in _FUNCTIONS:
        return f"{size.operation}({','.join(map(str, size.operands))})"
    strength = OPERATIONS[size.operation].precedence
    if size.operation == "neg":
        return f"-{_grouped(size.operands[0], strength)}"
    left, right = size.operands
    return f"{_grouped(left, strength)}{size.operation}{_grouped(right, strength + 1)}"


def _grouped(size: int | str | Size, strength: int) -> str:
    """The text of an operand, in parentheses where it binds less than its operation."""
    inner = OPERATIONS.get(size.operation) if isinstance(size, Size) else None
    return f"({size})" if inner is not None and inner.precedence < strength else str(size)


class Dimension(NamedTuple):
    """One core dimension of one operand. ``optional`` ones may be missing: ``n?``."""

    size: Size
    optional: bool = False

    @property
    def is_computed(self) -> bool:
        """Whether it is neither a name nor a number."""
        return self.size.operation not in ("name", "number")

    def __str__(self) -> str:
        return f"{self.size}{'?' * self.optional}"


Shape = tuple[Dimension, ...]
"""The core dimensions of one operand."""


class CoreSignature:
    """The core dimensions of all operands; made by `parse_core`.

    Attributes
    ----------
    inputs, outputs : tuple of Shape
        Of each operand. Without outputs, the kernel changes inputs.
    """

    def __init__(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> None:
        self.inputs = inputs
        self.outputs = outputs

    def __str__(self) -> str:
        return _joined(self, str)

    __repr__ = __str__

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Inputs, then outputs."""
        return self.inputs + self.outputs

    @cached_property
    def numpys(self) -> str:
        """The signature as NumPy takes it: names stand for dimensions that are computed."""
        return _joined(self, lambda d: f"{self.name(d)}{'?' * d.optional}")

    def name(self, dimension: Dimension) -> str:
        """What NumPy calls a dimension."""
        names = {size: name for name, size in self.computed.items()}
        return names.get(dimension.size) or str(dimension.size)

    @cached_property
    def computed(self) -> dict[str, Size]:
        """The dimensions that are computed, by the names that NumPy knows them by."""
        taken = {name for shape in self.shapes for d in shape for name in d.size.names()}
        found: dict[Size, str] = {}
        for d in (d for shape in self.outputs for d in shape if d.is_computed):
            if d.size not in found:
                found[d.size] = _fresh(d.size, taken)
        return {name: size for size, name in found.items()}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """NumPy's names of all different dimensions, in the order in which it numbers them."""
        return tuple(dict.fromkeys(re.findall(r"\w+", self.numpys)))


def _joined(signature: CoreSignature, text: Callable[[Dimension], str]) -> str:
    sides = [
        ",".join(f"({','.join(map(text, shape))})" for shape in shapes)
        for shapes in (signature.inputs, signature.outputs)
        if shapes
    ]
    return "->".join(sides)


def _fresh(size: Size, taken: set[str]) -> str:
    """A name that spells the expression out, and that nothing else has."""
    words = [OPERATIONS[w].word if w in OPERATIONS else w for w in _WORDS.findall(str(size))]
    name = "_".join(words)
    name = f"_{name}" if name[0].isdigit() else name
    while name in taken:
        name += "_"
    taken.add(name)
    return name


_WORDS = re.compile(r"\w+|//|[-+*]")


def parse_core(text: str) -> CoreSignature:
    """Read the core dimensions of a generalized ufunc.

    Parameters
    ----------
    text : str
        NumPy's grammar: names, fixed sizes (``3``), and dimensions that may be missing
        (``n?``). Without ``->`` there are no outputs. An output dimension may also be an
        expression over the inputs' dimensions, of ``+ - * //``, ``min``, ``max``, numbers and
        parentheses.

    Raises
    ------
    SignatureError
        The text has another form. The message points into it.

    Examples
    --------
    >>> parse_core("(n), (w) -> (n - w + 1)")
    (n),(w)->(n-w+1)
    >>> parse_core("(n),(w)->(n-w+1)").numpys
    '(n),(w)->(n_minus_w_plus_1)'
    """
    if not isinstance(text, str):
        raise SignatureError(f"core dimensions are text, not {text!r}", None, FORMS)
    return _Parser(text).run()


class _Token(NamedTuple):
    text: str
    start: int


_TOKEN = re.compile(r"\s*(->|//|[A-Za-z_][A-Za-z_0-9]*|[0-9]+|[(),?+*-])")


class _Parser:
    """Recursive descent over the tokens of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.optional: dict[str, bool] = {}
        self.known: set[str] = set()

    def run(self) -> CoreSignature:
        inputs = self._arguments(output=False)
        if not self.next.text:
            return CoreSignature(inputs, ())
        self._take("->")
        self.known = {name for shape in inputs for d in shape for name in d.size.names()}
        outputs = self._arguments(output=True)
        if self.next.text:
            self._fail("the core dimensions should end here")
        return CoreSignature(inputs, outputs)

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        end = len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                self._fail("this means nothing in core dimensions", _Token(self.text[at], at))
            found.append(_Token(match[1], match.start(1)))
            at = match.end()
        return [*found, _Token("", end)]

    @property
    def next(self) -> _Token:
        return self.tokens[0]

    def _pop(self) -> _Token:
        return self.tokens.pop(0)

    def _take(self, text: str) -> None:
        if self.next.text != text:
            self._fail(f"{text!r} is missing here")
        self._pop()

    def _fail(self, sentence: str, at: _Token | None = None, stop: int = 0) -> NoReturn:
        """Raise the error that points at a token, or at all from it up to ``stop``."""
        token = at or self.next
        width = max(stop - token.start, len(token.text), 1)
        marks = f"    {self.text}\n    {' ' * token.start}{'^' * width}"
        raise SignatureError(f"{sentence}\n{marks}", None, FORMS)

    # The grammar.

    def _arguments(self, *, output: bool) -> tuple[Shape, ...]:
        shapes = [self._argument(output)]
        while self.next.text == ",":
            self._pop()
            shapes.append(self._argument(output))
        return tuple(shapes)

    def _argument(self, output: bool) -> Shape:
        self._take("(")
        dimensions: list[Dimension] = []
        while self.next.text != ")" or dimensions:
            dimensions.append(self._dimension(output))
            if self.next.text == ")":
                break
            if self.next.text != ",":
                self._fail("',' or ')' is missing here")
            self._pop()
        self._take(")")
        return tuple(dimensions)

    def _dimension(self, output: bool) -> Dimension:
        first = self.next
        size = self._folded(self._sum(), first)
        optional = self.next.text == "?"
        if optional:
            self._pop()
        found = Dimension(size, optional)
        self._check_dimension(found, first, output)
        return found

    def _check_dimension(self, d: Dimension, first: _Token, output: bool) -> None:
        stop = self._end_before()
        if not d.is_computed:
            if self.optional.setdefault(str(d.size), d.optional) != d.optional:
                self._fail("a dimension has '?' everywhere, or nowhere", first, stop)
            return
        if not output:
            self._fail("the sizes of inputs are given, and not computed", first, stop)
        if d.optional:
            self._fail("a dimension that is computed is never missing", first, stop)
        for name in d.size.names():
            if name not in self.known:
                self._fail(f"no input has the dimension {name}", first, stop)
            if self.optional[name]:
                self._fail(f"the dimension {name} may be missing", first, stop)

    def _end_before(self) -> int:
        """Where the text of what was read last ends."""
        return len(self.text[: self.next.start].rstrip())

    def _folded(self, size: Size, first: _Token) -> Size:
        """A number in place of an expression of numbers; sizes are positive."""
        if size.operation == "name" or any(size.names()):
            return size
        try:
            value = size.evaluate({})
        except ZeroDivisionError:
            self._fail("this divides by zero", first, self._end_before())
        if not 0 < value <= _LARGEST:
            self._fail("a fixed size is positive, and fits 64 bits", first, self._end_before())
        return Size("number", (value,))

    def _sum(self) -> Size:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Size:
        return self._chain(self._signed, ("*", "//"))

    def _chain(self, operand: Callable[[], Size], operations: tuple[str, ...]) -> Size:
        """Operands of one precedence, from the left."""
        size = operand()
        while self.next.text in operations:
            symbol = self._pop().text
            size = Size(symbol, (size, operand()))
        return size

    def _signed(self) -> Size:
        if self.next.text == "-":
            self._pop()
            return Size("neg", (self._signed(),))
        return self._atom()

    def _atom(self) -> Size:
        if not re.match(r"[\w(]", self.next.text):
            self._fail("a dimension is missing here: a name, a size or an expression")
        token = self._pop()
        if token.text == "(":
            size = self._sum()
            self._take(")")
            return size
        if token.text.isdigit():
            return Size("number", (int(token.text),))
        if self.next.text == "(":
            return self._call(token)
        return Size("name", (token.text,))

    def _call(self, function: _Token) -> Size:
        if function.text not in _FUNCTIONS:
            self._fail("min() and max() are the functions that sizes may have", function)
        self._pop()
        operands = [self._sum()]
        while self.next.text == ",":
            self._pop()
            operands.append(self._sum())
        self._take(")")
        if len(operands) == 1:
            self._fail(f"{function.text}() needs two sizes", function, self._end_before())
        return Size(function.text, tuple(operands))


def describe_sizes(size: Size, sizes: Mapping[str, int]) -> str:
    """The values of what ``size`` is computed of: ``n=3, w=5``."""
    return ", ".join(f"{name}={sizes[name]}" for name in dict.fromkeys(size.names()))


def why_impossible(signature: CoreSignature, found: Mapping[str, int], name: str) -> str:
    """The sentence about output dimensions that cannot be.

    Parameters
    ----------
    signature : CoreSignature
        Of the gufunc.
    found : mapping of str to int
        The sizes that the operands of a call have, by NumPy's names. Those of dimensions that are
        computed are -1, or those of the outputs that were given.
    name : str
        The gufunc's.
    """
    for key, size in signature.computed.items():
        where = f"for {describe_sizes(size, found)}"
        try:
            value = size.evaluate(found)
        except ZeroDivisionError:
            return f"{name}: the output dimension {size} divides by zero {where}"
        if not 0 <= value <= _LARGEST:
            return f"{name}: the output dimension {size} would be {value} {where}"
        if found[key] not in (-1, value):
            return (
                f"{name}: the output dimension {size} is {value} {where}, "
                f"and {found[key]} in the output that was given"
            )
    return f"{name}: the numbers of which {signature} is computed do not fit 64 bits"
