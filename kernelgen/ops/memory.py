"""Addresses, loads and stores: what arrays come down to when they are taken apart.

Only ``rewrites/split_tuples.py`` makes these ops, and no user can write them. What they are given
has been checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.errors import InternalError
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Type
from kernelgen.types.table import ADDRESS, BOOL, WEAK_INT, Scalar, from_dtype


class Address(NamedTuple):
    """An address as the interpreter has it: some memory, and how many bytes into it.

    ``memory`` is an array of bytes, None of the address null. Reading or writing outside of it is
    a defect of the compiler.
    """

    memory: np.ndarray[Any, Any] | None
    place: int = 0

    def view(self, t: Scalar) -> np.ndarray[Any, Any]:
        """The value of type ``t`` that stands there, as an array of one element."""
        if self.memory is None or not 0 <= self.place <= len(self.memory) - t.size:
            raise InternalError(f"access to a {t} outside of its memory, at {self.place}")
        return self.memory[self.place : self.place + t.size].view(t.dtype)


NULL = Address(None)


def _rule(params: tuple[Type, ...], result: Type) -> Callable[[Op, tuple[Type, ...]], Typed]:
    return lambda op, types: Typed(params, result)


def _moved(address: Address, distance: Any) -> Address:
    return address._replace(place=address.place + int(distance))


def _element(address: Address, index: Any, type: Scalar) -> Address:
    return _moved(address, int(index) * type.size)


def _lower_offset(e: Emitter, op: Op, args: list[str]) -> str:
    return e(f"getelementptr i8, ptr {args[0]}, i64 {args[1]}")


def _lower_element(e: Emitter, op: Op, args: list[str]) -> str:
    t: Scalar = op.attrs["type"]
    return e(f"getelementptr inbounds {t.memory}, ptr {args[0]}, i64 {args[1]}")


define(OpDef("offset", _rule((ADDRESS, WEAK_INT), ADDRESS), _moved, _lower_offset))
define(OpDef("element", _rule((ADDRESS, WEAK_INT), ADDRESS), _element, _lower_element))


# ------------------------------------------------------------------------ constant memory


def _table(value: np.ndarray[Any, Any]) -> Address:
    """The memory of a constant array of one dimension."""
    return Address(np.frombuffer(value.tobytes(), np.uint8))


def _lower_table(e: Emitter, op: Op, args: list[str]) -> str:
    values = op.attrs["value"]
    t = from_dtype(values.dtype)
    assert t is not None
    return e.table(t, values)


define(OpDef("table", _rule((), ADDRESS), _table, _lower_table))

# -------------------------------------------------------------------------- loads and stores


def _load_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((ADDRESS,), op.attrs["type"])


def _load(address: Address, type: Scalar) -> Any:
    return address.view(type)[0]


def _store(address: Address, value: Any, type: Scalar) -> None:
    address.view(type)[0] = value


def _lower_load(e: Emitter, op: Op, args: list[str]) -> str:
    return load(e, op.attrs["type"], args[0])


def load(e: Emitter, t: Scalar, address: str) -> str:
    """Load a value; any byte but zero is a true bool. A complex number is loaded by its parts."""
    if t.is_complex:
        part = t.component
        behind = e(f"getelementptr inbounds i8, ptr {address}, i64 {part.size}")
        return e.complex(t, load(e, part, address), load(e, part, behind))
    value = e(f"load {t.memory}, ptr {address}, align {t.alignment}")
    return e(f"icmp ne i8 {value}, 0") if t.is_bool else value


def _lower_store(e: Emitter, op: Op, args: list[str]) -> str:
    store(e, op.attrs["type"], *args)
    return "undef"


def store(e: Emitter, t: Scalar, address: str, value: str) -> None:
    """Store a value, as ``load`` reads it."""
    if t.is_complex:
        part = t.component
        behind = e(f"getelementptr inbounds i8, ptr {address}, i64 {part.size}")
        for i, place in enumerate((address, behind)):
            store(e, part, place, e(f"extractvalue {t.llvm} {value}, {i}"))
        return
    if t.is_bool:
        value = e(f"zext i1 {value} to i8")
    e.lines.append(f"  store {t.memory} {value}, ptr {address}, align {t.alignment}")


def _store_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((ADDRESS, op.attrs["type"]), NONE)


define(OpDef("load", _load_rule, _load, _lower_load, carries=True))
define(OpDef("store", _store_rule, _store, _lower_store, carries=True, effects=True))

# ------------------------------------------------------------------------------------ checks


def _require_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((BOOL, *types[1:]), NONE)


def _require(condition: Any, *values: Any, error: Any) -> None:
    """Raise ``error``, made of ``values``, unless the condition holds."""
    if not condition:
        raise error.make(values)


# It may leave the function, which lower.py sees to.
define(OpDef("require", _require_rule, _require, never_lowered, carries=True, effects=True))
