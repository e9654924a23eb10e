"""Native functions that all jitted functions have in common, compiled when one is first needed."""

from __future__ import annotations

from functools import cache

from kernelgen import blas, heap
from kernelgen.runtime import blocks, cpython_api, engine, matrix_products, native_class


@cache
def _library() -> engine.Library:
    source = cpython_api.COUNT_REFERENCES + native_class.SOURCE + blocks.SOURCE
    source += matrix_products.source()
    # As for ufuncs' helpers, no passes: optimised, this would take longer than most functions
    # to compile, for a nanosecond or two of a call.
    module = engine.compile_module(source, opt_level=0)
    symbols = {
        **blocks.symbols(),
        **matrix_products.symbols(),
        native_class.SLOW: id(native_class.SLOW_METHOD),
    }
    exports = [native_class.CALL, *heap.DECLARED, *blas.DECLARED]
    return engine.link(module.object_code, exports, symbols)


def native_call() -> int:
    """The address of the function that calls of all jitted functions go to."""
    return _library().address(native_class.CALL)


def symbols() -> dict[str, int]:
    """What code on arrays is linked with."""
    return {symbol: _library().address(symbol) for symbol in (*heap.DECLARED, *blas.DECLARED)}
