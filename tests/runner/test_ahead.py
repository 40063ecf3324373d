"""Runs begun ahead of a search on idle workers: the same questions, the same P* and the same store as without."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driven import SPEC
from fake_runs import fake_run
from srhm.runner.driver import drive
from srhm.runner.executors import Ensemble, Executor, InProcess, Job, Outcome
from srhm.runner.executors.base import outcome_of
from srhm.runner.searches import replicates
from srhm.runner.work import RunJob, finished
from srhm.store import Store
from srhm.study import Study
from srhm.study.study import SearchRule


class Scattered(Executor):
    """Ends its jobs in any order, one at a time."""

    def __init__(self, work, slots: int, random) -> None:
        self._work, self.slots, self._random = work, slots, random
        self.jobs: list[Job] = []
        self.begun: list[int] = []
        self.most = 0

    def start(self, job: Job) -> None:
        self.jobs.append(job)
        self.begun.append(RunJob.from_dict(json.loads(job.content)).spec.P)
        self.most = max(self.most, len(self.jobs))
        assert len(self.jobs) <= self.slots

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        return [outcome_of(self._work, self.jobs.pop(self._random.randrange(len(self.jobs))))]

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        return []


def trained(P_star: dict[int, float], slope: float, failing: int):
    """Return the work: the error falls to 10% at a P of the replicate's own, and some runs diverge or fail."""

    def work(content: str) -> str:
        spec = RunJob.from_dict(json.loads(content)).spec
        if failing and spec.P % (2 * failing) == failing:
            raise RuntimeError("it failed")
        noise = 1 + 0.02 * (hash((spec.P, spec.seeds.samples)) % 7 - 3)
        error = noise * 0.8 / (1 + 7 * (spec.P / P_star[spec.seeds.samples]) ** slope)
        return finished(fake_run(spec, error=None if failing and failing == spec.P % 11 else error))

    return work


def searched(study: Study, executor: Executor, folder: Path):
    """Return how the search ended, what the store has, and the progress."""
    store = Store(folder / "runs.sqlite")
    progress = drive(replicates(study), store, executor)
    asked = [[run.spec.P for run in runs] for runs in study.runs]
    failed = {number: spec.P for number, (spec, _) in study.failures.items()}
    return (asked, failed, study.crossings(), store.hashes(), progress.computed), progress


@given(
    P_star=st.lists(st.floats(20, 4000), min_size=3, max_size=3),
    slope=st.sampled_from([0.7, 1.5, 4.0]),
    failing=st.sampled_from([0, 0, 3, 5]),
    slots=st.integers(2, 9),
    rule=st.sampled_from(["bisection", "bisection", "nearest_grid"]),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=7)
def test_searches_end_as_with_one_worker(
    P_star: list[float], slope: float, failing: int, slots: int, rule: SearchRule, random
) -> None:
    work = trained(dict(enumerate(P_star)), slope, failing)

    def study() -> Study:
        return Study(SPEC.setup, 3, start=300, rule=rule)

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        pool = Scattered(work, slots, random)
        alone, _ = searched(study(), InProcess(work), Path(one))
        ahead, progress = searched(study(), pool, Path(many))
    assert ahead == alone
    assert progress.unused <= len(pool.begun) - progress.computed - len(pool.jobs)


@pytest.mark.parametrize("slots", [2, 8])
def test_idle_workers_shorten_a_search(tmp_path: Path, slots: int) -> None:
    """With one search and free workers, some of its runs are under way or finished when it asks for them."""

    class InRounds(Scattered):
        rounds = 0

        def wait(self, timeout: float | None = None) -> list[Outcome]:
            self.rounds += 1
            jobs, self.jobs = self.jobs, []
            return [outcome_of(self._work, job) for job in jobs]

    work = trained({0: 2000.0}, 1.5, 0)
    pool = InRounds(work, slots, None)
    ended, progress = searched(Study(SPEC.setup, 1, start=300), pool, tmp_path)
    assert pool.rounds < progress.computed == len(ended[0][0])
    assert pool.most == min(slots, 4)
    assert progress.unused == len(pool.begun) - progress.computed > 0


def test_no_run_is_begun_ahead_where_others_would_wait_for_it(tmp_path: Path) -> None:
    def work(content: str) -> str:
        return json.dumps([trained({0: 2000.0}, 1.5, 0)(job) for job in json.loads(content)])

    _, progress = searched(Study(SPEC.setup, 1, start=300), Ensemble(InProcess(work), 8), tmp_path)
    assert progress.unused == 0
