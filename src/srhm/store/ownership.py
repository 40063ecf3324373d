"""The process that computes the runs of a store: one at a time, by a lock on a file next to the store.

The system gives the lock back when its process ends, however it ends, so a killed driver blocks nobody.
"""

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import SrhmError
from .problems import refused


@dataclass(frozen=True)
class DriverInfo:
    """A process that computes the runs of a store, or one that was killed meanwhile."""

    host: str
    """Name of its machine."""
    machine: str
    """The boot and the container of that machine: different machines may have the same name and process numbers."""
    pid: int
    """Number of the process there."""
    title: str
    """Its title, such as its command."""
    total: int
    """Number of its searches and single runs."""
    finished_before: int
    """Number of those that were finished when it began."""
    done: int
    """Number of those that are finished or given up now."""
    running: int
    """Number of runs that are running now."""
    started: float
    """Start time, in seconds since 1970."""
    seen: float
    """Time of the last update, in seconds since 1970."""
    alive: bool = True
    """Whether it is running. If not, it was killed, and the same command resumes."""

    @property
    def here(self) -> bool:
        """Whether its process is on this machine and can be sent a signal."""
        return (self.host, self.machine) == (socket.gethostname(), _machine())

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        return f"{self.title or 'a driver'} (process {self.pid} on {self.host}, since {when})"


class StoreInUse(SrhmError):  # noqa: N818 (it says what is the case)
    """Another process computes the runs of the store."""


class Ownership:
    """The right to compute the runs of a store, held until :meth:`end` or the end of the process.

    Parameters
    ----------
    path
        The file of the store.
    title, total, done
        The description of the driver; see :class:`DriverInfo`.

    Raises
    ------
    StoreInUse
        If another process has it.
    ArgumentError
        If the disk has no locks.
    """

    def __init__(self, path: Path, title: str, total: int, done: int) -> None:
        now, self._file = time.time(), _file_of(path)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = self._locked(path)
        self._info = DriverInfo(
            socket.gethostname(), _machine(), os.getpid(), title, total, done, done, 0, now, now
        )
        self.update(done, 0)

    def _locked(self, path: Path) -> int:
        """Return the descriptor of the locked file."""
        until = time.monotonic() + _ASKED_SECONDS
        while True:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                with suppress(FileNotFoundError):  # its last owner may have deleted it since we opened it
                    if _lock(descriptor, path) and _same(descriptor, self._file):
                        owned, descriptor = descriptor, -1
                        return owned
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
            if time.monotonic() > until:
                other = driver_of(path)
                who = "another process" if other is None else str(other)
                raise StoreInUse(
                    f"{path} is in use by {who}. Wait until it has ended, stop it with `srhm cancel {path}`, or "
                    "compute into another store and merge the two later"
                )
            time.sleep(0.02)

    def update(self, done: int, running: int) -> None:
        """Write the progress of the driver."""
        self._info = replace(self._info, done=done, running=running, seen=time.time())
        content = json.dumps({name: value for name, value in asdict(self._info).items() if name != "alive"})
        with suppress(OSError):  # a full disk; it is only for others to read
            os.pwrite(self._descriptor, content.encode().ljust(_BYTES), 0)

    def end(self) -> None:
        """Release the store."""
        self._file.unlink(missing_ok=True)
        os.close(self._descriptor)


def driver_of(path: Path) -> DriverInfo | None:
    """Return the driver of a store, or the one that was killed last; None if there is none."""
    file = _file_of(path)
    try:
        with file.open("rb") as opened:
            alive = not _lock(opened.fileno(), path, shared=True)
            content: Any = json.loads(opened.read())
        known: Mapping[str, Any] = {one.name: content[one.name] for one in fields(DriverInfo)[:-1]}
        return DriverInfo(**known, alive=alive)
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is just beginning
        return None


def ask_driver_to_stop(driver: DriverInfo) -> None:
    """Ask a driver of this machine to stop, by SIGTERM; one that has ended, or is on another machine, is left alone."""
    if driver.alive and driver.here:
        with suppress(ProcessLookupError):
            os.kill(driver.pid, signal.SIGTERM)


_ASKED_SECONDS = 0.5
"""How long to try: those who ask whether there is a driver lock the file for a moment."""
_BYTES = 4096
"""Length of the file: what is said always fills it, so it is written in one piece."""


def _file_of(path: Path) -> Path:
    path = path.absolute()
    return path.with_name(f"{path.name}-driver")


def _lock(descriptor: int, path: Path, *, shared: bool = False) -> bool:
    """Lock an open file, if nobody else has locked it; return whether it is locked now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        fix = "Put the store on a local disk"
        raise refused(str(path), f"lies on a disk without locks: {error.strerror}", fix) from error
    return True


def _same(descriptor: int, file: Path) -> bool:
    """Return whether an open file is still the one of that name."""
    return os.path.samestat(os.fstat(descriptor), file.stat())


def _machine() -> str:
    """Return what distinguishes machines of the same name, and containers on one machine."""
    known = []
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
        lambda: str(Path("/proc/self/ns/pid").readlink()),
    ):
        with suppress(OSError):  # another system, or one that does not say
            known.append(read())
    return " ".join(known)
