"""The store itself, which its parts make up: runs, failures, claims, drivers, merging and tables."""

from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sql

from .claims import Claims
from .drivers import Drivers
from .failures import Failures
from .rows import count
from .tables import FAILURES, RUNS
from .transfer import Transfer


class Counts(NamedTuple):
    """How many runs a store knows."""

    finished: int
    """Runs with a result."""
    failed: int
    """Runs that were given up."""
    running: int
    """Runs that a driver has claimed."""


class Store(Transfer, Failures, Claims, Drivers):
    """The finished runs of one place, and beside it the checkpoints of unfinished ones.

    Nothing is written before the first run is put. A place that does not exist yet can be asked for single runs and is
    found without them, as an empty file is; to read all its runs, or make a table of them, is an error. Several
    processes may read and write one store at the same time; several machines may where it is a database of a server.

    Parameters
    ----------
    place
        A file of SQLite, or a URL: ``postgresql://USER@HOST/DATABASE`` or ``sqlite:///PATH``. A store of an
        older version is brought up to date.
    files
        The folder in which the folders of checkpoints and weights are; that of the file, or ``srhm-runs`` for a
        database of a server, unless given.

    Attributes
    ----------
    path
        The file; None for a database of a server.

    Raises
    ------
    ArgumentError
        If the place is no URL of these, is a folder, lies below a file, holds something else than a store or
        one of a newer version, or cannot be reached.
    MissingExtraError
        If the place is a database of a server, and its driver is not installed (extra ``postgres``).
    StoreBusy
        On any use, if another process keeps the store locked, or the server stops answering.
    StoreFull
        When something is written and the disk is full.
    SrhmError
        On any use, if the disk fails.
    """

    def __init__(self, place: str | Path, files: str | Path | None = None) -> None:
        super().__init__(place, files)

    def counts(self) -> Counts:
        """Return how many runs are finished, were given up, and are computed now."""
        failed = sum(row.number for row in self._read(count(FAILURES)))
        return Counts(len(self), failed, self.running())

    def finished_since(self, epoch: float) -> int:
        """Return how many runs were written since a time, in seconds since 1970."""
        return sum(row.number for row in self._read(count(RUNS).where(RUNS.c.ended >= sql.literal(epoch))))
