"""Complex numbers: their parts are ops, all else is put together from these.

``DEFINITIONS`` says what an op computes on complex operands. An op that is not there has no
meaning for them, and inference says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter, zero
from kernelgen.ops import complex_library as library
from kernelgen.ops import product_library
from kernelgen.ops.arith import SYMBOLS, identity, result_type
from kernelgen.ops.compare import SYMBOLS as COMPARISONS
from kernelgen.ops.exceptions import TEXT_OPS
from kernelgen.ops.registry import OPS, NoRule, OpDef, Typed, define
from kernelgen.ops.rules import as_float, common, same, scalars
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import Type
from kernelgen.types.promote import promote
from kernelgen.types.table import WEAK_COMPLEX, Scalar

Definition = Callable[..., Any] | None

_AS_THEY_ARE = (
    "convert", "tuple", "is", "truth", "not", "attr", "call", "real", "imag", "conjugate",
    "as_complex",
    "complex", "where", "like", "cast", "argument", "operand", "strong", "exception", "invoke",
    "member", "astype", "method_of", "python_number", "total", "decimals", "view", *TEXT_OPS,
)  # fmt: skip

DEFINITIONS: dict[str, Definition] = {
    "add": library.add,
    "sub": library.subtract,
    "mul": library.multiply,
    "truediv": library.divide,
    "pow": library.power,
    "neg": library.negative,
    "pos": library.unchanged,
    "abs": library.absolute,
    "accumulated": product_library.accumulated_parts,
    "plus_product": product_library.plus_product_of_parts,
    "eq": library.equal,
    "ne": library.not_equal,
    **dict.fromkeys(_AS_THEY_ARE),
}
"""The function of the kernel language; None for ops that take complex numbers as they are."""


def refuse_complex(op: Op, types: tuple[Type, ...]) -> None:
    """Raise NoRule for an op that does not exist for complex operands."""
    if op.name in DEFINITIONS or op.name.startswith("np.") or OPS[op.name].carries:
        return
    if any(isinstance(t, Scalar) and t.is_complex for t in types):
        symbol = SYMBOLS.get(op.name) or COMPARISONS.get(op.name)
        what = f"`{symbol}`" if symbol else f"{op.name}()"
        raise NoRule(
            f"{what} does not exist for complex numbers",
            "use abs(x), x.real or x.imag, and functions of cmath instead of math",
        )


def complex_definition(op: Op) -> Definition:
    """The function that defines an op on complex operands, None for other operands."""
    types = [v.type for v in op.operands]
    if any(isinstance(t, Scalar) and t.is_complex for t in types):
        return DEFINITIONS.get(op.name)
    return None


# ------------------------------------------------------------------------------------ parts


def _part_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = common(f".{op.name}", types)
    return same(t, 1, t.component)


def _lower_part(e: Emitter, op: Op, args: list[str]) -> str:
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    if t.is_complex:
        return e(f"extractvalue {t.llvm} {args[0]}, {0 if op.name == 'real' else 1}")
    return args[0] if op.name == "real" else zero(t)


def _make_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t = as_float(common("complex()", types))
    made = promote(t, WEAK_COMPLEX)
    return same(made.component, 2, made)


def _lower_make(e: Emitter, op: Op, args: list[str]) -> str:
    return e.complex(result_type(op), *args)


def _conjugate_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(common(".conjugate()", types), 1)


def _as_complex_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(promote(as_float(common("cmath", types)), WEAK_COMPLEX), 1)


def _weak_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    scalars("complex()", types)
    return same(WEAK_COMPLEX, 1)


def _expand_conjugate(op: Op) -> Callable[..., Any]:
    t = op.operands[0].type
    assert isinstance(t, Scalar)
    return library.conjugate if t.is_complex else library.unchanged


define(OpDef("real", _part_rule, lambda x: x.real, _lower_part, calls=((library.real, 1),)))
define(OpDef("imag", _part_rule, lambda x: x.imag, _lower_part, calls=((library.imag, 1),)))
define(
    OpDef(
        "of_parts",
        _make_rule,
        library.of_parts,
        _lower_make,
        calls=((library.of_parts, 2),),
    )
)
define(
    OpDef(
        "conjugate",
        _conjugate_rule,
        library.conjugated,
        never_lowered,
        calls=((library.conjugated, 1),),
        expand=_expand_conjugate,
    )
)
define(
    OpDef(
        "as_complex",
        _as_complex_rule,
        library.as_complex,
        identity,
        calls=((library.as_complex, 1),),
    )
)
define(OpDef("complex", _weak_rule, complex, identity, np.complex128, ((complex, 1),)))
