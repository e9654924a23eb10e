"""What compiled code takes of NumPy's generators is looked at before it is taken."""

from __future__ import annotations

import pytest

from kernelgen.errors import UnsupportedError
from kernelgen.generators import FUNCTIONS
from kernelgen.runtime import generators


def test_numpy_exports_all_functions():
    assert all(generators.function(name) for name in FUNCTIONS)
    with pytest.raises(UnsupportedError, match="does not let compiled code call .* random_other"):
        generators.function("other")


def test_generators_of_another_layout_are_refused(monkeypatch):
    generators._check()
    monkeypatch.setattr(generators, "GENERATOR_LOCK", generators.GENERATOR_LOCK - 8)
    with pytest.raises(UnsupportedError, match="lays them out in another way"):
        generators._check()
