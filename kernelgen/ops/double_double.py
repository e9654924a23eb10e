"""Numbers of twice the precision: sums of two floats, the second one a rounding error.

Functions of the kernel language, and the ops that they are made of. These carry no fast-math
flags, as who reorders sums loses their rounding errors. LLVM looks through a sum without flags
into its operands if what uses it has flags, so all that must be exact is made of these ops.

T. J. Dekker, "A floating-point technique for extending the available precision", Numerische
Mathematik 18 (1971); D. E. Knuth, "The Art of Computer Programming", volume 2, section 4.2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import PURE, Emitter, literal
from kernelgen.ops import exact
from kernelgen.ops.arith import Lowering, result_type
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.rules import as_float, common, same
from kernelgen.types.compound import Type
from kernelgen.types.digits import LN_2

# ------------------------------------------------------------- the ops, by their meaning


def rounded_sum(a: Any, b: Any) -> Any:
    """``a + b``"""
    return a + b


def sum_error(a: Any, b: Any) -> Any:
    """What is missing in the rounded sum (Knuth)."""
    total = a + b
    other = total - a
    return (a - (total - other)) + (b - other)


def rounded_product(a: Any, b: Any) -> Any:
    """``a * b``"""
    return a * b


def product_error(a: Any, b: Any) -> Any:
    """What is missing in the rounded product."""
    return exact.product_error(a, b)


def _rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return same(as_float(common(op.name, types)), 2)


def _lower_sum(e: Emitter, op: Op, args: list[str]) -> str:
    return _plain(e, op, "fadd", *args)


def _lower_product(e: Emitter, op: Op, args: list[str]) -> str:
    return _plain(e, op, "fmul", *args)


def _lower_sum_error(e: Emitter, op: Op, args: list[str]) -> str:
    a, b = args
    total = _plain(e, op, "fadd", a, b)
    other = _plain(e, op, "fsub", total, a)
    first = _plain(e, op, "fsub", a, _plain(e, op, "fsub", total, other))
    return _plain(e, op, "fadd", first, _plain(e, op, "fsub", b, other))


def _lower_product_error(e: Emitter, op: Op, args: list[str]) -> str:
    """A fused multiplication; of x86's longdoubles, which have none, by halves (Dekker)."""
    t, (a, b) = result_type(op), args
    product = _plain(e, op, "fmul", a, b)
    if t.llvm != "x86_fp80":
        function = f"llvm.fma.f{t.bits}"
        e.declarations[function] = f"declare {t.llvm} @{function}({', '.join([t.llvm] * 3)}) {PURE}"
        values = ", ".join(f"{t.llvm} {v}" for v in (a, b, e(f"fneg {t.llvm} {product}")))
        return e(f"call {t.llvm} @{function}({values}) {PURE}")
    (a_high, a_low), (b_high, b_low) = _halves(e, op, a), _halves(e, op, b)
    rest = _plain(e, op, "fsub", _plain(e, op, "fmul", a_high, b_high), product)
    for x, y in ((a_high, b_low), (a_low, b_high), (a_low, b_low)):
        rest = _plain(e, op, "fadd", rest, _plain(e, op, "fmul", x, y))
    return rest


def _halves(e: Emitter, op: Op, a: str) -> tuple[str, str]:
    """The upper 32 of 64 bits, rounded, and the lower ones (Veltkamp)."""
    scaled = _plain(e, op, "fmul", a, literal(result_type(op), 2.0**32 + 1.0))
    high = _plain(e, op, "fsub", scaled, _plain(e, op, "fsub", scaled, a))
    return high, _plain(e, op, "fsub", a, high)


def _plain(e: Emitter, op: Op, opcode: str, *args: str) -> str:
    return e(f"{opcode} {result_type(op).llvm} {', '.join(args)}")


def _define(function: Any, lower: Lowering) -> None:
    define(OpDef(function.__name__, _rule, function, lower, calls=((function, 2),)))


_define(rounded_sum, _lower_sum)
_define(sum_error, _lower_sum_error)
_define(rounded_product, _lower_product)
_define(product_error, _lower_product_error)

# -------------------------------------------------------------- in the kernel language


def two_sum(a: Any, b: Any) -> Any:
    """The sum and its rounding error, which add up to a + b exactly."""
    return rounded_sum(a, b), sum_error(a, b)


def two_product(a: Any, b: Any) -> Any:
    """The product and its rounding error, which add up to a * b exactly."""
    return rounded_product(a, b), product_error(a, b)


def add(a: Any, b: Any) -> Any:
    """The sum of two pairs."""
    total = rounded_sum(a[0], b[0])
    rest = rounded_sum(sum_error(a[0], b[0]), rounded_sum(a[1], b[1]))
    return rounded_sum(total, rest), sum_error(total, rest)


def add_float(a: Any, x: Any) -> Any:
    """The sum of a pair and a float."""
    total = rounded_sum(a[0], x)
    rest = rounded_sum(sum_error(a[0], x), a[1])
    return rounded_sum(total, rest), sum_error(total, rest)


def multiply(a: Any, b: Any) -> Any:
    """The product of two pairs."""
    product = rounded_product(a[0], b[0])
    across = rounded_sum(rounded_product(a[0], b[1]), rounded_product(a[1], b[0]))
    rest = rounded_sum(product_error(a[0], b[0]), across)
    return rounded_sum(product, rest), sum_error(product, rest)


def divide(a: Any, b: Any) -> Any:
    """The quotient of two pairs: that of their first numbers, and of what it leaves."""
    quotient = a[0] / b[0]
    left = rounded_sum(a[0], -rounded_product(quotient, b[0]))
    left = rounded_sum(left, -product_error(quotient, b[0]))
    rest = rounded_sum(left, rounded_sum(a[1], -rounded_product(quotient, b[1]))) / b[0]
    return rounded_sum(quotient, rest), sum_error(quotient, rest)


LN_2_PAIR = float(LN_2), 2.3190468138462996e-17
_THIRD = 1 / 3, 1.850371707708594e-17
_FIFTH = 1 / 5, -1.1102230246251566e-17


def log(x: Any) -> Any:
    """The logarithm of a positive pair, to about 2**-70: 2 * artanh of (m - 1) / (m + 1).

    ``m`` is x without its power of two, between the square roots of 0.5 and 2.
    """
    fraction, exponent = np.frexp(x[0])
    if fraction < 0.7071067811865476:
        fraction, exponent = fraction * 2.0, exponent - 1
    rest = np.ldexp(x[1], -exponent)
    s = divide((fraction - 1.0, rest), add_float((fraction, rest), 1.0))
    square = multiply(s, s)
    z = square[0]
    tail = 1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21 + z * (1 / 23))))
    tail = 1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * tail)))
    series = multiply(square, add(_THIRD, multiply(square, add_float(_FIFTH, z * tail))))
    of_fraction = multiply((s[0] * 2.0, s[1] * 2.0), add_float(series, 1.0))
    return add(multiply((float(exponent), 0.0), LN_2_PAIR), of_fraction)
