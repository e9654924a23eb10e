"""What the arguments of a jitted function are: from Python objects to what code is compiled for.

Numbers, arrays and random generators have types. Tuples are taken apart. None, functions, classes
and strings are constants: code is compiled for each.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kernelgen.errors import TypingError
from kernelgen.structural import Structural
from kernelgen.types import table
from kernelgen.types.compound import GENERATOR, Array, Element, Special, describe
from kernelgen.types.records import Record, element_type, record_of
from kernelgen.types.signature import known_types
from kernelgen.types.table import WEAK_BOOL, WEAK_COMPLEX, WEAK_FLOAT, WEAK_INT, Scalar


class Constant(Structural):
    """An object that code is compiled for. Strings are equal by value, others are themselves."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def _parts(self) -> Any:
        return self.value if isinstance(self.value, str) else id(self.value)

    def __str__(self) -> str:
        if self.value is None or isinstance(self.value, str):
            return "none" if self.value is None else repr(self.value)
        return str(getattr(self.value, "__qualname__", None) or self.value)

    __repr__ = __str__

    def __call__(self, *arguments: Any) -> Any:
        """The signature of a function that returns this: of None, ``void(float64)``."""
        from kernelgen.types.declared import returning

        return returning(self, arguments)


NONE = Constant(None)


class FunctionSignature(NamedTuple):
    """A signature as an object, as Numba's type of functions has it.

    Functions that are handed over have no type of their own: code is compiled for each of them.

    Parameters
    ----------
    signature : signature
        What calling a type makes.

    Examples
    --------
    >>> import kernelgen as kg
    >>> declared = kg.types.FunctionType(kg.float64(kg.float64))
    >>> kg.njit(declared.signature)(lambda x: x / 3)(1)
    np.float64(0.3333333333333333)
    """

    signature: Any


class Group(Structural):
    """A tuple of known length, or a named tuple of the class ``cls``."""

    def __init__(self, elements: tuple[Any, ...], cls: type = tuple) -> None:
        self.elements = elements
        self.cls = cls

    def _parts(self) -> Any:
        return self.elements, self.cls

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.elements))
        if self.cls is not tuple:
            return f"{self.cls.__name__}({inside})"
        return f"({inside},)" if len(self.elements) == 1 else f"({inside})"

    __repr__ = __str__

    def __call__(self, *arguments: Any) -> Any:
        """The signature of a function that returns such a tuple."""
        from kernelgen.types.declared import returning

        return returning(self, arguments)


def tuple_type(elements: Sequence[Any]) -> Group:
    """The type of tuples of elements of these types: ``Tuple((float64, int32))``."""
    return Group(tuple(elements))


def uniform_tuple_type(element: Any, length: int) -> Group:
    """The type of tuples of ``length`` elements of one type: ``UniTuple(float64, 3)``."""
    return Group((element,) * length)


Argument: TypeAlias = Scalar | Array | Element | Special | Group | Constant
"""What code is compiled for, of one argument or of the result."""

Arguments: TypeAlias = tuple[Argument, ...]


def leaves_of(arguments: Sequence[Argument]) -> tuple[Scalar | Array | Element | Special, ...]:
    """The types of what is no constant in the arguments, which a function of the IR is given."""
    found: list[Scalar | Array | Element | Special] = []
    for each in arguments:
        if isinstance(each, Group):
            found += leaves_of(each.elements)
        elif not isinstance(each, Constant):
            found.append(each)
    return tuple(found)


class Given(NamedTuple):
    """An argument of a call: its type, and an object of exactly the class that this means."""

    type: Argument
    value: Any


_PYTHON = ((bool, WEAK_BOOL), (int, WEAK_INT), (float, WEAK_FLOAT), (complex, WEAK_COMPLEX))
_CONSTANTS = (
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    ModuleType,
    type,
    np.ufunc,
    np.dtype,
    str,
    type(None),
)


def classify(value: Any, name: str) -> Given:
    """The type of an argument, which is called ``name`` in messages.

    Raises
    ------
    TypingError
        Compiled code cannot be given such an object.
    OverflowError
        It is a Python int that has no 64 bits.
    """
    if isinstance(value, np.generic):
        return _numpy_scalar(value, name)
    for python, weak in _PYTHON:
        if isinstance(value, python):
            return _number(value, python, weak, name)
    if isinstance(value, tuple):
        return _tuple(value, name)
    if isinstance(value, np.ndarray):
        return _array(value, name)
    if isinstance(value, _CONSTANTS) or is_function(value):
        return Given(Constant(value), value)
    if is_generator(value):
        return Given(GENERATOR, value)
    draws = any(cls.__module__.startswith("numpy.random") for cls in type(value).__mro__)
    raise TypingError(
        f"the argument {name!r} is {_described(value)}, which compiled code cannot be given",
        None,
        "give it a np.random.Generator, as np.random.default_rng() makes it"
        if draws
        else "give it numbers, arrays, tuples of them, None, functions or strings",
    )


def is_generator(value: Any) -> bool:
    """Whether ``value`` is NumPy's ``Generator``, whose module is not loaded to see it."""
    loaded = sys.modules.get("numpy.random")
    return loaded is not None and type(value) is loaded.Generator


def is_function(value: Any) -> bool:
    """Whether ``value`` is a function that compiled code can call: one made by ``jit``."""
    return isinstance(getattr(value, "py_func", None), FunctionType)


def _described(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _number(value: Any, python: type, weak: Scalar, name: str) -> Given:
    if weak is WEAK_INT and not WEAK_INT.minimum <= value <= WEAK_INT.maximum:
        raise OverflowError(f"the argument {name!r} is an int that does not fit int64")
    return Given(weak, value if type(value) is python else python(value))


def _numpy_scalar(value: Any, name: str) -> Given:
    record = record_of(value.dtype)
    if record is not None:
        return Given(_element(value, record), value)
    row = table.from_dtype(value.dtype)
    if row is None:
        message = f"the argument {name!r} is a NumPy scalar of {value.dtype}"
        raise TypingError(message, None, known_types())
    exact = type(value) is row.dtype.type
    return Given(row, value if exact else row.dtype.type(value))  # of C's long and long long


def _element(value: Any, record: Record) -> Element:
    """The type of a record alone, which may refer to an array."""
    address: int = value.__array_interface__["data"][0]
    return Element(record, not value.flags.writeable, address % record.alignment == 0)


def is_masked(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array is a masked one; NumPy's module for these is not loaded to see it."""
    return type(value) is not np.ndarray and isinstance(value, np.ma.MaskedArray)


def _array(value: np.ndarray[Any, Any], name: str) -> Given:
    """Subclasses are taken for the arrays that they are, but masked ones are refused."""
    if is_masked(value):
        raise TypingError(
            f"the argument {name!r} is a masked array", None, "give it .data and .mask"
        )
    row = element_type(value.dtype)
    if row is None:
        message = f"the argument {name!r} is an array of {value.dtype}"
        raise TypingError(message, None, known_types())
    if not (isinstance(row, Record) or value.dtype.isnative):
        raise TypingError(
            f"the argument {name!r} is an array whose bytes are in the other order",
            None,
            f"convert it: {name}.astype({name}.dtype.newbyteorder())",
        )
    flags = value.flags
    t = Array(row, value.ndim, layout_of(value), not flags.writeable, flags.aligned)
    return Given(t, value if type(value) is np.ndarray else value.view(np.ndarray))


def layout_of(value: np.ndarray[Any, Any]) -> str:
    """What an array's type says of how its elements lie."""
    flags = value.flags
    return "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"


def _tuple(value: tuple[Any, ...], name: str) -> Given:
    cls = type(value) if hasattr(type(value), "_fields") else tuple
    given = [classify(each, f"{name}[{i}]") for i, each in enumerate(value)]
    group = Group(tuple(each.type for each in given), cls)
    same = all(each.value is old for each, old in zip(given, value, strict=True))
    if same and type(value) is cls:
        return Given(group, value)
    values = tuple(each.value for each in given)
    return Given(group, values if cls is tuple else tuple.__new__(cls, values))


def describe_argument(argument: Argument) -> str:
    """An argument's type in the user's words."""
    if isinstance(argument, Group):
        return f"tuple ({', '.join(map(describe_argument, argument.elements))})"
    if isinstance(argument, Constant):
        return "None" if argument.value is None else _described(argument.value)
    return describe(argument)


def describe_arguments(arguments: Sequence[Argument]) -> str:
    """The types of a call's arguments in the user's words."""
    return ", ".join(map(describe_argument, arguments))
