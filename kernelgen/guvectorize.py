"""The decorator that makes generalized ufuncs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kernelgen.api import (
    check_choice,
    checked_function,
    make_kernel_ufunc,
    math_flags,
    positional_parameters,
)
from kernelgen.config import checks_bounds
from kernelgen.dispatch import Choices
from kernelgen.errors import KernelgenError, SignatureError
from kernelgen.generalized import GeneralizedKernel
from kernelgen.options import Options
from kernelgen.runtime.numpy_api import make_writable
from kernelgen.source import definition_of
from kernelgen.types.core_dims import CoreSignature, parse_core
from kernelgen.types.declared import is_signature
from kernelgen.types.operands import Declared, Operands, declare


def guvectorize(
    signatures: Any,
    core_dimensions: str | None = None,
    /,
    *,
    writable_args: Iterable[str | int] = (),
    identity: object = None,
    error_model: str = "numpy",
    fastmath: bool | Iterable[str] = False,
    precise: bool = False,
    fp_errors: str = "ignore",
    boundscheck: bool | None = None,
    target: str = "cpu",
    nopython: bool = True,
    nogil: bool = True,
    cache: bool = False,
    forceobj: bool = False,
) -> Callable[[Callable[..., Any]], np.ufunc]:
    """Make a generalized ufunc of a function on arrays.

    Parameters
    ----------
    signatures : signature or list of signatures, optional
        Types of all operands, ``"void(f8[:], f8[:])"``, ``(float64[:], float64[:])``,
        ``float64[:](float64[:])`` or ``"d->d"``. The ufunc has these loops, which are compiled at
        once. An input without core dimensions is a number, or an array of one element if its type
        is one, ``f8[:]``. Left out, as in ``@guvectorize("(n)->()")``, a loop is compiled for every
        combination of dtypes when it is first met; inputs without core dimensions are numbers
        then, and the outputs' dtypes are those of what the kernel stores or returns.
    core_dimensions : str
        The core dimensions of inputs and outputs, ``"(m,n),(n)->(m)"``: names, fixed sizes
        (``3``), and dimensions that may be missing (``n?``). The dimension of an output may be an
        expression, of ``+ - * //``, ``min``, ``max``, numbers and the inputs' dimensions:
        ``"(n),(w)->(n-w+1)"``. The call raises ValueError where it is negative.
    writable_args : sequence of str or int
        Names or numbers of inputs that the kernel may write to.
    identity : object, optional
        Kept as an attribute; NumPy has no reductions of generalized ufuncs.
    error_model, fastmath, precise, fp_errors, target
        As for `vectorize`.
    boundscheck : bool, optional
        Raise IndexError where an index is out of range. By default nothing is checked, unless
        ``KERNELGEN_BOUNDSCHECK`` says so.
    forceobj : bool
        Run the kernel as plain Python. With signatures, it may be whatever Python has.
    nopython, nogil, cache
        Accepted, and nothing depends on them: compiled code never works on Python's objects, never
        holds the GIL, and is not kept on disk.

    Returns
    -------
    callable
        A decorator, which takes the kernel and returns a ``numpy.ufunc`` with the attributes of one
        that `vectorize` makes. The kernel has a parameter for each input and each output, and fills
        the outputs, where one without core dimensions is an array of one element; or it has
        parameters for the inputs alone, and returns what is to be stored.

    Raises
    ------
    SignatureError
        The core dimensions or a signature cannot be read, or they do not fit each other or the
        kernel.
    UnsupportedError
        The function cannot be a kernel.

    Notes
    -----
    As all of NumPy's generalized ufuncs, it takes ``axes``, ``axis``, ``keepdims``, ``out``,
    ``dtype``, ``casting`` and ``order``, but not ``where``.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import guvectorize
    >>> @guvectorize("(n),(w)->(n-w+1)")
    ... def moving_sum(x, window, out):
    ...     for i in range(len(out)):
    ...         out[i] = 0
    ...         for j in range(len(window)):
    ...             out[i] += x[i + j] * window[j]
    >>> moving_sum([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]], [1.0, 1.0])
    array([[ 3.,  6.],
           [24., 48.]])
    """
    check_choice("error_model", error_model, ("numpy", "python"))
    check_choice("fp_errors", fp_errors, ("ignore", "numpy"))
    check_choice("target", target, ("cpu",))
    options = Options(
        error_model,
        math_flags(fastmath),
        precise,
        fp_errors,
        checks_bounds(boundscheck),
        bool(forceobj),
    )
    if fp_errors == "numpy" and options.math_flags:
        raise KernelgenError("fp_errors='numpy' and fastmath contradict each other")
    if core_dimensions is None:
        signatures, core_dimensions = (), signatures
    core = parse_core(core_dimensions)
    declared = _declared(signatures, core)
    choices = Choices(tuple(each.signature for each in declared), identity, options)
    writable = tuple(writable_args)

    def decorate(function: Callable[..., Any]) -> np.ufunc:
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
) -> np.ufunc:
    kernel_function = checked_function(function)
    names, returns = _parameters(kernel_function, core)
    inputs = names[: len(core.inputs)]
    operands = Operands(core, _writable(writable, inputs), returns)
    kernel = GeneralizedKernel(kernel_function, operands, declared, choices)
    ufunc = make_kernel_ufunc(kernel, inputs, _KEYWORDS, core.numpys)
    make_writable(ufunc, operands.writable)
    for signature in choices.signatures:
        kernel.outputs_for(signature.inputs)
    return ufunc


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
