"""The names of a function's parameters, in the order in which code is given their values."""

from __future__ import annotations

from inspect import CO_VARARGS
from types import FunctionType


def parameters_of(function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters: positional, keyword-only, and ``*rest`` last."""
    code = function.__code__
    has_rest = rest_parameter(function) is not None
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + has_rest]


def rest_parameter(function: FunctionType) -> str | None:
    """The name of ``*rest``, if the function has it."""
    code = function.__code__
    if not code.co_flags & CO_VARARGS:
        return None
    return code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
