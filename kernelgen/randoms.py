"""The native functions that draw random numbers; ``runtime/random_states.py`` has them."""

from __future__ import annotations

DOUBLE = "kernelgen_random_double"
GAUSS = "kernelgen_random_gauss"
EXPONENTIAL = "kernelgen_random_exponential"
BELOW = "kernelgen_random_below"
SEED = "kernelgen_random_seed"

DECLARED = {
    DOUBLE: f"declare double @{DOUBLE}() nounwind",
    GAUSS: f"declare double @{GAUSS}() nounwind",
    EXPONENTIAL: f"declare double @{EXPONENTIAL}() nounwind",
    BELOW: f"declare i64 @{BELOW}(i64) nounwind",
    SEED: f"declare void @{SEED}(i64) nounwind",
}
"""Their declarations, by symbol."""
