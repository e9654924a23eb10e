"""Gaussian blur and Sobel edges of a photograph: ``python blur_and_sobel.py [--png FILE]``."""

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import data

from kernelgen import stencil

SIGMA = 2.0
REACH = 6
WEIGHTS = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SIGMA) ** 2)
WEIGHTS /= WEIGHTS.sum()


@stencil(mode="reflect")
def blur_rows(a):
    """Weighted mean of a cell and those beside it."""
    total = 0.0
    for k in range(-REACH, REACH + 1):
        total += WEIGHTS[k + REACH] * a[0, k]
    return total


@stencil(mode="reflect")
def blur_columns(a):
    """The same along the other axis."""
    total = 0.0
    for k in range(-REACH, REACH + 1):
        total += WEIGHTS[k + REACH] * a[k, 0]
    return total


@stencil(mode="nearest")
def sobel(a):
    """How steep the picture is, from differences across the cell, smoothed along it."""
    across = a[-1, 1] + 2 * a[0, 1] + a[1, 1] - a[-1, -1] - 2 * a[0, -1] - a[1, -1]
    down = a[1, -1] + 2 * a[1, 0] + a[1, 1] - a[-1, -1] - 2 * a[-1, 0] - a[-1, 1]
    return (across * across + down * down) ** 0.5


def save(pictures, path):
    """Write pictures side by side, each with shades of its own."""
    from skimage import io

    shades = [(255 * (p - p.min()) / np.ptp(p)).astype(np.uint8) for p in pictures]
    io.imsave(path, np.hstack(shades), check_contrast=False)


def main(argv=None):
    """Blur, find edges, compare with SciPy, and save where asked to."""
    parser = argparse.ArgumentParser(description="Gaussian blur and Sobel edges of a photograph.")
    parser.add_argument("--png", type=Path, help="save the three pictures to this file")
    options = parser.parse_args(argv)

    photo = data.camera().astype(float)
    blurred = blur_rows(blur_columns(photo))
    edges = sobel(blurred)
    print(
        f"{photo.shape[0]} x {photo.shape[1]} pixels, from {photo.min():.0f} to {photo.max():.0f}"
    )
    print(f"blurred: from {blurred.min():.1f} to {blurred.max():.1f}")
    print(f"edges: {np.mean(edges > 100):.1%} of the pixels are on a steep one")

    assert np.allclose(blurred, ndimage.gaussian_filter(photo, SIGMA, radius=REACH))
    slopes = [ndimage.sobel(blurred, axis, mode="nearest") for axis in (0, 1)]
    assert np.allclose(edges, np.hypot(*slopes))
    if options.png:
        save([photo, blurred, edges], options.png)


if __name__ == "__main__":
    main()
