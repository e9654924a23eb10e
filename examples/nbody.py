"""The outer planets for a thousand years: Newton's law in a jitted function on arrays.

Positions and velocities are those of NASA's JPL in astronomical units and days, seen from the sun,
which stands in the first row; masses are in suns.
"""

from __future__ import annotations

import time

import numpy as np

from kernelgen import njit

GRAVITY = 0.01720209895**2  # Gauss: AU**3 / (sun day**2)
NAMES = ("sun", "Jupiter", "Saturn", "Uranus", "Neptune")
MASSES = np.array([1.0, 9.547919384e-4, 2.858859807e-4, 4.366244043e-5, 5.151389020e-5])
POSITIONS = np.array(
    [
        [0.0, 0.0, 0.0],
        [4.841431442, -1.160320044, -0.103622044],
        [8.343366718, 4.124798564, -0.403523417],
        [12.894369562, -15.111151402, -0.223307579],
        [15.379697115, -25.919314610, 0.179258773],
    ]
)
VELOCITIES = np.array(
    [
        [0.0, 0.0, 0.0],
        [1.660076643e-3, 7.699011184e-3, -6.904600170e-5],
        [-2.767425107e-3, 4.998528012e-3, 2.304172976e-5],
        [2.964601376e-3, 2.378471740e-3, -2.965895685e-5],
        [2.680677725e-3, 1.628241700e-3, -9.515922545e-5],
    ]
)
YEAR = 365.25


@njit
def accelerations(x, masses):
    """What all bodies do to each other."""
    a = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(i):
            d = x[j] - x[i]
            pull = GRAVITY / (d[0] ** 2 + d[1] ** 2 + d[2] ** 2) ** 1.5
            a[i] += d * (masses[j] * pull)
            a[j] -= d * (masses[i] * pull)
    return a


@njit
def advance(x, v, masses, dt, steps):
    """Move the bodies in place by the leapfrog method, which keeps their energy."""
    a = accelerations(x, masses)
    for _ in range(steps):
        v += a * (dt / 2)
        x += v * dt
        a = accelerations(x, masses)
        v += a * (dt / 2)


@njit
def energy(x, v, masses):
    """Kinetic and potential energy of all bodies."""
    total = 0.0
    for i in range(len(x)):
        total += 0.5 * masses[i] * (v[i, 0] ** 2 + v[i, 1] ** 2 + v[i, 2] ** 2)
        for j in range(i):
            d = x[i] - x[j]
            total -= GRAVITY * masses[i] * masses[j] / np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
    return total


def period(body, years, dt=10.0):
    """The days that a planet takes to go round, by its angle seen from the sun."""
    x, v = POSITIONS.copy(), VELOCITIES.copy()
    angles = []
    for _ in range(int(years * YEAR / dt)):
        advance(x, v, MASSES, dt, 1)
        seen = x[body] - x[0]
        angles.append(np.arctan2(seen[1], seen[0]))
    turned = np.unwrap(angles)
    return dt * (len(turned) - 1) * 2 * np.pi / (turned[-1] - turned[0])


def main() -> None:
    """Check the periods against those that astronomers measure, and the energy."""
    for name, known in (("Jupiter", 4332.6), ("Saturn", 10759.2)):
        found = period(NAMES.index(name), 200)
        print(f"{name} goes round in {found:.0f} days (measured: {known:.0f})")
        assert abs(found / known - 1) < 0.01
    x, v = POSITIONS.copy(), VELOCITIES.copy()
    before = energy(x, v, MASSES)
    start = time.perf_counter()
    advance(x, v, MASSES, 5.0, int(1000 * YEAR / 5))
    took = time.perf_counter() - start
    drift = energy(x, v, MASSES) / before - 1
    print(f"1000 years in {took:.2f} s, the energy is off by {drift:.1e}")
    assert abs(drift) < 1e-5
    ours, theirs = (POSITIONS.copy(), VELOCITIES.copy()), (POSITIONS.copy(), VELOCITIES.copy())
    advance(*ours, MASSES, 5.0, 20)
    advance.py_func(*theirs, MASSES, 5.0, 20)
    assert np.allclose(ours, theirs, rtol=1e-13)


if __name__ == "__main__":
    main()
