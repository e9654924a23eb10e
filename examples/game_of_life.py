"""Conway's Game of Life on a torus: a glider comes back to where it started."""

import numpy as np

from kernelgen import stencil

GLIDER = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]], np.uint8)
SIZE = 24


@stencil(mode="wrap")
def generation(cells):
    """Whether a cell lives on, or comes to life, with so many neighbours."""
    living = cells[-1:2, -1:2].sum() - cells[0, 0]
    return np.uint8(living == 3 or (living == 2 and cells[0, 0] == 1))


def generation_numpy(cells):
    """The same with NumPy alone."""
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    living = sum(np.roll(cells, shift, (0, 1)) for shift in shifts)
    return ((living == 3) | ((living == 2) & (cells == 1))).astype(np.uint8)


def draw(cells):
    """The cells as text."""
    return "\n".join("".join(".#"[cell] for cell in row) for row in cells)


def main():
    """Follow a glider, then a random soup."""
    start = np.zeros((SIZE, SIZE), np.uint8)
    start[1:4, 1:4] = GLIDER
    print(draw(start[:8, :16]), "\n")
    print(draw(generation.iterate(start, 12)[:8, :16]))
    # In four generations a glider moves by a cell, across and down.
    assert np.array_equal(generation.iterate(start, 4 * SIZE), start)

    soup = np.random.default_rng(0).integers(0, 2, (300, 400), dtype=np.uint8)
    expected = soup
    for _ in range(50):
        expected = generation_numpy(expected)
    after = generation.iterate(soup, 50)
    assert np.array_equal(after, expected)
    print(
        f"\nof {soup.size} cells, {soup.sum()} were alive, and {after.sum()} after 50 generations"
    )


if __name__ == "__main__":
    main()
