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


class Pool:
    """The memory of the pool, and its workers."""

    def __init__(self) -> None:
        self._bytes = (ctypes.c_char * (pool_code.SIZE + 64))()
        self.address = -(-ctypes.addressof(self._bytes) // 64) * 64
        self._starter = self.start_workers  # one object, whose address the native code holds
        symbols = {**pool_code.symbols(), "start": id(self._starter)}
        module = engine.compile_module(pool_code.source(), opt_level=0)
        functions = [pool_code.LAUNCH, pool_code.NOW, pool_code.THREAD]
        exports = [*functions, pool_code.WORKER, pool_code.RESET]
        self._library = engine.link(module.object_code, exports, symbols)
        self.launch, self.now, self.thread = map(self._library.address, functions)
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
    """Addresses that hold for the life of the process.

    Attributes
    ----------
    launch : int
        ``int launch(pool, int (*run)(argument, int64_t chunk), argument, int64_t chunks)``: 0, or
        -1 with an exception set.
    pool : int
        What it is given first.
    now : int
        ``int64_t now(void)``, the nanoseconds of a clock.
    thread : int
        ``int64_t thread(void)``, the number of the calling thread.
    """

    launch: int
    pool: int
    now: int
    thread: int


def launcher() -> Launcher:
    """Return the addresses of the pool, which is made if there is none."""
    with locks.compiling:
        made = _the_pool()
    return Launcher(made.launch, made.address, made.now, made.thread)
