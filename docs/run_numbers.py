"""The numbers of the runs in results/, in pages; conf.py puts them in."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from math import inf, log, nan
from pathlib import Path

import numpy as np
from scipy.stats import t

from srhm.measure.complexity import Search
from srhm.measure.crossings import SampleComplexity, combine
from srhm.model.holdout import hold_out_text
from srhm.store.archive import read_archive
from srhm.study.custom import CustomNet
from srhm.study.study import Study, studies_of

RESULTS = Path(__file__).parents[1] / "results"
FITTED = (500, 8000)
"""The training points between which the exponent of uneven synonyms is fitted."""


def zipf_runs() -> dict[int, list[dict]]:
    """Return the runs of results/zipf.json by P, those of all seeds."""
    found = defaultdict(list)
    for run in json.loads((RESULTS / "zipf.json").read_text("utf-8"))["runs"]:
        found[run["P"]].append(run)
    return dict(found)


def by_rule(runs: list[dict]) -> np.ndarray:
    """Return the error of the test inputs whose class used each rule, over all seeds."""
    wrong, of_rule = (np.sum([run[name] for run in runs], axis=0) for name in ("by_rule", "of_rule"))
    return wrong / of_rule


def half_learned(runs: dict[int, list[dict]], classes: int = 16) -> list[float]:
    """Return for each rule the P at which its error falls to half of chance, interpolated in ln P; inf beyond all."""
    half, points = (1 - 1 / classes) / 2, sorted(runs)
    errors = np.array([by_rule(runs[P]) for P in points])
    found = []
    for column in errors.T:
        last = next((k for k in range(1, len(points)) if (column[k:] < half).all()), None)
        if last is None:
            found.append(inf)
            continue
        high, low = column[last - 1], column[last]
        part = (high - half) / (high - low)
        found.append(points[last - 1] * (points[last] / points[last - 1]) ** part)
    return found


def exponent(runs: dict[int, list[dict]], limits: tuple[int, int]) -> tuple[float, float]:
    """Return the slope of ln error against ln P, the mean over seeds, and the half-width of its 90% t-interval."""
    points = [P for P in sorted(runs) if limits[0] <= P <= limits[1]]
    seeds = range(len(runs[points[0]]))
    slopes = [
        np.polyfit(np.log(points), [log(runs[P][seed]["wrong"]) for P in points], 1)[0] for seed in seeds
    ]
    return float(np.mean(slopes)), float(
        t.ppf(0.95, len(slopes) - 1) * np.std(slopes, ddof=1) / len(slopes) ** 0.5
    )


def span(values: tuple[float | None, float | None] | None) -> str:
    low, high = values or (None, None)
    return f"{low or 0:,.0f} to {high:,.0f}" if high is not None else f"above {low:,.0f}"


NETWORKS = ("cnn", "lcn", "fcn", "transformer")
HELD_OUT = {"placements(1, 0.25)": "unseen shifts", "pairs(2, 0.25)": "unseen pairs"}
HALF = ("placements(1, 0.5, seed=0)", "placements(1, 0.5, seed=11)")
"""Half of the placements: each place of a child is still seen, or one is not."""
MEASURED = ("error", "in_distribution_error")
"""The test error on inputs with what is held out, and on new inputs like those of training."""


@cache
def held_out() -> dict[tuple[str, str], Study]:
    """Return the runs of results/holdout.jsonl.xz by network and by what is held out."""
    studies = studies_of(read_archive(RESULTS / "holdout.jsonl.xz"))
    return {(one.setup.net.family, hold_out_text(one.setup.hold_out)): one for one in studies}


def with_interval(values: Sequence[float], digits: int = 3) -> str:
    """Return a mean and the half-width of its 90% t-interval."""
    half = t.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{round(np.mean(values), digits) + 0.0:.{digits}f} ± {half:.{digits}f}"


def threshold(study: Study, quantity: str) -> SampleComplexity:
    """Return the P at which a test error falls to 10%, interpolated between factors of 2."""
    points = sorted({run.spec.P for _, run in study.all_runs})
    crossings = []
    for runs in study.runs:
        search = Search(
            points[0], thresholds={quantity: 0.1}, smallest=points[0], largest=points[-1], within=1.0
        )
        for run in runs:
            search.tell(run.spec.P, {quantity: run.metrics[quantity]})
        crossings.append(search.crossing(quantity))
    return combine(crossings)


def in_words(found: SampleComplexity) -> str:
    """Return P* with its interval, or that no run comes below the threshold."""
    if found.P_star is not None:
        return f"{found.P_star:,.0f} ({span(found.interval)})"
    return {"above": "above all P"}[found.status]


def ratio(first: SampleComplexity, second: SampleComplexity) -> str:
    """Return the ratio of two P*, the geometric mean over seeds, with its 90% t-interval; empty if one is missing."""
    if not (first.per_seed and second.per_seed):
        return ""
    logs = np.log(np.divide(second.per_seed, first.per_seed))
    half = t.ppf(0.95, len(logs) - 1) * np.std(logs, ddof=1) / len(logs) ** 0.5
    middle, low, high = (np.exp(np.mean(logs) + sign * half) for sign in (0, -1, 1))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def unseen() -> dict[str, str]:
    """Return the tables of the page about unseen shifts and pairs."""
    studies = [held_out()[name, kind] for name in NETWORKS for kind in HELD_OUT]
    found, points = {}, sorted({run.spec.P for one in studies for _, run in one.all_runs})
    for kind, words in HELD_OUT.items():
        thresholds, errors, last = [], [], []
        for name in NETWORKS:
            study = held_out()[name, kind]
            label, curves = study.setup.net.row.label, {one: study.curve(one) for one in MEASURED}
            usual, held = (threshold(study, quantity) for quantity in reversed(MEASURED))
            cells = [label, in_words(usual), in_words(held), ratio(usual, held)]
            thresholds.append(f"| {' | '.join(cells)} |")
            cells = []
            for P in points:
                means = [np.mean([dict(one).get(P, nan) for one in curves[q]]) for q in MEASURED]
                cells.append("" if np.isnan(means[0]) else f"{means[0]:.3f} / {means[1]:.3f}")
            errors.append(f"| {label} | {' | '.join(cells)} |")
            at_end = [[dict(one)[points[-1]] for one in curves[q]] for q in MEASURED]
            gap = with_interval(np.subtract(*at_end))
            last.append(f"| {label} | {' | '.join(map(with_interval, at_end))} | {gap} |")
        name = words.split()[1]
        found |= {
            f"unseen_{name}_{part}": "\n".join(rows)
            for part, rows in (("thresholds", thresholds), ("errors", errors), ("last", last))
        }
    head = " | ".join(f"{P:,}" for P in points)
    half = []
    for name in NETWORKS[:3]:
        of_half = [held_out()[name, kind] for kind in HALF]
        at_half = [[run.metrics[q] for _, run in one.all_runs] for one in of_half for q in reversed(MEASURED)]
        half.append(f"| {of_half[0].setup.net.row.label} | {' | '.join(map(with_interval, at_half))} |")
    synonyms = []
    for name in NETWORKS[:3]:
        of_kind = [
            [dict(one)[points[-1]] for one in held_out()[name, kind].curve("S_21")] for kind in HELD_OUT
        ]
        synonyms.append(
            f"| {held_out()[name, HALF[0]].setup.net.row.label} | {' | '.join(map(with_interval, of_kind))} |"
        )
    everything = [run for one in held_out().values() for _, run in one.all_runs]
    ended = [run for run in everything if run.status == "epochs"]
    return found | {
        "unseen_points": f"| network | {head} |\n|{' --- |' * (len(points) + 1)}",
        "unseen_S": "\n".join(synonyms),
        "unseen_half": "\n".join(half),
        "unseen_half_P": f"{held_out()['cnn', HALF[0]].runs[0][0].spec.P:,}",
        "unseen_last": f"{points[-1]:,}",
        "unseen_runs": f"{len(everything)}",
        "unseen_unconverged": f"{len(ended)}",
        "unseen_slow": ", ".join(sorted({run.spec.net.row.label for run in ended})),
    }


def plane_runs() -> dict[str, list]:
    """Return the runs of results/plane.jsonl.xz, of the ordinary CNN and of the CNN of patches, by P and seed."""
    found = {"ordinary": [], "patches": []}
    for run in read_archive(RESULTS / "plane.jsonl.xz"):
        found["ordinary" if isinstance(run.spec.net, CustomNet) else "patches"].append(run)
    return {
        name: sorted(runs, key=lambda run: (run.spec.P, run.spec.seeds.samples))
        for name, runs in found.items()
    }


def by_points(runs: list) -> dict[int, dict[str, float]]:
    """Return the mean of every metric at the P that all three seeds have."""
    found = defaultdict(list)
    for run in runs:
        found[run.spec.P].append(run.metrics)
    return {
        P: {name: float(np.mean([one[name] for one in of_seeds])) for name in of_seeds[0]}
        for P, of_seeds in sorted(found.items())
        if len(of_seeds) == 3
    }


def plane() -> dict[str, str]:
    """Return the tables of the page about the plane."""
    runs, found = plane_runs(), {}
    layers = {"ordinary": ("1", "2", "3", "output"), "patches": ("1", "2", "output")}
    for name, of_net in runs.items():
        (study,) = studies_of(of_net)
        read = study.read("error")
        found[f"plane_{name}"] = f"{read.P_star:,.0f} ({span(read.interval)})"
        few, many = (by_points(of_net)[P] for P in (225, 3600))
        found[f"plane_few_{name}"] = f"{few['error']:.2f}"
        found[f"plane_{name}_table"] = "\n".join(
            f"| {layer} | "
            + " | ".join(
                f"{few[f'{letter}_{k}{level}']:.2f} → {many[f'{letter}_{k}{level}']:.2f}"
                for letter in "SD"
                for level in (1, 2)
            )
            + " |"
            for k, layer in enumerate(layers[name], start=1)
        )
    return found


def sequences() -> dict[str, str]:
    """Return the tables of runs that predict next symbols."""
    public, blanks = defaultdict(dict), defaultdict(list)
    for run in read_archive(RESULTS / "sequences.jsonl.xz"):
        setup = run.spec.setup
        if setup.params.L == 3:
            public[run.spec.seeds.grammar][setup.stopping.select] = run.metrics
        else:
            blanks[setup.params.s0, run.spec.P].append(run.metrics)
    rows = []
    for seed in sorted(public):
        best, last = public[seed]["best"], public[seed]["last"]
        floor = best["loss"] - best["excess"]
        cells = [f"{one[name]:.3f}" for one in (best, last) for name in ("loss", "excess")]
        rows.append(f"| {seed} | {floor:.3f} | {' | '.join(cells)} |")
    table = []
    for (s0, P), found in sorted(blanks.items()):
        excess = np.mean([one["excess"] for one in found])
        floor = np.mean([one["loss"] - one["excess"] for one in found])
        table.append(f"| {s0} | {P:,} | {floor:.3f} | {excess:.3f} |")
    return {"sequences_public": "\n".join(rows), "sequences_blanks": "\n".join(table)}


def uneven() -> dict[str, str]:
    """Return the numbers of the page about uneven rules."""
    runs = zipf_runs()
    thresholds, (slope, width) = half_learned(runs), exponent(runs, FITTED)
    later, later_width = exponent(runs, (1000, 16000))
    last, last_width = exponent(runs, (16000, 64000))
    reached = [one for one in thresholds if one < inf]
    share = {P: np.mean([run["unseen"] for run in runs[P]]) / 20_000 for P in runs}
    unseen = {P: sum(r["wrong_unseen"] for r in runs[P]) / sum(r["unseen"] for r in runs[P]) for P in runs}
    found = {
        "zipf_slope": f"{-slope:.2f} ± {width:.2f}",
        "zipf_later": f"{-later:.2f} ± {later_width:.2f}",
        "zipf_last": f"{-last:.2f} ± {last_width:.2f}",
        "zipf_low": f"{FITTED[0]:,}",
        "zipf_high": f"{FITTED[1]:,}",
        "zipf_first": f"{thresholds[0]:,.0f}",
        "zipf_reached": f"{len(reached)}",
        "zipf_span": f"{max(reached) / thresholds[0]:.0f}",
        "zipf_table": "\n".join(
            f"| {P:,} | {np.mean([run['wrong'] for run in runs[P]]) / 20_000:.3f} | {1 - share[P]:.2f} | "
            f"{unseen[P]:.3f} |"
            for P in sorted(runs)
        ),
        "zipf_rules": "\n".join(
            f"| {k + 1} | {thresholds[k]:,.0f} | {thresholds[k] / thresholds[0]:.1f} | {(k + 1) ** 2} |"
            for k in range(len(thresholds))
            if thresholds[k] < inf
        ),
        "levels_table": "",
    }
    for study in studies_of(read_archive(RESULTS / "levels.jsonl.xz")):
        s0 = study.setup.params.s0
        cells = [f"{s0 if isinstance(s0, int) else ', '.join(map(str, s0))}"]
        for quantity in ("error", "S", "D"):
            read = study.read(quantity)
            if read is None or read.P_star is None:
                cells.append("not reached" if read is None else f"below {read.interval[1]:,.0f}")
            else:
                cells.append(f"{read.P_star:,.0f} ({span(read.interval)})")
        found["levels_table"] += f"| {' | '.join(cells)} |\n"
    return found | {"levels_table": found["levels_table"].rstrip("\n")}


def noisy_errors() -> dict[tuple[bool, float], np.ndarray]:
    """Return test and Bayes errors of results/noise.json, [seed, 2], by whether trained with noise, and the noise."""
    found = defaultdict(list)
    for run in json.loads((RESULTS / "noise.json").read_text("utf-8"))["runs"]:
        for epsilon, *errors in zip(run["noise"], run["error"], run["bayes"], strict=True):
            found[run["trained"] > 0, epsilon].append(errors)
    return {key: np.array(errors) for key, errors in found.items()}


def noise() -> dict[str, str]:
    """Return how much more than the Bayes error CNNs err at noise 0.2."""
    errors = noisy_errors()
    losses = {
        name: np.subtract(*errors[with_noise, 0.2].T)
        for name, with_noise in (("noise_trained", True), ("noise_clean", False))
    }
    return {
        name: f"{loss.mean():.3f} ± {t.ppf(0.95, len(loss) - 1) * loss.std(ddof=1) / len(loss) ** 0.5:.3f}"
        for name, loss in losses.items()
    }


def statistics() -> dict[str, str]:
    """Return our P* of the CNN at v = 6, L = 2, for s0 = 1, 2 and 4."""
    tables = (RESULTS.parent / "docs" / "reproduction" / "tables.md").read_text("utf-8")
    row = r"^\| 4C \| CNN \| v=6, s=2, s0=[124], L=2 \| [\d,]+ \| ([\d,]+) \|"
    return {"ours_4C": ", ".join(re.findall(row, tables, re.MULTILINE))}


def table_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of all tables of a Markdown file, by the heads of their columns."""
    found, heads = [], None
    for line in path.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = None
        elif heads is None:
            heads = cells
        elif not set(line) <= set("|- "):
            found.append(dict(zip(heads, cells, strict=True)))
    return found


def number(cell: str) -> float | None:
    """Return the number a cell begins with; None if it is a bound, or nothing was run."""
    found = re.match(r"[\d,]*\.?\d+", cell)
    return float(found[0].replace(",", "")) if found else None


def reproduction() -> dict[str, str]:
    """Return the numbers of the page from its tables and runs; `LCN_2_m` is the exponent in m at L = 2."""
    rows = table_rows(RESULTS.parent / "docs" / "reproduction" / "tables.md")
    stored = [row["most bits for a weight"] for row in rows if "most bits for a weight" in row]
    fitted = [row for row in rows if re.fullmatch(r"L = \d", row.get("points with", ""))]
    exponents = {
        f"{row['network']}_{row['points with'][-1]}_{row['exponent of']}": f"{row['fitted']} ({row['90% interval']})"
        for row in fitted
    }
    column = "difference (90% interval)"
    narrow = [row for row in rows if column in row and row["network"] == "CNN" and int(row["width"]) < 256]
    lower = [row for row in narrow if re.search(r" to -[\d.]+\)$", row[column])]
    verdicts = [row["scaling law within"] for row in rows if "scaling law within" in row]
    return {
        "most_stored": max(stored, key=float),
        "not_within": f"{verdicts.count('no')} of {len(verdicts)}",
        "narrow_exponents": f"{len(lower)} of {len(narrow)}",
        **exponents,
        **batches(rows),
        **shared(rows),
        **forgotten(rows),
        **of_runs(),
        **widest_gap(),
    }


def batches(rows: list[dict[str, str]]) -> dict[str, str]:
    """Return by what factor larger batches raise P* of a CNN, and how many P* are near the published ones with each."""
    raised, within, nearer = [], defaultdict(list), []
    for row in rows:
        if "batch" in row.get("model and option", "") and row[""] == "P*":
            names = ("paper's", "ours (90% interval)", "with the option (90% interval)")
            paper, ours, larger = (number(row[name]) for name in names)
            size = 126 if int(row["model and option"].rsplit(" ", 1)[1]) < 200 else 252
            raised.append(larger / ours)
            nearer.append(abs(log(larger / paper)) < abs(log(ours / paper)))
            within[size].append(abs(log(larger / paper)) <= log(1.5))
            if size == 126:
                within[4].append(abs(log(ours / paper)) <= log(1.5))
    return {
        "batch_least": f"{min(raised):.2f}",
        "batch_most": f"{max(raised):.2f}",
        "batch_nearer": f"{sum(nearer)} of {len(nearer)}",
        **{f"batch_{size}_within": f"{sum(found)} of {len(found)}" for size, found in within.items()},
    }


def shared(rows: list[dict[str, str]]) -> dict[str, str]:
    """Return the exponents without shared layers, and by how much each choice lowers it, with intervals."""
    found = {}
    for row in rows:
        if "sharing lowers it by" in row:
            name = f"{row['network']}_{row['shared layers'].replace(' and ', '_')}"
            found |= {name: row["exponent of s0+1"], f"{name}_saves": row["sharing lowers it by"]}
    return found


def forgotten(rows: list[dict[str, str]]) -> dict[str, str]:
    """Return how P*_S, P*_D and P* of a setting compare at the widest network of the table that has both."""
    values = defaultdict(dict)
    for row in rows:
        if "paper's / P_max" in row:
            wide = number(row["ours (90% interval), at width 256"])
            for width, own in ((256, wide), (row["its width"], number(row["ours, narrower"]))):
                if own is not None and "L=" in row["model"]:
                    values[row["network"], row["model"], width][row[""]] = own

    def ratios(net: str, model: str, above: str, below: str) -> list[float]:
        found = {}
        for (one, name, _), own in sorted(values.items(), key=lambda pair: -int(pair[0][2] or 0)):
            if one == net and re.search(model, name) and {above, below} <= own.keys():
                found.setdefault(name, own[above] / own[below])
        return list(found.values())

    later, lcn = (ratios(net, "", "P*_S", "P*_D") for net in ("CNN", "LCN"))
    before = [one for one in later if one > 1]
    return {
        "S_first": f"{len(later) - len(before)}",
        "D_first_lcn": f"{sum(one > 1 for one in lcn)}",
        "D_and_S_lcn": f"{len(lcn)}",
        "D_first": f"{len(before)}",
        "D_and_S": f"{len(later)}",
        "D_before": f"{max(before):.1f}",
        "S_at_v3": f"{min(ratios('CNN', '^v=3,', 'P*_S', 'P*')):.2f}",
        "D_of_fcn": " and ".join(f"{one:.2f}" for one in sorted(ratios("FCN", "L=2$", "P*_D", "P*"))),
    }


def of_runs() -> dict[str, str]:
    """Return how CNNs with two shared layers ended, and how well clusters are parents at last."""
    dead, alive, index = [], [], {"cnn": {}, "lcn": {}}
    for run in read_archive(RESULTS / "laptop.jsonl.xz"):
        setup, error = run.spec.setup, run.metrics["error"]
        if "ari_21" in run.metrics:
            index[run.spec.net.family].setdefault(run.spec.P, []).append(run.metrics["ari_21"])
        both_shared = run.spec.net.chosen.get("shared_layers") == (1, 2) and setup.params.s0 == 2
        published = setup.optimizer.rate == setup.net.rate(setup.params).value
        if run.spec.net.family == "cnn" and both_shared and published:
            (dead if error > 0.8 else alive).append((run.spec.P, error))
    return {
        "dead_runs": f"{len(dead)} runs",
        "dead_P": ", ".join(f"{P:,}" for P in sorted({P for P, _ in dead})),
        "alive_P": ", ".join(f"{P:,}" for P in sorted({P for P, _ in alive})),
        "alive_errors": " and ".join(f"{error:.2f}" for _, error in sorted(alive)),
        **{f"ari_{net}": f"{min(of_P[max(of_P)]):.2f}" for net, of_P in index.items()},
    }


def widest_gap() -> dict[str, str]:
    """Return the least P that a narrow CNN with L = 3 learned, and the most that a wider one did not."""
    errors = defaultdict(dict)
    for run in read_archive(RESULTS / "narrow.jsonl.xz"):
        params = run.spec.params
        if run.spec.net.family == "cnn" and params.L == 3 and run.status == "converged":
            errors[params.v, params.s, params.s0, run.spec.net.width][run.spec.P] = run.metrics["error"]
    found = {}
    for name, model, narrow, wide in (("v12", (12, 2, 1), 64, 256), ("s3", (4, 3, 0), 64, 128)):
        learned = min(P for P, error in errors[*model, narrow].items() if error < 0.1)
        not_learned = max(P for P, error in errors[*model, wide].items() if error >= 0.1)
        found |= {
            f"{name}_learned_{narrow}": f"{learned:,}",
            f"{name}_not_learned_{wide}": f"{not_learned:,}",
        }
    return found


PAGES = {
    "reproduction": reproduction,
    "statistics": statistics,
    "uneven": uneven,
    "sequences": sequences,
    "inference": noise,
    "unseen": unseen,
    "plane": plane,
}
"""What stands for each <<name>> of a page."""
