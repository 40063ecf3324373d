"""The file of a store on its disk: how it is opened, how it survives a crash, and whether its locks can be trusted."""

import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from ..errors import ArgumentError
from ..files import user_path
from .problems import refused

LOCK_SECONDS = 60.0
"""How long to wait for another process that writes."""

_NETWORK = re.compile(
    r"(9p|afs|auristorfs|beegfs|ceph|cifs|daos|fhgfs|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|panfs|pvfs2"
    r"|smb[23]|smbfs|wekafs)(\..*)?"
    r"|fuse\.(beegfs|ceph|ceph-fuse|dfuse|gcsfuse|glusterfs|juicefs|moosefs|rclone|s3fs|sshfs)"
)
"""Types of file systems that are shared over a network, as Linux names them."""


class NetworkDiskWarning(UserWarning):
    """A store lies on a file system where the locks of SQLite may not hold between machines."""


def checked_path(store: str | Path) -> Path:
    """Return the path of a store, which need not exist; a URL and what can be no file are refused."""
    if not isinstance(store, str | Path):
        raise refused(store, "is not a file", "Give a path, such as runs.sqlite")
    scheme, url, _ = str(store).partition("://")
    if url:  # what follows may hold a password
        raise refused(
            f"{scheme}://...", "is a URL, and a store is a file", "Give a path, such as runs.sqlite"
        )
    path = user_path(store)
    if "\0" in str(path):
        raise refused(str(path), "cannot be used: no name holds a zero byte")
    try:
        if path.is_dir():
            raise refused(str(path), "is a folder", "Name a file, such as runs.sqlite")
        if path.exists() and not path.is_file():
            raise refused(str(path), "is not a file", "Name a file, such as runs.sqlite")
        existing = next(parent for parent in path.absolute().parents if parent.exists())
    except OSError as error:  # a name that is too long, a folder that may not be searched
        raise refused(str(path), f"cannot be used: {error.strerror}") from error
    if not existing.is_dir():
        raise refused(str(path), f"lies below the file {existing}")
    return path


def engine_of(path: Path) -> sql.Engine:
    """Return what makes connections to a file; nothing is opened yet."""
    # Each use opens the file and closes it again: nothing stays next to it, and nothing crosses a fork.
    engine = sql.create_engine(
        "sqlite://", creator=lambda: _open(path.absolute()), poolclass=NullPool, json_deserializer=_parse
    )
    event.listen(engine, "begin", _begin)
    return engine


def _parse(text: Any) -> Any:
    """Read a column of JSON."""
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise ArgumentError("row", text, "is not JSON", "Restore the store from a copy") from error


def _begin(connection: sql.Connection) -> None:
    """Lock at once what is to be written: two readers that both want to write could only fail."""
    if begin := connection.get_execution_options().get("srhm_begin"):
        connection.exec_driver_sql(begin)


def _open(path: Path) -> sqlite3.Connection:
    """Connect to a file; transactions begin where :func:`_begin` says so, never by themselves."""
    options = "immutable=1" if _is_frozen(path) else "mode=rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{options}",
        uri=True,
        timeout=LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous=FULL")  # a row that was put survives a loss of power
    return connection


def _is_frozen(path: Path) -> bool:
    """Return whether nobody writes a file and we cannot: then it is read without the files next to it.

    SQLite would have to make them to read a file with a write-ahead log. If the log is there, so is a writer.
    """
    if os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists():
        return False
    try:
        with path.open("rb") as file:
            return file.read(20)[18:19] == b"\x02"  # written with such a log
    except OSError:  # SQLite will say so
        return False


def keep_log(connection: sql.Connection, network: bool) -> None:
    """Choose how a file survives a crash: a write-ahead log, but on network disks the older journal.

    The log lets others read while one writes; it needs memory that all processes share, so one machine.
    """
    wanted = "delete" if network else "wal"
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == wanted:
        return
    try:
        connection.exec_driver_sql(f"PRAGMA journal_mode={wanted}")
    except OperationalError as error:
        # Others are at work: on a local disk either way is safe, and a later use will change it.
        if network or getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def read_mounts() -> str:
    """Return the table of mounted file systems, empty where the system has none."""
    table = Path("/proc/mounts")
    return table.read_text("utf-8", "surrogateescape") if table.exists() else ""


def network_system(path: Path, mounts: str) -> str | None:
    r"""Return the type of the network file system that a path lies on, or None if it lies on a local disk.

    The path need not exist; the mounts are as in `/proc/mounts`.

    Examples
    --------
    >>> mounts = "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0"
    >>> network_system(Path("/home/me/runs.sqlite"), mounts), network_system(Path("/tmp/runs.sqlite"), mounts)
    ('nfs4', None)
    """
    place, found, length = path.resolve(), "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        # The longest mount point counts, and of equal ones the last, which hides the others.
        if place.is_relative_to(point) and len(point.parts) >= length:
            found, length = fields[2], len(point.parts)
    return found if _NETWORK.fullmatch(found) else None
