"""The loops over the elements of an expression of arrays.

There are up to three of them, and the shapes and layouts of a call decide which one runs: one over
all elements of arrays without gaps that lie in memory alike, nested ones whose innermost arrays are
contiguous, and nested ones of any strides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kernelgen.infer import typed_elements
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.raised import Raised
from kernelgen.rewrites.broadcast import broadcast, of_shapes, require_fit
from kernelgen.rewrites.lanes import are_apart, are_interleaved, are_same
from kernelgen.rewrites.writer import ELEMENTS, Writer
from kernelgen.types.compound import NONE, Array, Element, Tuple, Type
from kernelgen.types.table import WEAK_BOOL, WEAK_INT, Scalar


def expand_tree(
    function: Function,
    block: Block,
    root: Op,
    members: Mapping[Op, Op],
    shapes: Shapes,
    kind: type[Expression],
) -> Block:
    """Put loops in place of ``root`` and the ops of its tree; the block behind them.

    ``members`` has the roots of the ops that are in trees. Those of other trees move behind the
    loops, but their shapes are checked in the order of the code.
    """
    at = block.ops.index(root)
    pending = [op for op in block.ops[:at] if op in members]
    tree = [op for op in pending if members[op] is root]
    rest = Block()
    rest.ops = [op for op in pending if op not in tree] + block.ops[at + 1 :]
    block.ops = [op for op in block.ops[:at] if op not in members]
    where = function.blocks.index(block) + 1
    shares = function.sharing is not None
    writer = Writer(block, root, shares=shares, on_grid=function.on_grid)
    for op in [*pending, root]:
        shapes.compute(writer, op, members.get(op, root))
    expression = kind(writer, root, [*tree, root], shapes.known)
    result = expression.write()
    if writer.shares and not expression.shares:
        function.sharing.reduced.append(root.loc)
    writer.jump(rest)
    function.blocks[where:where] = [*writer.blocks, rest]
    function.substitute({} if result is None else {root.value: result})
    return rest


class Shapes:
    """The shapes of arrays and of what is computed of them, checked where they are computed."""

    def __init__(self) -> None:
        self.known: dict[Value, list[Value]] = {}
        self._checked: set[Op] = set()

    def compute(self, w: Writer, op: Op, root: Op) -> None:
        """Write what finds the shape of an op's result, and of its operands."""
        w.near = op
        if op is root or _is_call(op, root):
            self._check_call(w, root)
        shapes = [self._of(w, v) for v in op.operands if isinstance(v.type, Array)]
        if op.name not in NOT_ELEMENTWISE and op.value not in self.known:
            self.known[op.value] = broadcast(w, shapes)

    def _check_call(self, w: Writer, root: Op) -> None:
        """If the root's target is the ``out`` of a ufunc, it has the shape in which all meet."""
        if root in self._checked or not call_operands(root):
            return
        self._checked.add(root)
        met = broadcast(w, [self._of(w, v) for v in call_operands(root)])
        own = self._of(w, root.operands[0])
        for length, whole in zip(own, met, strict=True):
            if length is not whole:
                same = w.emit("eq", WEAK_BOOL, length, whole)
                error = _does_not_change(len(own), len(met))
                w.emit("require", NONE, same, *own, *met, error=error)

    def _of(self, w: Writer, array: Value) -> list[Value]:
        if not isinstance(array.type, Array):
            return []
        if array not in self.known:
            axes = range(array_type(array).ndim)
            self.known[array] = [w.emit("dim", WEAK_INT, array, axis=axis) for axis in axes]
        return self.known[array]


def call_operands(root: Op) -> list[Value]:
    """What a ufunc was called with, outputs and mask included, whose ``out`` a root assigns to."""
    return root.operands[2:] if root.name == "assign" else []


def _is_call(op: Op, root: Op) -> bool:
    """Whether ``op`` is the ufunc itself, or takes its result where a mask is true."""
    if not call_operands(root):
        return False
    made = root.operands[1]
    masked = made.definition
    inner = masked.operands[1] if isinstance(masked, Op) and masked.name == "masked" else made
    return op.value is made or op.value is inner


Rows = dict[Value, Value]
"""For each array the row that a loop is at: of one dimension, or of none."""

OnRow = Callable[[Rows, tuple[Value, ...], Value | None], None]
"""What is done at each row: given the rows, the indices of the axes in front, and its length."""

NOT_ELEMENTWISE = ("assign", "reduce", "accumulate", "normal_product")
"""The roots of trees that do not compute one element of each element."""


class Expression:
    """A tree of ops, the shapes of what they make, and the loops over these."""

    @property
    def independent(self) -> bool:
        """Whether the rows of the outermost axis may be computed in any order."""
        return True

    @property
    def shares(self) -> bool:
        """Whether threads share any of its loops, if they may."""
        return self.independent

    def __init__(
        self, writer: Writer, root: Op, ops: list[Op], shapes: dict[Value, list[Value]]
    ) -> None:
        self.w = writer
        self.root = root
        self.ops = [op for op in ops if op.name not in NOT_ELEMENTWISE]
        made = {op.value for op in self.ops}
        operands = [v for op in self.ops for v in op.operands] + root.operands[:2]
        arrays = [v for v in dict.fromkeys(operands) if isinstance(v.type, Array)]
        self.leaves = [v for v in arrays if v not in made]
        self.shapes = shapes
        self.turned: Rows = {}

    def _seen(self, v: Value) -> Value:
        """An array as the loops go over it."""
        return self.turned.get(v, v)

    # The root.

    def write(self) -> Value | None:
        """Write the loops; the root's result, if it has one."""
        if self.root.name != "assign":
            return self._make()
        self._assign()
        return None

    def _make(self) -> Value:
        """Loops that fill new arrays; the root's result."""
        t, shape = self.root.value.type, self.shapes[self.root.value]
        if not shape:
            return self.element(
                self.root.value, lambda leaf: self.w.emit("get", array_type(leaf).element, leaf)
            )
        types = t.elements if isinstance(t, Tuple) else (t,)
        made = [self.w.emit("array_of_shape", each, *shape) for each in types]
        self._fill(made, shape)
        return self.w.emit("tuple", t, *made) if isinstance(t, Tuple) else made[0]

    def _assign(self) -> None:
        """Loops that change an array, by way of another one if what is read would change too.

        A thread of a grid has no memory for that one.
        """
        target, value = self.root.operands[:2]
        shape = self.shapes[target]
        given = [] if call_operands(self.root) else self.shapes[value]
        error = _does_not_fit(len(given), len(shape))
        for length, whole in zip(given, shape[len(shape) - len(given) :], strict=True):
            if length is not whole:
                require_fit(self.w, length, whole, error, given + shape)
        sources = [
            v
            for v in self.leaves
            if v is not target and not (are_apart(target, v) or are_same(target, v))
        ]
        if self.root.attrs.get("apart") or not sources:
            self._fill([target], shape)
            return
        disturbed = self.w.any_of([self._disturbs(target, v) for v in sources])
        if self.w.on_grid:
            apart = self.w.emit("not", WEAK_BOOL, disturbed)
            self.w.emit("require", NONE, apart, error=_OVERLAP)
            self._fill([target], shape)
            return
        self.w.choose(
            disturbed,
            lambda: self._assign_by_another(target, shape),
            lambda: self._fill([target], shape),
        )

    def _disturbs(self, target: Value, source: Value) -> Value:
        fields = {"interleaved": True} if are_interleaved(target, source) else {}
        return self.w.emit("disturbs", WEAK_BOOL, target, source, **fields)

    def _assign_by_another(self, target: Value, shape: list[Value]) -> None:
        between_type = array_type(target)._replace(layout="C", readonly=False)
        between = self.w.emit("array_of_shape", between_type, *shape)
        self._over_rows([between], shape, [], self._writing([between]))
        self.w.loops(
            shape,
            lambda *indices: self._put(target, indices, self._get(between, indices)),
        )

    def _fill(self, targets: list[Value], shape: list[Value]) -> None:
        self.loop(targets, shape, self._writing(targets))

    def _writing(self, targets: list[Value]) -> OnRow:
        """What computes the elements of rows, and puts them into the targets."""

        def write(rows: Rows, outer: tuple[Value, ...], count: Value | None) -> None:
            counts = [] if count is None else [count]
            self.w.loops(
                counts,
                lambda *i: self._write(targets, rows, i),
                schedule=None if outer else ELEMENTS,
            )

        return write

    # The loops.

    def loop(
        self, targets: list[Value], shape: list[Value], on_row: OnRow, *, flat: bool = True
    ) -> None:
        """Loops over all rows of the leaves and of ``targets``, or over all elements at once."""
        arrays = [*targets, *self.leaves]
        whole = [v for v in arrays if array_type(v).ndim == len(shape)]
        layouts = {array_type(v).layout for v in arrays}
        if flat and shape and len(whole) == len(arrays) and layouts in ({"C"}, {"F"}):
            self._choose(
                self._all_equal(whole, shape),
                lambda: self._over_all(targets, on_row),
                lambda: self._over_dense_rows(targets, shape, on_row, flat=True),
            )
        else:
            self._over_dense_rows(targets, shape, on_row, flat=False)

    def _choose(
        self, condition: Value | None, yes: Callable[[], None], no: Callable[[], None]
    ) -> None:
        """One of two ways; the first without a question if there is no condition."""
        if condition is None:
            yes()
        else:
            self.w.choose(condition, yes, no)

    def _all_equal(self, arrays: list[Value], shape: list[Value]) -> Value | None:
        """Whether no array is broadcast; None if that is known."""
        return self._all(
            (length, whole)
            for v in arrays
            for length, whole in zip(self.shapes.get(v, shape), shape, strict=True)
        )

    def _all(self, pairs: Any) -> Value | None:
        known = [(a, b) for a, b in dict.fromkeys(pairs) if a is not b]
        if not known:
            return None
        return self.w.all_of([self.w.emit("eq", WEAK_BOOL, a, b) for a, b in known])

    def _over_all(self, targets: list[Value], on_row: OnRow) -> None:
        """Arrays that lie in memory alike are one row."""
        flat: Rows = {}
        for v in dict.fromkeys([*targets, *self.leaves]):
            t = array_type(v)._replace(ndim=1, layout="C")
            flat[v] = self.w.emit("flattened", t, v) if array_type(v).ndim > 1 else v
        first = next(iter(flat.values()))
        on_row(flat, (), self.w.emit("dim", WEAK_INT, first, axis=0))

    def _over_dense_rows(
        self, targets: list[Value], shape: list[Value], on_row: OnRow, *, flat: bool
    ) -> None:
        """Rows that are contiguous, where an array of that layout is not broadcast."""
        leaves = [v for v in self.leaves if array_type(v).ndim]
        rows = [v for v in leaves if array_type(self._seen(v)).layout == "C"]
        if not rows or (flat and len(shape) == 1):
            self._over_rows(targets, shape, [], on_row)
            return
        condition = self._all((self.shapes[v][-1], shape[-1]) for v in rows)
        self._choose(
            condition,
            lambda: self._over_rows(targets, shape, rows, on_row),
            lambda: self._over_rows(targets, shape, [], on_row),
        )

    def _over_rows(
        self, targets: list[Value], shape: list[Value], dense: list[Value], on_row: OnRow
    ) -> None:
        """Nested loops over rows, of which those of ``dense`` are contiguous."""
        arrays = dict.fromkeys([*targets, *self.leaves])
        if not shape:
            on_row({v: v for v in arrays}, (), None)
            return
        views = {v: self._stretched(v, shape) for v in arrays}

        def at_row(*outer: Value) -> None:
            rows = {v: self._row(v, view, outer, dense) for v, view in views.items()}
            on_row(rows, outer, shape[-1])

        self.w.loops(shape[:-1], at_row, schedule=ELEMENTS if self.independent else None)

    def _stretched(self, v: Value, shape: list[Value]) -> Value:
        """An array, broadcast to the shape of the loops."""
        own, seen = self.shapes.get(v, shape), self._seen(v)
        if len(own) == len(shape) and all(a is b for a, b in zip(own, shape, strict=True)):
            return seen
        t = array_type(v)._replace(ndim=len(shape), layout="A", readonly=True)
        return self.w.emit("stretched", t, seen, *shape)

    def _row(self, v: Value, view: Value, outer: tuple[Value, ...], dense: list[Value]) -> Value:
        seen = self._seen(v)
        t = array_type(seen)
        contiguous = v in dense or (t.layout == "C" and view is seen)
        layout = "C" if contiguous else "A"
        return self.w.emit("row", t._replace(ndim=1, layout=layout), view, *outer)

    # One element.

    def _write(self, targets: list[Value], rows: Rows, i: tuple[Value, ...]) -> None:
        """Compute the element at ``i`` of the rows, and put it into the targets."""
        source = self.root.operands[1] if self.root.name == "assign" else self.root.value
        made = self.element(source, lambda leaf: self._get(rows[leaf], i))
        self._put_parts([rows[target] for target in targets], i, made)

    def _get(self, array: Value, indices: tuple[Value, ...]) -> Value:
        return self.w.emit("get", array_type(array).element, array, *indices)

    def _put(self, array: Value, indices: tuple[Value, ...], value: Value) -> None:
        if not isinstance(value.type, Element):
            value = self.w.converted(value, element_type(array))
        self.w.emit("put", NONE, array, value, *indices)

    def _put_parts(self, arrays: list[Value], indices: tuple[Value, ...], made: Value) -> None:
        """Put a value, or each part of a tuple, into an array of its own."""
        parts = [made]
        if isinstance(made.type, Tuple):
            types = enumerate(made.type.elements)
            parts = [self.w.emit("item", t, made, index=k) for k, t in types]
        for array, part in zip(arrays, parts, strict=True):
            self._put(array, indices, part)

    def element(self, source: Value, get: Callable[[Value], Value]) -> Value:
        """The element of ``source``, computed of those of the leaves."""
        values = {leaf: get(leaf) for leaf in self._read()}
        for op in self.ops:
            each = typed_elements(op)
            operands = [
                values[v] if t is None else self.w.converted(values.get(v, v), t)
                for v, t in zip(op.operands, each.params, strict=True)
            ]
            self.w.near = op
            new = self.w.emit(op.name, each.result, *operands, **op.attrs)
            values[op.value] = self._as_stored(new, op.value.type)
        return values[source]

    def _read(self) -> list[Value]:
        """The leaves whose elements are read: a target's are not, unless it is an operand too."""
        if self.root.name != "assign":
            return self.leaves
        read = {v for op in self.ops for v in op.operands} | {self.root.operands[1]}
        return [v for v in self.leaves if v in read]

    def _as_stored(self, value: Value, t: Type | None) -> Value:
        """A comparison's result as the element of an array."""
        whole = t.dtype if isinstance(t, Array) else t
        return self.w.converted(value, whole) if isinstance(whole, Scalar) else value


def array_type(value: Value) -> Array:
    assert isinstance(value.type, Array)
    return value.type


def element_type(value: Value) -> Scalar:
    return array_type(value).dtype


_OVERLAP = Raised(
    ValueError,
    ("an array of a kernel on a GPU is assigned to one that overlaps it: write a loop",),
)


def _does_not_fit(source: int, target: int) -> Raised:
    return of_shapes("could not broadcast input array from shape {} into shape {}", source, target)


def _does_not_change(target: int, met: int) -> Raised:
    words = "non-broadcastable output operand with shape {} doesn't match the broadcast shape {}"
    return of_shapes(words, target, met)
