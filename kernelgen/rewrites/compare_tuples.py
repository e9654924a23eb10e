"""``==`` and ``!=`` of tuples whose lengths inference has found, shapes of arrays for instance."""

from __future__ import annotations

from kernelgen.infer import typed
from kernelgen.ir.core import Op, Value
from kernelgen.rewrites.place import Place
from kernelgen.types.compound import Tuple
from kernelgen.types.table import WEAK_BOOL


def compare_tuples(p: Place) -> None:
    """Compare the elements of two tuples; those of different lengths differ."""
    equal = p.op.name == "eq"
    met = _are_equal(p, *p.op.operands)
    if equal:
        p.become("convert", met, to=WEAK_BOOL)
    else:
        p.become("not", met)


def _are_equal(p: Place, a: Value, b: Value) -> Value:
    if not isinstance(a.type, Tuple) or not isinstance(b.type, Tuple):
        return _compare(p, a, b)
    met = p.put("const", WEAK_BOOL, value=len(a.type.elements) == len(b.type.elements))
    if len(a.type.elements) != len(b.type.elements):
        return met
    for index, types in enumerate(zip(a.type.elements, b.type.elements, strict=True)):
        pair = [p.put("item", t, v, index=index) for t, v in zip(types, (a, b), strict=True)]
        met = p.put("and", WEAK_BOOL, met, _are_equal(p, *pair))
    return met


def _compare(p: Place, a: Value, b: Value) -> Value:
    """Two elements that are numbers, in the types in which they are compared."""
    wanted = typed(Op("eq", (a, b), None, p.op.loc)).params
    pair = [
        v if t is None or v.type == t else p.put("convert", t, v, to=t)
        for v, t in zip((a, b), wanted, strict=True)
    ]
    same = p.compute("eq", *pair)
    return same if same.type == WEAK_BOOL else p.put("convert", WEAK_BOOL, same, to=WEAK_BOOL)
