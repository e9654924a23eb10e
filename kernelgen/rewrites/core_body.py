"""The kernel of a generalized ufunc as what is computed for each place of its loop dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelgen.bytecode.build import build
from kernelgen.errors import KernelgenError
from kernelgen.infer import Prepare, infer
from kernelgen.infer_outputs import check_filled
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Function
from kernelgen.ops.cores import Core
from kernelgen.rewrites.bind_defaults import bind_defaults
from kernelgen.rewrites.check_bounds import check_tables
from kernelgen.rewrites.fill_outputs import fill_outputs
from kernelgen.rewrites.part_of_itself import typing_kernel
from kernelgen.rewrites.resolve_calls import resolve_calls
from kernelgen.source import Loc
from kernelgen.types.compound import Array, Type

Found = tuple[Function, tuple[Array, ...]]


class CoreBody:
    """The kernel of ``ufunc``, called at ``loc``; ``prepare`` is the pass that is given types."""

    def __init__(self, ufunc: Any, loc: Loc | None, prepare: Prepare) -> None:
        self._ufunc = ufunc
        self._loc = loc
        self._prepare = prepare
        self._found: dict[Any, Found | KernelgenError] = {}

    def outputs(self, inputs: Sequence[Type], filled: Sequence[Array]) -> tuple[Array, ...]:
        """The types of the outputs, of which dtypes may be ``UNDEFINED`` in ``filled``."""
        return self._typed(inputs, filled)[1]

    def function(self, inputs: Sequence[Type], filled: Sequence[Array]) -> Function:
        """A typed copy, whose parameters are the inputs and the outputs."""
        return copy_function(self._typed(inputs, filled)[0])

    def _typed(self, inputs: Sequence[Type], filled: Sequence[Array]) -> Found:
        key = (*inputs, *filled)
        if key not in self._found:
            try:
                self._found[key] = self._infer(inputs, filled)
            except KernelgenError as error:
                self._found[key] = error
        found = self._found[key]
        if isinstance(found, KernelgenError):
            raise found.with_traceback(None)
        return found

    def _infer(self, inputs: Sequence[Type], filled: Sequence[Array]) -> Found:
        python, operands = self._ufunc.py_func, self._ufunc.operands
        function = build(python, itself=self._ufunc)
        for op in function.ops():
            ours = isinstance(self._ufunc, Core)
            op.loc = self._loc if ours or op.loc is None else op.loc.at_call(self._loc)
        bind_defaults(function, python, operands.parameters)
        with typing_kernel(self._ufunc, self._loc):
            resolve_calls(function)
            outputs = fill_outputs(
                function, inputs, filled, self._prepare, returns=operands.returns
            )
            types = (*inputs, *outputs)
            self._prepare(function, types)
            infer(function, types, prepare=self._prepare)
        check_tables(function)
        check_filled(function, len(outputs))
        return function, outputs
