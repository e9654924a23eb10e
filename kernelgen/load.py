"""Link compiled code into the process, and give it to NumPy as a loop of its ufunc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kernelgen import config
from kernelgen.loops import Loops
from kernelgen.pipeline import Compiled, Request
from kernelgen.runtime import cpython_api, engine, trampolines
from kernelgen.runtime.numpy_api import DType, LoopFlag, add_loop
from kernelgen.shells import interpreted
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

_INITIAL = "kernelgen_initial"


class Loop(NamedTuple):
    """A loop as NumPy takes it: addresses of code (0: none), flags, what the code needs to live."""

    name: str
    strided: int
    get_loop: int
    indexed: int
    initial: int
    flags: LoopFlag
    needs: tuple[object, ...]


def link_loop(request: Request, compiled: Compiled, identity: object) -> Loop:
    """Link what was compiled, with ``identity`` as the initial value of reductions.

    Under ``KERNELGEN_DISABLE_JIT`` the loop calls the Python function instead.
    """
    signature = compiled.signature
    flags = LoopFlag(0)
    if request.options.fp_errors == "ignore" or config.DISABLE_JIT:  # NumPy's scalars report theirs
        flags |= LoopFlag.NO_FLOATINGPOINT_ERRORS
    if identity is not None:
        flags |= LoopFlag.REORDERABLE
    name = f"{request.function.__name__}_{signature}"
    initial = _initial(identity, signature.outputs[0])
    start = initial.address if initial else 0
    if config.DISABLE_JIT:
        flags |= LoopFlag.REQUIRES_GIL
        loop = _interpreted(request, signature)
        return Loop(name, loop.address, 0, 0, start, flags, (loop, initial))
    loops = Loops(compiled.kernel, flags)
    return Loop(name, loops.strided, loops.get_loop, loops.indexed, start, flags, (loops, initial))


def add_to_ufunc(ufunc: np.ufunc, dtypes: Sequence[DType], loop: Loop) -> None:
    """Make ``loop`` that of ``ufunc`` for ``dtypes``, those of all operands."""
    add_loop(
        ufunc,
        dtypes,
        loop.strided,
        get_loop=loop.get_loop,
        indexed_loop=loop.indexed,
        flags=loop.flags,
        name=loop.name,
        initial=loop.initial,
        owner=loop.needs,
    )


class _Linked(NamedTuple):
    """An address in linked code, and what the code needs to live."""

    address: int
    needs: tuple[object, ...]


def _link(object_code: bytes, symbol: str, symbols: dict[str, int], *needs: object) -> _Linked:
    library = engine.link(object_code, [symbol], symbols)
    return _Linked(library.address(symbol), (library, *needs))


def _interpreted(request: Request, signature: Signature) -> _Linked:
    callee = interpreted.python_loop(request.function, signature, request.options)
    symbols = {**cpython_api.symbols(), interpreted.CALLEE: id(callee)}
    module = engine.compile_module(interpreted.MODULE, opt_level=0)
    return _link(module.object_code, interpreted.SYMBOL, symbols, callee)


def _initial(identity: object, output: Scalar) -> _Linked | None:
    """The function that gives NumPy the identity; None where the output type cannot hold it."""
    if identity is None or (isinstance(identity, str) and identity == "reorderable"):
        return None
    try:
        value = np.asarray(identity)
        if value.ndim or value.dtype.kind not in "biufO":
            return None
        with np.errstate(all="ignore"):
            held = value.astype(output.dtype)
            exact = bool(held == value) or bool(held != held and value != value)  # noqa: PLR0124
    except (TypeError, ValueError, OverflowError):
        return None
    if not exact:
        return None
    text = trampolines.reduction_initial(_INITIAL, held.tobytes())
    return _link(engine.compile_module(text, opt_level=0).object_code, _INITIAL, {})
