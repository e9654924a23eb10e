"""Stencils, each as a kernel, as loops, in scipy and in C.

The Python functions carry no decorator, so any compiler can take them. The C bodies are written
against names that the build fills in: ``A(…)`` reads the array at offsets, ``weights`` is the
further argument of the kernels that have one, and ``R(v)`` casts a literal to ``real``, the type of
elements. Loops are what Numba is given beside the kernels; as its own stencils do, they leave out
the cells that read beyond the border.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    from scipy import ndimage
except ImportError:
    ndimage = None

Array = npt.NDArray[Any]

MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "valid")
C_TYPES = {"float64": "double", "float32": "float", "uint8": "uint8_t"}

# Kernels


def heat(a):
    """A step of the heat equation: five points."""
    return a[0, 0] + 0.1 * (a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1] - 4 * a[0, 0])


def heat_of_space(a):
    """The same in three dimensions: seven points."""
    sides = a[-1, 0, 0] + a[1, 0, 0] + a[0, -1, 0] + a[0, 1, 0] + a[0, 0, -1] + a[0, 0, 1]
    return a[0, 0, 0] + 0.1 * (sides - 6 * a[0, 0, 0])


def blur(a, weights):
    """A weighted sum of 9 x 9 elements."""
    total = 0.0
    for i in range(-4, 5):
        for j in range(-4, 5):
            total += weights[i + 4, j + 4] * a[i, j]
    return total


def sobel(a):
    """The steepness of an image."""
    x = a[-1, 1] - a[-1, -1] + 2 * (a[0, 1] - a[0, -1]) + a[1, 1] - a[1, -1]
    y = a[1, -1] - a[-1, -1] + 2 * (a[1, 0] - a[-1, 0]) + a[1, 1] - a[-1, 1]
    return math.sqrt(x * x + y * y)


def life(a):
    """A generation of the Game of Life."""
    above, below = a[-1, -1] + a[-1, 0] + a[-1, 1], a[1, -1] + a[1, 0] + a[1, 1]
    n = above + a[0, -1] + a[0, 1] + below
    return np.uint8((n == 3) | ((n == 2) & a[0, 0]))


def smooth(a):
    """A weighted mean of three elements in a row."""
    return 0.25 * (a[-1] + 2 * a[0] + a[1])


# The same as loops


def heat_loops(a, out):
    """Fill ``out`` but for its border."""
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            sides = a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]
            out[i, j] = a[i, j] + 0.1 * (sides - 4 * a[i, j])


def heat_of_space_loops(a, out):
    """Fill ``out`` but for its border."""
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            for k in range(1, a.shape[2] - 1):
                sides = a[i - 1, j, k] + a[i + 1, j, k] + a[i, j - 1, k] + a[i, j + 1, k]
                sides += a[i, j, k - 1] + a[i, j, k + 1]
                out[i, j, k] = a[i, j, k] + 0.1 * (sides - 6 * a[i, j, k])


def blur_loops(a, weights, out):
    """Fill ``out`` but for its border."""
    for i in range(4, a.shape[0] - 4):
        for j in range(4, a.shape[1] - 4):
            total = 0.0
            for k in range(9):
                for m in range(9):
                    total += weights[k, m] * a[i + k - 4, j + m - 4]
            out[i, j] = total


def sobel_loops(a, out):
    """Fill ``out`` but for its border."""
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            right = a[i - 1, j + 1] + 2 * a[i, j + 1] + a[i + 1, j + 1]
            left = a[i - 1, j - 1] + 2 * a[i, j - 1] + a[i + 1, j - 1]
            below = a[i + 1, j - 1] + 2 * a[i + 1, j] + a[i + 1, j + 1]
            above = a[i - 1, j - 1] + 2 * a[i - 1, j] + a[i - 1, j + 1]
            x, y = right - left, below - above
            out[i, j] = math.sqrt(x * x + y * y)


def life_loops(a, out):
    """Fill ``out`` but for its border."""
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            above = a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1]
            below = a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
            n = above + a[i, j - 1] + a[i, j + 1] + below
            out[i, j] = (n == 3) | ((n == 2) & a[i, j])


def smooth_loops(a, out):
    """Fill ``out`` but for its border."""
    for i in range(1, len(a) - 1):
        out[i] = 0.25 * (a[i - 1] + 2 * a[i] + a[i + 1])


# The same in scipy


def cross(ndim: int, centre: float, side: float) -> Array:
    """Weights of an element and of those beside it along each axis."""
    made = np.zeros((3,) * ndim)
    middle = (1,) * ndim
    made[middle] = centre
    for axis in range(ndim):
        for place in (0, 2):
            made[(*middle[:axis], place, *middle[axis + 1 :])] = side
    return made


def heat_of_scipy(a: Array, out: Array, mode: str) -> None:
    """Of any number of dimensions."""
    ndimage.correlate(a, cross(a.ndim, 1 - 0.2 * a.ndim, 0.1), output=out, mode=mode)


def blur_of_scipy(a: Array, weights: Array, out: Array, mode: str) -> None:
    """A weighted sum."""
    ndimage.correlate(a, weights, output=out, mode=mode)


def sobel_of_scipy(a: Array, out: Array, mode: str) -> None:
    """One axis, then the other."""
    np.hypot(ndimage.sobel(a, 0, mode=mode), ndimage.sobel(a, 1, mode=mode), out=out)


def life_of_scipy(a: Array, out: Array, mode: str) -> None:
    """The sums, then what comes of them."""
    sums = ndimage.correlate(a, np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], "uint8"), mode=mode)
    np.bitwise_or(sums == 3, (sums == 2) & a, out=out)


def smooth_of_scipy(a: Array, out: Array, mode: str) -> None:
    """A weighted sum."""
    ndimage.correlate1d(a, [0.25, 0.5, 0.25], output=out, mode=mode)


# What is measured


@dataclass(frozen=True)
class Kernel:
    """One stencil; ``reach`` is how far it reads along each of its ``ndim`` axes."""

    function: Callable[..., Any]
    loops: Callable[..., Any]
    scipy: Callable[..., Any]
    c: str
    ndim: int
    reach: int = 1
    weighted: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """What a decorator is told about the kernel."""
        return {"standard_indexing": ("weights",)} if self.weighted else {}

    @property
    def numba_options(self) -> dict[str, Any]:
        """Numba is also told how far loops go."""
        reach = {"neighborhood": ((-self.reach, self.reach),) * self.ndim}
        return {**self.options, **reach} if self.weighted else {}

    def make(self, shape: tuple[int, ...], dtype: str) -> tuple[Array, ...]:
        """Arguments."""
        rng = np.random.default_rng(0)
        a = rng.integers(0, 2, shape) if dtype == "uint8" else rng.random(shape)
        if not self.weighted:
            return (a.astype(dtype),)
        weights = rng.random((2 * self.reach + 1,) * self.ndim).astype(dtype)
        return a.astype(dtype), weights / weights.sum()

    def shape(self, shape: tuple[int, ...], mode: str) -> tuple[int, ...]:
        """The shape of the result."""
        cut = 2 * self.reach if mode == "valid" else 0
        return tuple(n - cut for n in shape)

    def inner(self, a: Array) -> Array:
        """What is read nowhere beyond the border."""
        return a[(slice(self.reach, -self.reach),) * self.ndim]


HEAT_C = "return A(0, 0) + R(0.1) * (A(-1, 0) + A(1, 0) + A(0, -1) + A(0, 1) - 4 * A(0, 0));"

HEAT_OF_SPACE_C = """
    real sides = A(-1, 0, 0) + A(1, 0, 0) + A(0, -1, 0) + A(0, 1, 0) + A(0, 0, -1) + A(0, 0, 1);
    return A(0, 0, 0) + R(0.1) * (sides - 6 * A(0, 0, 0));
"""

BLUR_C = """
    real total = 0;
    for (int di = -4; di <= 4; ++di)
        for (int dj = -4; dj <= 4; ++dj)
            total += weights[(di + 4) * 9 + dj + 4] * A(di, dj);
    return total;
"""

SOBEL_C = """
    real x = A(-1, 1) - A(-1, -1) + 2 * (A(0, 1) - A(0, -1)) + A(1, 1) - A(1, -1);
    real y = A(1, -1) - A(-1, -1) + 2 * (A(1, 0) - A(-1, 0)) + A(1, 1) - A(-1, 1);
    return sqrt(x * x + y * y);
"""

LIFE_C = """
    real above = A(-1, -1) + A(-1, 0) + A(-1, 1), below = A(1, -1) + A(1, 0) + A(1, 1);
    real n = above + A(0, -1) + A(0, 1) + below;
    return (n == 3) | ((n == 2) & A(0, 0));
"""

SMOOTH_C = "return R(0.25) * (A(-1) + 2 * A(0) + A(1));"

KERNELS = {
    "heat": Kernel(heat, heat_loops, heat_of_scipy, HEAT_C, 2),
    "heat of space": Kernel(heat_of_space, heat_of_space_loops, heat_of_scipy, HEAT_OF_SPACE_C, 3),
    "blur": Kernel(blur, blur_loops, blur_of_scipy, BLUR_C, 2, 4, weighted=True),
    "sobel": Kernel(sobel, sobel_loops, sobel_of_scipy, SOBEL_C, 2),
    "life": Kernel(life, life_loops, life_of_scipy, LIFE_C, 2),
    "smooth": Kernel(smooth, smooth_loops, smooth_of_scipy, SMOOTH_C, 1),
}

# C


def c_source(kernel: Kernel, dtype: str) -> str:
    """C program with functions ``constant`` and ``valid``, of the times that all is computed, the
    lengths, the array, the weights, and the output."""
    return "\n".join(
        [
            "#include <math.h>",
            "#include <stdint.h>",
            f"typedef {C_TYPES[dtype]} real;",
            "#define R(v) ((real)(v))",
            f"enum {{ REACH = {kernel.reach} }};",
            *_c_cell(kernel, "inner", "a[{place}]"),
            *_c_cell(kernel, "tested", "({beyond} ? 0 : a[{place}])"),
            *_c_constant(kernel),
            *_c_valid(kernel),
        ]
    )


def _names(kernel: Kernel, letter: str) -> list[str]:
    return [f"{letter}{axis}" for axis in range(kernel.ndim)]


def _parameters(kernel: Kernel) -> str:
    lengths = ", ".join(f"int64_t {n}" for n in _names(kernel, "n"))
    return f"{lengths}, const real *restrict a, const real *restrict weights"


def _place(indices: list[str], lengths: list[str]) -> str:
    """Where an element stands in memory."""
    place = indices[0]
    for index, length in zip(indices[1:], lengths[1:], strict=True):
        place = f"({place}) * ({length}) + {index}"
    return place


def _c_cell(kernel: Kernel, name: str, read: str) -> Iterator[str]:
    """What computes a cell, all that it reads being found by ``read``."""
    ds, ns = _names(kernel, "d"), _names(kernel, "n")
    indices = [f"i{axis} + ({d})" for axis, d in enumerate(ds)]
    beyond = " || ".join(f"{i} < 0 || {i} >= {n}" for i, n in zip(indices, ns, strict=True))
    yield f"#define A({', '.join(ds)}) {read.format(place=_place(indices, ns), beyond=beyond)}"
    places = ", ".join(f"int64_t {i}" for i in _names(kernel, "i"))
    yield f"static inline real {name}({_parameters(kernel)}, {places})"
    yield f"{{ {kernel.c} }}"
    yield "#undef A"


def _c_repeated(kernel: Kernel, name: str, lines: list[str]) -> Iterator[str]:
    yield f"void {name}(int64_t times, {_parameters(kernel)}, real *restrict out)"
    yield "{ for (; times; --times) {"
    yield from lines
    yield '__asm__ volatile("" ::: "memory"); } }'


def _c_constant(kernel: Kernel) -> Iterator[str]:
    """All cells; those that may read beyond the border test it."""
    *outer, i = _names(kernel, "i")
    *others, n = _names(kernel, "n")
    near = [f"{i} < REACH || {i} >= {n} - REACH" for i, n in zip(outer, others, strict=True)]
    given = ", ".join([*others, n, "a", "weights", *outer, i])
    put = f"out[{_place([*outer, i], [*others, n])}]"
    yield from _c_repeated(
        kernel,
        "constant",
        [
            *(
                f"for (int64_t {i} = 0; {i} < {n}; ++{i})"
                for i, n in zip(outer, others, strict=True)
            ),
            f"{{ int edge = {' || '.join(near) or '0'};",
            f"int64_t first = edge ? {n} : REACH, last = edge ? {n} : {n} - REACH;",
            f"for (int64_t {i} = 0; {i} < first; ++{i}) {put} = tested({given});",
            f"for (int64_t {i} = first; {i} < last; ++{i}) {put} = inner({given});",
            f"for (int64_t {i} = last; {i} < {n}; ++{i}) {put} = tested({given}); }}",
        ],
    )


def _c_valid(kernel: Kernel) -> Iterator[str]:
    """The cells that read nothing beyond the border."""
    names, lengths = _names(kernel, "i"), _names(kernel, "n")
    given = ", ".join([*lengths, "a", "weights", *names])
    moved, left = [f"{i} - REACH" for i in names], [f"{n} - 2 * REACH" for n in lengths]
    yield from _c_repeated(
        kernel,
        "valid",
        [
            *(
                f"for (int64_t {i} = REACH; {i} < {n} - REACH; ++{i})"
                for i, n in zip(names, lengths, strict=True)
            ),
            f"out[{_place(moved, left)}] = inner({given});",
        ],
    )
