"""Kernels of generalized ufuncs: what differs from those that are called for each element.

NumPy asks for loops by dtypes alone. What the kernel is compiled for are arrays of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from kernelgen.api import (
    call_signature,
    checked_function,
    make_kernel_ufunc,
    positional_parameters,
)
from kernelgen.dispatch import Choices, Kernel
from kernelgen.errors import KernelgenError, SignatureError, UnsupportedError
from kernelgen.options import Options
from kernelgen.runtime.gufunc_api import compute_core_dims, make_writable, separate_outputs
from kernelgen.runtime.numpy_api import DType
from kernelgen.source import definition_of
from kernelgen.types.compound import UNDEFINED, Array, Type, dtype_of
from kernelgen.types.core_dims import CoreSignature, parse_core
from kernelgen.types.declared import is_signature
from kernelgen.types.matching import Types, first, is_exactly, is_one_of
from kernelgen.types.operands import Declared, Operands, declare, types_of
from kernelgen.types.signature import Signature

if TYPE_CHECKING:
    from kernelgen.load import Loop
    from kernelgen.pipeline import Request
    from kernelgen.shells.gufunc import CoreArgument


class GeneralizedKernel(Kernel):
    """A kernel that takes the core dimensions of its operands as arrays.

    Parameters
    ----------
    function : FunctionType
        The kernel.
    operands : Operands
        What it takes; the signatures are those of ``choices``.
    choices : Choices
        What else the user asked for.
    """

    decorator = "guvectorize"

    def __init__(
        self,
        function: FunctionType,
        operands: Operands,
        choices: Choices,
    ) -> None:
        core = operands.core
        super().__init__(function, len(core.inputs), len(core.outputs), choices)
        self.operands = operands
        self._computes = False

    def _read(self, spec: Any) -> tuple[Types, Types | None]:
        inputs, outputs, _ = types_of(spec)
        if not outputs and len(inputs) == self.nin:
            return tuple(map(dtype_of, inputs)), None
        return declare(spec, self.operands.core).signature

    def inspect_ptx(self, signature: Any, arch: str = "sm_80") -> str:
        """Raise UnsupportedError: only kernels on numbers are compiled for GPUs."""
        raise UnsupportedError(
            f"the kernel {self.name} takes arrays, and kernels for GPUs are of vectorize",
            definition_of(self.function.__code__),
        )

    def _register(
        self, signature: Signature, loop: Loop, asked: Sequence[DType | None]
    ) -> tuple[DType, ...]:
        self._compute_dimensions()
        return super()._register(signature, loop, asked)

    def _compute_dimensions(self) -> None:
        """Tell NumPy how to compute sizes of outputs; LLVM is loaded when a loop is there."""
        if self._computes or not self.operands.core.computed:
            return
        from kernelgen.runtime.computed_dims import ComputedDimensions

        dimensions = ComputedDimensions(self.operands.core, self.name)
        compute_core_dims(self.ufunc, dimensions.address, dimensions)
        self._computes = True

    def request(self, inputs: Types) -> Request:
        return self._request_for(inputs, "C")

    def _request_for(self, inputs: Types, layout: str) -> Request:
        """The request to compile for arrays whose core dimensions lie as ``layout`` says."""
        from kernelgen import pipeline
        from kernelgen.shells.gufunc import core_module

        taken, filled = self._taken(inputs, layout)
        shell = partial(
            core_module,
            operands=self._arguments(inputs, layout),
            dims=len(self.operands.core.names),
        )
        return pipeline.Request(
            self.function,
            taken,
            None,
            self.choices.options,
            self.ufunc,
            filled=filled,
            returns=self.operands.returns,
            shell=shell,
        )

    def _taken(self, inputs: Types, layout: str) -> tuple[tuple[Type, ...], tuple[Array, ...]]:
        """The types of what the kernel is handed: inputs and outputs."""
        boxed = self.operands.boxed(self.declared(inputs))
        taken = self.operands.inputs(inputs, boxed, layout)
        return taken, self.operands.outputs(self._known_outputs(inputs), layout)

    def _arguments(self, inputs: Types, layout: str) -> tuple[CoreArgument, ...]:
        """The operands as the shell takes them."""
        from kernelgen.shells.gufunc import CoreArgument

        taken, filled = self._taken(inputs, layout)
        types: tuple[Type, ...] = (*taken, *filled)
        return tuple(map(CoreArgument, types, self._dims()))

    def _known_outputs(self, inputs: Types) -> Sequence[Type]:
        """The dtypes of the outputs, ``UNDEFINED`` while they are to be inferred."""
        declared, found = self.declared(inputs), self._outputs.get(inputs)
        if declared is not None:
            return declared.outputs
        return found if isinstance(found, tuple) else [UNDEFINED] * self.nout

    def declared(self, inputs: Types) -> Signature | None:
        """The signature that a user gave for these inputs."""
        return first(self.choices.signatures, inputs, is_exactly, is_one_of)

    def _dims(self) -> list[tuple[int, ...]]:
        """For each operand, where NumPy has the sizes of its core dimensions."""
        core = self.operands.core
        return [tuple(core.names.index(core.name(d)) for d in shape) for shape in core.shapes]

    def _compilation(self, inputs: Types) -> Any:
        declared = self.declared(inputs)
        if declared is None or not self.choices.options.interpreted:
            return super()._compilation(inputs)
        from kernelgen.core_loops import Uncompiled

        return Uncompiled(Signature(inputs, declared.outputs))

    def _link(self, inputs: Types, compiled: Any) -> Loop:
        from kernelgen import core_loops

        general = partial(self._request_for, inputs, "A")
        arguments = self._arguments(inputs, "C")
        kernel = core_loops.CoreKernel(self.request(inputs), general, arguments)
        return core_loops.link_core_loop(kernel, compiled)

    def _uniform(self, types: Types) -> Types:
        return types


def decorator(
    signatures: Any,
    core_dimensions: str,
    writable: tuple[str | int, ...],
    identity: object,
    options: Options,
) -> Callable[[Callable[..., Any]], Any]:
    """What makes a generalized ufunc of a kernel."""
    core = parse_core(core_dimensions)
    declared = _declared(signatures, core)
    choices = Choices(tuple(each.signature for each in declared), identity, options)

    def decorate(function: Callable[..., Any]) -> Any:
        return _make_gufunc(function, core, declared, choices, writable)

    return decorate


def _declared(specs: Any, core: CoreSignature) -> tuple[Declared, ...]:
    """The signatures, in order; two with the same inputs could not both be chosen."""
    several = isinstance(specs, list) or specs == () or not is_signature(specs)
    found = tuple(declare(spec, core) for spec in (specs if several else (specs,)))
    for i, each in enumerate(found):
        if each.signature.inputs in [other.signature.inputs for other in found[:i]]:
            raise SignatureError(f"two signatures have the inputs of {each.signature}")
    return found


def _make_gufunc(
    function: Callable[..., Any],
    core: CoreSignature,
    declared: tuple[Declared, ...],
    choices: Choices,
    writable: tuple[str | int, ...],
) -> Any:
    kernel_function = checked_function(function)
    names, returns = _parameters(kernel_function, core)
    inputs = names[: len(core.inputs)]
    changed = _changed(kernel_function, core) if not (core.outputs or writable) else writable
    operands = Operands(core, _writable(changed, inputs), returns, declared)
    kernel = GeneralizedKernel(kernel_function, operands, choices)
    if choices.options.cuda:
        return _make_device_gufunc(kernel, inputs)
    ufunc = make_kernel_ufunc(kernel, inputs, _KEYWORDS, core.numpys)
    separate_outputs(ufunc)
    make_writable(ufunc, operands.writable)
    if operands.writable and ufunc.nin > 1:
        from kernelgen.runtime.separate_inputs import separate_inputs

        separate_inputs(ufunc)
    ufunc.operands, ufunc.options = operands, choices.options  # type: ignore[attr-defined]
    for signature in choices.signatures:
        kernel.outputs_for(signature.inputs)
    return ufunc


def _make_device_gufunc(kernel: GeneralizedKernel, names: tuple[str, ...]) -> Any:
    from kernelgen.cuda.gufuncs import DeviceGufunc  # importing us stays cheap

    keywords = {**_KEYWORDS, "stream": None}
    return DeviceGufunc(kernel, call_signature(names, kernel.nout, keywords))


_KEYWORDS = {
    "axes": (),
    "axis": -1,
    "keepdims": False,
    "casting": "same_kind",
    "order": "K",
    "dtype": None,
    "subok": True,
    "signature": None,
}
"""What every generalized ufunc takes, as NumPy's documentation has it."""


def _parameters(function: Any, core: CoreSignature) -> tuple[tuple[str, ...], bool]:
    """The names of the kernel's parameters that are operands, and whether it returns outputs."""
    names, required = positional_parameters(function)
    nin, nargs = len(core.inputs), len(core.shapes)
    if required <= nin == nargs <= len(names):
        return names[:nin], False
    if nin < required <= nargs <= len(names):
        return names[:nargs], False
    if required <= nin <= len(names):
        return names[:nin], True
    raise SignatureError(
        f"{function.__name__}() takes {len(names)} arguments, the core dimensions {core} have "
        f"{nin} inputs and {nargs - nin} outputs",
        definition_of(function.__code__),
        "a kernel has a parameter for each input and each output, or for each input, "
        "and returns what is to be stored",
    )


def _changed(function: Any, core: CoreSignature) -> tuple[int, ...]:
    """The arrays among the inputs that the kernel writes to, as its code tells."""
    from kernelgen.written import written_parameters

    return tuple(i for i in written_parameters(function, len(core.inputs)) if core.inputs[i])


def _writable(given: tuple[str | int, ...], names: tuple[str, ...]) -> frozenset[int]:
    """The numbers of the inputs that ``writable_args`` names."""
    for each in given:
        if each not in names and each not in range(len(names)):
            raise KernelgenError(
                f"writable_args has {each!r}, which is no input",
                None,
                f"the inputs are {', '.join(names)}",
            )
    return frozenset(names.index(each) if isinstance(each, str) else each for each in given)
