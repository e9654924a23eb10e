"""The shape in which arrays meet, and the errors of those that do not."""

from __future__ import annotations

from collections.abc import Sequence

from kernelgen.ir.core import Value
from kernelgen.ir.raised import Made, Raised, Slot
from kernelgen.ops.exceptions import fill
from kernelgen.rewrites.writer import Writer
from kernelgen.types.compound import NONE
from kernelgen.types.table import WEAK_BOOL, WEAK_INT


def broadcast(
    w: Writer, shapes: list[list[Value]], error: Raised | None = None, slots: Sequence[Value] = ()
) -> list[Value]:
    """The shape in which some meet, checked.

    Should they not meet, ``error`` is raised, which shows ``slots``: by default NumPy's of arrays
    that have these shapes.
    """
    ndim = max(map(len, shapes))
    met: list[Value] = []
    for axis in range(-ndim, 0):
        lengths = [shape[axis] for shape in shapes if len(shape) >= -axis]
        length = lengths[0]
        for other in dict.fromkeys(lengths[1:]):
            length = length if other is length else _longer(w, length, other)
        met.append(length)
    if error is None:
        error = _no_common_shape(shapes)
        slots = [length for shape in shapes for length in shape]
    for shape in shapes:
        for length, whole in zip(shape, met[ndim - len(shape) :], strict=True):
            if length is not whole:
                require_fit(w, length, whole, error, slots)
    return met


def _longer(w: Writer, length: Value, other: Value) -> Value:
    single = w.emit("eq", WEAK_BOOL, length, w.integer(1))
    return w.emit("where", WEAK_INT, single, other, length)


def require_fit(
    w: Writer, length: Value, whole: Value, error: Raised, slots: Sequence[Value]
) -> None:
    """An axis is as long as it has to be, or of one element."""
    same = w.emit("eq", WEAK_BOOL, length, whole)
    single = w.emit("eq", WEAK_BOOL, length, w.integer(1))
    w.emit("require", NONE, w.emit("or", WEAK_BOOL, same, single), *slots, error=error)


def _no_common_shape(shapes: list[list[Value]]) -> Raised:
    words = "operands could not be broadcast together with shapes " + "{} " * len(shapes)
    return of_shapes(words, *map(len, shapes))


def of_shapes(words: str, *ndims: int) -> Raised:
    """An error that shows shapes of so many dimensions."""
    texts = [_shape_text(ndim) for ndim in ndims]
    slots = tuple(slot for _, slots in texts for slot in slots)
    template = words.format(*(text for text, _ in texts))
    return Raised(ValueError, (Made(fill, (template, *slots)),))


def _shape_text(ndim: int) -> tuple[str, tuple[Slot, ...]]:
    text = f"({','.join(['{}'] * ndim)}{',' * (ndim == 1)})"
    return text, (Slot(WEAK_INT),) * ndim
