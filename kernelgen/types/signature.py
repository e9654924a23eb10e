"""Signatures: types of the inputs and of the outputs, as text or as type objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.errors import SignatureError
from kernelgen.types import table
from kernelgen.types.table import Scalar

FORMS = 'a signature looks like "f8(f8,i4)", "float64(float64, int32)", "(f8,f8)(f8)" or "di->d"'


class Signature(NamedTuple):
    """Types of a kernel's inputs and outputs."""

    inputs: tuple[Scalar, ...]
    outputs: tuple[Scalar, ...]

    def __str__(self) -> str:
        outputs = ",".join(map(str, self.outputs))
        if len(self.outputs) != 1:
            outputs = f"({outputs})"
        return f"{outputs}({','.join(map(str, self.inputs))})"

    def __repr__(self) -> str:
        return str(self)

    @property
    def types(self) -> tuple[Scalar, ...]:
        """Inputs, then outputs."""
        return self.inputs + self.outputs

    @property
    def args(self) -> tuple[Scalar, ...]:
        """The inputs, by Numba's name."""
        return self.inputs

    @property
    def return_type(self) -> Scalar | tuple[Scalar, ...]:
        """The output, by Numba's name; a tuple of several."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def unitless(self) -> Signature:
        """What NumPy goes by when it chooses a loop: the types without units of times."""
        inputs, outputs = (tuple(t.unitless for t in types) for types in self)
        return Signature(inputs, outputs)


def parse(spec: Any) -> Signature:
    """Read one signature.

    Parameters
    ----------
    spec : str or Signature
        Text in any of the forms ``"f8(f8,i4)"``, ``"float64(float64, int32)"``, ``"di->d"``
        (NumPy's type characters), ``"(f8,f8)(f8)"`` (two outputs), or a signature made by
        calling a type object.

    Raises
    ------
    SignatureError
        The text has another form, or names a type that does not exist.

    Examples
    --------
    >>> parse("float64(float64, int32)")
    f8(f8,i4)
    >>> parse("di->d").inputs
    (f8, i4)
    """
    if isinstance(spec, Signature):
        return spec
    if hasattr(spec, "arguments"):
        raise SignatureError(
            f"the signature {spec} is not one of numbers alone",
            None,
            "a function on arrays, tuples or records is made by njit or guvectorize",
        )
    if not isinstance(spec, str):
        message = f"a signature is text or made of type objects, not {spec!r}"
        raise SignatureError(message, None, FORMS)
    text = re.sub(r"\s", "", spec)
    return _parse_arrow(spec, text) if "->" in text else _parse_call(spec, text)


def parse_inputs(spec: Any) -> tuple[Scalar, ...]:
    """Read the types of the inputs alone: ``"f8,i4"``, a tuple of types, or a signature."""
    if isinstance(spec, str) and not re.search(r"[()]|->", spec):
        return _names(spec, re.sub(r"\s", "", spec))
    if isinstance(spec, (tuple, list)) and not isinstance(spec, Signature):
        return of_types(spec, ()).inputs
    return parse(spec).inputs


def parse_whole(spec: Any) -> Signature | None:
    """Read a signature that names outputs too; None of one with inputs alone."""
    text = isinstance(spec, str) and ("(" in spec or "->" in spec)
    return parse(spec) if text or isinstance(spec, Signature) else None


def of_types(inputs: Iterable[Any], outputs: Iterable[Any]) -> Signature:
    """A signature of type objects, NumPy dtypes or names."""
    return Signature(tuple(map(_scalar, inputs)), tuple(map(_scalar, outputs)))


def _scalar(spec: Any) -> Scalar:
    if isinstance(spec, str):
        return _name(spec, spec)
    row = spec if isinstance(spec, Scalar) else _of_dtype(spec)
    if row is None or row in table.REFUSED or row.kind == "V":
        raise SignatureError(f"{spec!r} is not a type that kernels can have", None, known_types())
    return row


def _of_dtype(spec: Any) -> Scalar | None:
    try:
        return table.from_dtype(np.dtype(spec))
    except TypeError:
        return None


def _parse_call(spec: str, text: str) -> Signature:
    match = re.fullmatch(r"(?:\(([^()]*)\)|([^()]*))\(([^()]*)\)", text)
    if match is None:
        raise SignatureError(f"cannot read the signature {spec!r}", None, FORMS)
    several, one, inputs = match.groups()
    outputs = _names(spec, several) if several is not None else (_name(spec, one),)
    return _checked(spec, Signature(_names(spec, inputs), outputs))


def _parse_arrow(spec: str, text: str) -> Signature:
    sides = [
        re.sub(r"[(),]", "", side) if "," not in side else side.strip("()")
        for side in text.split("->")
    ]
    if len(sides) != 2:
        raise SignatureError(f"cannot read the signature {spec!r}", None, FORMS)
    inputs, outputs = (
        _names(spec, side) if "," in side else _characters(spec, side) for side in sides
    )
    return _checked(spec, Signature(inputs, outputs))


def _checked(spec: str, signature: Signature) -> Signature:
    if not signature.inputs or not signature.outputs:
        missing = "inputs" if not signature.inputs else "outputs"
        raise SignatureError(f"the signature {spec!r} has no {missing}", None, FORMS)
    return signature


def _names(spec: str, text: str) -> tuple[Scalar, ...]:
    return tuple(_name(spec, name) for name in text.split(",")) if text else ()


def _characters(spec: str, text: str) -> tuple[Scalar, ...]:
    """Type characters without commas, as NumPy writes them; one long name is read as such."""
    whole = table.named(text)
    if whole is not None and len(text) > 1:
        return (whole,)
    return tuple(_name(spec, character) for character in text)


def _name(spec: str, name: str) -> Scalar:
    row = table.named(name)
    if row is None or row.weak:
        raise unknown_type(spec, name)
    return row


def unknown_type(spec: str, name: str) -> SignatureError:
    """The error of a signature that names a type which does not exist."""
    import difflib  # for this message only: importing kernelgen must stay cheap

    close = difflib.get_close_matches(
        name, [n for n in table.BY_NAME if len(n) > 1 and n[0] != "~"], 1
    )
    return SignatureError(
        f"the signature {spec!r} names the type {name!r}, which does not exist"
        if name
        else f"cannot read the signature {spec!r}: a type is missing",
        None,
        f"did you mean {close[0]!r}? {known_types()}" if close else f"{known_types()}; {FORMS}",
    )


def known_types() -> str:
    """The sentence that lists the types."""
    names = [row.long_name for row in table.SCALARS]
    times = [f"{row.long_name}[unit]" for row in table.TIMES]
    missing = f"; {table.REFUSAL}" if table.REFUSED else ""
    return "the types are " + ", ".join(names + times) + missing
