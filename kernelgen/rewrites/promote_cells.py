"""Make values of the variables that nested functions share, and constants of closed functions.

Before: untyped SSA, with the cells of shared variables. After: a cell that no function has is
gone, its content an ordinary value, with block arguments where several stores reach a load. Of
one that functions do have, loads that can only see one store are. A function that shares only
constants is a constant itself, which lets it call itself.
"""

from __future__ import annotations

from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from kernelgen.bytecode.decode import shared_writes
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.dominance import dominates
from kernelgen.ir.sequences import put
from kernelgen.ops.functions import Nested


class _Use(NamedTuple):
    block: Block
    op: Op


Uses = dict[Value, list[_Use]]

_DISPLAYS = ("function", "tuple", "list", "dict")
_CONCERNED = ("cell", "function", "list", "dict")
_READS = ("cell_load", "cell_bound")
_WRITES = ("cell_store", "cell_clear")
_ACCESSES = _READS + _WRITES


def promote_cells(function: Function) -> bool:
    """Apply the pass; whether anything changed."""
    if not any(op.name in _CONCERNED for op in function.ops()):
        return False
    changed = False
    while _step(function, _uses(function)):
        changed = True
    return changed


def _step(function: Function, uses: Uses) -> bool:
    """Do what there is to do first; whether there was something."""
    return _drop_unused(function, uses) or _close(function, uses) or _resolve_cell(function, uses)


def _resolve_cell(function: Function, uses: Uses) -> bool:
    """Replace loads of one cell; whether there were any."""
    for op in [op for op in function.ops() if op.name == "cell"]:
        of_it = uses[op.value]
        if all(_accesses(use.op, op.value) for use in of_it):
            _Promotion(function, op, of_it).run(function)
            return True
        if _forward(function, op.value, of_it):
            return True
    return False


def _uses(function: Function) -> Uses:
    found: Uses = {}
    for block in function.blocks:
        for op in block.ops:
            if op.name == "cell":
                found.setdefault(op.value, [])
            for value in [*op.operands, *(v for edge in op.edges for v in edge.args)]:
                found.setdefault(value, []).append(_Use(block, op))
    return found


def _accesses(op: Op, cell: Value) -> bool:
    """Whether ``op`` only loads or stores the cell."""
    return op.name in _ACCESSES and op.operands[0] is cell and cell not in op.operands[1:]


def _drop_unused(function: Function, uses: Uses) -> bool:
    """Remove functions and displays that nobody uses, and cells that nobody reads."""
    unused = [
        use
        for block in function.blocks
        for op in block.ops
        for use in _removable(_Use(block, op), uses)
    ]
    for block, op in unused:
        block.ops.remove(op)
    return bool(unused)


def _removable(definition: _Use, uses: Uses) -> list[_Use]:
    """A definition without a meaning, with the stores that are its only uses."""
    op = definition.op
    if op.name in _DISPLAYS and op.value not in uses:
        return [definition]
    if op.name == "cell" and all(
        use.op.name in _WRITES and _accesses(use.op, op.value) for use in uses[op.value]
    ):
        return [*uses[op.value], definition]
    return []


# -------------------------------------------------- loads of cells that functions still have


def _forward(function: Function, cell: Value, uses: list[_Use]) -> bool:
    """Replace the loads behind the only store of a cell by what was stored."""
    store = _only_store(cell, uses)
    if store is None:
        return False
    idom = function.dominators()
    replaced: dict[Value, Value] = {}
    changed = False
    for block, op in uses:
        if op.name not in _READS or not _is_behind(_Use(block, op), store, idom):
            continue
        if op.name == "cell_load":
            block.ops.remove(op)
            replaced[op.value] = store.op.operands[1]
        else:
            op.name, op.operands, op.attrs = "const", [], {"value": True}
        changed = True
    function.substitute(replaced)
    return changed


def _is_behind(use: _Use, store: _Use, idom: dict[Block, Block]) -> bool:
    if use.block is not store.block:
        return dominates(idom, store.block, use.block)
    return use.block.ops.index(store.op) < use.block.ops.index(use.op)


def _only_store(cell: Value, uses: list[_Use]) -> _Use | None:
    """The store of a cell that has one, which no function assigns or deletes otherwise."""
    writes = [use for use in uses if use.op.name in _WRITES and _accesses(use.op, cell)]
    if len(writes) != 1 or writes[0].op.name != "cell_store":
        return None
    known = all(_accesses(op, cell) or _only_reads(op, cell) for _, op in uses)
    return writes[0] if known else None


def _only_reads(op: Op, cell: Value) -> bool:
    """Whether ``op`` makes a function that has the cell, and never assigns its variable."""
    if op.name != "function":
        return False
    nested: Nested = op.attrs["nested"]
    names = {name for name, v in zip(nested.free, op.operands, strict=False) if v is cell}
    return names.isdisjoint(_assigned(nested.template.__code__))


def _assigned(code: CodeType) -> set[str]:
    """The shared variables that a function, or one within it, assigns or deletes."""
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return shared_writes(code).union(*map(_assigned, inner))


# ---------------------------------------------------------------------- functions as constants


def _close(function: Function, uses: Uses) -> bool:
    """Make constants of the functions that have but constants, themselves, and each other."""
    functions = {op.value: op for op in function.ops() if op.name == "function"}
    stores = {value: _stores(op, uses) for value, op in functions.items()}
    closed = _closed(stores)
    idom = function.dominators()
    late = [value for value in closed if not _are_behind(value, closed, stores, uses, idom)]
    stores |= dict.fromkeys(late)
    closed = _closed(stores)
    cells = {value: [CellType() for _ in stores[value] or ()] for value in closed}
    made: dict[Value, FunctionType] = {}
    for value in closed:
        op = functions[value]
        defaults = op.operands[len(cells[value]) :]
        made[value] = op.attrs["nested"].make(*cells[value], *map(_constant, defaults))
    for value in closed:
        for cell, store in zip(cells[value], stores[value] or (), strict=True):
            content = _content(store)
            cell.cell_contents = made[content] if content in made else _constant(content)
        op = functions[value]
        op.name, op.operands, op.attrs = "const", [], {"value": made[value]}
    return bool(closed)


def _stores(op: Op, uses: Uses) -> list[_Use] | None:
    """What fills the cells of a function; None if that may change, or a default is not constant."""
    count = len(op.attrs["nested"].free)
    if any(v.constant is None for v in op.operands[count:]):
        return None
    found = [_only_store(cell, uses[cell]) for cell in op.operands[:count]]
    stores = [store for store in found if store is not None]
    return stores if len(stores) == count else None


def _content(store: _Use) -> Value:
    return store.op.operands[1]


def _closed(stores: dict[Value, list[_Use] | None]) -> set[Value]:
    """The greatest set of functions whose cells hold constants and members of the set."""
    closed = {value for value, held in stores.items() if held is not None}
    while True:
        known = {
            value
            for value in closed
            if all(
                content in closed or content.constant is not None
                for content in map(_content, stores[value] or ())
            )
        }
        if known == closed:
            return closed
        closed = known


def _are_behind(
    value: Value,
    closed: set[Value],
    stores: dict[Value, list[_Use] | None],
    uses: Uses,
    idom: dict[Block, Block],
) -> bool:
    """Whether all variables that a function needs have been assigned wherever it is used."""
    reached = [value]
    for each in reached:
        contents = map(_content, stores[each] or ())
        reached += [c for c in dict.fromkeys(contents) if c in closed and c not in reached]
    needed = [store for each in reached for store in stores[each] or ()]
    return all(_is_behind(use, store, idom) for use in _needs(value, uses) for store in needed)


def _needs(value: Value, uses: Uses) -> list[_Use]:
    """Where a function is used, but for where it is stored; through its cell as well."""
    found = []
    for use in uses.get(value, []):
        if use.op.name == "cell_store":
            found += [each for each in uses[use.op.operands[0]] if each.op.name in _READS]
        else:
            found.append(use)
    return found


def _constant(value: Value) -> Any:
    assert value.constant is not None
    return value.constant.attrs["value"]


# ----------------------------------------------------------------- cells that no function has


class _Promotion:
    """One cell on its way to values; ``bound`` is a variable of its own beside its content."""

    def __init__(self, function: Function, cell: Op, uses: list[_Use]) -> None:
        self.cell = cell
        self.uses = uses
        self.home = next(block for block in function.blocks if cell in block.ops)
        self.sources = function.arrivals()
        self.args: dict[tuple[Block, bool], Value] = {}
        self.unfilled: list[tuple[Block, bool]] = []
        self.nothing = put(self.home, cell, "undefined")
        self.flags = [put(self.home, cell, "const", value=flag) for flag in (False, True)]

    def run(self, function: Function) -> None:
        """Replace all accesses, and the cell."""
        replaced: dict[Value, Value] = {}
        for block, op in self.uses:
            if op.name in _READS:
                before = block.ops[: block.ops.index(op)]
                replaced[op.value] = self._last(block, before, op.name == "cell_bound")
        while self.unfilled:
            target, flag = self.unfilled.pop(0)
            for source, edge in self.sources[target]:
                edge.args.append(self._last(source, source.ops, flag))
        for block, op in [*self.uses, _Use(self.home, self.cell)]:
            block.ops.remove(op)
        function.substitute(replaced)

    def _last(self, block: Block, ops: list[Op], flag: bool) -> Value:
        """The content, or whether there is one, behind ``ops``, the first of ``block``."""
        while (write := self._last_write(ops)) is None and len(self.sources[block]) == 1:
            block = self.sources[block][0][0]
            ops = block.ops
        if write is not None:
            stores = write.name == "cell_store"
            if flag:
                return self.flags[stores]
            return write.operands[1] if stores else self.nothing
        if (block, flag) not in self.args:
            self.args[block, flag] = block.add_arg(hint="" if flag else self.cell.value.hint)
            self.unfilled.append((block, flag))
        return self.args[block, flag]

    def _last_write(self, ops: list[Op]) -> Op | None:
        """The last op that sets or clears the cell, which the one that makes it does as well."""
        for op in reversed(ops):
            if op is self.cell or (op.name in _WRITES and op.operands[0] is self.cell.value):
                return op
        return None
