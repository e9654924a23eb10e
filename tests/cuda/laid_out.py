"""Arrays that lie in memory in whatever way, on the host and on the device."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from hypothesis import strategies as st

from kernelgen import cuda
from kernelgen.cuda.arrays import described


def placed(array: np.ndarray) -> Any:
    """An array of the device, which lies in its memory as ``array`` does here."""
    if array.size == 0:
        made = cuda.device_array(array.shape, array.dtype)
        return described(made.address, array.shape, array.strides, array.dtype, made, made.driver)
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = cuda.to_device(np.frombuffer(ctypes.string_at(low, high - low), np.uint8))
    address = memory.address + array.__array_interface__["data"][0] - low
    found = described(address, array.shape, array.strides, array.dtype, memory, memory.driver)
    if not array.flags.writeable:
        found.view_of_host.flags.writeable = False
    return found


def on_host(result: Any) -> Any:
    """The elements of an array of the device, or of several; anything else as it is."""
    if isinstance(result, tuple):
        return tuple(map(on_host, result))
    return result.copy_to_host() if isinstance(result, cuda.DeviceArray) else result


def same(got: Any, want: Any) -> None:
    """What a device has made is what the processor has, or are several such results."""
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            same(g, w)
        return
    got = on_host(got)
    assert type(got) is type(want)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want, strict=True)


class Foreign:
    """An array of the device that another library has."""

    def __init__(self, array: np.ndarray, *, readonly: bool = False) -> None:
        self.array = placed(array)
        self.readonly = readonly

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        found = self.array.__cuda_array_interface__
        return {**found, "data": (found["data"][0], self.readonly), "version": 2}

    def copy_to_host(self) -> np.ndarray:
        return self.array.copy_to_host()


@st.composite
def arrays(draw: Any, shape: tuple[int, ...], dtype: Any, *, repeats: bool = True) -> np.ndarray:
    """An array of a shape, whose axes are in any order, with steps of any sign, or none."""
    axes = draw(st.permutations(range(len(shape))))
    steps = draw(
        st.tuples(
            *[st.sampled_from([1, 1, 1, 2, -1, -2, 0] if repeats else [1, 2, -1])] * len(shape)
        )
    )
    lengths = [max(shape[a] * abs(steps[a]), 1) for a in axes]
    seed = draw(st.integers(0, 99))
    numbers = np.random.default_rng(seed).integers(0, 2 if dtype == "?" else 50, lengths)
    room = np.asarray(numbers).astype(dtype).transpose(np.argsort(axes))
    parts = []
    for length, step in zip(shape, steps):
        if step == 0:
            parts.append(slice(0, 1))
        elif step > 0:
            parts.append(slice(0, length * step, step))
        else:
            parts.append(slice(None, None, step) if length else slice(0, 0))
    view = room[tuple(parts)]
    return np.lib.stride_tricks.as_strided(
        view, shape, [0 if step == 0 else s for s, step in zip(view.strides, steps)]
    )


@st.composite
def views(draw: Any, shape: tuple[int, int], whole: int) -> Any:
    """The index of a view of a shape in a square array, and whether it is turned."""
    turned = draw(st.booleans())
    index = []
    for n in shape[::-1] if turned else shape:
        step = draw(st.sampled_from([1, 1, 2, -1, -2]))
        reach = (n - 1) * abs(step) + 1
        first = draw(st.integers(0, whole - reach))
        ends = first, first + reach
        index.append(
            slice(*ends, step)
            if step > 0
            else slice(ends[1] - 1, ends[0] - 1 if ends[0] else None, step)
        )
    return lambda a: a[tuple(index)].T if turned else a[tuple(index)]
