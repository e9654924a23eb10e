"""What all tests share: the verifier between all passes, hypothesis profiles, golden files."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

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
