"""Give a function whose arguments are tuples or constants parameters for the numbers and arrays.

Before: untyped SSA as built, its entry with an argument for each parameter. After: tuples are made
of their elements in the entry, so that their lengths and fields are known; what is neither number
nor array is a constant.
"""

from __future__ import annotations

from kernelgen.ir.core import Function, Op, Value, const
from kernelgen.types.arguments import Argument, Arguments, Constant, Group


def unpack_arguments(function: Function, arguments: Arguments) -> None:
    """Apply the pass to a function that is called with ``arguments``, one for each parameter."""
    params = function.params
    made: list[Op] = []
    function.entry.args = []
    replaced = {}
    for param, argument in zip(params, arguments, strict=True):
        value = _unpacked(function, param.hint, argument, made)
        value.hint = param.hint
        replaced[param] = value
    function.entry.ops[:0] = made
    function.substitute(replaced)


def _unpacked(function: Function, hint: str, argument: Argument, made: list[Op]) -> Value:
    """The value of an argument; the ops that it takes are appended to ``made``."""
    if isinstance(argument, Constant):
        made.append(const(argument.value, function.loc))
    elif isinstance(argument, Group):
        parts = [
            _unpacked(function, f"{hint}[{i}]", each, made)
            for i, each in enumerate(argument.elements)
        ]
        attrs = {} if argument.cls is tuple else {"cls": argument.cls}
        made.append(Op("tuple", parts, attrs, function.loc))
    else:
        return function.entry.add_arg(hint=hint)
    return made[-1].value
