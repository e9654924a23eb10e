"""The devices that tests of kernels run on: both emulators, and a GPU where there is one."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from kernelgen import config, cuda

_ENTERED = {
    "emulator": cuda.emulator,
    "checked": lambda: cuda.emulator(checked=True),
    "gpu": nullcontext,
}


def _is_gpu_there():
    return config.CUDA.value() == "device" and cuda.is_available()


@pytest.fixture(params=_ENTERED)
def device(request):
    """What kernels run on, entered; its name."""
    if request.param == "gpu" and not _is_gpu_there():
        pytest.skip("there is no GPU")
    with _ENTERED[request.param]():
        yield request.param
