"""Published values that are not measured yet, one replicate each, bracketed from above.

Usage: python results/bracket.py [--workers 2] [--store results/bracket.sqlite] [--out results/new.jsonl.xz]

At L = 3 the runs far below P* are the expensive ones. So the first run is at the published value, or a little below it
for the CNN, and the next are higher or lower by a factor 1.7, until each published quantity lies between two
neighbours. Below P* a run ends when the network has stored the labels: the width is the least of 64, 128 and 256
with weights enough. The settings come in order of their cost per value. The store begins as the committed archives, and
the same command resumes. What is new is written to an archive, which `srhm merge` takes.
"""

import argparse
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from gpu import ARCHIVES, HERE, filled
from srhm.paper.cost import Device, run_seconds
from srhm.paper.tables import QUANTITIES
from srhm.paper.tiers import TIERS, near
from srhm.paper.widths import Widths
from srhm.runner.driver import Policy, drive
from srhm.runner.executors import open_executor
from srhm.runner.sources import RunSource
from srhm.store import read_archive, write_archive
from srhm.store.index import RunIndex
from srhm.study import Run, RunSpec, Setup, Study
from srhm.study.describe import setup_name
from srhm.study.failure import Failure

STEP = 1.7
FIRST = {"CNN": 0.7}
"""Where the first run is, over the published value; else at it."""
MOST = 3.0
"""Up to where P* is looked for, over the first P."""
BITS = 1.36
"""Bits of labels, P log2(n_c), for each weight at the second P; no committed run below P* ended at more than 1.87."""
LIMIT = 5400.0
"""Seconds of one try of a run."""


@dataclass
class Bracket(RunSource):
    """Runs of one replicate of a setup until each threshold lies between two neighbours."""

    setup: Setup
    limits: dict[str, float]
    """The threshold of each quantity."""
    firsts: dict[str, int]
    """The P at which each is looked for first."""
    runs: dict[int, Run]
    ended: bool = False

    def ask(self) -> RunSpec | None:
        """Return the run that is needed next: the largest, since those above P* are cheap."""
        wanted = [P for name in self.limits if (P := self._next(name)) is not None]
        return self.setup.at(max(wanted), 0) if wanted and not self.ended else None

    def _next(self, name: str) -> int | None:
        first, limit = self.firsts[name], self.limits[name]
        low = min((P for P, run in self.runs.items() if run.metrics[name] < limit), default=None)
        if low is None:
            wanted, most = max([first, *(round(P * STEP) for P in self.runs)]), MOST * first
            return wanted if wanted < min(most, self.setup.largest) else None
        high = max((P for P in self.runs if low > P), default=0)
        if high > low / 2:
            return None
        return first if high < first < low / STEP else round(low / STEP)

    def tell(self, run: Run, *, computed: bool) -> None:
        """Take a finished run; one that is unstable ends the bracket."""
        self.runs[run.spec.P] = run
        self.ended = run.status in ("unstable", "diverged")
        found = ", ".join(f"{name} {run.metrics[name]:.3f}" for name in self.limits)
        seconds = sum(run.seconds.values())
        print(
            f"{setup_name(self.setup)}, P = {run.spec.P:,}: {run.status}, {found}, {seconds:,.0f} s",
            flush=True,
        )

    def give_up(self, spec: RunSpec, failure: Failure) -> None:
        """End the bracket."""
        self.ended = True
        print(f"{setup_name(self.setup)}, P = {spec.P:,}: {failure.reason}", flush=True)


def missing(index: RunIndex) -> list[Bracket]:
    """Return a bracket for each setting with values that are valid, published and not measured, the cheapest first."""
    wanted: dict[Setup, dict[str, int]] = defaultdict(dict)
    for row in Widths.of(TIERS["narrowest"], index).rows:
        one = row[0]
        if one.paper is not None and one.valid and not any(of_width.is_measured for of_width in row):
            wanted[one.setting][QUANTITIES[one.quantity][0]] = one.paper
    brackets = []
    for setting, values in wanted.items():
        share = FIRST.get(setting.net.row.label, 1.0)
        limits, firsts = {}, {}
        for quantity, paper in values.items():
            if metric := setting.threshold(quantity):
                limits |= [metric]
                firsts[metric[0]] = round(paper * share)
        setup = wide_enough(setting, min(firsts.values()), limits, index)
        known = {run.spec.P: run for run in index.fill(Study(setup, 1)).runs[0]}
        cost = run_seconds(near(setup), Device.core()) / len(values)
        brackets.append((cost, Bracket(setup, limits, firsts, known)))
    return [bracket for _, bracket in sorted(brackets, key=lambda pair: pair[0])]


def wide_enough(setting: Setup, first: int, limits: dict[str, float], index: RunIndex) -> Setup:
    """Return a setting at the least width at which runs below P* end.

    One has, or the weights can store the labels of the P after the first.
    """
    labels = first / STEP * math.log2(setting.params.n_c)
    setups = [TIERS[name].setup(setting) for name in ("narrowest", "narrow", "laptop")]
    for one in setups:
        runs = index.fill(Study(one, 1)).runs[0]
        ended = any(run.metrics[name] >= limit for run in runs for name, limit in limits.items())
        if ended or labels <= BITS * one.net.cost(one.params).parameters:
            return one
    return setups[-1]


def main() -> None:
    """Compute until all is bracketed, or it is interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--store", type=Path, default=HERE / "bracket.sqlite", help="where runs are kept")
    parser.add_argument("--out", type=Path, default=HERE / "new.jsonl.xz", help="archive of what is new")
    chosen = parser.parse_args()
    store = filled(chosen.store)
    try:
        brackets = missing(RunIndex.of(store))
        drive(brackets, store, open_executor("local", chosen.workers), policy=Policy(limit=LIMIT, again=True))
    finally:
        known = {run.spec.hash for name in ARCHIVES for run in read_archive(HERE / f"{name}.jsonl.xz")}
        kept = write_archive(chosen.out, (run for run in store.runs() if run.spec.hash not in known))
        print(f"{kept} runs beyond the committed archives: {chosen.out}")


if __name__ == "__main__":
    main()
