"""LLVM's back end for NVIDIA's GPUs: LLVM IR in, PTX out."""

from __future__ import annotations

import re
from functools import cache

import llvmlite.binding as llvm

from kernelgen.errors import InternalError, KernelgenError
from kernelgen.runtime import engine, libdevice, locks

TRIPLE = "nvptx64-nvidia-cuda"

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
"""The architectures that code can be made for: of those that CUDA 13 supports, the ones that LLVM
20 knows, which is the oldest that llvmlite 0.45 has. PTX for one runs on later ones too."""

_EXTERNAL = re.compile(r"^\.extern \.func .*?(\w+)\s*(?:\(|$)", re.MULTILINE)


def check(arch: str) -> None:
    """Raise KernelgenError if there is no such architecture."""
    if arch not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise KernelgenError(f"arch cannot be {arch!r}", None, f"it is one of {known}")


def assembly(text: str, arch: str, opt_level: int = 3) -> str:
    """Compile a module for a GPU, with what it needs of libdevice.

    Parameters
    ----------
    text : str
        LLVM IR without triple and data layout.
    arch : str
        One of `ARCHITECTURES`.
    opt_level : int, optional
        As for the host.

    Raises
    ------
    KernelgenError
        Libdevice is needed and not there.
    InternalError
        LLVM rejects the module, or it calls what no GPU has.
    """
    whole = libdevice.link(text)
    with locks.compiling:
        _initialise()
        ptx = engine.assembly(whole, engine.Host(TRIPLE, arch, ""), opt_level=opt_level)
    missing = _EXTERNAL.search(ptx)
    if missing is not None:
        raise InternalError(f"the kernel calls {missing[1]}, which no GPU has")
    return ptx


@cache
def _initialise() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
