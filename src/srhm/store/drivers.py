"""The processes that hand out runs of a store: how far they are, and whether they are asked to stop."""

from dataclasses import dataclass

import sqlalchemy as sql

from .database import Database, now
from .owners import owner_is_dead, read_owner
from .tables import DRIVERS

_SILENT_SECONDS = 300.0
"""A driver that was not seen for so long counts as gone; those that live are seen every few seconds."""
_FORGET_SECONDS = 30 * 24 * 3600.0
"""Drivers that ended so long ago are deleted."""


@dataclass(frozen=True)
class DriverRow:
    """A process that hands out runs, or did."""

    owner: str
    """The owner of its claims."""
    host: str
    """Name of its machine."""
    pid: int
    """Number of its process there."""
    title: str
    """What it does, such as its command."""
    total: int
    """Runs that it was asked for."""
    finished_before: int
    """Those that were finished when it began."""
    done: int
    """Those that are finished or given up now."""
    started: float
    """When it began, in seconds since 1970."""
    seen: float
    """When it last said that it is alive."""
    slots: int
    """Runs under way at a time."""
    cancel: bool
    """Whether it is asked to stop."""
    state: str
    """``running``, or how it ended."""
    alive: bool
    """Whether it is running as far as is known: its process exists, or was seen in the last minutes."""


class Drivers(Database):
    """The drivers."""

    def enter(self, owner: str, title: str, total: int, finished_before: int, slots: int) -> None:
        """Write that a driver begins."""
        found = read_owner(owner)
        with self._writing() as connection:
            time = now(connection)
            old = DRIVERS.c.seen < time - _FORGET_SECONDS
            connection.execute(sql.delete(DRIVERS).where((DRIVERS.c.owner == owner) | old))
            row = {
                "owner": owner,
                "host": found.host if found else "",
                "pid": found.pid if found else 0,
                "title": title.replace("\0", "")[:200],
                "total": total,
                "finished_before": finished_before,
                "done": finished_before,
                "started": time,
                "seen": time,
                "slots": slots,
                "cancel": False,
                "state": "running",
            }
            connection.execute(sql.insert(DRIVERS).values(**row))

    def seen(self, owner: str, done: int) -> bool:
        """Write that a driver is alive and how many runs are done, and return whether it is asked to stop."""
        with self._writing() as connection:
            own = DRIVERS.c.owner == owner
            connection.execute(sql.update(DRIVERS).where(own).values(seen=now(connection), done=done))
            return bool(connection.scalar(sql.select(DRIVERS.c.cancel).where(own)))

    def leave(self, owner: str, state: str, done: int) -> None:
        """Write how a driver ended, such as ``finished`` or ``interrupted``."""
        with self._writing() as connection:
            ended = {"seen": now(connection), "state": state[:16], "done": done}
            connection.execute(sql.update(DRIVERS).where(DRIVERS.c.owner == owner).values(**ended))

    def ask_cancel(self) -> int:
        """Ask all drivers to stop, and return how many of them are alive."""
        living = sum(driver.alive for driver in self.drivers())
        if self._exists():
            with self._writing() as connection:
                running = DRIVERS.c.state == "running"
                connection.execute(sql.update(DRIVERS).where(running).values(cancel=True))
        return living

    def drivers(self) -> list[DriverRow]:
        """Return the drivers, those that ended in the last weeks included, by the time of their beginning."""
        if not self._exists():
            return []
        with self._connection() as connection:
            time = now(connection)
            rows = connection.execute(sql.select(DRIVERS).order_by(DRIVERS.c.started, DRIVERS.c.owner)).all()
        return [
            DriverRow(
                **row._mapping,
                alive=row.state == "running"
                and row.seen > time - _SILENT_SECONDS
                and not owner_is_dead(row.owner),
            )
            for row in rows
        ]
