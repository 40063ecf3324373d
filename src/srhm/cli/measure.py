"""The commands that measure: `srhm run`, `srhm pstar` and `srhm demo`."""

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from ..errors import ArgumentError, check_integer
from ..model.options import Model
from ..runner.driver import Policy
from ..runner.execution import execute
from ..runner.executors import InProcess, default_workers, open_executor
from ..runner.room import check_room
from ..runner.searches import raise_failures, run_single, search
from ..runner.work import RunJob, finished
from ..store import Store
from ..study import Run, Study
from ..study.setup import Role
from ..study.study import SearchRule, chosen_thresholds
from .network import NetworkOptions, default_network
from .options import RESUMES, STORE, AsJSON, ModelOptions, StoreName, WorkerCount
from .printing import print_result
from .results import pstar_content, pstar_text, run_content, run_text
from .terminal import RunsView, TrainingView


@dataclass(frozen=True)
class RunCommand:
    """Train one network and measure its test error and sensitivities.

    The finished run is kept in the store, and the same command reads it from there. An interrupted run resumes from
    its checkpoint. JSON: test_error, train_loss, epochs, status, and S, D as {"21": value} for layer 2, level 1.
    """

    model: ModelOptions = field(default_factory=Model)
    network: NetworkOptions = field(default_factory=default_network)
    P: int = 1000
    """Training points (all classes together)."""
    seed: int = 0
    """Seed of rules, data, initial weights and order."""
    budget: float | None = None
    """Seconds of training after which the run stops, to be continued by the same command."""
    store: StoreName = STORE
    json: AsJSON = False

    interrupted: ClassVar[str] = "The same command resumes from its checkpoint."

    def run(self) -> None:
        """Train and print."""
        seed = check_integer("seed", self.seed, minimum=0, maximum=2**64 - 1)
        spec = self.network.setup(self.model.params()).at(self.P, seed)
        if self.budget is not None and not self.budget > 0:
            raise ArgumentError(
                "budget", self.budget, "is not a positive number of seconds", "Use budget > 0"
            )
        store = Store(self.store)
        found = store.get(spec)
        if found is None:
            check_room(spec)
            with TrainingView(spec) as view:
                executor = InProcess(partial(_work, budget=self.budget, progress=view))
                try:
                    found = run_single(spec, store, executor, policy=Policy(again=True), title="srhm run")
                except _Stopped as stopped:
                    found = stopped.run
        print_result(json.dumps(run_content(found)) if self.json else run_text(found))


def _work(content: str, budget: float | None, progress: TrainingView) -> str:
    """Do a job of the driver, for no longer than the budget."""
    job = RunJob.from_dict(json.loads(content))
    run = execute(job.spec, checkpoint=job.checkpoint, weights=job.weights, budget=budget, progress=progress)
    if run.status == "stopped":
        raise _Stopped(run)
    return finished(run)


class _Stopped(BaseException):
    """The budget is spent, and the checkpoint written."""

    def __init__(self, run: Run) -> None:
        self.run = run


@dataclass(frozen=True)
class PstarCommand:
    """Measure P*, the training points at which the test error falls to 10%.

    For each seed, P is bracketed and bisected until the neighbours of the crossing are within 10%, and the
    error interpolated in ln P; P* is the geometric mean over seeds with a 90% t-interval. Finished runs are
    kept in the store, and the same command resumes an interrupted search. JSON: P_star, interval, runs, predicted,
    scaling_law, and more.
    """

    model: ModelOptions = field(default_factory=Model)
    network: NetworkOptions = field(default_factory=default_network)
    seeds: int = 3
    """Number of replicates, each with rules, data, weights and order of its own."""
    fix: tuple[Role, ...] = ()
    """Roles that all replicates share: some of grammar, samples, network, order."""
    quantities: Literal["error", "all"] = "error"
    """error, or all: also the P at which S and D fall to the paper's thresholds (more runs)."""
    threshold: str | None = None
    """Thresholds by quantity in place of these, such as error=0.05,S_21=0.4; of a task that predicts symbols, in nats,
    excess=0.1."""
    start: float | None = None
    """First P to try. Default: by a fit through five or more settings of the network that the store has, else the
    predicted P*; a standard architecture has none."""
    search: SearchRule | None = None
    """bisection, or nearest_grid: the published rule, on 15 points, which --protocol published turns on."""
    workers: WorkerCount = None
    store: StoreName = STORE
    json: AsJSON = False

    interrupted: ClassVar[str] = RESUMES

    def run(self) -> None:
        """Measure and print."""
        check_integer("seeds", self.seeds, minimum=1, maximum=1000)
        setup = self.network.setup(self.model.params())
        wanted = chosen_thresholds(setup, self.quantities, self.threshold)
        usual = "nearest_grid" if self.network.protocol == "published" else "bisection"
        study = Study(setup, self.seeds, self.fix, wanted, self.start, self.search or usual).check()
        workers = min(self.seeds, default_workers()) if self.workers is None else self.workers
        store = Store(self.store)
        with RunsView() as view:
            executor = open_executor("local", workers)
            search([study], store, executor, watch=view, title="srhm pstar")
        raise_failures([study])
        content = pstar_content(study, self.store)
        print_result(json.dumps(content) if self.json else pstar_text(content))


@dataclass(frozen=True)
class DemoCommand:
    """Measure P* of small CNNs and of an LCN, and show it on a page that grows while the runs come in.

    CNN at v=m=n_c=6, L=2, s=2, s0=0, 1, 2 with three seeds each, LCN at v=4, s0=1 with one, width 256: about
    50 runs, a few minutes on 2 cores. Writes index.html, the figures as PDF and PNG, and the store into a folder.
    """

    directory: Path = Path("demo")
    """Folder to write."""
    workers: WorkerCount = None
    width: int = 256
    """Channels of a hidden layer."""
    json: AsJSON = False

    interrupted: ClassVar[str] = RESUMES

    def run(self) -> None:
        """Run the demonstration."""
        from ..paper.demo import demo, table_text  # Matplotlib takes a second to import

        check_integer("width", self.width, minimum=1)
        executor = open_executor("local", self.workers)
        with RunsView() as view:
            table = demo(self.directory, executor=executor, width=self.width, watch=view)
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        print_result(json.dumps(rows) if self.json else table_text(table))
