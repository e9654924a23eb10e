"""The kernel of a stencil as what is computed for each cell, and how far it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from kernelgen.bytecode.build import build
from kernelgen.bytecode.parameters import parameters_of
from kernelgen.errors import KernelgenError, TypingError
from kernelgen.infer import Prepare, infer
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Function, Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.ops.registry import NoRule
from kernelgen.ops.stencils import Halo, Plan
from kernelgen.rewrites.check_bounds import check_tables
from kernelgen.rewrites.know_arguments import Known, know_arguments
from kernelgen.rewrites.part_of_itself import typing_kernel
from kernelgen.rewrites.resolve_calls import resolve_calls
from kernelgen.source import Loc, definition_of
from kernelgen.types.compound import Array, Slice, Tuple, Type, Window, describe
from kernelgen.types.promote import can_cast_within_kind
from kernelgen.types.table import WEAK_INT, Scalar

MOST_WRITTEN_OUT = 256
"""How many elements of a slice are each read by code of its own."""

Offset = int | range | None
"""One along an axis: known, several of them, or computed while the kernel runs."""


class Read(NamedTuple):
    """One place of a kernel that reads a window: the window's number, and the offsets."""

    op: Op
    window: int
    offsets: tuple[Offset, ...]

    @property
    def elements(self) -> int:
        """How many elements are read, if all offsets are known."""
        return prod(len(o) for o in self.offsets if isinstance(o, range))


class StencilBody:
    """The kernel of ``stencil``, called at ``loc`` with arguments of which that is known.

    ``prepare`` is the pass that is given types.
    """

    def __init__(self, stencil: Any, loc: Loc | None, prepare: Prepare, known: Known) -> None:
        self._stencil = stencil
        self._loc = loc
        self._prepare = prepare
        self._known = known
        self._plans: dict[tuple[Type, ...], Plan] = {}
        self._functions: dict[tuple[Type, ...], Function] = {}
        self._errors: dict[tuple[Type, ...], KernelgenError | NoRule] = {}

    def plan(self, types: Sequence[Type]) -> Plan:
        """What a call with arguments of these types comes to."""
        key = tuple(types)
        if key in self._errors:
            raise self._errors[key].with_traceback(None)
        if key not in self._plans:
            try:
                self._plans[key] = self._planned(key)
            except (KernelgenError, NoRule) as error:
                self._errors[key] = error
                raise
        return self._plans[key]

    def function(self, types: Sequence[Type]) -> Function:
        """A typed copy of the kernel, whose windows are still read by ``subscript``."""
        return copy_function(self._functions[tuple(types)])

    def _planned(self, types: tuple[Type, ...]) -> Plan:
        names = parameters_of(self._stencil.function)
        windows = tuple(
            i
            for i, (name, t) in enumerate(zip(names, types, strict=True))
            if isinstance(t, Array) and name not in self._stencil.choices.standard
        )
        arrays = [t for i in windows if isinstance(t := types[i], Array)]
        ndim = self._dimensions([names[i] for i in windows], arrays)
        borders = self._stencil.choices.borders_of(ndim)
        seen = tuple(Window(t) if i in windows else t for i, t in enumerate(types))  # type: ignore[arg-type]
        function = self._inferred(seen, windows)
        self._functions[types] = function
        dtypes, single = self._results(function)
        neighborhood = self._neighborhood(ndim)
        found = list(reads(function, windows, neighborhood))
        halo = _halo(found, ndim, neighborhood)
        if any("constant" in border for border in borders):
            self._check_constant([t.dtype for t in arrays], dtypes)
        return Plan(
            windows,
            ndim,
            halo,
            borders,
            dtypes,
            single,
            any(None in read.offsets or read.elements > MOST_WRITTEN_OUT for read in found),
            ndim > 1 and all(t.layout == "F" for t in arrays),
        )

    def _neighborhood(self, ndim: int) -> Halo | None:
        """The offsets that the user allows along each axis, if there are such."""
        given: Halo | None = self._stencil.choices.neighborhood
        if given is not None and len(given) != ndim:
            raise NoRule(
                f"the array has {ndim} dimensions, neighborhood= of {self._stencil.__name__}() has "
                f"{len(given)}"
            )
        return given

    def _dimensions(self, names: list[str], arrays: list[Array]) -> int:
        """How many dimensions the windows have."""
        own = self._stencil.__name__
        if not arrays:
            raise NoRule(
                f"{own}() is given no array that it reads at offsets",
                "a stencil goes over its arrays but those in standard_indexing=",
            )
        ndim = arrays[0].ndim
        for name, t in zip(names, arrays, strict=True):
            if t.ndim != ndim:
                raise NoRule(
                    f"{own}() reads {names[0]} and {name} at offsets, but they have {ndim} and "
                    f"{t.ndim} dimensions",
                    f'if {name} is indexed as usual, write standard_indexing=("{name}",)',
                )
            if not isinstance(t.dtype, Scalar) or t.dtype.kind == "V":
                raise NoRule(f"{own}() cannot read {describe(t)}", "hand over one field: a['x']")
        if ndim == 0:
            raise NoRule(f"{own}() is given an array without dimensions")
        return ndim

    def _inferred(self, types: tuple[Type, ...], windows: tuple[int, ...]) -> Function:
        function = build(self._stencil.function)
        definition = definition_of(self._stencil.function.__code__)
        if self._loc != definition:
            for op in function.ops():
                op.loc = None if op.loc is None else op.loc.at_call(self._loc)
        know_arguments(function, self._known)
        function.read_at_offsets = frozenset(function.params[i] for i in windows)
        with typing_kernel(self._stencil, self._loc):
            resolve_calls(function)
            self._prepare(function, types)
            infer(function, types, prepare=self._prepare)
        check_tables(function)
        return function

    def _results(self, function: Function) -> tuple[tuple[Scalar, ...], bool]:
        """The types of what is stored, and whether it is one value alone."""
        result = function.result
        single = not isinstance(result, Tuple)
        values = result.elements if isinstance(result, Tuple) else (result,)
        made = [t.strong for t in values if isinstance(t, Scalar)]
        if not made or len(made) < len(values):
            loc = next((op.loc for op in function.ops() if op.name == "return"), function.loc)
            assert result is not None
            raise TypingError(
                f"a stencil cannot return {describe(result)}", loc, "return the cell's new value"
            )
        asked = self._stencil.choices.dtypes or tuple(made)
        if len(asked) == 1:
            asked *= len(made)
        if len(asked) != len(made):
            raise NoRule(
                f"the kernel returns {len(made)} values, dtype= of the stencil has {len(asked)}"
            )
        for t, to in zip(made, asked, strict=True):
            times = t.is_time or to.is_time
            if (t.is_complex and not to.is_complex) or (times and not can_cast_within_kind(t, to)):
                raise NoRule(
                    f"the kernel returns {describe(t)}, dtype= of the stencil is {describe(to)}"
                )
        return asked, single

    def _check_constant(self, read: Sequence[Scalar], made: Sequence[Scalar]) -> None:
        """The constant is a value of the arrays, in whose place it is read, and of the results."""
        for t, does in [*((t, "reads") for t in read), *((t, "makes") for t in made)]:
            result_of_test = does == "makes" and t.is_bool
            if self._stencil.choices.constant_of(t) is None and not result_of_test:
                raise NoRule(
                    f"cval={self._stencil.choices.cval!r} is no {t.long_name}, which is what "
                    f"{self._stencil.__name__}() {does}",
                    "convert the array first, or choose another cval=",
                )


def reads(function: Function, windows: Sequence[int], neighborhood: Halo | None) -> Iterator[Read]:
    """All places of a typed kernel that read its windows.

    Raises
    ------
    TypingError
        It reads one of several, which is chosen while it runs; or a slice is empty, or has bounds
        that are computed.
    """
    numbers = {function.params[i]: n for n, i in enumerate(windows)}
    for op in function.ops():
        window = next((v for v in op.operands if isinstance(v.type, Window)), None)
        if window is not None and window not in numbers:
            raise TypingError(
                "the array that is read at offsets here is chosen while the kernel runs",
                op.loc,
                "read both, and choose between the elements",
            )
        if window is not None and op.name in ("subscript", "item"):
            types, parts = _index(op)
            whole = neighborhood or (None,) * len(types)
            offsets = (_offset(op, *each) for each in zip(parts, types, whole, strict=True))
            yield Read(op, numbers[window], tuple(offsets))


def give_arrays(function: Function, windows: Sequence[int]) -> list[int]:
    """Give a typed kernel the arrays whose shapes it asks for, behind its other parameters.

    The numbers of these arrays among its arguments.
    """
    given = []
    for i in windows:
        param = function.params[i]
        asking = [op for op in function.ops() if op.name in ASKING and param in op.operands]
        if asking and isinstance(param.type, Window):
            array = function.entry.add_arg(param.type.array, hint=param.hint)
            for op in asking:
                op.operands = [array if v is param else v for v in op.operands]
            given.append(i)
    return given


ASKING = ("attr", "call")


def _index(op: Op) -> tuple[tuple[Type | None, ...], list[Any]]:
    """The types of the parts of an index, and the parts as Python has them."""
    if op.name == "item":
        return (WEAK_INT,), [op.attrs["index"]]
    t = op.operands[1].type
    types = t.elements if isinstance(t, Tuple) else (t,)
    return types, _parts(op.operands[1], len(types))


def _parts(index: Value, count: int) -> list[Any]:
    """The parts of an index, None where they are computed."""
    if index.constant is not None:
        value = index.constant.attrs["value"]
        return list(value) if isinstance(value, tuple) else [value]
    made = defining(index, "tuple")
    if made is None:
        return [_constant(index)] if count == 1 else [None] * count
    return list(map(_constant, made.operands))


def _constant(value: Value) -> Any:
    """A constant, or a slice between constants; None of what is computed."""
    made = defining(value, "slice")
    if made is None:
        return None if value.constant is None else value.constant.attrs["value"]
    if any(v.constant is None for v in made.operands):
        return None
    return slice(*(v.constant.attrs["value"] for v in made.operands if v.constant is not None))


def _offset(op: Op, part: Any, t: Type | None, whole: tuple[int, int] | None) -> Offset:
    if not isinstance(t, Slice):
        return None if part is None else int(part)
    if part is not None and part.step == 0:
        raise TypingError("the step of a slice cannot be zero", op.loc)
    found = None if part is None else _range(part, whole)
    if not found:
        raise TypingError(
            "this slice is empty"
            if found is not None
            else "the bounds of this slice are not known",
            op.loc,
            "write a slice between constants, a[-1:2], or loop over a range of them",
        )
    return found


def _range(part: slice, whole: tuple[int, int] | None) -> range | None:
    """The offsets in a slice; where it has no end it goes as far as the neighborhood."""
    start, stop, step = part.start, part.stop, 1 if part.step is None else part.step
    if None in (start, stop) and whole is None:
        return None
    low, high = whole or (0, 0)
    first, end = (low, high + 1) if step > 0 else (high, low - 1)
    return range(first if start is None else start, end if stop is None else stop, step)


def _halo(found: Sequence[Read], ndim: int, neighborhood: Halo | None) -> Halo:
    """How far reads reach: as far as the neighborhood, in which all must be, if one is given."""
    reach = [list(pair) for pair in neighborhood or ((0, 0),) * ndim]
    for read in found:
        for axis, offset in enumerate(read.offsets):
            if offset is None and neighborhood is None:
                raise TypingError(
                    "the offset of this read is computed, so it is not known how far it reaches",
                    read.op.loc,
                    "say it, as in neighborhood=((-1, 1),), or loop over a range of constants",
                )
            ends = [offset] if isinstance(offset, int) else offset or neighborhood[axis]  # type: ignore[index]
            for each in (ends[0], ends[-1]):
                _check(read, axis, each, neighborhood)
                reach[axis][0] = min(reach[axis][0], each)
                reach[axis][1] = max(reach[axis][1], each)
    return tuple((-low, high) for low, high in reach)


_FARTHEST = 2**31
"""Twice as many elements of any type have a size in bytes that is a 64-bit number."""


def _check(read: Read, axis: int, offset: int, neighborhood: Halo | None) -> None:
    if abs(offset) >= _FARTHEST:
        raise TypingError(f"the offset {offset} is too far away", read.op.loc)
    if neighborhood is None:
        return
    low, high = neighborhood[axis]
    if not low <= offset <= high:
        raise TypingError(
            f"the offset {offset} is outside of the neighborhood ({low}, {high}) of axis {axis}",
            read.op.loc,
        )
