"""Runs executed together in one program: the same rows, and nothing lost when it is cut."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

import srhm
from setups import run_spec
from srhm.runner.execution import execute, execute_together
from srhm.runner.executors import InProcess, Job, Together
from srhm.runner.searches import search
from srhm.runner.work import RunJob, execute_job
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


def alike(run, other):
    assert run.spec == other.spec and run.status == other.status
    assert (run.metrics["epochs"], run.metrics["steps"]) == (other.metrics["epochs"], other.metrics["steps"])
    for name in CLOSE:
        assert run.metrics[name] == pytest.approx(other.metrics[name], rel=1e-3, abs=1e-6), name


def test_rows_are_those_of_single_runs() -> None:
    """Of other P, seeds and rates; the store tells how a run was executed, and its identity does not."""
    specs = [SPEC, replace(SPEC, P=90, seeds=Seeds.replicate(1)), small(learning_rate=0.003)]
    together, alone = execute_together(specs), [execute(spec) for spec in specs]
    for run, other in zip(together, alone, strict=True):
        alike(run, other)
        assert (run.versions["executed"], other.versions["executed"]) == ("with 2 others", "alone")
        assert run.spec.hash == other.spec.hash


def test_a_study_is_searched_as_one_run_at_a_time(tmp_path: Path) -> None:
    """Three replicates on a short grid, run by run and three at a time."""
    studies = [Study(SPEC.setup, 3, start=40, rule="nearest_grid") for _ in range(2)]
    (single,) = search(studies[:1], Store(tmp_path / "single.sqlite"), InProcess(execute_job))
    store = Store(tmp_path / "together.sqlite")
    (joined,) = search(studies[1:], store, Together(3))
    for one, other in zip(joined.runs, single.runs, strict=True):
        for run, its_like in zip(one, other, strict=True):
            alike(run, its_like)
    assert len(store) == sum(len(runs) for runs in single.runs)
    assert {run.versions["executed"] for run in store.runs()} == {"with 2 others"}


def run_job(number: int, spec: RunSpec, checkpoint: Path | None = None) -> Job:
    job = RunJob(spec, None if checkpoint is None else str(checkpoint))
    return Job(number, json.dumps(job.to_dict()))


def test_each_shape_has_a_program_of_its_own() -> None:
    pool = Together(8)
    specs = [SPEC, small(width=9), replace(SPEC, seeds=Seeds.replicate(1)), small("lcn")]
    for number, spec in enumerate(specs):
        pool.start(run_job(number, spec))
    rounds = [{one.number: json.loads(one.result or "") for one in pool.wait()} for _ in range(3)]
    assert [set(found) for found in rounds] == [{0, 2}, {1}, {3}] and pool.wait() == []
    found = {number: Run.from_dict(content) for one in rounds for number, content in one.items()}
    assert [found[number].spec for number in range(4)] == specs
    assert [found[number].versions["executed"] for number in range(4)] == [
        "with 1 others", "with 0 others", "with 1 others", "with 0 others"
    ]  # fmt: skip
    pool.close()


def test_interrupted_members_go_on_from_their_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = small(stop_loss=1e-30, max_epochs=10**6)
    specs = [replace(endless, seeds=Seeds.replicate(number)) for number in range(2)]
    files = [tmp_path / f"{number}.npz" for number in range(2)]
    pool = Together(2)
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
    again = execute(specs[1], checkpoint=files[1], budget=0.0)  # alone: it takes up where it was cut
    assert again.status == "stopped" and again.metrics["epochs"] > 10


def test_what_fails_fails_for_all_members(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")

    monkeypatch.setattr("srhm.runner.executors.together.execute_together", broken)
    pool = Together(2)
    for number in range(2):
        pool.start(run_job(number, replace(SPEC, P=60 + number)))
    assert [one.failure and one.failure.kind for one in pool.wait()] == ["memory", "memory"]


def test_refused() -> None:
    with pytest.raises(srhm.ArgumentError, match="members = 1 is below 2"):
        Together(1)
    with pytest.raises(srhm.ArgumentError, match="has another model, network, encoding, batch, task"):
        execute_together([SPEC, small(width=9)])
