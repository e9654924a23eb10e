"""``prange``: the range of a loop whose iterations may run in any order, on several threads."""

from __future__ import annotations

from kernelgen.errors import KernelgenError

SCHEDULES = ("dynamic", "static")


def prange(*bounds: int, schedule: str = "dynamic") -> range:
    """``range``, for a loop whose iterations do not depend on each other.

    Under ``jit(parallel=True)`` threads share the iterations; everywhere else, they run one after
    the other. ``f.parallel_report()`` says what became of each loop.

    Parameters
    ----------
    *bounds : int
        Those of ``range``: stop, or start and stop, or start, stop and step.
    schedule : {"dynamic", "static"}
        Who runs which iterations. "dynamic": each thread takes some more when it is done with
        some, which evens out iterations that take different times. "static": each thread gets one
        run of them, all equally long.

    Returns
    -------
    range

    Raises
    ------
    KernelgenError
        There is no such schedule.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import jit, prange
    >>> @jit(parallel=True)
    ... def total(a):
    ...     s = 0.0
    ...     for i in prange(len(a)):
    ...         s += a[i]
    ...     return s
    >>> total(np.ones(1000))
    1000.0
    """
    return scheduled(range(*bounds), schedule)


def scheduled(numbers: range, schedule: str) -> range:
    """The range itself; where it is compiled, it is known to be one of a ``prange``."""
    if schedule not in SCHEDULES:
        raise KernelgenError(f"prange(schedule={schedule!r}): it is one of {', '.join(SCHEDULES)}")
    return numbers
