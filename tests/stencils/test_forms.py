"""The ways to write a stencil, and what its kernel may use."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from asserting import not_below_zero

import kernelgen
from kernelgen import guvectorize, jit, njit, stencil, vectorize

A = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
GRID = np.arange(30.0).reshape(5, 6) ** 1.5


def equal(got: Any, want: Any) -> None:
    np.testing.assert_array_equal(got, want)
    assert np.asarray(got).dtype == np.asarray(want).dtype


def around(a: np.ndarray, offset: int, cval: Any = 0) -> np.ndarray:
    """The elements at an offset from each, a constant where there is none."""
    places = np.arange(len(a)) + offset
    inside = (places >= 0) & (places < len(a))
    return np.where(inside, a[np.clip(places, 0, len(a) - 1)], a.dtype.type(cval))


# ----------------------------------------------------------------------------- the decorator


def left(a):
    return a[-1]


@pytest.mark.parametrize(
    "make",
    [
        lambda on: stencil(left, **on),
        lambda on: stencil(**on)(left),
        lambda on: stencil("constant", **on)(left),
        lambda on: stencil(func_or_mode="constant", **on)(left),
        lambda on: stencil(func_or_mode=left, **on),
        lambda on: stencil(mode="constant", **on)(left),
        lambda on: stencil(left, mode="constant", **on),
        lambda on: stencil(left, mode=["constant"], **on),
        lambda on: stencil(left, mode=(("constant", "wrap"),), **on),
        lambda on: stencil(left, neighborhood=((-1, 1),), **on),
        lambda on: stencil(left, neighborhood=[[-3, 0]], **on),
        lambda on: stencil(left, neighborhood=np.array([[-2, 2]]), **on),
        lambda on: stencil(left, cval=0.0, **on),
        lambda on: stencil(left, standard_indexing=None, **on),
        lambda on: stencil(left, nopython=True, nogil=True, cache=True, inline="always", **on),
        lambda on: stencil(njit(left), **on),
        lambda on: kernelgen.stencil(left, boundscheck=True, precise=True, fastmath=True, **on),
    ],
)
def test_decorator(make: Any, target: str) -> None:
    equal(make({"target": target})(A), around(A, -1))


def test_threads_share_the_cells() -> None:
    equal(stencil(left, target="parallel")(A), around(A, -1))


@pytest.mark.parametrize("names", ["w", ["w"], ("w",), {"w"}, ["w", "unused"]])
def test_standard_indexing(names: Any, target: str) -> None:
    def weighed(a, w, unused):
        return a[-1] * w[0] + a[0] * w[len(w) - 1]

    made = stencil(weighed, standard_indexing=names, target=target)
    w = np.array([2.0, 5.0, 3.0])
    equal(made(A, w, A), around(A, -1) * 2 + A * 3)


def test_arrays_indexed_as_usual_of_other_shapes(target: str) -> None:
    @stencil(standard_indexing=("table", "record"), mode="nearest", target=target)
    def looked_up(a, table, record):
        i = int(a[0]) % table.shape[0]
        return table[i, -1] + a[1] + record["x"][1] + table[:, 0].sum()

    table = np.arange(6.0).reshape(3, 2)
    record = np.zeros(3, [("x", "f4")])
    record["x"] = [1, 2, 3]
    want = table[A.astype(int) % 3, -1] + np.append(A[1:], A[-1]) + 2 + 6
    equal(looked_up(A, table, record), want)


def test_lists_are_no_grids(target: str) -> None:
    @stencil(target=target)
    def with_tuple(a, w):
        return a[-1] * w[0] + a[1] * w[1]

    equal(with_tuple(A, (2.0, 3)), around(A, -1) * 2.0 + around(A, 1) * 3)


# ------------------------------------------------------------------------------------- offsets

REACH = 2
OFFSETS = (-2, 0, 1)
TABLE = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
WEIGHTS = np.array([0.25, 0.5, 0.25])


def test_offsets_that_are_computed(target: str) -> None:
    @stencil(neighborhood=((-2, 3),), target=target)
    def there(a, n):
        return a[n]

    for n in range(-2, 4):
        equal(there(A, n), around(A, n))
        equal(there(A, np.int8(n)), around(A, n))
    for n in (-3, 4, 2**40, -(2**63)):
        with pytest.raises(
            IndexError, match=rf"offset {n} is outside of the neighborhood \(-2, 3\)"
        ):
            there(A, n)
    equal(there(A[:0], 99), A[:0])


def test_offsets_that_data_says(target: str) -> None:
    @stencil(neighborhood=((-1, 1), (0, 2)), mode="wrap", standard_indexing="steps", target=target)
    def walked(a, steps):
        s = a[0, 0] * 0
        for i in range(len(steps)):
            s += a[steps[i, 0], steps[i, 1]]
        return s

    steps = np.array([[-1, 0], [1, 2], [0, 1]])
    want = sum(np.roll(GRID, -step, (0, 1)) for step in steps)
    np.testing.assert_allclose(walked(GRID, steps), want, rtol=1e-15)
    with pytest.raises(IndexError, match=r"offset 3 .* of axis 1"):
        walked(GRID, np.array([[0, 3]]))
    with pytest.raises(IndexError, match=r"offset -2 .* of axis 0"):
        walked(np.asfortranarray(GRID), np.array([[-2, 0]]))


def test_loops_over_constants(target: str) -> None:
    inner = 1

    @stencil(target=target)
    def literal(a):
        s = 0.0
        for i in range(-2, 2):
            s += a[i]
        return s

    @stencil(target=target)
    def of_global(a):
        s = 0.0
        for i in range(-REACH, REACH):
            s += a[i]
        return s

    @stencil(target=target)
    def of_closure(a):
        s = 0.0
        for i in range(-inner - 1, 2 * inner):
            s += a[i]
        return s

    @stencil(target=target)
    def listed(a):
        s = 0.0
        for i in (-2, -1, 0, 1):
            s += a[i]
        return s

    @stencil(target=target)
    def generated(a):
        return sum(a[i] for i in range(-2, 2))

    @stencil(target=target)
    def stepped(a):
        s = 0.0
        for i in range(-2, 2, 2):
            s += a[i] + a[i + 1]
        return s

    want = around(A, -2) + around(A, -1) + A + around(A, 1)
    for made in (literal, of_global, of_closure, listed, generated, stepped):
        equal(made(A), want)


def test_loops_over_tables(target: str) -> None:
    @stencil(target=target)
    def of_tuple(a):
        s = 0.0
        for i, o in enumerate(OFFSETS):
            s += a[o] * WEIGHTS[i]
        return s

    want = around(A, -2) * 0.25 + A * 0.5 + around(A, 1) * 0.25
    equal(of_tuple(A), want)

    @stencil(target=target)
    def zipped(a):
        s = 0.0
        for o, w in zip(OFFSETS, (0.25, 0.5, 0.25)):
            s += a[o] * w
        return s

    equal(zipped(A), want)

    @stencil(mode="wrap", target=target)
    def of_array(a):
        s = 0.0
        for k in range(4):
            s += a[TABLE[k, 0], TABLE[k, 1]]
        return s

    want = sum(np.roll(GRID, -step, (0, 1)) for step in TABLE)
    equal(of_array(GRID), want)


PLACES = ((-1, 0), (1, 0), (0, 1))
PLACES_TABLE = np.array(PLACES)
FACTORS = np.array([2.0, 3.0, 5.0])


def test_loops_that_count_and_zip(target: str) -> None:
    """What they go over is written out with them."""

    def counted(a):
        s = 0.0
        for n, o in enumerate(range(-1, 2)):
            s += FACTORS[n] * a[o]
        return s

    def zipped(a):
        s = 0.0
        for o, w in zip(range(-1, 2), FACTORS):
            s += w * a[o]
        return s

    def generated(a):
        return sum(w * a[o] for o, w in zip((-1, 0, 1), FACTORS))

    want = np.roll(A, 1) * 2 + A * 3 + np.roll(A, -1) * 5
    for kernel in (counted, zipped, generated):
        equal(stencil(kernel, mode="wrap", target=target)(A), want)

    def pairs(a):
        s = 0.0
        for (i, j), w in zip(PLACES, FACTORS):
            s += a[i, j] * w
        return s

    def offsets(a):
        return sum([w * a[o] for o, w in zip(PLACES, FACTORS)])

    def rows(a):
        s = 0.0
        for n, (i, j) in enumerate(PLACES_TABLE):
            s += a[i, j] * FACTORS[n]
        return s

    want = sum(np.roll(GRID, (-i, -j), (0, 1)) * w for (i, j), w in zip(PLACES, FACTORS))
    for kernel in (pairs, offsets, rows):
        np.testing.assert_allclose(
            stencil(kernel, mode="wrap", target=target)(GRID), want, rtol=1e-13
        )


def test_loops_that_end_early(target: str) -> None:
    @stencil(mode="wrap", target=target)
    def first_above(a):
        for i in range(-1, 2):
            if a[i] > 3:
                break
        else:
            return -1.0
        return a[i] * 10 + i

    l, r = np.roll(A, 1), np.roll(A, -1)
    want = np.select([l > 3, A > 3, r > 3], [l * 10 - 1, A * 10, r * 10 + 1], -1.0)
    equal(first_above(A), want)

    @stencil(mode="wrap", target=target)
    def returned(a):
        for n, i in enumerate(range(-1, 2)):
            if a[i] > 3:
                return a[i] * 10 + n - 1
        return -1.0

    equal(returned(A), want)


def test_nested_loops(target: str) -> None:
    @stencil(mode="wrap", target=target)
    def box(a):
        s = 0.0
        for i in range(-1, 2):
            for j in range(-1, 2):
                if i != 0 or j != 0:
                    s += a[i, j]
        return s

    places = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    equal(box(GRID), sum(np.roll(GRID, (-i, -j), (0, 1)) for i, j in places))


def test_helpers_that_are_given_the_window(target: str) -> None:
    def pair(b, i):
        return b[-i] + b[i]

    def both(b):
        return pair(b, 1), pair(b, 2)

    @njit
    def jitted(b, i):
        return b[i] * 2

    @stencil(mode="wrap", target=target)
    def with_helpers(a):
        near, wide = both(a)
        return near * 2 + wide + jitted(a, 0)

    want = (np.roll(A, 1) + np.roll(A, -1)) * 2 + (np.roll(A, 2) + np.roll(A, -2)) + A * 2
    equal(with_helpers(A), want)


def test_another_name_of_the_window(target: str) -> None:
    @stencil(target=target)
    def renamed(a):
        b = a
        return b[-1]

    equal(renamed(A), around(A, -1))


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("mode", ["wrap", "valid"])
def test_shapes(order: str, mode: str, target: str) -> None:
    @stencil(mode=mode, target=target)
    def asked(a, b):
        sizes = a.shape[0] * 100 + a.shape[1] * 10 + len(a) + a.size
        return a[0, 1] * a.dtype.type(2), sizes + b.ndim * b.itemsize + b[-1, 0]

    b = np.ones((5, 6), "i8")
    twice, sizes = asked(np.asarray(GRID, "f4", order=order), b)
    want = (
        np.roll(GRID.astype("f4"), -1, 1) * np.float32(2),
        np.full((5, 6), 500 + 60 + 5 + 30 + 16 + 1),
    )
    part = (slice(1, None), slice(None, -1)) if mode == "valid" else ()
    equal(twice, want[0][part])
    equal(sizes, want[1][part])


# -------------------------------------------------------------------------------------- slices


def windows(a: np.ndarray, halo: Any, mode: str = "edge") -> np.ndarray:
    """What is around each cell, in axes of its own."""
    padded = np.pad(a, [(-low, high) for low, high in halo], mode)
    return np.lib.stride_tricks.sliding_window_view(padded, [h - l + 1 for l, h in halo])


def test_slices(target: str) -> None:
    @stencil(mode="nearest", target=target)
    def sums(a):
        return a[-1:2].sum()

    equal(sums(A), windows(A, [(-1, 1)]).sum(-1))

    @stencil(mode="nearest", target=target)
    def parts(a):
        w = a[-2:3:2]
        back = a[2:-3:-1]
        return w[0] + 10 * w[1] + 100 * w[2] + 1000 * back[0] + w.size + len(back)

    v = windows(A, [(-2, 2)])
    equal(parts(A), v[:, 0] + 10 * v[:, 2] + 100 * v[:, 4] + 1000 * v[:, 4] + 3 + 5)

    @stencil(mode="nearest")
    def arithmetic(a):
        return ((a[-1:2] - a[0]) * np.array([1.0, 2.0, 3.0])).max()

    equal(arithmetic(A), ((windows(A, [(-1, 1)]) - A[:, None]) * [1.0, 2, 3]).max(-1))


def test_slices_of_the_neighborhood(target: str) -> None:
    @stencil(mode="nearest", neighborhood=((-1, 2),), target=target)
    def weighed(a):
        whole, back = a[:], a[::-1]
        return (
            whole[0] + 10 * whole[3] + 100 * back[0] + 1000 * a[0:][1] + 1e4 * a[:1][0] + len(whole)
        )

    v = windows(A, [(-1, 2)])
    want = v[:, 0] + 10 * v[:, 3] + 100 * v[:, 3] + 1000 * v[:, 2] + 1e4 * v[:, 0] + 4
    equal(weighed(A), want)


@pytest.mark.parametrize("order", "CF")
def test_slices_of_planes(order: str, target: str) -> None:
    a = np.asarray(GRID, order=order)
    v = windows(GRID, [(-1, 1), (-2, 1)])

    @stencil(mode="nearest", target=target)
    def block(a):
        w = a[-1:2, -2:2]
        return w[0, 0] + 10 * w[0, 3] + 100 * w[2, 0] + w.shape[0] * 1000 + w.shape[1]

    equal(block(a), v[..., 0, 0] + 10 * v[..., 0, 3] + 100 * v[..., 2, 0] + 3004)

    @stencil(mode="nearest")
    def mixed(a):
        return a[-1, -2:2].max() - a[1:-2:-1, 1].min() + np.median(a[-1:2, -1:2])

    want = v[..., 0, :].max(-1) - v[..., :, 3].min(-1)
    np.testing.assert_array_equal(mixed(a), want + np.median(v[..., 1:], (-2, -1)))

    @stencil(mode="nearest", neighborhood=((-1, 1), (-2, 1)), target=target)
    def whole(a):
        return a[:, :].sum() + a[::2, ::-1][1, 0]

    np.testing.assert_allclose(whole(a), v.sum((-2, -1)) + v[..., 2, 3], rtol=1e-14)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("mode", ["edge", "wrap"])
def test_large_slices(order: str, mode: str) -> None:
    @stencil(mode={"edge": "nearest"}.get(mode, mode))
    def block(a):
        w = a[-12:13, 14:-15:-2]
        w[0, 0] += 1
        return w.sum() + 1e3 * w[2, 1] + a[-1, 0], len(w), w.shape[1], a[3, -160:160].max()

    array = np.asarray(GRID, order=order).round()
    v = windows(array, [(-12, 12), (-14, 14)], mode)[..., ::-2]
    total, length, width, top = block(array)
    above = windows(array, [(-1, 0), (0, 0)], mode)[..., 0, 0]
    equal(total, v.sum((-2, -1)) + 1 + 1e3 * v[..., 2, 1] + above)
    assert (length == 25).all() and (width == 15).all()
    row = windows(array, [(0, 3), (0, 0)], mode)[..., 3, 0].max(1, keepdims=True)
    equal(top, np.broadcast_to(row, array.shape))


def test_far_offsets() -> None:
    """What is read around the ends of rows is more than the stack holds."""

    @stencil(mode="wrap")
    def far(a):
        return a[0, 300_007] - a[0, -200_001]

    want = np.roll(GRID, -300_007, 1) - np.roll(GRID, 200_001, 1)
    equal(far(GRID), want)


def test_a_slice_is_a_copy_to_write_to(target: str) -> None:
    @stencil(mode="nearest", target=target)
    def changed(a):
        w = a[-1:2]
        w[0] = 7
        return w.sum() + a[-1]

    array = A.copy()
    v = windows(A, [(-1, 1)]).copy()
    first = v[:, 0].copy()
    v[:, 0] = 7
    equal(changed(array), v.sum(-1) + first)
    equal(array, A)


# ------------------------------------------------------------------------ arguments and results


Pair = namedtuple("Pair", "low high")


def test_several_results(target: str) -> None:
    @stencil(target=target)
    def several(a, b):
        return a[-1] + b[1], a[0] > b[0], 3, int(b[0])

    b = np.array([1, 2, 3, 4, 5, 6], np.int32)
    got = several(A, b)
    assert isinstance(got, tuple)
    want = around(A, -1) + around(b, 1), A > b, np.full(6, 3), b.astype(int)
    assert len(got) == 4
    for g, w in zip(got, want):
        equal(g, w)


def test_a_tuple_of_one(target: str) -> None:
    @stencil(target=target)
    def one(a):
        return (a[-1],)

    (got,) = one(A)
    equal(got, around(A, -1))
    out = np.zeros(6)
    assert one(A, out=(out,))[0] is out
    equal(out, around(A, -1))


@pytest.mark.parametrize("value", [2, 2.5, np.float32(2.5), True, np.int8(2), 2j, np.float64(2)])
def test_scalars(value: Any, target: str) -> None:
    @stencil(target=target)
    def scaled(a, factor):
        return a[-1] * factor

    for array in (A, A.astype("f4"), A.astype("i4")):
        if isinstance(value, complex) and array.dtype.kind == "i":
            continue
        equal(scaled(array, value), around(array, -1) * value)


def test_arguments_by_name_and_by_default(target: str) -> None:
    @stencil(target=target)
    def line(a, factor=2.0, shift=1):
        return a[-1] * factor + shift

    want = around(A, -1)
    equal(line(A), want * 2 + 1)
    equal(line(A, shift=0), want * 2)
    equal(line(factor=3.0, a=A), want * 3 + 1)
    out = np.zeros(6)
    assert line(A, 1.0, 5, out=out) is out
    equal(out, want + 5)
    assert line(A, 1.0, 5, out) is out
    for args, options in [((), {}), ((A, 1, 2, out, 4), {}), ((A,), {"c": 1}), ((A,), {"a": A})]:
        with pytest.raises(TypeError):
            line(*args, **options)


def test_other_arguments(target: str) -> None:
    @stencil(mode="valid", target=target)
    def all_kinds(a, nested, name, nothing, f, functions, pair):
        x = a[-1] * nested[0] + nested[1][1]
        if nothing is None and isinstance(name, str):
            x *= 2
        return f(x) + nested[1][0] + functions[1](functions[0][0], x) + pair.high

    @njit
    def more(x):
        return x + 1

    given = A, (2.0, (1, 0.5)), "twice", None, more, ((3,), max), Pair(4, 5.0)
    x = (A[:-1] * 2 + 0.5) * 2
    want = x + 1 + 1 + np.maximum(x, 3) + 5.0
    equal(all_kinds(*given), want)
    equal(all_kinds.iterate(*given[:1], 1, *given[1:]), want)
    with pytest.raises(TypeError, match="Python int cannot be called"):
        all_kinds(A, (2.0, (1, 0.5)), "twice", None, 3, ((3,), max), Pair(4, 5.0))
    if target == "cuda":
        return
    equal(all_kinds.kernel(*given, None), want)

    @njit
    def inside(a, f):
        return all_kinds(a, (2.0, (1, 0.5)), "twice", None, f, ((3,), max), Pair(4, 5.0))

    equal(inside(A, more), want)


@pytest.mark.parametrize("dtype", ["f4", np.float32, "i8", "?", np.dtype("c16"), int, "f2"])
def test_dtype(dtype: Any, target: str) -> None:
    @stencil(dtype=dtype, target=target)
    def line(a):
        return a[-1] * 2

    with np.errstate(all="ignore"):
        equal(line(A), (around(A, -1) * 2).astype(dtype))


def test_dtypes(target: str) -> None:
    def both(a):
        return a[-1], a[1] * 2

    want = around(A, -1), around(A, 1) * 2
    for dtypes in (["f4", "i4"], ("f4",), ["c8", bool]):
        got = stencil(both, dtype=dtypes, target=target)(A)
        for g, w, t in zip(got, want, [*dtypes, *dtypes]):
            equal(g, w.astype(t))
    with pytest.raises(TypeError, match="returns 2 values, dtype= of the stencil has 3"):
        stencil(both, dtype=["f4"] * 3, target=target)(A)


# ---------------------------------------------------------------------------- what kernels use

MATRIX = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def test_constants(target: str) -> None:
    scale = 0.5

    @stencil(mode="wrap", target=target)
    def laplace(a):
        s = 0.0
        for i in range(-1, 2):
            for j in range(-1, 2):
                s += a[i, j] * MATRIX[i + 1, j + 1]
        return s * scale + math.pi

    want = sum(np.roll(GRID, s, (0, 1)) for s in [(1, 0), (-1, 0), (0, 1), (0, -1)]) - 4 * GRID
    np.testing.assert_allclose(laplace(GRID), want * 0.5 + math.pi, rtol=1e-13)


def test_control_flow(target: str) -> None:
    @stencil(target=target)
    def odd(a):
        x = a[0]
        n = 0
        while x > 1:
            x /= 2
            n += 1
            if n > 2:
                break
        else:
            return -1.0
        match n:
            case 3:
                return a[-1]
            case _:
                return a[1]

    left, right = around(A, -1), around(A, 1)
    want = [(-1.0 if a <= 4 else l) for a, l, r in zip(A, left, right)]
    equal(odd(A), np.array(want))


def test_raising(target: str) -> None:
    @stencil(target=target)
    def checked(a, limit):
        if a[0] > limit:
            raise ValueError(f"{a[0]} is above {limit}")
        return not_below_zero(a)

    equal(checked(A, 10), around(A, -1))
    with pytest.raises(ValueError, match=r"^5\.0 is above 4$"):
        checked(A, 4)
    with pytest.raises(AssertionError, match="below zero"):
        checked(-A, 10)
    error = ValueError if target == "cpu" else TypeError
    with pytest.raises(error, match=r"^9\.0 is above 8$|'checked' cannot be called in a kernel"):
        njit(lambda a: checked(a, 8).sum())(A)


def test_error_model(target: str) -> None:
    def ratio(a):
        return a[1] / a[0]

    def remainder(a):
        return 7 % a[0]

    with np.errstate(all="ignore"):
        equal(stencil(ratio, target=target)(np.array([0.0, 2])), np.array([np.inf, 0]))
    assert stencil(remainder, target=target)(np.array([0, 2])).tolist() == [0, 1]
    for kernel, array in ((ratio, np.array([0.0, 2])), (remainder, np.array([0, 2]))):
        with pytest.raises(ZeroDivisionError):
            stencil(kernel, error_model="python", target=target)(array)


def test_fastmath(target: str) -> None:
    @stencil(mode="wrap", fastmath=True, target=target)
    def smooth(a):
        return (a[-1] + a[0] + a[1]) / 3

    want = (np.roll(A, 1) + A + np.roll(A, -1)) / 3
    np.testing.assert_allclose(smooth(A), want, rtol=1e-14)


def test_functions_inside() -> None:
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    @vectorize
    def clipped(x, top):
        return min(x, top)

    @guvectorize("(n)->()")
    def total(x, out):
        s = 0.0
        for i in range(len(x)):
            s += x[i]
        out[0] = s

    @jit
    def mean(x, y):
        return (x + y) / 2

    @stencil(mode="nearest")
    def all_of_them(a):
        return (
            power(a[-1], 3)
            + clipped(a[1], 4.0)
            + total(a[-1:2])
            + mean(a[0], a[-1])
            + np.hypot(a[0], 1)
        )

    l, r = np.append(A[0], A[:-1]), np.append(A[1:], A[-1])
    want = l * (l * (l * 1.0)) + np.minimum(r, 4) + (0.0 + l + A + r) + (A + l) / 2 + np.hypot(A, 1)
    np.testing.assert_allclose(all_of_them(A), want, rtol=1e-14)


def test_nothing_of_the_cell_is_read(target: str) -> None:
    @stencil(target=target)
    def constant(a):
        return 1.5

    equal(constant(A), np.full(6, 1.5))


def test_random_numbers_and_arrays_in_kernels() -> None:
    @stencil
    def sorted_middle(a):
        w = np.empty(3)
        for i in range(-1, 2):
            w[i + 1] = a[i]
        w.sort()
        return w[1]

    equal(sorted_middle(A), np.median([around(A, -1), A, around(A, 1)], axis=0))


# ------------------------------------------------------------------------------ stencils inside


@stencil(mode="wrap")
def smoothed(a, factor=0.5):
    return (a[-1] + a[1]) * factor


def test_inside_jitted_functions() -> None:
    @njit
    def twice(a):
        b = smoothed(a)
        c = np.empty_like(a)
        d = smoothed(b, out=c, factor=0.25)
        return d, c, smoothed(a[1:4], 1.0), smoothed(a=a).sum()

    once = (np.roll(A, 1) + np.roll(A, -1)) * 0.5
    want = (np.roll(once, 1) + np.roll(once, -1)) * 0.25
    part = A[1:4]
    d, c, e, total = twice(A)
    equal(d, want)
    equal(c, want)
    equal(e, np.roll(part, 1) + np.roll(part, -1))
    assert total == pytest.approx(once.sum())

    @njit
    def many(a, steps):
        b = np.empty_like(a)
        for _ in range(steps):
            smoothed(a, out=b)
            a, b = b, a
        return a

    want = A
    for _ in range(5):
        want = (np.roll(want, 1) + np.roll(want, -1)) * 0.5
    equal(many(A.copy(), 5), want)


def test_inside_jitted_functions_tuples_and_expressions() -> None:
    @stencil(mode="nearest")
    def ends(a):
        return a[-1], a[1]

    @njit
    def spread(a):
        low, high = ends(a * 2)
        return (high - low) / 2, ends(a)[1][0]

    l, r = np.append(A[0], A[:-1]), np.append(A[1:], A[-1])
    got, first = spread(A)
    equal(got, (r * 2 - l * 2) / 2)
    assert first == 1.0


def test_inside_gufuncs() -> None:
    @guvectorize("(n)->(n)")
    def rows(a, out):
        smoothed(a, out=out)

    equal(rows(GRID), (np.roll(GRID, 1, 1) + np.roll(GRID, -1, 1)) * 0.5)

    @guvectorize("(n)->()")
    def roughness(a, out):
        out[0] = np.abs(smoothed(a) - a).sum()

    want = np.abs((np.roll(GRID, 1, 1) + np.roll(GRID, -1, 1)) * 0.5 - GRID).sum(1)
    np.testing.assert_allclose(roughness(GRID), want, rtol=1e-14)


def test_an_argument_of_jitted_functions() -> None:
    @njit
    def applied(f, a):
        return f(a) + 1

    equal(applied(smoothed, A), (np.roll(A, 1) + np.roll(A, -1)) * 0.5 + 1)


# --------------------------------------------------------------------------------- other types


def test_longdouble() -> None:
    @stencil(mode="wrap", cval=1)
    def third(a):
        return a[-1] / 3 + a[1]

    for dtype in ("g", "G"):
        array = A.astype(dtype)
        equal(third(array), np.roll(array, 1) / 3 + np.roll(array, -1))


def test_dates(target: str) -> None:
    @stencil(mode="nearest", target=target)
    def gaps(t):
        return t[1] - t[0], t[0] + np.timedelta64(1, "D"), np.isnat(t[-1])

    days = np.array(["2024-01-01", "2024-01-05", "NaT", "2024-02-01"], "M8[D]")
    gap, later, missing = gaps(days)
    equal(gap, np.array([4, "NaT", "NaT", 0], "m8[D]"))
    equal(later, days + np.timedelta64(1, "D"))
    equal(missing, np.array([False, False, False, True]))


def test_two_dates_arrays_of_two_units(target: str) -> None:
    @stencil(mode="wrap", target=target)
    def difference(t, u):
        return t[0] - u[1]

    t = np.array(["2024-01-01", "2024-01-05"], "M8[D]")
    u = np.array(["2024-01-01T05", "2024-01-02T06"], "M8[h]")
    equal(difference(t, u), t - np.roll(u, -1))


def test_arrays_of_several_types(target: str) -> None:
    @stencil(mode="reflect", target=target)
    def mixed(a, b, c):
        return a[-1] * b[0] + c[1]

    a, b, c = A.astype("f4"), A.astype("u1"), A.astype("c8")
    l, r = np.append(a[0], a[:-1]), np.append(c[1:], c[-1])
    equal(mixed(a, b, c), l * b + r)


def test_parameters_may_have_any_names():
    @stencil(mode="wrap", standard_indexing=("kernel", "kernel_"))
    def moved(a, kernel, kernel_, steps, call, bind=2.0):
        return a[-1, 0] * kernel[0] + a[0, 0] * kernel_[1] + steps - call + bind

    a, weights = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0])
    right = np.roll(a, 1, 0) + 2 * a + 1.0 - 0.5 + 2.0
    assert np.array_equal(moved(a, weights, weights, 1.0, 0.5), right)
    assert np.array_equal(moved(a, kernel_=weights, kernel=weights, call=0.5, steps=1.0), right)
    out = np.empty((3, 2))
    moved.kernel.steps(a, weights, weights, 1.0, 0.5, 2.0, 2, out)
    assert np.array_equal(out, moved(right, weights, weights, 1.0, 0.5))
