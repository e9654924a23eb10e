"""Copies within the memory of a device, of arrays that lie differently."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from kernelgen.cuda.arrays import DeviceArray, device_array


def copy_elements(source: DeviceArray, target: DeviceArray, stream: Any = None) -> None:
    """Copy the elements of an array to another one of the same shape and dtype."""
    _same()(_words_of(source), out=_words_of(target), stream=stream)


def converted(array: DeviceArray, dtype: Any, stream: Any = None) -> DeviceArray:
    """The array, or a copy with its elements converted to another dtype."""
    if array.dtype == dtype:
        return array
    made = device_array(array.shape, dtype)
    _same()(array, out=made, casting="unsafe", stream=stream)
    return made


def _words_of(array: DeviceArray) -> DeviceArray:
    """The elements as integers of up to 8 bytes, along another axis."""
    words = f"u{math.gcd(array.itemsize, 8)}"
    return DeviceArray(array.view_of_host[..., None].view(words), array, array.driver)


@cache
def _same() -> Any:
    from kernelgen.api import vectorize

    return vectorize(target="cuda")(lambda x: x)
