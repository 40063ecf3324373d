"""Revision 2: weights and times of runs; failures, claims and drivers."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_ENDED = {
    "sqlite": "CAST(strftime('%s', finished) AS REAL)",
    "postgresql": "extract(epoch from CAST(finished AS timestamptz))",
}


def upgrade() -> None:
    """Add the columns and the tables; the times of the runs that are there are read from their text."""
    op.add_column("runs", sa.Column("weights", sa.String(64)))
    op.add_column("runs", sa.Column("ended", sa.Float))
    op.execute(sa.text(f"UPDATE runs SET ended = {_ENDED[op.get_bind().dialect.name]}"))
    op.create_index("ix_runs_ended", "runs", ["ended"])
    op.create_table(
        "failures",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("failed_at", sa.Float, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_index("ix_claims_owner", "claims", ["owner"])
    op.create_table(
        "drivers",
        sa.Column("owner", sa.String(200), primary_key=True),
        sa.Column("host", sa.String(100), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("finished_before", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
    )
