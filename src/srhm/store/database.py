"""What every part of the store does with its database: make it, read it, write to it, and say what went wrong."""

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
from ..files import check_folder
from . import disk
from .disk import NetworkDiskWarning
from .problems import explained, foreign, refused
from .tables import FAILURES, METADATA, RUNS

_CHUNK = 500
"""Rows that one statement names, and that are held in memory at a time."""

_WARNED: set[Path] = set()
"""The stores of which this process was warned."""

_FIRST_COLUMNS = {"hash", "net", "P", "spec", "metrics", "status"}
"""By these a store of another version is known."""

_Value = TypeVar("_Value")

Row: TypeAlias = Any
"""A row of the database, whose columns are attributes; the type that SQLAlchemy has for it cannot be checked."""


class Database:
    """A database that is made when something is first written to it.

    Every transaction that writes excludes all others that do, so that what it reads is still true when it ends.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = disk.checked_path(path)
        self._made = self._writable = self._disk_known = False
        self._engine = disk.engine_of(self.path)
        weakref.finalize(self, self._engine.dispose)
        self.exists()

    def exists(self) -> bool:
        """Return whether there is a store already, be it empty.

        Raises
        ------
        ArgumentError
            If the file holds something else, or is a store of another version.
        """
        if not self.path.exists():
            self._made = False
        elif not self._made:
            with self._connection() as connection:
                found = sql.inspect(connection)
                tables = found.get_table_names()  # once: another process may be making them
                columns = {one["name"] for one in found.get_columns("runs")} if "runs" in tables else set()
            if not tables:
                return False
            if columns >= set(RUNS.c.keys()) and "failures" in tables:
                self._made = True
            elif columns >= _FIRST_COLUMNS:
                problem = "was written by another version of srhm"
                fix = "Write an archive with that version (srhm export runs.jsonl.xz) and merge it into a new store"
                raise refused(str(self.path), problem, fix)
            else:
                raise foreign(str(self.path))
        return self._made

    def check_exists(self) -> None:
        """Refuse to read a store that nobody has made, whose name is likely mistyped; an empty file is an empty store.

        Raises
        ------
        ArgumentError
            If there is none.
        """
        if self.path.exists():
            return
        folder = self.path.absolute().parent
        files = {one.stem: one.name for one in folder.iterdir() if one.is_file()} if folder.is_dir() else {}
        near = nearest(self.path.stem, files)
        fix = "Name the store of some runs"
        fix = fix if near is None else f"Did you mean {str(self.path.with_name(files[near]))!r}? {fix}"
        raise ArgumentError("store", str(self.path), "does not exist", fix)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the file open meanwhile: to close it for the last time costs SQLite as much as to write a row."""
        if not self.exists():
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
            check_folder(self.path.absolute().parent)  # SQLite needs a journal next to its file
        except OSError as error:
            raise refused(str(self.path), f"cannot be written: {error.strerror}") from error
        if self.exists():
            with self._transaction() as connection:
                connection.execute(sql.delete(FAILURES).where(sql.false()))
                connection.rollback()
        elif self.path.exists():
            with self._transaction() as connection:
                connection.rollback()
        self._writable = True

    def _make(self) -> None:
        """Make the tables if there are none, before something is written."""
        self.path.absolute().parent.mkdir(parents=True, exist_ok=True)
        self._choose_journal()
        if not self.exists():
            with self._transaction() as connection:
                METADATA.create_all(connection)
            self._made = True

    def _choose_journal(self) -> None:
        """Choose the journal of the file by its disk, and warn of a network disk; once for each store."""
        if self._disk_known:
            return
        path = self.path.absolute()
        system = disk.network_system(path, disk.read_mounts())
        if system is not None and path not in _WARNED:
            _WARNED.add(path)
            warnings.warn(
                f"{self.path} lies on a network file system ({system}), where locks may fail and rows be lost if "
                "several machines write. Put the store on a local disk, or have each task write a shard of its "
                "own (srhm grid GRID.toml --shard i/n, then srhm merge)",
                NetworkDiskWarning,
                stacklevel=2,
            )
        with self._connection(begin="") as connection:
            disk.keep_log(connection, system is not None)
        self._disk_known = True

    def _read(self, query: sql.Select) -> Sequence[Row]:
        """Return the rows of a query: none, where there are no tables."""
        if not self.exists():
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
            yield connection

    @contextmanager
    def _connection(self, begin: str = "BEGIN") -> Iterator[sql.Connection]:
        """A connection whose errors say what is wrong with the file; `begin` opens its transactions."""
        try:
            with self._engine.connect() as connection:
                yield connection.execution_options(srhm_begin=begin)
        except DBAPIError as error:
            raise explained(error, self.path, disk.LOCK_SECONDS) from error


def chunks(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    """Cut many values into lists that one statement can name."""
    rest = iter(values)
    while some := list(islice(rest, _CHUNK)):
        yield some
