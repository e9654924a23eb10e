"""The Mandelbrot set, as text or as a picture. Run as ``python mandelbrot.py [--pgm FILE]``.

Points inside take a hundred times as long as those far away. Threads take chunks of them as they
are done with others, so that all have work until the end.
"""

import argparse
from pathlib import Path

import numpy as np

import kernelgen as kg

LIMIT = 100
SHADES = " .:-=+*#%@"
LEFT, RIGHT, TOP = -2.1, 0.7, 1.2


@kg.vectorize(target="parallel")
def escape(cr, ci):
    """Number of steps after which the orbit of a point leaves the circle of radius 2."""
    x = cr
    y = ci
    for step in range(LIMIT):
        if x * x + y * y > 4.0:
            return step
        x, y = x * x - y * y + cr, 2.0 * x * y + ci
    return LIMIT


def escape_numpy(c):
    """Same for an array of complex points, with NumPy alone."""
    count = np.full(c.shape, LIMIT)
    z = c.copy()
    for step in range(LIMIT):
        leaves = (count == LIMIT) & (z.real**2 + z.imag**2 > 4.0)
        count[leaves] = step
        z = np.where(count == LIMIT, z * z + c, 0.0)
    return count


def axes(columns, rows):
    """Real and imaginary parts of a grid, shaped so that they broadcast to it."""
    return np.linspace(LEFT, RIGHT, columns), np.linspace(TOP, -TOP, rows)[:, None]


def draw(count):
    """Picture in characters, the set itself darkest."""
    shade = np.log1p(count) / np.log1p(LIMIT) * (len(SHADES) - 1)
    return "\n".join("".join(SHADES[level] for level in row) for row in shade.astype(int))


def save(count, path):
    """Write a portable grey map."""
    grey = (255 - 255 * np.log1p(count) / np.log1p(LIMIT)).astype(np.uint8)
    rows, columns = grey.shape
    path.write_bytes(b"P5 %d %d 255\n" % (columns, rows) + grey.tobytes())


def main(argv=None):
    """Draw, or save where asked to, and check the counts."""
    parser = argparse.ArgumentParser(description="The Mandelbrot set.")
    parser.add_argument("--pgm", type=Path, help="save a picture to this file, too")
    options = parser.parse_args(argv)

    cr, ci = axes(78, 32)
    count = escape(cr, ci)
    print(draw(count))
    print(f"{np.mean(count == LIMIT):.1%} of the points never leave within {LIMIT} steps")
    # On the border of the set the last bit of a product decides, so a few counts may differ.
    assert np.mean(count != escape_numpy(cr + 1j * ci)) < 0.01

    if options.pgm:
        save(escape(*axes(1400, 1200)), options.pgm)


if __name__ == "__main__":
    main()
