"""Put what nested tuples hold into new arrays (see ``resolve_arrays``)."""

from __future__ import annotations

from kernelgen.ir.core import Value
from kernelgen.ir.raised import Raised
from kernelgen.rewrites.place import Place
from kernelgen.types.compound import NONE, Array, Tuple
from kernelgen.types.table import WEAK_BOOL, WEAK_INT


def array_of(p: Place, t: Array, elements: Value) -> Value:
    """A new array of type ``t`` of what nested tuples hold."""
    shape = nested_lengths(p, elements)
    array = p.put("array_of_shape", t, *shape)
    _put_elements(p, array, shape, elements, ())
    return array


def _put_elements(
    p: Place, array: Value, shape: list[Value], value: Value, indices: tuple[int, ...]
) -> None:
    t = array.type
    assert isinstance(t, Array)
    if isinstance(value.type, Tuple):
        for i, element in enumerate(value.type.elements):
            part = p.put("item", element, value, index=i)
            _put_elements(p, array, shape, part, (*indices, i))
    elif isinstance(value.type, Array) and value.type.ndim:
        lengths = nested_lengths(p, value)
        for length, whole in zip(lengths, shape[len(indices) :], strict=True):
            same = p.put("eq", WEAK_BOOL, length, whole)
            p.put("require", NONE, same, error=_uneven_rows(value.type, indices, shape))
        places = map(p.integer, indices)
        row = p.put("row", Array(t.dtype, len(lengths), "C"), array, *places)
        p.put("assign", NONE, row, value, apart=True)
    else:
        if isinstance(value.type, Array):
            value = p.put("get", value.type.element, value)
        if value.type != t.dtype:
            value = p.put("convert", t.dtype, value, to=t.dtype)
        p.put("put", NONE, array, value, *map(p.integer, indices))


def nested_lengths(p: Place, values: Value) -> list[Value]:
    """The shape of nested tuples, in which there may be arrays."""
    t = values.type
    if isinstance(t, Array):
        return [p.put("dim", WEAK_INT, values, axis=axis) for axis in range(t.ndim)]
    if not isinstance(t, Tuple):
        return []
    inner = [p.put("item", each, values, index=0) for each in t.elements[:1]]
    return [p.integer(len(t.elements)), *(n for each in inner for n in nested_lengths(p, each))]


def _uneven_rows(t: Array, indices: tuple[int, ...], shape: list[Value]) -> Raised:
    """The error of arrays of different lengths in nested tuples."""
    known = [v.constant for v in shape[: len(indices)]]
    lengths = [c.attrs["value"] for c in known if c is not None]
    text = f"({', '.join(map(str, lengths))}{',' * (len(lengths) == 1)})"
    return Raised(
        ValueError,
        (
            "setting an array element with a sequence. The requested array has an inhomogeneous "
            f"shape after {len(lengths)} dimensions. The detected shape was {text} + "
            "inhomogeneous part.",
        ),
    )
