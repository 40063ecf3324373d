"""Measure P* of the layer-wise learner and lay it beside what is predicted: python benchmarks/learners.py --help.

Writes benchmarks/results/learners.json (every setting and every seed) and the tables docs/statistics_table.md and
docs/statistics_exponents.md; a run that is cut goes on where it was. Seed r has the rules, the training and the test
set number r; the rules are the same for every s0, so that exponents of s0 + 1 are those of one and the same grammar.
"""

import argparse
import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

import srhm
from srhm.learners import LayerwiseLearner, measure
from srhm.measure import pstar
from srhm.measure.crossings import Crossing, combine
from srhm.theory import predicted_P, visible_P

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs"

KNOWN = {
    "known": LayerwiseLearner(knows_positions=True),
    "known, shared": LayerwiseLearner(knows_positions=True, shared=True),
}
RAW = {
    "raw": LayerwiseLearner(),
    "raw, shared": LayerwiseLearner(shared=True),
}
SHIFTS = {
    "shifts first": LayerwiseLearner(shifts_first=True),
    "shifts first, shared": LayerwiseLearner(shifts_first=True, shared=True),
}


_MANY = 30
"""Rules that are not learned from so many times the points of unit signal-to-noise are taken as never learned."""


@dataclass(frozen=True)
class Setting:
    """One row: a learner, how often it sweeps, and a model."""

    name: str
    sweeps: int
    params: srhm.Params

    @property
    def learner(self) -> LayerwiseLearner:
        return replace((KNOWN | RAW | SHIFTS)[self.name], sweeps=self.sweeps)

    @property
    def options(self) -> dict[str, bool]:
        return {"knows_positions": self.learner.knows_positions, "shared": self.learner.shared}

    @property
    def visible(self) -> float:
        """P of unit signal-to-noise of what it groups first."""
        what = "features" if self.learner.shifts_first else "tuples"
        return float(visible_P(self.params, what, **self.options).max())


def settings() -> list[Setting]:
    """By the class alone for v = 6 (at v = 4 many parents cannot be told apart); with the siblings for v = 4, 6."""
    found = []
    for sweeps, v, names in [(1, 6, KNOWN | RAW), (3, 4, KNOWN | RAW | SHIFTS), (3, 6, KNOWN | RAW | SHIFTS)]:
        for name in names:
            for s0 in (0, 1, 2, 4):
                if name in KNOWN and s0 > 0:
                    continue  # blanks are taken away: nothing depends on s0
                if (name, sweeps, s0) == ("raw", 3, 4):
                    continue  # a run takes minutes
                found.append(Setting(name, sweeps, srhm.Params(v, v, v, 2, s0, 2)))
    for name in RAW | SHIFTS:  # deeper, and with more children
        for s0 in (0, 1, 2):
            found.append(Setting(name, 3, srhm.Params(4, 4, 4, 2, s0, 3)))
            if name != "raw":
                found.append(Setting(name, 3, srhm.Params(3, 3, 9, 3, s0, 2)))
    return sorted(found, key=lambda one: (one.params.L, one.params.s))  # the longest last


def measured(setting: Setting, seed: int) -> tuple[float | None, Crossing]:
    """The prediction for the rules of a seed, made for one sweep, and its P*."""
    prediction = None
    if setting.sweeps == 1:
        prediction = predicted_P(srhm.Grammar(setting.params, seed), **setting.options)
    start = prediction or 1.5 * setting.visible
    point = measure(setting.learner, setting.params, P_test=4000, replacement=True)
    found = pstar(point, start=start, seeds=[seed], smallest=setting.params.n_c)["error"]
    return prediction, found.crossings[0]


def chosen_seeds(setting: Setting, count: int) -> tuple[list[int], int]:
    """The first seeds whose rules can be learned in this way at all; and how many were tried. The same for all s0."""
    found, tried = [], 0
    fewest = 0 if setting.name in KNOWN else 1
    simplest = replace(setting, params=replace(setting.params, s0=fewest))
    while len(found) < count:
        if learnable(simplest, tried):
            found.append(tried)
        tried += 1
    return found, tried


@cache
def learnable(setting: Setting, seed: int) -> bool:
    """Whether no parents look the same to the learner: by their exact statistics, or by trial on many points."""
    if setting.sweeps == 1:
        return math.isfinite(predicted_P(srhm.Grammar(setting.params, seed), **setting.options))
    point = measure(setting.learner, setting.params, P_test=4000, replacement=True)
    return point(round(_MANY * setting.visible), seed)["error"] < 0.1


def entry(setting: Setting, seeds: list[int], tried: int, rows: list[tuple[float | None, Crossing]]) -> dict:
    """P* over seeds, and of every seed."""
    predictions, crossings = zip(*rows, strict=True)
    found = combine(crossings)
    return {
        "learner": setting.name,
        "sweeps": setting.sweeps,
        "params": asdict(setting.params),
        "visible_P": rounded(setting.visible),
        "predicted": rounded(math.exp(np.mean(np.log(predictions)))) if setting.sweeps == 1 else None,
        "P_star": rounded(found.P_star),
        "interval": [rounded(end) for end in found.interval],
        "interval_kind": found.interval_kind,
        "seeds_tried": tried,
        "seeds": seeds,
        "predicted_by_seed": [rounded(one) for one in predictions] if setting.sweeps == 1 else None,
        "P_star_by_seed": [rounded(one.P_star) for one in crossings],
    }


def rounded(value: float) -> float:
    """Four digits: more than the points tell, and no more to read."""
    return float(f"{value:.4g}")


def exponents(entries: list[dict]) -> list[dict]:
    """The exponent of s0 + 1, over all s0 and over s0 > 0."""
    found = []
    for learner, sweeps, shape in {(one["learner"], one["sweeps"], model(one)): None for one in entries}:
        rows = [e for e in entries if (e["learner"], e["sweeps"], model(e)) == (learner, sweeps, shape)]
        if len(rows) < 3:
            continue
        params = srhm.Params(**rows[0]["params"])
        found.append(
            {
                "learner": learner,
                "sweeps": sweeps,
                "params": {name: value for name, value in rows[0]["params"].items() if name != "s0"},
                "predicted": predicted_exponent(learner, params),
                "exponent": mean_slope(rows),
                "exponent_with_blanks": mean_slope([row for row in rows if row["params"]["s0"] > 0]),
            }
        )
    return found


def mean_slope(rows: list[dict]) -> tuple[float, float]:
    """The slope of ln P* in ln(s0 + 1), fitted seed by seed: its mean and the half-width of the 90% t-interval."""
    x = np.log([row["params"]["s0"] + 1 for row in rows])
    y = np.log([row["P_star_by_seed"] for row in rows])  # [s0, seed]
    slopes = np.polyfit(x, y, 1)[0]
    half = stdtrit(len(slopes) - 1, 0.95) * np.std(slopes, ddof=1) / math.sqrt(len(slopes))
    return rounded(slopes.mean()), rounded(half)


def model(one: dict) -> tuple:
    return tuple(value for name, value in one["params"].items() if name != "s0")


def predicted_exponent(name: str, params: srhm.Params) -> int:
    """Of the number that is visible last: see docs/statistics.md."""
    if name.startswith("shifts first"):
        return 1 if "shared" in name else params.L
    return params.s if "shared" in name else params.L - 1 + params.s


def tables(content: dict) -> tuple[str, str]:
    head = f"<!-- made by: {content['command']} -->\n\n"
    columns = "learner", "sweeps", "v", "m", "s", "L", "s0", "visible P", "predicted P*", "measured P*"
    columns += "90% interval", "P* / visible P", "passed over"
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for one in content["settings"]:
        params = one["params"]
        numbers = (str(params[name]) for name in ("v", "m", "s", "L", "s0"))
        predicted = "" if one["predicted"] is None else f"{one['predicted']:,.0f}"
        measured_, ratio = f"{one['P_star']:,.0f}", f"{one['P_star'] / one['visible_P']:.2f}"
        interval = "{:,.0f} to {:,.0f}".format(*one["interval"])
        passed_over = str(one["seeds_tried"] - len(one["seeds"]))
        cells = [one["learner"], str(one["sweeps"]), *numbers, f"{one['visible_P']:,.0f}", predicted]
        lines.append(f"| {' | '.join([*cells, measured_, interval, ratio, passed_over])} |")
    first = head + "\n".join(lines) + "\n"
    columns = "learner", "sweeps", "v", "m", "s", "L", "predicted", "all s0", "s0 > 0"
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for one in content["exponents"]:
        numbers = (str(one["params"][name]) for name in ("v", "m", "s", "L"))
        slopes = ["{:.2f} ± {:.2f}".format(*one[name]) for name in ("exponent", "exponent_with_blanks")]
        cells = [one["learner"], str(one["sweeps"]), *numbers, str(one["predicted"]), *slopes]
        lines.append(f"| {' | '.join(cells)} |")
    return first, head + "\n".join(lines) + "\n"


def write(content: dict) -> None:
    """Write the results, one line a setting, and the tables of the page."""
    lists = {name: ",\n  ".join(map(json.dumps, content[name])) for name in ("exponents", "settings")}
    heads = [
        f"{json.dumps(name)}: {json.dumps(value)}" for name, value in content.items() if name not in lists
    ]
    parts = heads + [f"{json.dumps(name)}: [\n  {rows}\n ]" for name, rows in lists.items()]
    (RESULTS / "learners.json").write_text("{\n " + ",\n ".join(parts) + "\n}\n", encoding="utf-8")
    for name, text in zip(("statistics_table.md", "statistics_exponents.md"), tables(content), strict=True):
        (DOCS / name).write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    head = {
        "command": f"python benchmarks/learners.py --seeds {arguments.seeds}",
        "version": srhm.__version__,
        "streams": srhm.STREAM_VERSION,
    }
    finished = RESULTS / "learners.unfinished.json"  # settings of a run that was cut
    kept = json.loads(finished.read_text(encoding="utf-8")) if finished.exists() else {}
    entries = kept.get("settings", []) if {name: kept.get(name) for name in head} == head else []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for setting in settings()[len(entries) :]:
            seeds, tried = chosen_seeds(setting, arguments.seeds)
            rows = list(pool.map(measured, [setting] * len(seeds), seeds))
            entries.append(entry(setting, seeds, tried, rows))
            finished.write_text(json.dumps(head | {"settings": entries}), encoding="utf-8")
            print(setting, entries[-1]["P_star"], flush=True)
    content = head | {"exponents": exponents(entries), "settings": entries}
    write(content)
    finished.unlink()


if __name__ == "__main__":
    main()
