"""Stencils: what the decorator is given, and the object that it makes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property
from operator import index
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernelgen.borders import MODES, Border
from kernelgen.errors import KernelgenError, UnsupportedError
from kernelgen.functions import FunctionChoices, Jitted, become, make_jitted
from kernelgen.ops import stencils as ops
from kernelgen.ops.casts import type_meant
from kernelgen.ops.registry import NoRule
from kernelgen.options import Options
from kernelgen.runtime.native_class import native_class
from kernelgen.source import definition_of
from kernelgen.types.signature import known_types
from kernelgen.types.table import Scalar

if TYPE_CHECKING:
    from kernelgen.infer import Prepare
    from kernelgen.ir.core import Op
    from kernelgen.ops.stencils import Body, Halo, Plan
    from kernelgen.source import Loc
    from kernelgen.types.arguments import Arguments


class StencilChoices(NamedTuple):
    """What the user asked of a stencil.

    ``borders`` is one for all axes, or one for each. ``standard`` are the names of the arrays that
    are indexed as usual, ``dtypes`` those of the results, none to take what the kernel returns.
    """

    borders: tuple[Border, ...]
    for_all: bool
    cval: Any
    neighborhood: Halo | None
    standard: frozenset[str]
    dtypes: tuple[Scalar, ...]
    options: Options

    def borders_of(self, ndim: int) -> tuple[Border, ...]:
        """The borders of arrays of so many dimensions."""
        if self.for_all:
            return self.borders * ndim
        if len(self.borders) != ndim:
            raise NoRule(
                f"the array has {ndim} dimensions, but mode= of the stencil has "
                f"{len(self.borders)}",
                'write one for all, mode="reflect", or one an axis',
            )
        return self.borders

    def constant_of(self, t: Scalar) -> Any:
        """The constant as a value of a type; None if it is none."""
        value = np.asarray(self.cval)
        kinds = t.kind + ("iu" if t.kind == "m" else "") if t.is_time else "biufc"
        if value.ndim or value.dtype.kind not in kinds:
            return None
        if value.dtype.kind == "c" and not t.is_complex:
            return None
        with np.errstate(all="ignore"):
            held = value.astype(t.dtype)
        if t.is_float or t.is_complex:  # which may lose digits, but not become infinite
            return held[()] if np.isfinite(held) == np.isfinite(value) else None
        if t.is_time:  # a count of its units, or a time that they can count
            same = value.dtype.kind in "iu" or bool(held == value) or bool(np.isnat(value))
        else:
            same = bool(held == value)
        return held[()] if same else None


class StencilKernel:
    """What a stencil's calls come to: the kernel, and what the user asked for.

    It is called like the stencil, with ``out`` as the last argument, and computes in Python what
    compiled code does. If it is ``on_grid``, the threads of a grid share its cells.
    """

    stencil_op = "stencil"

    def __init__(
        self, function: FunctionType, choices: StencilChoices, *, on_grid: bool = False
    ) -> None:
        self.on_grid = on_grid
        self.function = function
        self.choices = choices
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self._plans: dict[Any, Plan] = {}

    def place(self, loc: Loc | None) -> Loc:
        """Where a call stands: in a compiled function, or nowhere that is known to be compiled.

        ``loc`` is in the function that a call of the stencil runs, which the user does not know.
        """
        inner = None if loc is None else loc.inlined_at
        return definition_of(self.function.__code__) if inner is None else inner

    def body_of(self, op: Op, prepare: Prepare) -> Body:
        """The kernel for the call that ``op`` is."""
        from kernelgen.rewrites.know_arguments import known_of
        from kernelgen.rewrites.stencil_body import StencilBody

        return StencilBody(self, op.loc, prepare, known_of(ops.arguments_of(op)))

    def plan(self, values: Sequence[Any]) -> Plan:
        """What a call with these arguments comes to."""
        from kernelgen.types.arguments import classify

        return self.plan_of_types(tuple(classify(value, "").type for value in values))

    def plan_of_types(self, given: Arguments) -> Plan:
        """What a call with arguments of these types comes to."""
        from kernelgen.rewrites.know_arguments import known_of_arguments, type_of_argument
        from kernelgen.rewrites.resolve_classes import resolve_classes
        from kernelgen.rewrites.stencil_body import StencilBody

        if given not in self._plans:
            known = known_of_arguments(given)
            body = StencilBody(self, self.place(None), resolve_classes, known)
            self._plans[given] = body.plan(tuple(map(type_of_argument, given)))
        return self._plans[given]

    @cached_property
    def steps(self) -> Jitted:
        """The function that does several steps: of the arguments, their number, and ``out``."""
        names = _parameters(self.function)
        kernel = StencilSteps(self.function, self.choices)
        call = _call_of(self.function, (*names, fresh("steps", names)), kernel)
        call.__defaults__ = None
        return make_jitted(call, FunctionChoices(options=self.choices.options))

    def __call__(self, *values: Any) -> Any:
        from kernelgen.shells.plain_stencil import run

        return run(self, values[:-1], values[-1])


class StencilSteps(StencilKernel):
    """Several steps at once; it is called with the number of them in front of ``out``."""

    stencil_op = "stencil_steps"

    def __call__(self, *values: Any) -> None:
        *arguments, steps, out = values
        for left in reversed(range(int(steps))):
            made = super().__call__(*arguments, None if left else out)
            states = made if isinstance(made, tuple) else (made,)
            arguments[: len(states)] = states


class Stencil(Jitted):
    """A stencil, which computes each element of an array from those around it.

    Made by `stencil`. It is called with the kernel's arguments, and takes ``out=``, an array for
    the result, or a tuple of them if the kernel returns a tuple. ``py_func`` is the kernel.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<stencil {self.__qualname__}>"

    @property
    def call_func(self) -> FunctionType:
        """The function that a call runs: it gives its arguments to the stencil's loops."""
        return self._dispatcher.function

    @property
    def kernel(self) -> StencilKernel:
        """The kernel with what was asked for."""
        (cell,) = self._dispatcher.function.__closure__ or ()
        found: StencilKernel = cell.cell_contents
        return found

    @property
    def neighborhood(self) -> Halo | None:
        """The offsets that the kernel may read, as the decorator was given them."""
        return self.kernel.choices.neighborhood

    def iterate(
        self,
        a: Any,
        steps: int,
        *args: Any,
        out: Any = None,
        until: float | None = None,
        progress: bool = False,
    ) -> Any:
        """Apply the stencil to an array, then to the result, and so on.

        The result is, bit for bit, that of ``for _ in range(steps): a = k(a, *args)``. Two buffers
        take turns. Of arrays that are larger than the cache, several steps are done on one way
        through memory, if they have two dimensions or more.

        Parameters
        ----------
        a : array or tuple of arrays
            The kernel's first argument; a tuple of as many arrays as the kernel returns values, if
            it returns a tuple.
        steps : int
            How often, at most if ``until`` is given.
        *args
            The kernel's other arguments.
        out : array or tuple of arrays, optional
            Where the result goes; may be ``a``.
        until : float, optional
            Stop behind a step that has changed no element by more than that.
        progress : bool
            Show a bar, by tqdm where that is installed.

        Returns
        -------
        array or tuple of arrays
            The result. With ``until``, a tuple of this and the number of steps that were taken.

        Raises
        ------
        ValueError
            ``steps`` is negative, or ``out`` has another shape than the result.
        TypeError
            The kernel makes another number of arrays than it starts from.

        Examples
        --------
        >>> import numpy as np
        >>> from kernelgen import stencil
        >>> @stencil(mode="wrap")
        ... def smooth(a):
        ...     return (a[-1] + a[1]) / 2
        >>> smooth.iterate(np.array([1.0, 0.0, 0.0, 0.0]), 2)
        array([0.5, 0. , 0.5, 0. ])
        """
        from kernelgen.iterate import iterate

        return iterate(self, a, steps, args, out, until, progress)


NativeStencil = native_class(Stencil)


def make_stencil(function: FunctionType, choices: StencilChoices) -> Any:
    """The stencil of a kernel.

    Raises
    ------
    UnsupportedError
        The kernel has parameters that a stencil cannot give values, or none.
    KernelgenError
        ``standard_indexing`` names no parameter.
    """
    names = _parameters(function)
    unknown = [name for name in choices.standard if name not in names]
    if unknown:
        raise KernelgenError(
            f"standard_indexing= names {unknown[0]!r}, which is no parameter of "
            f"{function.__name__}()",
            definition_of(function.__code__),
        )
    on_grid = choices.options.cuda
    kernel = StencilKernel(function, choices, on_grid=on_grid)
    call = _call_of(function, names, kernel)
    if on_grid:
        from kernelgen.cuda.stencils import DeviceStencil

        return DeviceStencil(kernel, call)
    made: Any = NativeStencil()
    become(made, function, call, FunctionChoices(options=choices.options))
    made.__signature__ = inspect.signature(call)
    return made


def _parameters(function: FunctionType) -> tuple[str, ...]:
    code = function.__code__
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) or code.co_kwonlyargcount:
        raise UnsupportedError(
            "the kernel of a stencil has a fixed number of positional parameters",
            definition_of(code),
            "leave out *args, **kwargs, and what is keyword-only",
        )
    names = code.co_varnames[: code.co_argcount]
    if not names or "out" in names:
        raise UnsupportedError(
            "the kernel of a stencil needs an array to go over"
            if not names
            else "a stencil takes out=, so its kernel has no parameter of that name",
            definition_of(code),
        )
    return names


def _call_of(function: FunctionType, names: Sequence[str], kernel: StencilKernel) -> FunctionType:
    """The function that a call of the stencil runs, with the kernel's parameters and ``out``."""
    code = compile(_CALL.format(fresh("kernel", names), ", ".join(names)), "<stencil>", "exec")
    made: dict[str, Any] = {}
    exec(code, made)
    call: FunctionType = made["bind"](kernel)
    own = function.__code__
    call.__code__ = call.__code__.replace(
        co_filename=own.co_filename,
        co_firstlineno=own.co_firstlineno,
        co_name=own.co_name,
        co_qualname=own.co_qualname,
    )
    call.__name__, call.__qualname__ = function.__name__, function.__qualname__
    call.__module__ = function.__module__
    defaults = function.__defaults__ or ()
    call.__defaults__ = (*defaults, None)
    return call


_CALL = """
def bind({0}):
    def call({1}, out=None):
        return {0}({1}, out)
    return call
"""


def fresh(name: str, names: Sequence[str]) -> str:
    """A name that is none of some others."""
    while name in names:
        name += "_"
    return name


def choices_of(
    mode: Any, cval: Any, neighborhood: Any, standard: Any, dtype: Any, options: Options
) -> StencilChoices:
    """What the user asked for, checked.

    Raises
    ------
    KernelgenError
        Something is not what it has to be.
    """
    several = isinstance(dtype, (tuple, list))
    asked = () if dtype is None else tuple(map(_dtype, dtype if several else (dtype,)))
    borders, for_all = _borders(mode)
    return StencilChoices(
        borders, for_all, cval, _halo(neighborhood), _names(standard), asked, options
    )


def _dtype(spec: Any) -> Scalar:
    found = type_meant(spec)
    if found is None or found.kind == "V":
        raise KernelgenError(f"a stencil cannot make arrays of {spec!r}", None, known_types())
    return found.strong


def _borders(mode: Any) -> tuple[tuple[Border, ...], bool]:
    """The borders that ``mode`` names, and whether they are one for all axes."""
    if isinstance(mode, str):
        return (Border(_mode(mode), _mode(mode)),), True
    if not isinstance(mode, (tuple, list)) or not mode:
        raise KernelgenError(f"mode cannot be {mode!r}", None, _KNOWN)
    return tuple(map(_border, mode)), False


_KNOWN = (
    f"it is one of {', '.join(MODES)}, or a sequence of one an axis, each of them a mode or a "
    "pair of modes"
)


def _mode(mode: Any) -> str:
    if mode not in MODES:
        raise KernelgenError(f"mode cannot be {mode!r}", None, _KNOWN)
    found: str = mode
    return found


def _border(mode: Any) -> Border:
    if isinstance(mode, str):
        return Border(_mode(mode), _mode(mode))
    if not isinstance(mode, (tuple, list)) or len(mode) != 2:
        raise KernelgenError(f"the mode of an axis cannot be {mode!r}", None, _KNOWN)
    return Border(*map(_mode, mode))


def _halo(neighborhood: Any) -> Halo | None:
    """The neighborhood as pairs of ints, from 0 or below to 0 or above."""
    if neighborhood is None:
        return None
    try:
        pairs = tuple((index(low), index(high)) for low, high in neighborhood)
    except (TypeError, ValueError):
        pairs = ()
    if not pairs or any(low > 0 or high < 0 for low, high in pairs):
        raise KernelgenError(
            f"neighborhood cannot be {neighborhood!r}",
            None,
            "it is a pair of offsets for each axis, the first one <= 0 and the last one >= 0: "
            "((-1, 1), (-1, 1))",
        )
    return pairs


def _names(standard_indexing: Any) -> frozenset[str]:
    """The names of the arrays that are indexed as usual."""
    if isinstance(standard_indexing, str):
        return frozenset([standard_indexing])
    names = list(standard_indexing or ()) if isinstance(standard_indexing, _MANY) else [None]
    if not all(isinstance(name, str) for name in names):
        raise KernelgenError(
            f"standard_indexing cannot be {standard_indexing!r}", None, "it is a list of names"
        )
    return frozenset(map(str, names))


_MANY = (tuple, list, set, frozenset, type(None))
