"""Ops that draw from a ``np.random.Generator``, for the methods in ``generator_library``.

Each op has a function that stands for it there, whose first argument is the generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen import generators
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops.draws import Form, check_parameters, define_over_arrays
from kernelgen.ops.memory import load
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.types.compound import Type
from kernelgen.types.table import ADDRESS, FLOAT32, UINT32, UINT64, WEAK_FLOAT, Scalar

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
        check_parameters(given[1:], params)
        return Typed((None, *params), result)

    def reference(*values: Any) -> Any:
        return result.dtype.type(python(*values))

    full = f"draw_{name}"
    calls = ((python, len(types)),)
    op = OpDef(full, rule, python, lower, reference, calls, halves=True, effects=True)
    define(op._replace(on_leaves=True))  # a generator is an address then
    return python


def _native(name: str, python: Draw | None = None) -> Draw:
    """An op that calls a function of NumPy; it means the method of that name."""
    types = generators.FUNCTIONS[name]

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        e.declarations |= {each: generators.DECLARED[each] for each in generators.needed(name)}
        given = [f"ptr {args[0]}"]
        given += [f"{t.llvm} {arg}" for t, arg in zip(types[1:], args[1:], strict=True)]
        kept = e(f"getelementptr i8, ptr {args[0]}, i64 {generators.BINOMIAL}")
        given = generators.as_numpy_takes(name, given, f"ptr {kept}")
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
        return load(e, t, place, t.alignment)

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

_MEANINGS: dict[str, Draw] = {"uniform": lambda g, low, length: low + length * g.random()}
"""What a function of NumPy draws that differs from its method in the parameters."""

NEXT: dict[str, Draw] = {
    name: _native(name, _MEANINGS.get(name))
    for name, types in generators.FUNCTIONS.items()
    if types[0] is not FLOAT32 and "_fill" not in name
}
"""What draws one number of a distribution: of the generator and the parameters."""


def _over_arrays(name: str) -> Draw:
    """An op that draws with arrays of parameters."""

    def definition(form: Form) -> Draw:
        from kernelgen.ops import generator_library  # few kernels need it

        return generator_library.OVER_ARRAYS[name](form)

    result, *params = generators.FUNCTIONS[name]
    method = _method(name)
    define_over_arrays(f"draw_{name}_of_arrays", method, (result, *params), definition, before=1)
    return method


OVER: dict[str, Draw] = {
    name: _over_arrays(name)
    for name, types in generators.FUNCTIONS.items()
    if len(types) > 1 and types[0] is not FLOAT32
}
"""The same for arrays of parameters, and a size."""

# ------------------------------------------------------------------------------ constants


def _address_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((), ADDRESS)


def _lower_address(e: Emitter, op: Op, args: list[str]) -> str:
    return f"@{e.object(op.attrs['value'])}"


define(OpDef("generator_address", _address_rule, lambda value: value, _lower_address, carries=True))
