"""What functions of ``np.random`` and methods of its generators have in common, as ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.allocation import shape_types
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Type, describe
from kernelgen.types.table import UINT64, WEAK_BOOL, Scalar

# ------------------------------------------------------------------------------ parameters


def check_parameters(types: Sequence[Type], params: Sequence[Scalar]) -> None:
    """Raise NoRule unless they are types of numbers that can be parameters of types ``params``."""
    for t, param in zip(types, params, strict=True):
        if not isinstance(t, Scalar) or t.is_complex or t.is_time:
            raise NoRule(f"random numbers cannot be drawn with {describe(t)} as a parameter")
        if param.is_integer and t.is_float:
            raise NoRule(f"this parameter counts, and {describe(t)} does not", "write int(x)")


def any_array(*parameters: Any) -> Any:
    """The op of that name: whether there are arrays among parameters, which their types tell."""
    return any(isinstance(value, np.ndarray) for value in parameters)


def _any_array_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,) * len(types), WEAK_BOOL)


define(
    OpDef(
        "any_array",
        _any_array_rule,
        any_array,
        never_lowered,
        calls=tuple((any_array, count) for count in (1, 2, 3)),
    )
)


class Form(NamedTuple):
    """What types tell of a call with arrays of parameters.

    Parameters
    ----------
    ranks : tuple of int
        How many dimensions each of three parameters has; numbers have 0.
    ndim : int
        How many what is drawn has.
    sized : bool
        Whether the call says how many to draw.
    """

    ranks: tuple[int, ...]
    ndim: int
    sized: bool

    @property
    def with_range(self) -> Form:
        """The same of the first parameter, and of the distance from it to the second."""
        return self._replace(ranks=(self.ranks[0], max(self.ranks), 0))

    @property
    def axes(self) -> tuple[int, ...]:
        """All axes of parameters and of what is drawn, counted from the last one."""
        return tuple(range(max(self.ndim, *self.ranks), 0, -1))


def define_over_arrays(
    name: str,
    python: Callable[..., Any],
    types: Sequence[Scalar],
    definition: Callable[[Form], Callable[..., Any]],
    *,
    before: int,
) -> None:
    """Enter an op that draws for each element of parameters, broadcast.

    Were it a function of the kernel language, what draws with arrays would be looked at wherever a
    parameter is a number.

    Parameters
    ----------
    name : str
        The op's name.
    python : callable
        What means it. Behind the parameters it takes a size, which may be None.
    types : sequence of Scalar
        What is drawn, and the parameters.
    definition : callable
        What makes the function of the kernel language.
    before : int
        How many operands there are in front of the parameters.
    """

    def rule(op: Op, given: tuple[Type, ...]) -> Typed:
        *parameters, size = given[before:]
        check_parameters([t.dtype if isinstance(t, Array) else t for t in parameters], types[1:])
        ndim = max((t.ndim for t in parameters if isinstance(t, Array)), default=0)
        if ndim == 0:
            raise NoRule("a parameter is an array without dimensions", "write x[()]")
        if size != NONE:
            ndim = len(shape_types(size))
        return Typed((None,) * len(given), Array(types[0].strong, ndim, "C"))

    def expand(op: Op) -> Callable[..., Any]:
        *parameters, size = [v.type for v in op.operands[before:]]
        ranks = [t.ndim if isinstance(t, Array) else 0 for t in parameters]
        ranks += [0] * (3 - len(ranks))
        made = op.value.type
        assert isinstance(made, Array)
        return definition(Form(tuple(ranks), made.ndim, size != NONE))

    calls = ((python, before + len(types)),)
    define(
        OpDef(name, rule, python, never_lowered, None, calls, expand, carries=True, effects=True)
    )


# ---------------------------------------------------------------------------------- words


def _word_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    for t in types:
        if isinstance(t, Array):
            raise NoRule("bounds of random integers are numbers in a kernel", "draw in a loop")
        if not isinstance(t, Scalar) or not (t.is_integer or t.is_bool):
            raise NoRule(f"random integers are between integers, not {describe(t)}", "write int(x)")
    return Typed((UINT64,), UINT64)


def word_of(x: Any) -> Any:
    """The op ``word_of``: the bits of an integer, as one without sign."""
    return np.uint64(int(x) & (1 << 64) - 1)


def _high_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((UINT64, UINT64), UINT64)


def high_product(a: Any, b: Any) -> Any:
    """The op of that name: the upper half of the product of two words."""
    return np.uint64(int(a) * int(b) >> 64)


def _lower_high(e: Emitter, op: Op, args: list[str]) -> str:
    wide = [e(f"zext i64 {arg} to i128") for arg in args]
    product = e(f"mul nuw i128 {wide[0]}, {wide[1]}")
    return e(f"trunc i128 {e(f'lshr i128 {product}, 64')} to i64")


define(OpDef("word_of", _word_rule, word_of, lambda e, op, args: args[0], calls=((word_of, 1),)))
define(OpDef("high_product", _high_rule, high_product, _lower_high, calls=((high_product, 2),)))
