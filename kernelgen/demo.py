"""The demo: great-circle distances of all pairs of cities, checked and timed against NumPy.

Run as ``python -m kernelgen demo``.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

import kernelgen

Floats = npt.NDArray[np.float64]
Places = tuple[Floats, Floats]
Pairs = list[tuple[int, int]]
Distance = Callable[..., Any]

RADIAN = math.pi / 180.0
EARTH_DIAMETER = 2.0 * 6371.0088
METRES = 1000.0
TOLERANCE = 1e-3  # metres


@dataclass(frozen=True)
class City:
    """A city and its place in degrees north and east."""

    name: str
    country: str
    latitude: float
    longitude: float


@kernelgen.vectorize
def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in kilometres of two points given in degrees."""
    north = math.sin((lat2 - lat1) * RADIAN * 0.5)
    east = math.sin((lon2 - lon1) * RADIAN * 0.5)
    a = north * north + math.cos(lat1 * RADIAN) * math.cos(lat2 * RADIAN) * east * east
    return EARTH_DIAMETER * math.asin(math.sqrt(a))


def haversine_numpy(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Same as `haversine`, in NumPy's arithmetic."""
    north = np.sin((lat2 - lat1) * RADIAN * 0.5)
    east = np.sin((lon2 - lon1) * RADIAN * 0.5)
    a = north * north + np.cos(lat1 * RADIAN) * np.cos(lat2 * RADIAN) * east * east
    distance: Floats = EARTH_DIAMETER * np.arcsin(np.sqrt(a))
    return distance


def load_cities() -> list[City]:
    """Read the table that comes with the package."""
    table = resources.files("kernelgen") / "data" / "cities.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return [
        City(row["name"], row["country"], float(row["latitude"]), float(row["longitude"]))
        for row in rows
    ]


def places(cities: Sequence[City]) -> Places:
    """Latitudes and longitudes of all cities, in degrees."""
    return (
        np.array([city.latitude for city in cities]),
        np.array([city.longitude for city in cities]),
    )


def random_places(count: int) -> Places:
    """Latitudes and longitudes of points spread evenly over the sphere, in degrees."""
    rng = np.random.default_rng(0)
    latitude = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))
    return latitude, rng.uniform(-180.0, 180.0, count)


def all_pairs(distance: Distance, points: Places) -> Floats:
    """Distance of each point to each, shape ``(n, n)``, by broadcasting."""
    latitude, longitude = points
    table: Floats = distance(latitude[:, None], longitude[:, None], latitude, longitude)
    return table


def farthest_and_nearest(table: Floats, count: int) -> tuple[Pairs, Pairs]:
    """The `count` farthest and the `count` nearest pairs of a table of distances."""
    first, second = np.triu_indices(len(table), k=1)
    order = np.argsort(table[first, second])
    pairs = list(zip(first[order].tolist(), second[order].tolist(), strict=True))
    return pairs[::-1][:count], pairs[:count]


def largest_difference(points: Places) -> float:
    """Largest difference between the two forms of the kernel over all pairs, in metres."""
    difference = all_pairs(haversine, points) - all_pairs(haversine_numpy, points)
    return METRES * float(np.max(np.abs(difference)))


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that one call of `action` takes."""
    start = perf_counter()
    action()
    return 1e3 * (perf_counter() - start)


def side_by_side(points: Places, repeat: int) -> tuple[float, float]:
    """Median milliseconds of kernelgen and of NumPy, which take turns."""
    ours = []
    numpy = []
    for _ in range(repeat):
        ours.append(timed(lambda: all_pairs(haversine, points)))
        numpy.append(timed(lambda: all_pairs(haversine_numpy, points)))
    return statistics.median(ours), statistics.median(numpy)


def show_pairs(title: str, cities: Sequence[City], table: Floats, pairs: Pairs) -> None:
    """Print pairs of cities with their distances."""
    print(f"\n{title}")
    for i, j in pairs:
        print(f"  {f'{cities[i].name} - {cities[j].name}':<34}{table[i, j]:>12,.1f} km")


def show_check(points: Mapping[str, Places]) -> bool:
    """Print how far the results are from NumPy's, and return whether all are near enough."""
    print("\nlargest difference from NumPy's arithmetic")
    differences = {label: largest_difference(where) for label, where in points.items()}
    for label, metres in differences.items():
        verdict = "ok" if metres <= TOLERANCE else f"FAILED, the limit is {TOLERANCE} m"
        print(f"  {label:<34}{metres:>12.1e} m   {verdict}")
    return all(metres <= TOLERANCE for metres in differences.values())


def show_times(points: Mapping[str, Places], repeat: int) -> None:
    """Print the times of both forms of the kernel."""
    print(f"\n{f'median of {repeat} runs':<36}{'kernelgen':>15}{'NumPy':>15}{'NumPy/ours':>12}")
    for label, where in points.items():
        ours, numpy = side_by_side(where, repeat)
        print(f"  {label:<34}{ours:>12.3f} ms{numpy:>12.3f} ms{numpy / ours:>12.1f}")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Command line options."""
    parser = argparse.ArgumentParser(prog="kernelgen demo", description="Distances of cities.")
    parser.add_argument("--points", type=int, default=2000, help="random points (%(default)s)")
    parser.add_argument("--pairs", type=int, default=5, help="pairs to show (%(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="timed runs (%(default)s)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo.

    Parameters
    ----------
    argv : sequence of str, optional
        Command line options, those of the process unless given.

    Returns
    -------
    int
        0 if all distances agree with NumPy's, else 1.
    """
    options = parse(argv)
    cities = load_cities()
    points = {
        f"{len(cities)} x {len(cities)} cities": places(cities),
        f"{options.points:,} x {options.points:,} random points": random_places(options.points),
    }
    first_call = timed(lambda: all_pairs(haversine, places(cities)))
    table = all_pairs(haversine, places(cities))
    farthest, nearest = farthest_and_nearest(table, options.pairs)
    print(f"{len(cities)} cities, {math.comb(len(cities), 2):,} pairs, great-circle distances")
    show_pairs("farthest", cities, table, farthest)
    show_pairs("nearest", cities, table, nearest)
    passed = show_check(points)
    show_times(points, options.repeat)
    print(f"  {'first call, compiling included':<34}{first_call:>12.1f} ms")
    return 0 if passed else 1
