"""The numbers of docs/open-question.md, from the runs of its arms, and from the tables of the alignment and others."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from run_numbers import number, table_rows, with_interval
from scipy.stats import ttest_ind

from srhm.measure.crossings import log_interval
from srhm.paper.open_question import ARMS, arm_results
from srhm.paper.open_question.measuring import studies_of_arm
from srhm.store.archive import read_archive
from srhm.store.index import RunIndex

RUNS = Path(__file__).parents[1] / "results" / "laptop.jsonl.xz"
TABLES = Path(__file__).parent / "open-question"

DEPTHS = {
    "L3_less_L2": ("L3", "L2-v4", (1, 2, 3)),
    "L3_less_L2_zero": ("L3", "L2-v4", (0, 1, 2, 3)),
    "L2_s3_less_L1": ("L2-s3-more", "L1-s3-v3", (3, 5, 6)),
}
"""Names of the exponent of one arm less that of another, over the same s0, where the rules are not the same."""

LESS = {
    "batch_more": ("batch-16", "batch-1", (1, 3)),
    "rate_more": ("rate-0.01", "rate-0.1", (1, 2)),
    "flow_more": ("flow-all", "flow-16", (1, 3)),
    "aligned_saves": ("L2", "upper-aligned", (1, 2, 3)),
    **{f"{arm.replace('-', '_')}_saves{words}": ("L2", arm, s0s)
       for arm in ("lower-shared", "upper-shared", "both-shared")
       for words, s0s in (("", (1, 2)), ("_zero", (0, 1, 2)))},
}  # fmt: skip
"""The same where replicates share the rules, so that each is compared with its own."""

TIMES = {
    **{f"upper_frozen_costs{s0}": ("upper-frozen", s0, "L2", s0) for s0 in (0, 1)},
    "lower_frozen_costs0": ("lower-frozen", 0, "L2", 0),
    **{f"width_64_over{s0}": ("width-64", s0, "width-512", s0) for s0 in (1, 3)},
    **{f"aligned_over{s0}": ("upper-aligned", s0, "L2", s0) for s0 in (1, 2, 3)},
    "flow_all_over": ("flow-all", 1, "flow-16", 1),
    "flow_slow_over": ("flow-all-slow", 1, "flow-all", 1),
}
"""Names of P* of an arm at an s0 over that of another."""


@cache
def archive() -> RunIndex:
    """Return the runs of the arms."""
    return RunIndex(read_archive(RUNS))


@cache
def logs(name: str) -> dict[int, np.ndarray]:
    """Return ln P* of an arm by s0, in the order of its replicates; without those s0 that lack a replicate."""
    (result,) = arm_results([ARMS[name]], archive())
    return {s0: np.log(one.per_seed) for s0, one in result.P_star.items() if one and one.per_seed}


def slopes(of_s0: Mapping[int, np.ndarray], *s0s: int) -> np.ndarray:
    """Return the exponent of s0+1 of each replicate."""
    count = min(len(of_s0[s0]) for s0 in s0s)
    return np.polyfit(np.log(np.add(s0s, 1.0)), np.array([of_s0[s0][:count] for s0 in s0s]), 1)[0]


def paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return what replicates of the one have less those of the other; replicates of one number share their seeds."""
    count = min(len(first), len(second))
    return first[:count] - second[:count]


def apart(first: np.ndarray, second: np.ndarray) -> str:
    """Return by how much the one mean is larger, and half the width of the 90% interval of Welch's test."""
    low, high = ttest_ind(first, second, equal_var=False).confidence_interval(0.9)
    return f"{round(first.mean() - second.mean(), 2) + 0.0:.2f} ± {(high - low) / 2:.2f}"


def times(values: np.ndarray) -> str:
    """Return the geometric mean of factors, given as logarithms, with its 90% interval."""
    low, high = log_interval(np.exp(values))
    form = ".1f" if high > 2 else ".2f"
    return f"{np.exp(values.mean()):{form}} ({low:{form}} to {high:{form}})"


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of the tables of a file."""
    return table_rows(TABLES / name)


def numbers() -> dict[str, str]:
    """Return the text of each <<name>>: of an arm `a`, `a` is its exponent, `a_zero` that with s0 = 0, `a_P1` its P* at
    s0 = 1, `a_part1` that P* over P_max, `a_1to2` the exponent of this step alone, and `a_1over2` its factor."""
    found, of_arm = {}, {row["network"]: row for row in rows("exponents.md")}
    for arm in ARMS.values():
        name, row = re.sub(r"\W", "_", arm.name), of_arm[arm.what]
        found[name] = f"{row['exponent, s0 > 0']} ± {row['±']}" if row["±"] else "not measured"
        half = row["± (with s0 = 0)"]
        found[f"{name}_zero"] = row["with s0 = 0"] + (f" ± {half}" if half else "")
        for one in arm.settings:
            cell, s0 = row[f"P*, s0 = {one.params.s0}"], one.params.s0
            found[f"{name}_P{s0}"] = cell.partition(" (")[0]
            if (P := number(cell)) is not None:
                found[f"{name}_part{s0}"] = f"{100 * P / one.params.P_max:.0f}%"
        known = logs(arm.name)
        for low in known:
            for high in known:
                if low < high:
                    found[f"{name}_{low}to{high}"] = with_interval(slopes(known, low, high), 2)
                    found[f"{name}_{low}over{high}"] = times(paired(known[high], known[low]))
        if {0, 1, 2, 3} <= known.keys():
            found[f"{name}_bend"] = with_interval(slopes(known, 2, 3) - slopes(known, 0, 1), 2)
    for name, (arm, other, s0s) in DEPTHS.items():
        found[name] = apart(slopes(logs(arm), *s0s), slopes(logs(other), *s0s))
    for name, (arm, other, s0s) in LESS.items():
        found[name] = with_interval(paired(slopes(logs(arm), *s0s), slopes(logs(other), *s0s)), 2)
    for name, (arm, s0, other, at) in TIMES.items():
        found[name] = times(paired(logs(arm)[s0], logs(other)[at]))
    found["L1_s3_v3_shared"] = with_interval(slopes(logs("L1-s3-v3"), 3, 5, 6), 2)
    found["L3_zero_to2"] = with_interval(slopes(logs("L3"), 0, 1, 2), 2)
    return found | published_rates() | deeper() | frozen_steps() | online() | alignment() | first_steps()


def published_rates() -> dict[str, str]:
    """Return what the published rates do to the exponent at L = 2, v = 4: 0.01, 0.1, 0.1, 0.01 at s0 = 0, 1, 2, 6."""
    fixed = {0: logs("L2-v4")[0]} | logs("rate-0.01")
    published = fixed | logs("rate-0.1")
    return {"published_rates": with_interval(slopes(published, 1, 6), 2)} | {
        f"published_rates_more{words}": with_interval(paired(slopes(published, *s0s), slopes(fixed, *s0s)), 2)
        for words, s0s in (("", (1, 6)), ("_zero", (0, 1, 2, 6)))
    }


def deeper() -> dict[str, str]:
    """Return what P* at L = 4, v = 4, s0 = 3 would be: by the scaling law, and if it grows as from L = 2 to 3."""
    (deep,) = (one.params for one in ARMS["L3"].settings if one.params.s0 == 3)
    P, growth = logs("L3")[3].mean(), paired(logs("L3")[3], logs("L2-v4")[3]).mean()
    ends = deep.m * np.exp(P), np.exp(P + growth)
    return {"L4_by_law": f"{ends[0]:,.0f}", "L4_by_growth": f"{ends[1]:,.0f}"}


def frozen_steps() -> dict[str, str]:
    """Return how many times the steps a run with a frozen layer takes, the least and the most: those just above P*."""

    def steps(name: str, s0: int) -> float:
        (study,) = (one for one in studies_of_arm(ARMS[name]) if one.setup.params.s0 == s0)
        study = archive().fill(study)
        ends = zip(study.runs, study.crossings(), strict=True)
        found = [run.metrics["steps"] for runs, end in ends for run in runs if end.P_high == run.spec.P]
        return float(np.exp(np.mean(np.log(found))))

    cases = (("upper-frozen", 0), ("upper-frozen", 1), ("lower-frozen", 0))
    found = [steps(name, s0) / steps("L2", s0) for name, s0 in cases]
    return {"frozen_steps_least": f"{min(found):.0f}", "frozen_steps_most": f"{max(found):.0f}"}


def online() -> dict[str, str]:
    """Return the exponents of the time to learn from new points, and how many more a third of the rate takes."""
    table = rows("online.md")
    points = [name for name in table[0] if name.startswith("points")]
    slower = [number(table[1][name]) / number(table[0][name]) for name in points]
    found = {f"online_{n}": f"{row['exponent of s0+1']} ± {row['±']}" for n, row in enumerate(table, 1)}
    powers = [number(row["exponent of s0+1"]) for row in table if row["CNN"].startswith("L = 2")]
    return found | {
        "online_slower_least": f"{min(slower):.1f}",
        "online_slower_most": f"{max(slower):.1f}",
        "online_least": f"{min(powers):.1f}",
        "online_most": f"{max(powers):.1f}",
    }


def first_steps() -> dict[str, str]:
    """Return the exponent of the first step of a CNN with random gates, by depth."""
    return {
        f"first_{row['L']}": row["exponent of s0 + 1"]
        for row in rows("../theory/one_step_table.md")
        if (row["first step of"], row["gates"]) == ("CNN", "random")
    }


def alignment() -> dict[str, str]:
    """Return the cells of the table of alignment, as `alignment_CASE_COLUMN`, cases and columns by their place."""
    found = {}
    for case, row in enumerate(rows("alignment.md"), start=1):
        for column, cell in enumerate(row.values(), start=1):
            found[f"alignment_{case}_{column}"] = cell.partition(" (")[0]
            found[f"alignment_{case}_{column}_whole"] = cell
    return found
