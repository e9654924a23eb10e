"""Native functions that all jitted functions have in common, compiled when one is first needed."""

from __future__ import annotations

from functools import cache

from kernelgen import heap
from kernelgen.runtime import blocks, cpython_api, engine, native_class


@cache
def _library() -> engine.Library:
    source = cpython_api.COUNT_REFERENCES + native_class.SOURCE + blocks.SOURCE
    # As for ufuncs' helpers, no passes: optimised, this would take longer than most functions
    # to compile, for a nanosecond or two of a call.
    module = engine.compile_module(source, opt_level=0)
    symbols = {**blocks.symbols(), native_class.SLOW: id(native_class.SLOW_METHOD)}
    return engine.link(module.object_code, [native_class.CALL, *heap.DECLARED], symbols)


def native_call() -> int:
    """The address of the function that calls of all jitted functions go to."""
    return _library().address(native_class.CALL)


def block_symbols() -> dict[str, int]:
    """What code that allocates is linked with."""
    return {symbol: _library().address(symbol) for symbol in heap.DECLARED}
