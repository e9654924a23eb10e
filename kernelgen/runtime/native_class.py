"""Objects that Python calls without a Python frame, by CPython's vectorcall.

A class made here has, beside what its base class in Python has, two words in each object: the
address of the native function that calls of it go to, and that of a record which this function
reads. While there is no address, calls go to the ``__call__`` of the base class.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, TypeVar

from kernelgen.runtime import cpython_api
from kernelgen.runtime.layouts import ITEMS, LENGTH

C = TypeVar("C")

_pointer, _int, _text, _size = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_ssize_t

_DICT = object.__basicsize__
_WEAK_REFERENCES = _DICT + 8
_VECTORCALL = _DICT + 16
RECORD = _DICT + 24
"""Where in an object the address of its record is."""

# The numbers of slots and of kinds of members, and flags of types, as in CPython's headers.
_SLOT_CLEAR, _SLOT_TRAVERSE, _SLOT_MEMBERS, _SLOT_GETSET = 51, 71, 72, 73
_SIGNED_SIZE, _READ_ONLY = 19, 1
_HAS_VECTORCALL, _HAS_GC, _IS_METHOD, _DEFAULT = 1 << 11, 1 << 14, 1 << 17, 1 << 18


class _Member(ctypes.Structure):
    """``PyMemberDef``"""

    _fields_ = (
        ("name", _text),
        ("kind", _int),
        ("offset", _size),
        ("flags", _int),
        ("doc", _text),
    )


class _Property(ctypes.Structure):
    """``PyGetSetDef``"""

    _fields_ = (
        ("name", _text),
        ("get", _pointer),
        ("set", _pointer),
        ("doc", _text),
        ("closure", _pointer),
    )


class _Slot(ctypes.Structure):
    """``PyType_Slot``"""

    _fields_ = (("number", _int), ("content", _pointer))


class _Spec(ctypes.Structure):
    """``PyType_Spec``"""

    _fields_ = (
        ("name", _text),
        ("size", _int),
        ("item_size", _int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_slot_of = cpython_api.function("PyType_GetSlot", _pointer, ctypes.py_object, _int)
_make_type = cpython_api.function(
    "PyType_FromSpecWithBases", ctypes.py_object, ctypes.POINTER(_Spec), ctypes.py_object
)


class _Ordinary:
    """A class of Python's, for how objects with attributes take part in garbage collection."""


_members = (_Member * 4)(
    *(
        _Member(name, _SIGNED_SIZE, offset, _READ_ONLY, None)
        for name, offset in (
            (b"__dictoffset__", _DICT),
            (b"__weaklistoffset__", _WEAK_REFERENCES),
            (b"__vectorcalloffset__", _VECTORCALL),
        )
    )
)
_properties = (_Property * 2)(
    _Property(
        b"__dict__",
        cpython_api.address("PyObject_GenericGetDict"),
        cpython_api.address("PyObject_GenericSetDict"),
        None,
        None,
    )
)
_slots = (_Slot * 5)(
    _Slot(_SLOT_MEMBERS, ctypes.addressof(_members)),
    _Slot(_SLOT_GETSET, ctypes.addressof(_properties)),
    _Slot(_SLOT_TRAVERSE, _slot_of(_Ordinary, _SLOT_TRAVERSE)),
    _Slot(_SLOT_CLEAR, _slot_of(_Ordinary, _SLOT_CLEAR)),
)
_kept: list[Any] = []  # what types point into


def native_class(base: type[C]) -> type[C]:
    """A subclass of ``base`` whose objects may be called natively.

    Parameters
    ----------
    base : type
        It has empty ``__slots__`` and a ``__call__``, and a ``__get__`` that makes methods.
    """
    name = f"{base.__module__}.{base.__name__.lstrip('_')}".encode()
    flags = _HAS_VECTORCALL | _HAS_GC | _IS_METHOD | _DEFAULT
    spec = _Spec(name, RECORD + 8, 0, flags, _slots)
    _kept.extend((name, spec))
    made: type[C] = _make_type(ctypes.byref(spec), (base,))
    return made


def set_target(instance: object, function: int, record: int) -> None:
    """Let calls of an object of a native class go to a native function."""
    ctypes.c_void_p.from_address(id(instance) + RECORD).value = record
    ctypes.c_void_p.from_address(id(instance) + _VECTORCALL).value = function


# The words of a record, which the native code reads, and of a node in its list.
_FIRST, _COUNT, _POSITIONAL, _POSITIONAL_ONLY, _NAMES, _DEFAULTS = range(6)
_ENTRY, _NEXT = range(2)


class Record:
    """What native calls of one object need: its parameters, and the entries to try in order.

    An entry is ``PyObject *entry(PyObject **args)``, of as many arguments as there are
    parameters. It returns `MISSED` if it is not for arguments of these types.

    Parameters
    ----------
    names : sequence of str
        The names of the parameters, keyword-only ones last.
    positional, positional_only : int
        How many can, and how many must be given by position.
    defaults : dict of str to object
        Default values.
    """

    def __init__(
        self,
        names: Sequence[str],
        positional: int,
        positional_only: int,
        defaults: dict[str, Any],
    ) -> None:
        count = len(names)
        self._objects = [*names, *defaults.values()]  # names are interned, as keywords are
        self._names = (_pointer * count)(*map(id, names))
        self._defaults = (_pointer * count)(
            *(id(defaults[name]) if name in defaults else None for name in names)
        )
        addresses = map(ctypes.addressof, (self._names, self._defaults))
        self._words = (ctypes.c_int64 * 6)(0, count, positional, positional_only, *addresses)
        self._nodes: list[Any] = []

    @property
    def address(self) -> int:
        """Where the native code finds it. It holds while this object lives."""
        return ctypes.addressof(self._words)

    def add(self, entry: int) -> None:
        """Append an entry."""
        node = (ctypes.c_int64 * 2)(entry, 0)
        self._nodes.append(node)
        last = self._words if len(self._nodes) == 1 else self._nodes[-2]
        last[_FIRST if last is self._words else _NEXT] = ctypes.addressof(node)


MISSED = 1
"""What an entry returns that is not for the arguments: no object has this address."""

CALL = "kernelgen_call"
SLOW = "kernelgen_slow_name"

SLOW_METHOD = "__call__"
"""The method that calls go to for which there is no entry."""

SOURCE = f"""
@{SLOW} = external global i8
declare ptr @PyObject_GetAttr(ptr, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)

define ptr @{CALL}(ptr %self, ptr %args, i64 %flagged, ptr %keywords) {{
  %record.at = getelementptr i8, ptr %self, i64 {RECORD}
  %record = load ptr, ptr %record.at
  %given = and i64 %flagged, {(1 << 63) - 1}
  %count.at = getelementptr i64, ptr %record, i64 {_COUNT}
  %count = load i64, ptr %count.at
  %positional.at = getelementptr i64, ptr %record, i64 {_POSITIONAL}
  %positional = load i64, ptr %positional.at
  %no.keywords = icmp eq ptr %keywords, null
  %all = icmp eq i64 %given, %count
  %by.position = icmp ule i64 %given, %positional
  %complete = and i1 %no.keywords, %all
  %direct = and i1 %complete, %by.position
  br i1 %direct, label %try, label %some
try:
  %found = call ptr @try_entries(ptr %record, ptr %args)
  br label %tried
some:
  br i1 %by.position, label %bind, label %slow
bind:
  %bound = alloca ptr, i64 %count
  %fine = call i1 @bind(ptr %record, ptr %args, i64 %given, ptr %keywords, ptr %bound)
  br i1 %fine, label %try.bound, label %slow
try.bound:
  %found.bound = call ptr @try_entries(ptr %record, ptr %bound)
  br label %tried
tried:
  %result = phi ptr [ %found, %try ], [ %found.bound, %try.bound ]
  %missed = icmp eq ptr %result, inttoptr (i64 {MISSED} to ptr)
  br i1 %missed, label %slow, label %done
done:
  ret ptr %result
slow:
  %method = call ptr @PyObject_GetAttr(ptr %self, ptr @{SLOW})
  %failed = icmp eq ptr %method, null
  br i1 %failed, label %failure, label %call
call:
  %made = call ptr @PyObject_Vectorcall(ptr %method, ptr %args, i64 %given, ptr %keywords)
  call void @Py_DecRef(ptr %method)
  ret ptr %made
failure:
  ret ptr null
}}

define internal ptr @try_entries(ptr %record, ptr %args) {{
start:
  %first.at = getelementptr i64, ptr %record, i64 {_FIRST}
  br label %next
next:
  %at = phi ptr [ %first.at, %start ], [ %next.at, %try ]
  %node = load ptr, ptr %at
  %none = icmp eq ptr %node, null
  br i1 %none, label %missed, label %try
try:
  %entry = load ptr, ptr %node
  %result = call ptr %entry(ptr %args)
  %next.at = getelementptr i64, ptr %node, i64 {_NEXT}
  %miss = icmp eq ptr %result, inttoptr (i64 {MISSED} to ptr)
  br i1 %miss, label %next, label %done
done:
  ret ptr %result
missed:
  ret ptr inttoptr (i64 {MISSED} to ptr)
}}

; Put each argument in the place of its parameter, false if Python has to look at them.
define internal i1 @bind(ptr %record, ptr %args, i64 %given, ptr %keywords, ptr %bound) {{
start:
  %count.at = getelementptr i64, ptr %record, i64 {_COUNT}
  %count = load i64, ptr %count.at
  %only.at = getelementptr i64, ptr %record, i64 {_POSITIONAL_ONLY}
  %only = load i64, ptr %only.at
  %names.at = getelementptr i64, ptr %record, i64 {_NAMES}
  %names = load ptr, ptr %names.at
  %defaults.at = getelementptr i64, ptr %record, i64 {_DEFAULTS}
  %defaults = load ptr, ptr %defaults.at
  br label %place
place:
  %i = phi i64 [ 0, %start ], [ %i.next, %placed ]
  %all = icmp eq i64 %i, %count
  br i1 %all, label %by.name, label %put
put:
  %is.given = icmp ult i64 %i, %given
  br i1 %is.given, label %argument, label %placed
argument:
  %arg.at = getelementptr ptr, ptr %args, i64 %i
  %arg = load ptr, ptr %arg.at
  br label %placed
placed:
  %value = phi ptr [ null, %put ], [ %arg, %argument ]
  %place.at = getelementptr ptr, ptr %bound, i64 %i
  store ptr %value, ptr %place.at
  %i.next = add i64 %i, 1
  br label %place
by.name:
  %unnamed = icmp eq ptr %keywords, null
  br i1 %unnamed, label %fill, label %named
named:
  %length.at = getelementptr i8, ptr %keywords, i64 {LENGTH}
  %length = load i64, ptr %length.at
  %items = getelementptr i8, ptr %keywords, i64 {ITEMS}
  %rest = getelementptr ptr, ptr %args, i64 %given
  br label %keyword
keyword:
  %k = phi i64 [ 0, %named ], [ %k.next, %set ]
  %last = icmp eq i64 %k, %length
  br i1 %last, label %fill, label %search
search:
  %name.at = getelementptr ptr, ptr %items, i64 %k
  %name = load ptr, ptr %name.at
  br label %look
look:
  %p = phi i64 [ %only, %search ], [ %p.next, %compare ]
  %unknown = icmp uge i64 %p, %count
  br i1 %unknown, label %failed, label %compare
compare:
  %known.at = getelementptr ptr, ptr %names, i64 %p
  %known = load ptr, ptr %known.at
  %same = icmp eq ptr %known, %name
  %p.next = add i64 %p, 1
  br i1 %same, label %free, label %look
free:
  %slot = getelementptr ptr, ptr %bound, i64 %p
  %before = load ptr, ptr %slot
  %is.free = icmp eq ptr %before, null
  br i1 %is.free, label %set, label %failed
set:
  %by.name.at = getelementptr ptr, ptr %rest, i64 %k
  %by.name.value = load ptr, ptr %by.name.at
  store ptr %by.name.value, ptr %slot
  %k.next = add i64 %k, 1
  br label %keyword
fill:
  %j = phi i64 [ 0, %by.name ], [ 0, %keyword ], [ %j.next, %filled ]
  %complete = icmp eq i64 %j, %count
  br i1 %complete, label %bound.all, label %check
check:
  %there.at = getelementptr ptr, ptr %bound, i64 %j
  %there = load ptr, ptr %there.at
  %missing = icmp eq ptr %there, null
  br i1 %missing, label %default, label %filled
default:
  %default.at = getelementptr ptr, ptr %defaults, i64 %j
  %default.value = load ptr, ptr %default.at
  store ptr %default.value, ptr %there.at
  %required = icmp eq ptr %default.value, null
  br i1 %required, label %failed, label %filled
filled:
  %j.next = add i64 %j, 1
  br label %fill
bound.all:
  ret i1 true
failed:
  ret i1 false
}}
"""
