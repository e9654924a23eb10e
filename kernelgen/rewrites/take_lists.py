"""Let list displays be tuples where functions on arrays take them: these tell no difference.

Before: untyped SSA. After: no ``list`` whose only use is that, as in ``np.array([x, y])``, and none
that is an index, which means the array that is made of it.
"""

from __future__ import annotations

from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import DISPLAYS, defining, put

_TAKERS = frozenset({
    "array_from", "dtype_for", "new_array", "new_like", "reshaped", "fitted", "permuted",
    "stretched_to", "flipped", "joined", "squeezed", "expanded", "reduce", "accumulate",
    "store_subscript",
})  # fmt: skip
"""Ops that take a list as they take a tuple."""


def take_lists(function: Function) -> bool:
    """Apply the pass; whether there was such a list."""
    lists = [op for op in function.ops() if op.name == "list"]
    if not lists:
        return False
    indices = [_index(block, op) for block in function.blocks for op in list(block.ops)]
    asked = [op for op in function.ops() if _asks_for_class(op)]
    for op in asked:
        known = list if op.name == "class_of" else False  # and no list is None
        op.name, op.operands, op.attrs = "const", [], {"value": known}
    users = function.users()
    taken = [op for op in lists if _is_taken(op, users)]
    for op in taken:
        op.name = "tuple"
        for use in users[op.value]:
            if use.name == "store_subscript":
                use.attrs = {**use.attrs, "listed": True}
    return bool(asked or taken or any(indices))


def _index(block: Block, op: Op) -> bool:
    """Make arrays of the lists in an index; whether there are such."""
    if op.name not in ("subscript", "store_subscript"):
        return False
    index = op.operands[1]
    whole = defining(index, "tuple")
    parts = [index] if whole is None else whole.operands
    made = [_array(block, op, v) if defining(v, "list") is not None else v for v in parts]
    if made == parts:
        return False
    op.operands[1] = made[0] if whole is None else put(block, op, "tuple", *made)
    return True


def _array(block: Block, op: Op, values: Value) -> Value:
    return put(block, op, "array_from", values, put(block, op, "const", value=None))


def _asks_for_class(op: Op) -> bool:
    return op.name in ("class_of", "is") and defining(op.operands[0], "list") is not None


def _is_taken(op: Op, users: dict[Value, list[Op]]) -> bool:
    """Whether all uses of a list are such, or in lists of which this is true."""
    uses = users.get(op.value, [])
    return bool(uses) and all(
        use.name in _TAKERS or (use.name in DISPLAYS and _is_taken(use, users)) for use in uses
    )
