"""A plugin that has NVIDIA's assembler look at each kernel that tests run on the emulator.

``python -m pytest -p tests.assembled -k "cuda or emulator or checked"`` compiles what the emulator is
given for GPUs too, and assembles it for each architecture; a test fails where that does not go. It
takes several times as long as the tests alone.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from pathlib import Path

import pytest

from kernelgen import config, pipeline
from kernelgen.llvm_device import DeviceEmitter
from kernelgen.runtime import nvptx
from kernelgen.targets.cuda import Gpu
from kernelgen.targets.emulated import Emulated
from tests.cuda import ptxas

_architectures: list[str] = []
_seen: set[bytes] = set()
_elsewhere = pytest.StashKey[int]()


def _assembling(write):
    """What writes the module of a kernel, and assembles it if it is for the emulator."""

    @functools.wraps(write)
    def written(request, emitter, machine, *args, **kwargs):
        code = write(request, emitter, machine, *args, **kwargs)
        if isinstance(machine, Emulated):
            again = DeviceEmitter(request.options.math_flags)
            _assemble(write(request, again, Gpu(), *args, **kwargs).text)
        return code

    return written


def _assemble(text):
    digest = hashlib.sha256(text.encode()).digest()
    if digest in _seen:
        return
    with tempfile.TemporaryDirectory() as folder:
        for arch in _architectures:
            ptx = nvptx.assembly(text, arch, config.optimisation_level())
            ptxas.assemble(ptx, arch, Path(folder))
    _seen.add(digest)


def pytest_configure(config):
    if ptxas.find() is None:
        raise pytest.UsageError("there is no ptxas on this machine")
    _architectures[:] = sorted(ptxas.known().intersection(ptxas.ARCHITECTURES))
    config.stash[_elsewhere] = 0
    pipeline.grid_kernel = _assembling(pipeline.grid_kernel)
    pipeline.grid_function = _assembling(pipeline.grid_function)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["assembled"] = len(_seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[_elsewhere] += node.workeroutput.get("assembled", 0)


def pytest_terminal_summary(terminalreporter):
    count = len(_seen) + terminalreporter.config.stash[_elsewhere]
    terminalreporter.line(f"assembled {count} kernels for {', '.join(_architectures)}")
