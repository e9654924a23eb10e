"""Replace tuples, arrays, slices, ranges and iterators by their components.

Before: typed SSA with conversions. After: every value is a scalar (or None), and a
``return`` of a tuple returns its components, as a ``raise`` takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ops.registry import OPS
from kernelgen.rewrites import split_arrays as arrays
from kernelgen.rewrites import split_indexed as indexed
from kernelgen.rewrites import split_records as records
from kernelgen.rewrites import split_shapes as shapes
from kernelgen.rewrites import split_views as views
from kernelgen.types.compound import (
    GENERATOR,
    NONE,
    RANGE_ITERATOR,
    Array,
    ArrayIterator,
    Type,
    components,
    leaves,
)
from kernelgen.types.table import ADDRESS, WEAK_BOOL, WEAK_INT


def split_tuples(function: Function) -> None:
    """Apply the pass."""
    if any(components(value.type) is not None for value in function.values()):
        function.sort_blocks()
        Splitter(function).run()


class Splitter:
    """One walk over a function, definitions before uses; ``parts`` grows as it goes."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.parts: dict[Value, list[Value]] = {}
        self.replaced: dict[Value, Value] = {}
        self.rows: dict[Value, indexed.Row] = {}
        self.block = function.entry
        self.op = function.entry.terminator

    def run(self) -> None:
        for block in self.function.blocks:
            block.args = [leaf for arg in block.args for leaf in self._split_argument(block, arg)]
        for block in self.function.blocks:
            self.block = block
            ops, block.ops = block.ops, []
            for op in ops:
                self.op = op
                self._visit()
        for edge in self.function.edges():
            edge.args = self.leaves(edge.args)
        self.function.substitute(self.replaced)

    def _split_argument(self, block: Block, arg: Value) -> list[Value]:
        types = components(arg.type)
        if types is None:
            return [arg]
        self.parts[arg] = [Value(t, arg.hint) for t in types]
        for part in self.parts[arg]:
            part.definition = block
        return [leaf for part in self.parts[arg] for leaf in self._split_argument(block, part)]

    def leaves(self, values: list[Value]) -> list[Value]:
        """The scalars that values consist of."""
        leaves = []
        for value in map(self.final, values):
            leaves += self.leaves(self.parts[value]) if value in self.parts else [value]
        return leaves

    def finals(self, values: list[Value]) -> list[Value]:
        return list(map(self.final, values))

    def final(self, value: Value) -> Value:
        while value in self.replaced:
            value = self.replaced[value]
        return value

    def _visit(self) -> None:
        """Split what an op makes or takes apart; keep it if it does neither."""
        op, result = self.op, self.op.result
        if op.name in arrays.REFERENCES:
            arrays.change_references(self)
            return
        first = self.parts.get(self.final(op.operands[0])) if op.operands else None
        if op.name == "parallel_for":
            op.operands, first = arrays.without_owners(self, op.operands), None
        if op.name in _ON_LEAVES or (op.name in OPS and OPS[op.name].on_leaves):
            op.operands, first = self.leaves(op.operands), None
        if op.name == "invoke":
            self._split_call(op)
            return
        if result is not None and op.name in _PARTS and components(result.type) is not None:
            self.parts[result] = _PARTS[op.name](self, first or [])
        elif result is not None and first is not None:
            self.replaced[result] = _TAKEN[op.name](self, first)
        else:
            self.block.append(op)

    def _split_call(self, op: Op) -> None:
        """Take the values that a call returned out of its result, which stays whole."""
        self.block.append(op)
        t = op.value.type
        if t is not None and components(t) is not None:
            members = iter([self._member(op.value, i, leaf) for i, leaf in enumerate(leaves(t))])
            self.parts[op.value] = self._group(t, members)

    def _member(self, result: Value, index: int, t: Type) -> Value:
        new = self.block.append(Op("member", (result,), {"index": index}, self.op.loc))
        new.value.type = t
        return new.value

    def _group(self, t: Type, members: Iterator[Value]) -> list[Value]:
        """The parts of a value made of ``members``; those that are compound are split as well."""
        parts = []
        for part in components(t) or ():
            value = Value(part) if components(part) is not None else next(members)
            if components(part) is not None:
                self.parts[value] = self._group(part, members)
            parts.append(value)
        return parts

    def emit(self, name: str, t: Type, *operands: Value, **attrs: Any) -> Value:
        """A new op in place of the visited one; its result is split in turn if it is compound."""
        new = Op(name, operands, attrs, self.op.loc)
        new.value.type = t
        outer, self.op = self.op, new
        self._visit()
        self.op = outer
        return new.value

    def integer(self, value: int) -> Value:
        """A constant that counts."""
        return self.emit("const", WEAK_INT, value=value)

    def types(self) -> tuple[Type, ...]:
        """The types of the parts that the visited op makes."""
        types = components(self.op.value.type)
        assert types is not None
        return types


_ON_LEAVES = ("return", "raise", "invoke", "require")
"""The same of what leaves a function, or goes to another one."""


def _made(s: Splitter, first: list[Value]) -> list[Value]:
    return s.finals(s.op.operands)


def _of_constant(s: Splitter, first: list[Value]) -> list[Value]:
    values = s.op.attrs["value"]
    if s.op.value.type == GENERATOR:
        return [s.emit("generator_address", ADDRESS, value=values)]
    if isinstance(values, np.ndarray):
        return arrays.constant(s, values)
    if isinstance(values, np.void):
        return arrays.constant(s, np.asarray(values))
    if isinstance(values, slice):
        values = values.start, values.stop, values.step
    return [s.emit("const", t, value=v) for t, v in zip(s.types(), values, strict=True)]


def _of_default(s: Splitter, first: list[Value]) -> list[Value]:
    return [s.emit("default", t, type=t) for t in s.types()]


def _of_conversion(s: Splitter, first: list[Value]) -> list[Value]:
    return [
        part if part.type == t else s.emit("convert", t, part, to=t)
        for part, t in zip(first, s.types(), strict=True)
    ]


def _of_slice(s: Splitter, first: list[Value]) -> list[Value]:
    missing = 3 - len(s.op.operands)
    return s.finals(s.op.operands) + [s.emit("const", NONE, value=None) for _ in range(missing)]


def _of_iterator(s: Splitter, first: list[Value]) -> list[Value]:
    if isinstance(s.op.operands[0].type, Array):
        return arrays.iterator(s, s.final(s.op.operands[0]))
    return [first[0], s.emit("range_count", WEAK_INT, *first), first[2]]


def _of_advance(s: Splitter, first: list[Value]) -> list[Value]:
    if s.op.value.type != RANGE_ITERATOR:
        return arrays.next_row(s, first)
    value, left, step = first
    one = s.emit("const", WEAK_INT, value=1)
    return [s.emit("add", WEAK_INT, value, step), s.emit("sub", WEAK_INT, left, one), step]


def _taken_part(s: Splitter, first: list[Value]) -> Value:
    """``item`` and ``unpack`` of a compound value that is itself a part of one."""
    index: int = s.op.attrs["index"]
    return first[index]


def _taken_part_or_parts(s: Splitter, first: list[Value]) -> list[Value]:
    part = s.final(_taken_part(s, first))
    s.replaced[s.op.value] = part
    return s.parts[part]


def _more(s: Splitter, first: list[Value]) -> Value:
    if isinstance(s.op.operands[0].type, ArrayIterator):
        return arrays.more_rows(s, first)
    return s.emit("ne", WEAK_BOOL, first[1], s.emit("const", WEAK_INT, value=0))


def _value(s: Splitter, first: list[Value]) -> Value:
    iterates = isinstance(s.op.operands[0].type, ArrayIterator)
    return arrays.row(s, first) if iterates else first[0]


def _subscript(s: Splitter, first: list[Value]) -> Value:
    found = arrays.subscript if isinstance(s.op.operands[0].type, Array) else indexed.chosen
    return found(s, first)


def _subscript_parts(s: Splitter, first: list[Value]) -> list[Value]:
    found = arrays.view if isinstance(s.op.operands[0].type, Array) else indexed.chosen_parts
    return found(s, first)


def _row(s: Splitter, first: list[Value]) -> list[Value]:
    return s.parts[arrays.row(s, first)]


def _known(decide: Callable[[list[Value]], bool]) -> Callable[[Splitter, list[Value]], Value]:
    return lambda s, first: s.emit("const", WEAK_BOOL, value=decide(first))


_PARTS: dict[str, Callable[[Splitter, list[Value]], list[Value]]] = {
    "tuple": _made,
    "range": _made,
    "const": _of_constant,
    "default": _of_default,
    "convert": _of_conversion,
    "iter": _of_iterator,
    "iter_next": _of_advance,
    "iter_value": _row,
    "item": _taken_part_or_parts,
    "unpack": _taken_part_or_parts,
    "slice": _of_slice,
    "subscript": _subscript_parts,
    "get": arrays.record_at,
    "field": records.field,
    "as_array": lambda s, first: first,
    "array_of_shape": arrays.allocated,
    "same_array": lambda s, first: first,
    "method_of": lambda s, first: first,
    "stretched": views.stretched,
    "flattened": views.flattened,
    "row": views.row,
    "either": views.either,
    "frame_array": views.frame_array,
    "grid_array": views.grid_array,
    "merged": views.merged,
    "arranged": shapes.arranged,
    "view": shapes.viewed,
    "flipped": shapes.flipped,
    "section": shapes.section,
    "diagonal_of": shapes.diagonal,
    "stretched_to": shapes.stretched,
    "fitted": shapes.fitted,
    "dense_view": shapes.dense_view,
    "strided_view": shapes.strided_view,
    "as_dense": lambda s, first: first,
    "all_elements": views.flattened,
    "array_T": arrays.transposed,
    "array_real": arrays.real,
    "array_imag": arrays.imag,
    "array_shape": arrays.shape,
    "array_strides": arrays.strides,
}
"""How the parts of a compound result come about."""

_TAKEN: dict[str, Callable[[Splitter, list[Value]], Value]] = {
    "item": _taken_part,
    "unpack": _taken_part,
    "member": lambda s, first: s.leaves([s.op.operands[0]])[s.op.attrs["index"]],
    "iter_more": _more,
    "iter_value": _value,
    "dim": arrays.dim,
    "get": arrays.get,
    "put": arrays.put,
    "subscript": _subscript,
    "atomic": arrays.atomic,
    "atomic_cas": arrays.atomic,
    "clear": records.clear,
    "disturbs": views.disturbs,
    "overlaps": views.overlaps,
    "is_dense": shapes.is_dense,
    "gemm": views.gemm,
    "array_size": arrays.size,
    "array_nbytes": arrays.nbytes,
    "truth": _known(bool),
    "not": _known(lambda parts: not parts),
    "is": _known(lambda parts: False),
}
"""What becomes of an op that makes a scalar of a compound operand."""
