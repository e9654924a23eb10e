"""Stencils on the IR's interpreter, which checks each access against the memory it is to."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lying import LAYOUTS, numbers

from kernelgen import stencil
from kernelgen.rewrites import stencil_body, stencil_cells, stencil_rows
from kernelgen.schedule import LEAST_HEIGHT

sys.path.insert(0, str(Path(__file__).parents[1] / "semantics"))
from array_backends import check

pytestmark = pytest.mark.usefixtures("unoptimised")


def line(a):
    return a[-3] * 2 - a[0] + a[2]


def plane(a):
    return a[-2, 1] + 2 * a[0, -1] - a[1, 3]


def block(a):
    return a[-1, 0, 2] - a[0, 1, 0] + a[2, -1, -1]


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


def of_both(a, b):
    return a[0, 1] - b[-1, 0], a[0, 0] > b[1, 1]


MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "valid")
MIXED = [
    (line, (("constant", "wrap"),)),
    (line, (("valid", "mirror"),)),
    (plane, ("wrap", ("nearest", "constant"))),
    (plane, (("reflect", "valid"), "mirror")),
    (block, ("constant", ("valid", "nearest"), "reflect")),
]
NDIM = {line: 1, plane: 2, block: 3}
CASES = [*itertools.product((line, plane), MODES), (block, "constant"), (block, "mirror"), *MIXED]
SHAPES: dict[int, list[tuple[int, ...]]] = {
    1: [(0,), (1,), (2,), (5,), (8,)],
    2: [(0, 3), (1, 1), (2, 5), (5, 2)],
    3: [(1, 1, 1), (0, 2, 2), (3, 2, 4)],
}


@pytest.mark.parametrize("kernel, mode", CASES)
def test_modes(kernel: Any, mode: Any) -> None:
    made = stencil(kernel, mode=mode, cval=2.5)

    def call(a):
        return made(a)

    for shape in SHAPES[NDIM[kernel]]:
        for layout in ("strided rows", "read-only"):
            check(call, LAYOUTS[len(shape)][layout](numbers(1, shape, float)))


@pytest.mark.parametrize("layout", LAYOUTS[2])
def test_layouts(layout: str) -> None:
    made = stencil(plane, mode="mirror")

    def call(a, out):
        return made(a, out=out)

    for shape in SHAPES[2]:
        array = LAYOUTS[2][layout](numbers(1, shape, float))
        check(call, array, np.zeros(shape))
        if layout != "read-only":
            check(call, np.zeros(shape), array)


@pytest.mark.parametrize("mode", ["wrap", "constant", "valid"])
def test_other_kernels(mode: str) -> None:
    weights = stencil(weighed, mode=mode, standard_indexing=("w",))
    slices = stencil(sliced, mode=mode, neighborhood=((-1, 1), (-2, 0)))
    offsets = stencil(computed, mode=mode, neighborhood=((-1, 2), (-2, 1)))
    pairs = stencil(of_both, mode=mode)

    for shape in SHAPES[2][:3]:
        a = numbers(2, shape, float)
        w = numbers(3, (3, 3), float)
        check(lambda a, w: weights(a, w), a, w)
        check(lambda a: slices(a), a)
        for n in (-1, 2):
            check(lambda a, n: offsets(a, n), a, n)
        check(lambda a, b: pairs(a, b), a, numbers(4, shape, "i4"))


def test_offsets_beyond_the_neighborhood() -> None:
    offsets = stencil(computed, neighborhood=((-1, 1), (-2, 1)))
    for n in (-2, 2, 3, 2**62, -(2**63)):
        check(lambda a, n: offsets(a, n), numbers(2, (3, 3), float), n)


def test_overlapping_outputs() -> None:
    made = stencil(plane, mode="wrap")
    pairs = stencil(of_both, mode="nearest")

    def in_place(a):
        return made(a, out=a)

    def moved(a):
        made(a[1:, :-1], out=a[:-1, 1:])
        return a

    def crossed(a):
        made(a[:5, :5], out=a[:5, :5].T)
        return a

    def both(a, b, c):
        pairs(a, b, out=(b, c))
        return b, c

    for layout in ("axes (0, 1)", "axes (1, 0)", "reversed"):
        array = LAYOUTS[2][layout](numbers(1, (6, 7), float))
        for function in (in_place, moved, crossed):
            check(function, array)
        check(both, array, numbers(2, (6, 7), float), np.zeros((6, 7), bool))


def large_slice(a):
    w = a[-1:2, 9:-10:-1]
    return w.sum() + w[0, 3] * w.shape[1]


def asked(a):
    return a[0, 1] + a.shape[0] * len(a) + a.size


@pytest.mark.parametrize("mode", ["mirror", "valid"])
@pytest.mark.parametrize("kernel", [large_slice, asked])
def test_slices_by_loops_and_shapes(
    kernel: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stencil_body, "MOST_WRITTEN_OUT", 8)
    monkeypatch.setattr(stencil_cells, "MOST_WRITTEN_OUT", 8)
    made = stencil(kernel, mode=mode)
    for shape in [(1, 1), (3, 21), (0, 2)]:
        for layout in ("axes (0, 1)", "axes (1, 0)", "strided"):
            check(lambda a: made(a), LAYOUTS[2][layout](numbers(1, shape, float).round()))


def test_far_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is around the ends of rows is not in the frame."""
    monkeypatch.setattr(stencil_rows, "MOST_IN_FRAME", 3)
    made = stencil(plane, mode="wrap")
    for shape in SHAPES[2]:
        check(lambda a: made(a), numbers(1, shape, float))


def test_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the second of three axes."""
    monkeypatch.setattr(stencil_rows, "kept_bytes", lambda: 1)
    made = stencil(block, mode="reflect")
    for shape in [(2, LEAST_HEIGHT - 1, 2), (2, LEAST_HEIGHT, 1), (3, 2 * LEAST_HEIGHT + 3, 2)]:
        check(lambda a: made(a), numbers(1, shape, float))


def crossed(a, b):
    return a[-1, 1] - b[1, 0], b[0, -2] + a[1, 0]


@pytest.mark.parametrize(
    "mode", ["constant", "nearest", "reflect", "mirror", "wrap", (("mirror", "constant"), "wrap")]
)
@pytest.mark.parametrize("order", "CF")
def test_several_steps(mode: Any, order: str) -> None:
    single, double = stencil(plane, mode=mode, cval=0.5), stencil(crossed, mode=mode, cval=0.5)

    def one(a, steps, out):
        single.kernel.steps(a, steps, out)

    def two(a, b, steps, out, more):
        double.kernel.steps(a, b, steps, (out, more))

    for shape in [(1, 1), (2, 5), (7, 3)]:
        a, b = (np.asarray(numbers(i, shape, float), order=order) for i in range(2))
        check(one, a, 2, np.zeros_like(a))
        check(one, a, 5, np.zeros_like(a))
        check(two, a, b, 3, np.zeros_like(a), np.zeros_like(a))
