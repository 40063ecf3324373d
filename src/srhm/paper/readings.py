"""How published values were read off curves: crossings between points, and the point of a grid nearest to 10%."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from ..measure.crossings import SampleComplexity, nearest_grid
from ..reference.published import published, published_crossings
from ..store.index import RunIndex
from ..study import Setup, Study
from .drawings import label
from .settings import setup as setup_on
from .tables import searched, table, with_interval
from .tiers import Tier, study_of
from .widths import Widths

_PHASES = 20
"""A grid is laid over our curves at as many places, evenly in ln P over a step."""


def crossing_table(widths: Widths, index: RunIndex) -> str:
    """Return the crossings read off the published curves next to what was printed and to ours."""
    rows = []
    for one in published_crossings():
        setting = setup_on(one.net, one.params)
        printed = published(one.net, one.params)
        studies = [study_of(setting, tier, index) for tier in widths.tiers]
        found = [study.read(begun=True) for study in studies]
        if studies[0].setup == studies[-1].setup:
            found[1:] = [None] * len(found[1:])  # of one width, which is in the first column
        cells = [with_interval(found[0]), _ratio(found[0], one.P_star)]
        if (second := widths.second(found)) is not None:
            ours = found[second]
            width = "" if ours is None else str(widths.tiers[second].width)
            cells += [with_interval(ours), width, _ratio(ours, one.P_star)]
        rows.append(
            [
                one.figure if one.figure[0].isdigit() else "its code",
                setting.net.row.label,
                label(setting) + ("" if one.params.sparsity == "A" else ", sparsity B"),
                "" if printed is None else f"{printed.P_star:,}",
                f"{one.P_star:,} ({one.P_star / one.factor:,.0f} to {one.P_star * one.factor:,.0f})",
                *cells,
            ]
        )
    return table(["figure", "network", "model", "printed", "crossing", *widths.heads()], rows)


def _ratio(found: SampleComplexity | None, crossing: float) -> str:
    return "" if found is None or found.P_star is None else f"{found.P_star / crossing:.2f}"


def rule_table(tier: Tier, index: RunIndex) -> str:
    """Return what the published rule reads off a curve over where the curve crosses 10%.

    Off the published curves, and off ours: there a grid with the published steps is laid at all places, wherever runs
    of a replicate span the two points of the grid between which its error crosses.
    """
    theirs: dict[str, list[float]] = defaultdict(list)
    for one in published_crossings():
        printed = published(one.net, one.params)
        if printed is not None and printed.valid:
            theirs[setup_on(one.net, one.params).net.row.label].append(printed.P_star / one.P_star)
    ours: dict[str, list[float]] = defaultdict(list)
    for setting in searched():
        ours[setting.net.row.label] += _readings(study_of(setting, tier, index), setting)
    rows = [
        [net, whose, *_spread(found[net])]
        for whose, found in (("published", theirs), ("ours", ours))
        for net in sorted(found)
        if found[net]
    ]
    return table(["network", "curves", "rule / crossing, geometric mean", "range", "readings"], rows)


def _readings(study: Study, setting: Setup) -> list[float]:
    """Return what the rule reads off the curve of every replicate over its crossing, at every place of the grid."""
    step = _step(setting)
    if step is None:
        return []
    found = []
    for crossing, points in zip(study.crossings(), study.curve(), strict=True):
        known = [(math.log(P), error) for P, error in points if error is not None]
        if crossing.P_star is None or len(known) < 2:
            continue
        logs, errors = zip(*known, strict=True)
        for phase in range(_PHASES):
            below = math.log(crossing.P_star) - step * phase / _PHASES
            if logs[0] <= below and below + step <= logs[-1]:
                grid = [(round(math.exp(x)), np.interp(x, logs, errors)) for x in (below, below + step)]
                read = nearest_grid([(P, {"error": float(error)}) for P, error in grid]).P_star
                found += [] if read is None else [read / crossing.P_star]
    return found


def _step(setting: Setup) -> float | None:
    """Return the published step in ln P."""
    paper = published(setting.net.family, setting.params)
    if paper is None or paper.low is None or paper.high is None:
        return None
    return math.log(paper.high / paper.low) / 2


def _spread(ratios: Sequence[float]) -> Iterable[str]:
    mean = math.exp(np.mean(np.log(ratios)))
    return f"{mean:.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}", str(len(ratios))
