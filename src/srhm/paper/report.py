"""The pages and figures of a reproduction, written from a store."""

from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..errors import SrhmError, check_instance
from ..files import write_atomically
from ..store.index import Shelf
from .drawings import draw, write_figure
from .figures import PaperFigure
from .tables import (
    causes_table,
    comparison_table,
    comparisons,
    correlation_table,
    figure_table,
    missing_table,
    power_table,
    powers,
    sharing_table,
)
from .tiers import Tier


def report(figures: Sequence[PaperFigure], tier: Tier, shelf: Shelf) -> str:
    """Return the tables of a reproduction in Markdown: every number of the paper beside ours."""
    check_instance(Tier, tier=tier)
    compared = comparisons(tier, shelf)
    known = [one for one in compared if one.agrees is not None and one.valid]
    agreeing = sum(one.agrees is True for one in known)
    parts = [
        f"*Tier {tier.name}: {shelf.count:,} runs, {tier.seeds} replicates of each point, srhm {__version__}. "
        f"Of {len(known)} published values that were measured, {agreeing} agree within a factor 1.5.*",
        "### Figures and their runs", figure_table(figures, tier, shelf),
        "### P*", comparison_table(compared, "P_star"),
        "### P*_S", comparison_table(compared, "P_star_S"),
        "### P*_D", comparison_table(compared, "P_star_D"),
        "### Causes, tested", causes_table(tier, shelf),
        "### Error and sensitivity", correlation_table(shelf),
        "### Exponents", power_table(powers(tier, shelf)),
        "### Weights shared over the places of a sub-patch", sharing_table(tier, shelf),
        "### Not computed yet", missing_table(compared),
    ]  # fmt: skip
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def write_all(figures: Sequence[PaperFigure], tier: Tier, shelf: Shelf, folder: Path) -> list[Path]:
    """Draw all figures, write the tables, and return the files."""
    check_instance(Tier, tier=tier)
    written = []
    for figure in figures:
        try:
            drawn = draw(figure, tier, shelf)
        except SrhmError:  # nothing to draw yet: the table of figures says what is missing
            continue
        written += write_figure(drawn, folder / f"figure_{figure.name}")
    path = folder / "tables.md"
    write_atomically(path, report(figures, tier, shelf).encode())
    return [*written, path]
