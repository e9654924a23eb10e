"""Measure the error of every function, and keep the figures: ``python -m tests.accuracy``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np

from . import complexes, figures
from .functions import BY_NAME
from .measure import Measured, measure


def main() -> int:
    """Measure, print, and write with ``--write``; 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000, help="of each type (%(default)s)")
    parser.add_argument("--function", action="append", help="only this one; may be given again")
    parser.add_argument("--type", action="append", help="only this one; may be given again")
    parser.add_argument("--seed", type=int, default=1, help="of the random points (%(default)s)")
    parser.add_argument(
        "--write", action="store_true", help=f"put the figures into docs/{figures.FILE.name}"
    )
    options = parser.parse_args()
    bad = 0
    for function, dtype, count in _selected(options):
        start = time.monotonic()
        of = complexes.measure if function in complexes.BY_NAME else _measure
        found = of(function, dtype, count, options.seed)
        for each in found:
            bad += not show(each, time.monotonic() - start)
        if options.write:
            figures.update(found)
    return bool(bad)


def _selected(options: argparse.Namespace) -> Iterator[tuple[str, np.dtype, int]]:
    """Each function with each of its types, and how many points there are to be."""
    names = options.function or [*BY_NAME, *complexes.BY_NAME]
    for name in names:
        dtypes = complexes.DTYPES if name in complexes.BY_NAME else figures.DTYPES
        for dtype, fewer in dtypes.items():
            if not options.type or dtype in options.type:
                yield name, np.dtype(dtype), options.points // fewer


def _measure(name: str, dtype: np.dtype, count: int, seed: int) -> list[Measured]:
    return measure(BY_NAME[name], dtype, count, seed)


def show(each: Measured, seconds: float) -> bool:
    """Print a line of the table; whether the bound holds."""
    bound = figures.bound(each)
    good = each.ulp <= bound
    print(
        f"{each.function:12} {each.dtype:11} {each.path:8} {each.ulp:8.3f} of {bound:5g} ulp "
        f"{'    ' if good else 'FAIL'} {seconds:5.1f} s  at {each.argument}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    sys.exit(main())
