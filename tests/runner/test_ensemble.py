"""Ensembles: the same rows as single runs, in one process or several, and nothing lost when one is interrupted."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import jax
import pytest

import jobs
import srhm
from driven import singles
from setups import run_spec
from srhm.runner.driver import Policy, drive
from srhm.runner.execution import execute, execute_ensemble
from srhm.runner.executors import Ensemble, InProcess, Job, Workers
from srhm.runner.progress import Progress
from srhm.runner.searches import search
from srhm.runner.work import RunJob, execute_ensemble_job, execute_job
from srhm.store import Store
from srhm.study import Run, RunSpec, Seeds, Study
from srhm.training.run import SingleRun

PARAMS = srhm.Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)


def small(net="cnn", P=60, **changes):
    return run_spec(
        PARAMS, net, P, **({"width": 8, "P_test": 100, "stop_loss": 0.3, "max_epochs": 6} | changes)
    )


SPEC = small()
CLOSE = ("train_loss", "S_21", "D_21", "error", "best_test_error")


def ensemble(members: int) -> Ensemble:
    return Ensemble(InProcess(execute_ensemble_job), members)


def alike(run, other):
    assert run.spec == other.spec and run.status == other.status
    assert (run.metrics["epochs"], run.metrics["steps"]) == (other.metrics["epochs"], other.metrics["steps"])
    for name in CLOSE:
        assert run.metrics[name] == pytest.approx(other.metrics[name], rel=1e-3, abs=1e-6), name


def test_rows_are_those_of_single_runs() -> None:
    """Of other P, seeds and rates; the store tells how a run was executed, and its identity does not."""
    specs = [SPEC, replace(SPEC, P=90, seeds=Seeds.replicate(1)), small(learning_rate=0.003)]
    joined, alone = execute_ensemble(specs), [execute(spec) for spec in specs]
    for run, other in zip(joined, alone, strict=True):
        alike(run, other)
        assert (run.versions["executed"], other.versions["executed"]) == ("with 2 others", "alone")
        assert run.spec.hash == other.spec.hash


@pytest.mark.long
def test_a_study_is_searched_as_one_run_at_a_time(tmp_path: Path) -> None:
    """Three replicates on a short grid, run by run and three at a time."""
    studies = [Study(SPEC.setup, 3, start=40, rule="nearest_grid") for _ in range(2)]
    (single,) = search(studies[:1], Store(tmp_path / "single.sqlite"), InProcess(execute_job))
    store = Store(tmp_path / "ensemble.sqlite")
    (joined,) = search(studies[1:], store, ensemble(3))
    for one, other in zip(joined.runs, single.runs, strict=True):
        for run, its_like in zip(one, other, strict=True):
            alike(run, its_like)
    assert len(store) == sum(len(runs) for runs in single.runs)
    assert {run.versions["executed"] for run in store.runs()} == {"with 2 others"}


def run_job(number: int, spec: RunSpec, checkpoint: Path | None = None) -> Job:
    job = RunJob(spec, None if checkpoint is None else str(checkpoint))
    return Job(number, json.dumps(job.to_dict()))


def test_each_shape_has_a_program_of_its_own() -> None:
    pool = Ensemble(InProcess(jobs.execute_fakes), 8)
    specs = [SPEC, small(width=9), replace(SPEC, seeds=Seeds(samples=1)), small("lcn")]
    for number, spec in enumerate(specs):
        pool.start(run_job(number, spec))
    rounds = [{one.number: json.loads(one.result or "") for one in pool.wait()} for _ in range(3)]
    assert [set(found) for found in rounds] == [{0, 2}, {1}, {3}] and pool.wait() == []
    found = {number: Run.from_dict(content) for one in rounds for number, content in one.items()}
    assert [found[number].spec for number in range(4)] == specs
    pool.close()


def test_interrupted_members_go_on_from_their_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = small(stop_loss=1e-30, max_epochs=10**6)
    specs = [replace(endless, seeds=Seeds.replicate(number)) for number in range(2)]
    files = [tmp_path / f"{number}.npz" for number in range(2)]
    pool = ensemble(2)
    for number, spec in enumerate(specs):
        pool.start(run_job(number, spec, files[number]))
    save_when_due = SingleRun.save_when_due

    def press_ctrl_c(run: SingleRun) -> None:
        save_when_due(run)
        if run.epoch > 10:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(SingleRun, "save_when_due", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        pool.wait()
    monkeypatch.undo()
    pool.close(interrupted=True)
    assert all(file.exists() for file in files)
    again = execute(specs[1], checkpoint=files[1], budget=0.0)  # alone: it resumes
    assert again.status == "stopped" and again.metrics["epochs"] > 10


class Alone(InProcess):
    """Has no memory for more than one run, and notes how many are tried."""

    def __init__(self) -> None:
        super().__init__(self.attempt)
        self.tried: list[int] = []

    def attempt(self, content: str) -> str:
        self.tried.append(len(json.loads(content)))
        if self.tried[-1] > 1:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return jobs.execute_fakes(content)


def fakes(count: int, **network: int) -> list[RunSpec]:
    """Return runs of one shape; a number, such as _3, names one with this seed of its network: see execute_fake."""
    return [
        replace(SPEC, P=60 + number, seeds=Seeds(network=network.get(f"_{number}", 0)))
        for number in range(count)
    ]


def test_where_memory_is_short_fewer_go_together(tmp_path: Path) -> None:
    inner = Alone()
    progress = drive(singles(fakes(5)), Store(tmp_path / "runs.sqlite"), Ensemble(inner, 4))
    assert (progress.computed, progress.failed) == (5, 0)
    assert inner.tried == [4, 2, 1, 1, 1, 1, 1]


def test_a_run_that_fails_does_so_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    progress = drive(singles(fakes(8, _5=1)), store, Ensemble(InProcess(jobs.execute_fakes), 8))
    assert (progress.computed, progress.failed) == (7, 1)
    (failed,) = store.failures()
    assert (failed.spec.P, failed.attempts) == (65, 1) and "the machine caught fire" in failed.reason


class Noted(Workers):
    """Notes which runs go together."""

    def start(self, job: Job) -> None:
        self.__dict__.setdefault("groups", []).append([P_of(content) for content in json.loads(job.content)])
        super().start(job)


def P_of(content: str) -> int:
    return RunJob.from_dict(json.loads(content)).spec.P


@pytest.mark.long
def test_a_killed_worker_costs_its_own_ensemble_alone(tmp_path: Path) -> None:
    """Its runs are tried again as two halves; the other ensemble is executed once."""
    store, workers = Store(tmp_path / "runs.sqlite"), Noted(2, jobs.execute_fakes)
    progress = drive(singles(fakes(8, _1=3)), store, Ensemble(workers, 4), policy=Policy(retries=0))
    assert (progress.computed, progress.failed, len(store)) == (8, 0, 8)
    groups = workers.__dict__["groups"]
    assert groups[:2] == [[60, 61, 62, 63], [64, 65, 66, 67]]
    assert sorted(groups[2:]) == [[60, 61], [62, 63]]


@pytest.mark.long
def test_an_interrupt_keeps_the_ensembles_that_have_ended(tmp_path: Path) -> None:
    store, specs = Store(tmp_path / "runs.sqlite"), fakes(8, _6=5)

    def press_ctrl_c(progress: Progress) -> None:
        if progress.computed == 4 and Path(f"{store.checkpoint(specs[6])}.begun").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(singles(specs), store, Ensemble(Workers(2, jobs.execute_fakes), 4), watch=press_ctrl_c)
    assert sorted(run.spec.P for run in store.runs()) == [60, 61, 62, 63]
    assert store.checkpoint(specs[6]).read_text() == "saved"
    assert store.driver() is None


@pytest.mark.long  # without training: test_executors.py
def test_two_processes_compute_ensembles_on_two_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on two GPUs: each with the runs of one shape, and what comes back is what single runs give."""
    jax.devices()  # this process has one
    # Before the others, which end with what is no flag; XLA reads no further.
    monkeypatch.setenv("XLA_FLAGS", f"--xla_force_host_platform_device_count=2 {os.environ['XLA_FLAGS']}")
    store = Store(tmp_path / "runs.sqlite")
    specs = [replace(SPEC, P=60 + 10 * number, seeds=Seeds.replicate(number)) for number in range(4)]
    pool = Ensemble(Workers(2, jobs.execute_on_its_device, devices=2), 4)
    assert pool.slots == 8
    assert drive(singles(specs), store, pool).computed == 4
    found = {run.spec: run for run in store.runs()}
    for spec in specs:
        alike(found[spec], execute(spec))
    places = [found[spec].versions["python"] for spec in specs]
    assert places[0] == places[1] and places[2] == places[3]
    assert {place.partition(" of ")[0] for place in places} == {"device 0", "device 1"}
    assert {run.versions["executed"] for run in found.values()} == {"with 1 others"}


def test_refused() -> None:
    with pytest.raises(srhm.ArgumentError, match="ensemble = 1 is below 2"):
        ensemble(1)
    with pytest.raises(srhm.ArgumentError, match="has another model, network, encoding, batch, task"):
        execute_ensemble([SPEC, small(width=9)])
