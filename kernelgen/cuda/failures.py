"""What a launch has raised: from the block for exceptions to an exception of Python."""

from __future__ import annotations

import ctypes
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.lower import Lowered
from kernelgen.payload import read_words
from kernelgen.runtime import emulator_code as code
from kernelgen.runtime.device import Dims, Driver
from kernelgen.source import Loc
from kernelgen.targets import cuda
from kernelgen.targets.emulated import ACCESSES
from kernelgen.tracebacks import traceback_to


def error_bytes(kernel: Lowered) -> int:
    """The bytes of the block for a kernel's exceptions."""
    return cuda.WORDS + 8 * max(kernel.words, code.WORDS)


def raise_from(kernel: Lowered, driver: Driver, errors: Any, grid: Dims, block: Dims) -> None:
    """Raise what stands in the block, whose stream has been waited for.

    Raises
    ------
    Exception
        What the kernel has raised, with its line as the last one of the traceback.
    KernelgenError
        What the emulator has found.
    """
    size = error_bytes(kernel)
    held = ctypes.create_string_buffer(size)
    driver.copy(ctypes.addressof(held), errors.address, size, 0)
    driver.synchronize(0)
    status = int.from_bytes(held.raw[:4], "little", signed=True)
    if status > 0:
        error = kernel.errors[status - 1]
        made = error.make(read_words(error.slots, held.raw[cuda.WORDS :]))
        raise made.with_traceback(traceback_to(kernel.places[status - 1]))
    if status < 0:
        number = int.from_bytes(held.raw[cuda.ELEMENT : cuda.WORDS], "little")
        words = memoryview(held.raw[cuda.WORDS :]).cast("Q").tolist()
        raise _found(kernel, status, words, _place(number, grid), block)


def _found(
    kernel: Lowered, status: int, words: list[int], place: Dims, block: Dims
) -> KernelgenError:
    """The error that the emulator reports."""
    where = f"in block {place}"
    if status == code.RACE:
        first, second = words[0], words[2]
        then, now = _site(kernel, first >> 2), _site(kernel, second >> 2)
        return KernelgenError(
            f"a race on shared memory {where}: thread {_place(words[3], block)} "
            f"{_DONE[ACCESSES[second & 3]]} what thread {_place(words[1], block)} "
            f"{_DONE[ACCESSES[first & 3]]} in line {_line(then)}, without a barrier between",
            now,
            "call cuda.syncthreads() between",
        )
    if status == code.DIVERGED:
        return KernelgenError(
            f"threads wait at different barriers {where}: some here, others in line "
            f"{_line(_site(kernel, words[1]))}",
            _site(kernel, words[0]),
            "all threads of a block have to come to the same cuda.syncthreads()",
        )
    if status == code.ENDED:
        return KernelgenError(
            f"some threads wait at a barrier {where}, and others have ended",
            _site(kernel, words[0]),
            "all threads of a block have to come to the same cuda.syncthreads()",
        )
    if status == code.STUCK:
        return KernelgenError(
            f"threads wait forever {where}: not all in the mask have come here",
            _site(kernel, words[0]),
        )
    return KernelgenError("the emulator has no memory left for a block")


_DONE = {"read": "reads", "write": "writes", "atomic": "changes"}


def _site(kernel: Lowered, number: int) -> Loc | None:
    """The user's place, by its number."""
    return kernel.sites[number - 1] if 0 < number <= len(kernel.sites) else None


def _line(loc: Loc | None) -> str:
    return "?" if loc is None else str(loc.line)


def _place(number: int, dims: Dims) -> Dims:
    """The place along x, y and z of what has a number."""
    x, rest = number % dims[0], number // dims[0]
    return x, rest % dims[1], rest // dims[1]
