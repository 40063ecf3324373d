"""Who computes what: claims with an end, so that several drivers share the work and a dead one blocks nothing."""

from collections.abc import Iterable

import sqlalchemy as sql

from ..study import RunSpec
from .database import Database, chunks, now
from .owners import owner_is_dead
from .tables import CLAIMS, FAILURES, RUNS


class Claims(Database):
    """Claims to unfinished runs."""

    def claim(
        self,
        specs: Iterable[RunSpec],
        owner: str,
        seconds: float,
        *,
        again: bool = False,
        with_weights: bool = False,
    ) -> set[str]:
        """Claim runs for an owner, and return the hashes of those that are its own now.

        Those that are finished, have failed, or are claimed by another owner, are not; a claim counts until its
        time is over, or its owner is known to be dead. Of several owners that claim a run at the same time, one
        gets it.

        Parameters
        ----------
        specs
            The runs.
        owner
            A name from :func:`srhm.store.owner_name`.
        seconds
            How long the claims last, unless they are renewed.
        again
            Claim also runs that have failed.
        with_weights
            Claim also runs that are finished, if their weights were not kept.
        """
        wanted = sorted({spec.hash for spec in specs})
        if not wanted:
            return set()
        with self._writing() as connection:
            time, taken = now(connection), set[str]()
            alive = CLAIMS.c.owner.not_in([owner, *self._dead(connection)]), CLAIMS.c.until > time
            for some in chunks(wanted):
                held = sql.select(CLAIMS.c.hash).where(CLAIMS.c.hash.in_(some), *alive)
                done = sql.select(RUNS.c.hash).where(RUNS.c.hash.in_(some))
                if with_weights:
                    done = done.where(RUNS.c.weights.is_not(None))
                taken.update(connection.scalars(held), connection.scalars(done))
                if not again:
                    failed = sql.select(FAILURES.c.hash).where(FAILURES.c.hash.in_(some))
                    taken.update(connection.scalars(failed))
            ours = [one for one in wanted if one not in taken]
            for some in chunks(ours):
                connection.execute(sql.delete(CLAIMS).where(CLAIMS.c.hash.in_(some)))
                rows = [{"hash": one, "owner": owner, "until": time + seconds} for one in some]
                connection.execute(sql.insert(CLAIMS), rows)
        return set(ours)

    def renew(self, owner: str, seconds: float) -> int:
        """Let all claims of an owner last for some seconds from now; return how many there are."""
        with self._writing() as connection:
            later = sql.update(CLAIMS).where(CLAIMS.c.owner == owner).values(until=now(connection) + seconds)
            return connection.execute(later).rowcount

    def release(self, owner: str, hashes: Iterable[str] | None = None) -> None:
        """End claims of an owner: to these runs, or all."""
        if not self._exists():
            return
        own = sql.delete(CLAIMS).where(CLAIMS.c.owner == owner)
        with self._writing() as connection:
            if hashes is None:
                connection.execute(own)
            else:
                for some in chunks(hashes):
                    connection.execute(own.where(CLAIMS.c.hash.in_(some)))

    def running(self) -> int:
        """Return how many runs are claimed by owners that may be alive."""
        if not self._exists():
            return 0
        query = sql.select(CLAIMS.c.owner, sql.func.count().label("number")).group_by(CLAIMS.c.owner)
        with self._connection() as connection:
            rows = connection.execute(query.where(CLAIMS.c.until > now(connection))).all()
        return sum(row.number for row in rows if not owner_is_dead(row.owner))

    @staticmethod
    def _dead(connection: sql.Connection) -> list[str]:
        owners = connection.scalars(sql.select(CLAIMS.c.owner).distinct())
        return [owner for owner in owners if owner_is_dead(owner)]
