"""The driver: every run once, whatever happens, and nothing that was finished is lost."""

import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import jobs
import srhm
from setups import run_spec
from srhm.interrupts import Terminated
from srhm.runner.driver import Policy, drive
from srhm.runner.executors import InProcess, Workers
from srhm.runner.progress import Progress
from srhm.runner.sources import Single
from srhm.runner.work import RunJob
from srhm.store import Store
from srhm.store.ownership import StoreInUse, ask_driver_to_stop
from srhm.store.problems import StoreBusy, StoreFull
from srhm.study import Run, RunSpec, Seeds
from srhm.training.checkpoint import Checkpoint

SPEC = run_spec(srhm.Params(n_c=3, v=3, m=3, s=2, s0=1, L=2), "cnn", 100, width=8, P_test=100)


def runs(count: int, network: int = 0, first: int = 100) -> list[RunSpec]:
    return [replace(SPEC, P=first + number, seeds=Seeds(network=network)) for number in range(count)]


def singles(specs: Sequence[RunSpec]) -> list[Single]:
    return [Single(spec) for spec in specs]


def counted(calls: list[str]) -> Any:
    def work(content: str) -> str:
        calls.append(content)
        return jobs.execute_fake(content)

    return work


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


def test_every_run_is_computed_once(store: Store) -> None:
    calls: list[str] = []
    specs, seen = runs(20), []
    work = counted(calls)
    progress = drive(singles([*specs, *specs[:5]]), store, InProcess(work), watch=seen.append)
    assert len(calls) == len(store) == progress.computed == 20
    assert (progress.total, progress.done, progress.failed, progress.running) == (25, 25, 0, 0)
    assert store.hashes() == {spec.hash for spec in specs}
    assert seen[-1] == replace(progress, seconds=seen[-1].seconds)
    again = drive(singles(specs), store, InProcess(work))
    assert (again.computed, again.done, len(calls)) == (0, 20, 20)


def test_nothing_is_written_where_nothing_is_to_be_done(store: Store, tmp_path: Path) -> None:
    assert drive([], store, InProcess(jobs.execute_fake)).total == 0
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_recorded_and_the_rest_goes_on(store: Store) -> None:
    (bad,) = runs(1, network=1)
    calls: list[str] = []
    progress = drive(singles([bad, *runs(5)]), store, InProcess(counted(calls)))
    assert (progress.computed, progress.failed, progress.done, len(calls)) == (5, 1, 6, 6)
    (failed,) = store.failures()
    assert (failed.spec, failed.kind, failed.attempts) == (bad, "error", 1)
    assert "RuntimeError: the machine caught fire" in failed.reason
    progress = drive(singles([bad, *runs(5)]), store, InProcess(counted(calls)))
    assert (progress.computed, progress.failed, len(calls)) == (0, 1, 6)  # known, and not tried
    drive(singles([bad]), store, InProcess(counted(calls)), policy=Policy(again=True))
    assert len(calls) == 7
    store.put(jobs_run(bad))
    assert store.failures() == [] and drive(singles([bad]), store, InProcess(counted(calls))).failed == 0


def jobs_run(spec: RunSpec) -> Any:
    job = RunJob(replace(spec, seeds=Seeds()))
    return replace(Run.from_dict(json.loads(jobs.execute_fake(json.dumps(job.to_dict())))), spec=spec)


@pytest.mark.long
def test_what_a_new_process_can_mend_is_tried_again(store: Store) -> None:
    once, never, small = *runs(1, network=3), *runs(1, network=2), *runs(1, network=4)
    progress = drive(
        singles([once, never, small, *runs(6)]),
        store,
        Workers(2, jobs.execute_fake),
        policy=Policy(retries=1),
    )
    assert (progress.computed, progress.failed) == (7, 2)
    failed = {one.spec.hash: one for one in store.failures()}
    assert (failed[never.hash].kind, failed[never.hash].attempts) == ("killed", 2)
    assert (failed[small.hash].kind, failed[small.hash].attempts) == ("memory", 2)
    assert store.get(once) is not None and not store.checkpoint(once).exists()


def test_a_run_that_hangs_is_killed_and_goes_on_from_its_checkpoint(store: Store) -> None:
    (hangs,) = runs(1, network=5)
    policy = Policy(retries=0, limit=2.0)
    progress = drive(singles([hangs, *runs(3)]), store, Workers(2, jobs.execute_fake), policy=policy)
    assert (progress.computed, progress.failed) == (3, 1)
    assert store.failures()[0].kind == "timeout"
    assert store.checkpoint(hangs).read_text() == "saved"


def test_finished_runs_survive_an_interrupt(store: Store) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.computed == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(singles(runs(20)), store, InProcess(jobs.execute_fake), watch=interrupt)
    assert len(store) == 3 and store.counts().running == 0
    assert store.driver() is None
    assert drive(singles(runs(20)), store, InProcess(jobs.execute_fake)).computed == 17


def test_an_interrupt_that_is_lost_in_a_collection_of_garbage_is_heeded(store: Store) -> None:
    def work(content: str) -> str:
        if '"P": 102' in content:
            jobs.lose_interrupt(signal.SIGINT)
        return jobs.execute_fake(content)

    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        drive(singles(runs(20)), store, InProcess(work))
    assert len(store) == 3  # that of the third run is kept
    assert (sys.unraisablehook, signal.getsignal(signal.SIGINT)) == (hook, signal.default_int_handler)
    assert drive(singles(runs(20)), store, InProcess(jobs.execute_fake)).computed == 17


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_a_driver_can_be_cancelled_from_elsewhere(store: Store, workers: int) -> None:
    """Amid a run in this process as well; the run under way writes its checkpoint."""
    endless = runs(2, network=5)
    made = Workers(workers, jobs.execute_fake) if workers else InProcess(jobs.execute_fake)

    def cancel() -> None:
        while not Path(f"{store.checkpoint(endless[0])}.begun").exists():
            time.sleep(0.05)
        found = Store(store.path).driver()
        assert found is not None and found.running == min(2, made.slots)
        ask_driver_to_stop(found)

    asking = threading.Thread(target=cancel)
    asking.start()
    with pytest.raises(Terminated):
        drive(singles(endless), store, made)
    asking.join()
    assert store.checkpoint(endless[0]).read_text() == "saved"
    assert store.counts().running == 0 and store.driver() is None


class Flaky(Store):
    """A store that cannot take runs, some times."""

    failures_left = 2
    error: type[srhm.SrhmError] = StoreBusy

    def _now(self) -> None:
        if self.failures_left:
            self.failures_left -= 1
            raise self.error("not now")

    def put_many(self, runs: Any) -> None:
        self._now()
        super().put_many(runs)


@pytest.mark.parametrize("error", [StoreBusy, StoreFull])
def test_a_store_that_is_locked_or_full_for_a_while_gets_its_runs(
    tmp_path: Path, error: type[srhm.SrhmError]
) -> None:
    store = Flaky(tmp_path / "runs.sqlite")
    store.error, store.failures_left = error, 5
    policy = Policy(tick=0.05)
    assert drive(singles(runs(4)), store, InProcess(jobs.execute_fake), policy=policy).computed == 4
    assert len(store) == 4


def test_a_store_that_stays_full_ends_the_driver_with_its_error(tmp_path: Path) -> None:
    policy = Policy(tick=0.05, patience=0.3)
    Store(tmp_path / "runs.sqlite").put(jobs_run(runs(1)[0]))
    store = Flaky(tmp_path / "runs.sqlite")
    store.failures_left, store.error = 10**9, StoreFull
    with pytest.raises(StoreFull):
        drive(singles(runs(4)), store, InProcess(jobs.execute_fake), policy=policy)
    assert len(store) == 1
    store.failures_left = 0
    assert drive(singles(runs(4)), store, InProcess(jobs.execute_fake)).computed == 3


def test_a_result_that_cannot_be_read_is_a_failure_of_its_own(store: Store) -> None:
    def work(content: str) -> str:
        return "{}" if '"P": 101' in content else jobs.execute_fake(content)

    progress = drive(singles(runs(4)), store, InProcess(work))
    assert (progress.computed, progress.failed, len(store)) == (3, 1, 3)
    assert "the result cannot be read" in progress.reasons[0]


def test_failures_of_others_are_not_told_as_ours(store: Store) -> None:
    store.fail(replace(SPEC, P=999), "error", "it broke elsewhere", 1)
    progress = drive(singles(runs(2)), store, InProcess(jobs.execute_fake))
    assert (progress.failed, progress.reasons) == (0, ())


def test_drivers_that_end_do_not_disturb_checkpoints_of_others(store: Store) -> None:
    """One deletes the empty folder again and again, while another writes and deletes checkpoints."""
    store.put(jobs_run(SPEC))
    ended = threading.Event()

    def tidy() -> None:
        while not ended.is_set():
            store.tidy()
            time.sleep(0.0002)

    tidying = threading.Thread(target=tidy)
    tidying.start()
    checkpoint = Checkpoint(store.checkpoint(SPEC))
    for _ in range(300):
        checkpoint.save({}, {}, [])
        checkpoint.remove()
    ended.set()
    tidying.join()


def test_a_store_that_another_driver_owns_is_refused_before_the_first_run(store: Store) -> None:
    specs, calls = runs(6), []
    owned = store.own("srhm grid OTHER.toml", 3, 0)
    store.put_many(jobs_run(spec) for spec in specs[:2])
    assert drive(singles(specs[:2]), store, InProcess(counted(calls))).done == 2  # nothing is to be computed
    with pytest.raises(StoreInUse, match=r"srhm grid OTHER\.toml"):
        drive(singles(specs), store, InProcess(counted(calls)))
    assert calls == []
    owned.end()
    assert drive(singles(specs), store, InProcess(counted(calls))).computed == len(calls) == 4


def test_runs_that_the_last_owner_finished_meanwhile_are_not_computed_again(store: Store) -> None:
    specs, calls = runs(6), []

    class Late(Store):
        def own(self, title: str, total: int, done: int) -> Any:
            Store(self.path).put_many(jobs_run(spec) for spec in specs[:3])
            Store(self.path).fail(specs[3], "error", "it broke", 1)
            return super().own(title, total, done)

    progress = drive(singles(specs), Late(store.path), InProcess(counted(calls)))
    assert (progress.computed, progress.failed, progress.done, len(calls)) == (2, 1, 6, 2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "said"), [({"retries": -1}, "retries = -1"), ({"limit": 0.0}, "limit = 0.0")]
)
def test_a_policy_that_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said):
        Policy(**options)
