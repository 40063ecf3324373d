"""Names of processes that own claims, by which others on the same machine see whether they still live."""

import hashlib
import os
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

_UNKNOWN = "-"


class Owner(NamedTuple):
    """What the name of an owner says: ``host:machine:pid:start:random``."""

    host: str
    """Name of the machine."""
    machine: str
    """A digest of the boot and of the container, since machines may have one name and processes one number."""
    pid: int
    """Number of the process."""
    start: str
    """When the process started, in ticks since the boot; ``-`` if unknown."""


def owner_name() -> str:
    """Return a new name for this process as the owner of claims."""
    pid = os.getpid()
    start = _start_of(pid) or _UNKNOWN
    return f"{_host()}:{_machine()}:{pid}:{start}:{secrets.token_hex(4)}"


def read_owner(owner: str) -> Owner | None:
    """Return what the name of an owner says, or None if it is not one of :func:`owner_name`."""
    parts = owner.split(":")
    if len(parts) != 5 or not parts[2].isdecimal():
        return None
    return Owner(parts[0], parts[1], int(parts[2]), parts[3])


def owner_is_dead(owner: str) -> bool:
    """Return whether an owner is known to have ended: it ran on this machine, and its process is gone.

    Of owners on other machines nothing is known: their claims end by themselves.
    """
    found = read_owner(owner)
    if found is None or (found.host, found.machine) != (_host(), _machine()):
        return False
    if not Path("/proc/self/stat").exists():
        return not _exists(found.pid)
    start = _start_of(found.pid)
    return start is None or found.start not in (start, _UNKNOWN)


def _host() -> str:
    return socket.gethostname().replace(":", "-")[:100]


def _machine() -> str:
    """Return a digest of what tells apart machines of one name, and containers on one machine."""
    known = []
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text("ascii"),
        lambda: str(Path("/proc/self/ns/pid").readlink()),
    ):
        try:
            known.append(read())
        except OSError:  # another system, or one that does not tell
            known.append("")
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]


def _start_of(pid: int) -> str | None:
    """Return when a process started, in ticks since the boot, or None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The second field is the name of the program, in parentheses, and may hold anything.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]  # a zombie computes nothing


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
