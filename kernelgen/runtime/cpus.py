"""How many processors this process may use."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path


def count() -> int:
    """The processors of the process's affinity mask, or fewer if its cgroup has a smaller quota.

    At least one.
    """
    allowed = quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return max(1, math.ceil(min(_affinity(), allowed)))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(groups: Path, mount: Path) -> float:
    """The processors' time that a cgroup and those above it may take each second.

    Parameters
    ----------
    groups : Path
        The file that names the groups of the process.
    mount : Path
        Where the file systems of groups are.

    Returns
    -------
    float
        In processors; infinite if nothing limits it.
    """
    least = math.inf
    with contextlib.suppress(OSError):
        for line in groups.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                top, read = mount, _of_version_2
            elif "cpu" in controllers.split(","):
                top, read = mount / "cpu", _of_version_1
            else:
                continue
            group = top / path.lstrip("/")
            for each in (group, *group.parents):
                least = min(least, read(each))
                if each == top:
                    break
    return least


def _of_version_2(group: Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        limit, period = map(int, (group / "cpu.max").read_text().split())
        return limit / period
    return math.inf


def _of_version_1(group: Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        limit = int((group / "cpu.cfs_quota_us").read_text())
        if limit > 0:
            return limit / int((group / "cpu.cfs_period_us").read_text())
    return math.inf
