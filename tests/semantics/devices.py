"""Kernels on the emulated device: which ones a device has, and how tests run them there.

They are compiled without LLVM's optimisations, as what is tested is the code that it is given.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from kernelgen import cuda, pipeline
from kernelgen.config import CUDA, OPT_LEVEL
from kernelgen.errors import KernelgenError
from kernelgen.ir.core import Function
from kernelgen.on_device import check


@contextmanager
def emulated() -> Iterator[None]:
    """Launch what is launched on the emulator, unless all is run on a GPU."""
    if CUDA.value() == "device" and cuda.is_available():
        yield
        return
    with mock.patch.dict(os.environ, {OPT_LEVEL.name: "0"}), cuda.emulator():
        yield


@functools.lru_cache(1)
def rewritten(request: pipeline.Request) -> Function:
    """The function that a request comes to, which nobody may change."""
    return pipeline.rewritten(request)


def has_all(request: pipeline.Request, options: dict[str, Any]) -> bool:
    """Whether a device has all that a kernel does."""
    if options.get("fp_errors") == "numpy":
        return False
    try:
        check(rewritten(request), request.options)
    except KernelgenError:
        return False
    return True
