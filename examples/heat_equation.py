"""Heat that spreads in a plate, with each kind of border."""

import numpy as np

from kernelgen import stencil

SIZE = 200
STEPS = 2000
RATE = 0.2
MODES = {
    "constant": "the border is kept at 0 degrees",
    "nearest": "no heat crosses the border",
    "reflect": "the same, as the next cell beyond is the last one",
    "mirror": "the cell beyond is the last but one",
    "wrap": "opposite borders touch",
}


def spread(t):
    """Temperature of a cell after a step: what flows in from its four neighbours."""
    return t[0, 0] + RATE * (t[-1, 0] + t[1, 0] + t[0, -1] + t[0, 1] - 4.0 * t[0, 0])


def plate():
    """A plate at 0 degrees with a hot corner."""
    t = np.zeros((SIZE, SIZE))
    t[:20, :40] = 100.0
    return t


def main():
    """Let the heat spread, and look how much is left."""
    start = plate()
    for mode, meaning in MODES.items():
        step = stencil(spread, mode=mode)
        end = step.iterate(start, STEPS)
        left = end.sum() / start.sum()
        print(f"{mode:>8}: {left:6.1%} of the heat is left, {end.max():.2f} at most; {meaning}")
        if mode in ("nearest", "reflect", "wrap"):
            assert np.isclose(left, 1.0)
        if mode == "constant":
            assert left < 0.5

    step = stencil(spread, mode="nearest")
    small, taken = step.iterate(start[:40, :60], 100_000, until=1e-5)
    print(f"a piece of 40 x 60 cells is even to {np.ptp(small):.3f} degrees after {taken} steps")
    assert taken < 100_000
    assert np.allclose(small, start[:40, :60].mean(), atol=0.1)


if __name__ == "__main__":
    main()
