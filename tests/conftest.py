"""What all tests share: the verifier between all passes, hypothesis profiles, golden files."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings

import kernelgen
from kernelgen.config import CUDA
from kernelgen.errors import KernelgenError

os.environ.setdefault("KERNELGEN_VERIFY", "1")  # subprocesses inherit it

_SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}  # compiling takes its time
_QUICK = [Phase.explicit, Phase.generate]  # the long profile shrinks what it finds, for minutes
settings.register_profile("default", derandomize=True, max_examples=60, phases=_QUICK, **_SLOW)
settings.register_profile("quick", derandomize=True, max_examples=15, **_SLOW)
settings.register_profile("long", max_examples=3000, print_blob=True, **_SLOW)
settings.load_profile("default")


@pytest.fixture
def unoptimised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile fast. For tests with many kernels that differ in what LLVM is given, not in its work."""
    monkeypatch.setenv("KERNELGEN_OPT_LEVEL", "0")


@pytest.fixture
def optimised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile as for users. For tests of what LLVM makes of it."""
    monkeypatch.setenv("KERNELGEN_OPT_LEVEL", "3")


@pytest.fixture
def emulated(unoptimised: None) -> Iterator[None]:
    """Run kernels for GPUs on the emulator, or a GPU if there is one and ``KERNELGEN_CUDA`` says so."""
    from kernelgen import cuda

    if CUDA.value() == "device" and cuda.is_available():
        yield
        return
    with cuda.emulator():
        yield


_DECORATORS = ("vectorize", "guvectorize", "stencil")


@pytest.fixture
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the kernels of a test run: its module's decorators have this target.

    "cuda" is the emulator, or a GPU if ``KERNELGEN_CUDA`` says so and there is one. Kernels are compiled
    without LLVM's optimisations there, as what is tested is the code that it is given.
    """
    if request.param == "cpu":
        return "cpu"
    for name in _DECORATORS:
        if hasattr(request.module, name):
            monkeypatch.setattr(
                request.module, name, partial(getattr(kernelgen, name), target="cuda")
            )
    request.getfixturevalue("emulated")
    return "cuda"


@pytest.fixture
def interpreted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether kernels are run as Python."""
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", str(int(request.param)))


_WAYS = {
    ("target",): {"cpu": ("cpu",), "cuda": ("cuda",)},
    ("interpreted",): {"machine code": (False,), "interpreted": (True,)},
    ("interpreted", "target"): {
        "machine code": (False, "cpu"),
        "interpreted": (True, "cpu"),
        "cuda": (False, "cuda"),
    },
}
"""The ways to run kernels, by the fixtures that a test has."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What a device says that it does not have is not tested there."""
    try:
        return (yield)
    except KernelgenError as error:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if params.get("target") == "cuda" and "GPU" in error.message:
            pytest.skip(error.message)
        raise


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests run in all ways that their fixtures have; those marked cpu_only on no device."""
    names = tuple(name for name in ("interpreted", "target") if name in metafunc.fixturenames)
    if names:
        ways = dict(_WAYS[names])
        if any(metafunc.definition.iter_markers("cpu_only")):
            del ways["cuda"]
        metafunc.parametrize(names, ways.values(), ids=ways, indirect=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write what the passes make to golden files"
    )
    parser.addoption(
        "--any-python-every",
        type=int,
        default=1,
        metavar="N",
        help="of the tests marked any_python run every N-th, as another Python has run them all",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    every = config.getoption("--any-python-every")
    marked = [item for item in items if item.get_closest_marker("any_python")]
    left_out = set(marked).difference(marked[::every])
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
