"""Ctrl-C and SIGTERM: what is under way is kept, and whoever is told twice does not wait."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import jobs
import srhm
from driven import runs, singles
from srhm import interrupts
from srhm.cli import main
from srhm.cli.endings import TERMINATED
from srhm.interrupts import Terminated, check_interrupt, interrupts_noted
from srhm.nets import build
from srhm.runner.driver import drive
from srhm.runner.executors import InProcess, Workers, workers
from srhm.runner.progress import Progress
from srhm.store import Store
from srhm.training import Optimizer, Stopping, train, train_ensemble
from srhm.training.job import TrainingJob
from srhm.training.run import SingleRun


def usual() -> bool:
    """Whether the handlers are those that Python starts with."""
    return (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )


def test_sigterm_is_raised_and_noted() -> None:
    with pytest.raises(Terminated) as caught, interrupts_noted():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143 and usual()
    check_interrupt()  # the note is gone
    with pytest.raises(Terminated), interrupts_noted():
        jobs.lose_interrupt(signal.SIGTERM)
        check_interrupt()
    with interrupts_noted(False):
        assert usual()


def test_one_signal_that_comes_twice_is_one() -> None:
    """As `timeout` sends it, to the process and to its group."""
    kept = []
    with pytest.raises(Terminated), interrupts_noted():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            kept.append("checkpoint")
    assert kept and usual()


def test_a_second_signal_cuts_what_the_first_has_left_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_ONCE_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt), interrupts_noted():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            pytest.fail("it was not cut")
    assert usual()
    with pytest.raises(KeyboardInterrupt), interrupts_noted():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # the third ends the process outright
            raise


def test_handlers_of_others_are_left_alone() -> None:
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        theirs = signal.getsignal(signal.SIGTERM)
        with interrupts_noted():
            assert signal.getsignal(signal.SIGTERM) is theirs
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("members", [1, 2])
def test_sigterm_writes_the_checkpoints_of_training(tmp_path: Path, members: int) -> None:
    params = srhm.Params(n_c=2, v=2, m=2, s=2, s0=1, L=1)
    sets = srhm.split(srhm.Grammar(params, 0), 4, 4, 0)
    files = [tmp_path / f"{number}.npz" for number in range(members)]

    def told(_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    how: dict[str, Any] = {
        "optimizer": Optimizer(rate=1e-3),
        "stopping": Stopping(loss=1e-30, max_epochs=10**6),
    }
    with pytest.raises(Terminated):
        if members == 1:
            train(build("fcn", params, 4), sets.train, sets.test, **how, checkpoint=files[0], progress=told)
        else:
            both = [TrainingJob(build("fcn", params, 4), sets.train, sets.test, **how) for _ in files]
            train_ensemble(both, checkpoints=files, progress=told)
    assert all(file.exists() for file in files) and usual()


def test_sigterm_ends_a_command_after_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = "--net fcn --n_c 2 --v 2 --m 2 --s0 1 --L 1 --width 4 --P 4 --P-test 4"
    with monkeypatch.context() as patch:
        patch.setattr(SingleRun, "save_when_due", lambda run: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit) as caught:
            main(["run", *model.split(), "--stop-loss", "1e-9", "--max-epochs", "1000000"])
    assert caught.value.code == TERMINATED == 143
    out, err = capsys.readouterr()
    assert out == "" and "srhm: ended by SIGTERM. The same command resumes from its checkpoint." in err
    assert len(list((tmp_path / "srhm-runs" / "runs-checkpoints").iterdir())) == 1 and usual()


def test_sigterm_stops_a_driver(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")

    def told(progress: Progress) -> None:
        if progress.computed == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated):
        drive(singles(runs(20)), store, InProcess(jobs.execute_fake), watch=told)
    assert len(store) == 3 and store.counts().running == 0 and usual()
    assert store.driver() is None
    assert drive(singles(runs(20)), store, InProcess(jobs.execute_fake)).computed == 17


@pytest.mark.long
def test_sigterm_has_workers_write_their_checkpoints(tmp_path: Path) -> None:
    """Though they get it from two sides, as in a container that ends: from the system and from their driver."""
    store = Store(tmp_path / "runs.sqlite")
    endless, pool = runs(2, network=5), Workers(2, jobs.execute_fake)

    def told(progress: Progress) -> None:
        if all(Path(f"{store.checkpoint(one)}.begun").exists() for one in endless):
            for worker in pool._workers:
                os.kill(worker.process.pid or 0, signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated):
        drive(singles(endless), store, pool, watch=told)
    assert [store.checkpoint(one).read_text() for one in endless] == ["saved", "saved"]
    assert store.counts().running == 0 and store.failures() == []


def test_sigterm_while_a_worker_starts_is_not_lost() -> None:
    steps = []
    with pytest.raises(Terminated), interrupts_noted(), workers._interrupts_held():
        signal.raise_signal(signal.SIGTERM)
        steps.append("nothing happens yet")
    assert steps and usual()


IMPORTS = """
import os, signal, sys, time
import srhm.cli

assert not {"numpy", "jax", "scipy"} & set(sys.modules)

def main():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

srhm.cli.main = main
srhm.cli.console()
"""


def test_ctrl_c_while_a_command_is_imported_ends_it_without_a_word() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
