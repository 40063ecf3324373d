"""The commands of the paper: `srhm figure` draws one of its figures, `srhm reproduce` computes and draws all."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from ..files import check_output
from ..paper.figures import FIGURES, PaperFigure, figures_named
from ..paper.tiers import TIERS, TierName
from ..runner.driver import Policy
from ..runner.executors import check_executor, default_workers, open_executor
from ..store import Store
from ..study.grid import parsed_shard
from .grids import existing_store
from .options import (
    PAPER_STORE,
    RESUMES,
    AsJSON,
    EnsembleSize,
    GPUMemory,
    On,
    StoreName,
    WorkerCount,
    bytes_of_gpu,
)
from .printing import print_result
from .terminal import DriverView

if TYPE_CHECKING:
    from ..paper.estimate import FigureCost


@dataclass(frozen=True)
class FigureCommand:
    """Draw a figure of the paper from the runs of a store, next to the paper's values.

    What was not run is drawn hollow, at the paper's value. `srhm reproduce` computes runs. Writes NAME.pdf and
    NAME.png for each figure.
    """

    number: Annotated[str, tyro.conf.Positional]
    """1 to 17, 4A, 4B, 4C; sharing, rules, probes and batch, which are not in the paper; or all,
    which also writes the tables that compare every number."""
    tier: TierName = "laptop"
    """Whose runs: those of laptop have width 256, of narrow 128, of narrowest 64, those of the others the paper's.
    What was not measured at a width is drawn, pale, at the widest narrower one at which it was."""
    store: str | None = None
    """File of the finished runs. Default: srhm-runs/paper.sqlite; if it does not exist, the paper's values alone are
    drawn."""
    out: Path = Path("figures")
    """Folder to write."""

    interrupted: ClassVar[str] = "Figures that were written are whole."

    def run(self) -> None:
        """Draw."""
        figures = _chosen((self.number,))
        store = Store(PAPER_STORE) if self.store is None else existing_store(self.store)
        check_output("out", self.out, folder=True)
        from ..figures.style import save  # Matplotlib takes a second to import
        from ..paper.drawings import draw, drawn_studies
        from ..paper.report import write_all
        from ..store.index import RunIndex

        index, tier = RunIndex.of(store), TIERS[self.tier]
        if len(figures) == len(FIGURES):
            written = write_all(figures, tier, index, self.out)
        else:
            written = []
            for figure in figures:
                written += save(draw(figure, tier, index), self.out / f"figure_{figure.name}")
        print_result("\n".join(f"wrote {path}" for path in written))
        shown = [
            bool(drawn_studies(figure, tier, index)(one).all_runs)
            for figure in figures
            for one in tier.drawn(figure)
        ]
        if shown and not any(shown):
            words = "run" if index.count == 0 else f"run of these settings at the tier {tier.name}"
            print(
                f"{store.path} holds no finished {words}: the paper's values are drawn alone", file=sys.stderr
            )


@dataclass(frozen=True)
class ReproduceCommand:
    """Compute what the paper's figures need, draw them, and write what agrees and what does not.

    First it prints how many runs there are and how long they take, about. Runs are kept in the store, the cheapest
    informative ones come first, and the same command resumes. Writes the figures, and tables.md, which compares every
    number.
    """

    figures: Annotated[tuple[str, ...], tyro.conf.Positional] = ("all",)
    """Which, as for `srhm figure`."""
    tier: TierName = "laptop"
    """laptop: two cores, a night or two. narrow: the paper's grid at width 128, days on two cores. narrowest: at width
    64, in a third of the time. workstation: a GPU. full: the paper's grid."""
    on: On = "local"
    workers: WorkerCount = None
    ensemble: EnsembleSize = None
    store: StoreName = PAPER_STORE
    out: Path = Path("figures")
    """Folder to write."""
    shard: str | None = None
    """i/n: compute the i-th of n parts only, for a task of a job array; draw with `srhm figure` after a merge."""
    limit: float | None = None
    """Seconds after which a run counts as hung."""
    again: bool = False
    """Try again what has failed before."""
    gpu_memory: GPUMemory = None
    plan: bool = False
    """Say how many runs there are and how long they take, and compute nothing."""
    json: AsJSON = False

    interrupted: ClassVar[str] = RESUMES

    def run(self) -> None:
        """Compute, draw and report."""
        figures, tier = _chosen(self.figures), TIERS[self.tier]
        part = None if self.shard is None else parsed_shard(self.shard)
        memory = bytes_of_gpu(self.gpu_memory, self.on)
        check_executor(self.on, self.workers, self.ensemble, self.limit)
        check_output("out", self.out, folder=True)
        from ..paper.cost import Device
        from ..paper.estimate import figure_costs
        from ..paper.plan import reproduce
        from ..paper.report import write_all
        from ..store.index import RunIndex

        small = tier.width is not None
        device = Device.core(self.workers or default_workers()) if small else Device.gpu()
        expected = figure_costs(figures, tier, device)
        if not self.json or not self.plan:
            print_result(_plan_text(expected, device.name))
        if self.plan:
            if self.json:
                print_result(json.dumps([one.to_dict() for one in expected]))
            return
        store = Store(self.store)
        policy = Policy(limit=self.limit, again=self.again, gpu_memory=memory)
        with DriverView(f"srhm reproduce, tier {tier.name}") as view:
            done = reproduce(
                figures,
                tier,
                store,
                lambda: open_executor(self.on, self.workers, ensemble=self.ensemble),
                part=part,
                policy=policy,
                watch=view,
            )
        content = {
            "computed": sum(one.computed for one in done),
            "failed": sum(one.failed for one in done),
            "store": self.store,
        }
        if part is None:
            content["files"] = [str(path) for path in write_all(figures, tier, RunIndex.of(store), self.out)]
        print_result(json.dumps(content) if self.json else _done_text(content))
        if content["failed"]:
            raise SystemExit(1)


def _chosen(names: Sequence[str]) -> list[PaperFigure]:
    """Return the figures that are named, each once, in the order of the paper."""
    wanted = (
        list(FIGURES.values()) if "all" in names else [one for name in names for one in figures_named(name)]
    )
    return [figure for figure in FIGURES.values() if figure in wanted]


def _plan_text(expected: "Sequence[FigureCost]", device: str) -> str:
    lines = [f"{'figure':<9}{'points':>9}{'runs':>7}   time on {device}, about"]
    for one in expected:
        points = f"{one.run} of {one.points}" if one.points else "no runs"
        lines.append(f"{one.name:<9}{points:>9}{one.runs:>7}   {one.shown}".rstrip())
    return "\n".join(lines)


def _done_text(content: dict) -> str:
    text = f"{content['computed']} runs computed, {content['failed']} failed; all are in {content['store']}"
    return text + "".join(f"\nwrote {path}" for path in content.get("files", ()))
