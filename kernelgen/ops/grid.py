"""What threads of a grid do: registers, barriers, arrays in shared memory, atomics, warps.

``rewrites/resolve_grid_calls.py`` makes these ops of what users write. What differs between a GPU
and its emulation is in the emitters. The interpreter runs one thread, which is alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Op
from kernelgen.llvm_grid import GridEmitter
from kernelgen.llvm_text import Emitter
from kernelgen.ops.arith import result_type
from kernelgen.ops.arrays import check_writable
from kernelgen.ops.indexing import index_param, indexed_type
from kernelgen.ops.memory import Address
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.rules import common
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Type, describe
from kernelgen.types.table import (
    ADDRESS,
    BOOL,
    INT32,
    UINT32,
    WEAK_BOOL,
    WEAK_INT,
    Scalar,
)


def _grid(e: Emitter, op: Op) -> GridEmitter:
    """The emitter of a kernel of a grid.

    Raises
    ------
    UnsupportedError
        The code is for a processor.
    """
    if not isinstance(e, GridEmitter):
        raise UnsupportedError(
            "what threads of a grid do is for kernels of cuda.jit",
            op.loc,
            "decorate the function with @cuda.jit, or write a loop",
        )
    return e


# --------------------------------------------------------------------------------- registers


def _lower_register(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"zext i32 {_grid(e, op).register(op.attrs['register'])} to i64")


def _register(register: str) -> Any:
    """The only thread is the first of a grid of one."""
    return np.int64(register.startswith("n"))


define(OpDef("register", lambda op, types: Typed((), WEAK_INT), _register, _lower_register))

# ---------------------------------------------------------------------------------- barriers


def _lower_barrier(e: Emitter, op: Op, args: list[str]) -> str:
    _grid(e, op).barrier(op.loc)
    return "undef"


def _lower_warp_barrier(e: Emitter, op: Op, args: list[str]) -> str:
    _grid(e, op).warp_barrier(args[0], op.loc)
    return "undef"


def _lower_fence(e: Emitter, op: Op, args: list[str]) -> str:
    e.lines.append(f"  fence {_grid(e, op).scope}seq_cst")
    return "undef"


def _nothing(*values: Any) -> None:
    """One thread waits for nobody."""


def _define_waiting(name: str, params: tuple[Type, ...], lower: Any) -> None:
    define(
        OpDef(
            name,
            lambda op, types: Typed(params, NONE),
            _nothing,
            lower,
            carries=True,
            effects=True,
        )
    )


_define_waiting("syncthreads", (), _lower_barrier)
_define_waiting("syncwarp", (UINT32,), _lower_warp_barrier)
_define_waiting("threadfence", (), _lower_fence)

# ------------------------------------------------------------------------------------ memory


def _grid_array_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), Array(op.attrs["dtype"], len(op.attrs["shape"]), "C"))


def _grid_array(shape: tuple[int, ...], dtype: Scalar, space: str) -> Any:
    return np.zeros(shape, dtype.dtype)


define(
    OpDef("grid_array", _grid_array_rule, _grid_array, never_lowered, carries=True, effects=True)
)


def _shared_memory(type: Scalar, count: int) -> Address:
    return Address(np.zeros(count * type.size, np.uint8))


define(
    OpDef(
        "shared_memory",
        lambda op, types: Typed((), ADDRESS),
        _shared_memory,
        lambda e, op, args: _grid(e, op).shared(op.attrs["type"], op.attrs["count"]),
        carries=True,
        effects=True,
    )
)
define(
    OpDef(
        "dynamic_shared_memory",
        lambda op, types: Typed((), ADDRESS),
        lambda: Address(np.zeros(0, np.uint8)),
        lambda e, op, args: _grid(e, op).dynamic_shared()[0],
        carries=True,
        effects=True,
    )
)


def _lower_dynamic_length(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"udiv i64 {_grid(e, op).dynamic_shared()[1]}, {op.attrs['itemsize']}")


define(
    OpDef(
        "dynamic_shared_length",
        lambda op, types: Typed((), WEAK_INT),
        lambda itemsize: np.int64(0),
        _lower_dynamic_length,
    )
)

# ----------------------------------------------------------------------------------- atomics

_INTEGERS_ONLY = ("and_", "or_", "xor")


def _atomic_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    """The operands are an array, an index, and one value or two."""
    array, index, *values = types
    if not isinstance(array, Array):
        raise NoRule(f"an atomic operation is on an element of an array, not of {describe(array)}")
    check_writable(array)
    t = indexed_type(array, index)
    if not isinstance(t, Scalar):
        raise NoRule("an atomic operation is on one element", "give an index for each dimension")
    _check_width(t, "an atomic operation")
    if t.is_float and op.attrs.get("kind") in _INTEGERS_ONLY:
        raise NoRule(f"there is no atomic {op.attrs['kind']} of {describe(t)}")
    return Typed((array, index_param(index), *[t] * len(values)), t)


def _check_width(t: Scalar, what: str) -> None:
    """Raise NoRule unless values of a type are numbers of 32 or 64 bits."""
    if t.bits not in (32, 64) or not (t.is_integer or t.is_float):
        raise NoRule(
            f"{what} has integers and floats of 32 or 64 bits, not {describe(t)}",
        )


_COMPUTED: dict[str, Any] = {
    "add": lambda old, value: old + value,
    "sub": lambda old, value: old - value,
    "max": np.fmax,
    "min": np.fmin,
    "exch": lambda old, value: value,
    "and_": lambda old, value: old & value,
    "or_": lambda old, value: old | value,
    "xor": lambda old, value: old ^ value,
}


def _atomic(array: Any, index: Any, value: Any, kind: str, **attrs: Any) -> Any:
    old = array[index]
    with np.errstate(all="ignore"):
        array[index] = _COMPUTED[kind](old, value)
    return old


def _atomic_cas(array: Any, index: Any, old: Any, value: Any, **attrs: Any) -> Any:
    found = array[index]
    if found.tobytes() == old.tobytes():
        array[index] = value
    return found


define(OpDef("atomic", _atomic_rule, _atomic, never_lowered, carries=True, effects=True))
define(OpDef("atomic_cas", _atomic_rule, _atomic_cas, never_lowered, carries=True, effects=True))

# The same on an address.


def _atomic_at_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t: Scalar = op.attrs["type"]
    return Typed((ADDRESS, *[t] * (len(types) - 1)), t)


def _atomic_at(address: Address, value: Any, type: Scalar, kind: str) -> Any:
    return _atomic(address.view(type), 0, value, kind)


def _atomic_cas_at(address: Address, old: Any, value: Any, type: Scalar) -> Any:
    return _atomic_cas(address.view(type), 0, old, value)


def _instruction(t: Scalar, kind: str) -> str:
    """LLVM's name of an atomic operation."""
    if kind == "exch":
        return "xchg"
    if kind in ("max", "min"):
        return ("f" if t.is_float else "" if t.is_signed else "u") + kind
    return ("f" if t.is_float else "") + kind.rstrip("_")


def _lower_atomic(e: Emitter, op: Op, args: list[str]) -> str:
    grid, t = _grid(e, op), result_type(op)
    grid.touched(t, args[0], "atomic", op.loc)
    instruction = _instruction(t, op.attrs["kind"])
    return e(f"atomicrmw {instruction} ptr {args[0]}, {t.llvm} {args[1]} {grid.scope}monotonic")


def _lower_atomic_cas(e: Emitter, op: Op, args: list[str]) -> str:
    grid, t = _grid(e, op), result_type(op)
    grid.touched(t, args[0], "atomic", op.loc)
    bits = f"i{t.bits}"
    old, new = (_bits(e, t, value) for value in args[1:])
    both = e(f"cmpxchg ptr {args[0]}, {bits} {old}, {bits} {new} {grid.scope}monotonic monotonic")
    return _of_bits(e, t, e(f"extractvalue {{ {bits}, i1 }} {both}, 0"))


def _bits(e: Emitter, t: Scalar, value: str) -> str:
    """A value as an integer of its width."""
    return e(f"bitcast {t.llvm} {value} to i{t.bits}") if t.is_float else value


def _of_bits(e: Emitter, t: Scalar, bits: str) -> str:
    return e(f"bitcast i{t.bits} {bits} to {t.llvm}") if t.is_float else bits


define(OpDef("atomic_at", _atomic_at_rule, _atomic_at, _lower_atomic, carries=True, effects=True))
define(
    OpDef(
        "atomic_cas_at",
        _atomic_at_rule,
        _atomic_cas_at,
        _lower_atomic_cas,
        carries=True,
        effects=True,
    )
)

# ------------------------------------------------------------------------------------- warps


def _shuffle_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common("a shuffle", types[1:2])
    if not t.weak:
        _check_width(t, "a shuffle")
    return Typed((UINT32, t, INT32), t)


def _shuffle(mask: Any, value: Any, lane: Any, kind: str) -> Any:
    return value


def _lower_shuffle(e: Emitter, op: Op, args: list[str]) -> str:
    """In words of 32 bits, which is what GPUs exchange."""
    grid, t = _grid(e, op), result_type(op)
    mask, value, lane = args
    bits = _bits(e, t, value)
    if t.bits == 32:
        return _of_bits(e, t, grid.shuffle(op.attrs["kind"], mask, bits, lane, op.loc))
    halves = []
    for shift in (0, 32):
        half = e(f"trunc i64 {e(f'lshr i64 {bits}, {shift}')} to i32")
        moved = grid.shuffle(op.attrs["kind"], mask, half, lane, op.loc)
        halves.append(e(f"shl i64 {e(f'zext i32 {moved} to i64')}, {shift}"))
    return _of_bits(e, t, e(f"or i64 {halves[0]}, {halves[1]}"))


def _vote_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((UINT32, BOOL), WEAK_INT if op.attrs["kind"] == "ballot" else WEAK_BOOL)


def _vote(mask: Any, predicate: Any, kind: str) -> Any:
    return np.int64(predicate) if kind == "ballot" else np.bool_(predicate)


def _lower_vote(e: Emitter, op: Op, args: list[str]) -> str:
    kind = op.attrs["kind"]
    mask, predicate = args
    found = _grid(e, op).vote(kind, mask, predicate, op.loc)
    return e(f"zext i32 {found} to i64") if kind == "ballot" else found


define(OpDef("shuffle", _shuffle_rule, _shuffle, _lower_shuffle, carries=True, effects=True))
define(OpDef("vote", _vote_rule, _vote, _lower_vote, carries=True, effects=True))
