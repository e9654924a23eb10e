"""The compiled loops of one kernel for one combination of types.

The general loop is there from the start; those for patterns of strides are compiled when a
call first needs them.
"""

from __future__ import annotations

from kernelgen import pipeline
from kernelgen.lower import Lowered
from kernelgen.runtime import cpython_api, engine, locks, patterns, trampolines
from kernelgen.shells import elementwise


class Loops:
    """The loops of ``kernel``, whose addresses hold while this object lives.

    Attributes
    ----------
    general : int
        The address of the loop for any strides.
    get_loop : int
        The address of NumPy's function that chooses a loop by strides.
    indexed : int
        The address of the loop of ``ufunc.at``; 0 if the kernel is not a binary operation.
    """

    def __init__(self, kernel: Lowered, flags: int) -> None:
        self._kernel = kernel
        self._errors = cpython_api.ExceptionTable([error.make() for error in kernel.errors])
        self._libraries: list[engine.Library] = []
        sizes = [t.size for t in kernel.inputs + kernel.outputs]
        reduces = elementwise.is_reduction(kernel)
        self._table = patterns.LoopTable(len(kernel.inputs), sizes, flags, reduces, self._compile)
        self._symbols = {
            **trampolines.addresses().for_loops,
            **self._errors.symbols,
            patterns.TABLE: self._table.address,
        }
        text = elementwise.general_module(kernel) + patterns.STUBS
        library = self._link(text, elementwise.GENERAL, patterns.GET_LOOP, patterns.AT)
        self.general = library.address(elementwise.GENERAL)
        self.get_loop = library.address(patterns.GET_LOOP)
        self.indexed = library.address(patterns.AT) if reduces else 0
        self._symbols[elementwise.GENERAL] = self.general
        self._table.set_general(self.general)

    def _compile(self, code: int) -> int:
        """Compile the loop for a code of the table; its address."""
        with locks.compiling:
            symbol, text = self._source(code)
            return self._link(text, symbol).address(symbol)

    def _source(self, code: int) -> tuple[str, str]:
        kernel = self._kernel
        if code == patterns.INDEXED:
            return elementwise.INDEXED, elementwise.indexed_module(kernel)
        pattern = patterns.pattern_of(code, len(kernel.inputs), len(kernel.outputs))
        return elementwise.PATTERN, elementwise.pattern_module(kernel, pattern)

    def _link(self, text: str, *exports: str) -> engine.Library:
        object_code = pipeline.machine_code(text).object_code
        library = engine.link(object_code, exports, self._symbols)
        self._libraries.append(library)
        return library
