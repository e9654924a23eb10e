"""The compiled loops of one kernel for one combination of types.

NumPy is given stubs. Each loop is compiled when a call first needs it.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from kernelgen import pipeline
from kernelgen.ir.raised import Raised
from kernelgen.lower import Lowered
from kernelgen.payload import count_words, read_words
from kernelgen.runtime import cpython_api, engine, locks, patterns, trampolines
from kernelgen.shells import elementwise
from kernelgen.source import Loc
from kernelgen.tracebacks import traceback_to

if TYPE_CHECKING:
    from kernelgen.targets.parallel import Sharing


@cache
def _stubs() -> engine.Module:
    """The stubs are the same for all kernels but for the table, which is linked in."""
    return engine.compile_module(patterns.STUBS, opt_level=0)


def exceptions(kernel: Lowered) -> cpython_api.ExceptionTable:
    """What makes the kernel's exceptions, of the words that its machine code leaves behind."""
    words = [count_words(error.slots) for error in kernel.errors]
    pairs = zip(kernel.errors, kernel.places, strict=True)
    return cpython_api.ExceptionTable([partial(_make, *pair) for pair in pairs], words)


def _make(error: Raised, place: Loc | None, words: bytes = b"") -> BaseException:
    made = error.make(read_words(error.slots, words))
    return made.with_traceback(traceback_to(place))


def native_symbols(kernel: Lowered) -> dict[str, int]:
    """What a kernel is linked with that allocates arrays, multiplies matrices, draws numbers, or
    shares loops."""
    found: dict[str, int] = {}
    if kernel.calls_natively:
        from kernelgen.runtime import native_library

        found |= native_library.symbols()
    if kernel.draws:
        from kernelgen.runtime import random_states

        found |= random_states.symbols()
    if kernel.uses_threads:
        from kernelgen.runtime import shared_code

        found |= shared_code.symbols()
    return found


class Loops:
    """The loops of ``kernel``, whose addresses hold while this object lives.

    Parameters
    ----------
    kernel : Lowered
        The kernel.
    flags : int
        NumPy's flags of these loops.
    sharing : Sharing, optional
        How calls are shared among threads.

    Attributes
    ----------
    strided : int
        The address of NumPy's strided loop.
    get_loop : int
        The address of NumPy's function that chooses a loop by strides.
    indexed : int
        The address of the loop of ``ufunc.at``; 0 if the kernel is not a binary operation.
    table : int
        The address of the table that the native code chooses from.
    """

    def __init__(self, kernel: Lowered, flags: int, sharing: Sharing | None = None) -> None:
        self._kernel = kernel
        self._sharing = sharing
        self._errors = exceptions(kernel)
        self._needs: list[object] = []
        sizes = [t.size for t in kernel.inputs + kernel.outputs]
        reduces = elementwise.is_reduction(kernel)
        self._table = patterns.LoopTable(len(kernel.inputs), sizes, flags, reduces, self._compile)
        self.table = self._table.address
        self._symbols = {
            **trampolines.addresses().for_loops,
            **self._errors.symbols,
            patterns.TABLE: self._table.address,
            **native_symbols(kernel),
        }
        library = self._link(_stubs(), patterns.STRIDED, patterns.GET_LOOP, patterns.AT)
        self.strided = library.address(patterns.STRIDED)
        self.get_loop = library.address(patterns.GET_LOOP)
        self.indexed = library.address(patterns.AT) if reduces else 0
        self._symbols[patterns.STRIDED] = self.strided

    def _compile(self, code: int) -> int:
        """Compile the loop for a code of the table; its address."""
        with locks.compiling:
            symbol, text = self._source(code)
            loop = self._link(pipeline.machine_code(text), symbol).address(symbol)
            if self._sharing is None or code == patterns.INDEXED:
                return loop
            from kernelgen.shared_loops import SharedLoop

            shared = SharedLoop(loop, self._sharing)
            self._needs.append(shared)
            return shared.address

    def _source(self, code: int) -> tuple[str, str]:
        kernel = self._kernel
        if code == patterns.INDEXED:
            return elementwise.INDEXED, elementwise.indexed_module(kernel)
        if code == patterns.GENERAL:
            return elementwise.GENERAL, elementwise.general_module(kernel)
        pattern = patterns.pattern_of(code, len(kernel.inputs), len(kernel.outputs))
        return elementwise.PATTERN, elementwise.pattern_module(kernel, pattern)

    def _link(self, module: engine.Module, *exports: str) -> engine.Library:
        library = engine.link(module.object_code, exports, self._symbols)
        self._needs.append(library)
        return library
