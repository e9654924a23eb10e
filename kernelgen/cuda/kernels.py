"""`cuda.jit`: functions that each thread of a grid calls, and how they are launched."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from kernelgen import config
from kernelgen.api import check_choice, checked_function, math_flags
from kernelgen.bytecode.parameters import parameters_of
from kernelgen.cuda.arrays import Allocation, DeviceArray, as_device, is_device_array
from kernelgen.cuda.failures import error_bytes, raise_from
from kernelgen.cuda.streams import expect, handle_of
from kernelgen.errors import KernelgenError, SignatureError, TypingError
from kernelgen.options import Options
from kernelgen.runtime import device, locks
from kernelgen.runtime.device import Dims, Driver, Entry
from kernelgen.source import definition_of
from kernelgen.types.arguments import Argument, Arguments, Given, Group, classify, leaves_of
from kernelgen.types.compound import Array
from kernelgen.types.declared import Declared, declare, is_signature
from kernelgen.types.table import Scalar


class _Choices(NamedTuple):
    """What the user asked of a kernel."""

    signatures: tuple[Declared, ...]
    options: Options
    boundscheck: bool | None


def jit(
    function_or_signatures: Any = None,
    /,
    *,
    device: bool = False,
    fastmath: Any = False,
    error_model: str = "numpy",
    boundscheck: bool | None = None,
    inline: str = "never",
    cache: bool = False,
    debug: bool = False,
    opt: bool = True,
    lineinfo: bool = False,
) -> Any:
    """Make a kernel of a function, which each thread of a grid calls.

    A kernel is launched on a grid of blocks of threads, ``kernel[grid, block](arguments)``. Its
    arguments are arrays of the device, numbers, and tuples of these; it returns nothing.

    Parameters
    ----------
    function_or_signatures : callable, signature or list of signatures, optional
        The function itself, or the types that it is compiled for at once: ``"f4[::1], f4"``.
        By default it is compiled for the types of its arguments when it is first launched.
    device : bool
        Make a function that kernels call. They may call any other function as well.
    fastmath : bool or set of str
        As for `vectorize`.
    error_model : {"numpy", "python"}
        What division by zero does: what NumPy gives, or ZeroDivisionError.
    boundscheck : bool, optional
        Raise IndexError for an index that is out of range. By default, the emulator does, and a
        GPU if ``KERNELGEN_BOUNDSCHECK`` says so.
    inline, cache, debug, opt, lineinfo
        Accepted, and nothing depends on them.

    Returns
    -------
    Kernel or DeviceFunction
        Without a function, a decorator that makes one.

    Raises
    ------
    KernelgenError
        An option has no such value, or the function cannot be compiled for a signature.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import cuda
    >>> @cuda.jit
    ... def double(x):
    ...     i = cuda.grid(1)
    ...     if i < len(x):
    ...         x[i] *= 2
    >>> with cuda.emulator():
    ...     x = cuda.to_device(np.arange(5.0))
    ...     double[1, 32](x)
    ...     x.copy_to_host()
    array([0., 2., 4., 6., 8.])
    """
    check_choice("error_model", error_model, ("numpy", "python"))
    given = function_or_signatures
    is_function = callable(given) and not is_signature(given)
    signatures = () if is_function or given is None else _declared(given)
    options = Options(error_model, math_flags(fastmath))
    choices = _Choices(signatures, options, boundscheck)

    def decorate(function: Callable[..., Any]) -> Any:
        python = checked_function(getattr(function, "py_func", function))
        return DeviceFunction(python) if device else Kernel(python, choices)

    return decorate(given) if is_function else decorate


def _declared(specs: Any) -> tuple[Declared, ...]:
    return (declare(specs),) if is_signature(specs) else tuple(map(declare, specs))


def generated(function: Any, options: Options, *, boundscheck: bool | None) -> Kernel:
    """A kernel that this library has written, around a user's function with these options."""
    return Kernel(function, _Choices((), options, boundscheck))


class DeviceFunction:
    """A function that kernels call. Made by `jit` with ``device=True``."""

    def __init__(self, function: FunctionType) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function

    def __repr__(self) -> str:
        return f"<device function {self.py_func.__qualname__}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise KernelgenError(
            f"{self.py_func.__name__}() is a function for kernels, which call it",
            definition_of(self.py_func.__code__),
            "call .py_func to run it as plain Python",
        )


class Kernel:
    """A function that each thread of a grid calls. Made by `jit`.

    Attributes
    ----------
    py_func : function
        The Python function.
    """

    __name__: str

    def __init__(self, function: FunctionType, choices: _Choices) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._choices = choices
        self._names = parameters_of(function)
        self._entries: dict[tuple[Driver, Arguments], Entry] = {}
        for declared in choices.signatures:
            self._check_count(len(declared.arguments))
            _compile(self._request(declared.arguments, checks_bounds=False))

    def __repr__(self) -> str:
        return f"<kernel {self.py_func.__qualname__}>"

    def __getitem__(self, configuration: Any) -> Launch:
        """The kernel on a grid: ``kernel[grid, block, stream, shared]``.

        Parameters
        ----------
        configuration : tuple
            How many blocks the grid has, and threads a block: integers, or tuples of up to three;
            then, if given, the stream, and the bytes of dynamic shared memory.

        Raises
        ------
        KernelgenError
            The device has no such grid.
        """
        parts = configuration if isinstance(configuration, tuple) else (configuration,)
        if not 2 <= len(parts) <= 4:
            raise KernelgenError(
                f"{self.__name__}[...] has a grid and a block, and may have a stream and the bytes "
                "of shared memory"
            )
        grid, block = _dims("grid", parts[0]), _dims("block", parts[1])
        stream = parts[2] if len(parts) > 2 else None
        shared = int(parts[3]) if len(parts) > 3 else 0
        return Launch(self, grid, block, stream, shared)

    def __call__(self, *args: Any) -> None:
        raise KernelgenError(
            f"the kernel {self.__name__}() is called without a grid",
            None,
            f"write {self.__name__}[blocks, threads](...)",
        )

    def forall(
        self, ntasks: int, tpb: int = 0, stream: Any = None, sharedmem: int = 0
    ) -> Callable[..., None]:
        """The kernel on a grid that has at least so many threads, in blocks of a good size.

        Parameters
        ----------
        ntasks : int
            How many threads are needed.
        tpb : int, optional
            How many threads a block has; by default as many as occupy the device best.
        stream : Stream, optional
            Which is given the launch.
        sharedmem : int, optional
            Bytes of dynamic shared memory.

        Returns
        -------
        callable
            It is called with the kernel's arguments.
        """

        def launch(*args: Any) -> None:
            if ntasks < 1:
                return
            entry, given = self._entry_for(args)
            block = tpb or device.current().block_size(entry, sharedmem)
            grid = (-(-ntasks // block), 1, 1)
            Launch(self, grid, (block, 1, 1), stream, sharedmem).run(entry, given)

        return launch

    @property
    def signatures(self) -> list[Arguments]:
        """The types of the arguments for which there is code."""
        return list(dict.fromkeys(types for _, types in self._entries))

    def inspect_ptx(self, signature: Any, arch: str = "sm_80") -> str:
        """The PTX of the kernel for the types of its arguments.

        Parameters
        ----------
        signature : str or tuple of types
            ``"f4[::1], f4"``.
        arch : str, optional
            The oldest architecture that it is for.

        Examples
        --------
        >>> from kernelgen import cuda
        >>> @cuda.jit
        ... def clear(x):
        ...     x[cuda.grid(1)] = 0
        >>> ".visible .entry" in clear.inspect_ptx("f4[::1]", arch="sm_90")
        True
        """
        from kernelgen import pipeline

        with locks.compiling:
            return pipeline.ptx(self._request(self._parsed(signature), checks_bounds=False), arch)

    def inspect_ir(self, signature: Any) -> str:
        """The kernel's SSA, typed and rewritten."""
        from kernelgen import pipeline

        with locks.compiling:
            request = self._request(self._parsed(signature), checks_bounds=False)
            return pipeline.STAGES["rewritten"](request)

    # Compiling.

    def _parsed(self, signature: Any) -> Arguments:
        types = declare(signature).arguments
        self._check_count(len(types))
        return types

    def _check_count(self, count: int) -> None:
        if count != len(self._names):
            raise SignatureError(
                f"{self.__name__}() takes {len(self._names)} arguments, not {count}",
                definition_of(self.py_func.__code__),
            )

    def _request(self, types: Arguments, *, checks_bounds: bool) -> Any:
        from kernelgen.pipeline import Request

        asked = self._choices.boundscheck
        checked = (checks_bounds or bool(config.BOUNDSCHECK)) if asked is None else asked
        options = self._choices.options._replace(boundscheck=checked)
        return Request(
            self.py_func, leaves_of(types), options=options, itself=self, arguments=types
        )

    def _entry_for(self, args: tuple[Any, ...]) -> tuple[Entry, list[Given]]:
        """The code for arguments, compiled if it is not there, and what these are."""
        self._check_count(len(args))
        given = [_classified(value, name) for value, name in zip(args, self._names, strict=True)]
        types = tuple(each.type for each in given)
        driver = device.current()
        if self._choices.signatures:
            types = self._declared_for(types)
            given = [_converted(g, t) for g, t in zip(given, types, strict=True)]
        key = driver, types
        entry = self._entries.get(key)
        if entry is None:
            try:
                with locks.undisturbed():
                    entry = self._entries.get(key) or self._load(driver, types)
            except KernelgenError as error:
                raise error.with_traceback(None) from None
            self._entries[key] = entry
        return entry, given

    def _load(self, driver: Driver, types: Arguments) -> Entry:
        from kernelgen import pipeline
        from kernelgen.shells.grid import FUNCTION

        request = self._request(types, checks_bounds=driver.checks_bounds)
        emitter = driver.emitter(request.options)
        code = pipeline.grid_function(request, emitter, driver.machine)
        return driver.load(code.text, code.kernel, emitter, [FUNCTION])[0]

    def _declared_for(self, types: Arguments) -> Arguments:
        """The signature for arguments of some types."""
        from kernelgen.types.arguments import describe_arguments

        for declared in self._choices.signatures:
            if all(map(_fits, types, declared.arguments)):
                return declared.arguments
        raise TypingError(
            f"no signature of {self.__name__} takes ({describe_arguments(types)})",
            None,
            "its signatures are " + ", ".join(map(str, self._choices.signatures)),
        )


def _compile(request: Any) -> None:
    """Find out whether a function can be compiled."""
    from kernelgen import pipeline
    from kernelgen.llvm_device import DeviceEmitter
    from kernelgen.targets.cuda import Gpu

    with locks.undisturbed():
        pipeline.grid_function(request, DeviceEmitter(), Gpu())


def _fits(given: Argument, declared: Argument) -> bool:
    from kernelgen.types.promote import can_cast_safely, common_type

    if isinstance(given, Scalar) and isinstance(declared, Scalar):
        if given.weak:
            return common_type(given, declared) is declared
        return can_cast_safely(given, declared)
    if isinstance(given, Array) and isinstance(declared, Array):
        layout = given.layout if declared.layout == "A" else declared.layout
        return given == declared._replace(layout=layout, readonly=given.readonly)
    return given == declared


def _converted(given: Given, declared: Argument) -> Given:
    if isinstance(declared, Scalar):
        return Given(declared, declared.dtype.type(given.value))
    return Given(declared, given.value)


class Launch:
    """A kernel on a grid, launched when this is called. Made by ``kernel[grid, block]``."""

    def __init__(self, kernel: Kernel, grid: Dims, block: Dims, stream: Any, shared: int) -> None:
        check_grid(kernel.__name__, grid, block, shared)
        self._kernel = kernel
        self._grid, self._block = grid, block
        self._stream, self._shared = stream, shared

    def __call__(self, *args: Any) -> None:
        """Launch the kernel. The call returns before the device has done it.

        Raises
        ------
        KernelgenError
            It cannot be compiled for the arguments.
        TypingError
            An argument is none that a kernel takes.
        """
        self.run(*self._kernel._entry_for(args))

    def run(self, entry: Entry, given: Sequence[Given]) -> None:
        """Launch an entry of the kernel."""
        parameters = [packed for each in given for packed in pack(each.type, each.value)]
        launch(
            device.current(), entry, self._grid, self._block, self._stream, parameters, self._shared
        )


def launch(
    driver: Driver,
    entry: Entry,
    grid: Dims,
    block: Dims,
    stream: Any,
    parameters: list[bytes],
    shared: int = 0,
) -> None:
    """Launch an entry; what it raises is raised when the stream is waited for."""
    handle = handle_of(stream)
    if not (entry.kernel.errors or driver.reports):
        driver.launch(entry, grid, block, shared, handle, parameters, 0)
        return
    size = error_bytes(entry.kernel)
    errors = Allocation(driver, size)
    driver.fill(errors.address, 0, size, handle)
    if entry.kernel.errors:
        parameters = [*parameters, struct.pack("<Q", errors.address)]
    driver.launch(entry, grid, block, shared, handle, parameters, errors.address)
    expect(driver, handle, lambda: raise_from(entry.kernel, driver, errors, grid, block))


def check_grid(name: str, grid: Dims, block: Dims, shared: int) -> None:
    """Raise KernelgenError if the device has no such grid."""
    limits = device.current().properties
    for what, dims, most in (
        ("grid", grid, limits.grid_shape),
        ("block", block, limits.block_shape),
    ):
        if any(n > m for n, m in zip(dims, most, strict=True)):
            raise KernelgenError(
                f"{name}: a {what} of {_listed(dims)} is too large, "
                f"the device takes at most {_listed(most)}"
            )
    if math.prod(block) > limits.block_threads:
        raise KernelgenError(
            f"{name}: a block of {math.prod(block)} threads is too large, "
            f"the device takes at most {limits.block_threads}"
        )
    if shared < 0:
        raise KernelgenError(f"{name}: there are no {shared} bytes of shared memory")
    if shared > limits.shared_bytes:
        raise KernelgenError(
            f"{name}: {shared} bytes of shared memory are too many, "
            f"a block has at most {limits.shared_bytes}"
        )


def _listed(dims: Sequence[int]) -> str:
    return " x ".join(map(str, dims))


def _dims(what: str, given: Any) -> Dims:
    lengths = given if isinstance(given, (tuple, list)) else (given,)
    good = 1 <= len(lengths) <= 3 and all(isinstance(n, (int, np.integer)) for n in lengths)
    if not good or any(n < 1 for n in lengths):
        raise KernelgenError(
            f"the {what} is {given!r}, but it has up to three dimensions, of 1 or more each"
        )
    return (*map(int, lengths), *(1,) * (3 - len(lengths)))  # type: ignore[return-value]


# --------------------------------------------------------------------------------- arguments


def _classified(value: Any, name: str) -> Given:
    """The type of an argument of a kernel, and what stands for it."""
    if isinstance(value, np.ndarray):
        raise TypingError(
            f"the argument {name!r} is an array of the host, and kernels take those of the device",
            None,
            f"write cuda.to_device({name})",
        )
    if is_device_array(value):
        array = as_device(value)
        return Given(classify(array.view_of_host, name).type, array)
    if isinstance(value, tuple):
        parts = [_classified(each, f"{name}[{i}]") for i, each in enumerate(value)]
        cls = type(value) if hasattr(type(value), "_fields") else tuple
        return Given(Group(tuple(p.type for p in parts), cls), tuple(p.value for p in parts))
    return classify(value, name)


def pack(t: Argument, value: Any) -> list[bytes]:
    """The parameters of a launch that an argument becomes."""
    if isinstance(t, Group):
        return [
            packed for each, v in zip(t.elements, value, strict=True) for packed in pack(each, v)
        ]
    if isinstance(t, Array):
        array: DeviceArray = value
        numbers = (*array.shape, *array.strides)
        return [
            struct.pack("<Q", array.address),
            *(struct.pack("<q", n) for n in numbers),
            bytes(8),
        ]
    if isinstance(t, Scalar):
        return [np.asarray(value, t.strong.dtype).tobytes()]
    return []
