"""What every part of the store does with the database: make it, read it, write to it, and say what went wrong."""

import time
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import DBAPIError

from ..errors import ArgumentError, nearest
from ..files import check_folder, user_path
from . import places, schema
from .places import NetworkDiskWarning
from .problems import explained, refused
from .tables import CLAIMS

_CHUNK = 500
"""Rows that one statement names, and that are held in memory at a time."""
_WRITERS = 0x7372686D
"""The advisory lock of PostgreSQL that a transaction holds while it writes, as SQLite locks its file."""

_IDLE_MILLISECONDS = 60_000
"""How long a server waits for the next statement of a transaction that writes."""

_WARNED: set[str] = set()
"""The stores of which this process was warned."""

_Value = TypeVar("_Value")
_Own = TypeVar("_Own", bound="Database")

Row: TypeAlias = Any
"""A row of the database, whose columns are attributes; the type that SQLAlchemy has for it cannot be checked."""


class Database:
    """A database that is made when something is first written to it.

    Every transaction that writes excludes all others that do, on SQLite and PostgreSQL alike, so that what it
    reads is still true when it ends.
    """

    def __init__(self, place: str | Path, files: str | Path | None = None) -> None:
        self._place = places.place_of(place)
        self.path = self._place.path
        self._made = self._writable = self._looked = False
        if files is not None:
            self._files = user_path(files)
        else:
            self._files = Path("srhm-runs") if self.path is None else self.path.absolute().parent
        self._engine = places.engine_of(self._place)
        weakref.finalize(self, self._engine.dispose)
        self._exists()

    @property
    def name(self) -> str:
        """The place as messages name it: its path, or its URL without the password."""
        return self._place.name

    def exists(self) -> bool:
        """Return whether there is a store already, be it empty."""
        return self._exists()

    def check_exists(self) -> None:
        """Refuse to read a store that nobody has made, whose name is likely mistyped; an empty file is an empty store.

        Raises
        ------
        ArgumentError
            If there is none.
        """
        if self.exists() or (self.path is not None and self.path.exists()):
            return
        fix = "Name the store of some runs"
        if self.path is None:
            raise ArgumentError("store", self.name, "holds no store", fix)
        folder = self.path.absolute().parent
        files = {one.stem: one.name for one in folder.iterdir() if one.is_file()} if folder.is_dir() else {}
        near = nearest(self.path.stem, files)
        fix = fix if near is None else f"Did you mean {str(self.path.with_name(files[near]))!r}? {fix}"
        raise ArgumentError("store", self.name, "does not exist", fix)

    def close(self) -> None:
        """Close the connections to a server; the next use opens them again. A file is closed after each use."""
        self._engine.dispose()

    def __enter__(self: _Own) -> _Own:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the file open meanwhile: to close it for the last time costs SQLite as much as to write a row."""
        if self.path is None or not self._exists():
            yield
            return
        with self._engine.connect():
            yield

    def check_writable(self) -> None:
        """Find out before a long computation whether its result can be put; leave nothing behind.

        Raises
        ------
        ArgumentError
            If no run can be written.
        """
        if self._writable:
            return
        try:
            # SQLite needs a journal beside its file, and checkpoints need a place.
            for folder in {self._files, self._files if self.path is None else self.path.absolute().parent}:
                check_folder(folder)
        except OSError as error:
            raise refused(self.name, f"cannot be written: {error.strerror}") from error
        if self.path is None or self.path.exists():
            self._try_to_write()
        self._writable = True

    def _try_to_write(self) -> None:
        made = self._exists()
        with self._transaction() as connection:
            if made:
                connection.execute(sql.delete(CLAIMS).where(sql.false()))
            elif self.path is None:
                connection.exec_driver_sql("CREATE TABLE srhm_trial (number INTEGER)")
            connection.rollback()

    def _exists(self) -> bool:
        """Return whether there are tables, bring them up to date, and refuse a database with other content."""
        if self.path is not None and not self.path.exists():
            self._made = False
        elif not self._made:
            with self._connection() as connection:
                revision, written = schema.revision_of(connection, self.name)
            if revision is None:
                return False
            if revision != schema.PRESENT or not written:
                self._upgrade()
            self._made = True
        return self._made

    def _upgrade(self) -> None:
        try:
            with self._transaction() as connection:
                schema.upgrade(connection, self.name)
        except ArgumentError as error:
            if not isinstance(error.__cause__, DBAPIError):
                raise
            raise refused(
                self.name,
                f"was written by an older srhm and cannot be brought up to date here ({error.__cause__.orig})",
                "Open it once where it can be written, or copy it to such a place",
            ) from error

    def _make(self) -> None:
        """Make the tables if there are none, before something is written."""
        made = self._exists()
        if self.path is not None:
            self.path.absolute().parent.mkdir(parents=True, exist_ok=True)
            self._look_at_disk(self.path.absolute())
        if not made:
            with self._transaction() as connection:
                schema.upgrade(connection, self.name)
            self._made = True

    def _look_at_disk(self, path: Path) -> None:
        """Choose the journal of a file by where it lies, and warn of a network disk; once for each store."""
        if self._looked:
            return
        system = places.network_system(path, places.read_mounts())
        if system is not None and self.name not in _WARNED:
            _WARNED.add(self.name)
            warnings.warn(
                f"{self.name} lies on a network file system ({system}), where locks may fail and rows be lost if "
                "several machines write. Put the store on a local disk, or have each task write a shard of its "
                "own (srhm run GRID.toml --shard i/n, then srhm merge), or use PostgreSQL",
                NetworkDiskWarning,
                stacklevel=2,
            )
        with self._connection(begin="") as connection:
            places.keep_log(connection, system is not None)
        self._looked = True

    def _read(self, query: sql.Select) -> Sequence[Row]:
        """Return the rows of a query: none, where there are no tables."""
        if not self._exists():
            return []
        with self._connection() as connection:
            return connection.execute(query).all()

    def _read_in(self, query: sql.Select, column: sql.Column, values: Iterable[str]) -> Iterator[Row]:
        """Yield the rows of a query whose column has one of many values, chunk by chunk."""
        for some in chunks(values):
            yield from self._read(query.where(column.in_(some)))

    @contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """A transaction in which nobody else writes; it makes the tables if there are none."""
        self._make()
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[sql.Connection]:
        with self._connection(begin="BEGIN IMMEDIATE") as connection, connection.begin():
            if self.path is None:
                wait = round(1000 * places.LOCK_SECONDS)
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait}")
                # A machine that vanishes amid a transaction must not keep the lock for hours.
                connection.exec_driver_sql(
                    f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_MILLISECONDS}"
                )
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
            yield connection

    @contextmanager
    def _connection(self, begin: str = "BEGIN") -> Iterator[sql.Connection]:
        """A connection whose errors say what is wrong with the place; `begin` opens transactions of SQLite."""
        try:
            with self._engine.connect() as connection:
                yield connection.execution_options(srhm_begin=begin)
        except DBAPIError as error:
            raise explained(
                error,
                self.name,
                self.path,
                places.LOCK_SECONDS,
                secret=self._place.secret,
                answered=self._made,
            ) from error


def chunks(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    """Cut many values into lists that one statement can name."""
    rest = iter(values)
    while some := list(islice(rest, _CHUNK)):
        yield some


def now(connection: sql.Connection) -> float:
    """Return the seconds since 1970: of the server where there is one, since clocks of machines differ."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
