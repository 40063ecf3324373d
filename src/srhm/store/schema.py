"""The revision of the tables, and the way to the present one: Alembic, run by the program itself."""

import threading

import sqlalchemy as sql

from .problems import foreign, refused

REVISIONS = ("1", "2")
"""The revisions of the tables that this version can read or upgrade, oldest first; see migrations/versions."""
PRESENT = REVISIONS[-1]

_FIRST_COLUMNS = frozenset(
    [
        "hash",
        "net",
        "sparsity",
        "n_c",
        "v",
        "m",
        "s",
        "s0",
        "L",
        "width",
        "P",
        "seed_grammar",
        "seed_samples",
        "seed_network",
        "seed_order",
        "status",
        "error",
        "spec",
        "metrics",
        "record",
        "seconds",
        "versions",
        "device",
        "finished",
    ]
)
"""The columns of runs before revisions were counted: by them a store of that time is known."""

_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps what it is doing in a global variable


def revision_of(connection: sql.Connection, name: str) -> tuple[str | None, bool]:
    """Return the revision of the tables, None if there are none, and whether it is written down there.

    Raises
    ------
    ArgumentError
        If there are other tables, or tables of a newer version.
    """
    found = sql.inspect(connection)
    tables = found.get_table_names()  # once: another process may be making them
    if not tables:
        return None, False
    if "alembic_version" in tables and "runs" in tables:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if revision in REVISIONS:
            return str(revision), True
        if revision is not None:
            raise refused(
                name, f"was written by a newer srhm (revision {revision})", "Install that version of srhm"
            )
    if "runs" not in tables or not {one["name"] for one in found.get_columns("runs")} >= _FIRST_COLUMNS:
        raise foreign(name)
    return "1", False


def upgrade(connection: sql.Connection, name: str) -> None:
    """Make the tables, or bring them to the present revision, in a transaction that excludes other writers."""
    revision, written = revision_of(connection, name)  # again: another process may have been as fast
    if revision == PRESENT and written:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 0")  # fails at once where nothing can be written
    from alembic import command  # late: it is needed once in the life of a store
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "srhm.store:migrations")
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        if revision is not None and not written:
            command.stamp(config, revision)
        command.upgrade(config, "head")
