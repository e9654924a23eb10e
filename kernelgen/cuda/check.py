"""``python -m kernelgen cuda-check``: what the device is, how fast, and whether tests pass on it.

It prints a report that can be pasted: nothing in it tells more of the machine than its device.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import kernelgen
from kernelgen import config, cuda
from kernelgen.runtime import device

_LAUNCHES = 1000
_ROUNDS = 9
_BYTES = 64 << 20
_PACKAGES = ("llvmlite", "cuda-bindings", "nvidia-nvvm")


def main(*, tests: bool = True) -> int:
    """Print the report.

    Parameters
    ----------
    tests : bool
        Whether the tests are run.

    Returns
    -------
    int
        The exit status: 1 if a test fails.

    Raises
    ------
    KernelgenError
        There is no device.
    """
    status = 0
    for name, value in [*_versions(), *_device(), *_times()]:
        print(f"{name:<28} {value}", flush=True)
    if tests:
        status = _run_tests()
    return status


def _versions() -> Iterator[tuple[str, str]]:
    yield "kernelgen", kernelgen.__version__
    yield "Python", platform.python_version()
    yield "NumPy", np.__version__
    for package in _PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, "not installed"


def _device() -> Iterator[tuple[str, str]]:
    found = device.current().properties
    yield "device", found.name
    yield "architecture", found.architecture
    yield "multiprocessors", str(found.multiprocessors)
    yield "threads of a block", str(found.block_threads)
    yield "shared memory of a block", f"{found.shared_bytes / 1024:.0f} KB"
    yield "memory", f"{found.memory_bytes / 2**30:.1f} GB"


# --------------------------------------------------------------------------------- the times


@cuda.jit
def _nothing(x: Any) -> None:
    """A kernel that does nothing."""


def _times() -> Iterator[tuple[str, str]]:
    small = cuda.device_array(1, "f4")
    launch = _nothing[1, 32]
    yield "first launch", f"{1e3 * _seconds(lambda: launch(small)):.0f} ms"
    again = _nothing[1, 32]
    other = cuda.device_array(1, "f8")
    yield "compiling another kernel", f"{1e3 * _seconds(lambda: again(other)):.0f} ms"
    cuda.synchronize()

    def launches() -> None:
        for _ in range(_LAUNCHES):
            launch(small)

    yield "launch, without waiting", f"{1e6 * _median(launches) / _LAUNCHES:.1f} us"

    def launch_and_wait() -> None:
        launch(small)
        cuda.synchronize()

    yield "launch, and waiting", f"{1e6 * _median(launch_and_wait):.1f} us"
    yield from _copies()
    yield from _bandwidth()


def _copies() -> Iterator[tuple[str, str]]:
    host, pinned = np.ones(_BYTES // 4, "f4"), cuda.pinned_array(_BYTES // 4, "f4")
    pinned[:] = 1
    there = cuda.to_device(host)
    for name, array in (("", host), (", pinned", pinned)):
        to = _median(lambda a=array: there.copy_to_device(a))  # type: ignore[misc]
        yield f"copies to the device{name}", _rate(to, _BYTES)
        back = _median(lambda a=array: there.copy_to_host(a))  # type: ignore[misc]
        yield f"copies from the device{name}", _rate(back, _BYTES)


def _bandwidth() -> Iterator[tuple[str, str]]:
    scaled = kernelgen.vectorize(target="cuda")(lambda x, y: 2 * x + y)
    total = kernelgen.vectorize(target="cuda", identity=0)(lambda x, y: x + y)
    x, y, out = (cuda.to_device(np.ones(_BYTES // 4, "f4")) for _ in range(3))
    calls: list[tuple[str, int, Callable[[], Any]]] = [
        ("2 * x + y of float32", 3, lambda: scaled(x, y, out=out)),
        ("sum of float32", 1, lambda: total.reduce(x)),
    ]
    for name, arrays, call in calls:
        call()
        cuda.synchronize()

        def finished(call: Callable[[], Any] = call) -> None:
            call()
            cuda.synchronize()

        yield name, _rate(_median(finished), arrays * _BYTES)


def _rate(seconds: float, size: int) -> str:
    return f"{size / seconds / 1e9:.1f} GB/s"


def _median(call: Callable[[], Any]) -> float:
    return median(_seconds(call) for _ in range(_ROUNDS))


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# --------------------------------------------------------------------------------- the tests


def _run_tests() -> int:
    """Run the tests of CUDA on this device, if they are here: they are no part of the wheel."""
    tests = Path(kernelgen.__file__).parents[1] / "tests"
    if not (tests / "cuda").is_dir() or importlib.util.find_spec("pytest") is None:
        print(f"{'tests':<28} not run: they need pytest, and kernelgen's source")
        return 0
    chosen = [tests / "cuda", tests / "semantics", tests / "vectorize", tests / "guvectorize"]
    command = [sys.executable, "-m", "pytest", "-q", *map(str, chosen), str(tests / "stencils")]
    environment = {**os.environ, config.CUDA.name: config.CUDA.value()}
    run = subprocess.run(
        command, cwd=tests.parent, env=environment, capture_output=True, text=True, check=False
    )
    summary = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    last = run.stdout.strip().splitlines()[-1:] or ["no output"]
    print("\n".join([f"{'tests':<28} {last[0]}", *summary]))
    return run.returncode
