"""Link compiled code into the process, and give it to NumPy as a loop of its ufunc.

What few kernels need is imported where it is used, as the first call of a process waits for all
that is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernelgen import config
from kernelgen.loops import Loops
from kernelgen.options import Options
from kernelgen.pipeline import Compilation, Request
from kernelgen.runtime import cpython_api, engine, trampolines
from kernelgen.runtime.numpy_api import DType, LoopFlag, add_loop
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

if TYPE_CHECKING:
    from kernelgen.runtime import descriptors
    from kernelgen.runtime.shared_rows import SharedTable
    from kernelgen.targets.parallel import Sharing

_INITIAL = "kernelgen_initial"


class Loop(NamedTuple):
    """A loop as NumPy takes it: addresses of code (0: none), flags, what the code needs to live.

    ``shared`` is the table of loops, if threads share calls.
    """

    name: str
    strided: int
    get_loop: int
    indexed: int
    initial: int
    flags: LoopFlag
    needs: tuple[object, ...]
    resolve_descriptors: int = 0
    shared: SharedTable | None = None


def link_loop(request: Request, compiled: Compilation, identity: object) -> Loop:
    """Link what was compiled, with ``identity`` as the initial value of reductions.

    Under ``KERNELGEN_DISABLE_JIT`` the loop calls the Python function instead.
    """
    signature = compiled.signature
    flags = flags_of(request.options, identity)
    name = name_of(request.function, signature)
    initial = _initial(identity, signature.outputs[0])
    start = initial.address if initial else 0
    if is_interpreted(request.options):
        from kernelgen.shells import interpreted

        callee = interpreted.python_loop(request.function, signature, request.options)
        loop = interpreted_loop(name, callee, flags)
        return loop._replace(initial=start, needs=(*loop.needs, initial))
    flags |= LoopFlag.REQUIRES_GIL * compiled.kernel.draws
    sharing = _sharing(request, compiled)
    loops = Loops(compiled.kernel, flags, sharing)
    needs = (loops, initial)
    shared = None
    if sharing is not None and sharing.exact and flags & LoopFlag.NO_FLOATINGPOINT_ERRORS:
        from kernelgen.runtime.shared_rows import SharedTable

        shared = SharedTable(loops.table, sharing.times[0])
    addresses = loops.strided, loops.get_loop, loops.indexed, start
    return Loop(name, *addresses, flags, needs, shared=shared)


def _sharing(request: Request, compiled: Compilation) -> Sharing | None:
    """How threads share calls; None if they do not."""
    kernel = compiled.kernel
    if not request.options.parallel or kernel.draws:
        return None
    from kernelgen import cost
    from kernelgen.targets.parallel import Sharing

    sizes = [t.size for t in kernel.inputs + kernel.outputs]
    times = [cost.of_element(compiled.rewritten)]
    no_vector_functions = not kernel.kept
    return Sharing(sizes, len(kernel.inputs), 0, times, exact=no_vector_functions)


def link_loop_of_units(
    function: FunctionType,
    signature: Signature,
    options: Options,
    identity: object,
    answers: descriptors.Answers,
) -> Loop:
    """Link the loop for times of whatever units, which asks ``answers`` about those of a call.

    ``signature`` has no units.
    """
    from kernelgen.runtime import descriptors

    flags = flags_of(options, identity)
    initial = _initial(identity, signature.outputs[0])
    start = initial.address if initial else 0
    callbacks = descriptors.Callbacks(len(signature.types), answers)
    exports = [descriptors.RESOLVE, descriptors.GET_LOOP]
    symbols = {**cpython_api.symbols(), **callbacks.symbols}
    library = engine.link(_for_units(descriptors.MODULE).object_code, exports, symbols)
    resolve, get_loop = map(library.address, exports)
    needs = (library, callbacks, initial)
    return Loop(name_of(function, signature), 0, get_loop, 0, start, flags, needs, resolve)


def flags_of(options: Options, identity: object) -> LoopFlag:
    """NumPy's flags of the loops of a kernel."""
    flags = LoopFlag(0)
    interpreted = is_interpreted(options)
    if options.fp_errors == "ignore" or interpreted:  # NumPy's scalars report theirs
        flags |= LoopFlag.NO_FLOATINGPOINT_ERRORS
    if identity is not None:
        flags |= LoopFlag.REORDERABLE
    if interpreted:
        flags |= LoopFlag.REQUIRES_GIL
    return flags


def is_interpreted(options: Options) -> bool:
    """Whether the Python function runs in place of compiled code."""
    return options.interpreted or bool(config.DISABLE_JIT)


def name_of(function: FunctionType, signature: Signature) -> str:
    """What NumPy calls the loop in its messages."""
    return f"{function.__name__}_{signature}"


def add_to_ufunc(ufunc: np.ufunc, dtypes: Sequence[DType], loop: Loop) -> None:
    """Make ``loop`` that of ``ufunc`` for ``dtypes``, those of all operands."""
    add_loop(
        ufunc,
        dtypes,
        loop.strided,
        get_loop=loop.get_loop,
        indexed_loop=loop.indexed,
        resolve_descriptors=loop.resolve_descriptors,
        flags=loop.flags,
        name=loop.name,
        initial=loop.initial,
        owner=loop.needs,
    )
    if loop.shared is not None:
        from kernelgen.runtime.shared_rows import share_rows

        share_rows(ufunc, dtypes, loop.shared)


class _Linked(NamedTuple):
    """An address in linked code, and what the code needs to live."""

    address: int
    needs: tuple[object, ...]


def _link(object_code: bytes, symbol: str, symbols: dict[str, int], *needs: object) -> _Linked:
    library = engine.link(object_code, [symbol], symbols)
    return _Linked(library.address(symbol), (library, *needs))


def interpreted_loop(name: str, callee: object, flags: LoopFlag) -> Loop:
    """The loop that calls a Python function."""
    from kernelgen.shells import interpreted

    symbols = {**cpython_api.symbols(), interpreted.CALLEE: id(callee)}
    module = engine.compile_module(interpreted.module(flags), opt_level=0)
    exports = [interpreted.SYMBOL, interpreted.GET_LOOP]
    library = engine.link(module.object_code, exports, symbols)
    strided, get_loop = map(library.address, exports)
    return Loop(name, strided, get_loop, 0, 0, flags, (library, callee))


@cache
def _for_units(source: str) -> engine.Module:
    """The native code is the same for all loops but for the functions that it calls."""
    return engine.compile_module(source, opt_level=0)


def _initial(identity: object, output: Scalar) -> _Linked | None:
    """The function that gives NumPy the identity; None where the output type cannot hold it."""
    held = held_identity(identity, output)
    if held is None:
        return None
    text = trampolines.reduction_initial(_INITIAL, held.tobytes())
    return _link(engine.compile_module(text, opt_level=0).object_code, _INITIAL, {})


def held_identity(identity: object, output: Scalar) -> Any:
    """The identity as a value of the output type; None if there is none that this type can hold."""
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
    found: Any = held[()]
    return found if exact else None
