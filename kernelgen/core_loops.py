"""The compiled loops of one kernel that takes arrays, for one combination of dtypes, linked.

NumPy is given a stub. Each loop is compiled when a call first needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from kernelgen import pipeline
from kernelgen.load import Loop, flags_of, interpreted_loop, is_interpreted, name_of
from kernelgen.loops import exceptions, native_symbols
from kernelgen.lower import Lowered
from kernelgen.pipeline import Compilation, Request
from kernelgen.runtime import core_patterns, engine, locks, patterns, trampolines
from kernelgen.runtime.numpy_api import LoopFlag
from kernelgen.shells import gufunc, interpreted
from kernelgen.types.compound import dtype_of
from kernelgen.types.matching import Types
from kernelgen.types.signature import Signature

if TYPE_CHECKING:
    from kernelgen.targets.parallel import Sharing


@cache
def _stubs() -> engine.Module:
    """The stubs are the same for all kernels but for the table, which is linked in."""
    return engine.compile_module(core_patterns.STUBS, opt_level=0)


class CoreLoops:
    """The loops of a kernel, whose addresses hold while this object lives.

    Parameters
    ----------
    kernel : Lowered
        The kernel for operands whose core dimensions are contiguous.
    request : Request
        What it was compiled for.
    general : callable
        The request for operands with any strides.
    operands : tuple of CoreOperand
        How to tell them apart.
    flags : int
        NumPy's flags of these loops.
    sharing : Sharing, optional
        How calls are shared among threads.

    Attributes
    ----------
    strided : int
        The address of NumPy's strided loop.
    get_loop : int
        The address of NumPy's function that chooses a loop: always that one.
    """

    def __init__(
        self,
        kernel: Lowered,
        request: Request,
        general: Callable[[], Request],
        operands: tuple[core_patterns.CoreOperand, ...],
        flags: int,
        sharing: Sharing | None,
    ) -> None:
        self._kernel = kernel
        self._sharing = sharing
        self._request = request
        self._general = general
        self._needs: list[object] = []
        self._table = core_patterns.CoreLoopTable(operands, flags, self._compile)
        self._symbols = trampolines.addresses().for_loops
        table = {**self._symbols, patterns.TABLE: self._table.address}
        exports = [patterns.STRIDED, patterns.GET_LOOP]
        library = engine.link(_stubs().object_code, exports, table)
        self._needs.append(library)
        self.strided, self.get_loop = map(library.address, exports)

    def _compile(self, code: int) -> int:
        """Compile the loop for a code of the table; its address."""
        with locks.compiling:
            if code == core_patterns.DENSE:
                return self._link(self._kernel, self._request)
            request = self._general()
            return self._link(pipeline.lowered(request), request)

    def _link(self, kernel: Lowered, request: Request) -> int:
        errors = exceptions(kernel)
        module = pipeline.machine_code(request.shell(kernel))
        symbols = {**self._symbols, **errors.symbols, **native_symbols(kernel)}
        library = engine.link(module.object_code, [gufunc.SYMBOL], symbols)
        self._needs += [errors, library]
        loop = library.address(gufunc.SYMBOL)
        if self._sharing is None:
            return loop
        from kernelgen.shared_loops import SharedLoop

        shared = SharedLoop(loop, self._sharing)
        self._needs.append(shared)
        return shared.address


class Uncompiled(NamedTuple):
    """What stands for a compilation where only the Python function runs."""

    signature: Signature

    @property
    def outputs(self) -> Types:
        return self.signature.outputs


class CoreKernel(NamedTuple):
    """What a loop of a generalized ufunc is made of.

    Attributes
    ----------
    request : Request
        What it is compiled for, if core dimensions are contiguous.
    general : callable
        The same for any strides.
    arguments : tuple of CoreArgument
        The operands as the kernel takes them.
    """

    request: Request
    general: Callable[[], Request]
    arguments: tuple[gufunc.CoreArgument, ...]


def link_core_loop(kernel: CoreKernel, compiled: Compilation | Uncompiled) -> Loop:
    """Link a kernel that takes arrays."""
    request, general, arguments = kernel
    flags = flags_of(request.options, None)
    name = name_of(request.function, compiled.signature)
    if isinstance(compiled, Uncompiled) or is_interpreted(request.options):
        callee = interpreted.core_python_loop(
            request.function, arguments, len(request.inputs), request.returns, request.options
        )
        return interpreted_loop(name, callee, flags)
    operands = tuple(
        core_patterns.CoreOperand(dtype_of(each.type).size, each.dims) for each in arguments
    )
    flags |= LoopFlag.REQUIRES_GIL * compiled.kernel.draws
    sharing = None
    if request.options.parallel and not compiled.kernel.draws:
        from kernelgen import cost
        from kernelgen.targets.parallel import Sharing

        sizes = [each.size for each in operands]
        dims = {dim for each in operands for dim in each.dims}
        times = cost.of_slice(compiled.rewritten)
        sharing = Sharing(sizes, len(sizes), len(dims), times, exact=True)
    loops = CoreLoops(compiled.kernel, request, general, operands, flags, sharing)
    return Loop(name, loops.strided, loops.get_loop, 0, 0, flags, (loops,))
