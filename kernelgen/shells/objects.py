"""From Python's objects to the values of a kernel, and back: what an entry is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kernelgen import heap
from kernelgen.llvm_text import Emitter
from kernelgen.ops.convert import lower_conversion
from kernelgen.runtime import layouts
from kernelgen.types.arguments import Argument, Constant, Group
from kernelgen.types.compound import Array, Element, Special
from kernelgen.types.records import Record
from kernelgen.types.table import Scalar

_PYTHON = {"b": bool, "i": int, "f": float, "c": complex}


def _flags(t: Array, declared: bool) -> tuple[int, int]:
    """Which flags of an array to look at, and what they are to be.

    A call has code for exactly its arrays; a signature takes arrays of which it asks less.
    """
    looked_at = layouts.ALIGNED
    wanted = layouts.ALIGNED if t.aligned else 0
    if t.layout == "C":
        looked_at |= layouts.C_CONTIGUOUS
        wanted |= layouts.C_CONTIGUOUS
    elif t.layout == "F":
        looked_at |= layouts.F_CONTIGUOUS | (0 if declared else layouts.C_CONTIGUOUS)
        wanted |= layouts.F_CONTIGUOUS
    elif not declared:
        looked_at |= layouts.C_CONTIGUOUS | layouts.F_CONTIGUOUS
    if not (t.readonly and declared):
        looked_at |= layouts.WRITEABLE
        wanted |= 0 if t.readonly else layouts.WRITEABLE
    return looked_at, wanted


class Objects:
    """Writes what takes values out of objects, and what makes objects of values.

    Parameters
    ----------
    also : callable, optional
        See ``entry_module``.
    """

    def __init__(self, also: Callable[[Scalar], Sequence[Scalar]] | None) -> None:
        self.also = also
        self.declared = also is not None
        self.e = Emitter()
        self.objects: dict[str, Any] = {}
        self.frame: list[str] = []  # what the entry has on its stack
        self.generators: list[str] = []  # the interfaces of those that the entry knows
        self._symbols: dict[int, str] = {}
        self._labels = 0

    # Small tools.

    def _object(self, value: Any) -> str:
        """The name of an object whose address is linked in."""
        symbol = self._symbols.get(id(value))
        if symbol is None:
            symbol = self._symbols[id(value)] = f"kernelgen_object_{len(self.objects)}"
            self.objects[symbol] = value
        return f"@{symbol}"

    def _label(self, name: str) -> str:
        self._labels += 1
        return f"{name}{self._labels}"

    def _start(self, label: str) -> None:
        self.e.lines.append(f"{label}:")

    def _branch(self, condition: str, yes: str, no: str) -> None:
        self.e.lines.append(f"  br i1 {condition}, label %{yes}, label %{no}")

    def _require(self, condition: str, otherwise: str = "missed") -> None:
        """Go on in a new block if a condition holds."""
        go_on = self._label("next")
        self._branch(condition, go_on, otherwise)
        self._start(go_on)

    def _load(self, llvm: str, base: str, offset: int) -> str:
        return self.e(f"load {llvm}, ptr {self._at(base, offset)}")

    def _at(self, base: str, offset: int) -> str:
        return self.e(f"getelementptr i8, ptr {base}, i64 {offset}")

    def _has_class(self, value: str, cls: type) -> str:
        found = self._load("ptr", value, layouts.TYPE)
        return self.e(f"icmp eq ptr {found}, {self._object(cls)}")

    # From objects to values.

    def _unbox(self, value: str, t: Argument) -> list[str]:
        """The values of an argument, as the kernel takes them."""
        if isinstance(t, Constant):
            self._require(self.e(f"icmp eq ptr {value}, {self._object(t.value)}"))
            return []
        if isinstance(t, Group):
            return self._elements(value, t)
        if isinstance(t, Array):
            return self._array(value, t)
        if isinstance(t, Element):
            return self._record(value, t)
        if isinstance(t, Special):
            return [f"ptr {self._generator(value)}"]
        if t.weak:
            return [f"{t.llvm} {self._python_number(value, t)}"]
        also = self.also(t) if self.also is not None else ()
        if also:
            return [f"{t.llvm} {self._number_of_several(value, t, also)}"]
        self._require(self._has_class(value, t.dtype.type))
        return [f"{t.llvm} {self._numpy_number(value, t)}"]

    def _elements(self, value: str, t: Group) -> list[str]:
        self._require(self._has_class(value, t.cls))
        length = self._load("i64", value, layouts.LENGTH)
        self._require(self.e(f"icmp eq i64 {length}, {len(t.elements)}"))
        values = []
        for i, element in enumerate(t.elements):
            values += self._unbox(self._load("ptr", value, layouts.ITEMS + 8 * i), element)
        return values

    def _numpy_number(self, value: str, t: Scalar) -> str:
        """The value of a NumPy scalar of the right class; a time's unit is compared as well."""
        if t.is_time:
            unit = self._load("i64", value, layouts.UNIT)
            self._require(self.e(f"icmp eq i64 {unit}, {layouts.unit_word(t)}"))
        loaded = self._load(t.memory, value, layouts.VALUE)
        return self.e(f"icmp ne i8 {loaded}, 0") if t.is_bool else loaded

    def _python_number(self, value: str, t: Scalar) -> str:
        if t.is_bool:
            true = self.e(f"icmp eq ptr {value}, {self._object(True)}")
            false = self.e(f"icmp eq ptr {value}, {self._object(False)}")
            self._require(self.e(f"or i1 {true}, {false}"))
            return true
        self._require(self._has_class(value, _PYTHON[t.kind]))
        return self._integer(value) if t.is_integer else self._load(t.llvm, value, layouts.VALUE)

    def _integer(self, value: str) -> str:
        """A Python int, which must have 64 bits."""
        found = self.e(f"call i64 @PyLong_AsLongLongAndOverflow(ptr {value}, ptr %number)")
        beyond = self.e("load i32, ptr %number")
        self._require(self.e(f"icmp eq i32 {beyond}, 0"))
        return found

    def _number_of_several(self, value: str, t: Scalar, also: Sequence[Scalar]) -> str:
        """A NumPy scalar, or one of several Python numbers, which is converted."""
        done, ways = self._label("done"), []
        for cls, number in ((t.dtype.type, t), *((_PYTHON[w.kind], w) for w in also)):
            here, other, end = map(self._label, ("is", "other", "end"))
            self._branch(self._has_class(value, cls), here, other)
            self._start(here)
            found = self._converted(value, number, t)
            self.e.lines.append(f"  br label %{end}")
            self._start(end)
            self.e.lines.append(f"  br label %{done}")
            ways.append(f"[ {found}, %{end} ]")
            self._start(other)
        self.e.lines.append("  br label %missed")
        self._start(done)
        return self.e(f"phi {t.llvm} {', '.join(ways)}")

    def _converted(self, value: str, source: Scalar, to: Scalar) -> str:
        """The value of an object of the class that ``source`` means, as a ``to``."""
        if source is to:
            return self._numpy_number(value, to)
        number = self._python_number(value, source)
        if source.is_integer and to.is_integer and to.bits <= 64:
            low, high = to.minimum, min(to.maximum, source.maximum)
            for compare, bound in (("sge", low), ("sle", high)):
                self._require(self.e(f"icmp {compare} i64 {number}, {bound}"))
        return lower_conversion(self.e, source, to, number)

    def _array(self, value: str, t: Array) -> list[str]:
        """The parts of an array. What owns its memory is a header that stands for the object."""
        self._require(self._has_class(value, np.ndarray))
        self._check_array(value, t)
        parts = [f"ptr {self._load('ptr', value, layouts.ARRAY_DATA)}"]
        for offset in (layouts.ARRAY_SHAPE, layouts.ARRAY_STRIDES):
            numbers = self._load("ptr", value, offset)
            parts += [f"i64 {self._load('i64', numbers, 8 * i)}" for i in range(t.ndim)]
        return [*parts, f"ptr {self._owner(value)}"]

    def _generator(self, value: str) -> str:
        """The address of a generator's interface."""
        self._require(self._has_class(value, np.random.Generator))
        interface = self._at(value, layouts.GENERATOR)
        self.generators.append(interface)
        self.locked = True
        return interface

    def _check_array(self, value: str, t: Array) -> None:
        e = self.e
        ndim = self._load("i32", value, layouts.ARRAY_NDIM)
        self._require(e(f"icmp eq i32 {ndim}, {t.ndim}"))
        flags = self._load("i32", value, layouts.ARRAY_FLAGS)
        looked_at, wanted = _flags(t, self.declared)
        self._require(e(f"icmp eq i32 {e(f'and i32 {flags}, {looked_at}')}, {wanted}"))
        dtype = self._load("ptr", value, layouts.ARRAY_DTYPE)
        if isinstance(t.dtype, Record):
            self._check_record_dtype(dtype, t.dtype)
            return
        kind = e(f"and i64 {self._load('i64', dtype, layouts.DTYPE_KIND)}, {layouts.DTYPE_MASK}")
        same = [e(f"icmp eq i64 {kind}, {word}") for word in layouts.dtype_words(t.dtype)]
        self._require(same[0] if len(same) == 1 else e(f"or i1 {', '.join(same)}"))
        if t.dtype.is_time:
            metadata = self._load("ptr", dtype, layouts.DTYPE_METADATA)
            unit = self._load("i64", metadata, layouts.METADATA_UNIT)
            self._require(e(f"icmp eq i64 {unit}, {layouts.unit_word(t.dtype)}"))

    def _record(self, value: str, t: Element) -> list[str]:
        """The address of a record, and its owner as of an array."""
        e, record = self.e, t.record
        self._require(self._has_class(value, record.dtype.type))
        self._check_record_dtype(self._load("ptr", value, layouts.RECORD_DTYPE), record)
        flags = self._load("i32", value, layouts.RECORD_FLAGS)
        wanted = 0 if t.readonly else layouts.WRITEABLE
        self._require(e(f"icmp eq i32 {e(f'and i32 {flags}, {layouts.WRITEABLE}')}, {wanted}"))
        data = self._load("ptr", value, layouts.RECORD_DATA)
        beyond = e(f"and i64 {e(f'ptrtoint ptr {data} to i64')}, {record.alignment - 1}")
        self._require(e(f"icmp {'eq' if t.aligned else 'ne'} i64 {beyond}, 0"))
        return [f"ptr {data}", f"ptr {self._owner(value)}"]

    def _check_record_dtype(self, dtype: str, record: Record) -> None:
        """A dtype is the one that the code was compiled for, or is equal to it."""
        e, known = self.e, record.dtype
        right, other = self._label("right"), self._label("other")
        cls = self._load("ptr", dtype, layouts.DTYPE_CLASS)
        self._require(e(f"icmp eq ptr {cls}, {self._object(known.type)}"))
        alignment = self._load("i64", dtype, layouts.DTYPE_ALIGNMENT)
        self._require(e(f"icmp eq i64 {alignment}, {record.alignment}"))
        fields = self._load("ptr", dtype, layouts.DTYPE_FIELDS)
        same = e(f"icmp eq ptr {fields}, {self._object(layouts.dict_of(record.known_fields))}")
        self._branch(same, right, other)
        self._start(other)
        equal = e(f"call i8 @PyArray_EquivTypes(ptr {dtype}, ptr {self._object(known)})")
        self._require(e(f"icmp ne i8 {equal}, 0"))
        e.lines.append(f"  br label %{right}")
        self._start(right)

    def _owner(self, value: str) -> str:
        """The header of an argument's memory, in this frame."""
        owner = f"%owner{len(self.frame)}"
        self.frame.append(f"  {owner} = alloca [4 x i64]")
        self.e.lines += [
            f"  store [4 x i64] [i64 1, i64 0, i64 0, i64 0], ptr {owner}",
            f"  store ptr {value}, ptr {self._at(owner, 8)}",
        ]
        return owner

    # From values to objects.

    def _box(self, t: Argument, values: Iterator[tuple[str, str]], failed: str) -> str:
        """A new reference to the object of the next values; on failure go to a block."""
        if isinstance(t, Constant):
            self.e.lines.append(f"  call void @Py_IncRef(ptr {self._object(t.value)})")
            return self._object(t.value)
        if isinstance(t, Group):
            return self._tuple(t, values, failed)
        if isinstance(t, Array):
            return self._array_object(t, values, failed)
        if isinstance(t, Element):
            return self._record_object(t, values, failed)
        value = next(values)[1]
        if isinstance(t, Special):
            made = self._at(value, -layouts.GENERATOR)
            self.e.lines.append(f"  call void @Py_IncRef(ptr {made})")
            return made
        made = self._python_object(t, value) if t.weak else self._numpy_scalar(t, value)
        self._require(self.e(f"icmp ne ptr {made}, null"), failed)
        return made

    def _python_object(self, t: Scalar, value: str) -> str:
        e = self.e
        if t.is_bool:
            yes, no = self._object(True), self._object(False)
            made = e(f"select i1 {value}, ptr {yes}, ptr {no}")
            e.lines.append(f"  call void @Py_IncRef(ptr {made})")
            return made
        if t.is_complex:
            parts = [e(f"extractvalue {t.llvm} {value}, {i}") for i in (0, 1)]
            return e(f"call ptr @PyComplex_FromDoubles(double {parts[0]}, double {parts[1]})")
        function = "PyLong_FromLongLong" if t.is_integer else "PyFloat_FromDouble"
        return e(f"call ptr @{function}({t.llvm} {value})")

    def _numpy_scalar(self, t: Scalar, value: str) -> str:
        if t.is_bool:
            value = self.e(f"zext i1 {value} to i8")
        self.e.lines.append(f"  store {t.memory} {value}, ptr %number")
        dtype = self._object(t.dtype)
        return self.e(f"call ptr @PyArray_Scalar(ptr %number, ptr {dtype}, ptr null)")

    def _array_object(self, t: Array, values: Iterator[tuple[str, str]], failed: str) -> str:
        """An argument, a view of one, or an array that owns a block."""
        data, *lengths, owner = (next(values)[1] for _ in range(2 * t.ndim + 2))
        place = f"%lengths{len(self.frame)}"
        self.frame.append(f"  {place} = alloca [{2 * t.ndim} x i64]")
        for i, length in enumerate(lengths):
            self.e.lines.append(f"  store i64 {length}, ptr {self._at(place, 8 * i)}")
        flags = 0 if t.readonly else layouts.WRITEABLE
        self.e.declarations[heap.MAKE_ARRAY] = heap.DECLARED[heap.MAKE_ARRAY]
        made = self.e(
            f"call ptr @{heap.MAKE_ARRAY}(ptr {self._object(t.dtype.dtype)}, i32 {t.ndim}, "
            f"ptr {place}, ptr {data}, ptr {owner}, i32 {flags})"
        )
        self._require(self.e(f"icmp ne ptr {made}, null"), failed)
        return made

    def _record_object(self, t: Element, values: Iterator[tuple[str, str]], failed: str) -> str:
        """A record that refers to an array without dimensions, as those taken from arrays do."""
        e, array = self.e, Array(t.record, 0, "C", t.readonly, t.aligned)
        parts = [next(values), next(values)]
        whole = self._array_object(array, iter(parts), failed)
        dtype = self._object(t.record.dtype)
        made = e(f"call ptr @PyArray_Scalar(ptr {parts[0][1]}, ptr {dtype}, ptr {whole})")
        e.lines.append(f"  call void @Py_DecRef(ptr {whole})")
        self._require(e(f"icmp ne ptr {made}, null"), failed)
        return made

    def _tuple(self, t: Group, values: Iterator[tuple[str, str]], failed: str) -> str:
        """A tuple of new objects; it is dropped where one of them cannot be made."""
        length, named = len(t.elements), f"ptr {self._object(t.cls)}, "
        make = f"PyType_GenericAlloc({named}" if t.cls is not tuple else "PyTuple_New("
        made = self.e(f"call ptr @{make}i64 {length})")
        self._require(self.e(f"icmp ne ptr {made}, null"), failed)
        dropped = self._label("drop")
        for i, element in enumerate(t.elements):
            item = self._box(element, values, dropped)
            self.e.lines.append(f"  store ptr {item}, ptr {self._at(made, layouts.ITEMS + 8 * i)}")
        go_on = self._label("next")
        self.e.lines.append(f"  br label %{go_on}")
        self._start(dropped)
        self.e.lines += [f"  call void @Py_DecRef(ptr {made})", f"  br label %{failed}"]
        self._start(go_on)
        return made
