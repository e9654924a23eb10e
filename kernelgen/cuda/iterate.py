"""Applying a stencil on a device to its own result, again and again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelgen.cuda.arrays import DeviceArray, is_device_array
from kernelgen.cuda.copies import converted, copy_elements
from kernelgen.cuda.operands import check_cast, take
from kernelgen.iterate import bar, check_fits, check_made, checked_start

if TYPE_CHECKING:
    from kernelgen.cuda.stencils import DeviceStencil

Arrays = tuple[DeviceArray, ...]


def iterate(
    stencil: DeviceStencil,
    state: Any,
    steps: Any,
    args: tuple[Any, ...],
    out: Any,
    until: Any,
    progress: bool,
    stream: Any,
) -> Any:
    """What ``DeviceStencil.iterate`` does."""
    from kernelgen.cuda.stencils import is_on_device, listed, uploaded

    name = stencil.__name__
    single = not isinstance(state, tuple)
    given = (state,) if single else state
    count = checked_start(name, given, steps, _is_array)
    on_device = any(map(is_on_device, [*given, *args, *listed(out)]))
    start = tuple(uploaded(each, stream) for each in given)
    others = tuple(uploaded(each, stream) for each in args)
    arrays, spare, taken = start, None, 0
    with bar(progress, count, name) as advance:
        while taken < count:
            made = _step(stencil, arrays, others, spare, stream)
            taken += 1
            advance(1)
            is_still = until is not None and _changes_little(made, arrays, until, stream)
            alike = arrays is not start and all(map(_are_alike, made, arrays))
            arrays, spare = made, arrays if alike else None
            if is_still:
                break
    result = _result(name, arrays, given, listed(out), on_device=on_device, stream=stream)
    found = result[0] if single else result
    return found if until is None else (found, taken)


def _step(
    stencil: DeviceStencil, arrays: Arrays, args: tuple[Any, ...], spare: Arrays | None, stream: Any
) -> Arrays:
    """One call, which takes the arrays of the step before the last if they are like those."""
    out = None if spare is None else spare if len(spare) > 1 else spare[0]
    made = stencil(*arrays, *args, out=out, stream=stream)
    found = made if isinstance(made, tuple) else (made,)
    check_made(stencil.__name__, found, arrays)
    return found


def _result(
    name: str,
    arrays: Arrays,
    given: tuple[Any, ...],
    outs: list[Any],
    *,
    on_device: bool,
    stream: Any,
) -> tuple[Any, ...]:
    """The arrays of the last step, in those that were given for them."""
    if not outs:
        own = tuple(copied(a, stream) if a is g else a for a, g in zip(arrays, given, strict=True))
        return own if on_device else tuple(a.copy_to_host(stream=stream) for a in own)
    for out, made in zip(outs, arrays, strict=True):
        taken = take(out)
        check_fits(name, taken, made)
        check_cast(name, "output", made.dtype, taken.dtype, "same_kind")
        if taken.on_device:
            copy_elements(converted(made, taken.dtype, stream), taken.value, stream)
        else:
            taken.value[...] = made.copy_to_host(stream=stream)
    return tuple(outs)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_device_array(value)


def copied(array: DeviceArray, stream: Any) -> DeviceArray:
    """A copy, which lies as the array does."""
    from kernelgen.cuda.arrays import device_array_like

    made = device_array_like(array)
    copy_elements(array, made, stream)
    return made


def _are_alike(a: DeviceArray, b: DeviceArray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides


def _changes_little(new: Arrays, old: Arrays, tolerance: Any, stream: Any) -> bool:
    """Whether a step has changed no element by more than that."""
    return all(
        a.shape == b.shape and bool(_change(a, b, stream) <= tolerance)
        for a, b in zip(new, old, strict=True)
    )


def _change(new: DeviceArray, old: DeviceArray, stream: Any) -> Any:
    """By how much the elements differ that differ most; nan if one does in being nan."""
    if not new.size:
        return 0
    kinds = _kinds()
    if new.dtype.kind == "b" or new.dtype != old.dtype:
        differences = kinds["mixed"](new, old, stream=stream)
    elif new.dtype.kind in "fc":
        differences = kinds["signed"](new, old, stream=stream)
    else:
        differences = kinds["unsigned"](new, old, stream=stream)
    return kinds["greatest"].reduce(differences, axis=None, stream=stream).copy_to_host()[()]


@cache
def _kinds() -> dict[str, Any]:
    """How elements differ: of integers, which may have no sign, and of times; of all else."""
    from kernelgen.api import vectorize

    on_device = vectorize(target="cuda")
    greatest = vectorize(target="cuda", identity="reorderable")
    return {
        "mixed": on_device(lambda new, old: abs(float(new) - old)),
        "signed": on_device(lambda new, old: abs(new - old)),
        "unsigned": on_device(lambda new, old: new - old if new > old else old - new),
        "greatest": greatest(lambda a, b: a if a > b or a != a else b),  # noqa: PLR0124
    }
