"""What kernels cannot have, each with the reason that the user reads."""

from __future__ import annotations

from typing import Any

import numpy as np

NOT_SCALAR = "cannot be compiled: a kernel computes with numbers and tuples of them"
LIST = (
    "this list cannot be compiled: a kernel takes lists of known length apart, and has no others",
    "use a tuple, or a loop over range(n)",
)
DICT = (f"a dict {NOT_SCALAR}", "use local variables, or `if` and `elif`")

_MAKES_LIST = "makes an object that a kernel does not have"
_MAKES_ITERATOR = "moves an iterator, which a kernel does not have"
_OBJECTS = "tells of objects, and a kernel has numbers"
_OUTSIDE = "reads from outside, which a kernel cannot"
_NAME = "takes the name of an attribute, which is a constant in a kernel"
_CODE = "runs code that is text, and a kernel is compiled before"
_ARRAYS = "works on whole arrays, and a kernel is called for each element"

REFUSED: tuple[tuple[Any, str, str], ...] = (
    (print, "writes text, and a kernel has numbers", "return the value, or raise an exception"),
    (sorted, _MAKES_LIST, "compare with `if`, or use min() and max()"),
    (set, _MAKES_LIST, "use a chain of `==` and `or`"),
    (dict, _MAKES_LIST, "use local variables, or `if` and `elif`"),
    (iter, _MAKES_ITERATOR, "write a loop"),
    (next, _MAKES_ITERATOR, "write a loop that ends with `break`"),
    (hash, _OBJECTS, "compute with the number itself"),
    (id, _OBJECTS, "compare numbers with `==`"),
    (getattr, _NAME, "write x.name"),
    (setattr, _NAME, "write x.name = v"),
    (hasattr, _NAME, "use isinstance()"),
    (open, _OUTSIDE, "read the data before, and hand it over"),
    (input, _OUTSIDE, "read the data before, and hand it over"),
    (eval, _CODE, "write a function"),
    (exec, _CODE, "write a function"),
    (globals, _OBJECTS, "write the names of the variables"),
    (locals, _OBJECTS, "write the names of the variables"),
    (vars, _OBJECTS, "write the names of the variables"),
    (np.real_if_close, "has a type that depends on the value", "use x.real"),
    (np.unwrap, _ARRAYS, "call it outside of the kernel"),
)
"""The function, the reason, and what to do instead."""


_MAKES_ARRAYS = "makes an array of a number, and a kernel has numbers", "use the number itself"
_CHANGES = "changes an array, and numbers cannot be changed", "assign the variable instead"
_CHOOSES = "takes sequences, and a kernel has numbers", "use `if`, or a constant table: TABLE[i]"
_MEMORY = "shows the memory of an array, and a kernel has numbers", None
_BYTES = "makes or reads bytes, and a kernel has numbers", "do it outside of the kernel"
_TEXT = "makes or reads text, and a kernel has numbers", "do it outside of the kernel"
_LONG = "may need integers of more than 64 bits", "use math.frexp(x)"

_MEMBERS: dict[tuple[str, str | None], str] = {
    _MAKES_ARRAYS: "ravel flatten reshape repeat cumsum cumprod argsort nonzero diagonal trace "
    "swapaxes flat",
    _CHANGES: "fill put resize setfield setflags sort partition argpartition itemset",
    _CHOOSES: "choose compress take searchsorted dot",
    _MEMORY: "data flags ctypes to_device newbyteorder getfield byteswap",
    _BYTES: "tobytes tostring tofile dump dumps to_bytes from_bytes",
    _TEXT: "hex fromhex from_number",
}

MEMBERS: dict[str, tuple[str, str | None]] = {
    name: (f"{name}() {reason}" if reason != _MEMORY[0] else f"{name} {reason}", hint)
    for (reason, hint), names in _MEMBERS.items()
    for name in names.split()
}
"""Methods and attributes of numbers: why a kernel cannot have them, and what to do instead."""


_MAKE_GENERATORS = {
    "default_rng", "Generator", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64", "SeedSequence",
    "RandomState",
}  # fmt: skip

_OF_GENERATORS = {
    "multivariate_normal", "multivariate_hypergeometric", "multinomial", "dirichlet", "permuted",
    "bytes", "spawn", "bit_generator",
}  # fmt: skip


def member_of_generator(name: str) -> tuple[str, str | None]:
    """Why a kernel cannot have that method or attribute of a ``np.random.Generator``."""
    if name in _OF_GENERATORS:
        return f"{name} of a Generator is not compiled", "use it before, and hand over the result"
    return f"a Generator has no attribute {name!r}", None


def refusal(function: Any) -> tuple[str, str] | None:
    """Why ``function`` cannot be called, and what to do instead, if that is known."""
    for refused, reason, hint in REFUSED:
        if refused is function:
            return f"{function.__name__}() {reason}", hint
    if str(getattr(function, "__module__", None)).startswith("numpy.random"):
        name = getattr(function, "__name__", "")
        if name in _MAKE_GENERATORS:
            return (
                f"np.random.{name}() makes and seeds an object, which compiled code cannot",
                "make the generator before, and hand it over",
            )
        return f"np.random.{name}() is not compiled", "draw before, and hand over the array"
    return None
