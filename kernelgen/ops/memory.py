"""Addresses, loads, stores, blocks of memory: what arrays come down to when they are taken apart.

Only ``rewrites/split_tuples.py`` makes these ops, and no user can write them. What they are given
has been checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen import heap
from kernelgen.errors import InternalError
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Type
from kernelgen.types.records import element_type
from kernelgen.types.table import ADDRESS, BOOL, WEAK_BOOL, WEAK_INT, Scalar


class Block:
    """How many references a block of the interpreter's memory has left; it is freed at none."""

    def __init__(self) -> None:
        self.references = 1


class Address(NamedTuple):
    """An address as the interpreter has it: some memory, and how many bytes into it.

    ``memory`` is an array of bytes, None of the address null. ``block`` counts the references to
    memory that a function has allocated. Reading or writing outside of the memory, or when it has
    been freed, is a defect of the compiler.
    """

    memory: np.ndarray[Any, Any] | None
    place: int = 0
    block: Block | None = None

    def view(self, t: Scalar) -> np.ndarray[Any, Any]:
        """The value of type ``t`` that stands there, as an array of one element."""
        if self.memory is None or not 0 <= self.place <= len(self.memory) - t.size:
            raise InternalError(f"access to a {t} outside of its memory, at {self.place}")
        if self.block is not None and self.block.references < 1:
            raise InternalError(f"access to a {t} in a block that has been freed")
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
    t = element_type(values.dtype)
    assert t is not None
    return e.table(t, values)


define(OpDef("table", _rule((), ADDRESS), _table, _lower_table))

# -------------------------------------------------------------------------- loads and stores


def _load_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((ADDRESS,), op.attrs["type"])


def _load(address: Address, type: Scalar, aligned: bool = True, scope: str = "") -> Any:
    return address.view(type)[0]


def _store(
    address: Address, value: Any, type: Scalar, aligned: bool = True, scope: str = ""
) -> None:
    address.view(type)[0] = value


def alignment_of(op: Op) -> int:
    """What the address that an op is given is known to be a multiple of."""
    t: Scalar = op.attrs["type"]
    return t.alignment if op.attrs.get("aligned", True) else 1


def _lower_load(e: Emitter, op: Op, args: list[str]) -> str:
    e.touched(op.attrs["type"], args[0], "read", op.loc)
    return load(e, op.attrs["type"], args[0], alignment_of(op), _scope(e, op))


SCOPE_LIST = "!12"
"""The metadata that names the scope; those of loops have smaller numbers."""

_SCOPES = {"read": f", !noalias {SCOPE_LIST}", "written": f", !alias.scope {SCOPE_LIST}"}
"""What accesses are marked with of which it is known that nothing that is read is written."""


def _scope(e: Emitter, op: Op) -> str:
    """The mark of an access, and the declaration of what it refers to."""
    scope = op.attrs.get("scope")
    if scope is None:
        return ""
    declare_scope(e)
    return _SCOPES[scope]


def declare_scope(e: Emitter) -> None:
    """Declare the scope, of which ``begin_scope`` says how long it lasts."""
    e.declarations["scope"] = "!10 = distinct !{!10}\n!11 = distinct !{!11, !10}\n!12 = !{!11}"


def load(e: Emitter, t: Scalar, address: str, alignment: int, mark: str = "") -> str:
    """Load a value; any byte but zero is a true bool. A complex number is loaded by its parts."""
    if t.is_complex:
        part = t.component
        behind = e(f"getelementptr inbounds i8, ptr {address}, i64 {part.size}")
        places = (address, behind)
        return e.complex(t, *(load(e, part, place, alignment, mark) for place in places))
    value = e(f"load {t.memory}, ptr {address}, align {alignment}{mark}")
    return e(f"icmp ne i8 {value}, 0") if t.is_bool else value


def _lower_store(e: Emitter, op: Op, args: list[str]) -> str:
    e.touched(op.attrs["type"], args[0], "write", op.loc)
    store(e, op.attrs["type"], args[0], args[1], alignment_of(op), _scope(e, op))
    return "undef"


def store(e: Emitter, t: Scalar, address: str, value: str, alignment: int, mark: str = "") -> None:
    """Store a value, as ``load`` reads it."""
    if t.is_complex:
        part = t.component
        behind = e(f"getelementptr inbounds i8, ptr {address}, i64 {part.size}")
        for i, place in enumerate((address, behind)):
            store(e, part, place, e(f"extractvalue {t.llvm} {value}, {i}"), alignment, mark)
        return
    if t.is_bool:
        value = e(f"zext i1 {value} to i8")
    e.lines.append(f"  store {t.memory} {value}, ptr {address}, align {alignment}{mark}")


def _store_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((ADDRESS, op.attrs["type"]), NONE)


define(OpDef("load", _load_rule, _load, _lower_load, carries=True))
define(OpDef("store", _store_rule, _store, _lower_store, carries=True, effects=True))


def _copy_record(target: Address, source: Address, type: Scalar, aligned: bool = True) -> None:
    target.view(type)[0] = source.view(type)[0]


def _lower_copy_record(e: Emitter, op: Op, args: list[str]) -> str:
    e.declarations["memmove"] = "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)"
    places = ", ".join(f"ptr align {alignment_of(op)} {place}" for place in args)
    size = op.attrs["type"].size
    e.lines.append(f"  call void @llvm.memmove.p0.p0.i64({places}, i64 {size}, i1 false)")
    return "undef"


define(
    OpDef(
        "copy_record",
        _rule((ADDRESS, ADDRESS), NONE),
        _copy_record,
        _lower_copy_record,
        carries=True,
        effects=True,
    )
)


def _clear_bytes(address: Address, count: Any) -> None:
    if count:
        assert address.memory is not None
        address.memory[address.place : address.place + int(count)] = 0


def _lower_clear_bytes(e: Emitter, op: Op, args: list[str]) -> str:
    e.declarations["memset"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
    e.lines.append(f"  call void @llvm.memset.p0.i64(ptr {args[0]}, i8 0, i64 {args[1]}, i1 false)")
    return "undef"


define(
    OpDef(
        "clear_bytes",
        _rule((ADDRESS, WEAK_INT), NONE),
        _clear_bytes,
        _lower_clear_bytes,
        carries=True,
        effects=True,
    )
)

# ------------------------------------------------------------------------------------ blocks


def _array_bytes_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((WEAK_INT,) * len(types), WEAK_INT)


def _array_bytes(*shape: Any, itemsize: int) -> Any:
    """The bytes of an array's elements; -1 if there are more than an address can count."""
    total = math.prod(map(int, shape), start=itemsize)
    return np.int64(total if total < 1 << 62 else -1)


def _lower_array_bytes(e: Emitter, op: Op, args: list[str]) -> str:
    name = "llvm.smul.with.overflow.i64"
    e.declarations[name] = f"declare {{ i64, i1 }} @{name}(i64, i64)"
    total, beyond = str(op.attrs["itemsize"]), "false"
    for length in args:
        product = e(f"call {{ i64, i1 }} @{name}(i64 {total}, i64 {length})")
        total = e(f"extractvalue {{ i64, i1 }} {product}, 0")
        beyond = e(f"or i1 {beyond}, {e(f'extractvalue {{ i64, i1 }} {product}, 1')}")
    beyond = e(f"or i1 {beyond}, {e(f'icmp sge i64 {total}, {1 << 62}')}")
    return e(f"select i1 {beyond}, i64 -1, i64 {total}")


define(OpDef("array_bytes", _array_bytes_rule, _array_bytes, _lower_array_bytes))


def _allocate(size: Any) -> Address:
    return Address(np.zeros(heap.SIZE + int(size), np.uint8), 0, Block())


def _lower_allocate(e: Emitter, op: Op, args: list[str]) -> str:
    e.declarations[heap.ALLOCATE] = heap.DECLARED[heap.ALLOCATE]
    return e(f"call noalias ptr @{heap.ALLOCATE}(ptr {heap.LIST}, i64 {args[0]})")


define(OpDef("allocate", _rule((WEAK_INT,), ADDRESS), _allocate, _lower_allocate, effects=True))
define(
    OpDef(
        "is_null",
        _rule((ADDRESS,), WEAK_BOOL),
        lambda address: np.bool_(address.memory is None),
        lambda e, op, args: e(f"icmp eq ptr {args[0]}, null"),
    )
)


def _define_on_owner(name: str, function: str, change: int) -> None:
    """What is done to the owner of an array's memory, which may be an argument's."""

    def reference(owner: Address) -> None:
        if owner.block is not None:
            if owner.block.references < 1:
                raise InternalError(f"{name} of a block that has been freed")
            owner.block.references += change

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        e.declarations[function] = heap.DECLARED[function]
        e.lines.append(f"  call void @{function}(ptr {args[0]})")
        return "undef"

    define(OpDef(name, _rule((ADDRESS,), NONE), reference, lower, carries=True, effects=True))


_define_on_owner("retain_owner", heap.RETAIN, 1)
_define_on_owner("release_owner", heap.RELEASE, -1)
_define_on_owner("keep_owner", heap.KEEP, 0)


def _number(address: Address) -> Any:
    """The address as an integer."""
    start = 0 if address.memory is None else address.memory.ctypes.data
    return np.int64(start + address.place)


define(
    OpDef(
        "address_number",
        _rule((ADDRESS,), WEAK_INT),
        _number,
        lambda e, op, args: e(f"ptrtoint ptr {args[0]} to i64"),
    )
)


def _reserved(type: Scalar, count: int) -> Address:
    """Memory in the frame of the function."""
    return Address(np.zeros(count * type.size, np.uint8))


define(
    OpDef(
        "reserve",
        _rule((), ADDRESS),
        _reserved,
        lambda e, op, args: e.reserve(op.attrs["type"], op.attrs["count"]),
    )
)

# ------------------------------------------------------------------------------------ checks


def _require_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((BOOL, *types[1:]), NONE)


def _require(condition: Any, *values: Any, error: Any) -> None:
    """Raise ``error``, made of ``values``, unless the condition holds."""
    if not condition:
        raise error.make(values)


# It may leave the function, which lower.py sees to.
define(OpDef("require", _require_rule, _require, never_lowered, carries=True, effects=True))
