"""What the decorators let users choose about generated code."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """How a kernel is compiled.

    ``error_model`` is what division by zero does, "numpy" or "python"; ``math_flags`` are
    LLVM's fast-math flags for every floating point operation. ``precise`` keeps libm's scalar
    functions, which a vector library's equal to within 4 ulp. ``fp_errors`` is "ignore" or
    "numpy": whether floating point exceptions are those that the kernel earns. ``boundscheck``
    is whether an index out of range raises IndexError. ``interpreted`` is whether the Python
    function runs in place of compiled code. ``parallel`` is whether threads share calls, ``cuda``
    whether they run on a device.
    """

    error_model: str = "numpy"
    math_flags: str = ""
    precise: bool = False
    fp_errors: str = "ignore"
    boundscheck: bool = False
    interpreted: bool = False
    parallel: bool = False
    cuda: bool = False


DEFAULTS = Options()
