"""The finished runs of a store."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from ..errors import ArgumentError, check_choice, check_instance, check_integer, check_number, name_fix
from ..model.params import PER_LEVEL
from ..nets import FAMILIES
from ..nets.weights import is_digest
from ..study import Run, RunSpec
from ..study.custom import CustomNet
from ..study.runs import STATUSES
from ..training.checkpoint import Checkpoint
from .database import Database, Row, chunks
from .tables import FAILURES, RUNS, row_of, run_of


class Runs(Database):
    """The finished runs, and next to them the files of checkpoints and weights."""

    def checkpoint(self, spec: RunSpec) -> Path:
        """Return the file for the checkpoint of an unfinished run; :meth:`put` deletes it."""
        return self._checkpoints / f"{spec.hash[:24]}.npz"

    def tidy(self) -> None:
        """Delete the folder of the checkpoints if there are none."""
        with suppress(OSError):  # it is not there, not empty, or a driver is just using it
            self._checkpoints.rmdir()

    @property
    def weights_folder(self) -> Path:
        """The folder for the weights of trained networks."""
        return self.path.with_name(f"{self.path.stem}-weights")

    @property
    def _checkpoints(self) -> Path:
        return self.path.with_name(f"{self.path.stem}-checkpoints")

    def get(self, spec: RunSpec) -> Run | None:
        """Return the finished run of a specification, or None."""
        return self.finished([spec]).get(spec.hash)

    def finished(self, specs: Iterable[RunSpec]) -> dict[str, Run]:
        """Return the finished runs among many specifications, by their hashes."""
        wanted = {spec.hash: spec for spec in specs}
        rows = self._read_in(sql.select(RUNS), RUNS.c.hash, wanted)
        return {row.hash: run_of(row, wanted[row.hash]) for row in rows}

    def hashes(self, *, with_weights: bool = False) -> set[str]:
        """Return the hashes of all finished runs, or of those whose weights were kept."""
        query = sql.select(RUNS.c.hash)
        query = query.where(RUNS.c.weights.is_not(None)) if with_weights else query
        return {row.hash for row in self._read(query)}

    def put(self, run: Run) -> None:
        """Write a finished run, and delete its checkpoint; one with the same specification is replaced.

        Raises
        ------
        ArgumentError
            If the run was stopped before its end.
        """
        self.put_many([run])

    def put_many(self, runs: Iterable[Run]) -> None:
        """Write finished runs, all or none, as :meth:`put` writes one. Their failures are deleted.

        Raises
        ------
        ArgumentError
            If one of the runs was stopped before its end.
        """
        runs = list(runs)
        for run in runs:
            if run.status == "stopped":
                raise ArgumentError(
                    "run", run.status, "is not a finished status", "Continue the run to its end"
                )
        if not runs:
            return
        rows = {run.spec.hash: row_of(run) for run in runs}
        with self._writing() as connection:
            for hashes in chunks(rows):
                connection.execute(sql.delete(RUNS).where(RUNS.c.hash.in_(hashes)))
                insert_rows(connection, [rows[one] for one in hashes])
        for run in runs:
            Checkpoint(self.checkpoint(run.spec)).remove()

    def runs(self, **columns: Any) -> Iterator[Run]:
        """Yield the finished runs whose columns have certain values, such as ``net="cnn", v=6``, in order of P.

        Possible columns are the hash, the network and the parameters of the model, ``P``, the seeds, the status and a
        few more. None means a missing value.

        Raises
        ------
        ArgumentError
            If the store does not exist, a column is unknown, or it cannot have the value.
        """
        return (run_of(row) for row in self._rows(**columns))

    def __len__(self) -> int:
        return sum(row.number for row in self._read(count(RUNS)))

    def _rows(self, **columns: Any) -> Iterator[Row]:
        """Return the rows of :meth:`runs`, of which only some are in memory at a time."""
        self.check_exists()
        known = [column.name for column in RUNS.c if not isinstance(column.type, sql.JSON)]
        for name, value in columns.items():
            if name == "net":
                check_choice(
                    "net", value, dict.fromkeys([*FAMILIES, *self._nets()]), "is not a network of this store"
                )
            if name not in known:
                problem = "is not a column by which runs can be selected"
                raise ArgumentError(name, value, problem, name_fix(name, known))
        conditions = [RUNS.c[name] == _checked_value(name, value) for name, value in columns.items()]
        return self._stream(sql.select(RUNS.c.hash).where(*conditions).order_by(RUNS.c.P, RUNS.c.hash))

    def _nets(self) -> set[str]:
        """Return the names of what was trained."""
        return {row.net for row in self._read(sql.select(RUNS.c.net).distinct())}

    def check_source(self, net: CustomNet) -> None:
        """Refuse a function of the user's if the store has runs of another one under its name.

        Raises
        ------
        ArgumentError
            If a run of that name has another hash of the source text.
        """
        source = RUNS.c.spec["net"]["custom"]["source"].as_string().label("source")
        rows = self._read(sql.select(source).where(RUNS.c.net == net.family).distinct())
        if any(row.source != net.source for row in rows):
            problem = f"names a function whose text has changed since its runs in {self.path} were computed"
            raise ArgumentError(
                "name", net.family, problem, "Give the new one another name=, or use another store="
            )

    def _stream(self, query: sql.Select) -> Iterator[Row]:
        """Yield the rows with the hashes that a query returns, in its order."""
        for some in chunks([row.hash for row in self._read(query)]):
            found = {row.hash: row for row in self._read(sql.select(RUNS).where(RUNS.c.hash.in_(some)))}
            yield from (found[one] for one in some)


def _checked_value(name: str, value: Any) -> Any:
    """Return a value that a column can have, or raise an error: an impossible one would silently select no run."""
    column = RUNS.c[name]
    if name in _CHOICES:
        check_choice(name, value, _CHOICES[name], "is not a value of this column")
        return value
    if column.nullable and value is None:
        return None
    given: Any = value
    if name.startswith("seed_"):
        number = int(given) if isinstance(given, str) and given.isdecimal() else given
        return str(check_integer(name, number, minimum=0, maximum=2**64 - 1))
    if name in PER_LEVEL and isinstance(given, str | tuple):
        return ",".join(map(str, given)) if isinstance(given, tuple) else given
    if isinstance(column.type, sql.Integer):
        return check_integer(name, given, minimum=-(2**63), maximum=2**63 - 1)
    if isinstance(column.type, sql.Float):
        return check_number(name, given)
    if name not in ("hash", "weights"):
        check_instance(str, **{name: given})
    elif not is_digest(given):
        raise ArgumentError(name, given, "is not a SHA-256", "Give all 64 digits of 0-9a-f")
    return value


_CHOICES = {"sparsity": ("A", "B"), "status": STATUSES}
"""The columns that hold one of some names."""


def insert_rows(connection: sql.Connection, rows: list[dict[str, Any]]) -> None:
    """Insert rows of runs that are not there; they did not fail."""
    if rows:
        hashes = [row["hash"] for row in rows]
        connection.execute(sql.insert(RUNS), rows)
        connection.execute(sql.delete(FAILURES).where(FAILURES.c.hash.in_(hashes)))


def count(table: sql.Table) -> sql.Select:
    """Return the query for the number of rows of a table."""
    return sql.select(sql.func.count().label("number")).select_from(table)
