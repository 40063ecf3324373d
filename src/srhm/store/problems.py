"""Errors with the file of a store, explained to the user."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ..errors import ArgumentError, SrhmError

_NO_ROOM = 2**20
"""Free bytes on a disk below which a failed write is reported as a full disk."""


class StoreBusy(SrhmError):  # noqa: N818 (it says what is the case)
    """Others kept the store locked for too long; the same call may succeed later."""


class StoreFull(SrhmError):  # noqa: N818
    """The disk of the store is full; runs written before are safe."""


def refused(name: str, problem: str, fix: str = "Name another file") -> ArgumentError:
    """Return the error of a path that cannot be a store."""
    return ArgumentError("store", name, problem, fix)


def foreign(name: str) -> ArgumentError:
    """Return the error of a database with other content."""
    return refused(name, "is not a store of srhm runs", "Name another file, or move this one away")


def explained(error: DBAPIError, path: Path, waited: float) -> SrhmError:
    """Return the error of the package that says what an error of the database means, after so many seconds."""
    code, name = getattr(error.orig, "sqlite_errorcode", 0), str(path)
    reason = " ".join(str(error.orig).split()).rstrip(".?")
    kind = code & 0xFF  # the rest of the bits are details
    if kind == sqlite3.SQLITE_NOTADB:
        return foreign(name)
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(
            f"{name} is locked by another process, for more than {waited:g} seconds. Wait until that process has "
            "ended, or end it."
        )
    no_room = kind == sqlite3.SQLITE_IOERR and (
        code == sqlite3.SQLITE_IOERR_SHMSIZE or shutil.disk_usage(path.absolute().parent).free < _NO_ROOM
    )
    if kind == sqlite3.SQLITE_FULL or no_room:
        return StoreFull(
            f"{name} cannot grow: {reason}. Free some space on its disk; runs written before are safe."
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return refused(name, f"cannot be used: {reason}")
    return SrhmError(f"{name} failed: {reason}")
