"""The command `srhm report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..errors import ArgumentError
from ..files import check_output
from .grids import existing_store
from .options import STORE, StoreName
from .printing import print_result


@dataclass(frozen=True)
class ReportCommand:
    """Write one HTML file of all runs of a store, which needs no network: tables, figures, and how to repeat each run.

    It has a table of runs with filters, learning curves, P* against its scaling law, curves over P divided by a formula
    whose exponents can be moved, and sensitivities by layer and level. A point leads to its runs and to the command
    that repeats them. The same runs make the same file.
    """

    out: Annotated[Path, tyro.conf.Positional] = Path("report.html")
    """File to write, ending in .html. An existing one is replaced."""
    store: StoreName = STORE
    title: str = "Runs of the Sparse Random Hierarchy Model"
    """Title of the page."""

    def run(self) -> None:
        """Write."""
        if self.out.suffix not in (".html", ".htm"):
            problem = "does not end in .html"
            raise ArgumentError("out", str(self.out), problem, "Name a file such as report.html")
        store = existing_store(self.store, filled=True)
        check_output("out", self.out)
        from ..report import write_report  # Matplotlib takes a second to import

        count = write_report(self.out, store.runs(), self.title)
        size = self.out.stat().st_size / 1e6
        print_result(f"wrote {count:,} runs to {self.out} ({size:.1f} MB)")
