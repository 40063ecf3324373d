"""Revision 1: the table of the finished runs."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the table as it was before revisions were counted."""
    integers = ("n_c", "v", "m", "s", "s0", "L", "width")
    seeds = ("seed_grammar", "seed_samples", "seed_network", "seed_order")
    op.create_table(
        "runs",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("net", sa.String(32), nullable=False),
        sa.Column("sparsity", sa.String(1), nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in integers),
        sa.Column("P", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String(20), nullable=False) for name in seeds),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error", sa.Float),
        *(
            sa.Column(name, sa.JSON, nullable=False)
            for name in ("spec", "metrics", "record", "seconds", "versions")
        ),
        sa.Column("device", sa.String(128), nullable=False),
        sa.Column("finished", sa.String(32), nullable=False),
    )
    op.create_index("ix_runs_net", "runs", ["net"])
    op.create_index("ix_runs_P", "runs", ["P"])
    op.create_index("runs_by_model", "runs", ["net", "v", "s0", "L", "P"])
