"""One function on arrays, on every back end, each with copies of its own to write to.

Plain Python on NumPy arrays is the oracle: for what is returned, for what is written, and for the
exception that is raised.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from backends import Failure, attempt, untyped

from kernelgen import pipeline
from kernelgen.ir.interp import interpret
from kernelgen.llvm_text import Emitter
from kernelgen.ops import memory
from kernelgen.ops.control import constant_type
from kernelgen.options import Options
from kernelgen.payload import read_words
from kernelgen.runtime import engine
from kernelgen.types import table
from kernelgen.types.compound import Array, Tuple, Type
from kernelgen.types.table import Scalar


def type_of(value: Any) -> Type:
    """The type that a function is compiled for when it is given ``value``."""
    if isinstance(value, tuple):
        return Tuple(tuple(map(type_of, value)))
    if not isinstance(value, np.ndarray):
        return constant_type(value)
    layout = "C" if value.flags.c_contiguous else "F" if value.flags.f_contiguous else "A"
    row = table.from_dtype(value.dtype)
    assert row is not None
    return Array(row, value.ndim, layout, not value.flags.writeable)


def copy_of(value: Any) -> Any:
    """An argument of one's own; a view of memory of its own that lies the same way."""
    if isinstance(value, tuple):
        return tuple(map(copy_of, value))
    if not isinstance(value, np.ndarray) or value.size == 0:
        return value
    low, high = np.lib.array_utils.byte_bounds(value)
    whole = bytearray(ctypes.string_at(low, high - low))
    place = value.__array_interface__["data"][0] - low
    copy = np.ndarray(value.shape, value.dtype, whole, place, value.strides)
    copy.flags.writeable = value.flags.writeable
    return copy


def bytes_of(value: np.ndarray) -> tuple[Any, int]:
    """The memory in which an array lies, as an array of bytes, and where in it the array begins."""
    low, high = np.lib.array_utils.byte_bounds(value)
    if value.size == 0:
        return np.empty(0, np.uint8), 0
    memory_of = np.frombuffer((ctypes.c_char * (high - low)).from_address(low), np.uint8)
    return memory_of, value.__array_interface__["data"][0] - low


def leaves_of(value: Any, address: Callable[[np.ndarray], Any], null: Any) -> list[Any]:
    """What an argument is made of in a compiled function."""
    if isinstance(value, tuple):
        return [leaf for each in value for leaf in leaves_of(each, address, null)]
    if not isinstance(value, np.ndarray):
        t = constant_type(value)
        return [t.dtype.type(value) if isinstance(t, Scalar) else value]
    numbers = map(np.int64, (*value.shape, *value.strides))
    return [address(value), *numbers, null]


def request(function: Any, args: Sequence[Any], **options: Any) -> pipeline.Request:
    types = tuple(map(type_of, args))
    return pipeline.Request(function, types, None, Options(**options), any_result=True)


# ----------------------------------------------------------------------------- machine code


class Machine:
    """A function compiled for arguments of some types, called through memory."""

    def __init__(self, wanted: pipeline.Request) -> None:
        self.kernel = kernel = pipeline.lowered(wanted)
        symbols = {}
        module = engine.compile_module(self._text(), opt_level=2)
        self.library = engine.link(module.object_code, ["run"], symbols)
        self.result = kernel.outputs
        self.call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(
            self.library.address("run")
        )

    def _text(self) -> str:
        kernel, e = self.kernel, Emitter()
        given = []
        for i, t in enumerate(kernel.inputs):
            place = e(f"getelementptr [16 x i8], ptr %args, i64 {i}")
            given.append(f"{t.llvm} {memory.load(e, t, place)}")
        result = e(f"call {kernel.result} @{kernel.name}({', '.join(given)})")
        count = len(kernel.outputs)
        for k in range(kernel.words):
            place = e(f"getelementptr [16 x i8], ptr %results, i64 {count + k}")
            word = e(f"extractvalue {kernel.result} {result}, {count + 1 + k}")
            e.lines.append(f"  store i64 {word}, ptr {place}")
        status = e(f"extractvalue {kernel.result} {result}, {count}")
        raised = e(f"icmp ne i32 {status}, 0")
        e.lines += [f"  br i1 {raised}, label %done, label %fine", "fine:"]
        for k, t in enumerate(kernel.outputs):
            place = e(f"getelementptr [16 x i8], ptr %results, i64 {k}")
            memory.store(e, t, place, e(f"extractvalue {kernel.result} {result}, {k}"))
        body = "\n".join([*e.lines, "  br label %done", "done:", f"  ret i32 {status}"])
        declared = "\n".join([*kernel.declarations, *e.declarations.values()])
        return f"{declared}\n{kernel.text}\ndefine i32 @run(ptr %args, ptr %results) {{\n{body}\n}}"

    def __call__(self, *args: Any) -> list[Any]:
        """The leaves of the result."""
        flat = [x for a in args for x in leaves_of(a, lambda v: v.ctypes.data, 0)]
        flat = [x for x in flat if x is not None]
        given = np.zeros((len(flat) + 1, 16), np.uint8)
        for slot, t, x in zip(given, self.kernel.inputs, flat, strict=False):
            dtype = np.dtype(np.uint64) if t.kind == "p" else t.dtype
            slot[: dtype.itemsize].view(dtype)[0] = x
        words = self.kernel.words
        room = np.zeros((len(self.result) + words + 1, 16), np.uint8)
        status = self.call(given.ctypes.data, room.ctypes.data)
        if status:
            error = self.kernel.errors[status - 1]
            at = room[len(self.result) : len(self.result) + words, :8].copy()
            raise error.make(read_words(error.slots, at.tobytes()))
        return [
            slot[: t.size].view(np.uint64 if t.kind == "p" else t.dtype)[0]
            for slot, t in zip(room, self.result, strict=False)
        ]


# ------------------------------------------------------------------------------- comparison


def same(got: Any, want: Any) -> bool:
    """Whether values are equal, arrays element by element; nan is nan."""
    if isinstance(want, Failure) or isinstance(got, Failure):
        return got == want
    if isinstance(want, tuple):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, np.ndarray):
        kinds = "fc" if want.dtype.kind in "fc" else ""
        return got.dtype == want.dtype and np.array_equal(got, want, equal_nan=bool(kinds))
    both_nan = want != want and got != got
    return bool(both_nan or got == want)


def check(function: Callable[..., Any], *args: Any, returns: bool = True, **options: Any) -> None:
    """Run ``function`` on every back end, and compare what is returned, written and raised.

    Parameters
    ----------
    function : function
        Plain Python. It returns scalars, tuples of them, or None.
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
    for name, run in runs.items():
        theirs = tuple(map(copy_of, args))
        got = attempt(run, wanted, theirs)
        label = f"{function.__name__} on {name}"
        if returns or isinstance(want, Failure) or isinstance(got, Failure):
            assert same(got, _flat(want)), f"{label} returns {got!r}, expected {want!r}"
        assert same(theirs, ours), f"{label} writes {theirs!r}, expected {ours!r}"


def _flat(value: Any) -> Any:
    if isinstance(value, Failure):
        return value
    if isinstance(value, tuple):
        return tuple(leaf for each in value for leaf in _flat(each))
    return () if value is None else (value,)


def _run_untyped(wanted: Any, args: Any) -> Any:
    return _flat(interpret(untyped(wanted), args))


def _run_typed(wanted: Any, args: Any) -> Any:
    def address(array: np.ndarray) -> memory.Address:
        return memory.Address(*bytes_of(array))

    flat = [x for a in args for x in leaves_of(a, address, memory.NULL)]
    return _flat(interpret(pipeline.rewritten(wanted), flat))


def _run_machine(wanted: Any, args: Any) -> Any:
    return _flat(tuple(Machine(wanted)(*args)))
