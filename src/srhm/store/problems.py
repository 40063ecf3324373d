"""What can go wrong with a database, in words for the user."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ..errors import ArgumentError, SrhmError

_NO_ROOM = 2**20
"""Bytes free on a disk below which a failing write is called a full disk."""


class StoreBusy(SrhmError):  # noqa: N818 (it says what is the case)
    """Others kept the store locked for too long; the same call may succeed later."""


class StoreFull(SrhmError):  # noqa: N818
    """The disk of the store is full; what was put before is safe."""


def refused(name: str, problem: str, fix: str = "Name another place") -> ArgumentError:
    """Return the error of a place that cannot be a store."""
    return ArgumentError("store", name, problem, fix)


def foreign(name: str) -> ArgumentError:
    """Return the error of a database with other content."""
    return refused(name, "is not a store of srhm runs", "Name another place, or move this one away")


def explained(
    error: DBAPIError, name: str, path: Path | None, waited: float, *, secret: str | None, answered: bool
) -> SrhmError:
    """Return the error of the package that says what an error of the database means.

    Parameters
    ----------
    error
        What SQLAlchemy raised.
    name
        Name of the store, for the message.
    path
        Its file; None for a database of a server.
    waited
        Seconds that a locked store is waited for.
    secret
        The password, which is not shown.
    answered
        Whether the server answered before: then it may do so again.
    """
    reason = " ".join(str(error.orig).split()).rstrip(".?")  # of a server, on several lines
    if path is not None:
        return _of_file(getattr(error.orig, "sqlite_errorcode", 0), reason, name, path, waited)
    reason = reason.replace(secret, "***") if secret else reason
    return _of_server(getattr(error.orig, "sqlstate", None) or "", reason, name, waited, answered)


def _of_file(code: int, reason: str, name: str, path: Path, waited: float) -> SrhmError:
    kind = code & 0xFF  # the rest of the bits are details
    if kind == sqlite3.SQLITE_NOTADB:
        return foreign(name)
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(name, waited)
    no_room = kind == sqlite3.SQLITE_IOERR and (
        code == sqlite3.SQLITE_IOERR_SHMSIZE or shutil.disk_usage(path.absolute().parent).free < _NO_ROOM
    )
    if kind == sqlite3.SQLITE_FULL or no_room:
        return _full(name, reason)
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return refused(name, f"cannot be used: {reason}")
    return SrhmError(f"{name} failed: {reason}")


def _of_server(state: str, reason: str, name: str, waited: float, answered: bool) -> SrhmError:
    silent = not state or state.startswith(("08", "57P"))  # no connection, or a server that shuts down
    if silent and answered:
        return StoreBusy(f"{name} does not answer any more: {reason}. Wait until the server is back.")
    if silent or state.startswith("28") or state == "3D000":  # no entry, no such database
        fix = "Start the server, or mend the address, user or password"
        return refused(name, f"cannot be reached: {reason}", fix)
    if state in ("55P03", "40001", "40P01", "53300"):  # lock timeout, races, too many connections
        return _busy(name, waited)
    if state == "53100":
        return _full(name, reason)
    if state == "42501":
        return refused(name, f"cannot be used: {reason}", "Ask for the right to it")
    return SrhmError(f"{name} failed: {reason}")


def _busy(name: str, waited: float) -> StoreBusy:
    return StoreBusy(
        f"{name} is locked by another process, for more than {waited:g} seconds. Wait until that process has "
        "ended, or end it."
    )


def _full(name: str, reason: str) -> StoreFull:
    return StoreFull(
        f"{name} cannot grow: {reason}. Free some room on its disk; what was put before is safe."
    )
