"""What users may rely on when they change a target to "parallel", each in a process of its own."""

from __future__ import annotations

import promises
import pytest


@pytest.mark.any_python
@pytest.mark.parametrize("name", promises.PROMISES)
def test_the_promise_is_kept(name):
    assert not promises.broken("kernelgen", name)
