"""A moving mean over the last axis of an array: a generalized ufunc with a computed dimension."""

from __future__ import annotations

import numpy as np

from kernelgen import guvectorize


@guvectorize("(n),(w)->(n-w+1)", fastmath=True)
def moving_mean(x, weights, out):
    """Means of x under weights, at all places where the window fits."""
    total = 0.0
    for j in range(len(weights)):
        total += weights[j]
    for i in range(len(out)):
        s = 0.0
        for j in range(len(weights)):
            s += x[i + j] * weights[j]
        out[i] = s / total


def main() -> None:
    """Smooth noisy sines of several frequencies, and compare with NumPy."""
    random = np.random.default_rng(1)
    time = np.linspace(0, 10, 2000)
    signals = np.sin(np.outer([1, 2, 3], time)) + random.normal(0, 0.3, (3, len(time)))
    window = np.hanning(51)
    smooth = moving_mean(signals, window)
    views = np.lib.stride_tricks.sliding_window_view(signals, len(window), axis=-1)
    assert np.allclose(smooth, views @ window / window.sum())
    print(f"{signals.shape} -> {smooth.shape} with core dimensions {moving_mean.signature}")
    print(f"noise before: {np.std(np.diff(signals)):.3f}, behind: {np.std(np.diff(smooth)):.3f}")


if __name__ == "__main__":
    main()
