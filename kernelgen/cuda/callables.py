"""What ufuncs, gufuncs and stencils of a device have in common, seen as objects."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Generic, TypeVar

from kernelgen.dispatch import Kernel
from kernelgen.runtime import locks

K = TypeVar("K", bound=Kernel)


class OnDevice:
    """What a decorator makes for a device of a kernel. Copies and pickles of it are it itself, by
    the name of the kernel."""

    __qualname__: str

    def __reduce__(self) -> str:
        return self.__qualname__


class UfuncOnDevice(OnDevice, Generic[K]):
    """What ufuncs and generalized ufuncs of a device can be asked.

    Attributes
    ----------
    nin, nout, nargs : int
        How many inputs and outputs it has, and both together.
    identity : object
        That of reductions.
    py_func : function
        The Python function.
    signatures : list of str
        Those for which there is code.
    declared_signatures : tuple of Signature
        Those that the decorator was given.

    Raises
    ------
    KernelgenError
        The kernel cannot be compiled for one of these.
    """

    __name__: str

    is_core = True
    """Kernels call it as they call other ufuncs."""

    def __init__(self, kernel: K, call: inspect.Signature) -> None:
        functools.update_wrapper(self, kernel.function)  # type: ignore[arg-type]
        kernel.ufunc = self  # type: ignore[assignment]
        self.py_func = kernel.function
        self.nin, self.nout = kernel.nin, kernel.nout
        self.nargs = kernel.nin + kernel.nout
        identity = kernel.choices.identity
        is_none = isinstance(identity, str) and identity == "reorderable"
        self.identity = None if is_none else identity
        self.signatures = kernel.signatures
        self.declared_signatures = kernel.choices.signatures
        self.__signature__ = call
        self._kernel = kernel
        with locks.compiling:
            for signature in kernel.choices.signatures:
                kernel.outputs_for(signature.inputs)

    def compile(self, signature: Any) -> None:
        """Find out whether the kernel can be compiled for a signature.

        Parameters
        ----------
        signature : str, Signature or tuple of types
            In any form that the decorator takes, or types of the inputs alone.
        """
        with locks.compiling:
            self._kernel.outputs_for(self._kernel.inputs_of(signature))

    def inspect_ir(self, signature: Any) -> str:
        """The kernel's SSA for ``signature``, typed and rewritten, as text."""
        from kernelgen import pipeline

        with locks.compiling:
            request = self._kernel.request(self._kernel.inputs_of(signature))
            return pipeline.STAGES["rewritten"](request)
