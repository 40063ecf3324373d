"""How many cores this process may use."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath


def available_cores(system: Path = Path("/")) -> int:
    """Return how many cores this process may use: those that it may run on, fewer where its container has a quota.

    Parameters
    ----------
    system
        The folder in which `/proc` and `/sys` are read.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *_quotas(system)]))


def _quotas(system: Path) -> Iterator[int]:
    """Yield the whole cores that the control groups of this process grant, from its own to the outermost one seen."""
    for mount, inner in _groups(system):
        for group in (inner, *inner.parents):
            folder = system / mount.relative_to("/") / group
            with suppress(OSError, ValueError):  # no such file; "max"
                quota, period = (folder / "cpu.max").read_text("ascii").split()
                yield int(quota) // int(period)
            with suppress(OSError, ValueError):
                quota = int((folder / "cpu.cfs_quota_us").read_text("ascii"))
                if quota > 0:
                    yield quota // int((folder / "cpu.cfs_period_us").read_text("ascii"))


def _groups(system: Path) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    """Yield where the hierarchies of control groups that share out cores are mounted, and our group below there."""
    try:
        lines = (system / "proc/self/cgroup").read_text("utf-8", "surrogateescape").splitlines()
        mounts = (system / "proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # not Linux
        return
    groups = {}  # by controllers: version 2 names none
    for line in lines:
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = PurePosixPath(group)
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, mount = before.split(" ")[3:5]
        kind, _, options = after.split(" ", 2)
        version_1 = kind == "cgroup" and "cpu" in options.split(",")
        group = groups.get("cpu" if version_1 else "")
        if group is not None and (version_1 or kind == "cgroup2"):
            # A container may see but its own part of a hierarchy, as the root or under the whole name.
            inner = group.relative_to(root) if group.is_relative_to(root) else group.relative_to("/")
            yield PurePosixPath(mount), inner
