"""Every ``KERNELGEN_*`` environment variable: its name, default and meaning."""

from __future__ import annotations

import os
from typing import NamedTuple

from kernelgen.errors import KernelgenError


class Switch(NamedTuple):
    """One environment variable. It is read whenever it is needed, never stored."""

    name: str
    default: str
    meaning: str

    def value(self) -> str:
        """What the environment says, or the default."""
        return os.environ.get(self.name, self.default)

    def __bool__(self) -> bool:
        return self.value().lower() not in ("", "0", "false", "no", "off")


DISABLE_JIT = Switch(
    "KERNELGEN_DISABLE_JIT", "0", "run kernels as plain Python, for debuggers and coverage"
)
VERIFY = Switch("KERNELGEN_VERIFY", "0", "check the IR's invariants after every pass")
BOUNDSCHECK = Switch(
    "KERNELGEN_BOUNDSCHECK", "0", "check indices of arrays where boundscheck= does not say"
)
OPT_LEVEL = Switch("KERNELGEN_OPT_LEVEL", "3", "LLVM's optimisation level for kernels, 0 to 3")
CPU = Switch(
    "KERNELGEN_CPU", "native", "the processor that code is for: native, or a level as x86-64-v3"
)
NUM_THREADS = Switch(
    "KERNELGEN_NUM_THREADS",
    "",
    "how many threads run a parallel kernel; by default, one for each processor of the process",
)

CUDA = Switch(
    "KERNELGEN_CUDA",
    "device",
    "what runs kernels for GPUs: device, emulator, or checked, an emulator that looks for races",
)


def optimisation_level() -> int:
    """The level that ``KERNELGEN_OPT_LEVEL`` names.

    Raises
    ------
    KernelgenError
        It names none.
    """
    level = OPT_LEVEL.value()
    if level not in ("0", "1", "2", "3"):
        raise KernelgenError(f"{OPT_LEVEL.name}={level!r}: the levels are 0, 1, 2 and 3")
    return int(level)


def checks_bounds(boundscheck: bool | None) -> bool:
    """Whether indices are checked, if that is what a decorator was given."""
    return bool(BOUNDSCHECK if boundscheck is None else boundscheck)


SWITCHES = (DISABLE_JIT, VERIFY, BOUNDSCHECK, OPT_LEVEL, CPU, NUM_THREADS, CUDA)
