"""How records are taken apart: what becomes of each op on them (see ``split_tuples``).

A record is its address, and the address of what owns its memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kernelgen.ir.core import Value
from kernelgen.rewrites.split_arrays import Parts, dense_strides, product, times
from kernelgen.types.compound import NONE, Array, Element
from kernelgen.types.records import Record
from kernelgen.types.table import ADDRESS

if TYPE_CHECKING:
    from kernelgen.rewrites.split_tuples import Splitter


def field(s: Splitter, first: list[Value]) -> list[Value]:
    """The view of a field: it begins at the field of the first record.

    Of an array without gaps the steps are known, so that LLVM sees how far records are apart.
    """
    t, made = s.op.operands[0].type, s.op.value.type
    assert isinstance(t, (Array, Element))
    record = t.dtype if isinstance(t, Array) else t.record
    assert isinstance(record, Record)
    found = record.fields[s.op.attrs["field"]]
    data = first[0]
    if found.offset:
        data = s.emit("offset", ADDRESS, data, s.integer(found.offset))
    if not isinstance(made, Array):
        return [data, first[-1]]
    parts = Parts.of(first)
    strides = (
        dense_strides(s, t, parts.shape) if isinstance(t, Array) and t.dense else parts.strides
    )
    inner = [math.prod(found.shape[i:]) for i in range(1, len(found.shape) + 1)]
    steps = [s.integer(made.dtype.size * count) for count in inner]
    shape = [*parts.shape, *map(s.integer, found.shape)]
    return Parts(data, shape, [*strides, *steps], parts.owner).list


def clear(s: Splitter, first: list[Value]) -> Value:
    """Make all bytes of an array without gaps zero."""
    t = s.op.operands[0].type
    assert isinstance(t, Array)
    parts = Parts.of(first)
    count = times(s, product(s, parts.shape), s.integer(t.dtype.size))
    return s.emit("clear_bytes", NONE, parts.data, count)
