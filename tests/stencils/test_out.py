"""Where stencils write: arrays of all layouts and types, and those that are read as well."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lying import LAYOUTS, numbers
from reference import expected

from kernelgen import njit, stencil

CANARY = 0xA5


def plane(a):
    return a[-1, 1] * 2 - a[0, -2] + a[1, 0]


HALO = ((1, 1), (2, 1))


@cache
def made(mode: str, target: str = "cpu") -> Any:
    return stencil(plane, mode=mode, cval=1, target=target)


def right(array: np.ndarray, mode: str) -> np.ndarray:
    return expected(plane, [array.copy()], HALO, [(mode, mode)] * 2, 1)


class Room:
    """Memory with marked bytes around and between the elements of arrays in it."""

    def __init__(self, elements: int, itemsize: int = 8) -> None:
        self.bytes = np.full(elements * itemsize + 128, CANARY, np.uint8)

    def array(self, shape: Any, dtype: Any, strides: Any, start: int) -> np.ndarray:
        return np.ndarray(shape, dtype, self.bytes, 64 + start, strides)

    def untouched(self, *arrays: np.ndarray) -> bool:
        """Whether all bytes but those of some arrays are as they were."""
        own = np.zeros(len(self.bytes), bool)
        low = self.bytes.__array_interface__["data"][0]
        for each in arrays:
            at = each.__array_interface__["data"][0] - low
            for place in itertools.product(*map(range, each.shape)):
                first = at + sum(i * s for i, s in zip(place, each.strides))
                own[first : first + each.itemsize] = True
        return bool((self.bytes[~own] == CANARY).all())


STRIDES: dict[str, Any] = {
    "C": lambda h, w, s: ((w * s, s), 0),
    "F": lambda h, w, s: ((s, h * s), 0),
    "rows apart": lambda h, w, s: (((w + 1) * s, s), 0),
    "strided": lambda h, w, s: ((2 * w * s, 2 * s), 0),
    "reversed": lambda h, w, s: ((-w * s, -s), (h * w - 1) * s),
    "rows reversed": lambda h, w, s: ((-w * s, s), (h - 1) * w * s),
    "columns reversed": lambda h, w, s: ((w * s, -s), (w - 1) * s),
    "turned, apart": lambda h, w, s: ((2 * s, (2 * h + 1) * s), 0),
    "unaligned": lambda h, w, s: ((w * s, s), 1),
}


@pytest.mark.any_python
@pytest.mark.parametrize("lying", STRIDES)
@pytest.mark.parametrize("mode", ["wrap", "valid"])
def test_layouts_of_out(lying: str, mode: str) -> None:
    kernel = made(mode)
    for shape in [(5, 7), (1, 1), (3, 40), (0, 4), (2, 2)]:
        array = numbers(1, shape, float)
        want = right(array, mode)
        h, w = want.shape
        room = Room(2 * (h + 1) * (2 * w + 2))
        strides, start = STRIDES[lying](h, w, 8)
        out = room.array((h, w), float, strides, max(start, 0))
        assert kernel(array, out=out) is out
        np.testing.assert_array_equal(out, want)
        assert room.untouched(out)


@pytest.mark.parametrize(
    "dtype, into",
    [("f8", "f4"), ("f8", "c16"), ("i4", "i8"), ("i8", "i1"), ("f4", "f2"), ("u1", "f8")],
)
def test_types_of_out(dtype: str, into: str, target: str) -> None:
    array = numbers(1, (5, 6), dtype)
    out = np.zeros((5, 6), into)
    assert made("wrap", target)(array, out=out) is out
    np.testing.assert_array_equal(out, right(array, "wrap").astype(into))


@pytest.mark.parametrize("dtype, into", [("f8", "i8"), ("c16", "f8"), ("i8", "u8"), ("f4", "?")])
def test_types_that_out_cannot_have(dtype: str, into: str, target: str) -> None:
    with pytest.raises(TypeError, match=r"cannot cast the results of plane\(\).*'same_kind'"):
        made("wrap", target)(numbers(1, (5, 6), dtype), out=np.zeros((5, 6), into))


@pytest.mark.parametrize("shape", [(5, 5), (1, 6), (5, 6, 1), (6,), (0, 6)])
def test_shapes_that_out_cannot_have(shape: Any, target: str) -> None:
    out = np.full(shape, 7.0)
    with pytest.raises((ValueError, TypeError), match=r"out= of plane\(\) has"):
        made("wrap", target)(numbers(1, (5, 6), float), out=out)
    assert (out == 7).all()


def test_out_must_be_writable(target: str) -> None:
    out = np.zeros((5, 6))
    out.flags.writeable = False
    with pytest.raises(TypeError, match=r"out= of plane\(\) is read-only"):
        made("wrap", target)(numbers(1, (5, 6), float), out=out)


# ------------------------------------------------------------------------------------- overlaps


@pytest.mark.parametrize("mode", ["constant", "mirror"])
@pytest.mark.parametrize("layout", [name for name in LAYOUTS[2] if name != "read-only"])
def test_the_array_itself(layout: str, mode: str, target: str) -> None:
    array = LAYOUTS[2][layout](numbers(1, (6, 9), float))
    want = right(array, mode)
    made(mode, target)(array, out=array)
    np.testing.assert_array_equal(array, want)


@st.composite
def views(draw: Any) -> Any:
    """What takes a 4 by 5 view out of a 10 by 10 array."""
    steps = draw(st.tuples(*[st.sampled_from([1, 1, 2, -1, -2])] * 2))
    turned = draw(st.booleans())
    shape = (5, 4) if turned else (4, 5)
    index = []
    for n, step in zip(shape, steps):
        reach = (n - 1) * abs(step) + 1
        first = draw(st.integers(0, 10 - reach))
        ends = first, first + reach
        index.append(
            slice(*ends, step)
            if step > 0
            else slice(ends[1] - 1, ends[0] - 1 if ends[0] else None, step)
        )
    return lambda a: a[tuple(index)].T if turned else a[tuple(index)]


@given(views(), views(), st.sampled_from(["C", "F"]))
def test_views_of_one_array(source: Any, view: Any, order: str) -> None:
    whole = np.asarray(numbers(1, (10, 10), float), order=order)
    again = whole.copy(order="K")
    want = right(source(whole), "nearest")
    view(again)[...] = want
    made("nearest")(source(whole), out=view(whole))
    np.testing.assert_array_equal(whole, again)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from(["f4", "i2", "f8"]))
def test_views_of_other_types(at: int, other: int, dtype: str) -> None:
    """The bytes of an array are read as numbers of one type, and written as those of another."""
    room = np.zeros(400, np.uint8)
    room[:] = np.arange(400) % 51
    source = np.ndarray((3, 4), "i2", room, 2 * at)
    target = np.ndarray((3, 4), dtype, room, other)
    want = right(source, "nearest").astype(dtype)
    again = room.copy()
    np.ndarray((3, 4), dtype, again, other)[...] = want
    made("nearest")(source, out=target)
    np.testing.assert_array_equal(room, again)


def both_ways(a, b):
    return a[0, -1] + b[1, 0], a[1, 1] - b[0, 0]


BOTH = ((0, 1), (1, 1))


@given(views(), views(), views(), views())
def test_two_outputs_in_one_array(a: Any, b: Any, first: Any, second: Any) -> None:
    """As if the results had been made first, and then assigned in order."""
    kernel = pair()
    whole = numbers(1, (10, 10), float)
    again = whole.copy()
    want = expected(both_ways, [a(whole).copy(), b(whole).copy()], BOTH, [("wrap", "wrap")] * 2)
    first(again)[...] = want[0]
    second(again)[...] = want[1]
    outs = first(whole), second(whole)
    got = kernel(a(whole), b(whole), out=outs)
    assert got[0] is outs[0] and got[1] is outs[1]
    np.testing.assert_array_equal(whole, again)


@cache
def pair(target: str = "cpu") -> Any:
    return stencil(both_ways, mode="wrap", target=target)


def test_the_arrays_change_places(target: str) -> None:
    a, b = numbers(1, (6, 6), float), numbers(2, (6, 6), float)
    want = expected(both_ways, [a.copy(), b.copy()], BOTH, [("wrap", "wrap")] * 2)
    pair(target)(a, b, out=(b, a))
    np.testing.assert_array_equal(b, want[0])
    np.testing.assert_array_equal(a, want[1])


def weighed(a, w):
    return a[-1] * w[0] + a[1] * w[1]


def test_out_is_an_array_that_is_indexed_as_usual(target: str) -> None:
    kernel = stencil(weighed, mode="wrap", standard_indexing="w", target=target)
    w = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    a = numbers(1, (5,), float)
    want = np.roll(a, 1) * 1.0 + np.roll(a, -1) * 2.0
    kernel(a, w, out=w)
    np.testing.assert_array_equal(w, want)


def within(pair_of, n, a):
    return a[-1] + a[1] + pair_of[0][n]


def test_out_overlaps_an_array_in_a_tuple(target: str) -> None:
    kernel = stencil(within, mode="wrap", target=target)
    w = np.arange(5.0)
    a = numbers(1, (5,), float)
    want = np.roll(a, 1) + np.roll(a, -1) + 2.0
    kernel((w, 1), 2, a, out=w)
    np.testing.assert_array_equal(w, want)


@pytest.mark.parametrize("step", [0, 8])
def test_cells_of_out_that_lie_in_one_place(step: int, target: str) -> None:
    """Each cell of such an array has the value of one that is computed for it."""
    out = np.lib.stride_tricks.as_strided(np.zeros(20), (6, 9), (step, 8), writeable=True)
    array = numbers(1, (6, 9), float)
    made("wrap", target)(array, out=out)
    want = right(array, "wrap")
    for place in np.ndindex(out.shape):
        assert out[place] in want


def test_out_in_jitted_functions() -> None:
    kernel = made("nearest")

    @njit
    def moved(a):
        kernel(a[:-1, 1:], out=a[1:, :-1])
        return kernel(a, out=a)

    array = numbers(1, (7, 7), float)
    want = array.copy()
    want[1:, :-1] = right(want[:-1, 1:], "nearest")
    want = right(want, "nearest")
    got = moved(array)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(array, want)


def test_a_kernel_that_raises_leaves_no_memory_behind(target: str) -> None:
    """Cells before it may have been written."""

    @stencil(target=target)
    def checked(a):
        if a[0] < 0:
            raise ValueError("below zero")
        return a[-1]

    out = np.zeros(5)
    with pytest.raises(ValueError, match="below zero"):
        checked(np.array([1.0, 2.0, -1.0, 4.0, 5.0]), out=out)
    assert np.isfinite(out).all()
