"""The runs of a store that were given up."""

import time
from dataclasses import dataclass

import sqlalchemy as sql

from ..study import RunSpec
from .database import Database
from .tables import FAILURES, RUNS


@dataclass(frozen=True)
class Failed:
    """A run that was given up."""

    spec: RunSpec
    """The specification of the run."""
    kind: str
    """The kind of failure: ``killed``, ``lost``, ``memory``, ``timeout`` or ``error``."""
    reason: str
    """The reason, in words for the user."""
    attempts: int
    """Number of tries."""
    failed_at: float
    """When it was given up, in seconds since 1970."""


class Failures(Database):
    """The failures; a finished run has none."""

    def fail(self, spec: RunSpec, kind: str, reason: str, attempts: int) -> None:
        """Record that a run was given up; if it was finished meanwhile, it stays finished."""
        with self._writing() as connection:
            if connection.execute(sql.select(RUNS.c.hash).where(RUNS.c.hash == spec.hash)).first() is None:
                row = {"hash": spec.hash, "kind": kind[:32], "reason": reason, "attempts": attempts}
                row |= {"spec": spec.to_dict(), "failed_at": time.time()}
                connection.execute(sql.delete(FAILURES).where(FAILURES.c.hash == spec.hash))
                connection.execute(sql.insert(FAILURES).values(**row))

    def failures(self) -> list[Failed]:
        """Return the failures, oldest first."""
        rows = self._read(sql.select(FAILURES).order_by(FAILURES.c.failed_at, FAILURES.c.hash))
        return [
            Failed(RunSpec.from_dict(row.spec), row.kind, row.reason, row.attempts, row.failed_at)
            for row in rows
        ]
