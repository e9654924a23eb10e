"""The whole compiler on one page: a Python function goes in, object code comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, NamedTuple

from kernelgen import config
from kernelgen.bytecode.build import build
from kernelgen.bytecode.cfg import flow_graph
from kernelgen.bytecode.decode import decode
from kernelgen.bytecode.parameters import parameters_of
from kernelgen.errors import SignatureError, UnsupportedError
from kernelgen.infer import check_outputs, infer
from kernelgen.ir.core import Function
from kernelgen.ir.text import print_function
from kernelgen.ir.verify import verify
from kernelgen.llvm_strict import StrictEmitter
from kernelgen.llvm_text import Emitter, no_versions
from kernelgen.lower import Lowered, lower
from kernelgen.options import DEFAULTS, Options
from kernelgen.returned import set_returned
from kernelgen.rewrites import CHECK_BOUNDS, CHECK_DIVISION, TYPED_PASSES, UNTYPED_PASSES, Pass
from kernelgen.rewrites.array_passes import count_references
from kernelgen.rewrites.bind_defaults import bind_defaults
from kernelgen.rewrites.check_bounds import check_tables
from kernelgen.rewrites.resolve_classes import resolve_classes
from kernelgen.rewrites.unpack_arguments import unpack_arguments
from kernelgen.runtime import engine, vector_library
from kernelgen.shells.elementwise import pattern_module
from kernelgen.source import definition_of
from kernelgen.types.arguments import Argument, Arguments
from kernelgen.types.compound import GENERATOR, Array, Tuple, Type, describe, dtype_of
from kernelgen.types.promote import can_cast_within_kind
from kernelgen.types.signature import Signature
from kernelgen.types.table import Scalar

if TYPE_CHECKING:
    from kernelgen.llvm_grid import GridEmitter
    from kernelgen.report import Report
    from kernelgen.targets.cuda import Machine


class Request:
    """What is to be compiled: a function, for which types, and how.

    ``outputs`` are those that a signature asks for, None to take what the function returns.
    ``itself`` is what the function's own name stands for while nothing is bound to it.
    ``any_result`` lets it return whatever compiled code can hand over, where a ufunc's kernel
    returns numbers.
    A jitted function is called with ``arguments``, whose numbers are the inputs; ``returned`` is
    what a signature of it declares, ``locals`` are types that variables are to have.
    A kernel of a generalized ufunc makes what is in the arrays ``filled``, whose dtypes may be
    ``UNDEFINED``; there may be none. They are its last parameters, or it ``returns`` what is
    stored there.
    ``shell`` writes the module of the loop to be looked at.
    """

    def __init__(
        self,
        function: FunctionType,
        inputs: tuple[Type, ...],
        outputs: tuple[Scalar, ...] | None = None,
        options: Options = DEFAULTS,
        itself: object = None,
        *,
        arguments: Arguments | None = None,
        returned: Argument | None = None,
        locals: Mapping[str, Scalar] | None = None,
        any_result: bool = False,
        filled: tuple[Array, ...] | None = None,
        returns: bool = False,
        shell: Callable[[Lowered], str] = pattern_module,
    ) -> None:
        self.function = function
        self.inputs = inputs
        self.outputs = outputs
        self.options = options
        self.itself = itself
        self.arguments = arguments
        self.returned = returned
        self.locals = locals
        self.any_result = any_result
        self.filled = filled
        self.returns = returns
        self.shell = shell

    @property
    def count(self) -> int:
        """How many of the function's parameters are given arguments."""
        return len(self.inputs) + (0 if self.returns else len(self.filled or ()))


# ------------------------------------------------------------------- the stages, in order


def bytecode(request: Request) -> str:
    """Decoded instructions, versions normalised."""
    return "\n".join(map(str, decode(request.function)))


def cfg(request: Request) -> str:
    """Basic blocks, dominators, loops, liveness."""
    parameters = set(parameters_of(request.function))
    return str(flow_graph(decode(request.function), parameters))


def ssa(request: Request) -> Function:
    """SSA from the stack machine; parameters beyond the inputs have their defaults."""
    function = build(request.function, itself=request.itself, locals=request.locals)
    if request.arguments is not None:
        unpack_arguments(function, request.arguments)
    else:
        bind_defaults(function, request.function, request.count)
    _check(function)
    return function


def inferred(request: Request) -> Function:
    """Calls resolved, helpers inlined, every value with its type."""
    function = _apply(ssa(request), UNTYPED_PASSES)
    inputs = request.inputs
    if request.filled is not None:
        inputs += _filled(function, request, request.filled)
    if len(function.params) != len(inputs):
        raise _wrong_count(request, len(function.params))
    resolve_classes(function, inputs)
    infer(function, inputs, prepare=resolve_classes)
    if request.arguments is None and not request.any_result:
        _refuse_generators(function)
    return function


def _refuse_generators(function: Function) -> None:
    """Raise UnsupportedError if a ufunc's kernel draws from a generator, which nothing locks."""
    for op in (op for each in (function, *function.callees()) for op in each.ops()):
        if op.result is not None and op.result.type == GENERATOR:
            raise UnsupportedError(
                "a ufunc's kernel cannot draw from a Generator",
                op.loc,
                "hand over an array of random numbers, or write a function with jit",
            )


def typed(request: Request) -> Function:
    """Inferred, and the types of what is returned are those that a signature asks for."""
    function = inferred(request)
    if request.arguments is not None:
        set_returned(function, request.returned)
    elif request.filled is not None:
        from kernelgen.infer_outputs import check_filled  # few kernels need it

        check_filled(function, len(request.filled))
    elif not request.any_result:
        made = check_outputs(function)
        _set_outputs(function, made if request.outputs is None else request.outputs, made)
    return function


def _filled(function: Function, request: Request, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """The arrays that the function fills, with their dtypes; it has parameters for them then."""
    if len(function.params) != request.count:
        return ()
    from kernelgen.rewrites.fill_outputs import fill_outputs  # few kernels need it

    return fill_outputs(function, request.inputs, outputs, resolve_classes, returns=request.returns)


def rewritten(request: Request) -> Function:
    """Conversions explicit, definitions expanded, tuples split, dead code gone."""
    return _rewrite(typed(request), request.options, _report(request))


def lowered(request: Request) -> Lowered:
    """The LLVM function of the scalar body."""
    return _lower(rewritten(request), request.options)


class CompiledFunction(NamedTuple):
    """A jitted function for some arguments: what it returns, the code of its body, and what became
    of the loops that threads may share."""

    returned: Argument
    kernel: Lowered
    report: Report | None


def compile_function(request: Request) -> CompiledFunction:
    """The body of a jitted function, which the shell makes callable from Python."""
    function = inferred(request)
    returned = set_returned(function, request.returned)
    report = _report(request)
    kernel = _lower(_rewrite(function, request.options, report), request.options)
    return CompiledFunction(returned, kernel, report)


def _report(request: Request) -> Report | None:
    """What is noted of a function's loops, if threads may share them. Those of ufuncs' kernels
    they may not: they share calls of ufuncs."""
    if request.arguments is None or not request.options.parallel:
        return None
    from kernelgen.report import Report  # few functions need it

    return Report()


def machine_code(loop: str) -> engine.Module:
    """A loop, optimised, as object code."""
    return engine.compile_module(loop, opt_level=config.optimisation_level())


def _loop(request: Request) -> engine.Module:
    return machine_code(request.shell(lowered(request)))


STAGES: dict[str, Callable[[Request], str]] = {
    "bytecode": bytecode,
    "cfg": cfg,
    "ssa": lambda request: print_function(ssa(request)),
    "typed": lambda request: print_function(typed(request)),
    "rewritten": lambda request: print_function(rewritten(request)),
    "llvm": lambda request: request.shell(lowered(request)),
    "optimized": lambda request: _loop(request).optimized,
    "asm": lambda request: _loop(request).assembly,
}
"""The text of each stage, for those who want to look."""


def ptx(request: Request, arch: str) -> str:
    """The kernel on a grid of CUDA threads, for an architecture such as ``sm_80``."""
    from kernelgen.llvm_device import DeviceEmitter  # few kernels need these
    from kernelgen.runtime import nvptx
    from kernelgen.targets.cuda import Gpu

    nvptx.check(arch)
    emitter = DeviceEmitter(request.options.math_flags)
    if request.arguments is None:
        text = grid_kernel(request, emitter, Gpu()).text
    else:
        text = grid_function(request, emitter, Gpu()).text
    return nvptx.assembly(text, arch, config.optimisation_level())


class GridCode(NamedTuple):
    """The module of a kernel on a grid, and the kernel in it."""

    text: str
    kernel: Lowered


def grid_kernel(
    request: Request,
    emitter: GridEmitter,
    machine: Machine,
    stored: tuple[tuple[Scalar, ...], tuple[Scalar, ...]] | None = None,
    *,
    masked: bool = False,
) -> GridCode:
    """A scalar kernel on a grid, which goes over the elements of arrays.

    ``stored`` are the types of these, inputs and outputs, if they are not the kernel's own.
    ``masked`` is whether a mask says which elements are computed.
    """
    from kernelgen.shells.grid import grid_module
    from kernelgen.targets.cuda import Elements

    kernel = _lower_for_grid(rewritten(request), request.options, emitter)
    inputs, outputs = stored or (kernel.inputs, kernel.outputs)
    elements = Elements(kernel, emitter, inputs, outputs, masked)
    return GridCode(grid_module(elements, machine), kernel)


def grid_function(request: Request, emitter: GridEmitter, machine: Machine) -> GridCode:
    """A function that each thread of a grid calls."""
    from kernelgen.shells.grid import function_module
    from kernelgen.types.arguments import NONE

    function = inferred(request)
    if set_returned(function, None) != NONE:
        returns = next(op for op in function.ops() if op.name == "return")
        raise UnsupportedError(
            "a kernel of cuda.jit returns nothing", returns.loc, "store results in an array"
        )
    function.on_grid = True
    kernel = _lower_for_grid(_rewrite(function, request.options), request.options, emitter)
    return GridCode(function_module(kernel, emitter, machine), kernel)


def _lower_for_grid(function: Function, options: Options, emitter: GridEmitter) -> Lowered:
    from kernelgen.on_device import check

    check(function, options)
    return lower(function, "kernel", emitter)


class Compilation:
    """A request that is asked for its types first, and later for code: each stage runs once.

    Attributes
    ----------
    outputs : tuple of Scalar
        The types that the function returns, or of what it stores in its outputs.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._typed = typed(request)
        if request.filled is None:
            self.outputs = check_outputs(self._typed)
        else:
            filled = self._typed.params[len(request.inputs) :]
            self.outputs = tuple(dtype_of(v.type) for v in filled)

    @cached_property
    def rewritten(self) -> Function:
        """The function behind the rewrites."""
        return _rewrite(self._typed, self._request.options)

    @cached_property
    def kernel(self) -> Lowered:
        """The scalar body, which the shell's loops are made of when they are needed."""
        return _lower(self.rewritten, self._request.options)

    @property
    def signature(self) -> Signature:
        """The types of the inputs and outputs."""
        return Signature(tuple(map(dtype_of, self._request.inputs)), self.outputs)


# ------------------------------------------------------------------------------ small tools


def _rewrite(function: Function, options: Options, report: Report | None = None) -> Function:
    check_tables(function)
    passes = list(TYPED_PASSES)
    if options.error_model == "python":
        passes.insert(1, CHECK_DIVISION)
    if options.boundscheck:
        passes.insert(1, CHECK_BOUNDS)
    if report is not None:
        _share_loops(passes, function, report)
    return _apply(function, passes, is_typed=True)


def _share_loops(passes: list[tuple[Pass, str]], function: Function, report: Report) -> None:
    """Add the passes of a function whose loops threads may share."""
    from kernelgen.rewrites.outline_loops import outline_loops  # few functions need them
    from kernelgen.rewrites.share_loops import share_loops

    for each in (function, *function.callees()):
        each.sharing = report
    passes.insert(1, (share_loops, "reductions are recognised as they are written"))
    counts = [each for each, _ in passes].index(count_references)
    passes.insert(counts, (outline_loops, "what is allocated in a loop is freed in its function"))


def _lower(function: Function, options: Options) -> Lowered:
    return lower(function, "kernel", _emitter(options))


def _emitter(options: Options) -> Emitter:
    """What writes LLVM's instructions: strictly, with vector functions, or without."""
    if options.fp_errors == "numpy":
        return StrictEmitter()
    library = None if options.precise else vector_library.find()
    return Emitter(options.math_flags, no_versions if library is None else library.versions)


def _apply(
    function: Function, passes: Iterable[tuple[Pass, str]], *, is_typed: bool = False
) -> Function:
    for rewrite, _ in passes:
        for each in (function, *function.callees()):
            rewrite(each)
        _check(function, typed=is_typed)
    return function


def _check(function: Function, *, typed: bool = False) -> None:
    if config.VERIFY:
        for each in (function, *function.callees()):
            verify(each, typed=typed)


def _wrong_count(request: Request, expected: int) -> SignatureError:
    return SignatureError(
        f"{request.function.__name__}() takes {expected} arguments, "
        f"the signature has {len(request.inputs)}",
        definition_of(request.function.__code__),
    )


def _set_outputs(function: Function, outputs: tuple[Scalar, ...], made: tuple[Scalar, ...]) -> None:
    """Make ``outputs`` the types that the function returns; its returns are converted to them.

    Times without a unit have the unit of what the function makes.
    """
    if len(outputs) != len(made):
        raise SignatureError(
            f"the kernel returns {len(made)} values, its signature has {len(outputs)} outputs",
            function.loc,
        )
    for asked, returned in zip(outputs, made, strict=True):
        times = asked.is_time or returned.is_time
        if times and not can_cast_within_kind(returned, asked) and asked != returned.unitless:
            raise SignatureError(
                f"the kernel returns {describe(returned)}, its signature has {describe(asked)}",
                function.loc,
                f'write .astype("{asked}") in the kernel',
            )
    outputs = tuple(m if o == m.unitless else o for o, m in zip(outputs, made, strict=True))
    function.result = Tuple(outputs) if isinstance(function.result, Tuple) else outputs[0]
