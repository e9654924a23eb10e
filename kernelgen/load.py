"""Link compiled code into the process, and give it to NumPy as a loop of its ufunc."""

from __future__ import annotations

from types import FunctionType
from typing import NamedTuple

import numpy as np

from kernelgen import config
from kernelgen.loops import Loops
from kernelgen.pipeline import Compiled
from kernelgen.runtime import cpython_api, engine, trampolines
from kernelgen.runtime.numpy_api import LoopFlag, add_loop
from kernelgen.shells import elementwise, interpreted
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

_INITIAL = "kernelgen_initial"


def add_to_ufunc(
    ufunc: np.ufunc, function: FunctionType, compiled: Compiled, identity: object
) -> None:
    """Make ``compiled`` the loop of ``ufunc`` for its types.

    Under ``KERNELGEN_DISABLE_JIT`` the loop calls ``function`` instead.
    """
    signature = compiled.signature
    flags = LoopFlag.NO_FLOATINGPOINT_ERRORS
    if config.DISABLE_JIT:
        flags |= LoopFlag.REQUIRES_GIL
        loop = _interpreted(function, signature)
    else:
        loop = Loops(compiled.kernel, flags)
    if identity is not None:
        flags |= LoopFlag.REORDERABLE
    initial = _initial(identity, signature.outputs[0])
    add_loop(
        ufunc,
        [type(t.dtype) for t in signature.types],
        loop.strided,
        get_loop=loop.get_loop,
        indexed_loop=loop.indexed,
        flags=flags,
        name=f"{ufunc.__name__}_{signature}",
        initial=0 if initial is None else initial.address,
        owner=(loop, initial),
    )


class _Linked(NamedTuple):
    """An address in linked code, and what the code needs to live."""

    address: int
    needs: tuple[object, ...]


def _link(object_code: bytes, symbol: str, symbols: dict[str, int], *needs: object) -> _Linked:
    library = engine.link(object_code, [symbol], symbols)
    return _Linked(library.address(symbol), (library, *needs))


def _interpreted(function: FunctionType, signature: Signature) -> _Linked:
    callee = interpreted.python_loop(function, signature)
    symbols = {**cpython_api.symbols(), interpreted.CALLEE: id(callee)}
    module = engine.compile_module(interpreted.MODULE, opt_level=0)
    return _link(module.object_code, interpreted.SYMBOL, symbols, callee)


def _initial(identity: object, output: Scalar) -> _Linked | None:
    """The function that gives NumPy the identity; None where the output type cannot hold it."""
    if identity is None or (isinstance(identity, str) and identity == "reorderable"):
        return None
    try:
        value = np.array(identity).astype(output.dtype, casting="unsafe")
        exact = bool(value == identity) or bool(value != value)  # noqa: PLR0124 (nan)
    except (TypeError, ValueError, OverflowError):
        return None
    if not exact or value.ndim:
        return None
    text = trampolines.reduction_initial(_INITIAL, value.tobytes())
    return _link(engine.compile_module(text, opt_level=0).object_code, _INITIAL, {})
