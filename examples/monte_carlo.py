"""Monte Carlo on all processors: the same numbers for a seed, whatever the number of threads.

The value of a call option on the average price of a share, by paths of its price. The paths are
divided into parts. Each part has a random stream of its own, spawned from the seed, and is one
iteration of a loop that threads share; so which thread computes it makes no difference.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np

from kernelgen import get_num_threads, jit, prange, set_num_threads

PARTS = 64


@jit(parallel=True)
def asian_call(streams, paths, days, spot, strike, rate, volatility):
    """The mean of what the option pays, discounted, and the standard error of that mean."""
    dt = 1 / days
    drift = (rate - 0.5 * volatility**2) * dt
    spread = volatility * np.sqrt(dt)
    total, squares = 0.0, 0.0
    for part in prange(len(streams)):
        rng = streams[part]
        for _ in range(paths // len(streams)):
            price, sum_of_prices = spot, 0.0
            for _ in range(days):
                price *= np.exp(drift + spread * rng.standard_normal())
                sum_of_prices += price
            pays = max(sum_of_prices / days - strike, 0.0) * np.exp(-rate)
            total += pays
            squares += pays * pays
    n = paths // len(streams) * len(streams)
    mean = total / n
    return mean, np.sqrt((squares / n - mean * mean) / n)


def streams(seed):
    """As many independent generators as there are parts."""
    return tuple(map(np.random.default_rng, np.random.SeedSequence(seed).spawn(PARTS)))


def main(paths=200_000):
    found = []
    for threads in sorted({1, get_num_threads()}):
        set_num_threads(threads)
        asian_call(streams(0), PARTS, 2, 100.0, 100.0, 0.05, 0.2)  # compiled here
        begun = perf_counter()
        mean, error = asian_call(streams(1), paths, 50, 100.0, 100.0, 0.05, 0.2)
        seconds = perf_counter() - begun
        print(f"{threads} thread(s): {mean:.17g} +- {error:.3f} in {seconds:.2f} s")
        found.append((mean, error))
    print("the same to the last bit:", len(set(found)) == 1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
