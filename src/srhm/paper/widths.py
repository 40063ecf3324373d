"""Published values next to ours at each width that has runs, and how P* depends on the width."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import check_instance
from ..measure.crossings import SampleComplexity, log_interval
from ..store.index import RunIndex
from ..study import Run, Seeds, Setup, Study
from .cost import shown
from .drawings import CLOSED, label
from .tables import QUANTITIES, Compared, comparisons, part_of_data, table, with_interval
from .tiers import REFERENCE_WIDTH, Tier, study_of


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
        found = [
            {(one.setting.digest, one.quantity): one for one in comparisons(one, index)}
            for one in tier.widths
        ]
        shared = [key for key in found[0] if all(key in of_width for of_width in found)]
        return cls(tier.widths, [tuple(of_width[key] for of_width in found) for key in shared])

    @property
    def words(self) -> list[str]:
        """Each width in words."""
        return ["the published width" if one.width is None else f"width {one.width}" for one in self.tiers]

    def second(self, found: Sequence[SampleComplexity | None]) -> int | None:
        """Return which width after the first is shown: the widest with a value; None if there is one width."""
        others = range(1, len(found))
        known = (k for k in others if (one := found[k]) is not None and one.P_star is not None)
        return next(known, 1 if others else None)

    def heads(self, *further: str) -> list[str]:
        """Return the columns of a value at the first width, and at the widest of the others that has it."""
        heads = [f"ours (90% interval), at {self.words[0]}", f"ratio, at {self.words[0]}"]
        return heads + ["ours, narrower", "its width", "its ratio", *further] * (len(self.tiers) > 1)

    @property
    def coverage(self) -> str:
        """How many of the published values are measured, in a sentence."""
        rows = [row for row in self.rows if row[0].paper is not None]
        measured = [any(one.is_measured for one in row) for row in rows]
        valid = [row[0].valid for row in rows]
        usual = [row[0].valid and (row[0].paper or 0) <= row[0].setting.params.P_max for row in rows]
        found = sum(is_measured for is_measured, is_usual in zip(measured, usual, strict=True) if is_usual)
        return (
            f"Of {len(rows)} published values {valid.count(False)} are not valid (left over from other settings, see "
            f"the errata), and {sum(valid) - sum(usual)} exceed the number of distinct data. Of the other "
            f"{sum(usual)}, {found} are measured; of all, {sum(measured)}."
        )


Group = tuple[str, int, int, str]
"""What settings have in common whose ratios are pooled: network, L, s0 and the quantity."""


@dataclass(frozen=True)
class Bias:
    """How P* depends on the width: ratios of the same replicates of the same settings at two widths."""

    studies: Mapping[str, Mapping[int, Study]]
    """The studies of each setting, by what it is at :data:`~.tiers.REFERENCE_WIDTH`, and by width."""

    @classmethod
    def of(cls, index: RunIndex) -> "Bias":
        """Return it from all settings of the paper's protocol that a store has at more than one width."""
        check_instance(RunIndex, index=index)
        found: dict[str, dict[int, Study]] = defaultdict(dict)
        for study in index.studies():
            setup = study.setup
            if study.fix == () and _is_plain(setup):
                wide = replace(setup, net=replace(setup.net, width=REFERENCE_WIDTH))
                found[wide.digest][setup.width] = study
        return cls({digest: of_width for digest, of_width in found.items() if len(of_width) > 1})

    @cached_property
    def by_width(self) -> dict[int, dict[Group, list[float]]]:
        """P* at each width over that at :data:`~.tiers.REFERENCE_WIDTH` by group, of the replicates that have both."""
        widths = {width for of_width in self.studies.values() for width in of_width}
        return {width: self._ratios(width) for width in sorted(widths - {REFERENCE_WIDTH})}

    def _ratios(self, width: int) -> dict[Group, list[float]]:
        found: dict[Group, list[float]] = defaultdict(list)
        for of_width in self.studies.values():
            if width not in of_width or REFERENCE_WIDTH not in of_width:
                continue
            for quantity, (name, _) in QUANTITIES.items():
                values = [_by_seed(of_width[one], name) for one in (width, REFERENCE_WIDTH)]
                both = [values[0][seed] / values[1][seed] for seed in values[0].keys() & values[1].keys()]
                params = of_width[width].setup.params
                if both:
                    found[of_width[width].setup.net.row.label, params.L, params.s0, quantity] += both
        return dict(found)

    def stated(self, setup: Setup, quantity: str) -> str:
        """Return the bias of a width to state next to a value: of its group, or of that with the nearest s0."""
        net, params = setup.net.row.label, setup.params
        near = {
            group[2]: ratios
            for group, ratios in self.by_width.get(setup.width, {}).items()
            if (group[0], group[1], group[3]) == (net, params.L, quantity)
        }
        if not near:
            return "not measured"
        s0 = min(near, key=lambda one: (abs(one - params.s0), one))
        return _mean(near[s0]) + ("" if s0 == params.s0 else f" (of s0 = {s0})")


def values_table(widths: Widths, bias: Bias) -> str:
    """Return every published value with the neighbours on its grid, ours at two widths, and the ratios.

    The second is the widest of those below 256 at which it was measured; next to it is how much that width changes it.
    """
    rows = []
    for of_widths in widths.rows:
        first = of_widths[0]
        if first.paper is None:
            continue
        ends = [f"{end:,}" if end is not None else "unknown" for end in first.grid or (None, None)]
        grid = " to ".join(ends) if set(ends) != {"unknown"} else "grid not published"
        cells = [with_interval(first.found), first.ratio_in_words]
        second = widths.second([one.found for one in of_widths])
        if second is not None:
            tier, one = widths.tiers[second], of_widths[second]
            width = "" if one.found is None else str(tier.width)
            changed = bias.stated(tier.setup(one.setting), one.quantity) if one.is_measured else ""
            cells += [with_interval(one.found), width, one.ratio_in_words, changed]
        paper = f"{first.paper:,} ({grid})" + ("" if first.valid else ", not valid")
        names = [first.figure, first.setting.net.row.label, label(first.setting)]
        measured = next((one for one in of_widths if one.is_measured), first)
        parts = [
            f"{first.paper / first.setting.params.P_max:.2g}",
            part_of_data(measured.found, first.setting),
        ]
        rows.append([*names, QUANTITIES[first.quantity][1], paper, *cells, *parts])
    heads = [
        "figure",
        "network",
        "model",
        "",
        "paper's (grid)",
        *widths.heads("bias of the width"),
        "paper's / P_max",
        "ours / P_max",
    ]
    return table(heads, rows)


def ratio_table(widths: Widths) -> str:
    """Return, for each network and quantity, the mean ratio of ours to the published values, and its range.

    Each published value counts once, at the first of the widths at which it was measured.
    """
    groups: dict[tuple[str, str], list[tuple[Compared, bool]]] = defaultdict(list)
    published_values: dict[tuple[str, str], int] = defaultdict(int)
    for of_widths in widths.rows:
        first = of_widths[0]
        if first.paper is None or not first.valid:
            continue
        key = QUANTITIES[first.quantity][1], first.setting.net.row.label
        published_values[key] += 1
        groups[key] += [(one, one is first) for one in of_widths if one.is_measured][:1]
    rows = []
    for key, ours in sorted(groups.items()):
        ratios = [one.ratio for one, _ in ours if one.ratio is not None]
        wide = [one.ratio for one, is_first in ours if one.ratio is not None and is_first]
        ends = f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else ""
        agreeing = str(sum(one.agrees is True for one, _ in ours)) if ratios else ""
        counts = [str(published_values[key]), str(len(ratios))]
        rows.append([*key, *counts, _pooled(ratios), ends, agreeing, str(len(wide)), _pooled(wide)])
    of_first = f"measured at {widths.words[0]}", "ours / paper of these"
    heads = ["", "network", "published", "measured", "ours / paper (90%)", "range", "within 1.5", *of_first]
    return table(heads, rows)


def _pooled(ratios: Sequence[float]) -> str:
    """Return the geometric mean of ratios, with its 90% interval if they are several."""
    if len(ratios) < 2:
        return "".join(f"{one:.2f}" for one in ratios)
    return "{} ({:.2f} to {:.2f})".format(_mean(ratios), *log_interval(ratios))


def missing_table(widths: Widths, index: RunIndex) -> str:
    """Return the published values that were measured at no width: what is known of them, or what they cost."""
    missing = [
        row for row in widths.rows if row[0].paper is not None and not any(one.is_measured for one in row)
    ]
    rows = []
    for of_widths in sorted(missing, key=lambda row: row[-1].seconds):
        first, last = of_widths[0], of_widths[-1]
        known = []
        for tier, words, one in zip(widths.tiers, widths.words, of_widths, strict=True):
            study = study_of(one.setting, tier, index)
            bound = with_interval(one.found) or _tried(study, QUANTITIES[one.quantity][0])
            known += [f"{bound} at {words}"] if bound else []
        names = [
            first.figure,
            first.setting.net.row.label,
            label(first.setting),
            QUANTITIES[first.quantity][1],
        ]
        paper = f"{first.paper:,}" + ("" if first.valid else ", not valid")
        rows.append([*names, paper, "; ".join(known), shown(last.seconds)])
    cost = f"runs near P* of a search on a core, at {widths.words[-1]}, about"
    return table(["figure", "network", "model", "", "paper's", "known", cost], rows)


def _tried(study: Study, quantity: str) -> str:
    """Return the bound of a search that is not finished: the least P below the threshold, or the largest above."""
    metric = study.setup.threshold(quantity)
    if metric is None:
        return ""
    name, limit = metric
    points = [(P, value < limit) for curve in study.curve(name) for P, value in curve if value is not None]
    below, above = ([P for P, is_below in points if is_below is side] for side in (True, False))
    return f"< {min(below):,}" if below else f"> {max(above):,}" if above else ""


def storage_table(index: RunIndex) -> str:
    """Return, of the runs that ended below P*, the one of each network and depth that stored the most for each weight.

    Below P* the loss falls only if the network stores the labels, which are P log2(n_c) bits.
    """
    groups: dict[tuple[str, int], list[tuple[float, Run]]] = defaultdict(list)
    for study in index.studies():
        setup, metric = study.setup, study.setup.threshold("error")
        if metric is None or not _is_plain(setup) or study.fix != ():
            continue
        bits = math.log2(setup.params.n_c) / setup.net.cost(setup.params).parameters
        groups[setup.net.row.label, setup.params.L] += [
            (run.spec.P * bits, run)
            for _, run in study.all_runs
            if run.status == "converged" and (run.metrics[metric[0]] or 0.0) >= metric[1]
        ]
    rows = []
    for (net, L), ended in sorted(groups.items()):
        if not ended:
            continue
        stored, run = max(ended, key=lambda pair: pair[0])
        cells = [label(run.spec.setup), str(run.spec.setup.width), f"{run.spec.P:,}"]
        epochs = f"{run.metrics['epochs']:,.0f}"
        rows.append([net, str(L), f"{len(ended):,}", f"{stored:.2f}", *cells, epochs])
    heads = [
        "network",
        "L",
        "runs that ended below P*",
        "most bits for a weight",
        "model",
        "width",
        "P",
        "epochs",
    ]
    return table(heads, rows)


def width_table(bias: Bias) -> str:
    """Return P* of each quantity at every width over that at width 256, with 90% intervals over replicates."""
    by_width = bias.by_width
    groups = sorted({group for ratios in by_width.values() for group in ratios}, key=_in_order)
    rows = [
        [group[0], str(group[1]), str(group[2]), QUANTITIES[group[3]][1],
         *(_with_ends(by_width[width].get(group, [])) for width in by_width)]
        for group in groups
    ]  # fmt: skip
    heads = ["network", "L", "s0", "", *(f"width {width} / width {REFERENCE_WIDTH}" for width in by_width)]
    return table(heads, rows)


def exponent_table(bias: Bias) -> str:
    """Return the exponent of s0+1 of P* at every width, each fitted to the same settings and replicates.

    Settings that differ in s0 alone, or in the published rate that goes with it; at least three.
    """
    series: dict[tuple[str, int, int, int, int, int, str], dict[int, dict[int, Study]]] = defaultdict(dict)
    for of_width in bias.studies.values():
        setup = of_width[next(iter(of_width))].setup
        params, rate = setup.params, setup.optimizer.rate
        own = [f"{rate:g}"] + ["published"] * (rate == setup.net.rate(params).value)
        for words in own:
            model = params.L, params.v, params.s, params.m, params.n_c
            series[setup.net.row.label, *model, words][params.s0] = dict(of_width)
    rows = []
    for (net, L, v, s, m, n_c, rate), by_s0 in sorted(series.items()):
        published = series.get((net, L, v, s, m, n_c, "published"), {})
        if by_s0.items() <= published.items() and rate != "published":
            continue  # the published rates are this one
        for width in bias.by_width:
            both = {s0: one for s0, one in by_s0.items() if width in one and REFERENCE_WIDTH in one}
            points = {
                one: {s0: _by_seed(studies[one], "error") for s0, studies in both.items()}
                for one in (width, REFERENCE_WIDTH)
            }
            seeds = [set(values) for of_s0 in points.values() for values in of_s0.values() if values]
            shared = sorted(set.intersection(*seeds), key=repr) if seeds else []
            s0s = sorted(s0 for s0 in both if all(points[one][s0] for one in points))
            if len(s0s) < 3 or len(shared) < 2:
                continue
            slopes = {
                one: np.array([_slope(s0s, [points[one][s0][seed] for s0 in s0s]) for seed in shared])
                for one in points
            }
            change = slopes[width] - slopes[REFERENCE_WIDTH]
            low, high = map(math.log, log_interval(np.exp(change)))
            cells = [f"{slopes[one].mean():.2f}" for one in (width, REFERENCE_WIDTH)]
            rows.append(
                [net, str(L), str(v), str(s), rate, ", ".join(map(str, s0s)), str(width), *cells,
                 f"{change.mean():+.2f} ({low:+.2f} to {high:+.2f})", str(len(shared))]
            )  # fmt: skip
    heads = [
        "network", "L", "v", "s", "rate", "s0", "width", "exponent", f"at width {REFERENCE_WIDTH}",
        "difference (90% interval)", "replicates",
    ]  # fmt: skip
    return table(heads, rows)


def _is_plain(setup: Setup) -> bool:
    """Return whether a setup is one of the paper's networks as they are here by default, the rate apart."""
    if setup.prediction is None or setup.net.chosen or setup.replacement:
        return False
    usual = Setup(setup.params, setup.net, replace(setup.optimizer, rate=None, batch_per_class=4))
    return replace(usual.optimizer, rate=setup.optimizer.rate) == setup.optimizer


def _by_seed(study: Study, name: str) -> dict[Seeds, float]:
    """Return P* of a quantity of the replicates that have one, of the error between neighbours within 20%."""
    found = study.read(name)
    if found is None:
        return {}
    most = CLOSED if name == "error" else math.inf
    pairs = zip(study.seeds, found.crossings, strict=True)
    return {
        seeds: one.P_star
        for seeds, one in pairs
        if one.P_star is not None and one.bracket is not None and one.bracket <= most
    }


def _slope(s0s: Sequence[int], values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(np.array(s0s) + 1.0), np.log(values), 1)[0])


def _in_order(group: Group) -> tuple[str, int, str, int]:
    return group[0], group[1], QUANTITIES[group[3]][1], group[2]


def _mean(ratios: Sequence[float]) -> str:
    return f"{math.exp(np.mean(np.log(ratios))):.2f}"


def _with_ends(ratios: Sequence[float]) -> str:
    """Return a mean with its interval and the number of replicates; bold where it is off by more than 10%."""
    if not ratios:
        return ""
    mean = _mean(ratios)
    mean = mean if 0.9 <= float(mean) <= 1.1 else f"**{mean}**"
    if len(ratios) == 1:
        return f"{mean} (1 replicate)"
    low, high = log_interval(ratios)
    return f"{mean} ({low:.2f} to {high:.2f}; {len(ratios)})"
