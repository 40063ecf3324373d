"""Runs that a replicate takes until P* is bracketed within 10%, replayed on the committed runs.

Usage: python benchmarks/starts.py

The error of every replicate, as a function of P, is the straight line through its stored runs in ln P and the square
root of the error. Each is searched anew: by the earlier rule, which steps by a factor 2 or 4 until two runs
straddle the threshold, and by the present one; from the predicted P*, from a fit through the settings that are cheaper
(a store that grows), and from one through all others. The start of a setting never knows its own P*. Writes
benchmarks/results/starts.json and starts.md, which docs, measurements.md, includes.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

import srhm.measure.complexity as complexity
from srhm.measure.complexity import Search
from srhm.paper.tiers import cost_near
from srhm.store import read_archive
from srhm.study import Setup, studies_of
from srhm.study.starts import fitted_start

ROOT = Path(__file__).parents[1]
ARCHIVES = ("laptop", "narrow")
RESULTS = ROOT / "benchmarks" / "results"
Curve = tuple[np.ndarray, np.ndarray, float]
"""ln P and the square root of the error of the runs of a replicate, and its ln P*."""


class Earlier(Search):
    """The earlier rule."""

    def _step(self, quantity: str, edge: tuple[int, float] | None = None, *, up: bool) -> int | None:
        if edge is None:
            return self.start
        P, value = edge
        factor = 2 if 0.5 < value / self.thresholds[quantity] < 2 else 4
        reach = 12 if len(self._told) == 2 else 1
        if up:
            goal = min(self.largest, max(P * factor, self.start * reach))
        else:
            goal = max(self.smallest, min(P // factor, self.start // reach))
        return goal if goal != P else None


def curves() -> dict[str, tuple[Setup, list[Curve]]]:
    """Return the replicates of every setting whose P* is bracketed within 10%, with the options of the paper."""
    runs = [run for name in ARCHIVES for run in read_archive(ROOT / "results" / f"{name}.jsonl.xz")]
    found: dict[str, tuple[Setup, list[Curve]]] = {}
    for study in studies_of(runs):
        setup = study.setup
        if setup.prediction is None or setup.net.chosen or setup.optimizer.batch_per_class != 4:
            continue
        replicates = []
        for crossing, own in zip(study.crossings(), study.runs, strict=True):
            if crossing.P_star is None or crossing.P_low is None or crossing.P_high is None:
                continue
            if crossing.P_high > 1.11 * crossing.P_low:
                continue
            errors = {run.spec.P: run.metrics["error"] for run in own if run.metrics["error"] is not None}
            places = sorted(errors)
            roots = np.sqrt([errors[P] for P in places])
            replicates.append((np.log(places), roots, math.log(crossing.P_star)))
        if replicates:
            found[setup.digest] = setup, replicates
    return found


def error_at(curve: Curve, P: int, n_c: int) -> float:
    """Return the error of a replicate at P; beyond its runs the slopes are typical of all."""
    logs, roots, _ = curve
    x = math.log(P)
    root = float(np.interp(x, logs, roots))
    root += 0.35 * max(0.0, logs[0] - x) - 0.5 * max(0.0, x - logs[-1])
    return min(max(root, 0.0), math.sqrt(1 - 1 / n_c)) ** 2


def starts(settings: dict[str, tuple[Setup, list[Curve]]], cheaper: bool) -> dict[str, float]:
    """Return the first P of each setting, by a fit through the others, or through those that are cheaper."""
    families: dict[str, list[tuple[Setup, float]]] = defaultdict(list)
    for setup, replicates in settings.values():
        mean = float(np.mean([log for *_, log in replicates]))
        families[setup.net.family].append((setup, mean))
    found = {}
    for known in families.values():
        known.sort(key=lambda one: cost_near(one[0]))
        for number, (setup, _) in enumerate(known):
            others = known[:number] + ([] if cheaper else known[number + 1 :])
            found[setup.digest] = fitted_start(setup, others) or predicted(setup)
    return found


def predicted(setup: Setup) -> float:
    assert setup.prediction is not None
    return min(max(setup.prediction.P_star, setup.params.n_c), setup.largest)


def searched(
    settings: dict[str, tuple[Setup, list[Curve]]], rule: type[Search], budget: int, start: Callable
) -> dict:
    """Search every replicate and return how many runs it took, and how far P* lies from that of the stored runs."""
    complexity._BUDGET = budget
    runs, ratios = [], []
    for setup, replicates in settings.values():
        for curve in replicates:
            search = rule(start(setup), smallest=setup.params.n_c, largest=setup.largest)
            while (P := search.ask()) is not None:
                search.tell(P, {"error": error_at(curve, P, setup.params.n_c)})
            crossing = search.crossing()
            runs.append(crossing.runs)
            if crossing.P_star is not None:
                ratios.append(math.log(crossing.P_star) - curve[2])
    return {
        "runs": round(float(np.mean(runs)), 2),
        "most": max(runs),
        "replicates": len(runs),
        "mean_ln_ratio": round(float(np.mean(ratios)), 4),
        "sd_ln_ratio": round(float(np.std(ratios)), 4),
    }


def rows() -> list[dict]:
    """Replay all."""
    settings = curves()
    growing, whole = starts(settings, cheaper=True), starts(settings, cheaper=False)
    ways = {
        "predicted P*": predicted,
        "a fit through the cheaper settings": lambda setup: growing[setup.digest],
        "a fit through all other settings": lambda setup: whole[setup.digest],
    }
    found = []
    for rule, kind, budget in (("earlier", Earlier, 8), ("now", Search, 9)):
        for start, way in ways.items():
            found.append({"rule": rule, "start": start} | searched(settings, kind, budget, way))
    return found


def text(found: list[dict]) -> str:
    """Return the paragraph and the table of docs, measurements.md."""
    first, now = found[0], [row for row in found if row["rule"] == "now"]
    lines = [
        f"Replayed on the {first['replicates']} replicates of `results/` that are bracketed within 10% (`python "
        f"benchmarks/starts.py`), a search takes {now[1]['runs']} runs from a fit through the cheaper settings, "
        f"{now[1]['runs'] / first['runs']:.2f} of the {first['runs']} that the earlier rule took from the prediction:",
        "",
        "| rule | start | runs a replicate | most | mean of ln ratio to the stored P* | standard deviation |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found:
        numbers = [row["runs"], row["most"], row["mean_ln_ratio"], row["sd_ln_ratio"]]
        lines.append(f"| {row['rule']} | {row['start']} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    found = rows()
    content = {"command": "python benchmarks/starts.py", "rows": found}
    (RESULTS / "starts.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    (RESULTS / "starts.md").write_text(text(found), "utf-8")
    print(text(found))
