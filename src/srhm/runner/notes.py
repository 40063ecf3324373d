"""Results kept in a file of JSON lines, so that a search that was cut goes on where it was."""

import json
import os
from pathlib import Path
from typing import Any

from ..errors import ArgumentError
from ..files import check_folder, user_path

_BEGINNING = '{"P": '
"""How every line begins."""


class Notes:
    """Results by P and replicate, one a line, each with what it is a result of; a line is written at once.

    Parameters
    ----------
    path
        The file, made when the first result is added. Results of other things may stand in it too.
    of
        What the results are of, JSON.

    Raises
    ------
    ArgumentError
        If the file cannot be read or holds something else, or nothing can be written there.
    """

    def __init__(self, path: str | Path, of: dict[str, Any]) -> None:
        self.path, self._of = user_path(path), json.loads(json.dumps(of))
        try:
            check_folder(self.path.absolute().parent)
            self._text = self.path.read_text(encoding="utf-8-sig") if self.path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ArgumentError("results", str(path), f"cannot be used ({error})", "Give a file") from None
        for number, line in enumerate(self._text.splitlines(), start=1):
            # Of a line that was cut while it was written, the beginning is there.
            if not (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                problem = f"is not a file of results: line {number} is something else"
                raise ArgumentError(
                    "results", str(path), problem, "Name a new file, or one that a search wrote"
                )

    def results(self) -> list[tuple[int, int, dict[str, float]]]:
        """Return (P, replicate, metrics) of every result so far; a line that was cut while it was written is none."""
        found = []
        for line in self._text.splitlines():
            try:
                row = json.loads(line)
                if row["of"] == self._of:
                    found.append((int(row["P"]), int(row["replicate"]), dict(row["metrics"])))
            except (ValueError, TypeError, KeyError):
                continue
        return found

    def add(self, P: int, replicate: int, metrics: dict[str, float]) -> None:
        """Write a result down."""
        row = json.dumps({"P": P, "replicate": replicate, "metrics": metrics, "of": self._of})
        cut = "\n" if self._text and not self._text.endswith("\n") else ""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{cut}{row}\n")
            file.flush()
            os.fsync(file.fileno())
        self._text += f"{cut}{row}\n"
