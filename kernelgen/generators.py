"""The native functions that draw from ``np.random.Generator`` objects: NumPy's own.

Code is given the address of a generator's interface: where its state lies, and the functions that
draw words and floats from it. NumPy's functions of distributions take the same address. How they
are found, and what is locked meanwhile, is in ``runtime/generators.py``.
"""

from __future__ import annotations

from kernelgen.types.table import FLOAT32, WEAK_FLOAT, WEAK_INT, Scalar
from kernelgen.ziggurats import SCALED, ZIGGURATS

NEXT_UINT64, NEXT_UINT32, NEXT_DOUBLE = 8, 16, 24
"""Where in an interface the addresses of the functions are. That of the state is the first word."""

BINOMIAL = 40
"""Behind the interface: what NumPy keeps of the last binomial distribution."""

LOCK = "kernelgen_lock_generators"
UNLOCK = "kernelgen_unlock_generators"

_F, _I = WEAK_FLOAT, WEAK_INT

FUNCTIONS: dict[str, tuple[Scalar, ...]] = {
    "standard_uniform_f": (FLOAT32,),
    "standard_normal": (_F,),
    "standard_normal_f": (FLOAT32,),
    "standard_exponential": (_F,),
    "standard_exponential_f": (FLOAT32,),
    "standard_exponential_inv_fill": (_F,),
    "standard_exponential_inv_fill_f": (FLOAT32,),
    "standard_gamma": (_F, _F),
    "standard_gamma_f": (FLOAT32, FLOAT32),
    "standard_cauchy": (_F,),
    "standard_t": (_F, _F),
    "uniform": (_F, _F, _F),
    "normal": (_F, _F, _F),
    "lognormal": (_F, _F, _F),
    "exponential": (_F, _F),
    "gamma": (_F, _F, _F),
    "beta": (_F, _F, _F),
    "chisquare": (_F, _F),
    "noncentral_chisquare": (_F, _F, _F),
    "f": (_F, _F, _F),
    "noncentral_f": (_F, _F, _F, _F),
    "pareto": (_F, _F),
    "weibull": (_F, _F),
    "power": (_F, _F),
    "laplace": (_F, _F, _F),
    "gumbel": (_F, _F, _F),
    "logistic": (_F, _F, _F),
    "rayleigh": (_F, _F),
    "wald": (_F, _F, _F),
    "vonmises": (_F, _F, _F),
    "triangular": (_F, _F, _F, _F),
    "poisson": (_I, _F),
    "negative_binomial": (_I, _F, _F),
    "binomial": (_I, _I, _F),
    "geometric": (_I, _F),
    "zipf": (_I, _F),
    "logseries": (_I, _F),
    "hypergeometric": (_I, _I, _I, _I),
}
"""The type of what each draws, and of the parameters behind the address.

Those that fill memory are given how many to draw, and where to put them.
"""


def symbol(name: str) -> str:
    """What code calls a function by; of NumPy's own, its name is behind the first word."""
    own = name in ZIGGURATS or name in SCALED
    return f"kernelgen_{name}" if own else f"numpy_random_{name}"


def _declaration(name: str) -> str:
    if name in ZIGGURATS:
        return ZIGGURATS[name].definition
    if name in SCALED:
        return SCALED[name]
    if "_fill" in name:
        return f"declare void @{symbol(name)}(ptr, i64, ptr) nounwind"
    result, *params = (t.llvm for t in FUNCTIONS[name])
    given = ", ".join(as_numpy_takes(name, ["ptr", *params], "ptr"))
    return f"declare {result} @{symbol(name)}({given}) nounwind"


def as_numpy_takes(name: str, given: list[str], kept: str) -> list[str]:
    """The address and the parameters in NumPy's order, with what is kept if that is asked for."""
    return [given[0], *given[:0:-1], kept] if name == "binomial" else given


DECLARED = {name: _declaration(name) for name in FUNCTIONS}
"""Their declarations, by name; definitions of those that are not NumPy's own."""


def needed(name: str) -> tuple[str, ...]:
    """The functions that code with a call of one has to declare."""
    return (f"standard_{name}", name) if name in SCALED else (name,)
