"""Put several arrays together in a new one: what ``np.concatenate`` becomes."""

from __future__ import annotations

from kernelgen.ir.core import Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.ops.orders import joined_axis
from kernelgen.rewrites.place import Place
from kernelgen.types.compound import NONE, Array, Tuple
from kernelgen.types.table import WEAK_BOOL, WEAK_INT

_DIFFERS = (
    "all the input array dimensions except for the concatenation axis must match exactly, but "
    "along dimension {}, the array at index 0 has size {} and the array at index {} has size {}"
)


def join_arrays(p: Place) -> None:
    """Replace an op ``joined``: a new array, and an assignment to each part of it."""
    axis, made = joined_axis(p.op), p.op.value.type
    whole = p.op.operands[0]
    assert isinstance(made, Array) and isinstance(whole.type, Tuple)
    arrays = [p.put("item", t, whole, index=i) for i, t in enumerate(whole.type.elements)]
    shape = [p.put("dim", WEAK_INT, arrays[0], axis=i) for i in range(made.ndim)]
    lengths = [p.put("dim", WEAK_INT, array, axis=axis) for array in arrays]
    for number, array in enumerate(arrays[1:], 1):
        _check_others(p, number, array, shape, axis)
    shape[axis] = lengths[0]
    for length in lengths[1:]:
        shape[axis] = p.put("add", WEAK_INT, shape[axis], length)
    result = p.put("array_of_shape", made, *shape)
    start = p.integer(0)
    for array, length in zip(arrays, lengths, strict=True):
        outermost = axis == (0 if made.layout == "C" else made.ndim - 1)
        layout = made.layout if outermost else "A"
        part = p.put("section", made._replace(layout=layout), result, start, length, axis=axis)
        p.put("assign", NONE, part, array, apart=True)
        start = p.put("add", WEAK_INT, start, length)
    p.become("same_array", result)


def _check_others(p: Place, number: int, array: Value, shape: list[Value], axis: int) -> None:
    """All other axes are as long as those of the first array."""
    for other, length in enumerate(shape):
        if other != axis:
            own = p.put("dim", WEAK_INT, array, axis=other)
            same = p.put("eq", WEAK_BOOL, own, length)
            text = Made(fill, (_DIFFERS, other, Slot(WEAK_INT), number, Slot(WEAK_INT)))
            error = Raised(ValueError, (text,))
            p.put("require", NONE, same, length, own, error=error)
