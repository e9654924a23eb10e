"""The code of a jitted function for arguments of some types, compiled and linked."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from kernelgen import pipeline
from kernelgen.errors import InternalError
from kernelgen.loops import exceptions, native_symbols
from kernelgen.lower import Lowered
from kernelgen.runtime import (
    cpython_api,
    engine,
    layouts,
    native_class,
    native_library,
    numpy_api,
    trampolines,
)
from kernelgen.shells.function import ENTRY, Entry, entry_module
from kernelgen.types.arguments import Argument, Arguments
from kernelgen.types.table import Scalar

_call_entry = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
_drop_reference = cpython_api.function("Py_DecRef", None, ctypes.py_object)


class Overload:
    """A function's code for arguments of some types.

    Parameters
    ----------
    request : Request
        What is compiled, with ``arguments``.
    also : callable, optional
        Of a signature: which Python numbers native calls may give for a strong type.
    nogil : bool
        Whether other threads run meanwhile.

    Attributes
    ----------
    arguments, returned : Arguments, Argument
        The types.
    report : Report or None
        What became of the loops that threads may share.
    entry : int
        The address of its entry. It holds while this object lives.
    """

    def __init__(
        self,
        request: pipeline.Request,
        also: Callable[[Scalar], Sequence[Scalar]] | None,
        nogil: bool,
    ) -> None:
        assert request.arguments is not None
        layouts.check()
        compiled = pipeline.compile_function(request)
        self.arguments: Arguments = request.arguments
        self.returned: Argument = compiled.returned
        self.report = compiled.report
        shell = entry_module(
            compiled.kernel,
            self.arguments,
            compiled.returned,
            also=also,
            nogil=nogil,
        )
        self._objects = shell.objects | compiled.kernel.objects
        self._errors = exceptions(compiled.kernel)
        self.module = pipeline.machine_code(shell.text)
        self._library = self._link(shell, compiled.kernel)
        self.entry = self._library.address(ENTRY)

    def _link(self, shell: Entry, kernel: Lowered) -> engine.Library:
        symbols = {
            **cpython_api.symbols(),
            **trampolines.addresses().for_loops,
            **self._errors.symbols,
            **numpy_api.symbols(),
            **native_library.symbols(),
            **native_symbols(kernel),
            **{symbol: id(value) for symbol, value in shell.objects.items()},
            **self._generators(shell, kernel),
        }
        return engine.link(self.module.object_code, [ENTRY], symbols)

    def _generators(self, shell: Entry, kernel: Lowered) -> dict[str, int]:
        """What code is linked with that draws random numbers."""
        if not shell.locks:
            return {}
        from kernelgen.runtime import generators

        return generators.symbols(kernel.drawn, kernel.objects)

    def call(self, values: Sequence[Any]) -> Any:
        """Call it with objects of exactly the classes that its types mean."""
        given = (ctypes.c_void_p * len(values))(*map(id, values))
        made = _call_entry(self.entry)(ctypes.addressof(given))
        if made == native_class.MISSED:
            raise InternalError("compiled code refuses the arguments that it is for")
        result = ctypes.cast(ctypes.c_void_p(made), ctypes.py_object).value
        _drop_reference(result)
        return result


def stage_of(name: str, request: pipeline.Request, overload: Overload) -> str:
    """The text of a stage; the last ones are those of the code that runs."""
    if name in ("optimized", "asm"):
        return overload.module.optimized if name == "optimized" else overload.module.assembly
    return pipeline.STAGES[name](request)
