"""Applying a stencil on a device to its own result, again and again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelgen.cuda.arrays import DeviceArray, device_array_like, is_device_array
from kernelgen.cuda.copies import converted, copy_elements
from kernelgen.cuda.operands import check_cast, take
from kernelgen.iterate import Arrays, Run, bar, check_fits, checked_start

if TYPE_CHECKING:
    from kernelgen.cuda.stencils import DeviceStencil


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
    outs = listed(out)
    on_device = any(map(is_on_device, [*given, *args, *outs]))
    start = tuple(uploaded(each, stream) for each in given)
    others = tuple(uploaded(each, stream) for each in args)
    with bar(progress, count, name) as advance:
        run = _DeviceRun(stencil, start, others, advance, stream=stream)
        taken = run.steps(count, until)
    result = _result(name, run.arrays, given, outs, on_device=on_device, stream=stream)
    found = result[0] if single else result
    return found if until is None else (found, taken)


class _DeviceRun(Run):
    def _greatest(self, kind: str, new: DeviceArray, old: DeviceArray) -> Any:
        kinds = _kinds()
        differences = kinds[kind](new, old, **self.keywords)
        return kinds["greatest"].reduce(differences, axis=None, **self.keywords).copy_to_host()[()]


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
    made = device_array_like(array)
    copy_elements(array, made, stream)
    return made


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
