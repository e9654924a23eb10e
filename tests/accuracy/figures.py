"""The figures that were measured: rows of ``docs/accuracy.csv``, which the documentation shows."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from . import complexes
from .functions import BY_NAME
from .measure import Measured

DTYPES = {"float16": 1, "float32": 1, "float64": 1, "longdouble": 200}
"""The types of floats, and how many times fewer points each gets."""

FILE = Path(__file__).parents[2] / "docs" / "accuracy.csv"


def read() -> dict[tuple[str, str, str], Measured]:
    """All rows, by function, type and path."""
    if not FILE.exists():
        return {}
    with FILE.open(newline="") as file:
        rows = [Measured(**{**row, "ulp": float(row["ulp"]), "points": int(row["points"])})
                for row in csv.DictReader(file)]  # fmt: skip
    return {row[:3]: row for row in rows}


def update(found: Iterable[Measured]) -> None:
    """Put rows in place of those of the same function, type and path."""
    rows = read()
    for each in found:
        rows[each[:3]] = each._replace(ulp=round(each.ulp, 3))
    with FILE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Measured._fields)
        writer.writerows(rows[key] for key in sorted(rows))


def bound(each: Measured) -> float:
    """What the tables state for a function on a path."""
    if each.function not in BY_NAME:
        return _bound_of_complex(each)
    function = BY_NAME[each.function]
    if each.dtype == "longdouble":
        return function.longdouble_ulp or function.ulp
    if each.path == "vector" and function.ulp > 0.5:
        return max(function.ulp, function.vector_ulp)
    return function.ulp


def _bound_of_complex(each: Measured) -> float:
    """complex64 is complex128 rounded; clongdouble keeps to twice as much."""
    name, _, part = each.function.partition(", ")
    row = complexes.BY_NAME[name]
    ulp = row.part_ulp if part else row.ulp
    if ulp is None:
        return math.inf
    return {"complex64": 1.0, "complex128": ulp, "clongdouble": 2 * ulp}[each.dtype]
