"""Published values that are not measured yet, one replicate each at width 64, bracketed from above.

Usage: python results/bracket.py [--workers 2] [--store results/bracket.sqlite] [--out results/new.jsonl.xz]

At L = 3 the runs far below P* are the expensive ones. So the first run is at the lowest of the published values, or a
little below it for the CNN, and the next are higher or lower by a factor 1.4, until each published quantity lies
between two neighbours. The settings come in order of their cost per value. The store begins as the committed archives,
and the same command resumes. What is new is written to an archive, which `srhm merge` takes.
"""

import argparse
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

STEP = 1.4
FIRST = {"CNN": 0.7}
"""Where the first run is, over the published value; else at it."""
MOST = 3.0
"""Up to where P* is looked for, over the first P."""
LIMIT = 5400.0
"""Seconds of one try of a run."""


@dataclass
class Bracket(RunSource):
    """Runs of one replicate of a setup until each threshold lies between two neighbours."""

    setup: Setup
    limits: dict[str, float]
    first: int
    runs: dict[int, Run]
    ended: bool = False

    def ask(self) -> RunSpec | None:
        """Return the run that is needed next: the largest, since those above P* are cheap."""
        if not self.runs:
            return self.setup.at(self.first, 0)
        wanted = [P for name, limit in self.limits.items() if (P := self._next(name, limit)) is not None]
        return self.setup.at(max(wanted), 0) if wanted and not self.ended else None

    def _next(self, name: str, limit: float) -> int | None:
        low = [P for P, run in self.runs.items() if run.metrics[name] < limit]
        high = [P for P in self.runs if P not in low]
        if not low:
            return P if (P := round(max(high) * STEP)) < MOST * self.first else None
        return None if any(min(low) > P >= min(low) / 2 for P in high) else round(min(low) / STEP)

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
    tier = TIERS["narrowest"]
    wanted: dict[Setup, dict[str, int]] = defaultdict(dict)
    for row in Widths.of(tier, index).rows:
        one = row[0]
        if one.paper is not None and one.valid and not any(of_width.is_measured for of_width in row):
            wanted[tier.setup(one.setting)][QUANTITIES[one.quantity][0]] = one.paper
    brackets = []
    for setup, values in wanted.items():
        limits = {
            name: limit
            for name, limit in setup.net.row.thresholds(setup.params).items()
            if any(name.startswith(quantity) for quantity in values)
        }
        first = round(min(values.values()) * FIRST.get(setup.net.row.label, 1.0))
        if limits and first * STEP < setup.largest:
            known = {run.spec.P: run for run in index.fill(Study(setup, 1)).runs[0]}
            cost = run_seconds(near(setup), Device.core()) / len(values)
            brackets.append((cost, Bracket(setup, limits, first, known)))
    return [bracket for _, bracket in sorted(brackets, key=lambda pair: pair[0])]


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
