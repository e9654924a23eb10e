"""Give the parameters that are not inputs of the kernel their default values, as constants.

Before: untyped SSA as built, its entry with an argument for each parameter. After: an argument
for each input, if the other parameters have defaults.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from kernelgen.ir.core import Function, const


def bind_defaults(function: Function, python: FunctionType, inputs: int) -> None:
    """Apply the pass to the SSA of ``python``, which is given its first ``inputs`` parameters."""
    rest = function.params[inputs:]
    defaults = defaults_of(python)
    if any(param.hint not in defaults for param in rest):
        return  # the number of inputs is wrong, which the caller reports
    made = [const(defaults[param.hint], function.loc) for param in rest]
    for op, param in zip(made, rest, strict=True):
        op.value.hint = param.hint
    function.entry.args = function.params[:inputs]
    function.entry.ops[:0] = made
    function.substitute({p: op.value for p, op in zip(rest, made, strict=True)})


def defaults_of(function: FunctionType) -> dict[str, Any]:
    """The default values of a function's parameters, positional and keyword-only."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = function.__defaults__ or ()
    found = dict(zip(names[len(names) - len(values) :], values, strict=True))
    return found | (function.__kwdefaults__ or {})
