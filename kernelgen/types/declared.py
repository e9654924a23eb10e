"""Signatures of jitted functions: types of arguments and of what is returned, maybe tuples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kernelgen.errors import SignatureError
from kernelgen.types import table
from kernelgen.types.arguments import NONE, Argument, Arguments, Constant, Group
from kernelgen.types.compound import GENERATOR, Array, Element, Special, array_named
from kernelgen.types.records import Record, record_of
from kernelgen.types.signature import Signature, of_types, unknown_type
from kernelgen.types.table import Scalar

FORMS = (
    'a signature looks like "f8(f8,i4)", "float64(float64[:], int32)", "(f8,i4)", '
    '"void(f8[:,::1])", float64(float64[:], int32) or (float64, int32)'
)


class Declared(NamedTuple):
    """A signature: the types of the arguments, and of what is returned if it says so."""

    arguments: Arguments
    returned: Argument | None = None

    @property
    def args(self) -> Arguments:
        """The arguments, by Numba's name."""
        return self.arguments

    @property
    def return_type(self) -> Argument | None:
        """What is returned, by Numba's name."""
        return self.returned

    def __str__(self) -> str:
        returned = "" if self.returned is None else str(self.returned)
        return f"{returned}({', '.join(map(str, self.arguments))})"

    def __repr__(self) -> str:
        return str(self)


def declare(spec: Any) -> Declared:
    """Read one signature.

    Parameters
    ----------
    spec : str, Signature, tuple of types
        Text in one of the forms ``"f8(f8,i4)"``, ``"(f8,i4)"``, ``"f8,i4"``, ``"void(f8)"``,
        ``"f8(Tuple((f8,i4)), f8[:,::1])"``; what calling a type makes; or the types of the
        arguments alone.

    Raises
    ------
    SignatureError
        It has another form, or names a type that does not exist.

    Examples
    --------
    >>> print(declare("f8(f8,UniTuple(i4,2))"))
    f8(f8, (i4, i4))
    >>> declare("f8,i4").arguments
    (f8, i4)
    """
    if isinstance(spec, Declared):
        return spec
    if isinstance(spec, Signature):
        returned = spec.outputs[0] if len(spec.outputs) == 1 else Group(spec.outputs)
        return Declared(spec.inputs, returned)
    if isinstance(spec, str):
        return _Parser(spec).signature()
    if isinstance(spec, (tuple, list)) and not isinstance(spec, (Array, Element)):
        return Declared(tuple(map(as_argument, spec)))
    return Declared((as_argument(spec),))


def returning(returned: Argument, arguments: Sequence[Any]) -> Declared:
    """The signature that is made by calling a type."""
    return Declared(tuple(map(as_argument, arguments)), returned)


def is_signature(spec: Any) -> bool:
    """Whether ``spec`` is one signature, and not several or a function."""
    if isinstance(spec, tuple) and not isinstance(spec, (Signature, Declared, Array, Element)):
        return not any(isinstance(each, (Signature, Declared)) for each in spec)
    alone = (str, Signature, Declared, Group, Scalar, Array, Element, Special, Constant)
    return isinstance(spec, alone)


def as_argument(spec: Any) -> Argument:
    """A type object, a NumPy dtype or a name as the type of an argument.

    Raises
    ------
    SignatureError
        There is no such type.
    """
    record = _record(spec)
    if record is not None:
        return Element(record)
    if isinstance(spec, (Scalar, Array, Element, Special, Group, Constant)) or spec is None:
        return NONE if spec is None else spec
    if isinstance(spec, str):
        return _Parser(spec).type_alone()
    if isinstance(spec, (tuple, list)):
        return Group(tuple(map(as_argument, spec)))
    return of_types((spec,), ()).inputs[0]


def _record(spec: Any) -> Record | None:
    """The type of a record that is meant, None of anything else."""
    if isinstance(spec, Record):
        return spec
    return record_of(spec) if isinstance(spec, np.dtype) else None


def from_dtype(dtype: Any) -> Scalar:
    """The type of the elements of arrays of a dtype.

    Parameters
    ----------
    dtype : dtype or what NumPy makes one of
        Of the dtypes that kernels have, or a structured one.

    Raises
    ------
    SignatureError
        They do not have it.

    Examples
    --------
    >>> import numpy as np
    >>> from_dtype(np.dtype("f8"))[:, :]
    f8[:,:]
    """
    record = record_of(np.dtype(dtype))
    if record is not None:
        return record
    return of_types((np.dtype(dtype),), ()).inputs[0]


_TOKEN = (
    r"\s*((?:const\.)?[A-Za-z_?~][A-Za-z_0-9?]*"  # a name
    r"(?:\[[^\[\]:]+\])?(?:\s*\[[\s:1,]*\])?"  # with the unit of a time, with axes
    r"|\d+|[(),])"
)


class _Parser:
    """The text of a signature, read from the left."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        at = 0
        while text[at:].strip():
            match = re.compile(_TOKEN).match(text, at)
            if match is None:
                raise self._error()
            self.tokens.append(re.sub(r"\s", "", match[1]))
            at = match.end()
        self.tokens.append("")  # the end
        self.at = 0

    def signature(self) -> Declared:
        first = self._list("")
        if self._take(""):
            return self._arguments_alone(first)
        if len(first) != 1 or not self._take("("):
            raise self._error()
        arguments = self._list(")")
        if not (self._take(")") and self._take("")):
            raise self._error()
        return Declared(arguments, first[0])

    def type_alone(self) -> Argument:
        found = self._type()
        if not self._take(""):
            raise self._error()
        return found

    def _arguments_alone(self, types: Arguments) -> Declared:
        """``"(f8,i4)"`` and ``"f8,i4"`` are the same."""
        one = types[0] if len(types) == 1 else None
        return Declared(one.elements if isinstance(one, Group) else types)

    def _list(self, end: str) -> Arguments:
        """Types with commas between, up to ``end``."""
        found: list[Argument] = []
        while self.tokens[self.at] != end:
            found.append(self._type())
            if not self._take(","):
                break
        return tuple(found)

    def _type(self) -> Argument:
        if self._take("("):
            elements = self._list(")")
            return self._closed(Group(elements))
        name = self.tokens[self.at]
        if not re.match(r"[A-Za-z_?~]", name):
            raise self._error()
        self.at += 1
        if name in ("void", "none", "None"):
            return NONE
        if name == str(GENERATOR):
            return GENERATOR
        if name in _TUPLES and self._take("("):
            return self._closed(_TUPLES[name](self))
        found = table.named(name) or array_named(name)
        if found is None and "[" in name and table.named(name.partition("[")[0]) is not None:
            raise self._error()
        if found is None:
            raise unknown_type(self.text, name)
        return found

    def _tuple(self) -> Group:
        found = self._type()
        if not isinstance(found, Group):
            raise self._error()
        return found

    def _uniform_tuple(self) -> Group:
        element = self._type()
        if not (self._take(",") and self.tokens[self.at].isdigit()):
            raise self._error()
        self.at += 1
        return Group((element,) * int(self.tokens[self.at - 1]))

    def _closed(self, found: Group) -> Group:
        if not self._take(")"):
            raise self._error()
        return found

    def _take(self, token: str) -> bool:
        """Go on if ``token`` comes next."""
        if self.tokens[self.at] != token:
            return False
        self.at += 1
        return True

    def _error(self) -> SignatureError:
        return SignatureError(f"cannot read the signature {self.text!r}", None, FORMS)


_TUPLES = {"Tuple": _Parser._tuple, "UniTuple": _Parser._uniform_tuple}
