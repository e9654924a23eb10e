"""Ops that draw from the generator of ``np.random``, for the functions of ``random_library``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen import randoms
from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops import random_library as library
from kernelgen.ops.draws import Form, define_over_arrays
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.types.compound import NONE, Type
from kernelgen.types.table import WEAK_FLOAT, WEAK_INT


def _define(name: str, python: Callable[..., Any], symbol: str, count: int, result: Type) -> None:
    """An op that calls a native function with ``count`` integers."""

    def rule(op: Op, types: tuple[Type, ...]) -> Typed:
        return Typed((WEAK_INT,) * count, result)

    def lower(e: Emitter, op: Op, args: list[str]) -> str:
        e.declarations[symbol] = randoms.DECLARED[symbol]
        given = ", ".join(f"i64 {arg}" for arg in args)
        if result == NONE:
            e.lines.append(f"  call void @{symbol}({given})")
            return "undef"
        llvm = "double" if result == WEAK_FLOAT else "i64"
        return e(f"call {llvm} @{symbol}({given})")

    def reference(*values: Any) -> Any:
        """Integers of 64 bits wrap."""
        drawn = python(*values)
        return np.uint64(drawn).astype(np.int64) if result == WEAK_INT else drawn

    define(OpDef(name, rule, python, lower, reference, ((python, count),), effects=True))


def _define_over_arrays(name: str, python: Callable[..., Any], count: int) -> None:
    """An op that draws with arrays of parameters."""

    def definition(form: Form) -> Callable[..., Any]:
        from kernelgen.ops import random_choices  # few kernels need it

        return random_choices.OVER_ARRAYS[name](form)

    types = (WEAK_FLOAT,) * (1 + count)
    define_over_arrays(f"random_{name}_of_arrays", python, types, definition, before=0)


_define("random_double", library.next_double, randoms.DOUBLE, 0, WEAK_FLOAT)
_define("random_gauss", library.next_gauss, randoms.GAUSS, 0, WEAK_FLOAT)
_define("random_exponential", library.next_exponential, randoms.EXPONENTIAL, 0, WEAK_FLOAT)
_define("random_below", library.below, randoms.BELOW, 1, WEAK_INT)
_define("random_seed", library.set_seed, randoms.SEED, 1, NONE)

_define_over_arrays("normal", library.normals, 2)
_define_over_arrays("uniform", library.uniforms, 2)
_define_over_arrays("exponential", library.exponentials, 1)
