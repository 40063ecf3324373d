"""Runs between stores, and out of them into tables: merging shards, pandas and Parquet."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sql

from ..errors import ArgumentError
from ..files import atomic_file, write_atomically
from ..nets.weights import read_weights, weights_file
from ..randomness import STREAM_VERSION
from ..study import Run, RunSpec
from ..study.runs import weights_on_the_way
from ..study.setup import identity
from . import frame
from .database import Row, chunks
from .rows import Runs, insert_rows
from .tables import FAILURES, RUNS, derived

if TYPE_CHECKING:
    import pandas


class Merged(NamedTuple):
    """The result of a merge."""

    added: int
    """Number of runs that were new in the store."""
    known: int
    """Number of runs that were already in it."""


class Transfer(Runs):
    """Merging and exporting."""

    def merge(self, sources: Sequence["Transfer"]) -> Merged:
        """Take over the runs of other stores, with their weights, and the failures of what is not finished.

        What is in the store stays as it is, and a finished run beats a failure. A merge that was interrupted may be
        repeated, and so may one that was not.

        Raises
        ------
        ArgumentError
            If a source does not exist, or a row was changed: its specification has another hash. Rows before it may
            have been added.
        """
        for source in sources:
            source.check_exists()
        added = known = 0
        for source in sources:
            ours, theirs = self.hashes(), source.hashes()
            rows = source._stream_of(sorted(theirs - ours))
            new = sum(self._take(source, some) for some in chunks(rows))
            added, known = added + new, known + len(theirs) - new
            self._take_failures(source)
        return Merged(added, known)

    def take(self, runs: Iterable[Run]) -> Merged:
        """Take over runs, such as those of an archive; existing runs stay as they are."""
        known, here, added = 0, self.hashes(), 0
        for some in chunks(runs):
            new = {run.spec.hash: run for run in some if run.spec.hash not in here}
            self.put_many(new.values())
            here |= set(new)
            added, known = added + len(new), known + len(some) - len(new)
        return Merged(added, known)

    def _stream_of(self, hashes: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield rows as dictionaries, after a check of each."""
        for row in self._read_in(sql.select(RUNS), RUNS.c.hash, hashes):
            yield self._checked(row)

    def _checked(self, row: Row) -> dict[str, Any]:
        """Return the row of a run; what follows from its specification is computed anew."""
        content = dict(row._mapping)
        spec = self._checked_spec(row, content["versions"])
        Run.from_dict({name: content[name] for name in _FIELDS} | {"spec": content["spec"]})
        return content | derived(spec, content["spec"]) | {"error": content["metrics"].get("error")}

    def _checked_spec(self, row: Row, versions: Any) -> RunSpec:
        """Return the specification of a row, whose hash must be that of the row."""
        streams = versions.get("streams", STREAM_VERSION) if isinstance(versions, dict) else STREAM_VERSION
        if not str(streams).isdecimal() or identity(row.spec, int(streams)) != row.hash:
            raise ArgumentError(
                "store",
                str(self.path),
                f"contains a row that was changed: {row.hash[:12]} is not the hash of its specification",
                "Restore it from a copy, or delete the row",
            )
        return RunSpec.from_dict(row.spec)

    def _take(self, source: "Transfer", rows: list[dict[str, Any]]) -> int:
        """Insert rows of another store, and return how many were new."""
        kept = {digest for row in rows for digest in (row["weights"], *weights_on_the_way(row["record"]))}
        for digest in kept - {None}:
            there, here = (weights_file(one.weights_folder, digest) for one in (source, self))
            if there.exists() and not here.exists():
                write_atomically(here, read_weights(source.weights_folder, digest))
        with self._writing() as connection:
            hashes = [row["hash"] for row in rows]
            there = _finished(connection, hashes)
            new = [row for row in rows if row["hash"] not in there]
            insert_rows(connection, new)
        return len(new)

    def _take_failures(self, source: "Transfer") -> None:
        """Insert the failures of another store; of two failures of one run the later one stays."""
        rows = [
            dict(row._mapping) for row in source._read(sql.select(FAILURES)) if source._checked_spec(row, {})
        ]
        for some in chunks(rows):
            with self._writing() as connection:
                hashes = [row["hash"] for row in some]
                done = _finished(connection, hashes)
                at = sql.select(FAILURES.c.hash, FAILURES.c.failed_at).where(FAILURES.c.hash.in_(hashes))
                before = {row.hash: row.failed_at for row in connection.execute(at)}
                later = [row for row in some if row["failed_at"] > before.get(row["hash"], float("-inf"))]
                new = [row for row in later if row["hash"] not in done]
                if new:
                    old = FAILURES.c.hash.in_([row["hash"] for row in new])
                    connection.execute(sql.delete(FAILURES).where(old))
                    connection.execute(sql.insert(FAILURES), new)

    def to_pandas(self, **columns: Any) -> "pandas.DataFrame":
        """Return a table of the runs whose columns have certain values, one row per run, in order of P.

        It has the columns of :meth:`write_parquet`.

        Raises
        ------
        ArgumentError
            If the store does not exist, a column is unknown, or it cannot have the value.
        MissingExtraError
            If pandas or pyarrow is not installed.
        """
        return frame.to_pandas(lambda: self._rows(**columns))

    def write_parquet(self, path: str | Path, **columns: Any) -> None:
        """Write a Parquet file of the runs whose columns have certain values, one row per run, in order of P.

        The columns are ``hash``, the specification (``n_c`` to ``sparsity``, ``P``, the options of the setup by the
        names of files of runs, such as ``net``, ``width``, ``bias`` and ``learning_rate``, and ``seed_ROLE``),
        ``status``, ``device``, ``weights``, ``finished``, the arguments of functions of
        the user's, ``option_NAME``, as JSON text, the metrics, of all these runs together, by their names,
        ``seconds_PART`` and ``versions_PACKAGE``. Metrics are floats, and null where there is no number.

        Parameters
        ----------
        path
            The file; it is written atomically.
        **columns
            As for :meth:`Store.runs <srhm.store.Store.runs>`.

        Raises
        ------
        ArgumentError
            If the store does not exist, a column is unknown, or it cannot have the value.
        MissingExtraError
            If pandas or pyarrow is not installed.
        """
        rows = lambda: self._rows(**columns)  # noqa: E731
        rows()  # refuses what cannot be read, before a file is made
        with atomic_file(path) as file:
            frame.write_parquet(rows, file)


def _finished(connection: sql.Connection, hashes: list[str]) -> set[str]:
    """Return which of these runs have a row."""
    return set(connection.scalars(sql.select(RUNS.c.hash).where(RUNS.c.hash.in_(hashes))))


_FIELDS = ("status", "metrics", "record", "seconds", "versions", "device", "weights")
