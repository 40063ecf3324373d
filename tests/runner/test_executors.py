"""Executors: an outcome for every job, whatever befalls the process that does it."""

import json
import multiprocessing
import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

import jobs
import srhm
from jobs import job
from srhm.runner.executors import (
    GPU_MEMBERS,
    Ensemble,
    Executor,
    InProcess,
    Job,
    Outcome,
    Unavailable,
    Workers,
    available_cores,
    default_workers,
    open_executor,
    workers,
)


def ended(executor: Executor, count: int, seconds: float = 60.0) -> dict[int, Outcome]:
    """Wait for so many outcomes, by number."""
    found: dict[int, Outcome] = {}
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} came"
        found |= {outcome.number: outcome for outcome in executor.wait(1.0)}
    return found


@pytest.fixture(params=["in process", "workers"])
def executor(request: pytest.FixtureRequest):
    made = InProcess(jobs.work) if request.param == "in process" else Workers(2, jobs.work)
    yield made
    made.close()


@pytest.mark.long
def test_processes_are_spread_over_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """As over two GPUs."""
    # Before the others, which end with what is no flag; XLA reads no further.
    monkeypatch.setenv("XLA_FLAGS", f"--xla_force_host_platform_device_count=2 {os.environ['XLA_FLAGS']}")
    pool = Workers(2, jobs.work, devices=2)
    for number in range(2):
        pool.start(Job(number, job("device")))
    assert {outcome.result for outcome in ended(pool, 2).values()} == {"0", "1"}
    pool.close()


def test_worker_processes_compute_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["XLA_FLAGS", "PJRT_NPROC", "OMP_NUM_THREADS"]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    with closing(open_executor(workers=2, work=jobs.work)) as pool:
        pool.start(Job(0, job("environment", names)))
        (outcome,) = ended(pool, 1).values()
    seen = json.loads(outcome.result or "")
    assert "intra_op_parallelism_threads=1" in seen["XLA_FLAGS"]
    assert seen["PJRT_NPROC"] == seen["OMP_NUM_THREADS"] == "1"


def test_every_job_has_its_outcome(executor: Executor) -> None:
    assert executor.wait(0.0) == []
    content = {"text": "ä\n\0", "number": 0.1, "nothing": None}
    executor.start(Job(7, job("echo", content)))
    (first,) = ended(executor, 1).values()
    assert first.number == 7 and first.failure is None
    assert json.loads(first.result or "") == content
    executor.start(Job(8, job("fail", "the machine caught fire")))
    executor.start(Job(9, job("exhaust")))
    found = ended(executor, 2)
    assert found[8].result is None
    assert found[8].failure is not None and found[8].failure.kind == "error"
    assert found[8].failure.reason.startswith("RuntimeError: the machine caught fire (jobs.py, line ")
    assert found[9].failure is not None and found[9].failure.kind == "memory"


def test_closing_twice_is_closing_once(executor: Executor) -> None:
    executor.close()
    executor.close(interrupted=True)


@pytest.fixture
def pool():
    made = Workers(2, jobs.work)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared():
    """Processes that no test ends."""
    made = Workers(1, jobs.work)
    yield made
    made.close()


def test_processes_are_used_again(shared: Workers) -> None:
    pool, pids = shared, set()
    for number in range(20):
        pool.start(Job(number, job("pid")))
        (outcome,) = ended(pool, 1).values()
        pids.add(json.loads(outcome.result or ""))
    assert len(pids) == 1 and os.getpid() not in pids


@pytest.mark.parametrize(
    ("do", "argument", "reason"),
    [
        ("kill", int(signal.SIGKILL), "SIGKILL, perhaps for want of memory"),
        pytest.param("kill", int(signal.SIGSEGV), "SIGSEGV", marks=pytest.mark.long),
        pytest.param("exit", 3, "exit status 3", marks=pytest.mark.long),
    ],
)
def test_a_process_that_dies_takes_its_own_job_alone(
    pool: Workers, do: str, argument: int, reason: str
) -> None:
    pool.start(Job(1, job(do, argument)))
    pool.start(Job(2, job("sleep", 1.0)))
    found = ended(pool, 2)
    assert found[1].failure is not None and found[1].failure.kind == "killed"
    assert reason in found[1].failure.reason
    assert found[2].result == '"slept"'
    pool.start(Job(3, job("echo", 1)))
    assert ended(pool, 1)[3].result == "1"


@pytest.mark.long
def test_an_idle_process_that_was_killed_is_replaced(pool: Workers) -> None:
    pool.start(Job(1, job("pid")))
    pid = json.loads(ended(pool, 1)[1].result or "")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    pool.start(Job(2, job("pid")))
    outcome = ended(pool, 1)[2]
    assert outcome.result is not None and json.loads(outcome.result) != pid


@pytest.mark.long
def test_a_job_that_takes_too_long_is_interrupted_and_one_that_hangs_is_killed(tmp_path: Path) -> None:
    pool = Workers(2, jobs.work, grace_seconds=0.5)
    for number in range(2):  # so that the limits do not run while Python starts
        pool.start(Job(number, job("sleep", 0.5)))
    ended(pool, 2)
    saved = tmp_path / "checkpoint"
    pool.start(Job(2, job("save", str(saved)), limit=1.0))
    pool.start(Job(3, job("hang"), limit=1.0))
    found = ended(pool, 2)
    assert {outcome.failure and outcome.failure.kind for outcome in found.values()} == {"timeout"}
    assert saved.read_text() == "saved"
    pool.close()


def test_interrupted_jobs_save_and_end(pool: Workers, tmp_path: Path) -> None:
    saved = tmp_path / "checkpoint"
    pool.start(Job(1, job("save", str(saved))))
    pool.start(Job(2, job("echo", 5)))
    assert ended(pool, 1)[2].result == "5"
    while not Path(f"{saved}.begun").exists():
        time.sleep(0.02)
    processes = [worker.process for worker in pool._workers]
    began = time.monotonic()
    assert pool.close(interrupted=True) == []
    assert time.monotonic() - began < 20 and saved.read_text() == "saved"
    assert [process.exitcode for process in processes] == [0, 0]


def test_an_interrupt_that_is_lost_is_found_in_the_note(
    pool: Workers, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "said"
    pool.start(Job(1, job("lose", str(file))))
    (outcome,) = ended(pool, 1).values()
    assert outcome.failure is not None and outcome.failure.kind == "killed"  # not asked by the driver to end
    assert file.read_text() == "not interrupted yet"
    assert capfd.readouterr().err == ""


def test_a_process_that_does_not_end_is_killed() -> None:
    pool = Workers(1, jobs.work, leave_seconds=0.2)
    pool.start(Job(1, job("echo", 1)))
    ended(pool, 1)
    pool.start(Job(1, job("hang")))
    time.sleep(0.3)
    (process,) = [worker.process for worker in pool._workers]
    pool.close(interrupted=True)
    assert process.exitcode == -signal.SIGKILL


def test_a_result_that_comes_while_closing_is_kept(pool: Workers) -> None:
    pool.start(Job(1, job("echo", "kept")))
    while not pool._workers[0].pipe.poll():
        time.sleep(0.01)
    assert pool._workers[0].outcome() is None  # it says that it is ready
    while not pool._workers[0].pipe.poll():
        time.sleep(0.01)
    (outcome,) = pool.close(interrupted=True)
    assert outcome.result == '"kept"'


def test_where_no_process_can_start_an_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_serve", os.abort)
    pool = Workers(1, jobs.work)
    pool.start(Job(1, job("echo")))  # no fault of the job, which gets another process
    with pytest.raises(Unavailable, match="5 worker processes in a row"):
        ended(pool, 1)
    pool.close()


def test_ctrl_c_does_not_reach_workers_that_start(shared: Workers) -> None:
    """A terminal sends it to the whole group; a worker that still imports its modules would complain."""
    shared.start(Job(1, job("mask")))
    assert int(signal.SIGINT) in json.loads(ended(shared, 1)[1].result or "")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_a_worker_starts_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), workers._interrupts_held():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)  # nothing happens yet
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_executor_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_executor(workers=1), InProcess)
    pool = open_executor(workers=3)
    assert isinstance(pool, Workers) and pool.slots == 3
    assert open_executor().slots == default_workers() == available_cores()
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    monkeypatch.setattr("jax.local_device_count", lambda: 2)
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "")  # so that it is put back
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE")
    pool = open_executor()  # a process for each GPU
    assert default_workers() == 2 and isinstance(pool, Ensemble) and pool.slots == 2 * GPU_MEMBERS
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false", "they share the memory of the GPUs"
    pool = open_executor(workers=1, ensemble=5)
    assert isinstance(pool, Ensemble) and pool.slots == 5
    pool = open_executor(workers=3, ensemble=1)
    assert isinstance(pool, Workers) and pool.slots == 3


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"on": "moon"}, "on = 'moon' is not an executor"),
        ({"workers": 0}, "workers = 0 is below 1"),
        ({"workers": 1.5}, "workers = 1.5 is not an integer"),
        ({"ensemble": 0}, "ensemble = 0 is below 1"),
        ({"on": "ray", "ensemble": 4}, "ensemble = 4 is for this machine"),
    ],
)
def test_what_is_not_an_executor_is_refused(arguments: dict, said: str) -> None:
    with pytest.raises(srhm.ArgumentError, match=said):
        open_executor(**arguments)


@pytest.mark.long
def test_a_worker_whose_driver_ended_before_it_was_ready_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    ours.close()
    process = context.Process(target=workers._serve, args=("jobs:work", theirs, None))
    process.start()
    process.join()
    assert process.exitcode == 0 and capfd.readouterr().err == ""
