"""The store itself, which its parts make up: runs, failures, starts, merging, tables, and the process that computes."""

from typing import NamedTuple

import sqlalchemy as sql

from .failures import Failures
from .ownership import DriverInfo, Ownership, driver_of
from .rows import count
from .starts import Starts
from .tables import FAILURES, RUNS
from .transfer import Transfer


class Counts(NamedTuple):
    """The numbers of runs in a store."""

    finished: int
    """Number of finished runs."""
    failed: int
    """Number of runs that were given up."""
    running: int
    """Number of runs that are running now."""


class Store(Transfer, Failures, Starts):
    """The finished runs of one file, and next to it the checkpoints and weights.

    Nothing is written before the first run is put. A file that does not exist yet can be asked for single runs and is
    found without them, as an empty file is; to read all its runs, or make a table of them, is an error. Several
    processes of one machine may read and write one store at the same time; one of them at a time computes its runs
    (:meth:`own`).

    Parameters
    ----------
    path
        A file of SQLite, such as ``runs.sqlite``.

    Attributes
    ----------
    path
        The file.

    Raises
    ------
    ArgumentError
        If the path is a URL or a folder, lies below a file, or is anything but a store of this version.
    StoreBusy
        On any use, if another process keeps the store locked.
    StoreFull
        When something is written and the disk is full.
    SrhmError
        On any use, if the disk fails.
    """

    def own(self, title: str, total: int, done: int) -> Ownership:
        """Take the right to compute the runs of this store; only one process at a time has it.

        Raises
        ------
        StoreInUse
            If another process has it; the error says which, and what to do.
        """
        owned = Ownership(self.path, title, total, done)
        try:
            self._make()  # so that others can ask for its status before the first run has ended
        except BaseException:
            owned.end()
            raise
        return owned

    def driver(self) -> DriverInfo | None:
        """Return the process that computes the runs of this store, or the last one if it was killed."""
        return driver_of(self.path)

    def counts(self) -> Counts:
        """Return the numbers of runs that are finished, were given up, and are running."""
        failed = sum(row.number for row in self._read(count(FAILURES)))
        driver = self.driver()
        return Counts(len(self), failed, driver.running if driver is not None and driver.alive else 0)

    def finished_since(self, epoch: float) -> int:
        """Return the number of runs written since a time, in seconds since 1970."""
        return sum(row.number for row in self._read(count(RUNS).where(RUNS.c.ended >= sql.literal(epoch))))
