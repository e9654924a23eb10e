"""What the operands of a generalized ufunc are to its kernel: numbers, or arrays of a few axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kernelgen.errors import SignatureError
from kernelgen.types import declared
from kernelgen.types import signature as signatures
from kernelgen.types.arguments import NONE, Group
from kernelgen.types.compound import Array, Type, dtype_of
from kernelgen.types.core_dims import CoreSignature
from kernelgen.types.matching import Types
from kernelgen.types.records import Record
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

FORMS = (
    'a signature looks like "void(f8[:],f8[:])", "(float64[:,:], float64[:], float64[:])", '
    '"f8[:](f8[:])" or "dd->d"'
)


class Declared(NamedTuple):
    """A signature that a user gave.

    ``boxed`` are the inputs without core dimensions that the kernel takes as arrays of one element,
    by their numbers.
    """

    signature: Signature
    boxed: frozenset[int]


def declare(spec: Any, core: CoreSignature) -> Declared:
    """Read a signature of a kernel with these core dimensions.

    Parameters
    ----------
    spec : str, Signature, Declared or sequence of types
        ``void(...)`` and sequences have the types of all operands, other forms tell inputs from
        outputs. Of types of arrays only the number of dimensions counts, not the layout.

    Raises
    ------
    SignatureError
        It cannot be read, or does not fit the core dimensions.
    """
    inputs, outputs, is_short = types_of(spec)
    nin, nout = len(core.inputs), len(core.outputs)
    if not outputs:
        inputs, outputs = inputs[:nin], inputs[nin:]
    if (len(inputs), len(outputs)) != (nin, nout):
        raise SignatureError(
            f"the signature {spec!r} has {len(inputs) + len(outputs)} types, "
            f"the core dimensions {core} have {nin + nout} operands",
            None,
            FORMS,
        )
    if not is_short:
        for t, shape in zip(inputs + outputs, core.shapes, strict=True):
            _check_ndim(spec, t, len(shape), core)
    boxed = [i for i, t in enumerate(inputs) if isinstance(t, Array) and not core.inputs[i]]
    return Declared(
        Signature(tuple(map(dtype_of, inputs)), tuple(map(dtype_of, outputs))), frozenset(boxed)
    )


def types_of(spec: Any) -> tuple[tuple[Type, ...], tuple[Type, ...], bool]:
    """The inputs, the outputs, and whether they are told by dtypes alone: ``dd->d``.

    Where there are no outputs, the inputs are all that the signature has.
    """
    if isinstance(spec, str) and "->" in spec:
        return *signatures.parse(spec), True
    found = declared.declare(spec)
    returned = () if found.returned in (None, NONE) else (found.returned,)
    if len(returned) == 1 and isinstance(returned[0], Group):
        returned = returned[0].elements
    for t in (*found.arguments, *returned):
        if not isinstance(t, (Scalar, Array)):
            raise SignatureError(
                f"the operand of a ufunc cannot be {t}, as in {spec!r}", None, FORMS
            )
        if isinstance(dtype_of(t), Record):
            raise SignatureError(
                f"the operand of a ufunc cannot be of {dtype_of(t).long_name}",
                None,
                "name the fields as operands, or write the function with njit",
            )
    return found.arguments, returned, False  # type: ignore[return-value]


def _check_ndim(spec: Any, t: Type, ndim: int, core: CoreSignature) -> None:
    found = t.ndim if isinstance(t, Array) else 0
    if found != ndim and (found, ndim) != (1, 0):
        axes = ",".join(":" * ndim)
        raise SignatureError(
            f"the signature {spec!r} does not fit the core dimensions {core}: "
            f"{t} has {found} dimensions, and not {ndim}",
            None,
            f"write {dtype_of(t)}[{axes}]" if ndim else f"write {dtype_of(t)}, or {dtype_of(t)}[:]",
        )


class Operands(NamedTuple):
    """What a kernel is handed beside dtypes.

    Attributes
    ----------
    core : CoreSignature
        The core dimensions.
    writable : frozenset of int
        The inputs that the kernel may write to.
    returns : bool
        Whether it returns what is to be stored. Otherwise it has parameters for the outputs, and
        one without core dimensions is an array of one element.
    declared : tuple of Declared
        The signatures that the user gave.
    """

    core: CoreSignature
    writable: frozenset[int] = frozenset()
    returns: bool = False
    declared: tuple[Declared, ...] = ()

    @property
    def parameters(self) -> int:
        """How many of the kernel's parameters are operands."""
        return len(self.core.inputs if self.returns else self.core.shapes)

    def boxed(self, signature: Signature | None) -> frozenset[int]:
        """The inputs that a signature says are arrays of one element."""
        found = (each.boxed for each in self.declared if each.signature == signature)
        return next(found, frozenset())

    def inputs(self, dtypes: Types, boxed: frozenset[int], layout: str) -> tuple[Type, ...]:
        """The types of the inputs, where arrays with core dimensions lie as ``layout`` says."""
        return tuple(
            _array(t, len(shape), 1, layout, i not in self.writable) if shape or i in boxed else t
            for i, (t, shape) in enumerate(zip(dtypes, self.core.inputs, strict=True))
        )

    def outputs(self, dtypes: Sequence[Type], layout: str) -> tuple[Array, ...]:
        """The types of the outputs."""
        least = 0 if self.returns else 1
        return tuple(
            _array(t, len(shape), least, layout, readonly=False)
            for t, shape in zip(dtypes, self.core.outputs, strict=True)
        )


def _array(dtype: Any, ndim: int, least: int, layout: str, readonly: bool) -> Array:
    return Array(dtype, max(ndim, least), layout if ndim else "C", readonly)
