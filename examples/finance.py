"""European options by Black and Scholes, priced on a grid. Run as ``python finance.py``."""

import math

import numpy as np

import kernelgen as kg

SQRT_HALF = math.sqrt(0.5)
RATE = 0.03


def normal_cdf(x):
    """Distribution function of the standard normal distribution."""
    return 0.5 * (1.0 + math.erf(x * SQRT_HALF))


@kg.vectorize
def price(spot, strike, years, volatility):
    """Prices of a call and of a put option."""
    spread = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (RATE + 0.5 * volatility * volatility) * years) / spread
    d2 = d1 - spread
    discounted = strike * math.exp(-RATE * years)
    call = spot * normal_cdf(d1) - discounted * normal_cdf(d2)
    return call, call - spot + discounted


@kg.vectorize
def implied_volatility(target, spot, strike, years):
    """Volatility at which a call has its market price, by bisection."""
    low = 0.001
    high = 4.0
    while high - low > 1e-10:
        middle = 0.5 * (low + high)
        spread = middle * math.sqrt(years)
        d1 = (math.log(spot / strike) + (RATE + 0.5 * middle * middle) * years) / spread
        call = spot * normal_cdf(d1) - strike * math.exp(-RATE * years) * normal_cdf(d1 - spread)
        if call < target:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def call_numpy(spot, strike, years, volatility):
    """Price of a call, with NumPy alone."""
    erf = np.vectorize(math.erf, otypes=[float])
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (RATE + 0.5 * volatility**2) * years) / spread
    cdf1, cdf2 = (0.5 * (1.0 + erf(d * SQRT_HALF)) for d in (d1, d1 - spread))
    return spot * cdf1 - strike * np.exp(-RATE * years) * cdf2


def show(strikes, years, table):
    """Print prices: a row per strike, a column per time to expiry."""
    print("strike", "".join(f"{time:>8.2f}y" for time in years))
    for strike, row in zip(strikes, table, strict=True):
        print(f"{strike:>6.0f}", "".join(f"{value:>9.3f}" for value in row))


def main():
    """Price a grid of options and find the volatilities back."""
    spot, volatility = 100.0, 0.25
    strikes, years = np.linspace(80.0, 120.0, 9), np.array([0.25, 0.5, 1.0, 2.0, 5.0])
    grid = strikes[:, None], years

    call, put = price(spot, *grid, volatility)
    print(f"calls at a spot price of {spot:g}, volatility {volatility:.0%}")
    show(strikes, years, call)
    assert np.allclose(call, call_numpy(spot, *grid, volatility), rtol=1e-12, atol=1e-10)
    assert np.all(put > 0.0)

    found = implied_volatility(call, spot, *grid)
    print(f"volatilities found back from the prices: {found.min():.6f} to {found.max():.6f}")
    assert np.allclose(found, volatility, atol=1e-6)


if __name__ == "__main__":
    main()
