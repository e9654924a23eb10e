"""Ops that draw from a ``np.random.Generator``, for the methods in ``generator_library``.

Each op has a function that stands for it there, whose first argument is the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kernelgen import generators
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.allocation import shape_types
from kernelgen.ops.memory import load
from kernelgen.ops.registry import NoRule, OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import NONE, Array, Type, describe
from kernelgen.types.table import ADDRESS, FLOAT32, UINT32, UINT64, WEAK_BOOL, WEAK_FLOAT, Scalar

DRAWS: set[str] = set()
"""The names of these ops. What they are given is an address once compound values are split."""

Draw = Callable[..., Any]


def _define(
    name: str,
    python: Draw,
    types: tuple[Scalar, ...],
    lower: Callable[[Emitter, Op, list[str]], str],
) -> Draw:
    """An op: the types of its result and of its parameters, and the function that means it."""
    result, *params = types

    def rule(op: Op, given: tuple[Type, ...]) -> Typed:
        _check_parameters(given[1:])
        return Typed((None, *params), result)

    def reference(*values: Any) -> Any:
        return result.dtype.type(python(*values))

    full = f"draw_{name}"
    calls = ((python, len(types)),)
    define(OpDef(full, rule, python, lower, reference, calls, halves=True, effects=True))
    DRAWS.add(full)
    return python


def _check_parameters(types: Sequence[Type]) -> None:
    for t in types:
        if not isinstance(t, Scalar) or t.is_complex or t.is_time:
            raise NoRule(f"random numbers cannot be drawn with {describe(t)} as a parameter")


def _native(name: str, python: Draw | None = None) -> Draw:
    """An op that calls a function of NumPy; it means the method of that name."""
    types = generators.FUNCTIONS[name]

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        e.declarations[name] = generators.DECLARED[name]
        given = [f"ptr {args[0]}"]
        given += [f"{t.llvm} {arg}" for t, arg in zip(types[1:], args[1:], strict=True)]
        if name == "binomial":
            kept = e(f"getelementptr i8, ptr {args[0]}, i64 {generators.BINOMIAL}")
            given.append(f"ptr {kept}")
        return e(f"call {types[0].llvm} @{generators.symbol(name)}({', '.join(given)})")

    return _define(name, python or _method(name), types, lower)


def _method(name: str) -> Draw:
    return lambda generator, *given: getattr(generator, name)(*given)


def _single(method: str) -> Draw:
    """The function of float32 of a method."""
    draw = lambda g, *given: np.float32(getattr(g, method)(*given, dtype=np.float32))  # noqa: E731
    return _native(f"{method}_f".replace("random_f", "standard_uniform_f"), draw)


def _filling(name: str, dtype: Any) -> Draw:
    """An op that calls a function of NumPy which fills memory, for one exponential number."""
    (t,) = generators.FUNCTIONS[name]

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        e.declarations[name] = generators.DECLARED[name]
        place = e.reserve(t, 1)
        e.lines.append(f"  call void @{generators.symbol(name)}(ptr {args[0]}, i64 1, ptr {place})")
        return load(e, t, place)

    draw = lambda g: dtype(g.standard_exponential(dtype=dtype, method="inv"))  # noqa: E731
    return _define(name, draw, (t,), lower)


def _next(name: str, offset: int, t: Scalar, python: Draw) -> Draw:
    """An op that calls one of the functions in the generator's interface."""

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        place = e(f"getelementptr i8, ptr {args[0]}, i64 {offset}")
        function = e(f"load ptr, ptr {place}, !invariant.load !{{}}")
        state = e(f"load ptr, ptr {args[0]}, !invariant.load !{{}}")
        return e(f"call {t.llvm} {function}(ptr {state})")

    return _define(name, python, (t,), lower)


def _word(t: Scalar) -> Draw:
    return lambda g: g.integers(t.maximum, dtype=t.dtype, endpoint=True)


next_double = _next("double", generators.NEXT_DOUBLE, WEAK_FLOAT, lambda g: g.random())
next_uint32 = _next("uint32", generators.NEXT_UINT32, UINT32, _word(UINT32))
next_uint64 = _next("uint64", generators.NEXT_UINT64, UINT64, _word(UINT64))

next_single = _single("random")
next_normal_single = _single("standard_normal")
next_exponential_single = _single("standard_exponential")
next_gamma_single = _single("standard_gamma")
next_inverse = _filling("standard_exponential_inv_fill", np.float64)
next_inverse_single = _filling("standard_exponential_inv_fill_f", np.float32)

_MEANINGS: dict[str, Draw] = {
    "uniform": lambda g, low, length: low + length * g.random(),
    "binomial": lambda g, p, n: g.binomial(n, p),
}
"""What a function of NumPy draws that differs from its method in the parameters."""

NEXT: dict[str, Draw] = {
    name: _native(name, _MEANINGS.get(name))
    for name, types in generators.FUNCTIONS.items()
    if types[0] is not FLOAT32 and "_fill" not in name
}
"""What draws one number of a distribution: of the generator and the parameters."""

# ----------------------------------------------------------------------- parameter arrays


def any_array(*parameters: Any) -> Any:
    """The op of that name: whether there are arrays among parameters, which their types tell."""
    return any(isinstance(value, np.ndarray) for value in parameters)


def _any_array_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None,) * len(types), WEAK_BOOL)


def _over_arrays(name: str) -> Draw:
    """An op that draws for each element of parameters: of the generator, these, and a size."""
    result, *params = generators.FUNCTIONS[name]

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        *given, size = types[1:]
        _check_parameters([t.dtype if isinstance(t, Array) else t for t in given])
        ndim = max((t.ndim for t in given if isinstance(t, Array)), default=0)
        if ndim == 0:
            raise NoRule("a parameter is an array without dimensions", "write x[()]")
        if size != NONE:
            ndim = len(shape_types(size))
        return Typed((None,) * len(types), Array(result.strong, ndim, "C"))

    def expand(op: Op) -> Draw:
        from kernelgen.ops import generator_library, parameter_library  # few kernels need it

        *given, size = [v.type for v in op.operands[1:]]
        ranks = [t.ndim if isinstance(t, Array) else 0 for t in given]
        ranks += [0] * (3 - len(ranks))
        made = op.value.type
        assert isinstance(made, Array)
        form = parameter_library.Form(tuple(ranks), made.ndim, size != NONE)
        return generator_library.OVER_ARRAYS[name](form)

    method = lambda g, *given: getattr(g, name)(*given)  # noqa: E731
    calls = ((method, len(params) + 2),)
    full = f"draw_{name}_of_arrays"
    define(
        OpDef(full, rule, method, never_lowered, None, calls, expand, carries=True, effects=True)
    )
    return method


define(
    OpDef(
        "any_array",
        _any_array_rule,
        any_array,
        never_lowered,
        calls=tuple((any_array, count) for count in (1, 2, 3)),
    )
)

OVER: dict[str, Draw] = {
    name: _over_arrays(name)
    for name, types in generators.FUNCTIONS.items()
    if len(types) > 1 and types[0] is not FLOAT32
}
"""The same for arrays of parameters."""

# ------------------------------------------------------------------------------ constants


def _address_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), ADDRESS)


def _lower_address(e: Emitter, op: Op, args: list[str]) -> str:
    return f"@{e.object(op.attrs['value'])}"


define(OpDef("generator_address", _address_rule, lambda value: value, _lower_address, carries=True))

# ------------------------------------------------------------------------------- integers


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
