"""Generalized ufuncs of the kernel language: NumPy's own, and those that the compiler needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ops import core_library as library
from kernelgen.options import DEFAULTS, Options
from kernelgen.types.core_dims import parse_core
from kernelgen.types.operands import Operands

Function = Callable[..., Any]


class Core:
    """A generalized ufunc of the kernel language: what a call needs to know of one.

    Parameters
    ----------
    dimensions : str
        The core dimensions.
    py_func : function
        What is done for each place of the loop dimensions; it returns its results, or has
        parameters for them.
    python : callable
        What computes the same in Python.
    """

    is_core = True
    declared_signatures = ()
    options: Options = DEFAULTS

    def __init__(self, dimensions: str, py_func: Function, python: Function) -> None:
        core = parse_core(dimensions)
        self.signature = core.numpys
        self.nin, self.nout = len(core.inputs), len(core.outputs)
        self.py_func = py_func
        self.python = python
        self.__name__ = py_func.__name__
        returns = py_func.__code__.co_argcount == self.nin
        self.operands = Operands(core, returns=returns)

    def __call__(self, *inputs: Any, out: tuple[Any, ...] = (None,)) -> Any:
        made = self.python(*inputs)
        (target,) = out
        if target is None:
            return made
        target[...] = made
        return target


_OF_NUMPY = tuple(
    (ufunc, Core(ufunc.signature, function, ufunc))
    for ufunc, function in (
        (np.vecdot, library.vecdot),
        (np.matvec, library.matvec),
        (np.vecmat, library.vecmat),
    )
)


def core_of(callee: Any) -> Core | None:
    """The generalized ufunc of the kernel language that one of NumPy's is, if there is one."""
    return next((core for ufunc, core in _OF_NUMPY if ufunc is callee), None)
