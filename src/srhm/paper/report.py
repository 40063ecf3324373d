"""The pages and figures of a reproduction, written from a store."""

from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..errors import SrhmError
from ..figures.style import save
from ..files import write_atomically
from ..store.index import RunIndex
from .drawings import draw
from .kinds import PaperFigure
from .readings import crossing_table, rule_table
from .tables import (
    causes_table,
    comparison_table,
    comparisons,
    correlation_table,
    figure_table,
    power_table,
    powers,
    sharing_table,
)
from .tiers import Tier
from .widths import (
    Bias,
    Widths,
    exponent_table,
    missing_table,
    ratio_table,
    storage_table,
    values_table,
    width_table,
)

_FITTED = (
    "Fits of ln P* by least squares through settings whose v, s0 and learning rate differ, each with its mean over "
    "replicates. The exponents of s0+1 alone, of each replicate by itself, are in the table of shared weights."
)


def report(figures: Sequence[PaperFigure], tier: Tier, index: RunIndex) -> str:
    """Return the tables of a reproduction in Markdown: every number of the paper next to ours."""
    compared = comparisons(tier, index)
    known = [one for one in compared if one.agrees is not None and one.valid]
    agreeing = sum(one.agrees is True for one in known)
    widths, bias = Widths.of(tier, index), Bias.of(index)
    words = widths.words[widths.tiers.index(tier)] if tier in widths.tiers else "the widths of the tier"
    counted = [f"{widths.coverage} Each value counts once: at {', else at '.join(widths.words)}."]
    runs = [run for of_model in index.by_model().values() for run in of_model]
    versions = sorted({run.versions["srhm"] for run in runs if "srhm" in run.versions})
    hours = {
        words: sum(sum(run.seconds.values()) for run in runs if run.device.startswith("cpu") is is_cpu) / 3600
        for words, is_cpu in (("on a core", True), ("on a GPU", False))
    }
    took = " and ".join(f"{spent:.1f} hours {words}" for words, spent in hours.items() if spent)
    parts = [
        f"*Tier {tier.name}, from a store of {index.count:,} runs, which took {took}: "
        f"{_replicates(tier)} of each point where nothing else is stated. Tables by srhm {__version__}, runs by "
        f"{' and '.join(versions)}. "
        f"Of {len(known)} published values that were measured at {words}, {agreeing} agree within a factor 1.5.*",
        "### Ours over the paper's", *counted, ratio_table(widths),
        "### Figures and their runs", figure_table(figures, tier, index),
        "### P*", comparison_table(compared, "P_star"),
        "### P*_S", comparison_table(compared, "P_star_S"),
        "### P*_D", comparison_table(compared, "P_star_D"),
        "### Causes, tested", causes_table(tier, index),
        "### Error and sensitivity", correlation_table(index),
        "### Exponents", _FITTED, power_table(powers(tier, index)),
        "### Weights shared over the places of a sub-patch", sharing_table(tier, index),
        "### Every published value", values_table(widths, bias),
        "### Crossings of the published curves", crossing_table(widths, index),
        "### What the published rule reads", rule_table(tier, index),
        *(["### Width", width_table(bias)] if bias.by_width else []),
        *(["### The exponent of s0+1 at each width", exponent_table(bias)] if bias.by_width else []),
        "### Not measured at any width", missing_table(widths, index),
        "### What runs below P* store", storage_table(index),
    ]  # fmt: skip
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _replicates(tier: Tier) -> str:
    fewer = "".join(f", {count} from an expected P* of {least:,.0f} on" for least, count in tier.fewer)
    return f"{tier.seeds} replicates{fewer}"


def write_all(figures: Sequence[PaperFigure], tier: Tier, index: RunIndex, folder: Path) -> list[Path]:
    """Draw all figures, write the tables, and return the files."""
    written = []
    for figure in figures:
        try:
            drawn = draw(figure, tier, index)
        except SrhmError:  # nothing to draw yet: the table of figures says what is missing
            continue
        written += save(drawn, folder / f"figure_{figure.name}")
    path = folder / "tables.md"
    write_atomically(path, report(figures, tier, index).encode())
    return [*written, path]
