"""Functions of complex numbers, measured by mpmath at fewer points, each part for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import exact
import numpy as np
from backends import quiet, unit_in_the_last_place

import kernelgen
from kernelgen.ops.complex_table import ROWS, Row

from .measure import PATHS, Measured
from .points import anywhere

DTYPES = {"complex64": 100, "complex128": 100, "clongdouble": 500}
"""How many times fewer points than of real functions each type gets."""

NAMES = {row.ufunc.__name__: row for row in ROWS}
BY_NAME = {f"{name} of complex": row for name, row in NAMES.items()}


def measure(name: str, dtype: np.dtype, count: int, seed: int) -> list[Measured]:
    """The largest error on each path: of both parts, in ulp of the larger one."""
    row = BY_NAME[name]
    z = numbers(dtype, count, np.random.default_rng(seed))
    z = z[exact.tame(row.ufunc, z) & (z != 0)]
    want = np.array([exact.of_complex(row.ufunc, value) for value in z]).T
    found = []
    for path, options in PATHS.items():
        got = _kernel(row, **options)(z)
        for of, error in errors(got, want).items():
            worst = int(np.argmax(error))
            of_type = "clongdouble" if dtype == np.clongdouble else str(dtype)
            found.append(
                Measured(name + of, of_type, path, float(error[worst]), str(z[worst]), len(z))
            )
    return found


def _kernel(row: Row, **options: Any) -> Callable[..., Any]:
    ufunc = row.ufunc
    return kernelgen.vectorize(**options)(lambda z: ufunc(z))


def numbers(dtype: np.dtype, count: int, random: Any) -> np.ndarray:
    """Of all magnitudes, near the axes, near the unit circle, near 1 and i, near overflow."""
    part = np.finfo(dtype).dtype
    with quiet():
        kinds = [
            anywhere(part, count, random),
            random.normal(size=count).astype(part) * 2,
            np.exp2(random.uniform(-30, 30, count)).astype(part),
            (1 + np.exp2(random.uniform(-53, -1, count))).astype(part),
            random.uniform(600, 720, count).astype(part),
        ]
    z = np.empty(count, dtype)
    for half in (z.real, z.imag):
        with quiet():
            half[:] = np.choose(random.integers(0, 5, count), kinds)
            half *= random.choice([-1, 1], count)
    circle = count // 4
    angle = np.exp2(random.uniform(-40, 1, circle))
    z[:circle] = (1 + np.exp2(random.uniform(-53, -1, circle))) * np.exp(1j * angle)
    return z


def errors(got: np.ndarray, want: np.ndarray) -> dict[str, np.ndarray]:
    """The distances of the parts, in units of the larger part, and each in its own."""
    with quiet():
        units = unit_in_the_last_place(want.astype(got.real.dtype))
        larger = np.fmax(*np.nan_to_num(units, nan=0, posinf=np.inf))
    pairs = list(zip((got.real, got.imag), want))
    return {
        "": np.maximum(*(exact.distances(part, truth, larger) for part, truth in pairs)),
        ", each part": np.maximum(*(exact.distances(part, truth) for part, truth in pairs)),
    }
