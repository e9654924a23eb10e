"""What a loop's variables and arrays are only added to, multiplied with, and so on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from kernelgen.ir.core import Block, Edge, Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.rewrites.loop_arrays import array_type
from kernelgen.rewrites.same_values import asks_for_shape, is_same
from kernelgen.rewrites.writer import Writer
from kernelgen.source import Loc, text_at
from kernelgen.types.compound import NONE, Array, Tuple, Type, dtype_of
from kernelgen.types.table import WEAK_INT, Scalar


class CannotShare(Exception):
    """Why threads cannot share a loop, and what could be written instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Group(NamedTuple):
    """An operation that may be done in pieces.

    Attributes
    ----------
    op : str
        What puts two pieces together.
    words : str
        What the result is.
    identity : callable
        With what a piece of some type begins.
    """

    op: str
    words: str
    identity: Callable[[Scalar], Any]


def _constant(value: Any) -> Callable[[Scalar], Any]:
    return lambda t: _of_type(t, value)


def _of_type(t: Scalar, value: Any) -> Any:
    """A constant: of a weak type one of Python's numbers, else one of NumPy's."""
    made = t.dtype.type(value)
    return made.item() if t.weak else made


def _greatest(t: Scalar) -> Any:
    return _of_type(t, math.inf if t.is_float else True if t.is_bool else t.maximum)


def _least(t: Scalar) -> Any:
    return _of_type(t, -math.inf if t.is_float else False if t.is_bool else t.minimum)


def _nan_or(other: Callable[[Scalar], Any]) -> Callable[[Scalar], Any]:
    """What ``fmin`` and ``fmax`` pass over; integers have no NaN."""
    return lambda t: _of_type(t, math.nan) if t.is_float else other(t)


def _all_bits(t: Scalar) -> Any:
    return _of_type(t, True if t.is_bool else t.maximum if t.minimum == 0 else -1)


_SUM = Group("add", "the sum over", _constant(0))
_PRODUCT = Group("mul", "the product over", _constant(1))
_GROUPS = {
    "add": _SUM,
    "sub": _SUM,
    "mul": _PRODUCT,
    "truediv": _PRODUCT,
    "min": Group("min", "the minimum over", _greatest),
    "np.minimum": Group("np.minimum", "the minimum over", _greatest),
    "np.fmin": Group("np.fmin", "the minimum over", _nan_or(_greatest)),
    "max": Group("max", "the maximum over", _least),
    "np.maximum": Group("np.maximum", "the maximum over", _least),
    "np.fmax": Group("np.fmax", "the maximum over", _nan_or(_least)),
    "and": Group("and", "the bits that are set in", _all_bits),
    "or": Group("or", "the bits that are set somewhere in", _constant(0)),
    "xor": Group("xor", "the bitwise exclusive or of", _constant(0)),
}

_ON_THE_LEFT = ("sub", "truediv")
"""Ops that the variable must be the first operand of."""

_WRAPPING = frozenset(("add", "sub", "mul", "and", "or", "xor"))
"""Ops on integers of which the low bits of the result depend on those of the operands alone."""

_HINT = "carried on are variables that are changed by + - * / & | ^ min() max() alone, by one kind"


class Reduction(NamedTuple):
    """A variable that is a reduction.

    Attributes
    ----------
    group : Group or None
        What is done to it; None if it is an array of which only elements are changed.
    web : frozenset of Value
        What it is called on the way through an iteration.
    """

    group: Group | None
    web: frozenset[Value]

    def join(self, w: Writer, a: Value, b: Value) -> Value:
        """Two pieces together."""
        assert self.group is not None and a.type is not None
        return w.emit(self.group.op, a.type, a, b)


def reduction_of(value: Value, header: Block, blocks: Sequence[Block], way_out: Edge) -> Reduction:
    """What a variable is that the iterations hand on.

    Raises
    ------
    CannotShare
        It is no reduction.
    """
    if not isinstance(value.type, (Scalar, Array)) or not _is_number(value):
        raise _carried(value, None)
    web = {value}
    groups: dict[Group, Op] = {}
    work = [value]
    while work:
        current = work.pop()
        for op in (op for block in blocks for op in block.ops):
            for made in _followed(op, current, value, header, way_out):
                if made not in web:
                    web.add(made)
                    work.append(made)
            if op.result is not None and op.result in web and current in op.operands:
                groups.setdefault(_GROUPS[op.name], op)
    _check_joins(value, web, blocks, header)
    if len(groups) > 1:
        raise _carried(value, list(groups.values())[1])
    if not groups and isinstance(value.type, Scalar):
        raise _carried(value, None)
    return Reduction(next(iter(groups), None), frozenset(web))


def _is_number(value: Value) -> bool:
    t = value.type.dtype if isinstance(value.type, Array) else value.type
    return isinstance(t, Scalar) and t.kind in "biufc"


def named(value: Value) -> str:
    """What the user calls a value, in words."""
    return f"`{value.hint}`" if value.hint else "a variable"


def place_in_words(loc: Loc | None) -> str:
    """The line, to be put behind what is said of it."""
    return "" if loc is None else f" (line {loc.line})"


def _carried(value: Value, op: Op | None) -> CannotShare:
    where = place_in_words(op.loc if op is not None else None)
    return CannotShare(f"{named(value)} of one iteration is used in the next one{where}", _HINT)


def _followed(op: Op, current: Value, value: Value, header: Block, way_out: Edge) -> list[Value]:
    """What a variable is called behind an op that uses it by the name ``current``."""
    found = []
    for edge in op.edges:
        for given, arg in zip(edge.args, edge.target.args, strict=True):
            if given is not current or edge is way_out:
                continue
            if edge.target is header and arg is not value:
                raise _carried(value, op)
            found.append(arg)
    if current not in op.operands or asks_for_shape(op):
        return found
    if isinstance(value.type, Array) and op.name in ("subscript", "store_subscript"):
        if op.operands[0] is not current or current in op.operands[1:]:
            raise _carried(value, op)
        return found
    in_place = not isinstance(value.type, Array) or "inplace" in op.attrs
    placed = op.operands[0] is current or op.name not in _ON_THE_LEFT
    alone = op.operands.count(current) == 1
    if op.result is None or op.name not in _GROUPS or not (in_place and placed and alone):
        raise _carried(value, op)
    if isinstance(value.type, Array) and op.operands[0] is not current:
        raise _carried(value, op)
    if op.result.type != value.type:
        raise _carried(value, op)
    return [*found, op.result]


def _check_joins(value: Value, web: set[Value], blocks: Iterable[Block], header: Block) -> None:
    """What meets the variable on its way is the variable as well; no op has it on both sides."""
    for block in blocks:
        for op in block.ops:
            if sum(v in web for v in op.operands) > 1:
                raise _carried(value, op)
        for edge in block.terminator.edges:
            for given, arg in zip(edge.args, edge.target.args, strict=True):
                if arg in web and given not in web:
                    raise _carried(value, block.terminator)


# ------------------------------------------------------------------------------------ arrays


class ArrayReduction(NamedTuple):
    """An array whose elements are reductions.

    Attributes
    ----------
    array : Value
        The array.
    name : str
        What the user calls it.
    group : Group
        What is done to its elements.
    whole : bool
        Whether an iteration changes many of them.
    """

    array: Value
    name: str
    group: Group
    whole: bool

    @property
    def _turned(self) -> bool:
        return array_type(self.array).layout == "F"

    def _shape(self, w: Writer, target: Value) -> list[Value]:
        axes = range(array_type(target).ndim)
        return [w.emit("dim", WEAK_INT, target, axis=axis) for axis in axes]

    def _elements(self, w: Writer, target: Value) -> Value:
        count = w.integer(1)
        for length in self._shape(w, target):
            count = w.emit("mul", WEAK_INT, count, length)
        return count

    def size(self, w: Writer, target: Value) -> Value:
        """The bytes of a copy."""
        itemsize = w.integer(array_type(target).dtype.size)
        return w.emit("mul", WEAK_INT, self._elements(w, target), itemsize)

    def worth(self, w: Writer, length: Value, target: Value, unknown: bool) -> Value:
        """For how many pieces copies are worth their while, which are cleared and put together."""
        if self.whole or unknown:
            fit = w.emit("floordiv", WEAK_INT, length, w.integer(4))
        else:
            work = w.emit("mul", WEAK_INT, length, w.integer(4))
            some = w.emit("max", WEAK_INT, self._elements(w, target), w.integer(1))
            fit = w.emit("floordiv", WEAK_INT, work, some)
        return w.emit("max", WEAK_INT, fit, w.integer(1))

    def copies(self, w: Writer, target: Value, pieces: Value, single: Value) -> Value:
        """Memory for a copy for each piece, none for a single one, which has the array itself."""
        t = array_type(self.array)
        new = Array(t.dtype, t.ndim + 1, "C")
        shape = self._shape(w, target)[:: -1 if self._turned else 1]
        return w.pick(
            single,
            new,
            lambda: w.emit("frame_array", new, count=1, shape=(0,) * new.ndim),
            lambda: w.emit("array_of_shape", new, pieces, *shape),
        )

    def _copy(self, w: Writer, copies: Value, number: Value) -> Value:
        """The copy of a piece, of the array's own type."""
        t = array_type(self.array)
        copy = w.emit("row", Array(t.dtype, t.ndim, "C"), copies, number)
        if self._turned:
            copy = w.emit("array_T", Array(t.dtype, t.ndim, "F"), copy)
        return self._seen(w, copy)

    def _seen(self, w: Writer, array: Value) -> Value:
        t = array_type(self.array)
        return array if array.type == t else w.emit("row", t, array)

    def begin(self, w: Writer, target: Value, copies: Value, number: Value, single: Value) -> Value:
        """The copy of a piece, in which all elements are the operation's identity."""
        dtype = array_type(self.array).dtype

        def cleared() -> Value:
            copy = self._copy(w, copies, number)
            start = w.emit("const", dtype, value=self.group.identity(dtype))

            def at(*i: Value) -> None:
                w.emit("put", NONE, copy, start, *i)

            w.loops(self._shape(w, copy), at)
            return copy

        own = array_type(self.array)
        return w.pick(single, own, lambda: self._seen(w, target), cleared)

    def put_together(
        self, w: Writer, target: Value, copies: Value, pieces: Value, single: Value
    ) -> None:
        """Add what the pieces came to to the array, and so on."""
        dtype, shape = array_type(self.array).dtype, self._shape(w, target)
        count = w.emit("where", WEAK_INT, single, w.integer(0), pieces)

        def at_piece(number: Value) -> None:
            copy = self._copy(w, copies, number)

            def at(*i: Value) -> None:
                parts = [w.emit("get", dtype, each, *i) for each in (target, copy)]
                w.emit("put", NONE, target, w.emit(self.group.op, dtype, *parts), *i)

            w.loops(shape, at)

        w.loops([count], at_piece)


class _Update(NamedTuple):
    """Ops that make a new element of an old one, or new elements.

    Attributes
    ----------
    ops : list of Op
        The last one first.
    place : Value
        The index of the element.
    types : list of Type
        What the element is converted to on its way from the array, through the ops, and back.
    """

    ops: list[Op]
    place: Value
    types: list[Type]


def array_reductions(
    blocks: Sequence[Block],
    own: set[Value],
    places: Sequence[Op],
    carried: dict[Value, Reduction],
    written: set[Value],
) -> list[ArrayReduction]:
    """The arrays that each piece of a loop needs a copy of.

    An array whose elements are changed by their old values needs none if each iteration has
    elements of its own, and has none if it is used otherwise as well.

    Parameters
    ----------
    blocks : sequence of Block
        The loop's.
    own : set of Value
        What is defined in them.
    places : sequence of Op
        Those that make the number of the iteration.
    carried : dict of Value to Reduction
        The arrays that iterations hand on.
    written : set of Value
        The arrays that the loop writes to.

    Raises
    ------
    CannotShare
        An array is handed on, and is no reduction; or what its elements become is cut off where it
        is stored.
    """
    ops = [op for block in blocks for op in block.ops]
    found = []
    outer = {
        op.operands[0]
        for op in ops
        if op.name == "store_subscript"
        and op.operands[0] not in own
        and isinstance(op.operands[0].type, Array)
        and _is_number(op.operands[0])
    }
    webs: dict[Value, tuple[frozenset[Value], Group | None]] = {
        array: (frozenset([array]), None) for array in outer
    }
    webs |= {array: (each.web, each.group) for array, each in carried.items()}
    order = {v: n for n, v in enumerate(v for op in ops for v in op.operands)}
    for array in sorted(webs, key=lambda v: order.get(v, -1)):
        web, group = webs[array]
        updates = _updates(ops, web, written)
        if updates is None:
            if array in carried:
                raise _carried(array, None)
            continue
        groups = {_GROUPS[op.name] for each in updates for op in each.ops}
        groups |= {group} if group else set()
        if len(groups) != 1:
            if array in carried:
                raise _carried(array, None)
            continue
        if array not in carried and _are_apart([each.place for each in updates], places, written):
            continue
        name = _name_of(array, updates)
        for update in updates:
            _check_storing(array, name, update)
        whole = group is not None or any(isinstance(u.ops[0].value.type, Array) for u in updates)
        found.append(ArrayReduction(array, name, groups.pop(), whole))
    return found


def _name_of(array: Value, updates: Sequence[_Update]) -> str:
    """What an array is called: of one that another function made, the source tells."""
    if updates and isinstance(array.definition, Op):
        name = text_at(updates[0].ops[0].loc).partition("[")[0].strip()
        if name.isidentifier():
            return name
    return array.hint or "an array"


def _check_storing(array: Value, name: str, update: _Update) -> None:
    """Elements are what they would be if they had the type of what is computed, but for rounding.

    Else what is cut off in an iteration depends on what those before it have made of the element.
    """
    dtype, op = dtype_of(array.type), update.ops[0]
    if all(_keeps(op.name, dtype, dtype_of(t)) for t in update.types):
        return
    raise CannotShare(
        f"what the elements of {name} become is cut off where it is stored"
        f"{place_in_words(op.loc)}, which depends on the order",
        f"let {name} be an array of {dtype_of(op.value.type).strong.long_name}",
    )


def _keeps(name: str, dtype: Scalar, t: Scalar) -> bool:
    """Whether an op may compute in some type what an array of ``dtype`` holds."""
    if dtype.is_integer:
        wraps = name in _WRAPPING and t.is_integer and t.bits >= dtype.bits
        return wraps or t.dtype == dtype.dtype
    return t.kind == dtype.kind


def _updates(ops: Sequence[Op], web: frozenset[Value], written: set[Value]) -> list[_Update] | None:
    """The ops that make new elements of old ones; None if the array is used otherwise as well."""
    stores = [op for op in ops if op.name == "store_subscript" and op.operands[0] in web]
    reads = [op for op in ops if op.name == "subscript" and op.operands[0] in web]
    others = [
        op
        for op in ops
        if any(v in web for v in op.operands)
        and op not in stores
        and op not in reads
        and op.result not in web
        and not asks_for_shape(op)
    ]
    if others:
        return None
    found = []
    for store in stores:
        _, index, value = store.operands
        way = _way_from({r.value for r in reads}, value)
        read = way[-1].definition if way else None
        if not isinstance(read, Op) or not is_same(read.operands[1], index, written):
            return None
        reads.remove(read)
        made = [v.definition for v in way if not defining(v, "convert")][:-1]
        changes = [op for op in made if isinstance(op, Op)]
        if not changes or any(_uses(ops, op.value) != 1 for op in (read, *changes)):
            return None
        found.append(_Update(changes, index, [v.type for v in way if v.type is not None]))
    return None if reads else found


def _way_from(reads: set[Value], value: Value) -> list[Value]:
    """The values between one that is made of an element by ops of `_GROUPS`, and the element that
    was read, both included; there are none if no element, or several, are in it."""
    seen: set[Value] = set()

    def back(value: Value) -> list[list[Value]]:
        if value in reads:
            return [[value]]
        made = value.definition
        if value in seen or not isinstance(made, Op):
            return []
        seen.add(value)
        if made.name != "convert" and made.name not in _GROUPS:
            return []
        sides = made.operands[:1] if made.name in _ON_THE_LEFT else made.operands
        return [[value, *rest] for side in sides for rest in back(side)]

    ways = back(value)
    return ways[0] if len(ways) == 1 else []


def _uses(ops: Sequence[Op], value: Value) -> int:
    """How often a value is used, conversions of it aside."""
    count = 0
    for op in ops:
        given = [*op.operands, *(v for edge in op.edges for v in edge.args)]
        if value in given:
            converts = op.name == "convert" and op.result is not None
            count += _uses(ops, op.value) if converts else given.count(value)
    return count


def _are_apart(indices: Sequence[Value], places: Sequence[Op], written: set[Value]) -> bool:
    """Whether no two iterations have the same element: its index is that of the iteration, or the
    sum of that and a constant."""
    first = indices[0] if indices else None
    if first is None or not all(is_same(index, first, written) for index in indices):
        return not indices
    made = defining(_exactly(first), "tuple")
    parts = made.operands if isinstance(first.type, Tuple) and made is not None else [first]
    return any(_tells_iterations_apart(part, places) for part in parts)


def _tells_iterations_apart(value: Value, places: Sequence[Op]) -> bool:
    made = _exactly(value).definition
    if not isinstance(made, Op):
        return False
    if made in places:
        return True
    if made.name in ("add", "sub"):
        varying = [v for v in made.operands if v.constant is None]
        return len(varying) == 1 and _tells_iterations_apart(varying[0], places)
    return False


def _exactly(value: Value) -> Value:
    """What an integer, or a tuple of them, is a conversion of that keeps all bits."""
    made = defining(value, "convert")
    if made is None or not _holds(value.type, made.operands[0].type):
        return value
    return _exactly(made.operands[0])


def _holds(t: Type | None, other: Type | None) -> bool:
    if isinstance(t, Tuple) and isinstance(other, Tuple):
        return all(map(_holds, t.elements, other.elements))
    if isinstance(t, Scalar) and isinstance(other, Scalar):
        integers = t.is_integer and other.is_integer
        return integers and t.minimum <= other.minimum and other.maximum <= t.maximum
    return t == other
