"""The type of a variable where ways of different types meet."""

from __future__ import annotations

from kernelgen.types.compound import UNDEFINED, Array, Element, Tuple, Type
from kernelgen.types.promote import common_type
from kernelgen.types.table import Scalar


def join(*types: Type) -> Type | None:
    """The type of a variable that has these types on several ways; None if there is none.

    The order of the ways does not matter.
    """
    distinct = [t for t in dict.fromkeys(types) if t != UNDEFINED]
    if len(distinct) < 2:
        return distinct[0] if distinct else UNDEFINED
    scalars = [t for t in distinct if isinstance(t, Scalar)]
    arrays = [t for t in distinct if isinstance(t, Array)]
    if len(arrays) == len(distinct):
        return _join_arrays(arrays)
    records = [t for t in distinct if isinstance(t, Element)]
    if len(records) == len(distinct):
        return _join_records(records)
    tuples = [t for t in distinct if isinstance(t, Tuple)]
    if len(scalars) == len(distinct):
        return common_type(*scalars)
    if len(tuples) < len(distinct) or len({len(t.elements) for t in tuples}) > 1:
        return None
    elements = tuple(join(*ways) for ways in zip(*(t.elements for t in tuples), strict=True))
    return None if None in elements else Tuple(elements)


def _join_arrays(arrays: list[Array]) -> Array | None:
    """The type of a variable that is one of several arrays: of one dtype and dimension."""
    if len({(t.dtype, t.ndim) for t in arrays}) > 1:
        return None
    layouts = {t.layout for t in arrays}
    layout = layouts.pop() if len(layouts) == 1 else "A"
    readonly, aligned = any(t.readonly for t in arrays), all(t.aligned for t in arrays)
    return arrays[0]._replace(layout=layout, readonly=readonly, aligned=aligned)


def _join_records(records: list[Element]) -> Element | None:
    """The type of a variable that is one of several records: of one dtype."""
    if len({t.record for t in records}) > 1:
        return None
    readonly, aligned = any(t.readonly for t in records), all(t.aligned for t in records)
    return Element(records[0].record, readonly, aligned)
