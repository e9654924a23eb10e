"""Random kernels for as long as you like: ``python -m tests.fuzz --minutes 30``.

Each kernel runs as plain Python on NumPy scalars, by the IR interpreter before and after the
rewrites, and as machine code in several array layouts (``tests/semantics/test_random_kernels.py``,
whose short run is part of the suite). One in four batches has functions on arrays
(``test_random_array_kernels.py``). A mismatch is shrunk to a small kernel and printed with the seed
that leads to it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

os.environ.setdefault("KERNELGEN_VERIFY", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "semantics"))

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from random_array_kernels import array_kernels
from random_kernels import kernels
from test_random_array_kernels import COUNTED as OF_ARRAYS
from test_random_array_kernels import check_array_kernel
from test_random_kernels import COUNTED, check_kernel

BATCH = 10
ROWS = 20


OPT_LEVELS = ("3", "0", "1")
"""Of one batch after the other: most defects show without the passes, which cost the most."""


def run_batch(number: int, *, shrinks: bool) -> None:
    """Check ``BATCH`` kernels that follow from one seed; make those that fail small."""
    os.environ["KERNELGEN_OPT_LEVEL"] = OPT_LEVELS[number % len(OPT_LEVELS)]
    of_arrays = number % 4 == 3

    @seed(number)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *[Phase.shrink] * shrinks],
        print_blob=False,
    )
    @given(array_kernels() if of_arrays else kernels(ROWS))
    def check(case: object) -> None:
        (check_array_kernel if of_arrays else check_kernel)(case)

    check()


def main() -> int:
    """Run batches until the time is up; 1 after a mismatch."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the first batch")
    parser.add_argument("--as-found", action="store_true", help="do not shrink mismatches")
    options = parser.parse_args()
    sys.set_int_max_str_digits(0)  # Python's ints have as many as shifts make
    number = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    end = time.monotonic() + 60 * options.minutes
    first = number
    print(f"seed {first}", flush=True)
    while time.monotonic() < end:
        try:
            with np.errstate(all="ignore"):
                run_batch(number, shrinks=not options.as_found)
        except BaseException:
            print(f"mismatch in the batch of seed {number}: --seed {number}", flush=True)
            raise
        number += 1
    COUNTED.update(OF_ARRAYS)
    print(
        f"{COUNTED['kernels']} kernels, of which {COUNTED['compiled']} compiled, "
        f"{COUNTED['values']} values of machine code, {number - first} seeds, ok"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
