"""Replace conversions that the user writes as calls by ops: ``np.int8(x)``, ``x.astype("M8[D]")``.

Before: untyped SSA. After: a call of a class of NumPy's scalars, or of ``astype``, is an op with
the type as an attribute; dates and durations made of constants, and numbers made of strings, are
constants.
"""

from __future__ import annotations

from typing import Any

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import defining
from kernelgen.ops.casts import scalar_type_of, type_meant
from kernelgen.types import table
from kernelgen.types.signature import known_types
from kernelgen.types.table import Scalar

_CLOCKS = ("now", "today")


def resolve_cast(block: Block, op: Op, callee: Any) -> bool:
    """Apply the rewrite to a call of the constant ``callee``; whether it was such a call."""
    args = op.operands[1:]
    to = scalar_type_of(callee)
    if to is None or op.attrs["keywords"]:
        return False
    if to.is_time:
        return _resolve_time(op, callee, to, args)
    if len(args) != 1:
        return False
    constant = args[0].constant
    if constant is not None and isinstance(constant.attrs["value"], str):
        made = _called(op, callee, [constant.attrs["value"]])
        op.name, op.operands, op.attrs = "const", [], {"value": made}
        return True
    op.name, op.operands, op.attrs = "cast", args, {"to": to}
    return True


def resolve_to_type(op: Op, name: str, value: Value) -> bool:
    """``value.astype(dtype)`` and ``value.view(dtype)`` are ops; ``op`` is the call.

    Not so if the type is that of another value, which is not known yet.
    """
    split = len(op.operands) - len(op.attrs["keywords"])
    given = dict(zip(op.attrs["keywords"], op.operands[split:], strict=True))
    given |= dict(zip(("dtype",), op.operands[1:split], strict=False))
    if given.keys() - {"copy"} != {"dtype"} or split > 2:
        raise UnsupportedError(
            f"{name}() takes one constant in a kernel, the type", op.loc, f'write x.{name}("f4")'
        )
    if given["dtype"].constant is None:
        return _refuse_unknown_type(op, name, given["dtype"])
    to = type_meant(given["dtype"].constant.attrs["value"])
    if to is None or to.kind == "V":
        raise UnsupportedError(
            f"{name}() to a type that kernels do not have", op.loc, known_types()
        )
    op.name, op.operands, op.attrs = name, [value], {"to": to}
    return True


def _refuse_unknown_type(op: Op, name: str, dtype: Value) -> bool:
    """Wait for what tells the type of a value, but not for a number."""
    if defining(dtype, "class_of", "attr") is not None:
        return False
    raise UnsupportedError(
        f"{name}() takes one constant in a kernel, the type", op.loc, f'write x.{name}("f4")'
    )


def _resolve_time(op: Op, callee: Any, to: Scalar, args: list[Value]) -> bool:
    """A date or a duration: of constants, of a kernel's value and a constant unit, of a value."""
    constants = [arg.constant for arg in args]
    known = [c.attrs["value"] for c in constants if c is not None]
    if len(known) == len(args):
        op.name, op.operands, op.attrs = "const", [], {"value": _made(op, callee, known)}
        return True
    if constants[0] is not None or len(args) > 2 or len(known) < len(args) - 1:
        raise UnsupportedError(
            f"np.{callee.__name__}() takes a number and a constant unit in a kernel",
            op.loc,
            f'write np.{callee.__name__}(x, "s")',
        )
    made = table.from_dtype(_made(op, callee, [1, *known]).dtype) if known else to
    op.name, op.operands, op.attrs = "time_of", args[:1], {"to": made}
    return True


def _made(op: Op, callee: Any, values: list[Any]) -> Any:
    """A date or a duration made of constants."""
    if values and isinstance(values[0], str) and values[0] in _CLOCKS:
        raise UnsupportedError(
            f"the time when a kernel is compiled, {values[0]!r}, is no constant",
            op.loc,
            "pass it as an argument",
        )
    if len(values) > 1 and isinstance(values[1], str) and values[1] != "generic":
        unit = values[1]
        if table.named(f"m8[{unit}]") is None:
            raise UnsupportedError(f"there is no unit {unit!r}", op.loc, table.UNITS)
    return _called(op, callee, values)


def _called(op: Op, callee: Any, values: list[Any]) -> Any:
    """What NumPy's class makes of constants; its refusal is an error at the user's line."""
    try:
        return callee(*values)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnsupportedError(f"{callee.__name__}(): {error}", op.loc) from None
