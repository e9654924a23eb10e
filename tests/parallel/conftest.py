"""Parallel kernels that share every call, however small, among four threads."""

from __future__ import annotations

import pytest

import kernelgen
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
    """Calls and loops are shared, however short they are, in chunks of one; loops with reductions
    that are compiled meanwhile have as many pieces as they can."""
    for name in parallel.AT:
        monkeypatch.setattr(parallel.limits, name, 0.0)
