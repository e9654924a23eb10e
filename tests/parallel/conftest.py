"""Parallel kernels that share every call, however small, among four threads."""

from __future__ import annotations

import pytest

import kernelgen
from kernelgen.runtime import shared_code
from kernelgen.targets import parallel


@pytest.fixture(autouse=True)
def _many_threads(monkeypatch):
    """As many as a small machine may not have processors."""
    before = kernelgen.get_num_threads()
    kernelgen.set_num_threads(4)
    yield
    kernelgen.set_num_threads(before)


@pytest.fixture
def shares_all(monkeypatch):
    """Kernels that are compiled meanwhile share calls of two elements, in chunks of one."""
    monkeypatch.setattr(parallel, "CHUNK", 0)
    monkeypatch.setattr(parallel, "WORTH_HOT", 0)
    monkeypatch.setattr(parallel, "WORTH_COLD", 0)


@pytest.fixture
def shares_all_loops(monkeypatch):
    """Functions that are called meanwhile share all loops, and those that are compiled divide
    loops with reductions into as many pieces as they can."""
    monkeypatch.setattr(parallel, "CHUNK", 0)
    for name in ("timed", "chunk", "hot", "cold"):
        monkeypatch.setattr(shared_code.limits, name, 0.0)
