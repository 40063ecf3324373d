"""The command `srhm open-question`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from ..files import check_output
from .grids import existing_store
from .options import PAPER_STORE, RESUMES, AsJSON, EnsembleSize, On, StoreName, WorkerCount
from .printing import print_result


@dataclass(frozen=True)
class OpenQuestionCommand:
    """Measure why P* of a CNN grows as (s0+1)^2: over depth, width and batch, and in controlled runs.

    Each arm is one network at several s0, with two to four replicates. Runs are kept in the store, and the same command
    resumes. Writes exponents.md, with the exponent of s0+1 of every arm, and a figure.
    """

    arms: Annotated[tuple[str, ...], tyro.conf.Positional] = ("all",)
    """Names of arms, or groups of them: depth, matched, controls, rate, width, batch, flow. --plan lists them."""
    on: On = "local"
    workers: WorkerCount = None
    ensemble: EnsembleSize = None
    store: StoreName = PAPER_STORE
    out: Path = Path("figures")
    """Folder to write."""
    plan: bool = False
    """Say what the arms are and how long each takes on one core, and compute nothing."""
    draw: bool = False
    """Write what the store knows, and compute nothing."""
    json: AsJSON = False

    interrupted: ClassVar[str] = RESUMES

    def run(self) -> None:
        """Compute, draw and report."""
        from ..paper.open_question import arms_named, compute, plan_of
        from ..runner.executors import check_executor, open_executor
        from ..store import Store
        from .terminal import DriverView

        arms = arms_named(self.arms)
        if self.plan:
            content = plan_of(arms)
            lines = [f"{one['name']:<14}{one['core_time']:>8}   {one['what']}" for one in content]
            print_result(json.dumps(content) if self.json else "\n".join(lines))
            return
        check_output("out", self.out, folder=True)
        store = existing_store(self.store) if self.draw else Store(self.store)
        if not self.draw:
            check_executor(self.on, self.workers, self.ensemble)
        with DriverView("srhm open-question") as view:
            found = compute(
                arms,
                store,
                None if self.draw else lambda: open_executor(self.on, self.workers, ensemble=self.ensemble),
                self.out,
                view,
            )
        text = "\n".join(f"wrote {path}" for path in found["files"])
        print_result(json.dumps(found) if self.json else text)
        if found["failed"]:
            raise SystemExit(1)
