"""The units of a call: NumPy knows one loop for times of all units, and asks about those of a call.

What is answered depends on the kernel and on these units alone, never on earlier calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kernelgen.errors import InternalError, KernelgenError, TypingError
from kernelgen.runtime import locks
from kernelgen.types import table
from kernelgen.types.matching import (
    Types,
    all_cast_safely,
    first,
    is_exactly,
    is_one_of,
    with_units_of,
)
from kernelgen.types.signature import Signature

if TYPE_CHECKING:
    from kernelgen.load import Loop


class TypedKernel(Protocol):
    """What is asked of a kernel: its outputs for some inputs, and the loop for them."""

    def outputs_for(self, inputs: Types) -> Types: ...
    def loop_of(self, inputs: Types) -> tuple[Signature, Loop]: ...


class Units:
    """What the one loop for times of any units does in a call: the units come with the call.

    Parameters
    ----------
    kernel : TypedKernel
        Whose loop it is.
    declared : tuple of Signature
        Those that the user gave the kernel.
    signature : Signature
        The loop's types, without units.
    """

    def __init__(
        self, kernel: TypedKernel, declared: tuple[Signature, ...], signature: Signature
    ) -> None:
        self._kernel = kernel
        self._declared = [s for s in declared if s.unitless == signature]
        self._signature = signature
        self._nin = len(signature.inputs)
        self._resolved: dict[Any, list[np.dtype[Any]]] = {}
        self._found: dict[Any, int] = {}

    def resolve(
        self, loop: Sequence[Callable[[], np.dtype[Any]]], given: Sequence[np.dtype[Any] | None]
    ) -> list[np.dtype[Any]]:
        """Answer NumPy: the dtypes of all operands in a call with the dtypes ``given``.

        ``loop`` are the DTypes of the operands, which make those without units.
        """
        inputs = given[: self._nin]
        key = (*loop, *_spellings(inputs))
        found = self._resolved.get(key)
        if found is None:
            with locks.compiling:
                try:
                    types = self.types(_rows_of(inputs))
                except KernelgenError as error:
                    raise error.with_traceback(None) from None
            found = [t.dtype if t.is_time else d() for t, d in zip(types, loop, strict=True)]
            self._resolved[key] = found
        return found

    def find(self, dtypes: Sequence[np.dtype[Any]]) -> int:
        """Answer NumPy: the address of the function that chooses a loop for these dtypes."""
        inputs = dtypes[: self._nin]
        key = _spellings(inputs)
        found = self._found.get(key)
        if found is None:
            with locks.compiling:
                found = self._found[key] = self._kernel.loop_of(_rows_of(inputs))[1].get_loop
        return found

    def types(self, given: Types) -> Types:
        """The types of all operands for inputs of these types, with their units."""
        inputs = self._inputs(given)
        made = Signature(inputs, self._kernel.outputs_for(inputs))
        if made.unitless != self._signature:
            raise InternalError(f"{made} is not of the kind that was promised: {self._signature}")
        return made.types

    def _inputs(self, given: Types) -> Types:
        """The inputs, with the units of a signature if there is one that has them."""
        if not self._declared:
            return given
        found = first(self._declared, given, is_exactly, is_one_of, all_cast_safely)
        return with_units_of(given, (found or self._declared[0]).inputs)


def _spellings(dtypes: Sequence[np.dtype[Any] | None]) -> tuple[str | None, ...]:
    """What tells dtypes apart: NumPy takes those of like units for equal, however written."""
    return tuple(None if d is None else d.str for d in dtypes)


def _rows_of(dtypes: Sequence[np.dtype[Any] | None]) -> Types:
    rows = tuple(None if d is None else table.from_dtype(d) for d in dtypes)
    if None in rows:  # multiples by 0, which NumPy has
        raise TypingError(f"kernels cannot have {', '.join(map(str, dtypes))}", None, table.UNITS)
    return rows  # type: ignore[return-value]
