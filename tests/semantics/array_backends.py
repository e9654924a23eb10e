"""One function on arrays, on every back end, each with copies of its own to write to.

Plain Python on NumPy arrays is the oracle: for what is returned, for what is written, and for the
exception that is raised.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any
from unittest import mock

import devices
import numpy as np
from backends import Failure, attempt, untyped

from kernelgen import cuda, njit, pipeline
from kernelgen.cuda.arrays import described
from kernelgen.ir.interp import interpret
from kernelgen.ops import memory
from kernelgen.ops.control import constant_type
from kernelgen.options import Options
from kernelgen.types.arguments import classify
from kernelgen.types.compound import NONE, Array, Element, Tuple, Type
from kernelgen.types.table import Scalar


def type_of(value: Any) -> Type:
    """The type that a function is compiled for when it is given ``value``."""
    if isinstance(value, tuple):
        return Tuple(tuple(map(type_of, value)))
    if not isinstance(value, (np.ndarray, np.void)):
        return constant_type(value)
    found = classify(value, "value").type
    assert isinstance(found, (Array, Element))
    return found


def copy_of(value: Any) -> Any:
    """An argument of one's own; a view of memory of its own that lies the same way."""
    if isinstance(value, tuple):
        return tuple(map(copy_of, value))
    if isinstance(value, np.void):
        return value.copy()
    if isinstance(value, np.random.Generator):
        return deepcopy(value)
    if not isinstance(value, np.ndarray) or value.size == 0:
        return value
    low, high = np.lib.array_utils.byte_bounds(value)
    whole = bytearray(ctypes.string_at(low, high - low))
    place = value.__array_interface__["data"][0] - low
    copy = np.ndarray(value.shape, value.dtype, whole, place, value.strides)
    copy.flags.writeable = value.flags.writeable
    return copy


def bytes_of(value: np.ndarray | np.void) -> tuple[Any, int]:
    """The memory in which an array lies, as an array of bytes, and where in it the array begins."""
    if isinstance(value, np.void):
        low = value.__array_interface__["data"][0]
        high = low + value.dtype.itemsize
    else:
        low, high = np.lib.array_utils.byte_bounds(value)
    if value.size == 0:
        return np.empty(0, np.uint8), 0
    memory_of = np.frombuffer((ctypes.c_char * (high - low)).from_address(low), np.uint8)
    return memory_of, value.__array_interface__["data"][0] - low


def leaves_of(value: Any, address: Callable[[np.ndarray], Any], null: Any) -> list[Any]:
    """What an argument is made of in a compiled function."""
    if isinstance(value, tuple):
        return [leaf for each in value for leaf in leaves_of(each, address, null)]
    if isinstance(value, np.void):
        return [address(value), null]
    if not isinstance(value, np.ndarray):
        t = constant_type(value)
        return [t.dtype.type(value) if isinstance(t, Scalar) else value]
    numbers = map(np.int64, (*value.shape, *value.strides))
    return [address(value), *numbers, null]


def request(function: Any, args: Sequence[Any], **options: Any) -> pipeline.Request:
    types = tuple(map(type_of, args))
    return pipeline.Request(function, types, None, Options(**options), any_result=True)


def value_of(t: Type, leaves: Iterator[Any]) -> Any:
    """What the leaves of a result of the typed interpreter are in Python."""
    if isinstance(t, Tuple):
        return tuple(value_of(each, leaves) for each in t.elements)
    if t == NONE:
        return None
    if isinstance(t, Element):
        data, _ = next(leaves), next(leaves)
        return np.ndarray((), t.record.dtype, data.memory, data.place)[()]
    if not isinstance(t, Array):
        return next(leaves)
    data = next(leaves)
    lengths = [int(next(leaves)) for _ in range(2 * t.ndim)]
    shape, strides = lengths[: t.ndim], lengths[t.ndim :]
    next(leaves)
    if 0 in shape:
        return np.empty(shape, t.dtype.dtype)
    found = np.ndarray(shape, t.dtype.dtype, data.memory, data.place, strides)
    if t.dense:
        assert found.flags[f"{t.layout}_CONTIGUOUS"]
    return found


# ------------------------------------------------------------------------------- comparison


def same(got: Any, want: Any) -> bool:
    """Whether values are equal, arrays element by element; nan is nan."""
    if isinstance(want, Failure) or isinstance(got, Failure):
        return type(got) is type(want) and bool(got == want)
    if isinstance(want, tuple):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, (np.ndarray, np.void)) and want.dtype.names:
        alike = type(got) is type(want) and got.dtype == want.dtype and got.shape == want.shape
        return alike and all(same(got[name], want[name]) for name in want.dtype.names)
    if isinstance(want, np.ndarray):
        kinds = "fc" if want.dtype.kind in "fc" else ""
        return got.dtype == want.dtype and np.array_equal(got, want, equal_nan=bool(kinds))
    if isinstance(want, np.random.Generator):
        return str(got.bit_generator.state) == str(want.bit_generator.state)
    both_nan = want != want and got != got
    return bool(both_nan or got == want)


def check(function: Callable[..., Any], *args: Any, returns: bool = True, **options: Any) -> None:
    """Run ``function`` on every back end, and compare what is returned, written and raised.

    Parameters
    ----------
    function : function
        Plain Python. It returns scalars, arrays, tuples of them, or None.
    *args
        Arrays, numbers, tuples.
    returns : bool
        Whether to compare what is returned.
    **options
        Of ``pipeline.Request``.
    """
    wanted = request(function, args, **options)
    ours = tuple(map(copy_of, args))
    want = attempt(function, *ours)
    runs = {"untyped SSA": _run_untyped, "typed SSA": _run_typed, "machine code": _run_machine}
    if runs_on_device(wanted, args):
        runs["the device"] = _run_on_device
    for name, run in runs.items():
        theirs = tuple(map(copy_of, args))
        got = attempt(run, wanted, theirs)
        label = f"{function.__name__} on {name}"
        if returns or isinstance(want, Failure) or isinstance(got, Failure):
            assert same(got, want), f"{label} returns {got!r}, expected {want!r}"
        assert same(theirs, ours), f"{label} writes {theirs!r}, expected {ours!r}"


def _run_untyped(wanted: Any, args: Any) -> Any:
    return interpret(untyped(wanted), args)


def _run_typed(wanted: Any, args: Any) -> Any:
    """All blocks that are allocated are freed in the end, but those that are returned."""
    blocks: list[memory.Block] = []

    class Counted(memory.Block):
        def __init__(self) -> None:
            super().__init__()
            blocks.append(self)

    def address(array: np.ndarray) -> memory.Address:
        return memory.Address(*bytes_of(array))

    flat = [x for a in args for x in leaves_of(a, address, memory.NULL)]
    function = devices.rewritten(wanted)
    with mock.patch.object(memory, "Block", Counted):
        made = interpret(function, flat)
    leaves = made if isinstance(made, tuple) else (made,)
    owners = [x.block for x in leaves if isinstance(x, memory.Address) and x.place == 0]
    returned = [owners.count(block) for block in blocks]
    assert [block.references for block in blocks] == returned, "references are miscounted"
    return value_of(function.result, iter(leaves))


def _run_machine(wanted: Any, args: Any) -> Any:
    options = {name: getattr(wanted.options, name) for name in ("boundscheck", "error_model")}
    return njit(**options)(wanted.function)(*args)


# ------------------------------------------------------------------------------- the device


def runs_on_device(wanted: pipeline.Request, args: Sequence[Any]) -> bool:
    """Whether one thread of a device can run a function: it allocates nothing, and returns numbers."""
    if not devices.has_all(wanted, {}) or not all(map(_is_handed_over, args)):
        return False
    result = devices.rewritten(wanted).result
    return result == NONE or all(isinstance(t, Scalar) for t in _parts(result))


def _is_handed_over(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_handed_over, value))
    if isinstance(value, np.ndarray):
        return value.dtype.names is None and value.dtype.isnative
    return not isinstance(value, (np.void, np.random.Generator))


def _parts(result: Any) -> tuple[Any, ...]:
    return result.elements if isinstance(result, Tuple) else (result,)


def _run_on_device(wanted: Any, args: Any) -> Any:
    """One thread calls the function, and stores what it returns."""
    result = devices.rewritten(wanted).result
    types = () if result == NONE else _parts(result)
    names = [f"a{i}" for i in range(len(args))]
    outs = [f"out{i}" for i in range(len(types))]
    lines = [f"def run({', '.join([*outs, *names])}):", f"    made = function({', '.join(names)})"]
    for i, name in enumerate(outs):
        lines.append(f"    {name}[0] = made{f'[{i}]' if isinstance(result, Tuple) else ''}")
    space = {"function": wanted.function}
    exec("\n".join(lines), space)
    options = {name: getattr(wanted.options, name) for name in ("boundscheck", "error_model")}
    with devices.emulated():
        kernel = cuda.jit(**options)(space["run"])
        memory: list[Any] = []
        given = [_on_device(a, memory) for a in args]
        made = [cuda.device_array(1, t.strong.dtype) for t in types]
        try:
            kernel[1, 1](*made, *given)
        finally:
            for host, device in memory:
                host[:] = device.copy_to_host()
    values = tuple(out.copy_to_host()[0] for out in made)
    if isinstance(result, Tuple):
        return values
    return values[0] if values else None


def _on_device(value: Any, memory: list[Any]) -> Any:
    """An argument in the device's memory, which lies there as it does here."""
    if isinstance(value, tuple):
        made = [_on_device(each, memory) for each in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    if not isinstance(value, np.ndarray):
        return value
    host, place = bytes_of(value)
    device = cuda.to_device(host)
    memory.append((host, device))
    array = described(
        device.address + place, value.shape, value.strides, value.dtype, device, device.driver
    )
    if not value.flags.writeable:
        array.view_of_host.flags.writeable = False
    return array
