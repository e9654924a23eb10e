"""A photograph on a GPU: its histogram, a picture of equal brightness, and its edges.

``python photograph_on_a_gpu.py [--png FILE]``. Without a GPU, it runs on the emulator.
"""

import argparse
from pathlib import Path

import numpy as np
from skimage import data

import kernelgen as kg
from kernelgen import cuda

THREADS = 256


@cuda.jit
def histogram(pixels, counts):
    """How often there is each brightness: counted by blocks in shared memory, then added up."""
    own = cuda.shared.array(THREADS, np.int32)
    own[cuda.threadIdx.x] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), len(pixels), cuda.gridsize(1)):
        cuda.atomic.add(own, pixels[i], 1)
    cuda.syncthreads()
    cuda.atomic.add(counts, cuda.threadIdx.x, own[cuda.threadIdx.x])


@kg.stencil(mode="nearest", target="cuda")
def sobel(a):
    """How steep the picture is, from differences across the cell, smoothed along it."""
    across = a[-1, 1] + 2 * a[0, 1] + a[1, 1] - a[-1, -1] - 2 * a[0, -1] - a[1, -1]
    down = a[1, -1] + 2 * a[1, 0] + a[1, 1] - a[-1, -1] - 2 * a[-1, 0] - a[-1, 1]
    return np.sqrt(across * across + down * down)


def equalised(image):
    """The picture in whose histogram all is equally frequent, and the edges in it."""
    there = cuda.to_device(image)
    counts = cuda.to_device(np.zeros(THREADS, np.int32))
    histogram[16, THREADS](there.ravel(), counts)
    found = counts.copy_to_host()
    assert (found == np.bincount(image.ravel(), minlength=THREADS)).all()
    share = (np.cumsum(found) / image.size).astype(np.float32)

    @kg.vectorize(target="cuda")
    def brightness(pixel):
        return share[pixel]

    bright = brightness(there)  # an array of the device, as all that follows
    return bright, sobel(bright)


def main():
    """Compute, and check against NumPy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="where to draw both pictures")
    arguments = parser.parse_args()
    image = data.camera()
    if cuda.is_available():
        bright, edges = equalised(image)
    else:
        with cuda.emulator():
            bright, edges = equalised(image)
    picture, edges = bright.copy_to_host(), edges.copy_to_host()
    print(f"{image.shape[0]} x {image.shape[1]} pixels on {bright.driver.properties.name}")
    print(f"mean brightness {image.mean() / 255:.3f}, then {picture.mean():.3f}")
    print(f"the steepest edge is {edges.max():.2f}")
    if arguments.png:
        import matplotlib.image

        matplotlib.image.imsave(
            arguments.png, np.hstack([picture, edges / edges.max()]), cmap="gray"
        )


if __name__ == "__main__":
    main()
