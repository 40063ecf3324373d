"""Where a store is: a file of SQLite or a database of a PostgreSQL server, and how to connect to it."""

import json
import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError as BadURL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from ..errors import ArgumentError, MissingExtraError
from ..files import user_path
from .problems import refused

LOCK_SECONDS = 60.0
"""How long to wait for another process that writes."""
CONNECT_SECONDS = 15
"""How long to wait for a server to answer."""

NETWORK_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "auristorfs",
        "beegfs",
        "ceph",
        "cifs",
        "daos",
        "fhgfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "wekafs",
    ]
)
"""Types of file systems that are shared over a network, as Linux names them."""
_NETWORK_FUSE = frozenset(
    [
        "beegfs",
        "ceph",
        "ceph-fuse",
        "dfuse",
        "gcsfuse",
        "glusterfs",
        "juicefs",
        "moosefs",
        "rclone",
        "s3fs",
        "sshfs",
    ]
)


class NetworkDiskWarning(UserWarning):
    """A store lies on a file system where the locks of SQLite may not hold between machines."""


@dataclass(frozen=True)
class Place:
    """Where a store is."""

    name: str
    """The place as messages name it, without a password."""
    path: Path | None
    """The file of SQLite; None for a database of a server."""
    url: sql.URL
    """The address for SQLAlchemy."""

    @property
    def stem(self) -> str:
        """The name that the folders beside the store begin with."""
        return self.path.stem if self.path is not None else self.url.database or "runs"

    @property
    def secret(self) -> str | None:
        """The password, which no message may show."""
        return None if self.url.password is None else str(self.url.password)


def place_of(given: str | Path) -> Place:
    """Read a path, or a URL such as ``postgresql://user@host/database`` or ``sqlite:///runs.sqlite``.

    Raises
    ------
    ArgumentError
        If it names no file that can be one of SQLite, and no database of PostgreSQL.
    """
    if isinstance(given, Path) or "://" not in given:
        return _file(Path(given))
    shown = _without_password(given)
    try:
        url = sql.make_url(given)
    except (BadURL, ValueError):
        # No cause: its message may hold a piece of the password.
        raise refused(shown, "is not a URL", "Use postgresql://USER@HOST/DATABASE, or a path") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.query:
            raise refused(shown, "names no file", "Use sqlite:///PATH without options, or a path")
        return _file(Path(url.database))
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise refused(shown, "is neither SQLite nor PostgreSQL with psycopg", "Use postgresql://, or a path")
    if not url.database:
        raise refused(shown, "names no database", "Use postgresql://USER@HOST/DATABASE")
    return Place(shown, None, url.set(drivername="postgresql+psycopg"))


def _without_password(url: str) -> str:
    """Return a URL as it was given, but with *** for every password in it."""
    scheme, _, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    user = user.partition(":")[0] + (":***" if ":" in user else "")
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", f"{scheme}://{user}{at}{host}")


def _file(path: Path) -> Place:
    path = user_path(path)
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
    return Place(str(path), path, sql.URL.create("sqlite", database=str(path.absolute())))


def engine_of(place: Place) -> sql.Engine:
    """Return what makes connections to a place; nothing is opened yet.

    Raises
    ------
    ArgumentError
        If the options of a URL are not those of PostgreSQL.
    MissingExtraError
        If the driver of the database is not installed (extra ``postgres``).
    """
    path = place.path
    if path is not None:
        # Each use opens the file and closes it again: nothing stays beside it, and nothing crosses a fork.
        engine = sql.create_engine(
            place.url,
            creator=lambda: _open(path.absolute()),
            poolclass=NullPool,
            json_deserializer=_parse,
        )
        event.listen(engine, "begin", _begin)
        return engine
    options = {"connect_timeout": CONNECT_SECONDS, "application_name": "srhm"}
    try:
        return sql.create_engine(
            place.url, pool_pre_ping=True, connect_args=options, json_deserializer=_parse
        )
    except ImportError as error:
        raise MissingExtraError("psycopg", "postgres") from error
    except (BadURL, TypeError, ValueError) as error:
        raise refused(place.name, "is not a URL of PostgreSQL", "Mend the options of the URL") from error


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
    """Return whether nobody writes a file and we cannot: then it is read without the files beside it.

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

    Parameters
    ----------
    path
        The path, which need not exist.
    mounts
        The table of mounted file systems, as in `/proc/mounts`.

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
    kind, _, fuse = found.partition(".")
    return found if kind in NETWORK_SYSTEMS or (kind == "fuse" and fuse in _NETWORK_FUSE) else None
