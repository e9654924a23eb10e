"""What users of Numba's CUDA target and of its simulator have had to do without."""

from __future__ import annotations

import numpy as np
import pytest

from kernelgen import KernelgenError, cuda, guvectorize, pipeline, stencil, vectorize

pytestmark = pytest.mark.any_python


@vectorize(target="cuda")
def scaled(x, y):
    return 2 * x + y


@pytest.fixture(autouse=True)
def _emulated():
    with cuda.emulator():
        yield


# ------------------------------------------------------------ ufuncs need exact dtypes, no more


@pytest.mark.parametrize("x", [np.int8(3), np.arange(3, dtype="u2"), 2.5, np.ones((2, 1), "f4")])
@pytest.mark.parametrize("y", [1, np.arange(4.0)[1:], np.float32(2)])
def test_ufuncs_need_no_signatures_and_take_any_dtypes(x, y):
    expected = vectorize(scaled.py_func)(x, y)
    found = scaled(x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_signatures_are_cast_to():
    f = vectorize("f8(f8)", target="cuda")(lambda x: x / 2)
    assert f(np.arange(3, dtype="i2")).tolist() == [0, 0.5, 1]
    with pytest.raises(TypeError, match="no signature"):
        f(np.array([1j]))


def test_ufuncs_take_keywords():
    x = np.arange(6.0).reshape(2, 3)
    out = np.full((2, 3), -1.0)
    assert scaled(x, 1, out=out, where=x > 2) is out
    np.testing.assert_array_equal(out, np.where(x > 2, 2 * x + 1, -1))
    assert scaled(x.astype("i4"), 1, dtype="f4").dtype == np.float32
    with pytest.raises(TypeError, match="casting rule 'same_kind'"):
        scaled(x, 1, out=np.zeros((2, 3), "i8"))
    assert scaled(x, 1, out=np.zeros((2, 3), "i8"), casting="unsafe").tolist() == [
        [1, 3, 5],
        [7, 9, 11],
    ]


def test_ufuncs_compile_once_for_each_combination_of_dtypes(monkeypatch):
    f = vectorize(target="cuda")(lambda x: x + 1)
    made, grid_kernel = [], pipeline.grid_kernel
    monkeypatch.setattr(
        pipeline,
        "grid_kernel",
        lambda *args, **options: made.append(1) or grid_kernel(*args, **options),
    )
    for dtype in ("f4", "f8", "f4", "f8"):
        f(np.ones(3, dtype))
        f(cuda.to_device(np.ones((2, 2), dtype)))
    assert len(made) == 2


def test_there_are_stencils():
    blurred = stencil(mode="nearest", target="cuda")(lambda a: (a[-1] + 2 * a[0] + a[1]) / 4)
    assert blurred(np.array([4.0, 0.0, 0.0, 8.0])).tolist() == [3, 1, 2, 6]


# -------------------------------------------- the simulator runs no ufuncs, no warp operations


def test_the_emulator_runs_ufuncs_and_gufuncs():
    @guvectorize("(n)->()", target="cuda")
    def total(x, out):
        out[0] = 0
        for each in x:
            out[0] += each

    assert scaled(np.arange(3), 1).tolist() == [1, 3, 5]
    assert total(np.arange(6.0).reshape(2, 3)).tolist() == [3, 12]
    assert vectorize(target="cuda", identity=0)(lambda x, y: x + y).reduce(np.arange(5)) == 10


def test_the_emulator_runs_warp_operations():
    @cuda.jit
    def warp_sums(x, sums):
        value = x[cuda.grid(1)]
        step = 16
        while step > 0:
            value += cuda.shfl_down_sync(0xFFFFFFFF, value, step)
            step //= 2
        if cuda.laneid == 0:
            sums[cuda.grid(1) // 32] = value

    x = np.random.default_rng(0).integers(0, 100, 128)
    sums = cuda.device_array(4, x.dtype)
    warp_sums[2, 64](cuda.to_device(x), sums)
    assert sums.copy_to_host().tolist() == x.reshape(4, 32).sum(axis=1).tolist()


def test_without_a_device_there_is_one_clear_sentence(monkeypatch):
    monkeypatch.setenv("KERNELGEN_CUDA", "device")
    with cuda._device.using(None):
        if cuda.is_available():
            pytest.skip("there is a device")
        with pytest.raises(KernelgenError, match="KERNELGEN_CUDA=emulator"):
            scaled(1, 2)
