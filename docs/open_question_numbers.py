"""The numbers of docs/open-question.md, from the tables of its arms and of the alignment."""

import re
from dataclasses import replace
from math import log
from pathlib import Path

from srhm.paper.open_question import ARMS, arm_results
from srhm.store.archive import read_archive
from srhm.store.index import RunIndex

RUNS = Path(__file__).parents[1] / "results" / "laptop.jsonl.xz"
TABLES = Path(__file__).parent / "open-question"
NUMBER = r"[\d,]*\.?\d+"


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of all tables of a file, by the heads of their columns."""
    found, heads = [], None
    for line in (TABLES / name).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = None
        elif heads is None:
            heads = cells
        elif not set(line) <= set("|- "):
            found.append(dict(zip(heads, cells, strict=True)))
    return found


def value(cell: str) -> float | None:
    """Return the number a cell begins with; None if it is a bound, or nothing was run."""
    found = re.match(NUMBER, cell)
    return float(found[0].replace(",", "")) if found else None


def numbers() -> dict[str, str]:
    """Return the text of each <<name>>: of an arm `a`, `a` is its exponent, `a_zero` that with s0 = 0, `a_P1` its P* at
    s0 = 1, `a_part1` that P* over P_max, and `a_1to2` the exponent of this step alone."""
    found, of_arm = {}, {row["network"]: row for row in rows("exponents.md")}
    for arm in ARMS.values():
        name, row = re.sub(r"\W", "_", arm.name), of_arm[arm.what]
        found[name] = f"{row['exponent, s0 > 0']} ± {row['±']}" if row["±"] else "not measured"
        half = row["± (with s0 = 0)"]
        found[f"{name}_zero"] = row["with s0 = 0"] + (f" ± {half}" if half else "")
        points = {s0: value(row[f"P*, s0 = {s0}"]) for s0 in sorted(one.params.s0 for one in arm.settings)}
        for one in arm.settings:
            if (P := points[one.params.s0]) is not None:
                found[f"{name}_part{one.params.s0}"] = f"{100 * P / one.params.P_max:.0f}%"
        found |= {f"{name}_P{s0}": row[f"P*, s0 = {s0}"].partition(" (")[0] for s0 in points}
        known = {s0: P for s0, P in points.items() if P is not None}
        for low in known:
            for high in known:
                if low < high:
                    step = log(known[high] / known[low]) / log((high + 1) / (low + 1))
                    found[f"{name}_{low}to{high}"] = f"{step:.2f}"
                    found[f"{name}_{low}over{high}"] = f"{known[high] / known[low]:.1f}"
    low, high = value(found["rate_0_1_P1"]), value(found["rate_0_01_P6"])
    found["published_rates"] = f"{high / low:.0f}"
    found["published_rates_exponent"] = f"{log(high / low) / log(7 / 2):.2f}"
    online = {
        f"online_{n}": f"{row['exponent of s0+1']} ± {row['±']}" for n, row in enumerate(rows("online.md"), 1)
    }
    return found | ratios(of_arm) | online | alignment() | first_steps() | at_both_depths()


def at_both_depths(s0s: tuple[int, ...] = (3, 5)) -> dict[str, str]:
    """Return the exponents of L = 1 and 2 with s = 3 over the s0 that both have: `L1_s3_v3_both`, `L2_s3_more_both`."""
    found, index = {}, RunIndex(read_archive(RUNS))
    for name in ("L1-s3-v3", "L2-s3-more"):
        arm = ARMS[name]
        both = replace(arm, settings=tuple(one for one in arm.settings if one.params.s0 in s0s))
        (result,) = arm_results([both], index)
        if result.exponent is not None:
            key = name.replace("-", "_")
            found[f"{key}_both"] = f"{result.exponent.slope:.2f} ± {result.half_width:.2f}"
    return found


def first_steps() -> dict[str, str]:
    """Return the exponent of the first step of a CNN with random gates, by depth."""
    return {
        f"first_{row['L']}": row["exponent of s0 + 1"]
        for row in rows("../theory/one_step_table.md")
        if (row["first step of"], row["gates"]) == ("CNN", "random")
    }


def ratios(of_arm: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return how P* of one arm compares with that of another at the same s0: the names are the pairs'."""
    found = {}
    for name, plain, s0s in (("upper_frozen", "L2", (0, 1)), ("lower_frozen", "L2", (0,)),
                             ("width_64", "width-512", (0, 1, 3)), ("upper_aligned", "L2", (1, 2, 3))):  # fmt: skip
        own, other = (of_arm[ARMS[one].what] for one in (name.replace("_", "-"), plain))
        for s0 in s0s:
            ratio = value(own[f"P*, s0 = {s0}"]) / value(other[f"P*, s0 = {s0}"])
            found[f"{name}_costs{s0}"] = f"{ratio:.1f}"
            found[f"{name}_below{s0}"] = f"{100 * (1 - ratio):.0f}%"
    return found


def alignment() -> dict[str, str]:
    """Return the cells of the table of alignment, as `alignment_CASE_COLUMN`, cases and columns by their place."""
    found = {}
    for case, row in enumerate(rows("alignment.md"), start=1):
        for column, cell in enumerate(row.values(), start=1):
            found[f"alignment_{case}_{column}"] = cell.partition(" (")[0]
            found[f"alignment_{case}_{column}_whole"] = cell
    return found
