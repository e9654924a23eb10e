"""The one pool of threads that all parallel code of the process runs on.

It is created when something is first launched, and again in the child of a fork. It is our own,
as what systems offer cannot do all that it has to: OpenMP's runtimes abort or hang where several
threads launch at once, or in the child of a fork; none promises that what is launched from within
a launch goes on, and none takes an exception of Python from one thread to another. The native
part is `pool_code`.
"""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from typing import NamedTuple

from kernelgen.runtime import engine, locks, pool_code, threads
from kernelgen.targets import parallel


class Pool:
    """The memory of the pool, and its workers."""

    def __init__(self) -> None:
        self._bytes = (ctypes.c_char * (pool_code.SIZE + 64))()
        self.address = -(-ctypes.addressof(self._bytes) // 64) * 64
        self._starter = self.start_workers  # one object, whose address the native code holds
        limits = ctypes.addressof(parallel.limits)
        symbols = {**pool_code.symbols(), "start": id(self._starter), "limits": limits}
        module = engine.compile_module(pool_code.source(), opt_level=0)
        exports = [*pool_code.FUNCTIONS, pool_code.WORKER, pool_code.RESET]
        self._library = engine.link(module.object_code, exports, symbols)
        self.functions = {name: self._library.address(name) for name in pool_code.FUNCTIONS}
        self._reset = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(
            self._library.address(pool_code.RESET)
        )
        self._work = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
            self._library.address(pool_code.WORKER)
        )
        self.reset()

    def reset(self) -> None:
        """Forget all workers and launches, which are not in the child of a fork."""
        self._starting = threading.Lock()
        self._reset(self.address)
        self._word(pool_code.MAIN).value = threading.main_thread().ident or 0
        self.set_room(threads.get_num_threads() - 1)

    @property
    def workers(self) -> int:
        """How many there are."""
        return self._word(pool_code.WORKERS).value

    def set_room(self, workers: int) -> None:
        """Have at most so many workers at work on one launch."""
        self._word(pool_code.ROOM).value = workers

    def _word(self, offset: int) -> ctypes.c_int64:
        return ctypes.c_int64.from_address(self.address + offset)

    def start_workers(self) -> None:
        """Start those that are missing; where that fails, launches do with those there are."""
        with self._starting:
            workers, room = self._word(pool_code.WORKERS), self._word(pool_code.ROOM)
            while workers.value < room.value:
                number = workers.value + 1
                thread = threading.Thread(
                    target=self._work,
                    args=(self.address, number),
                    name=f"kernelgen-{number}",
                    daemon=True,
                )
                try:
                    thread.start()
                except RuntimeError:  # the system's limit, or the interpreter ends
                    room.value = workers.value
                    return
                workers.value = number


@cache
def _the_pool() -> Pool:
    made = Pool()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=made.reset)
    threads.pools.append(made)
    return made


class Launcher(NamedTuple):
    """The pool and its functions, which are there for the life of the process.

    Attributes
    ----------
    pool : int
        Its address.
    functions : dict of str to int
        The addresses of `pool_code.FUNCTIONS`.
    """

    pool: int
    functions: dict[str, int]

    @property
    def launch(self) -> int:
        """``int launch(pool, int (*run)(argument, int64_t chunk), argument, int64_t chunks)``.

        It returns 0, or -1 with an exception set.
        """
        return self.functions[pool_code.LAUNCH]

    @property
    def symbols(self) -> dict[str, int]:
        """What code is linked with that shares something."""
        return {**self.functions, "limits": ctypes.addressof(parallel.limits)}


def launcher() -> Launcher:
    """Return the pool, which is made if there is none."""
    with locks.compiling:
        made = _the_pool()
    return Launcher(made.address, made.functions)
