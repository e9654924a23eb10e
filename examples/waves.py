"""Waves in a pond, from its height now and a step ago: ``python waves.py [--pgm FILE]``."""

import argparse
from pathlib import Path

import numpy as np

from kernelgen import stencil

SIZE = 256
STEPS = 300


@stencil(mode="nearest")
def wave(now, before, speed):
    """The height after a step, and the height now, which is the one before then."""
    curvature = now[-1, 0] + now[1, 0] + now[0, -1] + now[0, 1] - 4.0 * now[0, 0]
    return 2.0 * now[0, 0] - before[0, 0] + speed[0, 0] ** 2 * curvature, now[0, 0]


def pond():
    """Height of still water with a drop in it, and the speed of waves: shallow on one side."""
    y, x = np.mgrid[:SIZE, :SIZE]
    height = np.exp(-((x - 90) ** 2 + (y - 128) ** 2) / 30.0)
    speed = np.where(x > 160, 0.3, 0.6)
    return height, speed


def with_numpy(height, speed, steps):
    """The same with NumPy alone."""
    now = before = height
    for _ in range(steps):
        p = np.pad(now, 1, "edge")
        curvature = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4.0 * now
        now, before = 2.0 * now - before + speed**2 * curvature, now
    return now


def save(height, path):
    """Write a portable grey map."""
    grey = (255 * np.clip(height / 0.2 + 0.5, 0, 1)).astype(np.uint8)
    path.write_bytes(b"P5 %d %d 255\n" % grey.shape[::-1] + grey.tobytes())


def main(argv=None):
    """Let a drop make waves, and save the pond where asked to."""
    parser = argparse.ArgumentParser(description="Waves in a pond.")
    parser.add_argument("--pgm", type=Path, help="save a picture to this file")
    options = parser.parse_args(argv)

    height, speed = pond()
    now, _ = wave.iterate((height, height), STEPS, speed)
    print(f"after {STEPS} steps the water is between {now.min():.3f} and {now.max():.3f}")
    assert np.allclose(now, with_numpy(height, speed, STEPS), atol=1e-10)
    if options.pgm:
        save(now, options.pgm)


if __name__ == "__main__":
    main()
