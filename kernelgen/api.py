"""The decorators: they check what users give them, and hand it over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from kernelgen.bytecode.returns import count_returned
from kernelgen.config import checks_bounds
from kernelgen.dispatch import Choices, Kernel
from kernelgen.errors import KernelgenError, SignatureError, UnsupportedError
from kernelgen.llvm_text import FAST
from kernelgen.options import Options
from kernelgen.runtime.numpy_api import make_ufunc
from kernelgen.source import definition_of
from kernelgen.types.declared import Declared, as_argument, declare, is_signature
from kernelgen.types.signature import Signature, parse
from kernelgen.types.table import Scalar

if TYPE_CHECKING:
    from kernelgen.functions import Jitted

_FLAGS = ("nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc", "fast")


@overload
def vectorize(function: Callable[..., Any], /) -> np.ufunc: ...
@overload
def vectorize(
    signatures: str | Signature | Iterable[str | Signature] | None = None,
    /,
    *,
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
    inline: str = "never",
) -> Callable[[Callable[..., Any]], np.ufunc]: ...
def vectorize(
    function_or_signatures: Any = None,
    /,
    *,
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
    inline: str = "never",
) -> Any:
    """Make a NumPy ufunc of a scalar function.

    Parameters
    ----------
    function_or_signatures : callable, str, Signature or list of them, optional
        The kernel itself (``@vectorize``, ``vectorize(f)``), or the signatures that the ufunc
        is to have (``@vectorize("f8(f8,f8)")``). Without signatures, a loop is compiled
        for every combination of dtypes when it is first met. Parameters with defaults are no
        inputs: they have their default, as a constant. A signature with more types than there
        are parameters without defaults makes inputs of them.
    identity : object, optional
        The identity of reductions, ``0`` for a sum. ``"reorderable"``: there is none, but
        several axes may be reduced at once. By default there is none.
    error_model : {"numpy", "python"}
        What division by zero does: what NumPy gives, or ZeroDivisionError.
    fastmath : bool or set of str
        Allow transformations that change rounding. True is everything but the assumption
        that nan and inf do not occur; a set names LLVM's flags: "nnan", "ninf", "nsz",
        "arcp", "contract", "afn", "reassoc", "fast".
    precise : bool
        Compute functions of ``math`` one at a time with libm. By default, contiguous arrays
        go through the C library's vector functions where it has them, which are several times
        faster and within 4 ulp.
    fp_errors : {"ignore", "numpy"}
        Whether NumPy reports floating point errors, as ``np.errstate`` asks for. "numpy" reports
        exactly those that the kernel's own operations make, and none of a branch that is not
        taken; such loops are not vectorised, and take no ``fastmath``.
    target : {"cpu", "parallel", "cuda"}
        Where it runs: on the thread that calls it, on several (`set_num_threads`), or on a GPU or
        its emulator (`kernelgen.cuda`). Calls that are too small for several threads, reductions
        and operands that overlap stay on one.
    boundscheck : bool, optional
        Raise IndexError where an index of an array that the kernel makes is out of range. By
        default ``KERNELGEN_BOUNDSCHECK`` decides. Indices of constants are always checked.
    nopython, nogil, cache, inline
        Accepted, and nothing depends on them: compiled code never works on Python's objects, never
        holds the GIL, and is not kept on disk; all functions are inlined but those that call
        themselves.

    Returns
    -------
    numpy.ufunc or DeviceUfunc
        With the attributes ``py_func`` (the Python function), ``signatures`` (those compiled so
        far), ``declared_signatures`` (those given here), ``compile(sig)``, ``inspect_ir(sig)``,
        ``inspect_llvm(sig)``, ``inspect_asm(sig)`` and ``inspect_ptx(sig, arch)``. With
        ``target="cuda"`` it is what is called like a ufunc, without ``inspect_llvm`` and
        ``inspect_asm``, which show code of the processor. Without signatures and keywords, a
        decorator that makes one.

    Raises
    ------
    SignatureError
        A signature cannot be read, or does not fit the kernel.
    UnsupportedError
        The function cannot be a kernel. What its code uses is found out when it is compiled:
        with signatures now, otherwise at the first call.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import vectorize
    >>> @vectorize
    ... def relative_difference(x, y):
    ...     return abs(x - y) / max(abs(x), abs(y)) if x != y else 0.0
    >>> relative_difference([1.0, 2.0], [1.0, 4.0])
    array([0. , 0.5])
    >>> isinstance(relative_difference, np.ufunc)
    True
    """
    options = ufunc_options(
        error_model,
        fastmath,
        precise,
        fp_errors,
        boundscheck=checks_bounds(boundscheck),
        target=target,
    )
    given = function_or_signatures
    is_kernel = callable(given) and not isinstance(given, (Signature, Scalar))
    choices = Choices(() if is_kernel else _parsed(given), identity, options)

    def decorate(function: Callable[..., Any]) -> Any:
        return _make_ufunc(function, choices)

    return decorate(given) if is_kernel else decorate


def ufunc_options(
    error_model: str,
    fastmath: bool | Iterable[str],
    precise: bool,
    fp_errors: str,
    *,
    boundscheck: bool = False,
    interpreted: bool = False,
    target: str = "cpu",
) -> Options:
    """The options of a ufunc's kernel.

    Raises
    ------
    KernelgenError
        One has no such value, or two contradict each other.
    """
    check_choice("error_model", error_model, ("numpy", "python"))
    check_choice("fp_errors", fp_errors, ("ignore", "numpy"))
    flags = math_flags(fastmath)
    if fp_errors == "numpy" and flags:
        raise KernelgenError("fp_errors='numpy' and fastmath contradict each other")
    check_choice("target", target, ("cpu", "parallel", "cuda"))
    return Options(
        error_model,
        flags,
        precise,
        fp_errors,
        boundscheck,
        interpreted,
        target == "parallel",
        target == "cuda",
    )


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        *others, last = [f'"{choice}"' for choice in choices]
        known = f"{', '.join(others)} or {last}"
        raise KernelgenError(f"{name} cannot be {value!r}", None, f"it is {known}")


def math_flags(fastmath: bool | Iterable[str]) -> str:
    if isinstance(fastmath, bool):
        return FAST if fastmath else ""
    known = f"it is True, False or a set of {', '.join(_FLAGS)}"
    if not isinstance(fastmath, Iterable):
        raise KernelgenError(f"fastmath cannot be {fastmath!r}", None, known)
    flags = {fastmath} if isinstance(fastmath, str) else set(fastmath)
    unknown = [flag for flag in flags if flag not in _FLAGS]
    if unknown:
        raise KernelgenError(f"fastmath has no flag {unknown[0]!r}", None, known)
    return " ".join(flag for flag in _FLAGS if flag in flags)


def _parsed(specs: Any) -> tuple[Signature, ...]:
    """The signatures, in order; two with the same inputs could not both be chosen."""
    if specs is None:
        return ()
    several = isinstance(specs, (list, tuple)) and not isinstance(specs, Signature)
    found = tuple(map(parse, specs if several else (specs,)))
    for i, signature in enumerate(found):
        if signature.inputs in [s.inputs for s in found[:i]]:
            raise SignatureError(f"two signatures have the inputs of {signature}")
        if len(signature.outputs) != len(found[0].outputs):
            raise SignatureError("the signatures have different numbers of outputs")
    _check_units(found)
    return found


def _check_units(signatures: tuple[Signature, ...]) -> None:
    """NumPy chooses a loop before it looks at units, and the loop has to make one kind of value."""
    outputs: dict[Any, Any] = {}
    for signature in signatures:
        made = signature.unitless.outputs
        if outputs.setdefault(signature.unitless.inputs, made) != made:
            raise SignatureError(
                f"the inputs of {signature} and of another signature differ in their units alone, "
                "but the outputs differ in more"
            )


def _make_ufunc(function: Callable[..., Any], choices: Choices) -> Any:
    kernel_function = checked_function(function)
    names = _inputs(kernel_function, choices.signatures)
    for signature in choices.signatures:
        if len(signature.inputs) != len(names):
            raise SignatureError(
                f"{function.__name__}() takes {len(names)} arguments, "
                f"the signature {signature} has {len(signature.inputs)}",
                definition_of(kernel_function.__code__),
            )
    returned = count_returned(kernel_function.__code__)
    nout = len(choices.signatures[0].outputs) if choices.signatures else returned
    kernel = Kernel(kernel_function, len(names), nout, choices)
    if choices.options.cuda:
        return _make_device_ufunc(kernel, names)
    ufunc = make_kernel_ufunc(kernel, names, _KEYWORDS)
    for signature in choices.signatures:
        kernel.outputs_for(signature.inputs)
    return ufunc


def _make_device_ufunc(kernel: Kernel, names: tuple[str, ...]) -> Any:
    from kernelgen.cuda.ufuncs import DeviceUfunc  # importing us stays cheap

    keywords = {**_KEYWORDS, "stream": None}
    return DeviceUfunc(kernel, call_signature(names, kernel.nout, keywords))


def make_kernel_ufunc(
    kernel: Kernel, names: tuple[str, ...], keywords: dict[str, object], core: str | None = None
) -> np.ufunc:
    """Make the ufunc of a kernel, with its name and documentation, and what can be asked of it.

    Parameters
    ----------
    kernel : Kernel
        Is given its ufunc.
    names : tuple of str
        Of the inputs.
    keywords : dict
        What the ufunc takes by keyword beside ``out``, and the defaults.
    core : str, optional
        The core dimensions of a generalized ufunc.
    """
    function = kernel.function
    doc = inspect.getdoc(function) or ""
    counts = (len(names), kernel.nout)
    try:
        kernel.ufunc = make_ufunc(
            function.__name__, doc, *counts, kernel.choices.identity, kernel.promote, signature=core
        )
    except ValueError as error:  # NumPy's limit of operands, in NumPy's words
        raise UnsupportedError(str(error), definition_of(function.__code__)) from None
    return _dressed(kernel.ufunc, kernel, call_signature(names, kernel.nout, keywords))


_KEYWORDS = {
    "where": True,
    "casting": "same_kind",
    "order": "K",
    "dtype": None,
    "subok": True,
    "signature": None,
}
"""What every ufunc takes."""


def checked_function(function: Any) -> FunctionType:
    if isinstance(function, FunctionType):
        return function
    what = getattr(function, "__name__", None) or type(function).__name__
    raise UnsupportedError(
        f"{what!r} is not a Python function, and has no bytecode to compile",
        None,
        "write a function that calls it",
    )


def _inputs(function: FunctionType, signatures: tuple[Signature, ...]) -> tuple[str, ...]:
    """The names of the kernel's inputs; a ufunc's are positional, and at least one.

    Parameters with defaults are no inputs, but those that a signature has a type for.
    """
    names, required = positional_parameters(function)
    asked = len(signatures[0].inputs) if signatures else required
    names = names[: max(asked, required)]
    if not names:
        raise UnsupportedError(
            f"the kernel {function.__name__} has no arguments, so a ufunc has nothing to run over",
            definition_of(function.__code__),
            "give it a parameter, or use np.full",
        )
    return names


def positional_parameters(function: FunctionType) -> tuple[tuple[str, ...], int]:
    """The names of the positional parameters, and how many of them have no default.

    Raises
    ------
    UnsupportedError
        There are parameters that the operands of a ufunc cannot be.
    """
    code = function.__code__
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        raise UnsupportedError(
            "a kernel has a fixed number of parameters",
            definition_of(function.__code__),
            "leave out *args and **kwargs",
        )
    _check_keyword_only(function)
    count = code.co_argcount
    return code.co_varnames[:count], count - len(function.__defaults__ or ())


def _check_keyword_only(function: FunctionType) -> None:
    """Nothing but its default can give a value to a parameter that is keyword-only."""
    code = function.__code__
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    for name in names:
        if name not in (function.__kwdefaults__ or {}):
            raise UnsupportedError(
                f"the keyword-only parameter {name!r} of a kernel has no default",
                definition_of(function.__code__),
                "a ufunc's inputs are positional: give it a default, or leave out the `*`",
            )


def _dressed(ufunc: np.ufunc, kernel: Kernel, call: inspect.Signature) -> np.ufunc:
    """Give the ufunc the kernel's name and documentation, and what can be asked of it."""
    function = kernel.function
    attributes = {
        "__qualname__": function.__qualname__,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "__wrapped__": function,
        "__signature__": call,
        "py_func": function,
        "signatures": kernel.signatures,
        "declared_signatures": kernel.choices.signatures,
        "compile": kernel.compile,
        "inspect_ir": kernel.inspect_ir,
        "inspect_llvm": kernel.inspect_llvm,
        "inspect_asm": kernel.inspect_asm,
        "inspect_ptx": kernel.inspect_ptx,
    }
    for name, value in attributes.items():
        setattr(ufunc, name, value)
    return ufunc


def call_signature(
    names: tuple[str, ...], nout: int, keywords: dict[str, object]
) -> inspect.Signature:
    """How the ufunc is called: with the kernel's arguments, and what every ufunc takes."""
    parameter = inspect.Parameter
    inputs = [parameter(name, parameter.POSITIONAL_ONLY) for name in names]
    out = parameter(
        "out", parameter.POSITIONAL_OR_KEYWORD, default=None if nout == 1 else (None,) * nout
    )
    outs = [out] if nout else []
    options = [parameter(k, parameter.KEYWORD_ONLY, default=v) for k, v in keywords.items()]
    # A kernel may call its arguments as it likes; a signature has no name twice.
    return inspect.Signature([*inputs, *(p for p in (*outs, *options) if p.name not in names)])


@overload
def jit(function: Callable[..., Any], /) -> Jitted: ...
@overload
def jit(
    signatures: Any = None,
    /,
    *,
    nopython: bool = True,
    nogil: bool = False,
    fastmath: bool | Iterable[str] = False,
    error_model: str = "python",
    precise: bool = False,
    locals: Mapping[str, Any] | None = None,
    boundscheck: bool | None = None,
    cache: bool = False,
    debug: bool = False,
    forceobj: bool = False,
    inline: str = "never",
    looplift: bool = False,
    parallel: bool = False,
) -> Callable[[Callable[..., Any]], Jitted]: ...
def jit(
    function_or_signatures: Any = None,
    /,
    *,
    nopython: bool = True,
    nogil: bool = False,
    fastmath: bool | Iterable[str] = False,
    error_model: str = "python",
    precise: bool = False,
    locals: Mapping[str, Any] | None = None,
    boundscheck: bool | None = None,
    cache: bool = False,
    debug: bool = False,
    forceobj: bool = False,
    inline: str = "never",
    looplift: bool = False,
    parallel: bool = False,
) -> Any:
    """Compile a function for the types of its arguments, when it is called with them.

    The function is called as before, by position and by keyword, and means what it means in Python:
    a Python number stays one, and what is computed from Python numbers alone is returned as one.

    Parameters
    ----------
    function_or_signatures : callable, signature or list of signatures, optional
        The function itself (``@jit``, ``jit(f)``), or the types that it is to be compiled for:
        ``"f8(f8,i4)"``, ``float64(float64, int32)``, ``(float64, int32)``. With signatures, it is
        compiled at once and for nothing else; arguments are converted to them, if that is safe.
    nogil : bool
        Let other threads run while compiled code does.
    fastmath, precise
        As for `vectorize`.
    error_model : {"python", "numpy"}
        What division by zero does: ZeroDivisionError, or what NumPy gives.
    locals : dict of str to type, optional
        Types of local variables: what is assigned to them is converted.
    boundscheck : bool, optional
        Raise IndexError for an index that is out of range. Otherwise, such an index reads or
        writes whatever memory it hits. By default, ``KERNELGEN_BOUNDSCHECK`` decides.
    forceobj : bool
        Compile nothing: the function runs as plain Python.
    parallel : bool
        Let threads share loops over `prange`, and long expressions of arrays.
        ``f.parallel_report()`` says which, and why not others.
    nopython, cache, debug, inline, looplift
        Accepted, and nothing depends on them: there is no mode in which compiled code works on
        Python's objects; nothing is kept on disk; exceptions always have the line that
        raised them; all functions are inlined but those that call themselves.

    Returns
    -------
    Jitted
        What is called like the function. ``py_func`` is the function itself.

    Raises
    ------
    KernelgenError
        An option has no such value, the function takes ``**kwargs``, or it cannot be compiled for
        a signature.

    Examples
    --------
    >>> @jit
    ... def hypotenuse(a, b):
    ...     return (a * a + b * b) ** 0.5
    >>> hypotenuse(3.0, 4.0)
    5.0
    """
    from kernelgen.functions import FunctionChoices, make_jitted  # importing us stays cheap

    check_choice("error_model", error_model, ("numpy", "python"))
    check_choice("inline", inline, ("never", "always"))
    given = function_or_signatures
    is_function = callable(given) and not is_signature(given)
    choices = FunctionChoices(
        () if is_function or given is None else _declared(given),
        Options(
            error_model,
            math_flags(fastmath),
            precise,
            boundscheck=checks_bounds(boundscheck),
            parallel=parallel,
        ),
        nogil,
        forceobj,
        {name: _local_type(name, t) for name, t in (locals or {}).items()},
    )

    def decorate(function: Callable[..., Any]) -> Jitted:
        return make_jitted(_checked_keywords(getattr(function, "py_func", function)), choices)

    return decorate(given) if is_function else decorate


njit = jit


def _declared(specs: Any) -> tuple[Declared, ...]:
    """The signatures of a jitted function, in order; two with the same types are an error."""
    found = (declare(specs),) if is_signature(specs) else tuple(map(declare, specs))
    for i, signature in enumerate(found):
        if signature.arguments in [s.arguments for s in found[:i]]:
            raise SignatureError(f"two signatures have the arguments of {signature}")
    return found


def _local_type(name: str, spec: Any) -> Scalar:
    found = as_argument(spec)
    if not isinstance(found, Scalar):
        raise KernelgenError(f"the local variable {name!r} cannot be declared as {found}")
    return found


def _checked_keywords(function: Any) -> FunctionType:
    """A function without ``**kwargs``."""
    found = checked_function(function)
    if found.__code__.co_flags & inspect.CO_VARKEYWORDS:
        raise UnsupportedError(
            "a compiled function has named parameters",
            definition_of(found.__code__),
            "leave out **kwargs",
        )
    return found
