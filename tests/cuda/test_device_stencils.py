"""`stencil(target="cuda")` against the stencils of the processor."""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laid_out import Foreign, arrays, placed, same, views

from kernelgen import TypingError, UnsupportedError, cuda, njit, stencil
from kernelgen.rewrites import grid_cells

sys.path.insert(0, str(Path(__file__).parents[1] / "stencils"))
from lying import LAYOUTS, numbers

pytestmark = pytest.mark.any_python


@pytest.fixture(params=[False, True], ids=["emulator", "checked"])
def either(request: pytest.FixtureRequest, unoptimised: None) -> Any:
    """On an emulator, and on one that looks for races."""
    with cuda.emulator(checked=request.param):
        yield


def line(a):
    return a[-3] * 2 - a[-1] + 3 * a[0] - a[2]


def plane(a):
    return a[-2, 1] + 2 * a[0, -1] - a[0, 0] * 3 + a[1, 3]


def block(a):
    return a[-1, 0, 2] - 2 * a[0, 1, 0] + a[0, 0, 0] + 3 * a[2, -1, -1]


def of_four(a):
    return a[-1, 0, 0, 1] - 2 * a[0, 1, 0, 0] + a[0, 0, -1, 0] + 3 * a[1, -1, 0, -2]


KERNELS = {1: line, 2: plane, 3: block, 4: of_four}
MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "valid")
MIXED = (
    (("constant", "wrap"),),
    (("valid", "mirror"),),
    ("wrap", ("nearest", "constant")),
    (("reflect", "valid"), "mirror"),
    ("constant", "valid"),
    ("constant", ("valid", "nearest"), "reflect"),
    (("wrap", "constant"), "mirror", ("nearest", "valid")),
    ("wrap", ("mirror", "constant"), "valid", "nearest"),
)
COMBINATIONS = [(n, mode) for n in (1, 2, 3) for mode in MODES]
COMBINATIONS += [(4, "mirror"), (4, "constant"), *((len(mode), mode) for mode in MIXED)]
SHAPES = {
    1: [(0,), (1,), (2,), (5,), (255,), (256,), (257,), (700,)],
    2: [(0, 3), (3, 0), (1, 1), (2, 5), (8, 32), (9, 33), (7, 65), (41, 3)],
    3: [(0, 2, 2), (1, 1, 1), (2, 4, 32), (3, 5, 33), (7, 2, 40)],
    4: [(0, 2, 2, 2), (1, 1, 1, 1), (2, 3, 5, 33), (3, 2, 9, 4)],
}
"""Around the sizes of tiles."""


@cache
def on(target: str, function: Any, **options: Any) -> Any:
    return stencil(function, target=target, **options)


def check(function: Any, *args: Any, **options: Any) -> None:
    """Compare with the processor, with arrays here and there."""
    want = on("cpu", function, **options)(*args)
    made = on("cuda", function, **options)
    same(made(*args), want)
    there = [placed(a) if isinstance(a, np.ndarray) else a for a in args]
    got = made(*there)
    assert isinstance(got[0] if isinstance(got, tuple) else got, cuda.DeviceArray)
    same(got, want)


# ---------------------------------------------------------------------------- modes and shapes


@pytest.mark.parametrize("ndim, mode", COMBINATIONS)
def test_modes(ndim: int, mode: Any, emulated: None) -> None:
    for shape in SHAPES[ndim]:
        array = numbers(1, shape, float)
        want = on("cpu", KERNELS[ndim], mode=mode, cval=7.5)(array)
        same(on("cuda", KERNELS[ndim], mode=mode, cval=7.5)(array), want)


@pytest.mark.parametrize("layout", LAYOUTS[3])
def test_layouts(layout: str, emulated: None) -> None:
    for shape in SHAPES[3][:-1]:
        check(block, LAYOUTS[3][layout](numbers(1, shape, float)), mode="reflect")


def test_results_are_ordered_as_the_arrays(emulated: None) -> None:
    array = numbers(0, (5, 6), float)
    made = on("cuda", plane, mode="wrap")
    assert made(placed(array)).flags.c_contiguous
    assert made(placed(np.asfortranarray(array))).flags.f_contiguous
    assert made(np.asfortranarray(array)).flags.f_contiguous


@pytest.mark.parametrize(
    "ndim, mode", [(1, "mirror"), (2, MIXED[2]), (2, "valid"), (3, "constant")]
)
def test_no_races(ndim: int, mode: Any, unoptimised: None) -> None:
    with cuda.emulator(checked=True):
        for shape in SHAPES[ndim]:
            check(KERNELS[ndim], numbers(1, shape, float), mode=mode, cval=2)


def test_more_tiles_than_blocks(either: None) -> None:
    check(line, numbers(1, (40_000,), float), mode="wrap")


@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "u1", "c8", "?"])
def test_dtypes(dtype: str, emulated: None) -> None:
    def around(a):
        return a[0, -1] if a[0, 0] != 0 else a[1, 0]

    check(around, numbers(1, (9, 35), dtype), mode="nearest")
    if dtype != "?":
        check(plane, numbers(1, (9, 35), dtype), cval=3)


def test_bytes_in_another_order(emulated: None) -> None:
    array = numbers(1, (9, 35), float)
    same(on("cuda", plane)(array.astype(">f8")), on("cpu", plane)(array))


def test_times(emulated: None) -> None:
    def steps(a):
        return a[1] - a[-1], a[0]

    days = numbers(0, (300,), "i8").astype("M8[D]")
    days[4] = "NaT"
    check(steps, days, mode="wrap")


# ------------------------------------------------------------------------------- other kernels


def of_two(a, b):
    return a[-2, 1] * b[1, 0] - b[0, -1], a[0, 0] > b[1, 1]


def weighed(a, w):
    s = 0.0
    for i in range(-1, 2):
        for j in range(-2, 1):
            s += a[i, j] * w[i + 1, j + 2]
    return s


def sliced(a):
    return a[-1:2, ::-1].sum() + a[0, -1:].max()


def computed(a, n):
    return a[n, -n] + a[0, 1]


def asked(a):
    return a[0, 1] + a.shape[0] * len(a) + a.size * a.ndim


def behind_only(a):
    return a[-2, -1] - a[-1, 0]


def nothing_around(a):
    return a[0, 0] * 2 + 1


SIZES = [(1, 1), (5, 6), (17, 40)]


@pytest.mark.parametrize("mode", ["wrap", "constant", "valid", MIXED[3]])
def test_other_kernels(mode: Any, either: None) -> None:
    for shape in SIZES:
        a = numbers(2, shape, float)
        check(of_two, a, numbers(4, shape, "i4"), mode=mode)
        check(weighed, a, numbers(3, (3, 3), float), mode=mode, standard_indexing="w")
        check(sliced, a, mode=mode, neighborhood=((-1, 1), (-2, 0)))
        for n in (-1, 2):
            check(computed, a, n, mode=mode, neighborhood=((-1, 2), (-2, 1)))


@pytest.mark.parametrize("kernel", [asked, behind_only, nothing_around])
def test_kernels_that_read_little(kernel: Any, emulated: None) -> None:
    for mode, shape in itertools.product(("mirror", "valid"), SIZES):
        check(kernel, numbers(2, shape, float), mode=mode)


def test_windows_in_several_orders(emulated: None) -> None:
    a, b = numbers(1, (9, 40), float), np.asfortranarray(numbers(2, (9, 40), "i4"))
    for first, second in [(a, b), (b, a), (b, b[:, ::-1])]:
        check(of_two, first, second, mode="reflect")


def far(a):
    return a[-60, 0] + a[0, 90] - a[0, 0]


def widely(a):
    return a[-700] - a[900]


def far_in_three(a):
    return a[-30, 0, 0] + a[0, 20, 10]


@pytest.mark.parametrize("mode", ["constant", "wrap", "mirror", "valid"])
def test_what_is_too_large_for_shared_memory(mode: str, either: None) -> None:
    """Elements are read where they are."""
    for shape in (3, 5), (70, 95):
        check(far, numbers(1, shape, float), mode=mode, cval=1.5)
    check(far_in_three, numbers(1, (5, 6, 7), float), mode=mode, cval=1.5)


def test_tiles_of_several_sizes(monkeypatch: pytest.MonkeyPatch, emulated: None) -> None:
    want = [on("cpu", KERNELS[n], mode="wrap")(numbers(1, SHAPES[n][-1], float)) for n in (1, 2, 3)]
    for room in (0, 1 << 20):
        monkeypatch.setattr(grid_cells, "_SHARED", room)
        for n in (1, 2, 3):
            made = stencil(KERNELS[n], mode="wrap", target="cuda")
            same(made(numbers(1, SHAPES[n][-1], float)), want[n - 1])


def test_offsets_beyond_the_neighborhood(emulated: None) -> None:
    f = on("cuda", computed, neighborhood=((-1, 1), (-2, 1)))
    a = numbers(2, (9, 40), float)
    for n in (-2, 2, 3, 2**62, -(2**63)):
        with pytest.raises(IndexError, match=r"offset -?\d+ is outside of the neighborhood"):
            f(a, n)
    same(f(a[:0], 99), a[:0])


def test_exceptions_in_cells(emulated: None) -> None:
    @stencil(mode="wrap", target="cuda")
    def checked(a, limit):
        if a[0, 0] > limit:
            raise ValueError(f"{a[0, 0]} is above {limit}")
        return a[-1, 0]

    a = np.arange(400.0).reshape(10, 40)
    same(checked(a, 400), np.roll(a, 1, 0))
    for array in (a, placed(a)):
        with pytest.raises(ValueError, match=r"^399\.0 is above 398$") as caught:
            checked(array, 398)
        assert caught.traceback[-1].name == "checked"


def test_dtype_of_results(emulated: None) -> None:
    a = numbers(1, (9, 35), float)
    for dtype in ("f4", "i8", ("f4", "?")):
        check(
            of_two if isinstance(dtype, tuple) else plane,
            *[a, a][: 1 + isinstance(dtype, tuple)],
            mode="wrap",
            dtype=dtype,
        )


# -------------------------------------------------------------------------------------- out


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16"])
def test_out(dtype: str, emulated: None) -> None:
    f = on("cuda", plane, mode="nearest")
    a = numbers(1, (9, 35), float)
    want = on("cpu", plane, mode="nearest")(a).astype(dtype)
    for lying in ("axes (0, 1)", "axes (1, 0)", "reversed", "unaligned", "strided rows"):
        out = LAYOUTS[2][lying](np.zeros((9, 35), dtype))
        assert f(a, out=out) is out
        np.testing.assert_array_equal(out, want)
        there = placed(LAYOUTS[2][lying](np.zeros((9, 35), dtype)))
        assert f(a, out=there) is there
        same(there, want)
        mine = np.zeros((9, 35), dtype)
        assert f(placed(a), mine) is mine
        np.testing.assert_array_equal(mine, want)
    foreign = Foreign(np.zeros((9, 35), dtype))
    assert f(Foreign(a), out=foreign) is foreign
    np.testing.assert_array_equal(foreign.copy_to_host(), want)


@pytest.mark.usefixtures("emulated")
@given(views((4, 5), 10), views((4, 5), 10))
def test_views_of_one_array(source: Any, into: Any) -> None:
    whole = numbers(1, (10, 10), float)
    want = whole.copy()
    into(want)[...] = on("cpu", plane, mode="wrap")(source(whole).copy())
    there = cuda.to_device(whole)
    at = [_described(view(there.view_of_host), there) for view in (source, into)]
    on("cuda", plane, mode="wrap")(at[0], out=at[1])
    np.testing.assert_array_equal(there.copy_to_host(), want)


def _described(view: np.ndarray, owner: Any) -> Any:
    return cuda.DeviceArray(view, owner, owner.driver)


def test_arrays_change_places(emulated: None) -> None:
    a, b = numbers(1, (9, 35), float), numbers(2, (9, 35), float)

    def both(x, y):
        return x[0, 1] + y[1, 0], x[1, 0]

    want = on("cpu", both, mode="wrap")(a, b)
    there = placed(a), placed(b)
    got = on("cuda", both, mode="wrap")(*there, out=there[::-1])
    assert got[0] is there[1] and got[1] is there[0]
    same(got, want)
    alone = placed(a)
    _, second = on("cuda", both, mode="wrap")(alone, b, out=(alone, None))
    same((alone, second), want)


def test_errors_of_calls(emulated: None) -> None:
    locked = np.zeros((5, 6))
    locked.flags.writeable = False
    a = numbers(1, (5, 6), float)

    def two(x, y):
        return x[0, 1], y[0, 0]

    wrong = [
        lambda f, g: f(a, out=np.zeros((5, 6), int)),
        lambda f, g: f(a, out=np.zeros((6, 5))),
        lambda f, g: f(a, out=locked),
        lambda f, g: f(a, out=3),
        lambda f, g: f(a, out=(a.copy(), a.copy())),
        lambda f, g: g(a, a, out=a.copy()),
        lambda f, g: g(a, a[1:]),
        lambda f, g: f(),
        lambda f, g: f(a, a, a),
        lambda f, g: f(a, b=3),
        lambda f, g: f(a, a=3),
        lambda f, g: f(3),
        lambda f, g: f(a[0]),
        lambda f, g: f(np.array([None])),
    ]
    for case in wrong:
        for target in ("cpu", "cuda"):
            with pytest.raises((TypeError, ValueError)):
                case(on(target, plane, mode="wrap"), on(target, two, mode="wrap"))


def test_what_kernels_of_gpus_cannot_do(emulated: None) -> None:
    with pytest.raises(UnsupportedError, match="cannot allocate memory for an array"):
        stencil(lambda a: np.median(a[-1:2]), target="cuda")(np.ones(3))
    left = stencil(lambda a: a[-1], target="cuda")
    with pytest.raises(TypingError, match="cannot be called in a kernel"):
        njit(lambda a: left(a))(np.ones(3))


# ---------------------------------------------------------------------------------- iterate


def test_iterate(emulated: None) -> None:
    def smooth(a):
        return (a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1]) / 4

    f, a = on("cuda", smooth, mode="wrap"), numbers(1, (9, 35), float)
    want = on("cpu", smooth, mode="wrap").iterate(a, 5)
    same(f.iterate(a, 5), want)
    there = placed(a)
    got = f.iterate(there, 5)
    assert isinstance(got, cuda.DeviceArray)
    same(got, want)
    same(there, a)
    none = f.iterate(there, 0)
    assert none is not there
    f(none, out=none)
    same(there, a)
    assert f.iterate(there, 5, out=there) is there
    same(there, want)
    mine = np.zeros((9, 35), "c16")
    assert f.iterate(placed(a), 5, out=mine) is mine
    np.testing.assert_array_equal(mine, want)


def test_iterate_several(emulated: None) -> None:
    def wave(now, before, speed, factor):
        curve = now[-1, 0] + now[1, 0] + now[0, -1] + now[0, 1] - 4 * now[0, 0]
        return 2 * now[0, 0] - before[0, 0] + factor * speed[0, -1] * curve, now[0, 0]

    now, before, speed = (numbers(k, (9, 35), float) for k in range(3))
    want = on("cpu", wave, mode="wrap").iterate((now, before), 4, speed, 0.3)
    f = on("cuda", wave, mode="wrap")
    for state in ((now, before), (placed(now), before)):
        same(f.iterate(state, 4, speed, 0.3), want)
    with pytest.raises(TypeError, match="makes 2 arrays of 1"):
        f.iterate(now, 4, before, speed, 0.3)


# ---------------------------------------------------------------------------------- itself


@stencil(mode="wrap", target="cuda", neighborhood=((-1, 1),))
def known(a, factor=2.0):
    """Of the left."""
    return a[-1] * factor


def test_what_it_says_of_itself(emulated: None) -> None:
    assert repr(known) == "<stencil known for a device>"
    assert (known.__name__, known.__doc__) == ("known", "Of the left.")
    assert known.neighborhood == ((-1, 1),)
    assert pickle.loads(pickle.dumps(known)) is known
    assert copy.copy(known) is known
    a = np.arange(5.0)
    same(known(a), np.roll(a, 1) * 2)
    same(known(factor=3.0, a=a), np.roll(a, 1) * 3)
    stream = cuda.stream()
    same(known(placed(a), 1.0, stream=stream), np.roll(a, 1))


@pytest.mark.usefixtures("emulated")
@given(st.integers(0, 40), st.integers(0, 70), st.data())
def test_any_plane(height: int, width: int, data: Any) -> None:
    a = data.draw(arrays((height, width), "f8"))
    mode = data.draw(st.sampled_from([*MODES, MIXED[2], MIXED[3], MIXED[4]]))
    want = on("cpu", plane, mode=mode, cval=2)(a)
    same(on("cuda", plane, mode=mode, cval=2)(a if data.draw(st.booleans()) else placed(a)), want)
