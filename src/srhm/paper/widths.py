"""Published values next to ours at each width that has runs, and how P* depends on the width."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import check_instance
from ..measure.complexity import log_interval
from ..store.index import RunIndex
from .drawings import label
from .tables import QUANTITIES, Compared, comparisons, in_words, table
from .tiers import TIERS, Tier

_WIDTHS = ("laptop", "narrow")
"""Tiers of one width each, which are compared with one another; another tier has the published widths."""


@dataclass(frozen=True)
class Widths:
    """Every published value, with ours at each width."""

    tiers: tuple[Tier, ...]
    """The tiers, the widest first."""
    rows: Sequence[tuple[Compared, ...]]
    """Of each setting and quantity what is compared at each of the widths."""

    @classmethod
    def of(cls, tier: Tier, index: RunIndex) -> "Widths":
        """Compare the widths of which a tier is one; of a tier of the published widths these alone."""
        check_instance(Tier, tier=tier)
        tiers = tuple(TIERS[name] for name in _WIDTHS) if tier.name in _WIDTHS else (tier,)
        found = [
            {(one.setting.digest, one.quantity): one for one in comparisons(one, index)} for one in tiers
        ]
        shared = [key for key in found[0] if all(key in of_width for of_width in found)]
        return cls(tiers, [tuple(of_width[key] for of_width in found) for key in shared])

    @property
    def words(self) -> list[str]:
        """Each width in words."""
        return ["the published width" if one.width is None else f"width {one.width}" for one in self.tiers]


def values_table(widths: Widths) -> str:
    """Return every published value with the neighbours on its grid, ours at each width, and the ratios."""
    rows = []
    for of_widths in widths.rows:
        first = of_widths[0]
        if first.paper is None:
            continue
        low, high = ("?" if end is None else f"{end:,}" for end in first.grid or (None, None))
        cells = []
        for one in of_widths:
            P, ends = in_words(one.found)
            cells += [f"{P}{f' ({ends})' if ends else ''}", one.ratio_in_words]
        rows.append(
            [
                first.figure,
                first.setting.net.row.label,
                label(first.setting),
                QUANTITIES[first.quantity][1],
                f"{first.paper:,} ({low} to {high})" + ("" if first.valid else ", not valid"),
                *cells,
                f"{first.paper / first.setting.params.P_max:.2g}",
            ]
        )
    heads = [f"{head} at {words}" for words in widths.words for head in ("ours (90% interval),", "ratio,")]
    return table(["figure", "network", "model", "", "paper's (grid)", *heads, "paper's / P_max"], rows)


def ratio_table(widths: Widths) -> str:
    """Return, for each network and quantity, the mean ratio of ours to the published values, and its range.

    Each published value counts once, at the first of the widths at which it was measured.
    """
    groups: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    published_values: dict[tuple[str, str], int] = defaultdict(int)
    for of_widths in widths.rows:
        first = of_widths[0]
        if first.paper is None or not first.valid:
            continue
        key = QUANTITIES[first.quantity][1], first.setting.net.row.label
        published_values[key] += 1
        groups[key] += [one for one in of_widths if one.found is not None and one.found.P_star is not None][
            :1
        ]
    rows = []
    for key, ours in sorted(groups.items()):
        ratios = [one.ratio for one in ours if one.ratio is not None]
        cells = ["", "", ""]
        if ratios:
            cells = [
                f"{math.exp(np.mean(np.log(ratios))):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
                f"{sum(one.agrees is True for one in ours)}",
            ]
        rows.append([*key, str(published_values[key]), str(len(ratios)), *cells])
    heads = ["", "network", "published", "measured", "ours / paper, geometric mean", "range", "within 1.5"]
    return table(heads, rows)


def width_table(widths: Widths) -> str:
    """Return how P* at the second width compares with that at the first, of the replicates that both have."""
    pairs: dict[tuple[str, int, int], list[float]] = defaultdict(list)
    for one, other in widths.rows:
        if one.quantity != "P_star" or one.found is None or other.found is None:
            continue
        params = one.setting.params
        both = zip(one.found.per_seed, other.found.per_seed, strict=False)
        pairs[one.setting.net.row.label, params.L, params.s0] += [second / first for first, second in both]
    rows = []
    for (net, L, s0), ratios in sorted(pairs.items()):
        if ratios:
            mean, ends = math.exp(np.mean(np.log(ratios))), ""
            if len(ratios) > 1:
                ends = "{:.2f} to {:.2f}".format(*log_interval(ratios))
            rows.append([net, str(L), str(s0), f"{mean:.2f}", ends, str(len(ratios))])
    first, second = widths.words
    heads = ["network", "L", "s0", f"P* at {second} / P* at {first}", "90% interval", "replicates"]
    return table(heads, rows)
