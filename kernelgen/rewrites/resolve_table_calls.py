"""Replace calls of NumPy's functions that look things up in tables.

Before: untyped SSA. After: calls of ``np.interp``, ``np.searchsorted``, ``np.digitize`` and
``np.polyval`` are such of functions of the kernel language (``ops/table_library.py``), their tables
arrays. What NumPy checks and computes of a table alone is done here, by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.ir.core import Block, Op, Value
from kernelgen.ir.sequences import elements, put
from kernelgen.ops import table_library
from kernelgen.types.table import FLOAT64

_UNKNOWN = object()


class _Call(NamedTuple):
    """A call, with its arguments by the names of NumPy's parameters."""

    block: Block
    op: Op
    name: str
    given: dict[str, Value]

    def constant(self, name: str, default: Any = None) -> Any:
        """What an argument is, if it is a constant, else ``_UNKNOWN``."""
        if name not in self.given:
            return default
        constant = self.given[name].constant
        return _UNKNOWN if constant is None else constant.attrs["value"]

    def table(self, name: str) -> np.ndarray[Any, Any] | None:
        """An argument that is an array, or a tuple or list of numbers, as an array."""
        found = self.constant(name)
        if found is _UNKNOWN:
            values = elements(self.given[name], self.block, self.op)
            constants = [v.constant for v in values or ()]
            if values is None or None in constants:
                return None
            found = [c.attrs["value"] for c in constants if c is not None]
        try:
            made = np.asarray(found)
        except ValueError as error:
            raise self.refusal(str(error)) from None
        if made.ndim != 1:
            raise self.refusal("a table has one dimension")
        return made

    def refusal(self, reason: str, hint: str | None = None) -> UnsupportedError:
        return UnsupportedError(f"np.{self.name}(): {reason}", self.op.loc, hint)

    def become(self, function: Callable[..., Any], *args: Any, **keywords: Any) -> None:
        """Call ``function`` with values, or with what becomes constants."""
        values = [self.value(each) for each in (function, *args, *keywords.values())]
        self.op.operands, self.op.attrs = values, {"keywords": tuple(keywords)}

    def value(self, given: Any) -> Value:
        return given if isinstance(given, Value) else put(self.block, self.op, "const", value=given)

    def number(self, name: str) -> Value:
        """The argument that is looked up, as strong as one of NumPy's functions has it."""
        return put(self.block, self.op, "strong", self.given[name])


def resolve_table_call(block: Block, op: Op, callee: Any) -> bool:
    """Apply the rewrite to a call of one of these functions; whether it was resolved."""
    resolver = next(r for function, r in _RESOLVERS if function is callee)
    split = len(op.operands) - len(op.attrs["keywords"])
    by_name = dict(zip(op.attrs["keywords"], op.operands[split:], strict=True))
    try:
        given = signature(callee).bind(*op.operands[1:split], **by_name).arguments
    except TypeError as error:
        raise UnsupportedError(f"np.{callee.__name__}(): {error}", op.loc) from None
    resolver(_Call(block, op, callee.__name__, given))
    return True


def _searchsorted(call: _Call) -> None:
    if call.constant("sorter") is not None:
        raise call.refusal("a kernel has no `sorter=`", "sort the table outside of the kernel")
    side = call.constant("side", "left")
    if side not in ("left", "right"):
        got = "what is no constant" if side is _UNKNOWN else repr(side)
        raise call.refusal(f"search side must be 'left' or 'right' (got {got})")
    table = call.table("a")
    values = call.given["a"] if table is None else table
    call.become(table_library.searchsorted, values, call.number("v"), side == "right")


def _digitize(call: _Call) -> None:
    table = call.table("bins")
    if table is None:
        raise call.refusal("the bins must be constants", "use np.searchsorted")
    order = _order_of(table)
    if order == 0:
        raise call.refusal("bins must be monotonically increasing or decreasing")
    rises = order > 0
    function = table_library.digitize_rising if rises else table_library.digitize_falling
    bins = table if rises else table[::-1]
    call.become(function, call.number("x"), bins, call.given.get("right", False))


def _order_of(bins: np.ndarray[Any, Any]) -> int:
    """1 of bins that do not fall, -1 of those that do not rise, 0 of others."""
    values = bins.astype(np.float64).tolist()
    while len(values) > 1 and values[0] == values[1]:
        values.pop(0)
    pairs = list(pairwise(values))
    if not pairs or pairs[0][0] < pairs[0][1]:
        return 0 if any(a > b for a, b in pairs) else 1
    return 0 if any(a < b for a, b in pairs) else -1


def _polyval(call: _Call) -> None:
    table = call.table("p")
    if table is None:
        raise call.refusal("the coefficients must be constants", "write Horner's scheme in a loop")
    call.become(table_library.polyval, tuple(table), call.number("x"))


def _interp(call: _Call) -> None:
    xp, fp = call.table("xp"), call.table("fp")
    period = call.constant("period")
    if xp is None or fp is None or period is _UNKNOWN:
        raise call.refusal("the points and the period must be constants")
    x: Any = put(call.block, call.op, "cast", call.given["x"], to=FLOAT64)
    ends: dict[str, Any] = {
        name: call.given[name] for name in ("left", "right") if name in call.given
    }
    try:
        with np.errstate(all="ignore"):
            if period is not None:
                divisor = call.value(np.float64(abs(period)))
                x, ends = put(call.block, call.op, "mod", x, divisor), {}
                xp, fp = _of_period(xp, fp, period)
            np.interp(0.0, xp, fp)
    except (ValueError, TypeError) as error:
        raise call.refusal(str(error)) from None
    xp = xp.astype(np.float64)
    if np.iscomplexobj(fp):
        parts = np.ascontiguousarray(fp.real, np.float64), np.ascontiguousarray(fp.imag, np.float64)
        call.become(table_library.interp_complex, x, xp, *parts, **ends)
    else:
        call.become(table_library.interp, x, xp, fp.astype(np.float64), **ends)


def _of_period(xp: Any, fp: Any, period: float) -> tuple[Any, Any]:
    """The points of one period in order, with their neighbours on both sides."""
    if period == 0:
        raise ValueError("period must be a non-zero value")
    if len(xp) != len(fp):
        raise ValueError("fp and xp are not of the same length")
    period = abs(period)
    xp = xp.astype(np.float64) % period
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    around = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
    return around, np.concatenate((fp[-1:], fp, fp[:1]))


_RESOLVERS: tuple[tuple[Any, Callable[[_Call], None]], ...] = (
    (np.searchsorted, _searchsorted),
    (np.digitize, _digitize),
    (np.polyval, _polyval),
    (np.interp, _interp),
)
