"""The figures of the long tests, as a table of docs/reliability_table.md, which `make test-long` writes anew."""

import os
import platform
from dataclasses import dataclass, field

import srhm
from folders import ROOT

FILE = ROOT / "docs" / "reliability_table.md"


@dataclass
class Report:
    """The lines of the table, each with whether its wish was met."""

    lines: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, what: str, wanted: str, measured: str, met: bool) -> None:
        """Add a line, and fail if it is not met."""
        self.lines.append((what, wanted, measured, met))
        assert met, f"{what}: {measured}, wanted {wanted}"

    def add_time(self, what: str, limit: float, seconds: float) -> None:
        """Add a line with a time, and fail if it is three times too long: other work takes time as well."""
        self.lines.append((what, f"≤ {_shown(limit)}", _shown(seconds), seconds <= limit))
        assert seconds <= 3 * limit, f"{what}: {_shown(seconds)}, wanted {_shown(limit)}"

    def text(self) -> str:
        """Return the table, and below it where it was made."""
        table = ["| what | wanted | measured | met |", "| --- | --- | --- | --- |"]
        for what, wanted, measured, met in self.lines:
            table.append(f"| {what} | {wanted} | {measured} | {'yes' if met else 'no'} |")
        where = f"srhm {srhm.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores"
        return "\n".join([*table, "", f"Made by `make test-long`: {where}.", ""])

    def write(self) -> None:
        """Write the file of the documentation."""
        FILE.write_text(self.text(), encoding="utf-8")


def _shown(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
