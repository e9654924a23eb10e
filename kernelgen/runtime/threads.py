"""How many threads run parallel kernels: what users set and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelgen import config
from kernelgen.errors import KernelgenError

if TYPE_CHECKING:
    from kernelgen.runtime.pool import Pool

_MOST = 512


class ThreadingInfo(NamedTuple):
    """What the pool is made of at the moment.

    Attributes
    ----------
    num_threads : int
        How many threads work on one launch at most, the calling one among them.
    workers : int
        How many other threads there are. There are none before the first launch.
    cpus : int
        How many processors the process may use, by its affinity and by its cgroup's quota.
    """

    num_threads: int
    workers: int
    cpus: int


_chosen: list[int] = []

pools: list[Pool] = []
"""The one pool, once it is made."""


def get_num_threads() -> int:
    """How many threads work on one call of a parallel kernel at most, the calling one among them.

    At first as many as the process may use processors, or what ``KERNELGEN_NUM_THREADS`` says.

    Returns
    -------
    int

    Raises
    ------
    KernelgenError
        The switch is not a positive integer.

    Examples
    --------
    >>> import kernelgen
    >>> kernelgen.set_num_threads(2)
    >>> kernelgen.get_num_threads()
    2
    """
    if not _chosen:
        _chosen.append(_first_choice())
    return _chosen[0]


def _first_choice() -> int:
    given = config.NUM_THREADS.value()
    if not given:
        return _cpus()
    if not given.isdecimal() or not 1 <= int(given) <= _MOST:
        raise KernelgenError(f"{config.NUM_THREADS.name}={given!r}: it is from 1 to {_MOST}")
    return int(given)


def _cpus() -> int:
    from kernelgen.runtime import cpus  # importing us stays cheap

    return cpus.count()


def set_num_threads(n: int) -> None:
    """Have at most ``n`` threads work on one call of a parallel kernel, the calling one among them.

    It holds for all threads of the process, and for calls that begin later. More threads than
    processors make nothing faster.

    Parameters
    ----------
    n : int
        From 1 to 512.

    Raises
    ------
    KernelgenError
        It is not.
    """
    if not isinstance(n, int) or not 1 <= n <= _MOST:
        raise KernelgenError(f"set_num_threads({n!r}): it is an integer from 1 to {_MOST}")
    _chosen[:] = [n]
    for pool in pools:
        pool.set_room(n - 1)


def get_thread_id() -> int:
    """The number of the thread that runs an iteration of a loop that threads share.

    Returns
    -------
    int
        0 of the thread that called the function, and outside of such loops; else that of the
        worker, from 1 to ``threading_info().workers``. No two threads that work on a loop at one
        time have the same. Which thread runs an iteration may be another one in each call.

    Examples
    --------
    >>> import kernelgen
    >>> kernelgen.get_thread_id()
    0
    """
    return 0


def threading_info() -> ThreadingInfo:
    """What the pool of threads is made of at the moment.

    Returns
    -------
    ThreadingInfo
        A named tuple of ``num_threads``, ``workers`` and ``cpus``.

    Examples
    --------
    >>> import kernelgen
    >>> kernelgen.threading_info().cpus >= 1
    True
    """
    workers = sum(pool.workers for pool in pools)
    return ThreadingInfo(get_num_threads(), workers, _cpus())
