"""The LLVM engine: text in, object code out, object code linked into the process."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, ClassVar, NamedTuple

import llvmlite.binding as llvm

from kernelgen import config
from kernelgen.errors import InternalError, KernelgenError
from kernelgen.runtime import locks
from kernelgen.types.table import LONGDOUBLE

_library_numbers = itertools.count()

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


class Host(NamedTuple):
    """The machine that code is generated for.

    Attributes
    ----------
    triple : str
        LLVM's target triple.
    cpu : str
        LLVM's name of the processor.
    features : str
        Its features, as in ``+avx2,-avx512f``.
    """

    triple: str
    cpu: str
    features: str


LEVELS = {
    "x86_64": {
        "x86-64": "+sse2",
        "x86-64-v2": "+sse2",
        "x86-64-v3": "+sse2,+avx2",
        "x86-64-v4": "+sse2,+avx2,+avx512f",
    },
    "aarch64": {"generic": "+neon"},
}
"""Processors that stand for many, by architecture, and the vectors that they have."""


def host() -> Host:
    """Return the machine that code is for: this one, as ``KERNELGEN_CPU`` sees it.

    Raises
    ------
    KernelgenError
        The switch names no processor of this architecture.
    """
    return _host(config.CPU.value())


@cache
def _host(cpu: str) -> Host:
    triple = llvm.get_process_triple()
    if cpu == config.CPU.default:
        features = llvm.get_host_cpu_features().flatten()
        return Host(triple, llvm.get_host_cpu_name(), features)
    levels = LEVELS.get(triple.partition("-")[0], {})
    if cpu not in levels:
        known = ", ".join([config.CPU.default, *levels])
        raise KernelgenError(f"{config.CPU.name}={cpu!r}: the processors are {known}")
    return Host(triple, cpu, levels[cpu])


class Module:
    """Object code, and the text that it was compiled from.

    Parameters
    ----------
    text : str
        LLVM IR.
    object_code : bytes
        The relocatable object, in the host's format.
    opt_level : int
        The level that it was optimised at.
    """

    def __init__(self, text: str, object_code: bytes, opt_level: int) -> None:
        self.llvm = text
        self.object_code = object_code
        self._opt_level = opt_level

    # Both texts are made again when asked for: keeping LLVM's module for a reader who
    # seldom comes would hold its memory for as long as the kernel lives.

    @cached_property
    def optimized(self) -> str:
        """The LLVM IR after the pass pipeline."""
        with locks.compiling:
            return str(_optimized_module(self.llvm, host(), self._opt_level))

    @cached_property
    def assembly(self) -> str:
        """The host's assembly."""
        return assembly(self.llvm, host(), opt_level=self._opt_level)


def compile_module(ir_text: str, *, opt_level: int = 3) -> Module:
    """Compile LLVM IR to object code for the host.

    Parameters
    ----------
    ir_text : str
        A module without triple and data layout, or with the host's.
    opt_level : int, optional
        0 runs no passes at all, 1 to 3 are those of a C compiler.

    Raises
    ------
    InternalError
        If the text is not valid LLVM IR.
    """
    with locks.compiling:
        object_code = _emitted_object(ir_text, opt_level)
    return Module(ir_text, object_code, opt_level)


def assembly(ir_text: str, machine: Host, *, opt_level: int = 3) -> str:
    """Compile LLVM IR to assembly for any machine whose back end LLVM has initialised.

    Raises
    ------
    InternalError
        If the text is not valid LLVM IR.
    """
    with locks.compiling:
        return _emitted_assembly(ir_text, machine, opt_level)


# LLVM's modules are freed where these functions return, with the lock still held.


def _emitted_object(ir_text: str, opt_level: int) -> bytes:
    module = _optimized_module(ir_text, host(), opt_level)
    return bytes(_target_machine(host(), opt_level).emit_object(module))


def _emitted_assembly(ir_text: str, machine: Host, opt_level: int) -> str:
    module = _optimized_module(ir_text, machine, opt_level)
    return str(_target_machine(machine, opt_level).emit_assembly(module))


def _optimized_module(ir_text: str, machine: Host, opt_level: int) -> Any:
    module = _parsed_module(ir_text, machine, opt_level)
    if opt_level > 0:
        _run_passes(module, machine, opt_level)
    return module


def _parsed_module(ir_text: str, machine: Host, opt_level: int) -> Any:
    target = _target_machine(machine, opt_level)
    with _blame("LLVM rejects the generated code"):
        # A context of its own, so that the module's types and constants are freed with it.
        module = llvm.parse_assembly(ir_text, context=llvm.create_context())
        module.triple = machine.triple
        module.data_layout = str(target.target_data)
        module.verify()
    return module


@contextlib.contextmanager
def _blame(sentence: str) -> Iterator[None]:
    """Turn llvmlite's errors, which are bare RuntimeErrors, into ours."""
    try:
        yield
    except RecursionError:
        raise
    except RuntimeError as error:
        raise InternalError(f"{sentence}: {error}") from error


def _run_passes(module: Any, machine: Host, opt_level: int) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=opt_level)
    options.loop_vectorization = opt_level >= 2
    options.slp_vectorization = opt_level >= 2
    options.loop_interleaving = opt_level >= 2
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(_target_machine(machine, opt_level), options)
    builder.getModulePassManager().run(module, builder)


@cache
def _target_machine(machine: Host, opt_level: int) -> Any:
    # Position independent code reaches symbols anywhere in the address space through a
    # global offset table; with the small code model its calls and constants stay cheap.
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu,
        features=machine.features,
        opt=opt_level,
        reloc="pic",
        codemodel="small",
    )


class Library:
    """Linked code. It is unloaded when the last reference to the library goes.

    Made by `link`.
    """

    # Attributes, for the end of the interpreter, when globals may be gone.
    _lock = locks.compiling

    # LLVM's handles are kept apart. One that were part of a garbage cycle would be finalised by
    # itself, without the lock, and a fork at that moment would leave LLVM locked in the child.
    _trackers: ClassVar[dict[int, Any]] = {}

    def __init__(self, tracker: Any) -> None:
        self._trackers[id(self)] = tracker

    def __del__(self) -> None:
        with self._lock:
            self._trackers.pop(id(self), None)

    def address(self, symbol: str) -> int:
        """Return the address of an exported symbol.

        Raises
        ------
        KeyError
            If the library was not linked with this export.
        """
        return int(self._trackers[id(self)][symbol])


def link(object_code: bytes, exports: Sequence[str], symbols: Mapping[str, int]) -> Library:
    """Link object code into the process.

    Parameters
    ----------
    object_code : bytes
        What `compile_module` made, in this process or in another one on the same host.
    exports : sequence of str
        The symbols whose addresses will be asked for.
    symbols : mapping of str to int
        Addresses of undefined symbols. The others are looked up in the process, where the
        C and math libraries are always found.

    Raises
    ------
    InternalError
        If a symbol is undefined or the object code does not fit the host.
    """
    builder = llvm.JITLibraryBuilder().add_object_img(object_code).add_current_process()
    for name in exports:
        builder.export_symbol(name)
    for name, address in symbols.items():
        builder.import_symbol(name, address)
    with locks.compiling, _blame("the generated code does not link"):
        return Library(builder.link(_jit(), f"kernelgen.{next(_library_numbers)}"))


@cache
def _jit() -> Any:
    if sys.platform.startswith("linux"):
        # An interpreter need not be linked against the math library.
        load_library("libm.so.6")
        if LONGDOUBLE.llvm == "fp128":  # the compiler's library computes those
            load_library("libgcc_s.so.1")
    # JITLink keeps one library's sections together; the older linker may scatter them
    # further than relocations reach.
    return llvm.create_lljit_compiler(_target_machine(host(), 3), use_jit_link=True)


def load_library(name: str) -> bool:
    """Make the symbols of a shared library visible to `link`, for the life of the process.

    Returns
    -------
    bool
        Whether there is such a library.

    Examples
    --------
    >>> load_library("no-such-library.so")
    False
    """
    with contextlib.suppress(OSError):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        return True
    return False
