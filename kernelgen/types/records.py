"""Structured dtypes: the types of arrays whose elements are records with named fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kernelgen.errors import TypingError
from kernelgen.types import table
from kernelgen.types.table import Scalar


class Field(NamedTuple):
    """One field of a record.

    Parameters
    ----------
    dtype : dtype
        NumPy's, of one element of the field.
    type : Scalar or None
        The type of an element, a `Record` where records are nested; None of a dtype that kernels
        do not have.
    offset : int
        Bytes from the beginning of the record.
    shape : tuple of int
        Of a subarray; of all other fields it is empty.
    """

    dtype: np.dtype[Any]
    type: Scalar | None
    offset: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the field, of a subarray those of all its elements."""
        return self.dtype.itemsize * math.prod(self.shape)

    def __str__(self) -> str:
        parts = [repr(self.dtype.str) if self.type is None else str(self.type), str(self.offset)]
        return ", ".join([*parts, *map(str, self.shape)])


_SHOWN = 8
"""So many names of fields are shown in messages."""


class Record(Scalar):
    """The type of an element of a structured array.

    ``known_fields`` is what a dtype of the user's has of its fields: one that has the same, in this
    very object, is of this type. ``shown`` are the names of the fields in messages.

    Made by `record_of`, once for all dtypes that NumPy takes for equal. No value has this type:
    what is taken out of an array refers to it, see `compound.Element`.
    """

    def __init__(self, name: str, dtype: np.dtype[Any], fields: dict[str, Field]) -> None:
        names = list(fields)
        self.shown = f"({', '.join(names[:_SHOWN])}{', ...' * (len(names) > _SHOWN)})"
        long_name, memory = f"records {self.shown}", f"[{dtype.itemsize} x i8]"
        super().__init__(name, long_name, "V", 8 * dtype.itemsize, memory)
        self._dtype = dtype.newbyteorder("|")  # a copy, as the names of the user's may be changed
        self.fields = fields
        self.known_fields = dtype.fields

    @classmethod
    def make_c_struct(cls, fields: Sequence[tuple[str, Scalar]]) -> Record:
        """The type of the records of a struct in C with these fields, by Numba's name.

        Examples
        --------
        >>> import kernelgen as kg
        >>> kg.types.Record.make_c_struct([("x", kg.float64), ("n", kg.int32)]).size
        16
        """
        made = record_of(np.dtype([(name, t.dtype) for name, t in fields], align=True))
        assert made is not None
        return made

    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        return record_of, (self._dtype,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def alignment(self) -> int:
        return self._dtype.alignment

    @property
    def has_objects(self) -> bool:
        """Whether there are references to Python's objects among the fields."""
        return self._dtype.hasobject

    def is_aligned(self, field: Field) -> bool:
        """Whether a field is aligned in every record that is."""
        needed = 1 if field.type is None else field.type.alignment
        return not any(n % needed for n in (self.alignment, self.size, field.offset))


_MADE: dict[str, Record] = {}


def record_of(dtype: np.dtype[Any]) -> Record | None:
    """The type of the elements of arrays of a structured dtype, None of any other dtype.

    Raises
    ------
    TypingError
        Its fields have titles.
    """
    if not dtype.names or dtype.fields is None:
        return None
    if len(dtype.fields) > len(dtype.names):
        raise TypingError(
            "the fields of this dtype have titles, which kernels do not know",
            None,
            "make the dtype of names alone",
        )
    fields = {name: _field(dtype.fields[name]) for name in dtype.names}
    kind = "record" if issubclass(dtype.type, np.record) else "struct"
    parts = [f"({name!r}, {field})" for name, field in fields.items()]
    name = f"{kind}({', '.join([str(dtype.itemsize), str(dtype.alignment), *parts])})"
    return _MADE.get(name) or _MADE.setdefault(name, Record(name, dtype, fields))


def _field(entry: Any) -> Field:
    dtype, offset = entry[:2]
    element, shape = dtype.subdtype or (dtype, ())
    return Field(element, element_type(element) if element.isnative else None, offset, shape)


def element_type(dtype: np.dtype[Any]) -> Scalar | None:
    """The type of the elements of arrays of any dtype, None of one that kernels do not have."""
    return table.from_dtype(dtype) or record_of(dtype)


def element_type_of(array: np.ndarray[Any, Any] | np.void) -> Scalar | None:
    """The type of a constant record, or of the elements of a constant array.

    None of those that kernels cannot have.
    """
    try:
        found = element_type(array.dtype)
    except TypingError:
        return None
    return None if isinstance(found, Record) and found.has_objects else found


def declared_type(given: Scalar, declared: Scalar) -> Scalar:
    """The declared type, if that of what is given differs in the class of its records at most."""
    records = isinstance(given, Record) and isinstance(declared, Record)
    return declared if records and given.dtype == declared.dtype else given


def as_records(value: np.ndarray[Any, Any], t: Scalar) -> np.ndarray[Any, Any]:
    """The same memory as records of the class and the alignment that a signature asks for.

    Raises
    ------
    TypingError
        They are not aligned so.
    """
    seen = value.view(t.dtype)
    if not seen.flags.aligned:
        raise TypingError("the records are not aligned as the signature asks", None, "copy them")
    return seen


def record_from_parts(
    kind: str, size: int, alignment: int, fields: list[tuple[Any, ...]]
) -> Record:
    """The type whose text has these parts: of fields the names, types, offsets, and shapes."""
    formats = [
        (t.dtype if isinstance(t, Scalar) else np.dtype(t), tuple(shape))
        for _, t, _, *shape in fields
    ]
    dtype = np.dtype(
        {
            "names": [name for name, *_ in fields],
            "formats": [(d, shape) if shape else d for d, shape in formats],
            "offsets": [offset for _, _, offset, *_ in fields],
            "itemsize": size,
        },
        align=alignment > 1,
    )
    made = record_of(dtype if kind == "struct" else np.dtype((np.record, dtype)))
    assert made is not None
    return made
