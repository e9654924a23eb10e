"""Draw what ``scaling.py --save`` has measured: ``python scaling_picture.py CSV PICTURE``.

A panel for each kernel shows how many times faster than the cpu target the others are, over the
number of elements. The picture in the documentation is made by::

    python scaling.py --kernels axpy gaussian black_scholes mandelbrot collatz --threads 1 2 \\
        --n 10 100 1000 3000 10000 30000 100000 300000 1000000 10000000 \\
        --save ../docs/pictures/scaling.csv
    python scaling_picture.py ../docs/pictures/scaling.csv ../docs/pictures/scaling.svg
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot
from scaling import ALONE, NUMBA, PARALLEL, Runner

NAMES = {PARALLEL: "kernelgen", NUMBA: "Numba"}
COLOURS = {PARALLEL: "tab:blue", NUMBA: "tab:orange"}
ACROSS = 3

Times = dict[Runner, dict[int, float]]


def read(path: Path) -> dict[str, Times]:
    """Microseconds by kernel, runner and number of elements."""
    found: dict[str, Times] = {}
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            runner = Runner(line["target"], int(line["threads"]))
            times = found.setdefault(line["kernel"], {}).setdefault(runner, {})
            times[int(line["n"])] = float(line["microseconds"])
    return found


def draw_kernel(axes: pyplot.Axes, kernel: str, times: Times) -> None:
    """A line for each runner but the cpu target; one thread is dashed."""
    alone = times[ALONE]
    sizes = sorted(alone)
    for runner, of_runner in times.items():
        if runner == ALONE:
            continue
        axes.plot(
            sizes,
            [alone[n] / of_runner[n] for n in sizes],
            "--" if runner.threads == 1 else "-",
            color=COLOURS[runner.target],
            label=f"{NAMES[runner.target]}, threads: {runner.threads}",
            marker="o",
            markersize=3,
        )
    axes.set(title=kernel, xscale="log")
    axes.grid(color="0.9")


def draw(kernels: dict[str, Times], path: Path) -> None:
    """The whole picture; the same measurements give the same file."""
    mpl.rcParams["svg.hashsalt"] = path.name
    panels = len(kernels) + 1
    figure, grid = pyplot.subplots(
        math.ceil(panels / ACROSS), ACROSS, figsize=(10, 6), sharey=True, layout="constrained"
    )
    for axes, (kernel, times) in zip(grid.flat, kernels.items(), strict=False):
        draw_kernel(axes, kernel, times)
    for axes in grid.flat[len(kernels) :]:
        axes.axis("off")
    grid.flat[0].set_ylim(bottom=0)
    grid.flat[len(kernels)].legend(*grid.flat[0].get_legend_handles_labels(), loc="center")
    figure.supxlabel("elements of a call")
    figure.supylabel("times faster than the cpu target")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the measurements and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("picture", type=Path, help="its ending says which format it has")
    options = parser.parse_args(argv)
    draw(read(options.csv), options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
