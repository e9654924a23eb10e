"""Normal and exponential numbers of one word are NumPy's, and what takes more is NumPy's as well."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen import njit
from kernelgen.runtime.ziggurats import _Tables
from kernelgen.ziggurats import EXPONENTIAL, NORMAL

pytestmark = pytest.mark.any_python


@pytest.mark.parametrize("ziggurat", [NORMAL, EXPONENTIAL])
def test_nearly_all_words_are_inside(ziggurat):
    limits = np.array(_Tables(ziggurat).limits)
    assert np.mean(limits / 2.0**ziggurat.bits) > 0.97


@pytest.mark.parametrize("ziggurat", [NORMAL, EXPONENTIAL])
def test_a_word_of_other_parts_is_not_taken_for_one(ziggurat):
    """NumPy is asked for every number, should it take words apart in another way."""
    for other in ({"layer": ziggurat.layer + 1}, {"bits": ziggurat.bits - 1}):
        assert not any(_Tables(ziggurat._replace(**other)).limits)


@pytest.mark.parametrize("bits", ["PCG64", "MT19937"])
def test_many_numbers(bits):
    @njit
    def drawn(rng, n):
        first = rng.standard_normal(n), rng.standard_exponential(n)
        return first, rng.normal(0.3, 1.7, n), rng.exponential(0.3, n), rng.random()

    ours, theirs = (np.random.Generator(getattr(np.random, bits)(3)) for _ in range(2))
    for _ in range(3):
        got, want = drawn(theirs, 200_000), drawn.py_func(ours, 200_000)
        for a, b in zip((*got[0], *got[1:]), (*want[0], *want[1:]), strict=True):
            np.testing.assert_array_equal(a, b)
