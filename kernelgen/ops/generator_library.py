"""Methods of ``np.random.Generator``, written in the kernel language.

They draw what NumPy's draw, in the same order. What fills an array goes over its elements in the
order of C.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from kernelgen.ops import generators as g
from kernelgen.ops.draws import Form, any_array
from kernelgen.ops.generator_integers import choice, integers, permutation, shuffle
from kernelgen.ops.parameter_library import (
    IS_NAN,
    above_one,
    any_number,
    chance,
    check_all,
    check_corners,
    check_failures,
    check_means,
    check_range,
    check_ranges,
    check_ratio,
    check_urn,
    mean_of_counts,
    not_negative,
    over_arrays,
    positive,
    probability,
    uncertain,
)
from kernelgen.ops.random_library import drawn
from kernelgen.ops.standard_draws import (
    gamma_over_arrays,
    random,
    standard_cauchy,
    standard_exponential,
    standard_gamma,
    standard_normal,
)

_next_binomial = g.NEXT["binomial"]
_next_negative_binomial = g.NEXT["negative_binomial"]
_next_uniform = g.NEXT["uniform"]
_over_binomial = g.OVER["binomial"]
_over_negative_binomial = g.OVER["negative_binomial"]
_over_uniform = g.OVER["uniform"]

__all__ = [  # methods as well
    "choice",
    "integers",
    "permutation",
    "random",
    "shuffle",
    "standard_cauchy",
    "standard_exponential",
    "standard_gamma",
    "standard_normal",
]

OVER_ARRAYS: dict[str, Callable[[Form], Callable[..., Any]]] = {}
"""What makes the function that draws with arrays of parameters, by its name."""

Check = Callable[..., None]


def _of_one(
    name: str, check: Check, called: str, dtype: Any = np.float64, check_arrays: Check | None = None
) -> Callable[..., Any]:
    """Draws with one parameter, which is called something in messages."""
    draw, over = g.NEXT[name], g.OVER[name]

    def of_arrays(form: Form) -> Callable[..., Any]:
        def draws(rng: Any, a: Any, size: Any) -> Any:
            if check_arrays is None:
                check_all(a, 1, check, called)
            else:
                check_arrays(a)
            return over_arrays(lambda x, y, z: draw(rng, x), form, size, dtype, a)

        return draws

    def of_number(rng: Any, a: Any, size: Any) -> Any:
        if any_array(a):
            return over(rng, a, size)
        x = float(a)
        check(x, called, IS_NAN)
        return drawn(lambda: draw(rng, x), size, dtype)

    OVER_ARRAYS[name] = of_arrays
    return of_number


def _of_two(
    name: str, check_a: Check, called_a: str, check_b: Check, called_b: str
) -> Callable[..., Any]:
    """Draws of floats with two parameters."""
    draw, over = g.NEXT[name], g.OVER[name]

    def of_arrays(form: Form) -> Callable[..., Any]:
        def draws(rng: Any, a: Any, b: Any, size: Any) -> Any:
            check_all(a, form.ranks[0], check_a, called_a)
            check_all(b, form.ranks[1], check_b, called_b)
            return over_arrays(lambda x, y, z: draw(rng, x, y), form, size, np.float64, a, b)

        return draws

    def of_numbers(rng: Any, a: Any, b: Any, size: Any) -> Any:
        if any_array(a, b):
            return over(rng, a, b, size)
        x, y = float(a), float(b)
        check_a(x, called_a, IS_NAN)
        check_b(y, called_b, IS_NAN)
        return drawn(lambda: draw(rng, x, y), size)

    OVER_ARRAYS[name] = of_arrays
    return of_numbers


def _of_three(name: str, kind: Any, dtype: Any, check: Check) -> Callable[..., Any]:
    """Draws with three parameters of a kind, which are checked together."""
    draw, over = g.NEXT[name], g.OVER[name]

    def of_arrays(form: Form) -> Callable[..., Any]:
        def draws(rng: Any, a: Any, b: Any, c: Any, size: Any) -> Any:
            check(a, b, c)
            return over_arrays(lambda x, y, z: draw(rng, x, y, z), form, size, dtype, a, b, c)

        return draws

    def of_numbers(rng: Any, a: Any, b: Any, c: Any, size: Any) -> Any:
        if any_array(a, b, c):
            return over(rng, a, b, c, size)
        x, y, z = kind(a), kind(b), kind(c)
        check(x, y, z)
        return drawn(lambda: draw(rng, x, y, z), size, dtype)

    OVER_ARRAYS[name] = of_arrays
    return of_numbers


_exponential = _of_one("exponential", not_negative, "scale")


def exponential(rng: Any, scale: Any = 1.0, size: Any = None) -> Any:
    return _exponential(rng, scale, size)


_chisquare = _of_one("chisquare", positive, "df")


def chisquare(rng: Any, df: Any, size: Any = None) -> Any:
    return _chisquare(rng, df, size)


_standard_t = _of_one("standard_t", positive, "df")


def standard_t(rng: Any, df: Any, size: Any = None) -> Any:
    return _standard_t(rng, df, size)


_pareto = _of_one("pareto", positive, "a")


def pareto(rng: Any, a: Any, size: Any = None) -> Any:
    return _pareto(rng, a, size)


_weibull = _of_one("weibull", not_negative, "a")


def weibull(rng: Any, a: Any, size: Any = None) -> Any:
    return _weibull(rng, a, size)


_power = _of_one("power", positive, "a")


def power(rng: Any, a: Any, size: Any = None) -> Any:
    return _power(rng, a, size)


_rayleigh = _of_one("rayleigh", not_negative, "scale")


def rayleigh(rng: Any, scale: Any = 1.0, size: Any = None) -> Any:
    return _rayleigh(rng, scale, size)


_poisson = _of_one("poisson", mean_of_counts, "lam", np.int64, check_means)


def poisson(rng: Any, lam: Any = 1.0, size: Any = None) -> Any:
    return _poisson(rng, lam, size)


_geometric = _of_one("geometric", chance, "p", np.int64)


def geometric(rng: Any, p: Any, size: Any = None) -> Any:
    return _geometric(rng, p, size)


_zipf = _of_one("zipf", above_one, "a", np.int64)


def zipf(rng: Any, a: Any, size: Any = None) -> Any:
    return _zipf(rng, a, size)


_logseries = _of_one("logseries", uncertain, "p", np.int64)


def logseries(rng: Any, p: Any, size: Any = None) -> Any:
    return _logseries(rng, p, size)


_normal = _of_two("normal", any_number, "loc", not_negative, "scale")


def normal(rng: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _normal(rng, loc, scale, size)


_lognormal = _of_two("lognormal", any_number, "mean", not_negative, "sigma")


def lognormal(rng: Any, mean: Any = 0.0, sigma: Any = 1.0, size: Any = None) -> Any:
    return _lognormal(rng, mean, sigma, size)


_gamma = _of_two("gamma", not_negative, "shape", not_negative, "scale")


def gamma(rng: Any, shape: Any, scale: Any = 1.0, size: Any = None) -> Any:
    return _gamma(rng, shape, scale, size)


_beta = _of_two("beta", positive, "a", positive, "b")


def beta(rng: Any, a: Any, b: Any, size: Any = None) -> Any:
    return _beta(rng, a, b, size)


_noncentral_chisquare = _of_two("noncentral_chisquare", positive, "df", not_negative, "nonc")


def noncentral_chisquare(rng: Any, df: Any, nonc: Any, size: Any = None) -> Any:
    return _noncentral_chisquare(rng, df, nonc, size)


_f = _of_two("f", positive, "dfnum", positive, "dfden")


def f(rng: Any, dfnum: Any, dfden: Any, size: Any = None) -> Any:
    return _f(rng, dfnum, dfden, size)


_laplace = _of_two("laplace", any_number, "loc", not_negative, "scale")


def laplace(rng: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _laplace(rng, loc, scale, size)


_gumbel = _of_two("gumbel", any_number, "loc", not_negative, "scale")


def gumbel(rng: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _gumbel(rng, loc, scale, size)


_logistic = _of_two("logistic", any_number, "loc", not_negative, "scale")


def logistic(rng: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _logistic(rng, loc, scale, size)


_wald = _of_two("wald", positive, "mean", positive, "scale")


def wald(rng: Any, mean: Any, scale: Any, size: Any = None) -> Any:
    return _wald(rng, mean, scale, size)


_vonmises = _of_two("vonmises", any_number, "mu", not_negative, "kappa")


def vonmises(rng: Any, mu: Any, kappa: Any, size: Any = None) -> Any:
    return _vonmises(rng, mu, kappa, size)


_triangular = _of_three("triangular", float, np.float64, check_corners)


def triangular(rng: Any, left: Any, mode: Any, right: Any, size: Any = None) -> Any:
    return _triangular(rng, left, mode, right, size)


_hypergeometric = _of_three("hypergeometric", index, np.int64, check_urn)


def hypergeometric(rng: Any, ngood: Any, nbad: Any, nsample: Any, size: Any = None) -> Any:
    return _hypergeometric(rng, ngood, nbad, nsample, size)


_noncentral_f = _of_three("noncentral_f", float, np.float64, check_ratio)


def noncentral_f(rng: Any, dfnum: Any, dfden: Any, nonc: Any, size: Any = None) -> Any:
    return _noncentral_f(rng, dfnum, dfden, nonc, size)


def uniform(rng: Any, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
    if any_array(low, high):
        return _over_uniform(rng, low, high, size)
    first = float(low)
    length = float(high) - first
    check_range(first, length)
    return drawn(lambda: _next_uniform(rng, first, length), size)


def _uniform_over_arrays(form: Form) -> Callable[..., Any]:
    def draws(rng: Any, low: Any, high: Any, size: Any) -> Any:
        length = high * 1.0 - low * 1.0
        check_ranges(length)
        check_all(length, 1, not_negative, "high - low")
        draw = lambda x, y, z: _next_uniform(rng, x, y)  # noqa: E731
        return over_arrays(draw, form.with_range, size, np.float64, low, length)

    return draws


def binomial(rng: Any, n: Any, p: Any, size: Any = None) -> Any:
    if any_array(n, p):
        return _over_binomial(rng, n, p, size)
    count, chance = index(n), float(p)
    probability(chance, "p", IS_NAN)
    not_negative(count, "n", IS_NAN)
    return drawn(lambda: _next_binomial(rng, count, chance), size, np.int64)


def _binomial_over_arrays(form: Form) -> Callable[..., Any]:
    def draws(rng: Any, n: Any, p: Any, size: Any) -> Any:
        check_all(p, form.ranks[1], probability, "p")
        check_all(n, form.ranks[0], not_negative, "n")
        draw = lambda x, y, z: _next_binomial(rng, y, x)  # noqa: E731
        return over_arrays(draw, turned, size, np.int64, p, n)

    turned = form._replace(ranks=(form.ranks[1], form.ranks[0], 0))
    return draws


def negative_binomial(rng: Any, n: Any, p: Any, size: Any = None) -> Any:
    if any_array(n, p):
        return _over_negative_binomial(rng, n, p, size)
    count, chance = float(n), float(p)
    check_failures(count, chance)
    return drawn(lambda: _next_negative_binomial(rng, count, chance), size, np.int64)


def _negative_binomial_over_arrays(form: Form) -> Callable[..., Any]:
    def draws(rng: Any, n: Any, p: Any, size: Any) -> Any:
        check_failures(n, p)
        draw = lambda x, y, z: _next_negative_binomial(rng, x, y)  # noqa: E731
        return over_arrays(draw, form, size, np.int64, n, p)

    return draws


OVER_ARRAYS |= {
    "standard_gamma": gamma_over_arrays,
    "uniform": _uniform_over_arrays,
    "binomial": _binomial_over_arrays,
    "negative_binomial": _negative_binomial_over_arrays,
}
