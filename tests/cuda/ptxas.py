"""NVIDIA's assembler, if it is on this machine, and what it reports of a kernel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")


class Report(NamedTuple):
    """What an entry takes: registers of a thread, bytes of its stack, and of what is spilled."""

    registers: int
    stack: int
    spills: int


@cache
def find() -> str | None:
    """Its path: from the search path, a toolkit, or NVIDIA's wheel."""
    homes = [Path(os.environ[v]) / "bin" for v in ("CUDA_HOME", "CUDA_PATH") if v in os.environ]
    wheels = Path(sysconfig.get_path("purelib"), "nvidia")
    places = [*homes, Path("/usr/local/cuda/bin"), *sorted(wheels.glob("*/bin"))]
    return shutil.which("ptxas") or shutil.which("ptxas", path=os.pathsep.join(map(str, places)))


@cache
def known() -> frozenset[str]:
    """The architectures that it assembles for."""
    run = subprocess.run([find(), "--help"], capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"'(sm_\d+)'", run.stdout))


needed = pytest.mark.skipif(find() is None, reason="there is no ptxas on this machine")


def assemble(ptx: str, arch: str, directory: Path) -> dict[str, Report]:
    """Assemble, and read the report on each entry."""
    source = directory / "kernel.ptx"
    source.write_text(ptx)
    command = [find(), "-v", "-arch", arch, str(source), "-o", str(directory / "kernel.cubin")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return dict(_entries(run.stderr))


def _entries(report: str):
    for part in report.split("Compiling entry function ")[1:]:
        stack, *spills = re.search(
            r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part
        ).groups()
        registers = re.search(r"Used (\d+) registers", part)[1]
        name = part.split("'")[1]
        yield name, Report(int(registers), int(stack), sum(map(int, spills)))
