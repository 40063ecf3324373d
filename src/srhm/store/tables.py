"""The tables of a store, and how a run becomes a row. Stores of other columns are refused."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from ..model.options import Model
from ..study import Run, RunSpec
from ..study.setup import ROLES

METADATA = sql.MetaData()

RUNS = sql.Table(
    "runs",
    METADATA,
    sql.Column("hash", sql.String(64), primary_key=True),
    sql.Column("net", sql.String(32), index=True, nullable=False),
    sql.Column("sparsity", sql.String(1), nullable=False),
    *(sql.Column(name, sql.Integer, nullable=False) for name in ("n_c", "v", "m", "s", "s0", "L", "width")),
    sql.Column("P", sql.Integer, index=True, nullable=False),
    # Seeds reach 2^64 - 1, which no SQL integer holds.
    *(sql.Column(f"seed_{role}", sql.String(20), nullable=False) for role in ROLES),
    sql.Column("status", sql.String(16), nullable=False),
    sql.Column("error", sql.Float),
    sql.Column("spec", sql.JSON, nullable=False),
    sql.Column("metrics", sql.JSON, nullable=False),
    sql.Column("record", sql.JSON, nullable=False),
    sql.Column("seconds", sql.JSON, nullable=False),
    sql.Column("versions", sql.JSON, nullable=False),
    sql.Column("device", sql.String(128), nullable=False),
    sql.Column("finished", sql.String(32), nullable=False),
    sql.Column("weights", sql.String(64)),
    sql.Column("ended", sql.Float, index=True),
    sql.Index("runs_by_model", "net", "v", "s0", "L", "P"),
)
"""The finished runs. `finished` and `ended` are the time of the writing, as text and in seconds since 1970."""

FAILURES = sql.Table(
    "failures",
    METADATA,
    sql.Column("hash", sql.String(64), primary_key=True),
    sql.Column("kind", sql.String(32), nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("attempts", sql.Integer, nullable=False),
    sql.Column("spec", sql.JSON, nullable=False),
    sql.Column("failed_at", sql.Float, nullable=False),
)
"""The runs that were given up; none of them is finished."""

STARTS = sql.Table(
    "starts",
    METADATA,
    sql.Column("search", sql.String(128), primary_key=True),
    sql.Column("P", sql.Integer, nullable=False),
)
"""The first P of searches that began by a fit. A store from before there were any lacks the table."""


def row_of(run: Run) -> dict[str, Any]:
    """Return the row of a run that is finished now."""
    now = time.time()
    return derived(run.spec, run.spec.to_dict()) | {
        "hash": run.spec.hash,
        "status": run.status,
        "error": _clean(run.metrics.get("error")),
        "metrics": _clean(run.metrics),
        "record": _clean(run.record),
        "seconds": _clean(run.seconds),
        "versions": run.versions,
        "device": run.device[:128],
        "finished": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "weights": run.weights,
        "ended": now,
    }


def derived(spec: RunSpec, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that follow from a specification."""
    row: dict[str, Any] = {"net": spec.net.family, "width": spec.setup.width, "P": spec.P, "spec": content}
    model = asdict(Model.of(spec.params))  # SQLite keeps the text of numbers by level in a column of integers
    del model["plane"]  # the specification has it
    row |= model
    return row | {f"seed_{role}": str(getattr(spec.seeds, role)) for role in ROLES}


def _clean(value: Any) -> Any:
    """Return JSON data with None for what JSON cannot hold: NaN and infinities."""
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def run_of(row: Any, spec: RunSpec | None = None) -> Run:
    """Return the run of a row; its specification need not be read again where it is known."""
    spec = RunSpec.from_dict(row.spec) if spec is None else spec
    return Run(spec, **{one.name: getattr(row, one.name) for one in fields(Run)[1:]})
