"""Running a test in many Python threads."""

from __future__ import annotations

import threading


def in_threads(drive, count):
    """Call ``drive(number)`` in so many threads, and wait for them."""
    threads = [threading.Thread(target=drive, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
