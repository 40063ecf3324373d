"""Check that data fit into main memory before any of them are made."""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ArgumentError

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


@cache
def main_memory() -> int | None:
    """Return the bytes of main memory that this process may have: the machine's, or those of its container.

    None if the system does not report it.
    """
    known = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            known.append(int(file.read_text()))
    return min((size for size in known if size > 0), default=None)


def check_memory(argument: str, value: Any, needed: int, what: str, fix: str) -> None:
    """Raise an :class:`~srhm.ArgumentError` if an argument makes something need more bytes than there are.

    Examples
    --------
    >>> check_memory("count", 10, 1000, "a data set", "Use a smaller count")  # nothing happens: it fits
    """
    there = main_memory()
    if there is not None and needed > there:
        problem = f"makes {what} of {size_text(needed)}, more than the {size_text(there)} of memory here"
        raise ArgumentError(argument, value, problem, fix)


def size_text(size: int) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> size_text(999), size_text(33_500_000_000), size_text(5 * 10**21)
    ('999 bytes', '33.5 GB', '5000.0 EB')
    """
    power = min((len(str(size)) - 1) // 3, len(_UNITS) - 1)
    return f"{size / 1000**power:.1f} {_UNITS[power]}" if power else f"{size} bytes"
