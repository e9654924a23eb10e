"""Streams, in which the device does one thing after the other, and events between these things."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from kernelgen.runtime import device
from kernelgen.runtime.device import Driver

_Check = Callable[[], None]

_MOST = 1024
"""So many launches may be under way that might raise something; then they are waited for."""

_pending: dict[tuple[Driver, int], list[_Check]] = {}
"""What has been launched, by driver and stream: calls that raise what a kernel has raised."""

_lock = threading.Lock()


class Stream:
    """A stream: what it is given is done in order, while the host goes on.

    Made by `stream`.

    Attributes
    ----------
    handle : int
        The driver's number of it.
    """

    def __init__(self, driver: Driver, handle: int) -> None:
        self.driver = driver
        self.handle = handle

    def __repr__(self) -> str:
        return f"<stream {self.handle}>"

    def __int__(self) -> int:
        return self.handle

    def synchronize(self) -> None:
        """Wait until all is done that it has been given.

        Raises
        ------
        Exception
            The first that a kernel has raised.
        """
        synchronize(self.driver, self)


class Event:
    """A moment in a stream.

    Made by `event`.
    """

    def __init__(self, driver: Driver, handle: int) -> None:
        self._driver = driver
        self.handle = handle
        self._stream: Stream | int | None = None

    def record(self, stream: Stream | int | None = None) -> None:
        """Let it be when all is done that the stream has been given up to now."""
        self._stream = stream
        self._driver.record(self.handle, handle_of(stream))

    def wait(self, stream: Stream | int | None = None) -> None:
        """Have a stream wait for it."""
        self._driver.wait(self.handle, handle_of(stream))

    def query(self) -> bool:
        """Whether it has been."""
        return self._driver.is_done(self.handle)

    def synchronize(self) -> None:
        """Wait for it."""
        self._driver.synchronize_event(self.handle)

    def elapsed_time(self, end: Event) -> float:
        """The milliseconds to another event, which has been, as this one."""
        return self._driver.elapsed(self.handle, end.handle)


def stream() -> Stream:
    """Make a stream.

    Returns
    -------
    Stream
    """
    driver = device.current()
    made = Stream(driver, driver.create_stream())
    weakref.finalize(made, driver.destroy_stream, made.handle)
    return made


def event() -> Event:
    """Make an event.

    Returns
    -------
    Event
    """
    driver = device.current()
    made = Event(driver, driver.create_event())
    weakref.finalize(made, driver.destroy_event, made.handle)
    return made


def handle_of(given: Stream | int | Any | None) -> int:
    """The handle of a stream: ours, another library's with ``ptr`` or ``cuda_stream``, a number;
    0 is the default stream."""
    if given is None:
        return 0
    if isinstance(given, Stream):
        return given.handle
    for name in ("ptr", "cuda_stream", "handle"):
        found = getattr(given, name, None)
        if found is not None:
            return int(found)
    if isinstance(given, int):
        return given
    raise TypeError(f"{given!r} is no stream")


def expect(driver: Driver, stream: int, check: _Check) -> None:
    """Have a check made when the stream is waited for; at once if nothing is under way."""
    if driver.synchronous:
        check()
        return
    with _lock:
        checks = _pending.setdefault((driver, stream), [])
        checks.append(check)
        full = len(checks) >= _MOST
    if full:
        synchronize(driver, stream)


def synchronize(driver: Driver, stream: Any) -> None:
    """Wait for a stream, and raise the first exception of what it was given."""
    handle = handle_of(stream)
    driver.synchronize(handle)
    with _lock:
        checks = _pending.pop((driver, handle), [])
    _make(checks)


def synchronize_all() -> None:
    """Wait until the device has done all that it has been given.

    Raises
    ------
    Exception
        The first that a kernel has raised.
    """
    driver = device.current()
    driver.synchronize(None)
    with _lock:
        keys = [key for key in _pending if key[0] is driver]
        checks = [check for key in keys for check in _pending.pop(key)]
    _make(checks)


def _make(checks: list[_Check]) -> None:
    """Make all checks; the first exception is raised behind the last one."""
    raised: list[BaseException] = []
    for check in checks:
        try:
            check()
        except BaseException as error:  # whatever a kernel raises
            raised.append(error)
    if raised:
        raise raised[0]
