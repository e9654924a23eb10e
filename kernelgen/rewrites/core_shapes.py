"""The shapes of the operands of a generalized ufunc's call, checked as NumPy checks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelgen.ir.core import Op, Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.core_calls import Plan
from kernelgen.ops.exceptions import fill
from kernelgen.ops.ufunc_calls import Given
from kernelgen.rewrites.broadcast import broadcast
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import NONE, Array
from kernelgen.types.core_dims import Size, parse_core, why_impossible
from kernelgen.types.table import WEAK_BOOL, WEAK_INT

Axes = list["Value | None"]
"""The lengths of axes as a message shows them; None is an axis that an operand has not."""


class CoreShapes:
    """The sizes of all dimensions.

    Attributes
    ----------
    loops : list of Value
        Those of the loop dimensions.
    known : dict of Value to list of Value
        The shapes of the operands that are arrays.
    """

    def __init__(self, writer: Writer, op: Op, plan: Plan) -> None:
        self.w = writer
        self.ufunc = op.attrs["ufunc"]
        self.core = self.ufunc.operands.core
        self.plan = plan
        given = Given.of(op)
        self.operands: list[Value | None] = [*given.inputs, *given.outs]
        self.known: dict[Value, list[Value]] = {}
        self.sizes: dict[str, Value] = {}
        self.loops: list[Value] = []

    def of(self, v: Value) -> list[Value]:
        """The shape of an array; a number has none."""
        if not isinstance(v.type, Array):
            return []
        if v not in self.known:
            self.known[v] = [
                self.w.emit("dim", WEAK_INT, v, axis=axis) for axis in range(v.type.ndim)
            ]
        return self.known[v]

    def of_output(self, i: int) -> list[Value]:
        """The shape of an output that is made."""
        return [*self.loops, *map(self._size, self.plan.shapes[self.ufunc.nin + i])]

    def check(self) -> None:
        """Find the sizes, and raise NumPy's errors of those that do not go together."""
        for i, v in enumerate(self.operands):
            if v is not None:
                self._check_core(i, v)
        self._compute()
        self._check_loops()

    # Core dimensions.

    def _size(self, name: str) -> Value:
        if name not in self.sizes:
            self.sizes[name] = self.w.integer(int(name))
        return self.sizes[name]

    def _check_core(self, i: int, v: Value) -> None:
        """Each dimension has one size in all operands."""
        nin, names = self.ufunc.nin, self.plan.shapes[i]
        which = f"Input operand {i}" if i < nin else f"Output operand {i - nin}"
        for axis, (name, length) in enumerate(zip(names, self._core_of(i, v), strict=True)):
            if name not in self.sizes and not name.isdigit():
                self.sizes[name] = length
                continue
            expected = self._size(name)
            same = self.w.emit("eq", WEAK_BOOL, length, expected)
            text = (
                f"{self.ufunc.__name__}: {which} has a mismatch in its core dimension {axis}, with "
                f"gufunc signature {self.ufunc.signature} (size {{}} is different from {{}})"
            )
            self._require(same, text, [length, expected])

    def _core_of(self, i: int, v: Value) -> list[Value]:
        shape = self.of(v)
        return shape[len(shape) - len(self.plan.shapes[i]) :]

    def _require(self, condition: Value, text: str, shown: Sequence[Value]) -> None:
        slots = (Slot(WEAK_INT),) * len(shown)
        self.w.emit("require", NONE, condition, *shown, error=_error(text, len(slots)))

    # Dimensions that are computed.

    def _compute(self) -> None:
        """Compute sizes of outputs; they are what outputs have that are given."""
        computed = self.core.computed
        if not computed:
            return
        given = dict(self.sizes)
        right = self.w.emit("const", WEAK_BOOL, value=True)
        for name, size in computed.items():
            value, divides = self._evaluated(size)
            fits = self.w.emit("ge", WEAK_BOOL, value, self.w.integer(0))
            if name in given:
                same = self.w.emit("eq", WEAK_BOOL, value, given[name])
                fits = self._and(fits, same)
            right = self._and(right, fits if divides is None else self._and(divides, fits))
            self.sizes[name] = value
        names = [n for n in self.core.names if not n.isdigit()]
        none = self.w.integer(-1)
        shown = [given.get(n, none if n in computed else self.w.integer(1)) for n in names]
        slots = (Slot(WEAK_INT),) * len(shown)
        reason = Made(_why_impossible, (str(self.core), self.ufunc.__name__, tuple(names), *slots))
        self.w.emit("require", NONE, right, *shown, error=Raised(ValueError, (reason,)))

    def _and(self, a: Value, b: Value) -> Value:
        return self.w.emit("and", WEAK_BOOL, a, b)

    def _evaluated(self, size: Size) -> tuple[Value, Value | None]:
        """The value of an expression, and whether it divides by no zero, if it divides."""
        first = size.operands[0]
        if not isinstance(first, Size):
            return self._size(str(first)), None
        parts = [self._evaluated(each) for each in size.operands if isinstance(each, Size)]
        values, conditions = [v for v, _ in parts], [c for _, c in parts if c is not None]
        if size.operation == "//":
            some = self.w.emit("ne", WEAK_BOOL, values[1], self.w.integer(0))
            conditions.append(some)
        met = conditions[0] if conditions else None
        for each in conditions[1:]:
            assert met is not None
            met = self._and(met, each)
        return self._operation(size.operation, values), met

    def _operation(self, symbol: str, values: list[Value]) -> Value:
        if symbol in ("min", "max"):
            met = values[0]
            for each in values[1:]:
                better = self.w.emit("lt" if symbol == "min" else "gt", WEAK_BOOL, each, met)
                met = self.w.emit("where", WEAK_INT, better, each, met)
            return met
        name = {"+": "add", "-": "sub", "*": "mul", "//": "floordiv", "neg": "neg"}[symbol]
        return self.w.emit(name, WEAK_INT, *values)

    # Loop dimensions.

    def _check_loops(self) -> None:
        """Find the shape of the loops, which what is written has as it is."""
        shapes = [self._loops_of(i, v) for i, v in enumerate(self.operands) if v is not None]
        error, shown = self._no_common_shape()
        self.loops = broadcast(self.w, shapes, error, shown)
        for i, v in enumerate(self.operands):
            written = i >= self.ufunc.nin or i in self.ufunc.operands.writable
            if v is not None and written and isinstance(v.type, Array):
                self._check_written(i, v)

    def _loops_of(self, i: int, v: Value) -> list[Value]:
        shape = self.of(v)
        return shape[: len(shape) - len(self.plan.shapes[i])]

    def _check_written(self, i: int, v: Value) -> None:
        """What is written has all loop dimensions, unless they are of size 1."""
        own = self._loops_of(i, v)
        missing = len(self.loops) - len(own)
        shapes: list[Axes] = [[*self.of(v)], self._remapped(i, v)[::-1]]
        text, shown = _joined(_BROADCASTS, [*shapes, [*self.loops, *self._iterated()]])
        for axis in reversed(range(-missing, len(own))):
            whole = self.loops[missing + axis]
            if axis < 0:
                single = self.w.emit("eq", WEAK_BOOL, whole, self.w.integer(1))
                self._require(single, _REDUCES.format(-1), ())
            elif own[axis] is not whole:
                same = self.w.emit("eq", WEAK_BOOL, own[axis], whole)
                if i < self.ufunc.nin:
                    self._require(same, _REDUCES.format(axis), ())
                else:
                    self._require(same, text, shown)

    def _iterated(self) -> list[Value]:
        """NumPy goes over the core dimensions of outputs as well, to make them."""
        return [self._size(name) for shape in self.plan.shapes[self.ufunc.nin :] for name in shape]

    def _remapped(self, i: int, v: Value) -> Axes:
        """The axes of an operand as NumPy iterates over them."""
        own = self._loops_of(i, v)
        axes: Axes = [*[None] * (self.plan.loops - len(own)), *own]
        for k, shape in enumerate(self.plan.shapes[self.ufunc.nin :], self.ufunc.nin):
            axes += self._core_of(i, v) if k == i else [None] * len(shape)
        return axes

    def _no_common_shape(self) -> tuple[Raised, list[Value]]:
        operands = [(i, v) for i, v in enumerate(self.operands) if v is not None]
        words = "operands could not be broadcast together with remapped shapes "
        words += "[original->remapped]: " + "{}->{} " * len(operands) + " and requested shape {}"
        shapes: list[Axes] = []
        for i, v in operands:
            shapes += [[*self.of(v)], self._remapped(i, v)]
        requested: Axes = [*[None] * self.plan.loops, *self._iterated()]
        text, shown = _joined(words, [*shapes, requested])
        return _error(text, len(shown)), shown


_BROADCASTS = (
    "non-broadcastable output operand with shape {} [remapped to {}] doesn't match the "
    "broadcast shape {}"
)
_REDUCES = (
    "output operand requires a reduction along dimension {}, but the reduction is not enabled. "
    "The dimension size of 1 does not match the expected output shape."
)


def _error(text: str, count: int) -> Raised:
    """A ValueError that shows so many sizes."""
    return Raised(ValueError, (Made(fill, (text, *(Slot(WEAK_INT),) * count)),))


def _joined(words: str, shapes: list[Axes]) -> tuple[str, list[Value]]:
    """A text with places for the sizes in shapes, and these."""
    shown = [length for axes in shapes for length in axes if length is not None]
    return words.format(*map(_shape_text, shapes)), shown


def _shape_text(axes: Axes) -> str:
    """A shape as NumPy's iterators show it: axes in front that are none are left out."""
    first = next((i for i, each in enumerate(axes) if each is not None), len(axes))
    shown = ",".join("newaxis" if each is None else "{}" for each in axes[first:])
    return f"({shown}{',' * (len(axes) == 1 and first == 0)})"


def _why_impossible(core: str, name: str, names: tuple[str, ...], *sizes: Any) -> str:
    found = dict(zip(names, map(int, sizes), strict=True))
    return why_impossible(parse_core(core), found, name)
