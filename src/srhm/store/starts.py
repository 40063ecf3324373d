"""The first P of searches, kept so that a command that resumes asks for the same P, whatever was measured since."""

import sqlalchemy as sql

from .database import Database
from .tables import STARTS


class Starts(Database):
    """The first P of the searches that began by a fit; see :func:`srhm.study.starts.fitted_start`."""

    def starts(self) -> dict[str, int]:
        """Return the first P of every search that has one, by the key of the search."""
        if not self.exists():
            return {}
        with self._connection() as connection:
            if not sql.inspect(connection).has_table(STARTS.name):  # of a store from before there were any
                return {}
            return {row.search: row.P for row in connection.execute(sql.select(STARTS))}

    def keep_starts(self, starts: dict[str, int]) -> None:
        """Keep the first P of searches, by their keys; one that is kept already stays as it is."""
        if not starts:
            return
        kept = self.starts()
        with self._writing() as connection:
            STARTS.create(connection, checkfirst=True)
            rows = [{"search": key, "P": P} for key, P in starts.items() if key not in kept]
            if rows:
                connection.execute(sql.insert(STARTS).prefix_with("OR IGNORE"), rows)
